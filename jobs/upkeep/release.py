"""Release records from quarantine: judge them again by today's declaration and contract, and publish those that pass.

What decides is recorded before anything is published: a release that was killed half-way is finished by the same command.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from jobs.in_force import InForce, in_force
from jobs.published import Published
from jobs.raw_tables import RawTables
from nightloop.contracts import Contract, History, Parameters, load_contract, parameters_of
from nightloop.contracts.history_limits import summary
from nightloop.contracts.judging import check_keys, night_breaches, still_broken
from nightloop.contracts.parameters import referred_values
from nightloop.contracts.quarantine import RELEASED, record_digest
from nightloop.contracts.suite import in_order
from nightloop.contracts.versions import archive_contract
from nightloop.definitions import UseCase
from nightloop.errors import ContractBroken, NotReady, UsageError, command
from nightloop.lake.digest import content_digest
from nightloop.nights import Night, one
from nightloop.sources import Arrival, no_arrival, raw_schema, read_source
from nightloop.sources.factory import QuarantinedRecords
from nightloop.workspace import Workspace

STAGE = "release"
Record = Mapping[str, str]  # a row of the quarantine table


@dataclass(frozen=True)
class ReleaseRequest:
    """Which quarantined records a person asks for, why, and whether they come in although they break a rule."""

    reason: str
    by: str
    source: str | None = None
    rule: str | None = None
    record: str | None = None  # beginning of a record's digest
    accept: bool = False

    def covers(self, row: Record) -> bool:
        """Whether a row of the quarantine is asked for."""
        named = self.source in {None, row["source"]} and self.rule in {None, row["rule"]}
        return named and (self.record is None or record_digest(row["record"]).startswith(self.record))


def run(use_case: UseCase, night: Night, workspace: Workspace, request: ReleaseRequest) -> list[Published]:
    """Release what passes today, or what a person accepts, and return what was published: nothing if nothing passes.

    Raises:
        NotReady: the night has no quarantine, or its raw tables were never published.
        UsageError: nothing asked for is in quarantine; no reason; an accepted record would share a key, or has none.
        ContractBroken: the night with these records would break a limit.
    """
    if not request.reason.strip() or not request.by.strip():
        raise UsageError("a release has a reason and a name.", do="Give --reason and --by.")
    workspace.lake.require(f"{use_case.use_case}/quarantine", one(night))
    release = _Release(in_force(use_case, one(night), workspace), night, workspace, request)
    records = [row for row in release.quarantine().to_pylist() if row["record"] is not None and request.covers(row)]
    if not records:
        raise UsageError(
            f"no such record is in quarantine in the night {night}.",
            where=f"{use_case.use_case}/quarantine",
            do=f"See what is: {command('quarantine', use_case.use_case, night)}",
        )
    by_source = {name: [row for row in records if row["source"] == name] for name in release.order}
    return [item for name in release.order if by_source[name] for item in release.source(name, by_source[name])]


class _Release:
    def __init__(self, made_by: InForce, night: Night, workspace: Workspace, request: ReleaseRequest) -> None:
        self.use_case, self.night, self.workspace, self.request = made_by.use_case, night, workspace, request
        use_case = self.use_case
        self.cache = workspace.settings.home / "cache" / "verdicts"
        self.tables = RawTables(made_by, workspace, STAGE)
        columns = {name: raw_schema(source).names for name, source in use_case.sources.items()}
        folder = workspace.settings.contracts
        self.contracts = {name: load_contract(folder, use_case.contracts_of, name, columns[name]) for name in columns}
        self.order = in_order(self.contracts, columns)

    def quarantine(self) -> pa.Table:
        """Return the night's quarantine."""
        return self.workspace.lake.read(self.tables.table("quarantine"), one(self.night)).drop_columns(["night"])

    def source(self, name: str, records: Sequence[Record]) -> list[Published]:
        """Release records of one source; those that do not pass stay where they are."""
        night_rows, done = self._published(name), self._done(name)
        pending = [row for row in records if record_digest(row["record"]) not in done]
        arrival = self._read(name, [row["record"] for row in pending])
        parameters = self._parameters(name)
        let_in = pa.array(self._let_in(name, night_rows, arrival, parameters), pa.int64())
        leaving = [pending[i] for i in arrival.positions.take(let_in).to_pylist()]
        published: list[Published] = []
        if leaving:
            rows = pa.concat_tables([night_rows, arrival.rows.take(let_in)])
            published.append(self._publish(name, rows, leaving, parameters, stay=len(pending) - len(leaving)))
        gone = {record_digest(row["record"]) for row in (*leaving, *(row for row in records if row not in pending))}
        return [*published, self._remove_from_quarantine(name, gone)] if gone else published

    def _let_in(self, name: str, published: pa.Table, arrival: Arrival, parameters: Parameters) -> list[int]:
        """Return the positions of the rows that go into the raw table."""
        if self.request.accept:
            check_keys(self.use_case.sources[name].key, published, arrival.rows, self.tables.table(f"raw_{name}"))
            return list(range(arrival.rows.num_rows))
        broken = still_broken(self.contracts[name], published, arrival.rows, parameters, self.cache)
        return [i for i, rule in broken.items() if not rule]

    def _published(self, name: str) -> pa.Table:
        table, lake = self.tables.table(f"raw_{name}"), self.workspace.lake
        if self.night not in lake.states(table):
            raise NotReady(
                f"the night {self.night} was never published, so nothing can join it.",
                where=table,
                do=f"Correct what failed it, then run: {command('ingest', self.use_case.use_case, self.night)}",
            )
        rows = lake.read(table, one(self.night)).drop_columns(["night"])
        return rows.select(raw_schema(self.use_case.sources[name]).names).combine_chunks()

    def _done(self, name: str) -> set[str]:
        """Return the digests of records that are in the raw table already: their release was killed before they left."""
        state = self.workspace.lake.states(self.tables.table(f"raw_{name}"))[self.night]
        events = self.workspace.ledger.events(self.use_case.use_case, kind=RELEASED, night=self.night, subject=name)
        in_force = [event for event in events if event.payload["content_digest"] == state.content_digest]
        return {digest for event in in_force for digest in event.payload["digests"]}

    def _read(self, name: str, records: Sequence[str]) -> Arrival:
        source = self.use_case.sources[name]
        settings = self.workspace.settings
        reading = read_source(
            name,
            self.use_case,
            one(self.night),
            cache=settings.home / "cache" / "sources",
            definitions=settings.definitions,
            connector=QuarantinedRecords(records, source, self.tables.table("quarantine")),
        )
        return reading.arrivals.get(self.night) or no_arrival(self.night, source)

    def _parameters(self, name: str) -> Parameters:
        contract, lake = self.contracts[name], self.workspace.lake
        states = lake.states(self.tables.table(f"raw_{name}"))
        history = {night: History(state.rows, state.summary) for night, state in states.items()}
        others = {rule.refers_to[0] for rule in contract.rules if rule.refers_to is not None}
        publishable = {other: lake.read(self.tables.table(f"raw_{other}"), one(self.night)) for other in others}
        referred = referred_values(contract, publishable)
        return parameters_of(self.night, self.use_case.time_zone, history, contract, referred)

    def _publish(self, name: str, rows: pa.Table, leaving: Sequence[Record], parameters: Parameters, *, stay: int) -> Published:
        """Record the release, then publish the night with the records in it."""
        self._check_limits(self.contracts[name], rows, parameters)
        rules = dict(sorted(Counter(row["rule"] for row in leaving).items()))
        payload = {
            "records": len(leaving),
            "rules": rules,
            "digests": sorted({record_digest(row["record"]) for row in leaving}),
            "accepted": self.request.accept,
            "by": self.request.by,
            "reason": self.request.reason,
            "contract_digest": self.contracts[name].digest,
            "content_digest": content_digest(rows),
        }
        self.tables.record(RELEASED, self.night, name, payload)
        details = {"released": len(leaving), "stay": stay, "rules": rules, "by": self.request.by}
        states = self.workspace.lake.states(self.tables.table(f"raw_{name}"))
        inputs = states[self.night].inputs
        version = archive_contract(self.workspace.lake, self.use_case.use_case, self.contracts[name])
        commit = replace(self.tables.of_stage, inputs=inputs, summary=summary(rows), rules=version)
        return self.tables.publish(name, self.night, rows, commit, details=details)

    def _check_limits(self, contract: Contract, rows: pa.Table, parameters: Parameters) -> None:
        breaches = night_breaches(contract, rows, parameters, self.cache)
        if breaches:
            broken = [
                f"rule {item.rule} ({item.place}): observed {item.observed}, expected {item.expected}." for item in breaches
            ]
            raise ContractBroken(
                f"source '{contract.source}', night {self.night}, would with them break its contract: {' '.join(broken)}",
                where=self.use_case.use_case,
                do="Release fewer of them, or correct the rule.",
            )

    def _remove_from_quarantine(self, name: str, gone: set[str]) -> Published:
        """Publish the night's quarantine without the records that left it."""
        rows = self.quarantine()
        pairs = zip(rows.column("source").to_pylist(), rows.column("record").to_pylist(), strict=True)
        leaves = [source == name and record is not None and record_digest(record) in gone for source, record in pairs]
        staying = rows.filter(pc.invert(pa.array(leaves, pa.bool_())))
        details = {"quarantined": staying.num_rows}
        return self.tables.commit("quarantine", self.night, staying, self.tables.of_stage, details=details)
