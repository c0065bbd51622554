"""What a broken rule does to a night, by rules the fast path answers: nothing here imports Great Expectations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from nightloop.contracts import great_expectations_engine as engine
from nightloop.contracts.judging import (
    SHARE_RULE,
    Breach,
    Judgement,
    check_keys,
    judge,
    night_breaches,
    rule_results,
    still_broken,
)
from nightloop.contracts.parameters import Parameters
from nightloop.contracts.results import PASSED, Result
from nightloop.contracts.suite import Contract, Rule
from nightloop.errors import UsageError
from tests.contracts.rules import rule, suite

NONE = Parameters({})
POSITIVE = rule("column_values_to_be_between", "quarantine", column="amount", min_value=0)
UNIQUE = rule("column_values_to_be_unique", "quarantine", column="key")
SMALL = rule("column_values_to_be_between", "quarantine", column="amount", max_value=10)


def orders(*rows: tuple[str | None, int | None]) -> pa.Table:
    return pa.table({"key": pa.array([k for k, _ in rows], pa.string()), "amount": pa.array([a for _, a in rows], pa.int64())})


def judged(contract: Contract, rows: pa.Table, *, refused: int = 0, parameters: Parameters = NONE, **more: object) -> Judgement:
    return judge(contract, rows, parameters, refused=refused, cache=Path("/nowhere"), **more)  # type: ignore[arg-type]


# --- what sets rows aside ----------------------------------------------------------------------------------------------


def test_a_row_is_set_aside_by_the_first_rule_it_breaks_and_the_others_are_publishable() -> None:
    found = judged(suite(SMALL, POSITIVE, UNIQUE), orders(("a", 1), ("b", -1), ("c", 11), ("a", -2), ("d", None)))
    assert {row: item.name for row, item in found.set_aside.items()} == {
        0: UNIQUE.name, 1: POSITIVE.name, 2: SMALL.name, 3: POSITIVE.name,
    }  # fmt: skip
    assert list(found.set_aside) == [0, 1, 2, 3], "in the order of the rows"
    assert found.publishable.to_pylist() == [{"key": "d", "amount": None}]
    assert (found.breaches, found.warnings, found.not_judged) == ((), (), ())


def test_a_night_without_a_broken_rule_is_publishable_as_it_is() -> None:
    rows = orders(("a", 1), ("b", 2))
    assert judged(suite(SMALL, POSITIVE, UNIQUE), rows).publishable is rows


@pytest.mark.parametrize(
    ("rows", "aside"),
    [
        ([("a", 1), ("a", 1)], [1]),  # delivered twice: one stays
        ([("a", 1), ("a", 1), ("a", 1)], [1, 2]),
        ([("a", 1), ("a", 2)], [0, 1]),  # nothing says which is right
        ([("a", 1), ("a", 2), ("a", 1)], [0, 1, 2]),
        ([("a", None), ("a", None), ("b", 1), ("b", 1)], [1, 3]),
        ([("a", 1), ("b", 1), ("a", 1)], [2]),
    ],
)
def test_of_equal_copies_the_first_stays_and_rows_that_contradict_each_other_all_go(
    rows: list[tuple[str, int | None]], aside: list[int]
) -> None:
    assert list(judged(suite(UNIQUE), orders(*rows)).set_aside) == aside
    together = rule("compound_columns_to_be_unique", "quarantine", column_list=["key"])
    assert list(judged(suite(together), orders(*rows)).set_aside) == aside


def test_copies_of_a_row_that_breaks_another_rule_all_go() -> None:
    range_rule = rule("column_values_to_be_between", "quarantine", column="amount", min_value=2)
    assert list(judged(suite(range_rule), orders(("a", 1), ("a", 1))).set_aside) == [0, 1]


# --- on_breach ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("on_breach", "breaches", "warnings"), [("fail", 1, 0), ("warn", 0, 1)])
def test_a_broken_rule_fails_the_night_or_warns_as_it_says(on_breach: str, breaches: int, warnings: int) -> None:
    limit = rule("table_row_count_to_be_between", on_breach, max_value=1)  # type: ignore[arg-type]
    found = judged(suite(limit), orders(("a", 1), ("b", 2)))
    assert (len(found.breaches), len(found.warnings), found.publishable.num_rows) == (breaches, warnings, 2)
    assert judged(suite(limit), orders(("a", 1))) == judged(suite(limit), orders(("a", 1)))
    assert judged(suite(limit), orders(("a", 1))).breaches == judged(suite(limit), orders(("a", 1))).warnings == ()


def test_a_rule_about_the_whole_table_that_should_set_rows_aside_fails_the_night() -> None:
    limit = rule("table_row_count_to_be_between", "quarantine", min_value=3)
    found = judged(suite(limit, POSITIVE), orders(("a", 1), ("b", -1)))
    assert [breach.rule for breach in found.breaches] == [limit.name]
    assert list(found.set_aside) == [1]


def test_rules_that_fail_or_warn_see_only_the_rows_that_stay() -> None:
    seen = [rule("table_row_count_to_be_between", kind, max_value=1) for kind in ("fail", "warn")]  # type: ignore[arg-type]
    found = judged(suite(*seen, POSITIVE), orders(("a", 1), ("b", -1)))
    assert (found.breaches, found.warnings) == ((), ())


def test_a_breach_says_what_was_observed_and_expected_and_where_the_rule_stands() -> None:
    limit = rule("column_max_to_be_between", "fail", column="amount", min_value=3, max_value=9)
    (breach,) = judged(suite(limit), orders(("a", 1), ("b", 2))).breaches
    assert breach == Breach(limit.name, "2", "min_value 3, max_value 9", "A rule.", "suite:1")
    missing = rule("column_values_to_not_be_null", "warn", column="amount")
    (warning,) = judged(suite(missing), orders(("a", None))).warnings
    assert warning.expected == "A rule.", "without arguments, in the words of the rule"
    refers = rule("column_values_to_be_in_set", "warn", ("clerks", "code"), column="key", value_set=pa.array(["b"]))
    (warning,) = judged(suite(refers), orders(("a", 1))).warnings
    assert warning.expected == "value_set of clerks.code", "not the thousands of values themselves"


def test_a_rule_without_its_parameter_is_named_and_not_judged() -> None:
    unknown = rule("table_row_count_to_be_between", "fail", min_value={"$PARAMETER": "rows_low"})
    found = judged(suite(unknown, POSITIVE), orders(("a", -1), ("b", 1)))
    assert (found.not_judged, found.breaches, list(found.set_aside)) == ((unknown.name,), (), [0])
    known = judged(suite(unknown), orders(("a", 1)), parameters=Parameters({"rows_low": 2}))
    assert (known.not_judged, [breach.observed for breach in known.breaches]) == ((), ["1"])


# --- the share of the night that is set aside --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "refused", "limit", "breaks"),
    [
        (1, 0, 0.2, False),  # 1 of 5, at the limit
        (1, 0, 0.19, True),
        (2, 0, 0.2, True),
        (0, 1, 0.2, False),  # 1 of 6
        (0, 2, 0.2, True),  # 2 of 7: refused records count, in the share and in the whole
        (1, 1, 1 / 3, False),  # 2 of 6
        (1, 1, 0.33, True),
        (0, 0, 0.0, False),
        (5, 0, 1.0, False),
    ],
)
def test_too_large_a_share_of_the_night_fails_it(bad: int, refused: int, limit: float, breaks: bool) -> None:
    rows = orders(*((f"k{i}", -1 if i < bad else 1) for i in range(5)))
    found = judged(suite(POSITIVE, limit=limit), rows, refused=refused)
    assert [breach.rule for breach in found.breaches] == ([SHARE_RULE] if breaks else [])


def test_the_breach_of_the_share_says_both_numbers() -> None:
    (breach,) = judged(suite(POSITIVE, limit=0.25), orders(("a", -1), ("b", 1)), refused=1).breaches
    assert (breach.observed, breach.expected, breach.place) == ("2 of 3 records (66.7%)", "at most 25.0%", "things.yaml")


def test_a_night_of_refused_records_only_and_one_of_none() -> None:
    (breach,) = judged(suite(POSITIVE, limit=0.99), orders(), refused=3).breaches
    assert breach.observed == "3 of 3 records (100.0%)"
    assert judged(suite(POSITIVE, limit=0.0), orders()).breaches == ()


# --- exemptions --------------------------------------------------------------------------------------------------------


def test_an_exempt_row_stays_and_does_not_count_as_set_aside() -> None:
    asked: list[Sequence[int]] = []

    def exemption(rows: Sequence[int]) -> list[int]:
        asked.append(rows)
        return [2]

    contract, rows = suite(POSITIVE, limit=0.34), orders(("a", -1), ("b", 1), ("c", -2))
    found = judged(contract, rows, exemption=exemption)
    assert asked == [[0, 2]], "asked once, for the rows about to be set aside"
    assert (list(found.set_aside), found.publishable.column("key").to_pylist(), found.breaches) == ([0], ["b", "c"], ())
    assert judged(contract, rows).breaches != ()


def test_nobody_is_asked_for_an_exemption_where_nothing_is_set_aside() -> None:
    def never(_rows: Sequence[int]) -> list[int]:
        raise AssertionError("the ledger was asked")

    assert judged(suite(POSITIVE), orders(("a", 1)), exemption=never).set_aside == {}


# --- the fast path first, then Great Expectations ----------------------------------------------------------------------

OTHER = rule("column_value_lengths_to_be_between", "quarantine", column="key", max_value=3)


class Library:
    """Stands for Great Expectations: counts how often it is asked, and answers each rule by its name."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *results: Result) -> None:
        self.asked: list[list[str]] = []
        self.checked: list[str] = []
        self.results = list(results)
        monkeypatch.setattr(engine, "run", self.run)
        monkeypatch.setattr(engine, "check", lambda item: self.checked.append(item.name))

    def run(self, rules: Sequence[Rule], _table: pa.Table) -> list[Result]:
        self.asked.append([item.name for item in rules])
        return self.results[: len(rules)]


def test_only_what_the_fast_path_leaves_is_asked_of_the_library_and_results_keep_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Result(False, (0,), "1 of 2 rows (long)")
    library = Library(monkeypatch, broken, PASSED)
    second = rule("column_value_lengths_to_be_between", "quarantine", column="key", min_value=1)
    rows = orders(("long", 1), ("b", -1))
    results = rule_results([POSITIVE, OTHER, UNIQUE, second], rows, tmp_path)
    assert [result.rows for result in results] == [(1,), (0,), (), ()]
    assert library.asked == [[OTHER.name, second.name]]
    assert library.checked == [OTHER.name, second.name]


def test_the_very_same_question_is_asked_of_the_library_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(monkeypatch, Result(False, (0, 3), "2 of 4 rows (é)"))
    rows = orders(("a", 1))
    first = engine.cached_results([OTHER], rows, tmp_path / "new" / "folder")
    again = engine.cached_results([OTHER], rows, tmp_path / "new" / "folder")
    assert first == again == [Result(False, (0, 3), "2 of 4 rows (é)")]
    assert len(library.asked) == 1
    assert engine.cached_results([], rows, tmp_path) == []
    assert len(library.asked) == 1


@pytest.mark.parametrize("what", ["row", "order", "argument", "rule", "version", "column"])
def test_another_question_is_asked_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    library = Library(monkeypatch, PASSED)
    rows, asked = orders(("a", 1), ("b", 2)), OTHER
    engine.cached_results([asked], rows, tmp_path)
    match what:
        case "row":
            rows = orders(("a", 1), ("b", 3))
        case "order":
            rows = rows.take([1, 0])
        case "argument":
            asked = rule("column_value_lengths_to_be_between", column="key", max_value=4)
        case "rule":
            asked = rule("column_value_lengths_to_equal", column="key", max_value=3)
        case "version":
            monkeypatch.setattr(engine, "version", lambda: "another")
        case "column":
            rows = rows.rename_columns(["key", "sum"])
    engine.cached_results([asked], rows, tmp_path)
    assert len(library.asked) == 2


def test_the_same_rows_in_other_chunks_are_the_same_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(monkeypatch, PASSED)
    whole = orders(("a", 1), ("b", 2))
    engine.cached_results([OTHER], whole, tmp_path)
    engine.cached_results([OTHER], pa.concat_tables([whole.slice(0, 1), whole.slice(1)]), tmp_path)
    assert len(library.asked) == 1


# --- judging again what is in quarantine -------------------------------------------------------------------------------


def test_a_candidate_is_judged_beside_what_is_published_and_published_rows_stay() -> None:
    published = orders(("a", 1), ("old", -9))
    candidates = orders(("b", 2), ("a", 2), ("c", -1))
    found = still_broken(suite(UNIQUE, POSITIVE), published, candidates, NONE, Path("/nowhere"))
    assert found == {0: "", 1: UNIQUE.name, 2: POSITIVE.name}


def test_without_candidates_nothing_is_still_broken() -> None:
    assert still_broken(suite(POSITIVE), orders(("a", -1)), orders(), NONE, Path("/nowhere")) == {}


@pytest.mark.parametrize(
    ("published", "accepted", "why"),
    [
        (["a"], ["a"], "has a key that another row of the night has: key a"),
        (["a"], ["b", "b"], "has a key that another row of the night has: key b"),
        (["a"], ["b", None], "has no whole key: key None"),
        (["a", None], ["b", "c"], None),
        (["a"], [], None),
    ],
)
def test_an_accepted_record_has_a_key_of_its_own(published: list[str], accepted: list[str], why: str | None) -> None:
    rows = [orders(*((key, 1) for key in keys)) for keys in (published, accepted)]
    if why is None:
        check_keys(["key"], *rows, "shop/raw_orders")
        return
    with pytest.raises(UsageError, match=f"shop/raw_orders: a record {why}.*--record .*quarantine"):
        check_keys(["key"], *rows, "shop/raw_orders")


def test_keys_of_two_columns_differ_when_one_does() -> None:
    check_keys(["key", "amount"], orders(("a", 1)), orders(("a", 2), ("b", 1)), "x")
    with pytest.raises(UsageError, match="key a, amount 1"):
        check_keys(["key", "amount"], orders(("a", 1)), orders(("a", 2), ("a", 1)), "x")


def test_a_night_with_released_records_is_held_to_the_rules_that_fail_it_and_to_no_other() -> None:
    limit = rule("table_row_count_to_be_between", "fail", max_value=1)
    warning = rule("table_row_count_to_be_between", "warn", max_value=0)
    rows = orders(("a", -1), ("b", -2))
    found = night_breaches(suite(POSITIVE, limit, warning, limit=0.0), rows, NONE, Path("/nowhere"))
    assert [breach.rule for breach in found] == [limit.name]
    assert night_breaches(suite(POSITIVE, limit, limit=0.0), rows.slice(1), NONE, Path("/nowhere")) == ()
