"""Remove the files of a use case's tables that nobody can need, and tell in the ledger what went. See docs/lake.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from nightloop.lake.sweeping import Swept, sweep
from nightloop.nights import utc_now
from nightloop.workspace import Workspace

EVENT = "lake_swept"


@dataclass(frozen=True)
class SweptUseCase:
    """What was removed, or would be, from the tables of one use case; tables that lost nothing are left out."""

    use_case: str
    retention_days: int
    dry_run: bool
    tables: Mapping[str, Swept]

    @property
    def files(self) -> int:
        """Files removed from all tables."""
        return sum(table.files for table in self.tables.values())

    @property
    def bytes(self) -> int:
        """Their bytes."""
        return sum(table.bytes for table in self.tables.values())

    def as_json(self) -> dict[str, object]:
        """Return plain values: for ``--json``, Airflow's XCom and the ledger."""
        tables = {
            name: {"orphans": table.orphans, "superseded": table.superseded, "bytes": table.bytes}
            for name, table in self.tables.items()
        }
        return {
            "use_case": self.use_case,
            "retention_days": self.retention_days,
            "dry_run": self.dry_run,
            "files": self.files,
            "bytes": self.bytes,
            "tables": tables,
        }


def run(use_case: str, workspace: Workspace, *, dry_run: bool = False, now: datetime | None = None) -> SweptUseCase:
    """Sweep every table of a use case, and record ``lake_swept`` where something went.

    Args:
        use_case: name of the use case.
        workspace: where its tables are; the settings say how long replaced versions stay.
        dry_run: tell, remove nothing and record nothing.
        now: the present instant (by default, the clock's).

    Raises:
        StoreUnavailable: the lake or the ledger cannot be reached.
    """
    days, lake = workspace.settings.retention_days, workspace.lake
    tables = [table for table in lake.tables() if table.startswith(f"{use_case}/")]
    swept = sweep(lake, tables, now=now or utc_now(), retention=timedelta(days=days), dry_run=dry_run)
    result = SweptUseCase(use_case, days, dry_run, swept)
    if result.files and not dry_run:
        payload = {key: value for key, value in result.as_json().items() if key not in ("use_case", "dry_run")}
        workspace.ledger.record(EVENT, use_case, payload=payload)
    return result
