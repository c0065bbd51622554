"""The simulated portfolio is the same each time, of the declared size, and hangs together."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from statistics import mean

import numpy as np
import pytest

from nightloop.definitions.simulation import COLUMNS
from nightloop.nights import cutoff
from nightloop.settings import REPOSITORY
from nightloop.sources.simulator.customers import Customers
from nightloop.sources.simulator.draws import Draws, pick
from nightloop.sources.simulator.loans import Loans
from tests.sources.portfolios import NIGHT, TABLES, delivered, numbers, portfolio

ELSEWHERE = "import json; from tests.sources.test_simulator import digests; print(json.dumps(digests()))"


def test_a_draw_depends_on_its_place_and_on_nothing_drawn_before() -> None:
    draws = Draws(7)
    whole = draws.uniform("x", 3, np.arange(1000))
    assert draws.uniform("x", 3, 500)[0] == whole[500]
    assert list(draws.uniform("x", 3, np.array([7, 5]))) == [whole[7], whole[5]]
    assert not np.isin(draws.uniform("y", 3, np.arange(1000)), whole).any()
    assert not np.isin(Draws(8).uniform("x", 3, np.arange(1000)), whole).any()


def test_draws_are_even_and_unrelated_to_those_beside_them() -> None:
    draws, n = Draws(7), 200_000
    uniform = draws.uniform("x", 1, np.arange(n))
    counts = np.histogram(uniform, 100, (0, 1))[0]
    assert np.sum((counts - n / 100) ** 2 / (n / 100)) < 160  # chi square with 99 degrees of freedom: 1 in 10,000 above
    for other in (draws.uniform("x", 2, np.arange(n)), draws.uniform("z", 1, np.arange(n)), np.roll(uniform, 1)):
        assert abs(np.corrcoef(uniform, other)[0, 1]) < 4 / np.sqrt(n)
    normal = draws.normal("n", np.arange(n))
    assert abs(normal.mean()) < 0.01 and abs(normal.std() - 1) < 0.01
    assert np.bincount(pick(uniform, (0.2, 0.5, 0.3))) / n == pytest.approx([0.2, 0.5, 0.3], abs=0.005)


def test_a_night_is_the_same_each_time_alone_or_in_a_range_forwards_or_backwards() -> None:
    alone = {name: delivered(portfolio(), name) for name in TABLES}
    world = portfolio()
    for later in (2, 1, 0, -1):
        for name in TABLES:
            found = delivered(world, name, later=later)
            assert (found == alone[name]) is (later == 0), (name, later)


def digests() -> dict[str, str]:
    """Return a digest of what each table delivers."""
    tables = {name: json.dumps(delivered(portfolio(), name).to_pydict()) for name in TABLES}
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in tables.items()}


def test_a_night_has_the_same_bytes_in_another_process() -> None:
    environment = {"PYTHONHASHSEED": "1", "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-W", "ignore", "-c", ELSEWHERE]
    done = subprocess.run(command, env=environment, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == digests()


def test_another_seed_is_another_portfolio() -> None:
    one, other = Loans(portfolio(), NIGHT.toordinal()), Loans(portfolio(seed=8), NIGHT.toordinal())
    shared = min(len(one.ids), len(other.ids))
    assert (one.customers.ids[:shared] == other.customers.ids[:shared]).mean() < 0.05


def test_the_scale_is_the_number_of_loans_a_night_over_50_000() -> None:
    for scale in (0.002, 0.02):
        rows = [delivered(portfolio(scale=scale), "applications", later=later).num_rows for later in range(7)]
        assert mean(rows) == pytest.approx(50_000 * scale, rel=0.06)
    small, large = (delivered(portfolio(scale=scale), "card_transactions").num_rows for scale in (0.002, 0.02))
    assert large / small == pytest.approx(10, rel=0.1)
    assert (
        delivered(portfolio(), "applications", date(2024, 6, 9)).num_rows
        < 0.6 * delivered(portfolio(), "applications").num_rows
    )


@pytest.mark.parametrize("name", TABLES)
def test_each_table_has_the_columns_that_events_may_name(name: str) -> None:
    assert tuple(delivered(portfolio(), name).column_names) == COLUMNS[name]


@pytest.mark.parametrize("night", [NIGHT, date(2024, 3, 31), date(2024, 10, 27), date(2024, 2, 29)])
def test_every_record_is_known_within_its_night_and_not_before_it_happened(night: date) -> None:
    zone = "Europe/Berlin"
    begins, ends = cutoff(night - timedelta(days=1), zone), cutoff(night, zone)
    for name in TABLES:
        table = delivered(portfolio(), name, night)
        known, happened = COLUMNS[name][-1], COLUMNS[name][-2] if COLUMNS[name][-2].endswith("_at") else COLUMNS[name][-1]
        for known_at, happened_at in zip(table[known].to_pylist(), table[happened].to_pylist(), strict=True):
            landed = datetime.fromisoformat(known_at + "+00:00")
            assert begins <= landed < ends, (name, known_at)
            assert happened_at <= known_at


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("applications", ["loan_id"]),
        ("customers", ["customer_id"]),
        ("repayments", ["loan_id", "instalment"]),
        ("card_transactions", ["transaction_id"]),
        ("bureau", ["customer_id", "reported_on"]),
        ("outcomes", ["loan_id"]),
    ],
)
def test_a_key_comes_once_a_night_and_of_a_customer_that_exists(name: str, key: list[str]) -> None:
    world = portfolio()
    table = delivered(world, name)
    assert table.select(key).group_by(key).aggregate([]).num_rows == table.num_rows
    assert max(table["customer_id"].to_pylist()) < f"C{world.customers:08d}"


def test_a_loan_that_defaults_misses_an_instalment_and_no_other_loan_of_the_night_does() -> None:
    world = portfolio()
    loans = Loans(world, NIGHT.toordinal())
    missed, paid = set(), Counter()
    for later in (30, 34, 39, 46, 60, 64, 69, 76, 90):  # the nights on which the first two instalments can be settled or missed
        for row in delivered(world, "repayments", later=later).to_pylist():
            if row["loan_id"].startswith("L20240604"):
                paid[row["loan_id"]] += 1
                if row["days_late"] == "30":
                    missed.add(row["loan_id"])
                    assert row["amount_paid"] == "0" and int(row["instalment"]) in (1, 2)
    assert missed == {f"L20240604-{i:06d}" for i in loans.ids[loans.defaulted]}
    assert set(paid) == {f"L20240604-{i:06d}" for i in loans.ids}, "every loan is heard of within 90 nights"


def test_an_outcome_comes_90_nights_after_its_loan_and_only_then() -> None:
    world = portfolio()
    outcomes = delivered(world, "outcomes", later=90)
    assert outcomes["loan_id"] == delivered(world, "applications")["loan_id"]
    assert set(outcomes["observed_until"].to_pylist()) == {str(NIGHT + timedelta(days=90))}


def test_every_customer_s_record_and_report_comes_once_in_28_nights() -> None:
    world = portfolio(scale=0.001)
    seen = Counter(
        name for later in range(28) for name in delivered(world, "customers", later=later)["customer_id"].to_pylist()
    )
    assert len(seen) == world.customers and set(seen.values()) == {1}
    reports = (delivered(world, "bureau", later=later) for later in range(28))
    new = [row["customer_id"] for table in reports for row in table.to_pylist() if row["status"] == "new"]
    assert len(new) == len(set(new)) == world.customers


def test_reports_are_corrected_and_withdrawn_later_under_the_same_key() -> None:
    world = portfolio()
    first = {row["customer_id"]: row for row in delivered(world, "bureau").to_pylist() if row["status"] == "new"}
    again = {}
    for later in range(1, 28):
        for row in delivered(world, "bureau", later=later).to_pylist():
            if row["reported_on"] == str(NIGHT):
                assert row["customer_id"] not in again, "a report is revised once"
                assert 3 <= later <= 25
                again[row["customer_id"]] = row
    share = Counter(row["status"] for row in again.values())
    assert share["corrected"] / len(first) == pytest.approx(0.04, abs=0.03)
    assert share["withdrawn"] >= 1
    changed = [first[name]["score"] != row["score"] for name, row in again.items() if row["status"] == "corrected"]
    assert mean(changed) > 0.9
    assert all(row["landed_at"] > first[name]["landed_at"] for name, row in again.items())


def test_payments_are_booked_late_corrected_and_reversed() -> None:
    world = portfolio(scale=0.02)
    first = {row["transaction_id"]: row for row in delivered(world, "card_transactions").to_pylist()}
    first = {name: row for name, row in first.items() if name.startswith("T20240604")}
    late, corrected, reversed_ = 0, 0, 0
    for later in range(1, 8):
        for row in delivered(world, "card_transactions", later=later).to_pylist():
            if row["transaction_id"].startswith("T20240604"):
                assert later <= 4
                known = first.get(row["transaction_id"])
                late += known is None
                reversed_ += row["reversed"] == "true"
                corrected += known is not None and row["reversed"] == "false" and row["amount"] != known["amount"]
                assert row["booked_at"] < row["landed_at"]
    assert late / len(first) == pytest.approx(0.015, rel=0.3)
    assert corrected / len(first) == pytest.approx(0.004, rel=0.5)
    assert reversed_ / len(first) == pytest.approx(0.003, rel=0.5)


def test_the_state_of_a_customer_moves_from_night_to_night_but_not_at_random() -> None:
    world = portfolio(scale=0.05)
    ids, night = np.arange(world.customers), NIGHT.toordinal()
    stress = {later: Customers(world, ids, night + later).stress for later in (0, 1, 30, 180)}
    related = [np.corrcoef(stress[0], stress[later])[0, 1] for later in (1, 30, 180)]
    assert related[0] > 0.97 > related[1] > related[2] > 0.3
    assert Customers(world, ids[5:6], np.array([night])).stress[0] == stress[0][5]


def test_base_rates_are_those_of_a_plausible_bank() -> None:
    world = portfolio(scale=0.05)
    who = Customers(world, np.arange(world.customers), NIGHT.toordinal())
    loans = Loans(world, NIGHT.toordinal())
    assert 0.04 < loans.defaulted.mean() < 0.12
    assert 0.02 < who.out_of_work.mean() < 0.06
    assert 1400 < np.median(who.income) < 2400
    assert who.age.min() >= 18
    repayments = delivered(world, "repayments")
    late = np.array(numbers(repayments, "days_late"))
    assert 0.08 < (late > 0).mean() < 0.3 and 0.005 < (late == 30).mean() < 0.04
