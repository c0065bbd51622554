"""Stage features: from raw records to the feature rows and the matured labels of a night.

Four tables, each made from the one before: tiles (partial aggregates of what a night's records touch), aggregates (windows over
tiles, peers, lags, lookups: what the service reads too), features (one row per entity), labels (entities whose outcome is known
by now). A range of nights is one engine job and one commit per table.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import pyarrow as pa

from jobs.chunks import chunks
from jobs.feature_checks import check_keys, record_lost, record_out_of_range, record_unmatched
from jobs.in_force import InForce, available, in_force
from jobs.published import Progress, Published, silent
from nightloop.definitions.use_case import UseCase
from nightloop.errors import BadNight, ContractBroken, UsageError
from nightloop.features.feature_sql import build_sql
from nightloop.features.published_aggregates import record_published
from nightloop.features.tables import inputs, tables
from nightloop.lake import Commit, NightState, Snapshot
from nightloop.meaning.inputs import read_meanings
from nightloop.meaning.reading import by_meaning
from nightloop.nights import Night, Nights, parse_night
from nightloop.sources import raw_schema
from nightloop.workspace import Workspace

STAGE = "features"
Step = Literal["tiles", "aggregates", "features", "labels"]
STEPS: tuple[Step, ...] = ("tiles", "aggregates", "features", "labels")
AS_KNOWN_LATER: tuple[Step, ...] = ("aggregates", "features", "labels")


def run(
    use_case: UseCase,
    nights: Nights,
    workspace: Workspace,
    *,
    step: Step | None = None,
    as_known_at: str | Night | None = None,
    progress: Progress = silent,
) -> list[Published]:
    """Make the four tables (or the one named by ``step``) for these nights, and return what was published.

    Args:
        use_case: declares the features.
        nights: to make; a range is one job a table.
        workspace: lake and engine.
        step: only this table.
        as_known_at: a night not before the last of ``nights``: make aggregates, features and labels with what was known at its
            cut-off, late records and corrections among it, and store them apart, as ``features_known_YYYY-MM-DD``. Default:
            each night with what was known at its own.
        progress: called as nights are published.

    Raises:
        BadNight: a night before the use case's first, or after ``as_known_at``.
        NotReady: an input night is not published yet, or by another definition; the message names it and what makes it.
        ContractBroken: records of the entity's source share a key, or lack one, on a night; the nights before it are published.
        EngineUnavailable, StoreUnavailable, WriteConflict: the same call may succeed later.
    """
    if nights.first < use_case.first_night:
        raise BadNight(
            f"{nights.first} is before the first night of {use_case.use_case}, {use_case.first_night}.",
            do=f"Ask for {use_case.first_night} or later.",
        )
    known_night = _known_night(nights, as_known_at, step)
    steps = (step,) if step else (AS_KNOWN_LATER if known_night else STEPS)
    made_by = available(in_force(use_case, nights, workspace), nights, workspace)
    published: list[Published] = []
    broken: ContractBroken | None = None
    for table in steps:
        of_table, refused = _Maker(made_by, table, nights, workspace, known_night).make(progress)
        published += of_table
        if refused:
            nights = Nights(nights.first, of_table[-1].night)
            broken = _stopped(refused, nights)
    if broken:
        raise broken
    return published


def _stopped(refused: ContractBroken, before: Nights) -> ContractBroken:
    """Return the error of the first night that may not be published, saying what stands."""
    go_on = f"{refused.do} The nights before it, {before}, are published; then ask for the others again."
    return ContractBroken(refused.what, where=refused.where, do=go_on)


def _known_night(nights: Nights, as_known_at: str | Night | None, step: Step | None) -> Night | None:
    known_night = parse_night(as_known_at) if isinstance(as_known_at, str) else as_known_at
    if known_night and known_night < nights.last:
        raise BadNight(
            f"as known at {known_night}, the night {nights.last} is not over.", do=f"Ask for {nights.last} or later."
        )
    if known_night and step == "tiles":
        raise UsageError("tiles hold every version that was known.", do="Leave out --step, or ask for another table.")
    return known_night


@dataclass(frozen=True)
class _Maker:
    """Makes one table for some nights."""

    made_by: InForce
    table: Step
    nights: Nights
    workspace: Workspace
    as_known_at: Night | None

    @property
    def use_case(self) -> UseCase:
        return self.made_by.use_case

    @property
    def name(self) -> str:
        return self._stored(self.table)

    def _stored(self, table: str) -> str:
        apart = f"_known_{self.as_known_at}" if self.as_known_at and table in AS_KNOWN_LATER else ""
        return f"{self.use_case.use_case}/{table}{apart}"

    @cached_property
    def snapshots(self) -> dict[str, Snapshot]:
        """The input tables by name, all their nights published by the same meanings; none when there can be no input at all."""
        nights_of = inputs(self.use_case, self.table, self.nights, self.as_known_at)
        if None in nights_of.values():
            return {}
        lake, required = self.workspace.lake, read_meanings(self.use_case, self.made_by.meanings, self.table)
        return {
            name: by_meaning(lake.require(self._stored(name), nights), required.get(name, {}), self._columns(name))
            for name, nights in nights_of.items()
            if nights is not None
        }

    def _columns(self, table: str) -> pa.Schema:
        """Return the columns of an input table, as the definition has them."""
        source = self.use_case.sources.get(table.removeprefix("raw_"))
        return raw_schema(source) if source and table not in STEPS else tables(self.use_case)[table]

    def make(self, progress: Progress) -> tuple[list[Published], ContractBroken | None]:
        """Run one engine job for all nights and commit them together; in chunks where they would not fit in memory.

        Returns:
            What was published, and why it ends before a night that may not be, if one is among them.

        Raises:
            ContractBroken: no night before that one.
        """
        engine = self.workspace.engine(self.use_case, self.snapshots.values())
        progress(f"computing {self.table}", 0, len(self.nights))
        published: list[Published] = []
        for chunk in chunks(self.use_case, self.table, self.nights, self.snapshots, engine):
            began = time.monotonic()
            files: dict[Night, list[str]] = {}
            if self.snapshots:
                sql = build_sql(self.use_case, self.table, chunk, self.as_known_at)
                only_night = chunk.first if len(chunk) == 1 else None
                folder, schema = self.workspace.lake.new_folder(self.name), tables(self.use_case)[self.table]
                files = engine.write(sql, self.snapshots, folder, night=only_night, schema=schema)
            details, broken = self._checked(chunk, files)
            if broken and not (details or published):
                raise broken
            details |= self._unmatched(chunk, files)
            for state in self._publish(list(details), files, (time.monotonic() - began) / len(chunk)):
                of_night = {"engine": engine.name, **details[state.night]}
                published.append(Published.of(self.use_case.use_case, self.name, state, of_night))
                progress(f"publishing {self.table}", len(published), len(self.nights))
            if broken:
                return published, broken
        return published, None

    def _checked(
        self, nights: Nights, files: Mapping[Night, list[str]]
    ) -> tuple[dict[Night, dict[str, object]], ContractBroken | None]:
        """Return what is worth showing of each night before the first that may not be published, and why that one may not."""
        details: dict[Night, dict[str, object]] = {}
        for night in nights:
            try:
                details[night] = self._check(night, files)
            except ContractBroken as error:
                return details, error
        return details, None

    def _check(self, night: Night, files: Mapping[Night, list[str]]) -> dict[str, object]:
        """Check what must be true of a night's features before it is published; return what is worth showing."""
        if self.table != "features" or not self.snapshots:
            return {}
        check_keys(self.use_case, night, files.get(night, ()), self.snapshots)
        outside = record_out_of_range(self.use_case, night, files.get(night, ()), self.workspace)
        return {**outside, **record_lost(self.use_case, night, self.made_by.lost, self.workspace)}

    def _unmatched(self, nights: Nights, files: Mapping[Night, list[str]]) -> Mapping[Night, dict[str, object]]:
        """Return of which nights' labels entities miss their outcomes by how a key is written."""
        if self.table != "labels" or not self.snapshots or self.as_known_at:
            return {}
        return record_unmatched(self.use_case, nights, files, self.snapshots, self.workspace)

    def _publish(self, nights: Sequence[Night], files: Mapping[Night, list[str]], seconds: float) -> list[NightState]:
        """Commit the nights together; one without rows is published as empty."""
        files_of = {night: files.get(night, []) for night in nights}
        schema = tables(self.use_case)[self.table]
        commit = replace(self._commit, seconds=seconds)
        states = self.workspace.lake.adopt_nights(self.name, files_of, commit, schema=schema)
        if self.name == f"{self.use_case.use_case}/aggregates":
            record_published(self.workspace.ledger, self.use_case.use_case, states)
        return states

    @cached_property
    def _commit(self) -> Commit:
        return Commit(
            stage=STAGE,
            use_case=self.use_case.use_case,
            definition_digest=self.made_by.digest,
            inputs={snapshot.table: snapshot.version for snapshot in self.snapshots.values()},
            meanings=self.made_by.of_table(self.table),
        )
