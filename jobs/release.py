"""Release records from quarantine: judge them again by today's declaration and contract, and publish those that pass.

What decides is recorded before anything is published: a release that was killed half-way is finished by the same command.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from jobs.published import Published
from jobs.raw_tables import RawTables
from nightloop.contracts import Contract, History, Parameters, load_contract, numbers
from nightloop.contracts.references import in_order, referred
from nightloop.contracts.rejudging import breaches, check_keys, passing
from nightloop.contracts.releases import RELEASED, record_digest
from nightloop.contracts.summaries import summary
from nightloop.definitions import UseCase
from nightloop.errors import ContractBroken, NotReady, UsageError
from nightloop.lake.digest import content_digest
from nightloop.nights import Night, one
from nightloop.sources import Arrival, no_arrival, raw_schema, read_source
from nightloop.sources.accepted import AcceptedRecords
from nightloop.workspace import Workspace

STAGE = "release"
Record = Mapping[str, str]  # a row of the quarantine table


@dataclass(frozen=True)
class Wanted:
    """Which quarantined records a person asks for, why, and whether they come in although they break a rule."""

    reason: str
    by: str
    source: str | None = None
    rule: str | None = None
    record: str | None = None  # beginning of a record's digest
    accept: bool = False

    def holds(self, row: Record) -> bool:
        """Whether a row of the quarantine is asked for."""
        asked = self.source in {None, row["source"]} and self.rule in {None, row["rule"]}
        return asked and (self.record is None or record_digest(row["record"]).startswith(self.record))


def run(use_case: UseCase, night: Night, workspace: Workspace, wanted: Wanted) -> list[Published]:
    """Release what passes today, or what a person accepts, and return what was published: nothing if nothing passes.

    Raises:
        NotReady: the night has no quarantine, or its raw tables were never published.
        UsageError: nothing asked for is in quarantine; no reason; an accepted record would share a key, or has none.
        ContractBroken: the night with these records would break a limit.
    """
    if not wanted.reason.strip() or not wanted.by.strip():
        raise UsageError("a release has a reason and a name.", do="Give --reason and --by.")
    workspace.lake.require(f"{use_case.use_case}/quarantine", one(night))
    release = _Release(use_case, night, workspace, wanted)
    held = [row for row in release.quarantine().to_pylist() if row["record"] is not None and wanted.holds(row)]
    if not held:
        raise UsageError(
            f"no such record is in quarantine in the night {night}.",
            where=f"{use_case.use_case}/quarantine",
            do=f"See what is: python -m jobs quarantine {use_case.use_case} {night}",
        )
    by_source = {name: [row for row in held if row["source"] == name] for name in release.order}
    return [item for name, records in by_source.items() if records for item in release.source(name, records)]


class _Release:
    def __init__(self, use_case: UseCase, night: Night, workspace: Workspace, wanted: Wanted) -> None:
        self.use_case, self.night, self.workspace, self.wanted = use_case, night, workspace, wanted
        self.cache = workspace.settings.home / "cache" / "verdicts"
        self.tables = RawTables(use_case, workspace, STAGE)
        columns = {name: raw_schema(source).names for name, source in use_case.sources.items()}
        folder = workspace.settings.contracts
        self.contracts = {name: load_contract(folder, use_case.contracts_of, name, columns[name]) for name in columns}
        self.order = in_order(self.contracts, columns)

    def quarantine(self) -> pa.Table:
        """Return the night's quarantine."""
        return self.workspace.lake.read(self.tables.table("quarantine"), one(self.night)).drop_columns(["night"])

    def source(self, name: str, held: Sequence[Record]) -> list[Published]:
        """Release records of one source; those that do not pass stay where they are."""
        published, done = self._published(name), self._done(name)
        records = [row for row in held if record_digest(row["record"]) not in done]
        arrival = self._read(name, [row["record"] for row in records])
        past = self._numbers(name)
        let_in = pa.array(self._let_in(name, published, arrival, past), pa.int64())
        leaving = [records[at] for at in arrival.positions.take(let_in).to_pylist()]
        told: list[Published] = []
        if leaving:
            rows = pa.concat_tables([published, arrival.rows.take(let_in)])
            told.append(self._publish(name, rows, leaving, past, stay=len(records) - len(leaving)))
        gone = {record_digest(row["record"]) for row in (*leaving, *(row for row in held if row not in records))}
        return [*told, self._empty(name, gone)] if gone else told

    def _let_in(self, name: str, published: pa.Table, arrival: Arrival, past: Parameters) -> list[int]:
        """Return the positions of the rows that go into the raw table."""
        if self.wanted.accept:
            check_keys(self.use_case.sources[name].key, published, arrival.rows, self.tables.table(f"raw_{name}"))
            return list(range(arrival.rows.num_rows))
        found = passing(self.contracts[name], published, arrival.rows, past, self.cache)
        return [at for at, rule in found.items() if not rule]

    def _published(self, name: str) -> pa.Table:
        table, lake = self.tables.table(f"raw_{name}"), self.workspace.lake
        if self.night not in lake.states(table):
            raise NotReady(
                f"the night {self.night} was never published, so nothing can join it.",
                where=table,
                do=f"Correct what failed it, then run: python -m jobs ingest {self.use_case.use_case} {self.night}",
            )
        rows = lake.read(table, one(self.night)).drop_columns(["night"])
        return rows.select(raw_schema(self.use_case.sources[name]).names).combine_chunks()

    def _done(self, name: str) -> set[str]:
        """Return the digests of records that are in the raw table already: their release was killed before they left."""
        state = self.workspace.lake.states(self.tables.table(f"raw_{name}"))[self.night]
        events = self.workspace.ledger.events(self.use_case.use_case, kind=RELEASED, night=self.night, subject=name)
        standing = [event for event in events if event.payload["content_digest"] == state.content_digest]
        return {digest for event in standing for digest in event.payload["digests"]}

    def _read(self, name: str, records: Sequence[str]) -> Arrival:
        source = self.use_case.sources[name]
        kept = AcceptedRecords(records, source, self.tables.table("quarantine"))
        settings = self.workspace.settings
        reading = read_source(
            name,
            self.use_case,
            one(self.night),
            cache=settings.home / "cache" / "sources",
            definitions=settings.definitions,
            instead=kept,
        )
        return reading.arrivals.get(self.night) or no_arrival(self.night, source)

    def _numbers(self, name: str) -> Parameters:
        contract, lake = self.contracts[name], self.workspace.lake
        states = lake.states(self.tables.table(f"raw_{name}"))
        history = {night: History(state.rows, state.summary) for night, state in states.items()}
        others = {rule.refers_to[0] for rule in contract.rules if rule.refers_to is not None}
        kept = {other: lake.read(self.tables.table(f"raw_{other}"), one(self.night)) for other in others}
        return numbers(self.night, self.use_case.time_zone, history, contract, referred(contract, kept))

    def _publish(self, name: str, rows: pa.Table, leaving: Sequence[Record], past: Parameters, *, stay: int) -> Published:
        """Record the release, then publish the night with the records in it."""
        self._check_limits(self.contracts[name], rows, past)
        rules = dict(sorted(Counter(row["rule"] for row in leaving).items()))
        payload = {
            "records": len(leaving),
            "rules": rules,
            "digests": sorted({record_digest(row["record"]) for row in leaving}),
            "accepted": self.wanted.accept,
            "by": self.wanted.by,
            "reason": self.wanted.reason,
            "contract_digest": self.contracts[name].digest,
            "content_digest": content_digest(rows),
        }
        self.tables.record(RELEASED, self.night, name, payload)
        details = {"released": len(leaving), "stay": stay, "rules": rules, "by": self.wanted.by}
        states = self.workspace.lake.states(self.tables.table(f"raw_{name}"))
        inputs = states[self.night].inputs
        return self.tables.publish(name, self.night, rows, columns=summary(rows), details=details, inputs=inputs)

    def _check_limits(self, contract: Contract, rows: pa.Table, past: Parameters) -> None:
        broken = breaches(contract, rows, past, self.cache)
        if broken:
            said = [f"rule {item.rule} ({item.place}): observed {item.observed}, expected {item.expected}." for item in broken]
            raise ContractBroken(
                f"source '{contract.source}', night {self.night}, would with them break its contract: {' '.join(said)}",
                where=self.use_case.use_case,
                do="Release fewer of them, or correct the rule.",
            )

    def _empty(self, name: str, gone: set[str]) -> Published:
        """Publish the night's quarantine without the records that left it."""
        rows = self.quarantine()
        pairs = zip(rows.column("source").to_pylist(), rows.column("record").to_pylist(), strict=True)
        leaves = [source == name and record is not None and record_digest(record) in gone for source, record in pairs]
        left = rows.filter(pc.invert(pa.array(leaves, pa.bool_())))
        return self.tables.commit("quarantine", self.night, left, details={"quarantined": left.num_rows})
