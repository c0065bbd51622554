"""Take in what each night brought: read, judge by contract, publish the raw tables and the quarantine.

All sources of a night are read and judged before any is published, so a night that breaks its contract leaves the raw tables
as they were. Nights go in order, for a night's usual number of rows comes from the nights before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from jobs.published import Progress, Published, silent
from jobs.raw_tables import RawTables
from nightloop.contracts import Contract, History, Judgement, Parameters, judge, load_contract, numbers
from nightloop.contracts.quarantine import SCHEMA, counts, quarantined
from nightloop.contracts.references import in_order, referred
from nightloop.contracts.releases import Accepted, accepted
from nightloop.contracts.summaries import summary
from nightloop.definitions import UseCase
from nightloop.errors import BadNight, ContractBroken, EmptyNight
from nightloop.nights import Night, Nights, cutoff, one
from nightloop.sources import Arrival, Reading, by_night, no_arrival, raw_schema, read_source
from nightloop.workspace import Workspace

STAGE = "ingest"


@dataclass(frozen=True)
class Judged:
    """One source's night, read and judged, not yet published."""

    source: str
    arrival: Arrival
    judgement: Judgement
    quarantine: pa.Table
    inputs: Mapping[str, int] = field(default_factory=dict)

    @property
    def details(self) -> dict[str, object]:
        """What the stage says of the night beside its rows."""
        told = {"rows_in": self.arrival.rows_in, "quarantined": sum(counts(self.quarantine).values())}
        warnings = [
            f"{breach.rule}: observed {breach.observed}, expected {breach.expected}" for breach in self.judgement.warnings
        ]
        return told | {"warnings": warnings, "not_judged": list(self.judgement.not_judged)}


def run(use_case: UseCase, nights: Nights, workspace: Workspace, *, progress: Progress = silent) -> list[Published]:
    """Publish raw_<source> for every source and quarantine, one commit per table and night.

    Returns:
        What was published: nights in order, sources as declared, quarantine last.

    Raises:
        BadNight: a night outside the use case's first and last.
        EmptyNight: a source has nothing for a night, and says that this is not normal.
        SourceDamaged: a source's file is not readable as declared.
        ContractBroken: a night breaks its contract; nights before it are published, it is not.
        DefinitionError: a mistake in the use case or a suite.
    """
    _within(use_case, nights)
    ingest = Intake(use_case, workspace)
    readers = ingest.readers(nights, progress)
    published: list[Published] = []
    for done, night in enumerate(nights):
        progress(f"{STAGE} {night}", done, len(nights))
        published += ingest.publish(night, ingest.judge(night, readers))
    progress(STAGE, len(nights), len(nights))
    return published


def _within(use_case: UseCase, nights: Nights) -> None:
    first, last = use_case.first_night, use_case.last_night
    if nights.first >= first and (last is None or nights.last <= last):
        return
    outside = nights.first if nights.first < first else nights.last
    raise BadNight(
        f"{outside} is outside the nights of the use case '{use_case.use_case}'.",
        do=f"Give nights from {first} {f'to {last}' if last else 'on'}, as feature_defs/{use_case.use_case}.yaml says.",
    )


@dataclass
class Intake:
    """Takes in nights of a use case: its contracts, and what its raw tables hold of the nights before."""

    use_case: UseCase
    workspace: Workspace
    contracts: dict[str, Contract] = field(default_factory=dict)
    history: dict[str, dict[Night, History]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings, lake = self.workspace.settings, self.workspace.lake
        self.cache = settings.home / "cache"
        self.tables = RawTables(self.use_case, self.workspace, STAGE)
        columns = {name: raw_schema(source).names for name, source in self.use_case.sources.items()}
        for name in self.use_case.sources:
            self.contracts[name] = load_contract(settings.contracts, self.use_case.contracts_of, name, columns[name])
            states = lake.states(self.tables.table(f"raw_{name}"))
            self.history[name] = {night: History(state.rows, state.summary) for night, state in states.items()}
        self.order = in_order(self.contracts, columns)

    def readers(self, nights: Nights, progress: Progress) -> dict[str, Callable[[Night], Reading]]:
        """Return how each source gives a night: one file of all nights is read now, a night's own file when its turn comes."""
        found: dict[str, Callable[[Night], Reading]] = {}
        for done, (name, source) in enumerate(self.use_case.sources.items()):
            progress(f"reading {name}", done, len(self.use_case.sources))
            if by_night(source.connector):
                found[name] = lambda night, name=name: self._read(name, one(night))  # type: ignore[misc]
            else:
                reading = self._read(name, nights)
                found[name] = lambda _night, reading=reading: reading  # type: ignore[misc]
        return found

    def _read(self, name: str, nights: Nights) -> Reading:
        return read_source(
            name,
            self.use_case,
            nights,
            cache=self.cache / "sources",
            definitions=self.workspace.settings.definitions,
            lake=self.workspace.lake,
            connection=self.workspace.connection,
        )

    def judge(self, night: Night, readers: Mapping[str, Callable[[Night], Reading]]) -> list[Judged]:
        """Judge all sources of a night, those that others refer to first; return them as declared.

        Raises:
            EmptyNight: nothing arrived, and the source does not call that normal.
        """
        found: dict[str, Judged] = {}
        for name in self.order:
            kept = {other: item.judgement.kept for other, item in found.items()}
            found[name] = self._judged(night, name, readers[name](night), kept)
        return [found[name] for name in self.use_case.sources]

    def _judged(self, night: Night, name: str, reading: Reading, kept: Mapping[str, pa.Table]) -> Judged:
        source, contract = self.use_case.sources[name], self.contracts[name]
        arrival = reading.arrivals.get(night)
        if arrival is None:
            return self._nothing(night, name, reading)
        past = self.numbers(night, name, kept)
        judgement = judge(
            contract,
            arrival.rows,
            past,
            refused=len(arrival.refused),
            cache=self.cache / "verdicts",
            spare=Accepted(arrival, lambda: accepted(self.workspace.ledger, self.use_case.use_case, night, name)),
        )
        return Judged(name, arrival, judgement, quarantined(name, source, arrival, judgement), reading.inputs)

    def numbers(self, night: Night, name: str, kept: Mapping[str, pa.Table]) -> Parameters:
        """Return the parameters of a source's rules in a night, given what the night keeps of other sources."""
        contract = self.contracts[name]
        return numbers(night, self.use_case.time_zone, self.history[name], contract, referred(contract, kept))

    def _nothing(self, night: Night, name: str, reading: Reading) -> Judged:
        source, contract = self.use_case.sources[name], self.contracts[name]
        if not source.may_be_empty:
            raise EmptyNight(
                f"source '{name}' has no record for the night {night}.",
                where=reading.origin,
                do="Wait for its delivery and run the night again; if it is normal, set may_be_empty in feature_defs/.",
            )
        arrival = no_arrival(night, source)
        judgement = Judgement(arrival.rows, {}, (), (), tuple(rule.name for rule in contract.rules))
        return Judged(name, arrival, judgement, SCHEMA.empty_table())

    def publish(self, night: Night, judged: list[Judged]) -> list[Published]:
        """Publish a night, or only its quarantine when it breaks a contract.

        Raises:
            ContractBroken: names source, night, rule, what was observed and expected.
        """
        self._check_cutoff(night, judged)
        quarantine = pa.concat_tables([item.quarantine for item in judged])
        broken = [item for item in judged if item.judgement.breaches]
        for item in judged:
            self._tell(night, item)
        if broken:
            self.tables.commit("quarantine", night, quarantine, details={})
            raise self._broken(night, broken)
        published: list[Published] = []
        for item in judged:
            kept = item.judgement.kept
            past = History(kept.num_rows, summary(kept))
            published.append(
                self.tables.publish(item.source, night, kept, columns=past.columns, details=item.details, inputs=item.inputs)
            )
            self.history[item.source][night] = past
        return [*published, self.tables.commit("quarantine", night, quarantine, details={"quarantined": quarantine.num_rows})]

    def _check_cutoff(self, night: Night, judged: list[Judged]) -> None:
        """Hold promise 4 at the door itself, whatever the connectors do."""
        end = cutoff(night, self.use_case.time_zone)
        for item in judged:
            kept = item.judgement.kept
            newest = pc.max(kept.column("known_at")).as_py() if "known_at" in kept.column_names else None
            if newest is not None and newest >= end:
                raise AssertionError(f"raw_{item.source} of {night} holds a record known at {newest}, after the cut-off {end}")

    def _tell(self, night: Night, item: Judged) -> None:
        """Record what was set aside and what broke; the same finding is recorded once."""
        found = counts(item.quarantine)
        if found:
            self.tables.record("night_quarantined", night, item.source, {"records": sum(found.values()), "rules": found})
        breaches = [vars(breach) for breach in item.judgement.breaches]
        if breaches:
            self.tables.record("contract_broken", night, item.source, {"breaches": breaches})
        warnings = [vars(breach) for breach in item.judgement.warnings]
        if warnings:
            self.tables.record("contract_warned", night, item.source, {"breaches": warnings})

    def _broken(self, night: Night, broken: list[Judged]) -> ContractBroken:
        said = [
            f"source '{item.source}', night {night}, rule {breach.rule} ({breach.place}): "
            f"observed {breach.observed}, expected {breach.expected}."
            for item in broken
            for breach in item.judgement.breaches
        ]
        return ContractBroken(
            f"the night breaks its contract and is not published: {' '.join(said)}",
            where=self.use_case.use_case,
            do=f"Look at the night in the table {self.tables.table('quarantine')} (python -m jobs quarantine "
            f"{self.use_case.use_case} {night}; python -m jobs contracts makes pages of it), mend the source and run the night "
            "again; if the data is right, correct the rule.",
        )
