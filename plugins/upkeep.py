"""Tasks that keep the lake: remove files that nobody can need, and bring in the answers of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.operators import EveryUseCaseOperator, UseCaseOperator, open_use_case, summary
from plugins.retries import in_words

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nightloop.definitions.use_case import UseCase
    from nightloop.workspace import Workspace


class SweepOperator(UseCaseOperator):
    """Sweep the tables of a use case, as ``python -m jobs sweep`` does, and return what went."""

    ui_color = "#eeeeee"

    @in_words
    def execute(self, context: Context) -> dict[str, object]:  # noqa: ARG002 - the signature is Airflow's
        """Remove, and log what went from each table."""
        from jobs.upkeep import sweep

        use_case, workspace = open_use_case(self.use_case_name)
        swept = sweep.run(use_case.use_case, workspace)
        for name, table in swept.tables.items():
            self.log.info("%s: %d files, %d bytes", name, table.files, table.bytes)
        self.log.info("removed %d files, %d bytes", swept.files, swept.bytes)
        return swept.as_json()


class ShipAuditOperator(EveryUseCaseOperator):
    """Ship the answers of each use case, as ``python -m jobs ship-audit`` does, and return how many rows went."""

    def look_at(self, use_case: UseCase, workspace: Workspace) -> int:
        """Ship what nights that are over have, and is not in the lake."""
        from jobs.upkeep import ship_audit

        published = ship_audit.run(use_case, None, workspace)
        for line in summary(published):
            self.log.info("%s: %s", use_case.use_case, line)
        return sum(partition.rows for partition in published)
