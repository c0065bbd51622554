"""Which night a record goes to, and why it goes to none: each border a microsecond to both sides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import pyarrow as pa
import pytest

from nightloop.definitions import UseCase, load_use_case
from nightloop.definitions.use_case import Source
from nightloop.nights import Night, parse_nights
from nightloop.sources import Arrival, Reading, no_arrival, raw_schema, read_source
from nightloop.sources.connector import Delivery
from nightloop.sources.factory import QuarantinedRecords
from nightloop.sources.text_table import finished
from tests.fixtures_ingest import SHOP

NIGHT = date(2024, 3, 9)  # in New York from 05:00 UTC on; the clocks change in the night after it
END = datetime(2024, 3, 10, 5, tzinfo=UTC)
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Records:
    """A connector that brings the given records of each night."""

    nights: Mapping[Night, list[dict[str, str | None]]]
    maximum_cell_bytes: int = 1000
    inputs: Mapping[str, int] = field(default_factory=dict)
    origin: str = "here"

    def read(self, night: Night | None) -> Delivery | None:
        rows = self.nights.get(night) if night else None
        if rows is None:
            return None
        text = pa.table(
            {name: pa.array([row[name] for row in rows], pa.string()) for name in ("id", "happened", "known", "gone")}
        )
        return Delivery(finished(text, self.maximum_cell_bytes), self.origin, "Mend it.", self.inputs)


def source(**more: object) -> Source:
    declared = {
        "description": "Events.",
        "connector": {"kind": "files", "pattern": "{night}.csv"},
        "columns": {"id": {"type": "integer", "expression": "id::int", "description": "Number."}},
        "key": ["id"],
    }
    return Source.model_validate(declared | more)


@cache
def shop() -> UseCase:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "shop.yaml").write_text(SHOP)
        return load_use_case("shop", Path(folder))


def reading(declared: Source, connector: Records, nights: str = str(NIGHT)) -> Reading:
    use_case = shop().model_copy(update={"sources": {"events": declared}})
    nowhere = Path("/nowhere")
    return read_source("events", use_case, parse_nights(nights), cache=nowhere, definitions=nowhere, connector=connector)


def record(number: object, known: object = "", at: object = "", gone: str | None = None) -> dict[str, str | None]:
    return {"id": str(number), "happened": str(at) or None, "known": str(known) or None, "gone": gone}


def arrival(declared: Source, *records: dict[str, str | None], night: Night = NIGHT, **more: int) -> Arrival:
    return reading(declared, Records({night: list(records)}, **more), str(night)).arrivals[night]


def outcome(found: Arrival) -> tuple[list[int], dict[int, str]]:
    """Return the numbers of the records in the declared form, and why the others (by position) were refused."""
    return found.rows.column("id").to_pylist(), {item.row: item.rule for item in found.refused}


KNOWN = {"known_at": "known::timestamptz"}
REVISED = KNOWN | {"event_at": "happened::timestamptz", "revised_within": 3}


# --- known in the night ------------------------------------------------------------------------------------------------


def test_a_night_is_the_local_day_on_which_a_record_became_known() -> None:
    found = arrival(
        source(**KNOWN), record(1, END - timedelta(days=1)), record(2, END - TICK), record(3, END), record(4, END - 25 * HOUR)
    )
    assert outcome(found) == ([1, 2], {2: "night:own", 3: "night:own"})
    assert found.positions.to_pylist() == [0, 1]
    assert found.rows_in == 4
    next_night = arrival(source(**KNOWN), record(1, END), record(2, END + 23 * HOUR - TICK), record(3, END + 23 * HOUR),
                         night=NIGHT + timedelta(days=1))  # fmt: skip
    assert outcome(next_night) == ([1, 2], {2: "night:own"}), "the day of the clock change has 23 hours"


def test_a_declared_night_keeps_out_what_was_known_at_the_cut_off_or_later() -> None:
    declared = source(**KNOWN, night="happened::date")
    found = arrival(
        declared, record(1, END - TICK, NIGHT), record(2, END, NIGHT), record(3, END - TICK, "2024-03-08"), record(4, "", NIGHT)
    )
    assert outcome(found) == ([1], {1: "night:cutoff", 2: "night:own", 3: "night:known"})
    assert found.refused[0].reason == "known only after the cut-off of 2024-03-09."
    assert found.refused[1].reason == "the record belongs to another night than 2024-03-09, whose file brought it."
    assert found.refused[2].reason == "when this record was known cannot be told."


def test_without_a_known_time_a_record_is_known_at_the_last_instant_of_its_night() -> None:
    found = arrival(source(night="happened::date"), record(1, "", NIGHT), record(2, "", "2024-03-10"), record(3))
    assert outcome(found) == ([1], {1: "night:own", 2: "night:known"})
    assert found.rows.column("known_at").to_pylist() == [END - TICK]
    assert found.refused[1].reason == "the night of this record cannot be told."


def test_a_record_is_refused_for_the_first_reason_that_holds() -> None:
    declared = source(**KNOWN)
    found = arrival(declared, record("x", "never"), record("y", END), record("1" * 11, END - TICK), maximum_cell_bytes=32)
    assert {item.row: item.rule for item in found.refused} == {
        0: "readable:id", 1: "readable:id", 2: "readable:id",
    }  # fmt: skip
    large = arrival(declared, record("x" * 33, "never"), record(5, END - TICK), maximum_cell_bytes=32)
    assert outcome(large) == ([5], {0: "record:size"})
    assert large.refused[0].reason == "'id' holds 33 bytes; at most 32 are allowed."
    assert large.positions.to_pylist() == [1]


def test_a_night_without_records_is_absent_and_one_of_refused_records_only_is_there() -> None:
    nights = {NIGHT: [record(1, END)], NIGHT + timedelta(days=1): [], NIGHT + timedelta(days=3): [record(2, END + 80 * HOUR)]}
    found = reading(source(**KNOWN), Records(nights, inputs={"other/scores": 4}), "2024-03-09..2024-03-12")
    assert list(found.arrivals) == [NIGHT, NIGHT + timedelta(days=3)]
    assert outcome(found.arrivals[NIGHT]) == ([], {0: "night:own"})
    assert (found.source, found.origin, found.inputs) == ("events", "here", {"other/scores": 4})
    assert reading(source(**KNOWN), Records({NIGHT: []}, inputs={"a": 1})).inputs == {}


def test_records_are_shown_as_they_were_read() -> None:
    found = arrival(source(**KNOWN), record("é", END - TICK), record(2, END - TICK))
    shown = found.texts.records([found.refused[0].row])
    assert [json.loads(text)["id"] for text in shown] == ["é"]
    assert "é" in shown[0] and "=nl:row" not in shown[0] and "=nl:flaw" not in shown[0]
    assert [json.loads(text)["id"] for text in found.texts.records([1, 0])] == ["2", "é"]


# --- revised records ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("happened", "rule"),
    [
        ("2024-03-09 12:00+00", None),
        ("2024-03-06 05:00+00", None),  # three nights before, from its first instant on
        ("2024-03-06 04:59:59.999999+00", "night:too_late"),
        ("2024-03-01 12:00+00", "night:too_late"),
        ("2024-03-20 12:00+00", None),  # known before it happens
        ("", "event:known"),
        ("soon", "readable:event_at"),
    ],
)
def test_a_revision_comes_at_most_so_many_nights_after_its_event(happened: str, rule: str | None) -> None:
    found = arrival(source(**REVISED), record(1, END - TICK, happened))
    assert [item.rule for item in found.refused] == ([] if rule is None else [rule])
    if rule == "night:too_late":
        assert found.refused[0].reason.startswith("it happened more than 3 nights before 2024-03-09: too late")


@pytest.mark.parametrize(
    ("happened", "event_night"),
    [
        ("2024-03-09 04:59:59.999999+00", date(2024, 3, 8)),
        ("2024-03-09 05:00+00", date(2024, 3, 9)),
        ("2024-03-10 05:00+00", date(2024, 3, 9)),  # of the next day, and known already: it counts from this night
        ("2024-03-20 12:00+00", date(2024, 3, 9)),
    ],
)
def test_the_night_of_an_event_is_its_local_day_and_never_after_the_night(happened: str, event_night: date) -> None:
    found = arrival(source(**REVISED), record(1, END - TICK, happened))
    assert found.rows.column("event_night").to_pylist() == [event_night]
    assert found.rows.column("withdrawn").to_pylist() == [False]


def test_a_record_is_withdrawn_where_it_says_so_and_not_where_it_says_nothing() -> None:
    declared = source(**REVISED, withdrawn="gone::boolean")
    rows = [record(i, END - TICK, NIGHT, gone) for i, gone in enumerate(("true", "false", None, "maybe"))]
    found = arrival(declared, *rows)
    assert found.rows.column("withdrawn").to_pylist() == [True, False, False]
    assert {item.row: item.rule for item in found.refused} == {3: "readable:withdrawn"}


# --- the raw table -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "stamps"),
    [
        (source(), []),
        (source(night="happened::date"), ["known_at"]),
        (source(**KNOWN), ["known_at"]),
        (source(**KNOWN, event_at="happened::timestamptz"), ["event_at", "known_at"]),
        (source(**REVISED), ["event_at", "known_at", "event_night", "withdrawn"]),
    ],
)
def test_a_raw_table_has_the_declared_columns_and_its_clocks(declared: Source, stamps: list[str]) -> None:
    assert raw_schema(declared).names == ["id", *stamps]
    empty = no_arrival(NIGHT, declared)
    assert (empty.rows.schema, empty.rows_in, empty.night) == (raw_schema(declared), 0, NIGHT)
    assert empty.texts.records([]) == []


def test_every_declared_type_has_its_column() -> None:
    kinds = {
        "string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(), "date": pa.date32(),
        "timestamp": pa.timestamp("us", tz="UTC"),
    }  # fmt: skip
    columns = {kind: {"type": kind, "expression": "id", "description": "x"} for kind in kinds}
    assert dict(zip(kinds, raw_schema(source(columns=columns, key=["string"])).types, strict=True)) == kinds


# --- records of the quarantine -----------------------------------------------------------------------------------------


def test_quarantined_records_are_read_again_whatever_their_columns() -> None:
    records = ['{"id": "1", "name": "é"}', '{"id": null, "more": "x"}']
    delivery = QuarantinedRecords(records, source(), "shop/quarantine").read(NIGHT)
    assert delivery is not None
    assert delivery.records.to_pylist() == [
        {"id": "1", "name": "é", "more": None, "=nl:row": 0, "=nl:flaw": None},
        {"id": None, "name": None, "more": "x", "=nl:row": 1, "=nl:flaw": None},
    ]
    assert delivery.origin == "shop/quarantine"
    assert QuarantinedRecords([], source(), "shop/quarantine").read(NIGHT) is None


def test_a_quarantined_record_with_too_large_a_value_stays_flawed() -> None:
    small = source(connector={"kind": "files", "pattern": "{night}.csv", "maximum_cell_bytes": 3})
    delivery = QuarantinedRecords(['{"id": "123"}', '{"id": "1234"}'], small, "x").read(NIGHT)
    assert delivery is not None
    flaws = delivery.records.column("=nl:flaw").to_pylist()
    assert flaws == [None, "'id' holds 4 bytes; at most 3 are allowed."]
