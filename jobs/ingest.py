"""Take in what each night brought: read, judge by contract, publish the raw tables and the quarantine.

All sources of a night are read and judged before any is published, so a night that breaks its contract leaves the raw tables
as they were. Nights go in order, for a night's limits come from the nights before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from jobs.in_force import InForce, declared, in_force
from jobs.published import Progress, Published, silent
from jobs.raw_tables import RawTables
from nightloop.contracts import Contract, History, Judgement, Parameters, judge, load_contract, parameters_of
from nightloop.contracts.history_limits import summary
from nightloop.contracts.parameters import referred_values
from nightloop.contracts.quarantine import SCHEMA, AcceptedRows, accepted_digests, counts, quarantine_rows
from nightloop.contracts.suite import in_order
from nightloop.contracts.versions import archive_contract, archived_contract
from nightloop.daily import check_nights
from nightloop.definitions import UseCase
from nightloop.errors import ContractBroken, DefinitionError, EmptyNight, SourceDamaged, command
from nightloop.lake import NightState
from nightloop.meaning.staleness import other_definition
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
    contract: Contract
    inputs: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0  # to read and to judge

    @property
    def details(self) -> dict[str, object]:
        """What the stage says of the night beside its rows."""
        details = {"rows_in": self.arrival.rows_in, "quarantined": sum(counts(self.quarantine).values())}
        warnings = [
            f"{breach.rule}: observed {breach.observed}, expected {breach.expected}" for breach in self.judgement.warnings
        ]
        return details | {"warnings": warnings, "not_judged": list(self.judgement.not_judged)}


def run(
    use_case: UseCase,
    nights: Nights,
    workspace: Workspace,
    *,
    todays_rules: bool = False,
    even_if_unfinished: bool = False,
    progress: Progress = silent,
) -> list[Published]:
    """Publish raw_<source> for every source and quarantine, one commit per table and night.

    Args:
        use_case: whose sources.
        nights: to take in.
        workspace: its stores.
        todays_rules: judge nights that were taken in before by today's contracts, not by those of then.
        even_if_unfinished: take in a night that is not over, too.
        progress: called before each night, and at the end.

    Returns:
        What was published: nights in order, sources as declared, quarantine last.

    Raises:
        BadNight: a night outside the use case's first and last, or not over.
        EmptyNight: a source has nothing for a night, and says that this is not normal.
        SourceDamaged: a source's file is not readable as declared.
        ContractBroken: a night breaks its contract; nights before it are published, it is not.
        DefinitionError: a mistake in the use case or a suite.
    """
    check_nights(use_case, nights, workspace.clock(), even_if_unfinished=even_if_unfinished)
    ingest = Intake(in_force(use_case, nights, workspace), workspace, todays_rules=todays_rules)
    readers = ingest.readers(nights, progress)
    for contract in ingest.contracts.values():  # those of then are held already
        archive_contract(workspace.lake, use_case.use_case, contract)
    published: list[Published] = []
    for done, night in enumerate(nights):
        progress(f"{STAGE} {night}", done, len(nights))
        published += ingest.publish(night, ingest.judge(night, readers))
    progress(STAGE, len(nights), len(nights))
    return published


@dataclass
class Intake:
    """Takes in nights of a use case: its contracts, and what its raw tables say of the nights before."""

    made_by: InForce
    workspace: Workspace
    todays_rules: bool = False
    contracts: dict[str, Contract] = field(default_factory=dict)
    history: dict[str, dict[Night, History]] = field(default_factory=dict)
    states: dict[str, Mapping[Night, NightState]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings, lake = self.workspace.settings, self.workspace.lake
        self.use_case = self.made_by.use_case
        self.cache = settings.home / "cache"
        self.tables = RawTables(self.made_by, self.workspace, STAGE)
        self.columns = {name: raw_schema(source).names for name, source in self.use_case.sources.items()}
        for name in self.use_case.sources:
            self.contracts[name] = load_contract(settings.contracts, self.use_case.contracts_of, name, self.columns[name])
            states = self.states[name] = lake.states(self.tables.table(f"raw_{name}"))
            self.history[name] = {night: History(state.rows, state.summary) for night, state in states.items()}

    def contract_of(self, night: Night, name: str) -> Contract:
        """Return the contract by which this night of a source was judged before, where it held the same; else today's."""
        today, state = self.contracts[name], self.states[name].get(night)
        if self.todays_rules or state is None or state.rules in ("", today.digest):
            return today
        if other_definition(state, self.made_by.of_table(f"raw_{name}")):  # the rules of then are about other columns
            return today
        lake, use_case = self.workspace.lake, self.use_case.use_case
        return archived_contract(lake, use_case, state.rules, today, self.columns[name]) or today

    def readers(self, nights: Nights, progress: Progress) -> dict[str, Callable[[Night], Reading]]:
        """Return how each source gives a night: one file of all nights is read now, a night's own file when its turn comes."""
        readers: dict[str, Callable[[Night], Reading]] = {}
        for done, (name, source) in enumerate(self.use_case.sources.items()):
            progress(f"reading {name}", done, len(self.use_case.sources))
            if by_night(source.connector):
                readers[name] = lambda night, name=name: self._read(name, one(night))  # type: ignore[misc]
            else:
                reading = self._read(name, nights)
                readers[name] = lambda _night, reading=reading: reading  # type: ignore[misc]
        return readers

    def _read(self, name: str, nights: Nights) -> Reading:
        """Read a source; without the columns of older meanings where it no longer has what they are made from."""
        try:
            return self._read_as(self.use_case, name, nights)
        except (DefinitionError, SourceDamaged):
            source = self.use_case.sources[name]
            if (today := declared(source)) == source:
                raise
            use_case = self.use_case.model_copy(update={"sources": {**self.use_case.sources, name: today}})
            return self._read_as(use_case, name, nights)

    def _read_as(self, use_case: UseCase, name: str, nights: Nights) -> Reading:
        return read_source(
            name,
            use_case,
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
        judged: dict[str, Judged] = {}
        contracts = {name: self.contract_of(night, name) for name in self.contracts}
        for name in in_order(contracts, self.columns):
            publishable = {other: item.judgement.publishable for other, item in judged.items()}
            began = time.monotonic()
            item = self._judged(night, contracts[name], readers[name](night), publishable)
            judged[name] = replace(item, seconds=time.monotonic() - began)
        return [judged[name] for name in self.use_case.sources]

    def _judged(self, night: Night, contract: Contract, reading: Reading, publishable: Mapping[str, pa.Table]) -> Judged:
        name, source = contract.source, self.use_case.sources[contract.source]
        arrival = reading.arrivals.get(night)
        if arrival is None:
            return self._nothing(night, contract, reading)
        judgement = judge(
            contract,
            arrival.rows,
            self.parameters(night, contract, publishable),
            refused=len(arrival.refused),
            cache=self.cache / "verdicts",
            exemption=AcceptedRows(arrival, lambda: self._accepted(night, name)),
        )
        return Judged(name, arrival, judgement, quarantine_rows(name, source, arrival, judgement), contract, reading.inputs)

    def _accepted(self, night: Night, name: str) -> set[str]:
        return accepted_digests(self.workspace.ledger, self.use_case.use_case, night, name)

    def parameters(self, night: Night, contract: Contract, publishable: Mapping[str, pa.Table]) -> Parameters:
        """Return the parameters of a contract's rules in a night, given what the night publishes of other sources."""
        referred = referred_values(contract, publishable)
        return parameters_of(night, self.use_case.time_zone, self.history[contract.source], contract, referred)

    def _nothing(self, night: Night, contract: Contract, reading: Reading) -> Judged:
        name, source = contract.source, self.use_case.sources[contract.source]
        if not source.may_be_empty:
            raise EmptyNight(
                f"source '{name}' has no record for the night {night}.",
                where=reading.origin,
                do="Wait for its delivery and run the night again; if it is normal, set may_be_empty in feature_defs/.",
            )
        arrival = no_arrival(night, source)
        judgement = Judgement(arrival.rows, {}, (), (), tuple(rule.name for rule in contract.rules))
        return Judged(name, arrival, judgement, SCHEMA.empty_table(), contract)

    def publish(self, night: Night, judged: list[Judged]) -> list[Published]:
        """Publish a night, or only its quarantine when it breaks a contract.

        Raises:
            ContractBroken: names source, night, rule, what was observed and expected.
        """
        self._check_cutoff(night, judged)
        quarantine = pa.concat_tables([item.quarantine for item in judged])
        broken = [item for item in judged if item.judgement.breaches]
        for item in judged:
            self._record_findings(night, item)
        if broken:
            self.tables.commit("quarantine", night, quarantine, self.tables.of_stage, details={})
            raise self._broken(night, broken)
        published: list[Published] = []
        for item in judged:
            rows = item.judgement.publishable
            columns, rules = summary(rows), item.contract.digest
            commit = replace(self.tables.of_stage, inputs=item.inputs, summary=columns, rules=rules, seconds=item.seconds)
            published.append(self.tables.publish(item.source, night, rows, commit, details=item.details))
            self.history[item.source][night] = History(rows.num_rows, columns)
        details = {"quarantined": quarantine.num_rows}
        return [*published, self.tables.commit("quarantine", night, quarantine, self.tables.of_stage, details=details)]

    def _check_cutoff(self, night: Night, judged: list[Judged]) -> None:
        """Let nothing known after the cut-off in, whatever the connectors do."""
        end = cutoff(night, self.use_case.time_zone)
        for item in judged:
            rows = item.judgement.publishable
            newest = pc.max(rows.column("known_at")).as_py() if "known_at" in rows.column_names else None
            if newest is not None and newest >= end:
                raise AssertionError(f"raw_{item.source} of {night} holds a record known at {newest}, after the cut-off {end}")

    def _record_findings(self, night: Night, item: Judged) -> None:
        """Record what was set aside and what broke; the same finding is recorded once."""
        by_rule = counts(item.quarantine)
        if by_rule:
            self.tables.record("night_quarantined", night, item.source, {"records": sum(by_rule.values()), "rules": by_rule})
        version: dict[str, object] = {"contract_digest": item.contract.digest}
        breaches = [vars(breach) for breach in item.judgement.breaches]
        if breaches:
            self.tables.record("contract_broken", night, item.source, {"breaches": breaches, **version})
        warnings = [vars(breach) for breach in item.judgement.warnings]
        if warnings:
            self.tables.record("contract_warned", night, item.source, {"breaches": warnings, **version})

    def _broken(self, night: Night, broken: list[Judged]) -> ContractBroken:
        breaches = [
            f"source '{item.source}', night {night}, rule {breach.rule} ({breach.place}): "
            f"observed {breach.observed}, expected {breach.expected}."
            for item in broken
            for breach in item.judgement.breaches
        ]
        quarantine = command("quarantine", self.use_case.use_case, night)
        pages = command("contracts", self.use_case.use_case)
        return ContractBroken(
            f"the night breaks its contract and is not published: {' '.join(breaches)}",
            where=self.use_case.use_case,
            do=f"Look at the night in the table {self.tables.table('quarantine')} ({quarantine}; {pages} makes pages of it), "
            "mend the source and run the night again; if the data is right, correct the rule.",
        )
