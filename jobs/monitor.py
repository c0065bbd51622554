"""Stage monitor: realised performance of a night's matured scores, drift of its features, two verdicts, and one decision.

What is measured and how it is judged is in ``nightloop.monitoring``; here nights are put in order, and what came out is
published, recorded and, where it is declared, drawn for people.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa

from jobs.published import Progress, Published, silent
from nightloop.definitions import definition_digest
from nightloop.definitions.use_case import UseCase
from nightloop.errors import NotReady, command
from nightloop.lake import Commit
from nightloop.meaning import meanings_of
from nightloop.model import champions
from nightloop.model.use_case_task import metric_set_for
from nightloop.monitoring import metrics_table, night_metrics, profiles
from nightloop.monitoring.decisions import SCHEMA
from nightloop.monitoring.judging import Judgement, Measured, judge, measure, other_figures
from nightloop.monitoring.limits import archive_limits, limits_digest, with_archived_limits
from nightloop.monitoring.metrics_table import Sourced
from nightloop.nights import Night, Nights, one
from nightloop.upkeep.owed import given_up
from nightloop.workspace import Workspace

STAGE = "monitor"


def run(
    use_case: UseCase,
    nights: Nights,
    workspace: Workspace,
    *,
    html: bool = False,
    todays_rules: bool = False,
    progress: Progress = silent,
) -> list[Published]:
    """Monitor nights in order; publish the metrics and the decision of each.

    Args:
        use_case: names the label, the limits and the retrain rules.
        nights: scored nights; each needs the decision of the night before it.
        workspace: lake, ledger and registry.
        html: write the drift page for people whatever the verdict.
        todays_rules: judge nights that were judged before by today's limits, not by those of then.
        progress: called after each night.

    Raises:
        NotReady: a night is not scored, its matured labels are not published, or the night before has no decision yet.
    """
    published: list[Published] = []
    for done, night in enumerate(nights, start=1):
        limits = use_case if todays_rules else _with_limits_of_then(use_case, night, workspace)
        published += _monitor(limits, night, workspace, definition=definition_digest(use_case), html=html)
        progress(f"monitoring {use_case.use_case}", done, len(nights))
    return published


def _with_limits_of_then(use_case: UseCase, night: Night, workspace: Workspace) -> UseCase:
    """Return the use case with the limits that judged this night before, where they judged answers to the same question."""
    before = workspace.lake.states(f"{use_case.use_case}/decisions").get(night)
    if before is None or not before.rules or before.meanings.get("label") != meanings_of(use_case).label:
        return use_case
    return with_archived_limits(workspace.lake, use_case, before.rules)


def _monitor(use_case: UseCase, night: Night, workspace: Workspace, *, definition: str, html: bool) -> list[Published]:
    began = time.monotonic()
    scores = workspace.lake.require(f"{use_case.use_case}/scores", one(night))
    check_order(use_case, night, workspace)
    measured = measure(use_case, night, workspace, scores)
    judgement = judge(use_case, night, workspace, measured)
    night_figures = night_metrics.night_figures(use_case, night, measured.matured)
    metrics = metrics_table.as_table(use_case, [*night_figures, *other_figures(use_case, night, workspace, measured)])
    decisions = pa.Table.from_pylist([judgement.as_row()], schema=SCHEMA)
    commit = Commit(
        STAGE,
        use_case.use_case,
        definition,
        measured.inputs,
        meanings={"label": meanings_of(use_case).label},
        rules=archive_limits(workspace.lake, use_case),
    )
    counted = profiles.as_table(measured.champion.version, list(measured.profiles), list(measured.profiles.values()))
    workspace.lake.publish(f"{use_case.use_case}/profiles", night, counted, commit)
    timed = replace(commit, seconds=time.monotonic() - began)  # of both tables, told once
    states = {
        table: workspace.lake.publish(f"{use_case.use_case}/{table}", night, rows, of)
        for table, rows, of in (("metrics", metrics, commit), ("decisions", decisions, timed))
    }
    page = _write_page(use_case, night, workspace, judgement) if _has_page(use_case, judgement, html=html) else None
    _record(use_case, night, workspace, judgement, page)
    return [
        Published.of(use_case.use_case, f"{use_case.use_case}/metrics", states["metrics"]),
        Published.of(
            use_case.use_case,
            f"{use_case.use_case}/decisions",
            states["decisions"],
            _details(
                judgement,
                {**_realised(use_case, night_figures), **_restated(night, measured), **_unmatched(judgement, measured)},
                page,
            ),
        ),
    ]


def check_order(use_case: UseCase, night: Night, workspace: Workspace) -> None:
    """Check that the night before, if it was to be scored, has its decision: cool-downs and runs of drift build on it.

    A night that got no features because its data broke the contract or could not be taken in is stepped over: it may never
    come, and a person has been alerted. So is one that a person gave up, and one on which the champion was retired.

    Raises:
        NotReady: names the night that comes first.
    """
    pins = workspace.ledger.events(use_case.use_case, kind=champions.PINNED)
    first = min((event.night for event in pins if event.night is not None), default=night)
    lost = _lost_nights(use_case, workspace)
    before = night - timedelta(days=1)
    while before > first and (before in lost or champions.effective(workspace.ledger, use_case.use_case, before) is None):
        before -= timedelta(days=1)
    table = f"{use_case.use_case}/decisions"
    if before >= first and before not in workspace.lake.states(table):
        raise NotReady(
            f"night {night} decides after night {before}, which has no decision yet.",
            where=table,
            do=f"Run: {command('monitor', use_case.use_case, before)}",
        )


def _lost_nights(use_case: UseCase, workspace: Workspace) -> set[Night]:
    """Return the nights that were given up, and those refused at the door, or not taken in, that have no features yet."""
    ledger = workspace.ledger
    failed = [event for event in ledger.events(use_case.use_case, kind="stage_failed") if event.subject.startswith("ingest")]
    broken = ledger.events(use_case.use_case, kind="contract_broken")
    nights = {event.night for event in (*failed, *broken) if event.night is not None}
    built = workspace.lake.states(f"{use_case.use_case}/features").keys()
    return (nights - built) | given_up(use_case, workspace).keys()


def _realised(use_case: UseCase, night_figures: Sequence[Sourced]) -> dict[str, float | None]:
    """Return the task's metric of the night, by its name."""
    metric = metric_set_for(use_case).metric
    return {f"realised_{metric}": night_metrics.overall_value(night_figures, metric)}


def _restated(night: Night, measured: Measured) -> dict[str, str]:
    """Say of which earlier nights the outcomes changed; nothing where none did."""
    sentences = [night_metrics.restatement(night, restated) for restated in measured.restated]
    return {"restated": "; ".join(sentences)} if sentences else {}


def _unmatched(judgement: Judgement, measured: Measured) -> dict[str, str]:
    """Give the verdict on the keys of outcomes, and say what misses its outcome; nothing where nothing does."""
    if measured.match is None or not measured.match.has_trouble:
        return {}
    return {"matching_verdict": judgement.matching.outcome, "unmatched": judgement.matching.reason}


def _has_page(use_case: UseCase, judgement: Judgement, *, html: bool) -> bool:
    """Whether the night gets a drift page: asked for, declared for every night, or declared for nights that drifted."""
    declared = use_case.monitoring.html
    drifted = judgement.drift.verdict.outcome == "fail"
    return html or declared == "always" or (declared == "when_drift" and drifted)


def _write_page(use_case: UseCase, night: Night, workspace: Workspace, judgement: Judgement) -> Path:
    from nightloop.reporting.drift_page import write_drift_page

    return write_drift_page(use_case, night, workspace, judgement.champion, judgement.drift)


def _record(use_case: UseCase, night: Night, workspace: Workspace, judgement: Judgement, page: Path | None) -> None:
    """Log the decision: a night monitored again adds nothing, unless it decides otherwise or for another reason."""
    payload = {
        "reason": judgement.decision.reason,
        "drift": judgement.drift.verdict.outcome,
        "performance": judgement.performance.outcome,
        "champion_version": judgement.champion.version,
        "limits_digest": limits_digest(use_case),
    }
    decision = judgement.decision.decision
    with workspace.ledger.exclusive() as ledger:
        recorded = ledger.events(use_case.use_case, kind="decision_made", night=night)
        if not recorded or (recorded[-1].subject, recorded[-1].payload) != (decision, payload):
            ledger.record("decision_made", use_case.use_case, night=night, subject=decision, payload=payload)
    if page:
        subject = str(page.relative_to(workspace.reports))
        workspace.ledger.record("page_written", use_case.use_case, night=night, subject=subject, once=True)


def _details(judgement: Judgement, realised: Mapping[str, float | str | None], page: Path | None) -> dict[str, object]:
    return {
        "champion_version": judgement.champion.version,
        **realised,
        "drift_verdict": judgement.drift.verdict.outcome,
        "performance_verdict": judgement.performance.outcome,
        "decision": judgement.decision.decision,
        "reason": judgement.decision.reason,
        **({"page": str(page)} if page else {}),
    }
