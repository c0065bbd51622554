from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightloop.contracts import Contract, History, Judgement, load_contract, parameters_of
from nightloop.contracts import judge as judge_night
from nightloop.contracts.history_limits import RECENT_NIGHTS, typical_rows
from nightloop.contracts.mistakes import contract_mistakes
from nightloop.definitions import load_use_case, use_case_names
from nightloop.errors import DefinitionError
from nightloop.settings import REPOSITORY
from nightloop.sources import raw_schema
from tests.fixtures_ingest import Shop

COLUMNS = ["key", "part", "amount", "at"]
NIGHT = date(2024, 3, 20)


def contract(folder: Path, *expectations: str, meta: str = "{}") -> Contract:
    """Write and load a suite; each expectation is 'type, kwargs, on_breach'."""
    lines = ["name: things", f"meta: {meta}", "expectations:"]
    for item in expectations:
        kind, kwargs, on_breach = item.split(" | ")
        lines += [f"  - type: {kind}", f"    kwargs: {kwargs}", f"    meta: {{on_breach: {on_breach}, description: A rule.}}"]
    path = folder / "great_expectations/shop/things.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))
    return load_contract(folder / "great_expectations", "shop", "things", COLUMNS)


def table(*rows: tuple[str | None, int | None, int | None]) -> pa.Table:
    at = datetime(2024, 3, 20, 12, tzinfo=UTC)
    schema = pa.schema([("key", pa.string()), ("part", pa.int64()), ("amount", pa.int64()), ("at", pa.timestamp("us", "UTC"))])
    return pa.Table.from_pylist([dict(zip(COLUMNS, (*row, at), strict=True)) for row in rows], schema=schema)


def counted(history: dict[date, int]) -> dict[date, History]:
    return {night: History(rows) for night, rows in history.items()}


def numbers(history: dict[date, int] | None = None) -> dict[date, History]:
    return counted(history or {})


def judge(suite: Contract, rows: pa.Table, refused: int, history: dict[date, History], cache: Path) -> Judgement:
    """Judge rows of NIGHT, given what was published before."""
    return judge_night(suite, rows, parameters_of(NIGHT, "America/New_York", history, suite), refused=refused, cache=cache)


UNIQUE = "expect_column_values_to_be_unique | {column: key} | quarantine"
SHORT = "expect_column_value_lengths_to_be_between | {column: key, max_value: 3} | quarantine"  # not one of the fast path
UNIQUE_PAIR = "expect_compound_columns_to_be_unique | {column_list: [key, part]} | quarantine"
POSITIVE = "expect_column_values_to_be_between | {column: amount, min_value: 0} | quarantine"
ROWS = "expect_table_row_count_to_be_between | {min_value: {$PARAMETER: rows_low}, max_value: {$PARAMETER: rows_high}} | fail"


def test_every_source_has_a_suite_and_every_suite_a_source() -> None:
    for name in use_case_names(REPOSITORY / "feature_defs"):
        use_case = load_use_case(name, REPOSITORY / "feature_defs")
        suites = {path.stem for path in (REPOSITORY / "great_expectations" / use_case.contracts_of).iterdir()}
        assert suites == set(use_case.sources)


def test_every_rule_of_ours_is_one_that_great_expectations_knows() -> None:
    for name in use_case_names(REPOSITORY / "feature_defs"):
        use_case = load_use_case(name, REPOSITORY / "feature_defs")
        rules, mistakes, _ = contract_mistakes(use_case, REPOSITORY / "great_expectations")
        assert (rules >= 2 * len(use_case.sources), mistakes) == (True, [])


def test_every_source_s_key_is_guarded_as_unique() -> None:
    for name in use_case_names(REPOSITORY / "feature_defs"):
        use_case = load_use_case(name, REPOSITORY / "feature_defs")
        for source, declared in use_case.sources.items():
            columns = raw_schema(declared).names
            suite = load_contract(REPOSITORY / "great_expectations", use_case.contracts_of, source, columns)
            assert any(set(rule.columns) == set(declared.key) and "unique" in rule.type for rule in suite.rules)


def test_a_suite_without_a_source_is_a_mistake(shop: Shop) -> None:
    assert contract_mistakes(shop.use_case, shop.settings.contracts) == (5, [], [])
    shop.write("great_expectations/shop/order.yaml", "name: order")
    _, (mistake,), _ = contract_mistakes(shop.use_case, shop.settings.contracts)
    assert re.search(r"order\.yaml.*guards no source of 'shop'.*Did you mean 'orders'", str(mistake))


def test_great_expectations_folder_holds_data_only() -> None:
    assert not list((REPOSITORY / "great_expectations").rglob("*.py"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("on_breach: quarantine, ", "", r"things\.yaml:6: on_breach reads None"),
        ("on_breach: quarantine", "on_breach: drop", r"things\.yaml:6: on_breach reads 'drop'.*quarantine, fail, warn"),
        (", description: A rule.", "", r"things\.yaml:6: the rule has no description"),
        ("{column: key}", "{column: kye}", r"things\.yaml:5: unknown column 'kye'.*Did you mean 'key'"),
        ("kwargs: {column: key}", "kwarg: {column: key}", r"things\.yaml:5: unknown key 'kwarg'.*'kwargs'"),
        ("name: things", "name: other", r"things\.yaml:1: the suite is named 'other'"),
        ("meta: {}", "meta: {quarantined_share_limit: 3}", r"things\.yaml:2: .*between 0 and 1"),
        ("meta: {}", "meta: {rows_against_recent_nights: [3, 1]}", r"things\.yaml:2: .*two factors"),
        ("meta: {}", "meta: {share: 0.1}", r"things\.yaml:2: unknown key 'share'"),
        ("{column: key}", "{column: key, mostly: {$PARAMETER: moon}}", r"things\.yaml:5: unknown parameter 'moon'"),
        ("  - type: expect_column_values_to_be_unique", "  - kind: x", r"things\.yaml:4: an expectation needs a 'type'"),
    ],
)
def test_a_mistake_in_a_suite_is_shown_at_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    contract(tmp_path, UNIQUE)
    path = tmp_path / "great_expectations/shop/things.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DefinitionError, match=said):
        load_contract(tmp_path / "great_expectations", "shop", "things", COLUMNS)


def test_a_source_without_a_suite_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"great_expectations/shop/things\.yaml: source 'things' has no contract"):
        load_contract(tmp_path / "great_expectations", "shop", "things", COLUMNS)


@pytest.mark.parametrize(
    "wrong",
    [
        "expect_column_values_to_be_uniqe | {column: key} | fail",  # unknown: a suite of the library would drop it silently
        "expect_column_values_to_be_between | {column: amount, minimum: 0} | fail",  # unknown argument
        "expect_column_values_to_be_between | {column: key, min_value: 0} | quarantine",  # text against a number
        "expect_column_values_to_match_regex | {column: key, regex: '('} | quarantine",  # fails while it is judged
    ],
)
def test_a_rule_without_a_verdict_stops_the_night_at_its_line(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(DefinitionError, match=r"things\.yaml:4: "):
        judge(contract(tmp_path, wrong), table(("a", 1, 1)), 0, numbers(), tmp_path)


def test_rows_that_break_a_rule_are_set_aside_by_the_first_rule_they_break(tmp_path: Path) -> None:
    suite = contract(tmp_path, POSITIVE, UNIQUE, meta="{quarantined_share_limit: 1}")
    found = judge(suite, table(("a", 1, 5), ("b", 1, -1), ("c", 1, None), ("d", 1, 1), ("d", 2, -1)), 0, numbers(), tmp_path)
    assert {row: rule.name for row, rule in found.set_aside.items()} == {
        1: "values_to_be_between(amount)",
        3: "values_to_be_unique(key)",
        4: "values_to_be_between(amount)",
    }
    assert found.publishable.column("key").to_pylist() == ["a", "c"]
    assert found.breaches == ()


def test_of_equal_copies_one_stays_and_rows_that_contradict_each_other_all_go(tmp_path: Path) -> None:
    suite = contract(tmp_path, UNIQUE_PAIR, meta="{quarantined_share_limit: 1}")
    rows = table(("copy", 1, 5), ("two", 1, 1), ("copy", 1, 5), ("two", 1, 2), ("two", 2, 3), ("copy", 1, 5))
    found = judge(suite, rows, 0, numbers(), tmp_path)
    assert list(found.set_aside) == [1, 2, 3, 5]


def test_a_night_with_too_much_set_aside_is_broken(tmp_path: Path) -> None:
    suite = contract(tmp_path, POSITIVE, meta="{quarantined_share_limit: 0.4}")
    rows = table(("a", 1, 5), ("b", 1, 5), ("c", 1, -1))
    assert judge(suite, rows, 0, numbers(), tmp_path).breaches == ()
    (breach,) = judge(suite, rows, 1, numbers(), tmp_path).breaches
    assert (breach.observed, breach.expected) == ("2 of 4 records (50.0%)", "at most 40.0%")


def test_a_rule_that_fails_the_night_looks_at_the_rows_that_are_left(tmp_path: Path) -> None:
    at_most_one = "expect_table_row_count_to_be_between | {max_value: 1} | fail"
    suite = contract(tmp_path, POSITIVE, at_most_one, meta="{quarantined_share_limit: 1}")
    assert judge(suite, table(("a", 1, 5), ("b", 1, -1)), 0, numbers(), tmp_path).breaches == ()
    (breach,) = judge(suite, table(("a", 1, 5), ("b", 1, 1)), 0, numbers(), tmp_path).breaches
    assert (breach.observed, breach.expected) == ("2", "max_value 1")
    assert breach.place.endswith("things.yaml:7")


def test_a_warning_is_told_and_stops_nothing(tmp_path: Path) -> None:
    suite = contract(tmp_path, "expect_column_values_to_not_be_null | {column: amount, mostly: 0.9} | warn")
    found = judge(suite, table(("a", 1, 5), ("b", 1, None)), 0, numbers(), tmp_path)
    assert (found.breaches, found.publishable.num_rows) == ((), 2)
    assert [warning.rule for warning in found.warnings] == ["values_to_not_be_null(amount)"]


def test_without_history_the_number_of_rows_is_not_judged_and_that_is_told(tmp_path: Path) -> None:
    suite = contract(tmp_path, UNIQUE, ROWS)
    found = judge(suite, table(("a", 1, 5)), 0, numbers(), tmp_path)
    assert (found.not_judged, found.breaches) == (("table_row_count_to_be_between()",), ())


def test_a_night_of_far_fewer_rows_than_usual_is_broken(tmp_path: Path) -> None:
    history = {NIGHT - timedelta(days=days): 100 for days in range(1, 15)}
    (breach,) = judge(contract(tmp_path, ROWS), table(("a", 1, 5)), 0, numbers(history), tmp_path).breaches
    assert (breach.observed, breach.expected) == ("1", "min_value 30, max_value 300")


def test_freshness_is_judged_against_the_night(tmp_path: Path) -> None:
    fresh = "expect_column_max_to_be_between | {column: at, min_value: {$PARAMETER: evening}} | fail"
    (breach,) = judge(contract(tmp_path, fresh), table(("a", 1, 5)), 0, numbers(), tmp_path).breaches
    assert breach.observed == "2024-03-20T12:00:00+00:00"
    assert breach.expected == "min_value 2024-03-20T22:00:00+00:00"


def test_what_great_expectations_judged_is_not_judged_twice(tmp_path: Path) -> None:
    suite, rows = contract(tmp_path, SHORT), table(("a", 1, 5))
    judge(suite, rows, 0, numbers(), tmp_path / "verdicts")
    (kept,) = (tmp_path / "verdicts").iterdir()
    kept.write_text(kept.read_text().replace("true", "false"))
    fails = contract(tmp_path, SHORT.replace("quarantine", "fail"))
    assert judge(fails, rows, 0, numbers(), tmp_path / "verdicts").breaches  # the kept verdict, doctored, is what answers
    judge(suite, table(("a", 1, 6)), 0, numbers(), tmp_path / "verdicts")
    assert len(list((tmp_path / "verdicts").iterdir())) == 2


HISTORIES = st.dictionaries(st.integers(-40, 60).map(lambda days: NIGHT - timedelta(days=days)), st.integers(0, 1000))


@given(history=HISTORIES, other=HISTORIES)
def test_usual_rows_come_from_the_28_nights_before_only(history: dict[date, int], other: dict[date, int]) -> None:
    before = {night: rows for night, rows in history.items() if NIGHT - timedelta(days=RECENT_NIGHTS) <= night < NIGHT}
    elsewhere = {
        night: rows for night, rows in other.items() if night not in before and not 0 < (NIGHT - night).days <= RECENT_NIGHTS
    }
    assert typical_rows(NIGHT, counted(before | elsewhere)) == typical_rows(NIGHT, counted(before))


def test_usual_rows_are_those_of_the_same_weekday_where_there_are_enough() -> None:
    history = {NIGHT - timedelta(days=days): 10 if days % 7 else 500 for days in range(1, 29)}
    assert typical_rows(NIGHT, counted(history)) == 500
    assert typical_rows(NIGHT, counted({night: rows for night, rows in history.items() if (NIGHT - night).days < 8})) == 10
    assert typical_rows(NIGHT, {}) is None
