"""A night is held against the nights before it and against other sources: volume, distributions, references."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import ingest
from jobs.published import Published
from nightloop.contracts import Contract, History, Judgement, judge, load_contract, parameters_of
from nightloop.contracts.history_limits import ENOUGH_TO_COMPARE, TOLERANCE, summary, typical_rows_of_weekday
from nightloop.contracts.mistakes import contract_mistakes
from nightloop.errors import ContractBroken, DefinitionError
from nightloop.nights import Night, parse_nights
from nightloop.settings import REPOSITORY
from tests.fixtures_ingest import ORDERS, Shop, order

NIGHT = date(2024, 3, 20)
PLACES = (("HOME", "home"), ("DEFINITIONS", "feature_defs"), ("CONTRACTS", "great_expectations"))
DISTANCE = "expect_column_quantile_values_to_be_between | {column: amount, quantile_ranges: {$PARAMETER: usual_quantiles}}"
MEDIAN = "expect_column_median_to_be_between | {column: amount, min_value: {$PARAMETER: median_low}}"
PRESENT = "expect_column_values_to_not_be_null | {column: amount, mostly: {$PARAMETER: present_low}}"
SHARES = (
    "expect_column_kl_divergence_to_be_less_than | "
    "{column: kind, partition_object: {$PARAMETER: usual_shares}, threshold: 0.1, tail_weight_holdout: 0.01}"
)
WEEKDAY = (
    "expect_table_row_count_to_be_between | "
    "{min_value: {$PARAMETER: rows_low_weekday}, max_value: {$PARAMETER: rows_high_weekday}}"
)


def contract(folder: Path, rule: str, meta: str = "{}") -> Contract:
    kind, kwargs = rule.split(" | ")
    said = f"name: things\nmeta: {meta}\nexpectations:\n  - type: {kind}\n    kwargs: {kwargs}\n"
    path = folder / "great_expectations/shop/things.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{said}    meta: {{on_breach: fail, description: A rule.}}\n")
    return load_contract(folder / "great_expectations", "shop", "things", ["amount", "kind"])


def things(seed: int, scale: float = 1.0, missing: float = 0.1, kinds: str = "aaabbc", rows: int = 400) -> pa.Table:
    rng = np.random.default_rng(seed)
    amount = pa.array(rng.gamma(2, 50, rows).round() * scale, mask=rng.random(rows) < missing)
    return pa.table({"amount": amount, "kind": rng.choice(list(kinds), rows)})


def past(nights: int = 28) -> dict[Night, History]:
    found = {NIGHT - timedelta(days=i): things(i) for i in range(1, nights + 1)}
    return {night: History(table.num_rows, summary(table)) for night, table in found.items()}


def judged(suite: Contract, rows: pa.Table, history: dict[Night, History], folder: Path) -> Judgement:
    return judge(suite, rows, parameters_of(NIGHT, "UTC", history, suite), refused=0, cache=folder)


@pytest.mark.parametrize(
    ("rule", "usual", "unusual"),
    [
        (DISTANCE, things(99), things(99, scale=100)),  # cents for euros
        (DISTANCE, things(99), things(99, scale=1.6)),  # kilometres for miles
        (MEDIAN, things(99), things(99, scale=0.5)),
        (PRESENT, things(99), things(99, missing=0.4)),  # a burst of nulls
        (PRESENT, things(99, missing=0.05), things(99, missing=1)),
        (SHARES, things(99), things(99, kinds="aaab")),  # a category that disappears
        (SHARES, things(99), things(99, kinds="aaabbcdd")),  # a new one
    ],
)
def test_a_night_unlike_the_nights_before_is_broken(tmp_path: Path, rule: str, usual: pa.Table, unusual: pa.Table) -> None:
    suite = contract(tmp_path, rule)
    assert judged(suite, usual, past(), tmp_path).breaches == ()
    assert len(judged(suite, unusual, past(), tmp_path).breaches) == 1


@pytest.mark.parametrize("rule", [DISTANCE, MEDIAN, PRESENT, SHARES])
def test_with_few_nights_before_a_distribution_is_not_judged(tmp_path: Path, rule: str) -> None:
    suite = contract(tmp_path, rule)
    assert judged(suite, things(1, scale=100, missing=0.9), past(ENOUGH_TO_COMPARE - 1), tmp_path).not_judged
    assert not judged(suite, things(1), past(ENOUGH_TO_COMPARE), tmp_path).not_judged


@pytest.mark.parametrize("rule", [DISTANCE, PRESENT])
def test_nights_like_each_other_rarely_alarm(tmp_path: Path, rule: str) -> None:
    """At six spreads, of 200 nights drawn like the 28 before them none is broken."""
    assert TOLERANCE == 6
    suite, history = contract(tmp_path, rule), past()
    assert sum(bool(judged(suite, things(1000 + i), history, tmp_path).breaches) for i in range(200)) == 0


def test_one_wild_night_before_moves_no_limit(tmp_path: Path) -> None:
    suite, wild = contract(tmp_path, DISTANCE), things(5, scale=1000)
    history = past() | {NIGHT - timedelta(days=3): History(wild.num_rows, summary(wild))}
    assert len(judged(suite, things(99, scale=1.6), history, tmp_path).breaches) == 1


@given(order=st.permutations(range(40)))
def test_a_summary_does_not_depend_on_the_order_of_rows(order: list[int]) -> None:
    rows = things(3, rows=40)
    assert summary(rows.take(order)) == summary(rows)


def test_a_summary_says_what_is_missing_the_quantiles_of_numbers_and_the_counts_of_categories() -> None:
    rows = pa.table({"n": [5.0, None, float("nan"), 1.0, 3.0], "t": ["b", "a", "b", None, "b"], "id": [None] * 5})
    rows = rows.set_column(2, "id", pa.array([None] * 5, pa.int64()))
    assert summary(rows) == {
        "n": {"missing": 2, "quantiles": [1.0, 1.0, 3.0, 5.0, 5.0]},
        "t": {"missing": 1, "counts": {"a": 1, "b": 3}},
        "id": {"missing": 5},
    }
    assert "counts" not in summary(pa.table({"key": [f"k{i}" for i in range(60)]}))["key"]


def test_the_usual_rows_of_a_weekday_come_from_that_weekday_only() -> None:
    sundays = {NIGHT - timedelta(days=7 * i): History(1000 + i) for i in range(1, 10)}
    others = {NIGHT - timedelta(days=i): History(1) for i in range(1, 60) if i % 7}
    assert typical_rows_of_weekday(NIGHT, sundays | others) == 1004  # of the newest eight
    assert typical_rows_of_weekday(NIGHT, dict(list(sundays.items())[:2]) | others) is None
    assert typical_rows_of_weekday(NIGHT, {night + timedelta(days=84): past for night, past in sundays.items()}) is None


def test_a_night_of_the_volume_of_another_weekday_is_broken(tmp_path: Path) -> None:
    suite = contract(tmp_path, WEEKDAY, "{rows_against_same_weekdays: [0.8, 1.2]}")
    history = {NIGHT - timedelta(days=i): History(100 if i % 7 else 400) for i in range(1, 60)}
    assert judged(suite, things(1, rows=400), history, tmp_path).breaches == ()
    (breach,) = judged(suite, things(1, rows=100), history, tmp_path).breaches
    assert (breach.observed, breach.expected) == ("100", "min_value 320, max_value 480")


def test_a_rule_about_the_whole_table_cannot_set_rows_aside_and_fails_the_night(tmp_path: Path) -> None:
    suite = contract(tmp_path, "expect_table_row_count_to_be_between | {min_value: 500}")
    path = tmp_path / "great_expectations/shop/things.yaml"
    path.write_text(path.read_text().replace("on_breach: fail", "on_breach: quarantine"))
    suite = load_contract(tmp_path / "great_expectations", "shop", "things", ["amount", "kind"])
    assert len(judged(suite, things(1), {}, tmp_path).breaches) == 1


# --- between sources ---------------------------------------------------------------------------------------------------

CLERK = """\
  - type: expect_column_values_to_be_in_set
    kwargs: {column: clerk, value_set: {$PARAMETER: referred_values}}
    meta: {on_breach: quarantine, refers_to: {source: clerks, column: clerk}, description: Each clerk is on the list.}
"""


def run(shop: Shop, nights: str = "2024-03-02") -> list[Published]:
    return ingest.run(shop.use_case, parse_nights(nights), shop.workspace)


def refer(shop: Shop, old: str = "", new: str = "") -> None:
    shop.write("great_expectations/shop/orders.yaml", ORDERS + CLERK.replace(old, new))


def test_a_record_that_refers_to_nothing_there_is_set_aside(shop: Shop) -> None:
    refer(shop)
    at = "2024-03-02T12:00:00Z"
    shop.orders(order("a", at), order("b", at, clerk="eve"), order("c", at, clerk=""), order("d", at, clerk="bob"))
    orders, *_ = run(shop)
    rows = shop.workspace.lake.read("shop/quarantine").to_pylist()
    assert [(row["rule"], row["key"]) for row in rows] == [("values_to_be_in_set(clerk)", "b")]
    assert orders.rows == 3


def test_what_the_other_source_keeps_is_what_counts(shop: Shop) -> None:
    """A clerk that the contract of the clerks sets aside is not on the list."""
    refer(shop)
    suite = shop.folder / "great_expectations/shop/clerks.yaml"
    lenient = suite.read_text().replace("on_breach: fail", "on_breach: quarantine")
    suite.write_text(lenient.replace("name: clerks", "name: clerks\nmeta: {quarantined_share_limit: 1}"))
    shop.write("data/clerks.csv", "clerk,name\nada,Ada\nada,Another\nbob,Bob\n")
    at = "2024-03-02T12:00:00Z"
    shop.orders(order("a", at), order("b", at, clerk="bob"))
    orders, *_ = run(shop)
    assert shop.workspace.lake.read("shop/raw_orders").column("clerk").to_pylist() == ["bob"]
    assert orders.details["quarantined"] == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("source: clerks", "source: clerk", r"orders\.yaml:13: .*unknown source 'clerk'.*Did you mean 'clerks'"),
        ("column: clerk}, desc", "column: code}, desc", r"orders\.yaml:13: source 'clerks' has no column 'code'"),
        ("source: clerks", "source: orders", r"in a circle: orders -> orders"),
        (", refers_to: {source: clerks, column: clerk}", "", r"orders\.yaml:14: .*go together"),
        ("{source: clerks, column: clerk}", "clerks.clerk", r"orders\.yaml:15: it reads 'clerks\.clerk'"),
    ],
)  # fmt: skip
def test_a_reference_that_leads_nowhere_is_shown_at_its_line(shop: Shop, old: str, new: str, said: str) -> None:
    refer(shop, old, new)
    _, mistakes, _ = contract_mistakes(shop.use_case, shop.settings.contracts)
    assert any(re.search(said, str(mistake)) for mistake in mistakes)
    with pytest.raises(DefinitionError, match=said):
        run(shop)


def test_the_past_is_read_from_commits_and_the_same_night_by_night_and_as_a_range(shop: Shop, tmp_path: Path) -> None:
    """The 20th night breaks a limit that 19 nights before it set; every way to get there says the same."""
    shop.write(
        "great_expectations/shop/orders.yaml",
        f"{ORDERS}  - type: {MEDIAN.split(' | ', maxsplit=1)[0]}\n    kwargs: {MEDIAN.split(' | ')[1]}\n"
        "    meta: {on_breach: fail, description: As much as usual.}\n",
    )
    lines = [
        order(f"o{day}-{i}", f"2024-03-{day:02d}T12:00:00Z", amount=str(1 if day == 20 else 90 + i))
        for day in range(1, 21)
        for i in range(20)
    ]
    shop.orders(*lines)
    told = []
    for nights in (["2024-03-01..2024-03-20"], [f"2024-03-{day:02d}" for day in range(1, 21)], ["2024-03-20"]):
        with pytest.raises(ContractBroken, match=r"median_to_be_between\(amount\)") as caught:
            for part in nights:
                run(shop, part)
        told.append(str(caught.value))
    assert len(set(told)) == 1


def test_a_night_of_common_rules_does_not_import_great_expectations(shop: Shop) -> None:
    code = (
        "import sys; from jobs.commands.command_line import main; code = main(['ingest', 'shop', '2024-03-02'])\n"
        "assert code == 0, code; print([name for name in ('great_expectations', 'scipy') if name in sys.modules])"
    )
    home = {f"NIGHTLOOP_{name}": str(shop.folder / value) for name, value in PLACES}
    environment = {**os.environ, "NIGHTLOOP_ENGINE": "local", "PYTHONPATH": str(REPOSITORY), **home}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == "[]"
