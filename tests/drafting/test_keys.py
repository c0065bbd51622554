"""A key is the least that tells records apart and never changes: no label, no leak, nothing that is filled in later."""

from __future__ import annotations

import random

import pytest

from tests.fixtures_samples import days, planned

COUNT = 240


def noise(seed: int, among: int = 10**9) -> list[int]:
    chance = random.Random(seed)
    return [chance.randrange(among) for _ in range(COUNT)]


def label() -> list[int]:
    return noise(99, 2)


def test_a_digest_is_of_what_never_changes() -> None:
    y = label()
    told = [f"{value + 0.5}" for value in y]
    later = [None if i > 200 else value for i, value in enumerate(noise(1))]
    drafted = planned({
        "at": days(COUNT), "a": [f"{v / 7:.4f}" for v in noise(2)], "b": [f"{v / 7:.4f}" for v in noise(3)], "told": told,
        "status": noise(4), "later": later, "up": [None if i > 200 else v for i, v in enumerate(y)],
    }, label="up")  # fmt: skip
    assert drafted.key == ("record_id",)
    assert drafted.fields[0].sql == "md5(concat_ws(chr(31), coalesce(\"at\", ''), coalesce(\"a\", ''), coalesce(\"b\", '')))"


def test_what_is_missing_at_times_is_digested_only_where_records_would_be_one_without_it() -> None:
    drafted = planned({"at": days(COUNT), "x": [None if i % 3 else i + 0.25 for i in range(COUNT)], "up": label()})
    assert '"x"' in drafted.fields[0].sql
    assert '"up"' not in drafted.fields[0].sql
    assert "records repeat another" in drafted.key_note


def test_a_counter_is_a_key_whatever_it_is_called() -> None:
    columns = {"instant": range(1, COUNT + 1), "at": days(COUNT), "a": noise(2, 300), "b": noise(3), "sold": label()}
    assert planned(columns).key == ("instant",)


@pytest.mark.parametrize(("spread", "key"), [(2 * COUNT - 1, ("amount",)), (2 * COUNT, ("record_id",))])
def test_whole_numbers_with_wide_gaps_are_amounts_and_no_counter(spread: int, key: tuple[str, ...]) -> None:
    amounts = [*range(COUNT - 1), spread]
    assert planned({"amount": amounts, "at": days(COUNT), "sold": label()}, label="sold").key == key


def test_an_instant_is_a_key_as_its_text() -> None:
    times = [f"2024-01-{1 + i // 24:02d}T{i % 24:02d}:00:00+01:00" for i in range(COUNT)]
    drafted = planned({"measured": times, "x": [f"{v / 7}" for v in noise(1)], "sold": label()})
    assert drafted.key == ("measured_text",)
    key = drafted.field["measured_text"]
    assert (key.type, key.sql) == ("string", "timezone('UTC', (\"measured\"::timestamptz)::timestamptz)::varchar")
    assert drafted.outcome_fields[0] == key


def test_a_named_instant_is_a_key_too() -> None:
    columns = {"store": ["a", "b"] * (COUNT // 2), "at": days(COUNT), "sold": label()}
    assert planned(columns, key=("store", "at")).key == ("store", "at_text")


def test_two_columns_are_the_key_where_two_are_enough() -> None:
    stores, dates = [f"s{i % 12}" for i in range(COUNT)], [f"2024-01-{1 + i // 12:02d}" for i in range(COUNT)]
    columns = {"shop": stores, "city": [f"c{i % 3}" for i in range(COUNT)], "date": dates, "sold": label()}
    assert set(planned(columns, label="sold").key) == {"shop", "date"}


@pytest.mark.parametrize("name", ["last_updated", "status", "closed_on"])
def test_what_changes_is_no_key(name: str) -> None:
    columns = {name: [f"v{i}" for i in range(COUNT)], "at": days(COUNT), "sold": label()}
    assert planned(columns, label="sold").key == ("record_id",)


def test_the_label_and_what_tells_it_are_no_key() -> None:
    amounts = [f"{value / 1000:.3f}" for value in noise(5)]
    columns = {"at": days(COUNT), "order_code": amounts, "amount": amounts}
    drafted = planned(columns, label="amount")
    assert drafted.key == ("record_id",)
    assert drafted.fields[0].sql.count("coalesce") == 1


def with_total(count: int, totals: int, name: str = "id") -> dict[str, list[object]]:
    """A file of a counter whose last lines hold totals."""
    lines = [*range(1, count + 1), *["Total"] * totals]
    times = [*days(count), *[None] * totals]
    return {name: lines, "at": times, "a": [i / 7 for i in range(len(lines))], "sold": [i % 2 for i in range(len(lines))]}


@pytest.mark.parametrize(("totals", "key"), [(0, "id"), (5, "id"), (6, "record_id")])
def test_one_bad_line_in_two_hundred_does_not_take_the_key_away(totals: int, key: str) -> None:
    drafted = planned(with_total(1000, totals))
    assert drafted.key == (key,)
    assert (f"of {1000 + totals:,} records {totals} without will be set aside" in drafted.key_note) == (0 < totals < 6)


def test_a_counter_of_any_name_outlives_a_bad_line() -> None:
    assert planned(with_total(1200, 1, "customer")).key == ("customer",)


def twice(first: int) -> list[str]:
    """The times of records of which the last is one before it again."""
    return [*days(COUNT - 1), days(COUNT)[first]]


def test_a_record_that_came_twice_does_not_take_the_key_away() -> None:
    columns = {"ref": [f"r{v}" for v in [*range(COUNT - 1), 7]], "at": twice(7), "a": [i % 9 for i in range(COUNT - 1)] + [7]}
    drafted = planned({**columns, "sold": label()}, label="sold")
    assert drafted.key == ("ref",)
    assert drafted.key_note == "check: of 240 records 1 with that of another record will be set aside"


def test_lines_of_orders_are_told_apart_by_both_numbers_where_an_order_has_two_lines() -> None:
    lines = {"order_id": [f"o{v}" for v in [*range(COUNT - 1), 7]], "line": [*[1] * (COUNT - 1), 2]}
    assert set(planned({**lines, "at": twice(7), "sold": label()}, label="sold").key) == {"order_id", "line"}


def test_whole_numbers_written_with_a_point_are_a_key_under_any_name() -> None:
    columns = {"customer": [f"{i + 1}.0" for i in range(COUNT)], "at": days(COUNT), "sold": label()}
    drafted = planned(columns, label="sold")
    assert drafted.key == ("customer",)
    assert drafted.field["customer"].type == "integer"
    repeated = planned({**columns, "customer": [f"{100 * (i // 2)}.0" for i in range(COUNT)]}, label="sold")
    assert repeated.field["customer"].type == "number"
