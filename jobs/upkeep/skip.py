"""Give a night up for good: what did not come of it is published as empty, so that the nights after it go on."""

from __future__ import annotations

from jobs.in_force import in_force
from jobs.published import Published
from jobs.raw_tables import RawTables
from nightloop.contracts.quarantine import SCHEMA
from nightloop.daily import check_nights
from nightloop.definitions import UseCase
from nightloop.errors import UsageError, command
from nightloop.nights import Night, one
from nightloop.sources import raw_schema
from nightloop.upkeep.owed import SKIPPED
from nightloop.workspace import Workspace

STAGE = "skip"


def skip(use_case: UseCase, night: Night, workspace: Workspace, *, reason: str, by: str) -> list[Published]:
    """Publish the raw tables that a night lacks as empty, record who gave it up and why, and return what was published.

    Its windows lack what never came, it is not scored, and the monitor steps over it. Where its data comes after all, take it
    in as any night: that is a restatement, told as such.

    Raises:
        BadNight: a night outside of the use case, or not over.
        UsageError: nothing is missing of it, or nobody says why.
    """
    check_nights(use_case, one(night), workspace.clock())
    if not reason.strip() or not by.strip():
        raise UsageError("a night is given up by somebody, for a reason.", do="Give --reason and --by.")
    tables = RawTables(in_force(use_case, one(night), workspace), workspace, STAGE)
    missing = [name for name in use_case.sources if night not in workspace.lake.states(tables.table(f"raw_{name}"))]
    if not missing:
        raise UsageError(
            f"the night {night} is there: every source was taken in.",
            where=use_case.use_case,
            do=f"See what it holds: {command('status', use_case.use_case, night)}",
        )
    payload = {"reason": reason, "by": by, "sources": missing}
    workspace.ledger.record(SKIPPED, use_case.use_case, night=night, payload=payload, unless_repeated=True)
    published = [
        tables.publish(name, night, raw_schema(tables.use_case.sources[name]).empty_table(), tables.of_stage, details={})
        for name in missing
    ]
    quarantine = tables.table("quarantine")
    if night not in workspace.lake.states(quarantine):
        published.append(tables.commit("quarantine", night, SCHEMA.empty_table(), tables.of_stage, details={}))
    return published
