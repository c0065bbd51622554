"""Remove files that nobody can need: of commits that never happened, and of versions that are past their retention.

A version's files stay as long as one of these holds: they are in the newest version; they were replaced within the retention;
the lineage of a night that stands, or of a training, names them. The log itself is never cleaned.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.fs as pafs

from nightloop.lake.columns import NIGHT
from nightloop.lake.files import STAGING
from nightloop.lake.lineage import Life, Part, in_lineage, lives
from nightloop.lake.log import LogEntry
from nightloop.lake.storage import filesystem, is_s3, store_errors
from nightloop.lake.tables import Lake

GRACE = timedelta(days=1)
"""How long a file without a commit is taken for one that a stage at work is about to commit."""
TRAINING = "train"
"""The stage whose every commit is a root: what a registered version was trained on stays, whichever night it is as of."""


@dataclass(frozen=True)
class Swept:
    """What was removed from one table: files no commit names, files of versions past their retention, and their bytes."""

    orphans: int = 0
    superseded: int = 0
    bytes: int = 0

    @property
    def files(self) -> int:
        """Files of both kinds."""
        return self.orphans + self.superseded


@dataclass(frozen=True)
class _File:
    """A file of a table's folder as a listing shows it; ``path`` is below the folder, ``address`` is the store's own."""

    store: pafs.FileSystem
    address: str
    path: str
    size: int
    modified_at: datetime


def sweep(
    lake: Lake,
    tables: Sequence[str],
    *,
    now: datetime,
    retention: timedelta,
    grace: timedelta = GRACE,
    dry_run: bool = False,
) -> dict[str, Swept]:
    """Remove what nobody can need from the tables, and return what that was, by table; tables without any are left out.

    Safe beside stages at work, after a kill and beside another sweep: folders are listed before logs are read, so that a
    file committed in between is named; and what is removed was replaced longer ago than any stage runs.

    Args:
        lake: where the tables are.
        tables: those swept; the lineages of all others are looked at too.
        now: the present instant.
        retention: how long a version stays readable after it was replaced, whoever needs it.
        grace: how old a file without a commit must be.
        dry_run: tell, and remove nothing.

    Raises:
        StoreUnavailable: the store cannot be reached, or files may not be removed.
    """
    listed = {table: _listed(lake.folder(table)) for table in tables}
    entries = {table: lake.log(table).entries() for table in {*lake.tables(), *tables}}
    needed = _needed(entries, now - retention)
    swept = {}
    for table in tables:
        orphans = [*_orphans(listed[table], entries[table], now - grace), *_left_in_staging(lake, table, now - grace)]
        superseded = _superseded(table, listed[table], entries[table], needed)
        result = Swept(len(orphans), len(superseded), sum(file.size for file in (*orphans, *superseded)))
        if not dry_run:
            _remove(lake.folder(table), [*orphans, *superseded])
            _remove_empty_folders(lake, table, now - grace)
        if result.files:
            swept[table] = result
    return swept


def _needed(entries: Mapping[str, Sequence[LogEntry]], oldest: datetime) -> set[Part]:
    """Return the commits whose files stay: current ones, those replaced after ``oldest``, trainings, and their lineages."""
    everything: list[Life] = []
    roots: set[Part] = set()
    for table, log in entries.items():
        recorded_at = {entry.version: entry.recorded_at for entry in log}
        for life in lives(table, [state for entry in log for state in entry.states]):
            everything.append(life)
            is_young = life.until is None or recorded_at[life.until] > oldest
            if is_young or life.state.stage == TRAINING:
                roots.add(life.part)
    return in_lineage(everything, roots)


def _orphans(files: Iterable[_File], log: Iterable[LogEntry], oldest: datetime) -> list[_File]:
    """Return the old files of nights and of the staging folder that no commit names."""
    committed = {path for entry in log for path in entry.added}
    places = (f"{NIGHT.name}=", f"{STAGING}/")
    return [
        file for file in files if file.path.startswith(places) and file.path not in committed and file.modified_at <= oldest
    ]


def _left_in_staging(lake: Lake, table: str, oldest: datetime) -> list[_File]:
    """Return old files that were to be uploaded to an object store: they lie in HOME, not beside the table."""
    return _orphans(_listed(lake.staging(table)), (), oldest) if is_s3(lake.root) else []


def _superseded(table: str, files: Iterable[_File], log: Iterable[LogEntry], needed: set[Part]) -> list[_File]:
    """Return the files of commits that are not needed; a file of a commit that is not ours to judge stays."""
    ours: set[str] = set()
    for entry in log:
        unneeded = {str(state.night) for state in entry.states if (table, state.night, entry.version) not in needed}
        ours |= {path for path, night in entry.added.items() if night in unneeded}
    return [file for file in files if file.path in ours]


def _listed(folder: str) -> list[_File]:
    store, at = filesystem(folder)
    with store_errors(folder):
        listing = store.get_file_info(pafs.FileSelector(at, recursive=True, allow_not_found=True))
    return [
        _File(store, info.path, info.path.removeprefix(at).lstrip("/"), info.size, info.mtime.astimezone(UTC))
        for info in listing
        if info.is_file and info.mtime is not None
    ]


def _remove(folder: str, files: Iterable[_File]) -> None:
    with store_errors(folder):
        for file in files:
            with contextlib.suppress(FileNotFoundError):  # another sweep was here first
                file.store.delete_file(file.address)


def _remove_empty_folders(lake: Lake, table: str, oldest: datetime) -> None:
    """Remove old staging folders without files. Those of nights stay: a writer may be about to put a file there."""
    staging = Path(lake.staging(table)) / STAGING
    for folder in sorted(staging.rglob("*"), reverse=True):
        with contextlib.suppress(OSError):  # not empty, or gone: another sweep, or a stage at work
            if folder.is_dir() and folder.stat().st_mtime <= oldest.timestamp():
                folder.rmdir()
