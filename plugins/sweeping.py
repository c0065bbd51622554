"""The task of <uc>.sweep: remove the files of tables that nobody can need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.operators import UseCaseOperator, open_use_case
from plugins.retries import in_words

if TYPE_CHECKING:
    from airflow.sdk import Context


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
