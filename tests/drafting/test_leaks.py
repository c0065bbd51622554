"""What was written after the outcome was known goes with it, and the draft says by what it was told."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest

from tests.fixtures_samples import afterwards, days, features, planned

COUNT = 1_000
CHANCE = random.Random(11)
Y = [int(CHANCE.random() < 0.3) for _ in range(COUNT)]


def found(label: list[object] | None = None, task: str | None = None, **columns: list[object]) -> dict[str, str]:
    chance = random.Random(7)
    honest = [f"{chance.gauss(0, 1):.5f}" for _ in range(COUNT)]
    drafted = planned(
        {"id": [f"k{i}" for i in range(COUNT)], "at": days(COUNT), "honest": honest, **columns, "came": label or Y},
        label="came",
        task=task,
    )
    leaks = afterwards(drafted)
    assert "honest" not in leaks
    assert not features(drafted) & set(leaks)
    return leaks


def test_one_column_that_tells_all() -> None:
    leaks = found(leak=[f"{10 * y + CHANCE.random():.4f}" for y in Y], state_=["won" if y else "lost" for y in Y])
    assert leaks["leak"] == "check: alone it tells the outcome (AUC 1.00 in the sample); known only afterwards?"
    assert "state" in leaks


def test_a_column_that_is_filled_in_for_one_class_only() -> None:
    leaks = found(left_on=["2024-05-01" if y and i % 2 else None for i, y in enumerate(Y)])
    there = sum(y and i % 2 for i, y in enumerate(Y))
    assert leaks["left_on"].startswith(f"check: it is there only where the outcome is positive ({there:,} of {there:,})")


def test_a_column_that_is_zero_for_one_class() -> None:
    leaks = found(paid_back=[CHANCE.randrange(1, 90) if y and i % 2 else 0 for i, y in enumerate(Y)])
    assert leaks["paid_back"].startswith("check: it is other than 0 only where the outcome is positive")


def test_a_column_that_is_filled_in_where_the_outcome_is_known() -> None:
    known = [i < 700 for i in range(COUNT)]
    label = [y if there else None for y, there in zip(Y, known, strict=True)]
    leaks = found(label, reviewed_by=[f"p{i % 9}" if there and i % 2 else None for i, there in enumerate(known)])
    assert leaks == {
        "reviewed_by": "check: it is filled in only where the outcome is known (350 of 350 values); known only afterwards?"
    }


@pytest.mark.parametrize(("name", "is_leak"), [("old_score", True), ("call_duration", True), ("distance", False)])
def test_the_name_of_a_prediction_or_of_an_aftermath_needs_less(name: str, is_leak: bool) -> None:
    drawn = random.Random(5)
    values = [f"{y * 1.6 + drawn.gauss(0, 1):.4f}" for y in Y]  # AUC 0.87
    assert (name in found(**{name: values})) == is_leak


LATER = "check: it lies after 'at' in 100% of the records, by 3.0 days in the middle; the difference tells the outcome (AUC {})"


def later(days_after: list[float], kind: str = "%Y-%m-%dT%H:%M:%SZ") -> list[str]:
    """The times of the records, each so many days later."""
    return [
        (datetime.fromisoformat(at) + timedelta(days=by)).strftime(kind) for at, by in zip(days(COUNT), days_after, strict=True)
    ]


def test_a_time_after_the_event_is_known_later_and_its_delay_is_looked_at() -> None:
    drawn = random.Random(3)
    chance = [drawn.choice([1, 3, 3, 5]) for _ in Y]
    leaks = found(delivered_at=later([2.5 + 3 * y for y in Y]), packed=later(chance), picked=later([3.0] * COUNT, "%Y-%m-%d"))
    assert leaks["delivered_at"].startswith("check: it lies after 'at' in 100% of the records, by 2.5 days in the middle")
    assert "the difference tells the outcome (AUC 1.00 in the sample)" in leaks["delivered_at"]
    assert set(leaks) == {"delivered_at", "packed", "picked"}
    assert leaks["picked"] == f"{LATER.format('0.50 in the sample')[:-1]}); known only afterwards?"


@pytest.mark.parametrize(
    ("name", "after", "is_leak"),
    [
        ("shipped", [1.0] * 90 + [-1.0] * 10, True), ("shipped", [1.0] * 89 + [-1.0] * 11, False),
        ("due_date", [3.0] * 100, False),
        ("booked", [-2.0] * 100, False), ("same_day", [0.0] * 100, False),
        ("scanned", [0.01] * 100, True),
    ],
)  # fmt: skip
def test_a_time_is_later_where_nine_in_ten_are_and_none_that_is_planned(name: str, after: list[float], is_leak: bool) -> None:
    assert (name in found(**{name: later([after[i % 100] for i in range(COUNT)])})) == is_leak


@pytest.mark.parametrize(
    ("name", "gain", "is_asked"),
    [
        ("call_duration", 0.9, True), ("call_duration", 0.0, False), ("Bearbeitungsdauer", 0.9, True), ("durée", 0.9, True),
        ("esito", 0.9, True), ("distance", 0.9, False), ("old_score", 0.9, False),
    ],
)  # fmt: skip
def test_a_name_that_speaks_of_an_end_is_asked_about_where_it_tells_something(name: str, gain: float, is_asked: bool) -> None:
    drawn = random.Random(5)
    values = [f"{y * gain + drawn.gauss(0, 1):.4f}" for y in Y]  # AUC 0.74
    drafted = planned({"id": [f"k{i}" for i in range(COUNT)], "at": days(COUNT), name: values, "came": Y}, label="came")
    field = next(item for item in drafted.fields if item.profile and item.profile.original == name)
    assert drafted.doubted == ((field.name,) if is_asked else ())
    asked = "check: its name speaks of what came of a record, and alone it tells the outcome (AUC 0."
    assert (asked in field.comment) == is_asked


def test_of_numbers_and_classes_an_end_is_asked_about_too() -> None:
    drawn = random.Random(9)
    amounts = [drawn.gauss(0, 1) for _ in Y]
    told = [f"{amount + drawn.gauss(0, 1):.4f}" for amount in amounts]  # correlation 0.7
    base = {"id": [f"k{i}" for i in range(COUNT)], "at": days(COUNT), "result_code": told}
    assert planned({**base, "came": [f"{a:.5f}" for a in amounts]}, label="came").doubted == ("result_code",)
    classes = ["low" if a < -0.4 else "mid" if a < 0.4 else "high" for a in amounts]
    assert planned({**base, "came": classes}, label="came").doubted == ("result_code",)


def test_how_a_column_that_is_known_later_is_read_stays_with_it() -> None:
    leaks = found(paid_back=[f"{CHANCE.randrange(1, 90)},5" if y and i % 2 else "0" for i, y in enumerate(Y)])
    assert leaks["paid_back"].endswith("; known only afterwards?; check: read with a comma before the decimals")


def test_two_parts_of_a_sum() -> None:
    casual, registered = ([CHANCE.randrange(1, 90) for _ in range(COUNT)] for _ in range(2))
    leaks = found([a + b for a, b in zip(casual, registered, strict=True)], casual=casual, registered=registered)
    assert set(leaks) == {"casual", "registered"}
    assert "the sum of 'casual', 'registered' is the outcome itself" in leaks["casual"]


def test_three_parts_of_a_difference_and_factors_of_a_product() -> None:
    a, b, c = ([CHANCE.randrange(10, 900) / 10 for _ in range(COUNT)] for _ in range(3))
    label: list[object] = [f"{x + y - z:.3f}" for x, y, z in zip(a, b, c, strict=True)]
    leaks = found(label, "regression", a=a, b=b, c=c)
    assert set(leaks) == {"a", "b", "c"}
    assert "difference" in leaks["c"]
    label = [f"{x * y:.6f}" for x, y in zip(a, b, strict=True)]
    leaks = found(label, "regression", a=a, b=b, c=c)
    assert set(leaks) == {"a", "b"}
    assert "product" in leaks["a"]


def test_two_amounts_that_are_compared() -> None:
    due = [CHANCE.randrange(100, 900) for _ in range(COUNT)]
    paid = [d - CHANCE.randrange(1, 90) if y else d + CHANCE.randrange(0, 90) for d, y in zip(due, Y, strict=True)]
    leaks = found(due=due, paid=paid)
    assert leaks["due"] == "check: with 'paid' it tells the outcome (AUC 1.000 of their difference); known only afterwards?"
    assert set(leaks) == {"due", "paid"}


def test_three_amounts_whose_sum_is_compared() -> None:
    drawn = random.Random(9)
    parts = [[drawn.gauss(50, spread) for _ in range(COUNT)] for spread in (9, 12, 15)]
    label = [int(a + b - c > 62) for a, b, c in zip(*parts, strict=True)]
    fees, costs, credits = ([f"{value:.3f}" for value in part] for part in parts)
    other = [f"{drawn.gauss(0, 1) + y:.3f}" if i % 9 else None for i, y in enumerate(label)]
    leaks = found(label, fees=fees, other=other, costs=costs, credits=credits)
    assert set(leaks) == {"fees", "costs", "credits"}
    assert leaks["fees"].startswith("check: with 'costs' and 'credits' it tells the outcome (AUC ")
    noisy = [int(a + b - c + drawn.gauss(0, 5) > 62) for a, b, c in zip(*parts, strict=True)]
    assert found(noisy, fees=fees, costs=costs, credits=credits) == {}


def test_one_of_three_classes_is_told_by_another_column() -> None:
    classes: list[object] = [CHANCE.choice("abc") for _ in range(COUNT)]
    leaks = found(classes, mirror=[f"it is {c}" for c in classes])
    assert leaks["mirror"].startswith("check: alone it tells the outcome (accuracy 1.00")


def test_what_only_helps_is_no_leak() -> None:
    drawn = random.Random(5)
    helpful = [f"{y * 2 + drawn.gauss(0, 1):.4f}" for y in Y]
    kinds = [drawn.choice("ab" if y else "bc") for y in Y]
    weights = [3 * drawn.random() for _ in range(COUNT)]
    assert found(helpful=helpful, kinds=kinds, weights=weights) == {}
    label: list[object] = [f"{2 * float(h) + w:.6f}" for h, w in zip(helpful, weights, strict=True)]
    assert found(label, "regression", helpful=helpful, weights=[f"{w:.6f}" for w in weights]) == {}


def test_the_key_of_a_sorted_file_is_no_leak() -> None:
    drafted = planned({"order_id": range(COUNT), "at": days(COUNT), "came": sorted(Y)})
    assert drafted.key == ("order_id",)
    assert afterwards(drafted) == {}
