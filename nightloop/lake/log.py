"""The Delta log of one table: commits that replace a night, and what they said."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Self
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.fs as pafs
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction

from nightloop.errors import StoreDamaged, WriteConflict
from nightloop.lake.columns import NIGHT, merged
from nightloop.lake.commits import KEY, NightState, as_states
from nightloop.lake.history import EVERY, NOTHING, CommitCache
from nightloop.lake.missing import publishing
from nightloop.lake.storage import delta_options, filesystem, store_errors
from nightloop.nights import Night

Action = dict[str, Any]

ATTEMPTS = 40
# Entries read one after the other; more are read by as many threads, for S3 answers slowly but to many.
FEW = 8
# Commits are the history of every night, so the log is kept whole; checkpoints keep opening it fast.
CONFIGURATION = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.checkpointInterval": "100",
}


@dataclass(frozen=True)
class LogEntry:
    """One commit as the log holds it.

    Attributes:
        version: of the table.
        recorded_at: instant (UTC) of the commit.
        added: the files it added, as paths below the table's folder, and the night of each as the log writes it.
        states: what it says of its nights; nothing for a commit of another program.
    """

    version: int
    recorded_at: datetime
    added: Mapping[str, str]
    states: tuple[NightState, ...]

    @classmethod
    def of(cls, version: int, actions: Sequence[Action]) -> Self:
        """Read the actions of an entry."""
        info = commit_info(actions)
        adds = [action["add"] for action in actions if "add" in action]
        return cls(
            version,
            datetime.fromtimestamp(info.get("timestamp", 0) / 1000, UTC),
            {unquote(add["path"]): add["partitionValues"].get(NIGHT.name, "") for add in adds},
            tuple(as_states(info[KEY], version)) if KEY in info else (),
        )


class TableLog:
    """Reads and writes the log of one table."""

    def __init__(self, table: str, url: str, cache: CommitCache | None = None) -> None:
        self.table = table
        self.url = url
        self._cache = cache
        self._known = NOTHING
        self._stamp = (-1, 0)

    def open(self, version: int | None = None) -> DeltaTable | None:
        """Return the table at a version (default: the newest), or None if it was never made."""
        with store_errors(self.url):
            try:
                return DeltaTable(self.url, version=version, storage_options=self._options)
            except TableNotFoundError:
                return None
            except DeltaError as error:
                self._check_entries()
                raise OSError(str(error)) from error

    def _check_entries(self) -> None:
        """Find out whether it is the log that is damaged, when delta-rs cannot open the table.

        Raises:
            StoreDamaged: an entry is missing or unreadable.
        """
        store, at = filesystem(f"{self.url}/_delta_log")
        listing = store.get_file_info(pafs.FileSelector(at, allow_not_found=True))
        names = sorted(info.base_name for info in listing if info.extension == "json")
        versions = [int(name.removesuffix(".json")) for name in names if name.removesuffix(".json").isdecimal()]
        for version in range(max(versions, default=-1) + 1):
            self._entry(version)

    def stamp(self) -> tuple[int, int]:
        """Return what changes with every commit, and when the table is made anew: the newest version, and when it was written.

        Cheap when it is asked again: it looks for the entry it saw last and for the one after it. (-1, 0): there is no table.
        """
        version, written = self._stamp
        if version < 0 or self._written(version) != written:
            delta = self.open()
            version = -1 if delta is None else delta.version()
        while self._written(version + 1):
            version += 1
        self._stamp = (version, self._written(version) if version >= 0 else 0)
        return self._stamp

    def _written(self, version: int) -> int:
        """Return when an entry of the log was written, in nanoseconds; 0 where it is not there."""
        store, at = filesystem(f"{self.url}/_delta_log/{version:020}.json")
        with store_errors(at):
            info = store.get_file_info(at)
        return info.mtime_ns or 0 if info.is_file else 0

    def commit(
        self, nights: Sequence[Night], schema: pa.Schema, adds: Sequence[AddAction], metadata: dict[str, str], still: int = -1
    ) -> int:
        """Replace the nights by the added files, all or none, and return the version that did.

        Of two writers of one night, the later replaces what the earlier wrote: both carry the same transaction name, so the
        loser's commit fails, and it tries again on the new version. A writer of another night may have to try again too,
        where delta-rs cannot tell that the files it saw removed were not of its night.

        Raises:
            WriteConflict: others kept winning; or version ``still``, where it is given, is no longer what the nights show.
        """
        mark = uuid.uuid4().hex
        with store_errors(self.url):
            for attempt in range(ATTEMPTS):
                delta = self._open_or_create(schema)
                if still >= 0 and any(self.states(delta)[night].version != still for night in nights):
                    raise WriteConflict("the night was published anew meanwhile.", where=self.url, do="Run the command again.")
                try:
                    self._replace(delta, nights, schema, adds, {**metadata, "commit": mark})
                except CommitFailedError as error:
                    conflict: DeltaError = error
                    time.sleep(random.uniform(0, min(1.0, 0.02 * 2**attempt)))  # noqa: S311 - spreads writers, no secret
                    continue
                except DeltaError as error:
                    raise OSError(str(error)) from error
                return self._version_of(mark, delta)
        raise WriteConflict(
            f"the night {', '.join(map(str, nights))} could not be committed in {ATTEMPTS} attempts ({conflict}).",
            where=self.url,
            do="Let the other writers finish, then run the stage again.",
        )

    def schema_of(self, delta: DeltaTable) -> pa.Schema:
        """Return the table's columns, without the night."""
        whole = pa.schema(delta.schema().to_arrow())
        plain = [pa.field(field.name, field.type) for field in whole if field.name != NIGHT.name]
        return pa.schema(plain)

    def states(self, delta: DeltaTable) -> dict[Night, NightState]:
        """Return the newest commit of each night up to the version that is open."""
        return dict(sorted({state.night: state for state in self.history(delta)}.items()))

    def history(self, delta: DeltaTable) -> tuple[NightState, ...]:
        """Return every commit up to the version that is open, in order.

        What was read stays in memory, and from time to time on disk, so that asking again costs only the commits made since.
        """
        known, states = self._known
        version = delta.version()
        if known < 0 and self._cache is not None:
            known, states = self._cache.read(delta.metadata().id)
        if known > version:  # an older version was opened
            return tuple(state for state in states if state.version <= version)
        entries = ((at, commit_info(actions)) for at, actions in self._entries(range(known + 1, version + 1)))
        states = (*states, *(state for at, info in entries if KEY in info for state in as_states(info[KEY], at)))
        if self._cache is not None and version - known >= EVERY:
            self._cache.write(delta.metadata().id, version, states)
        self._known = (version, states)
        return states

    def entries(self) -> list[LogEntry]:
        """Return every commit of the table, in order; nothing if it was never made."""
        delta = self.open()
        entries = self._entries(range(delta.version() + 1)) if delta is not None else []
        return [LogEntry.of(version, actions) for version, actions in entries]

    def _entries(self, versions: range) -> list[tuple[int, list[Action]]]:
        """Read log entries as they lie there; delta-rs's own history miscounts versions while others commit."""
        if len(versions) <= FEW:
            return [(version, self._entry(version)) for version in versions]
        with ThreadPoolExecutor(max_workers=FEW) as threads:
            return list(zip(versions, threads.map(self._entry, versions), strict=True))

    def _entry(self, version: int) -> list[Action]:
        """Return the actions of an entry.

        Raises:
            StoreDamaged: it is missing, empty or unreadable. An empty one would lose its night without a word.
        """
        store, at = filesystem(f"{self.url}/_delta_log/{version:020}.json")
        with store_errors(at):
            try:
                with store.open_input_stream(at) as stream:
                    actions = [json.loads(line) for line in stream.read().splitlines()]
            except ValueError as error:
                raise self._damaged(at, f"not readable as JSON ({error})") from error
            except FileNotFoundError as error:
                raise self._damaged(at, "missing") from error
        if not actions:
            raise self._damaged(at, "empty")
        return actions

    def _damaged(self, at: str, how: str) -> StoreDamaged:
        return StoreDamaged(
            f"an entry of the log of table {self.table} is {how}.",
            where=at,
            do="Bring the entry back from a backup. Where there is none, move the table's folder away and publish its nights "
            f"again: {publishing(self.table, 'FIRST..LAST')}",
        )

    @cached_property
    def _options(self) -> dict[str, str] | None:
        return delta_options(self.url)

    def _open_or_create(self, schema: pa.Schema) -> DeltaTable:
        delta = self.open()
        if delta is not None:
            return delta
        try:
            return DeltaTable.create(
                self.url,
                schema.append(NIGHT),
                mode="ignore",
                partition_by=[NIGHT.name],
                configuration=CONFIGURATION,
                storage_options=self._options,
            )
        except DeltaError as error:
            of_another = self.open()  # somebody made it in between
            if of_another is None:
                raise OSError(str(error)) from error
            return of_another

    def _replace(
        self, delta: DeltaTable, nights: Sequence[Night], schema: pa.Schema, adds: Sequence[AddAction], metadata: dict[str, str]
    ) -> None:
        transactions = [Transaction(f"{self.table}/{night}", delta.version() + 1) for night in nights]
        delta.create_write_transaction(
            list(adds),
            "overwrite",
            merged(self.table, self.schema_of(delta), schema).append(NIGHT),
            [NIGHT.name],
            [(NIGHT.name, "in", [str(night) for night in nights])],
            commit_properties=CommitProperties(custom_metadata=metadata, app_transactions=transactions),
        )

    def _version_of(self, mark: str, before: DeltaTable) -> int:
        """Find the version our commit got: others may have committed in between, and after."""
        first = before.version()
        before.update_incremental()
        for version, actions in self._entries(range(first + 1, before.version() + 1)):
            if commit_info(actions).get("commit") == mark:
                return version
        raise OSError(f"the commit {mark} is not in the log it was written to")


def commit_info(actions: Sequence[Action]) -> Action:
    """Return what a log entry says of the commit itself."""
    return next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
