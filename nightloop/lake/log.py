"""The Delta log of one table: commits that replace a night, and what they said."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Sequence
from functools import cached_property
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.fs as pafs
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction

from nightloop.errors import WriteConflict
from nightloop.lake.columns import NIGHT, merged
from nightloop.lake.commits import KEY, NightState, as_state
from nightloop.lake.storage import delta_options, filesystem, store_errors
from nightloop.nights import Night

ATTEMPTS = 40
# Commits are the history of every night, so the log is kept whole; checkpoints keep opening it fast.
CONFIGURATION = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.checkpointInterval": "100",
}


class TableLog:
    """Reads and writes the log of one table."""

    def __init__(self, table: str, url: str) -> None:
        self.table = table
        self.url = url
        self._states: tuple[int, dict[Night, NightState]] = (-1, {})

    def open(self, version: int | None = None) -> DeltaTable | None:
        """Return the table at a version (default: the newest), or None if it was never made."""
        with store_errors(self.url):
            try:
                return DeltaTable(self.url, version=version, storage_options=self._options)
            except TableNotFoundError:
                return None
            except DeltaError as error:
                raise OSError(str(error)) from error

    def commit(self, night: Night, schema: pa.Schema, adds: Sequence[AddAction], metadata: dict[str, str]) -> int:
        """Replace the night by the added files, and return the version that did.

        Writers of other nights do not disturb each other. Of two writers of one night, the later replaces what the earlier
        wrote: both carry the same transaction name, so the loser's commit fails, and it tries again on the new version.

        Raises:
            WriteConflict: others kept winning.
        """
        mark = uuid.uuid4().hex
        with store_errors(self.url):
            for attempt in range(ATTEMPTS):
                delta = self._open_or_create(schema)
                try:
                    self._replace(delta, night, schema, adds, {**metadata, "commit": mark})
                except CommitFailedError as error:
                    conflict: DeltaError = error
                    time.sleep(random.uniform(0, min(1.0, 0.02 * 2**attempt)))  # noqa: S311 - spreads writers, no secret
                    continue
                except DeltaError as error:
                    raise OSError(str(error)) from error
                return self._version_of(mark, delta)
        raise WriteConflict(
            f"the night {night} could not be committed in {ATTEMPTS} attempts ({conflict}).",
            where=self.url,
            do="Let the other writers finish, then run the stage again.",
        )

    def schema_of(self, delta: DeltaTable) -> pa.Schema:
        """Return the table's columns, without the night."""
        whole = pa.schema(delta.schema().to_arrow())
        plain = [pa.field(field.name, field.type) for field in whole if field.name != NIGHT.name]
        return pa.schema(plain)

    def states(self, delta: DeltaTable) -> dict[Night, NightState]:
        """Return the newest commit of each night up to the version that is open.

        What was read stays in memory, so that asking again costs only the commits made since.
        """
        known, states = self._states
        version = delta.version()
        if known > version:
            known, states = -1, {}
        fresh = dict(states)
        entries = delta.history(version - known) if version > known else []
        for entry in reversed(entries):
            if KEY in entry:
                state = as_state(entry[KEY], entry["version"])
                fresh[state.night] = state
        self._states = (version, fresh)
        return dict(sorted(fresh.items()))

    def named_files(self) -> set[str]:
        """Return every file that any commit ever added, as paths below the table's folder."""
        held_by, at = filesystem(f"{self.url}/_delta_log")
        named = set()
        for info in held_by.get_file_info(pafs.FileSelector(at, allow_not_found=True)):
            if info.extension == "json":
                with held_by.open_input_stream(info.path) as stream:
                    actions = [json.loads(line) for line in stream.read().splitlines()]
                named |= {unquote(action["add"]["path"]) for action in actions if "add" in action}
        return named

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
        except DeltaError:
            made_by_another = self.open()
            if made_by_another is None:
                raise
            return made_by_another

    def _replace(
        self, delta: DeltaTable, night: Night, schema: pa.Schema, adds: Sequence[AddAction], metadata: dict[str, str]
    ) -> None:
        transaction = Transaction(f"{self.table}/{night}", delta.version() + 1)
        delta.create_write_transaction(
            list(adds),
            "overwrite",
            merged(self.table, self.schema_of(delta), schema).append(NIGHT),
            [NIGHT.name],
            [(NIGHT.name, "=", str(night))],
            commit_properties=CommitProperties(custom_metadata=metadata, app_transactions=[transaction]),
        )

    def _version_of(self, mark: str, before: DeltaTable) -> int:
        """Find the version our commit got: others may have committed in between, and after."""
        first = before.version()
        before.update_incremental()
        for entry in before.history(before.version() - first):
            if entry.get("commit") == mark:
                return int(entry["version"])
        raise OSError(f"the commit {mark} is not in the log it was written to")
