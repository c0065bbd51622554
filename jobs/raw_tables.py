"""Publish a night of a raw table, and record in the ledger when it replaces other content: a restatement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from jobs.in_force import InForce
from jobs.published import Published
from nightloop.definitions import UseCase
from nightloop.errors import StoreDamaged
from nightloop.lake import Commit
from nightloop.lake.digest import content_digest
from nightloop.lake.missing import in_words
from nightloop.lake.restatement import compare
from nightloop.meaning.digests import ROWS
from nightloop.meaning.staleness import touched
from nightloop.nights import Night, cutoff, one
from nightloop.workspace import Workspace

RESTATED = "night_restated"


@dataclass(frozen=True)
class RawTables:
    """The tables that a stage fills with records: raw_<source> and quarantine."""

    made_by: InForce
    workspace: Workspace
    stage: str

    @property
    def use_case(self) -> UseCase:
        """The use case, with the older columns that its champions need."""
        return self.made_by.use_case

    def table(self, name: str) -> str:
        """Return the full name of a table of the use case."""
        return f"{self.use_case.use_case}/{name}"

    @property
    def of_stage(self) -> Commit:
        """What every commit of the stage says; the rest is added by who publishes."""
        return Commit(self.stage, self.use_case.use_case, self.made_by.digest)

    def publish(self, source: str, night: Night, rows: pa.Table, commit: Commit, *, details: Mapping[str, object]) -> Published:
        """Publish a night of raw_<source>; the commit's summary of its columns is what later nights are compared with.

        A restatement is recorded before it is committed, so that none is ever done unrecorded.
        """
        details = {**details, **self._restated(source, night, rows)}
        return self.commit(f"raw_{source}", night, rows, commit, details=details)

    def commit(self, name: str, night: Night, rows: pa.Table, commit: Commit, *, details: Mapping[str, object]) -> Published:
        """Publish a night of a table in one commit, with what its columns mean."""
        held = {*rows.column_names, ROWS}
        meanings = {column: digest for column, digest in self.made_by.of_table(name).items() if column in held}
        unfinished = self.workspace.clock() < cutoff(night, self.use_case.time_zone)
        commit = replace(commit, meanings=meanings, unfinished=unfinished)
        state = self.workspace.lake.publish(self.table(name), night, rows, commit)
        return Published.of(self.use_case.use_case, self.table(name), state, details)

    def record(self, kind: str, night: Night, source: str, payload: dict[str, object]) -> None:
        """Append an event, unless the newest of its kind for this night and source says the same."""
        name = self.use_case.use_case
        self.workspace.ledger.record(kind, name, night=night, subject=source, payload=payload, unless_repeated=True)

    def _restated(self, source: str, night: Night, rows: pa.Table) -> dict[str, object]:
        """Compare with what the night held before, record what changed, and return the details of the stage."""
        lake, table = self.workspace.lake, self.table(f"raw_{source}")
        earlier = lake.states(table).get(night)
        if earlier is None or earlier.content_digest == (digest := content_digest(rows)):
            return {}
        payload: dict[str, object] = {
            "earlier_version": earlier.version,
            "earlier_digest": earlier.content_digest,
            "content_digest": digest,
            "touched": {name: in_words(nights) for name, nights in touched(self.use_case, source, night, lake).items()},
        }
        try:
            before = lake.read(table, one(night), version=earlier.version).drop_columns(["night"])
        except StoreDamaged as error:  # taking the night in again is the way out of damage, also where the source moved on
            self.record(RESTATED, night, source, {**payload, "damaged": error.what})
            return {"restated": {**payload, "damaged": error.what}}
        difference = compare(before, rows, self.use_case.sources[source].key)
        payload |= {"added": difference.added, "removed": difference.removed, "changed": difference.changed}
        payload["columns"] = dict(difference.columns)
        self.record(RESTATED, night, source, payload)
        return {"restated_records": difference.records, "restated": payload}
