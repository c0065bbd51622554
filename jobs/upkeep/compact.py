"""Write the many small files of a use case's nights as few, and tell in the ledger what became of them. See docs/lake.md."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.published import Progress, silent
from nightloop.lake.compaction import compact
from nightloop.nights import Nights
from nightloop.workspace import Workspace

EVENT = "lake_compacted"


@dataclass(frozen=True)
class CompactedTable:
    """What became of the files of one table's nights; nights of few files are left as they are, and not counted."""

    use_case: str
    table: str
    nights: int
    files_before: int
    files: int
    bytes: int

    def as_json(self) -> dict[str, object]:
        """Return plain values: for ``--json`` and the ledger."""
        return dict(vars(self))

    def in_words(self) -> str:
        """Say it in a line."""
        nights = f"{self.nights:,} night{'s' if self.nights > 1 else ''}"
        return f"{self.table}: {nights} of {self.files_before:,} files now in {self.files:,} ({self.bytes:,} bytes)"


def run(
    use_case: str, workspace: Workspace, nights: Nights | None = None, *, progress: Progress = silent
) -> list[CompactedTable]:
    """Compact the nights of every table, each in a commit of its own, and record ``lake_compacted`` for each table changed.

    Stopped at any moment, it leaves whole nights, and the next call goes on with what is left.

    Args:
        use_case: name of the use case.
        workspace: where its tables are.
        nights: those looked at (default: all).
        progress: called for each night of a table.

    Raises:
        StoreDamaged: a file is not what was written, or the rows are not those of the commit.
        WriteConflict: a stage published a night at the same time.
        StoreUnavailable: the lake or the ledger cannot be reached.
    """
    lake, results = workspace.lake, []
    for table in (name for name in lake.tables() if name.startswith(f"{use_case}/") and lake.exists(name)):
        stored = lake.snapshot(table, nights).files
        compacted = []
        for done, night in enumerate(stored):
            progress(f"compacting {table}", done, len(stored))
            if (of_night := compact(lake, table, night)) is not None:
                compacted.append(of_night)
        if compacted:
            before, after = sum(of.files_before for of in compacted), sum(of.files for of in compacted)
            result = CompactedTable(use_case, table, len(compacted), before, after, sum(of.bytes for of in compacted))
            workspace.ledger.record(EVENT, use_case, subject=table, payload=result.as_json())
            results.append(result)
    return results
