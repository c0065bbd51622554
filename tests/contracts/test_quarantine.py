"""What the quarantine table holds of a night, and which rows a person's word lets out of it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from nightloop.contracts.judging import Breach, Judgement
from nightloop.contracts.quarantine import (
    RELEASED,
    SCHEMA,
    AcceptedRows,
    accepted_digests,
    counts,
    quarantine_rows,
    record_digest,
    records_of,
)
from nightloop.definitions.use_case import Source
from nightloop.sources import Arrival, Refused
from nightloop.sources.arrivals import Texts
from nightloop.workspace import Workspace
from tests.contracts.rules import rule

NIGHT = date(2024, 3, 20)
AT = datetime(2024, 3, 20, 12, tzinfo=UTC)
SOURCE = Source.model_validate(
    {
        "description": "Readings.",
        "connector": {"kind": "files", "pattern": "x.csv"},
        "columns": {
            "meter": {"type": "string", "expression": "meter", "description": "Meter."},
            "at": {"type": "timestamp", "expression": "at", "description": "When."},
            "value": {"type": "number", "expression": "value", "description": "Value."},
        },
        "key": ["meter", "at"],
    }
)


def arrival(refused: tuple[Refused, ...] = ()) -> Arrival:
    """Five records as read, of which the third is refused; rows are the records 4, 0, 1, 3 in this order."""
    text = pa.table({"meter": ["m0", "m1", "m2", "m3", None], "value": ["0", "1", "zwö", "3", "4"]})
    text = text.append_column("=nl:row", pa.array(range(5))).append_column("=nl:flaw", pa.array([None] * 5, pa.string()))
    rows = pa.table(
        {
            "meter": pa.array([None, "m0", "m1", "m3"]),
            "at": pa.array([AT] * 4, pa.timestamp("us", "UTC")),
            "value": [4.0, 0.0, 1.0, 3.0],
        }
    )
    return Arrival(NIGHT, rows, pa.array([4, 0, 1, 3]), refused, Texts(text))


def judgement(*breaches: Breach, **aside: str) -> Judgement:
    set_aside = {int(row[1:]): rule(name, "quarantine") for row, name in aside.items()}
    return Judgement(arrival().rows, set_aside, breaches, (), ())


def test_refused_records_come_first_then_rows_set_aside_then_what_failed_the_night() -> None:
    broken = Breach("max(value)", "9", "max_value 5", "Small.", "suite:3")
    refused = (Refused(2, "readable:value", "'value' cannot be computed from this record."),)
    table = quarantine_rows("readings", SOURCE, arrival(refused), judgement(broken, r2="rule_a", r0="rule_b"))
    assert table.schema == SCHEMA
    rows = table.to_pylist()
    assert [row["rule"] for row in rows] == ["readable:value", "rule_a()", "rule_b()", "max(value)"]
    assert {row["source"] for row in rows} == {"readings"}
    assert [row["reason"] for row in rows] == [
        "'value' cannot be computed from this record.",
        "A rule.",
        "A rule.",
        "the night failed: observed 9, expected max_value 5.",
    ]
    assert [row["record"] and json.loads(row["record"])["value"] for row in rows] == ["zwö", "1", "4", None]
    assert "zwö" in rows[0]["record"], "as it was read, not escaped"
    assert rows[1]["key"] is not None and "m1" in rows[1]["key"] and "2024-03-20T12:00:00+00:00" in rows[1]["key"]
    assert [rows[i]["key"] for i in (0, 2, 3)] == [None, None, None], "refused; a part of the key is missing; no record"


def test_a_night_with_nothing_wrong_has_an_empty_quarantine() -> None:
    table = quarantine_rows("readings", SOURCE, arrival(), judgement())
    assert (table.num_rows, table.schema) == (0, SCHEMA)


def test_records_are_counted_by_rule_the_most_first_and_failures_of_the_night_not_at_all() -> None:
    rules = ["b", "a", "c", "b", "a", "d"]
    records = ["{}", "{}", "{}", "{}", "{}", None]
    table = pa.table([["s"] * 6, rules, ["r"] * 6, records, [None] * 6], schema=SCHEMA)
    assert list(counts(table).items()) == [("a", 2), ("b", 2), ("c", 1)]


def test_records_of_rows_are_those_they_were_made_from() -> None:
    found = [json.loads(record)["value"] for record in records_of(arrival(), [2, 0])]
    assert found == ["1", "4"]
    assert records_of(arrival(), []) == []


def test_a_record_is_known_by_the_digest_of_its_text() -> None:
    assert record_digest('{"a": "ü"}') == hashlib.sha256('{"a": "ü"}'.encode()).hexdigest()


# --- accepted records --------------------------------------------------------------------------------------------------


def test_a_row_whose_record_was_accepted_is_exempt() -> None:
    record = records_of(arrival(), [1])[0]
    assert AcceptedRows(arrival(), lambda: {record_digest(record), "another"})([0, 1, 3]) == [1]
    assert AcceptedRows(arrival(), set)([0, 1, 3]) == []


def test_each_acceptance_exempts_one_copy_of_a_record() -> None:
    text = pa.table({"x": ["same", "same", "other"], "=nl:row": [0, 1, 2], "=nl:flaw": pa.array([None] * 3, pa.string())})
    twice = Arrival(NIGHT, pa.table({"x": ["same", "same", "other"]}), pa.array([0, 1, 2]), (), Texts(text))
    assert AcceptedRows(twice, lambda: [record_digest('{"x": "same"}')])([0, 1, 2]) == [0]


@pytest.mark.parametrize("other", [{"accepted": False}, {"night": date(2024, 3, 21)}, {"subject": "visits"}, {"use_case": "x"}])
def test_accepted_are_the_records_a_person_let_in_of_this_night_and_source(workspace: Workspace, other: dict[str, Any]) -> None:
    """Of records released because they pass today no mark is needed."""
    released = {"use_case": "shop", "night": NIGHT, "subject": "orders", "accepted": True}
    for event, digest in ((released, "d1"), (released | other, "d2")):
        payload = {"accepted": event["accepted"], "digests": [digest]}
        workspace.ledger.record(RELEASED, event["use_case"], night=event["night"], subject=event["subject"], payload=payload)
    assert accepted_digests(workspace.ledger, "shop", NIGHT, "orders") == {"d1"}


def test_acceptances_of_several_times_add_up(workspace: Workspace) -> None:
    for digest in ("d1", "d2"):
        payload = {"accepted": True, "digests": [digest]}
        workspace.ledger.record(RELEASED, "shop", night=NIGHT, subject="orders", payload=payload)
    assert accepted_digests(workspace.ledger, "shop", NIGHT, "orders") == {"d1", "d2"}
