"""Stage features: from raw records to the feature rows and the matured labels of a night.

Four tables, each made from the one before: tiles (counts of a night's records), aggregates (windows over tiles, peers,
lookups: what the service reads too), features (one row per entity), labels (entities whose outcome is known by now).
A range of nights is one engine job per table, and one commit per night.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import pyarrow.parquet as pq

from jobs.published import Progress, Published, silent
from nightloop.definitions.feature_sql import build_sql
from nightloop.definitions.feature_tables import inputs, tables
from nightloop.definitions.loading import definition_digest
from nightloop.definitions.use_case import UseCase
from nightloop.errors import BadNight, ContractBroken
from nightloop.lake import Commit, Lake, NightState, Snapshot, filesystem
from nightloop.nights import Night, Nights
from nightloop.workspace import Workspace

STAGE = "features"
Step = Literal["tiles", "aggregates", "features", "labels"]
STEPS: tuple[Step, ...] = ("tiles", "aggregates", "features", "labels")


def run(
    use_case: UseCase, nights: Nights, workspace: Workspace, *, step: Step | None = None, progress: Progress = silent
) -> list[Published]:
    """Make the four tables (or the one named by ``step``) for these nights, and return what was published.

    Raises:
        BadNight: a night before the use case's first.
        NotReady: an input night is not published yet; the message names it and the command that makes it.
        ContractBroken: records of the entity's source share a key, or lack one.
        EngineUnavailable, StoreUnavailable, WriteConflict: the same call may succeed later.
    """
    if nights.first < use_case.first_night:
        raise BadNight(
            f"{nights.first} is before the first night of {use_case.use_case}, {use_case.first_night}.",
            do=f"Ask for {use_case.first_night} or later.",
        )
    steps = STEPS if step is None else (step,)
    return [published for table in steps for published in _make(use_case, table, nights, workspace, progress)]


def _make(use_case: UseCase, table: Step, nights: Nights, workspace: Workspace, progress: Progress) -> Iterator[Published]:
    lake = workspace.lake
    snapshots = _read(use_case, table, nights, lake)
    commit = Commit(
        stage=STAGE,
        use_case=use_case.use_case,
        definition_digest=definition_digest(use_case),
        inputs={snapshot.table: snapshot.version for snapshot in snapshots.values()},
    )
    progress(f"computing {table}", 0, len(nights))
    for done, state in enumerate(_publish(use_case, table, nights, workspace, snapshots=snapshots, commit=commit), start=1):
        progress(f"publishing {table}", done, len(nights))
        yield Published.of(use_case.use_case, f"{use_case.use_case}/{table}", state)


def _read(use_case: UseCase, table: Step, nights: Nights, lake: Lake) -> dict[str, Snapshot]:
    """Return the input tables by name, all their nights published; none when there can be no input at all."""
    wanted = inputs(use_case, table, nights)
    required = {name: span for name, span in wanted.items() if span is not None}
    if len(required) < len(wanted):
        return {}
    return {name: lake.require(f"{use_case.use_case}/{name}", span) for name, span in required.items()}


def _publish(
    use_case: UseCase, table: Step, nights: Nights, workspace: Workspace, *, snapshots: dict[str, Snapshot], commit: Commit
) -> Iterator[NightState]:
    """Run one engine job for all nights, then commit them one by one; a night without rows is published as empty."""
    lake, name = workspace.lake, f"{use_case.use_case}/{table}"
    files = {}
    if snapshots:
        files = workspace.engine(use_case).write(build_sql(use_case, table, nights), snapshots, lake.new_folder(name))
    for night in nights:
        if table == "features" and snapshots:
            _one_row_each(use_case, night, files.get(night, ()), snapshots)
        if night in files:
            yield lake.adopt(name, night, files[night], commit)
        else:
            yield lake.publish(name, night, tables(use_case)[table].empty_table(), commit)


def _one_row_each(use_case: UseCase, night: Night, made: Sequence[str], snapshots: Mapping[str, Snapshot]) -> None:
    """Check that each record of the entity's source became one row: records that share a key, or lack one, would be mixed.

    Raises:
        ContractBroken: they did not; the contract lets repeated or missing keys through.
    """
    source, key = use_case.entity.source, ", ".join(use_case.entity.key)
    records, rows = _rows(snapshots[f"raw_{source}"].files.get(night, ())), _rows(made)
    if records != rows:
        raise ContractBroken(
            f"{records} records of source '{source}' make {rows} rows: keys ({key}) are repeated or missing.",
            where=f"{use_case.use_case}, night {night}",
            do=f"Let the contract of '{source}' set them aside (expect the key unique and not null), then ingest it again.",
        )


def _rows(paths: Sequence[str]) -> int:
    count = 0
    for path in paths:
        held_by, at = filesystem(path)
        count += pq.read_metadata(at, filesystem=held_by).num_rows
    return count
