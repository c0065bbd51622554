"""How a rule and a table go to Great Expectations and what comes back; most on stand-ins, for its import takes seconds."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from nightloop.contracts import great_expectations_engine as engine
from nightloop.contracts.results import PASSED, Result, observed_rows, plain
from nightloop.contracts.suite import Rule
from nightloop.errors import DefinitionError
from tests.contracts.rules import rule

TABLE = pa.table({"n": pa.array([1, None], pa.int64()), "t": ["a", None], "b": [True, None], "d": [date(2024, 3, 9), None]})


def outcome(position: int, *, success: bool = True, error: Any = None, **result: Any) -> SimpleNamespace:
    configuration = SimpleNamespace(meta={"position": position})
    return SimpleNamespace(success=success, result=result, exception_info=error, expectation_config=configuration)


class Batch:
    """Stands for the library: answers each call of ``validate`` with the next list of outcomes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[SimpleNamespace]) -> None:
        self.answers, self.calls = list(answers), []
        monkeypatch.setattr(engine, "_batch_definition", lambda: self)
        monkeypatch.setattr(engine, "as_suite", lambda _name, rules: list(rules))

    def get_batch(self, parameters: dict[str, Any]) -> Batch:
        self.frame = parameters["dataframe"]
        return self

    def validate(self, rules: list[Rule], result_format: dict[str, Any]) -> SimpleNamespace:
        self.calls.append(([item.name for item in rules], result_format["result_format"]))
        return SimpleNamespace(results=self.answers.pop(0))


NOT_NULL = rule("column_values_to_not_be_null", column="n")
FIRST, SECOND, SHARE = rule("a", column="n"), rule("b", column="t"), rule("c", column="b", mostly=0.5)


def test_details_are_asked_only_of_rules_that_may_have_broken_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    details = [
        outcome(1, success=True, unexpected_index_list=[1], element_count=2, partial_unexpected_list=["x"]),
        outcome(0, success=False, observed_value=7),
    ]
    library = Batch(monkeypatch, [outcome(2), outcome(0), outcome(1, success=False)], details)
    results = engine.run([FIRST, SECOND, SHARE], TABLE)
    assert results == [PASSED, Result(False, (), "7"), Result(True, (1,), "1 of 2 rows (x)")]
    assert library.calls == [(["a(n)", "b(t)", "c(b)"], "BOOLEAN_ONLY"), (["b(t)", "c(b)"], "COMPLETE")]


def test_rules_that_all_hold_are_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Batch(monkeypatch, [outcome(1), outcome(0)])
    assert engine.run([FIRST, SECOND], TABLE) == [PASSED, PASSED]
    assert len(library.calls) == 1


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([outcome(0)], "Great Expectations gave no result"),
        ([outcome(0), outcome(1, error={"raised_exception": True, "exception_message": " no regex. "})], "no regex"),
        ([outcome(0), outcome(1, error={"m1": {"raised_exception": True, "exception_message": "deep"}})], "deep"),
    ],
)
def test_a_rule_without_a_verdict_is_a_mistake_at_its_line(
    monkeypatch: pytest.MonkeyPatch, answers: list[SimpleNamespace], said: str
) -> None:
    Batch(monkeypatch, answers)
    with pytest.raises(DefinitionError, match=rf"suite:1: the rule b\(t\) cannot be judged: {said}\. Correct its arguments"):
        engine.run([FIRST, SECOND], TABLE)


@pytest.mark.parametrize("error", [None, {}, {"raised_exception": False}, {"m1": {"raised_exception": False}}, {"m1": "text"}])
def test_what_raised_nothing_is_no_failure(error: Any) -> None:
    assert engine._failure(outcome(0, error=error)) is None


def test_a_table_goes_to_pandas_with_types_that_can_be_missing() -> None:
    frame = engine._frame(TABLE)
    assert (frame["n"].dtype, frame["b"].dtype) == (pd.Int64Dtype(), pd.BooleanDtype())
    assert frame["n"].tolist() == [1, pd.NA] and frame["d"].tolist() == [date(2024, 3, 9), None]


def test_a_rule_is_written_with_its_place_among_the_others() -> None:
    refers = rule("x", column="t", value_set=pa.array(["a", "b"]), mostly=0.5)
    assert engine.as_configuration(refers, 3) == {
        "type": "expect_x", "kwargs": {"column": "t", "value_set": ["a", "b"], "mostly": 0.5}, "meta": {"position": 3},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "simple"),
    [
        ("a", "a"), (1, 1), (1.5, 1.5), (True, True), (None, None), (date(2024, 3, 9), date(2024, 3, 9)),
        (float("nan"), None), (pd.NaT, None), (object(), None),
        (np.float64(2.5), 2.5), (np.int64(3), 3), (pa.scalar("x"), "x"),
        ({"a": [np.int64(1)], "b": (2,)}, {"a": [1], "b": [2]}),
        (pa.array(["a"]), ["a"]),
        (list(range(20)), list(range(20))),
        (list(range(21)), [*range(20), "... 21 values in all"]),
    ],
)  # fmt: skip
def test_values_on_a_page_are_plain_and_few(value: object, simple: object) -> None:
    found = engine.simple(value)
    assert found == simple
    assert type(found) is type(simple)


def test_pages_are_made_of_simple_values_and_show_examples_only_where_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    formats = []
    for shows in (True, False):
        item = SimpleNamespace(result={"v": np.int64(1)}, expectation_config={"kwargs": {"s": pa.array(["a"])}})
        library = Batch(monkeypatch)
        library.validate = lambda _rules, result_format, item=item: (  # type: ignore[method-assign]
            formats.append(result_format) or SimpleNamespace(results=[item])
        )
        found = engine.validate_in_full([FIRST], TABLE, shows_values=shows)
        assert (found.results[0].result, found.results[0].expectation_config) == ({"v": 1}, {"kwargs": {"s": ["a"]}})
    assert formats == [
        {"result_format": "SUMMARY", "exclude_unexpected_values": False},
        {"result_format": "SUMMARY", "exclude_unexpected_values": True},
    ]


def test_broken_rows_are_written_with_few_different_values_in_few_letters() -> None:
    assert observed_rows(3, 9, ["a", "b", "a"]) == "3 of 9 rows (a, b)"
    assert observed_rows(0, None, []) == "0 of None rows"
    assert observed_rows(30, 40, range(21)) == f"30 of 40 rows ({', '.join(map(str, range(20)))})"
    assert observed_rows(1, 1, ["x" * 300]) == f"1 of 1 rows ({'x' * 200})"


def test_instants_and_dates_are_written_the_same_everywhere() -> None:
    stamp = pd.Timestamp("2024-03-09 12:00:00.123456", tz="UTC").to_pydatetime()
    assert (plain(stamp), plain(date(2024, 3, 9)), plain(1.5), plain(None)) == (
        "2024-03-09T12:00:00+00:00", "2024-03-09", "1.5", "None",
    )  # fmt: skip


# --- verdicts that are kept --------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is asked of the library; it finds every rule broken in its first row."""
    calls: list[str] = []

    def run(rules: Sequence[Rule], _table: pa.Table) -> list[Result]:
        calls.extend(f"run {item.name}" for item in rules)
        return [Result(False, (0,), item.name) for item in rules]

    monkeypatch.setattr(engine, "check", lambda item: calls.append(f"check {item.name}"))
    monkeypatch.setattr(engine, "run", run)
    return calls


def test_the_same_question_is_asked_once_after_its_rules_were_checked(asked: list[str], tmp_path: Path) -> None:
    first = engine.cached_results([FIRST, SHARE], TABLE, tmp_path)
    assert asked == ["check a(n)", "check c(b)", "run a(n)", "run c(b)"]
    assert first == [Result(False, (0,), "a(n)"), Result(False, (0,), "c(b)")]
    assert engine.cached_results([FIRST, SHARE], TABLE, tmp_path) == first
    assert len(asked) == 4


def test_no_rules_ask_nothing(asked: list[str], tmp_path: Path) -> None:
    assert engine.cached_results([], TABLE, tmp_path / "absent") == [] == asked


@pytest.mark.parametrize(
    "other",
    [
        lambda: ([FIRST, SECOND], TABLE),
        lambda: ([rule("a", column="b"), SHARE], TABLE),
        lambda: ([FIRST, rule("c", column="b", mostly=0.6)], TABLE),
        lambda: ([FIRST, SHARE], TABLE.take([1, 0])),
        lambda: ([FIRST, SHARE], TABLE.rename_columns(["n", "t", "b", "e"])),
        lambda: ([FIRST, SHARE], TABLE.set_column(0, "n", pa.array([1, None], pa.int32()))),
    ],
    ids=["rule", "column", "argument", "order of rows", "name", "type"],
)
def test_another_question_is_asked_anew(
    asked: list[str], tmp_path: Path, other: Callable[[], tuple[list[Rule], pa.Table]]
) -> None:
    engine.cached_results([FIRST, SHARE], TABLE, tmp_path)
    before = len(asked)
    engine.cached_results(*other(), tmp_path)
    assert len(asked) == 2 * before


def test_another_version_of_the_library_or_of_the_format_is_another_question(monkeypatch: pytest.MonkeyPatch) -> None:
    key = engine._key([FIRST], TABLE)
    assert engine._key([FIRST], TABLE) == key
    with monkeypatch.context() as patch:
        patch.setattr(engine, "version", lambda: "9.9/9.9")
        assert engine._key([FIRST], TABLE) != key
    monkeypatch.setattr(engine, "_FORMAT", "verdicts-9")
    assert engine._key([FIRST], TABLE) != key


def test_a_table_in_pieces_is_the_same_question() -> None:
    assert engine._key([FIRST], pa.concat_tables([TABLE[:1], TABLE[1:]])) == engine._key([FIRST], TABLE)


# --- the library itself ------------------------------------------------------------------------------------------------


def test_rules_the_library_does_not_have_or_take_are_refused_at_their_line() -> None:
    engine.check(NOT_NULL)
    for refused in (rule("what_is_not", column="n"), rule(NOT_NULL.type.removeprefix("expect_"), colum="n")):
        with pytest.raises(DefinitionError, match=rf"suite:1: '{refused.type}' is refused: .+ See the gallery"):
            engine.check(refused)


@pytest.mark.parametrize("collects", [True, False])
def test_the_library_sends_nothing_shows_nothing_and_leaves_the_collector_as_it_was(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], collects: bool
) -> None:
    monkeypatch.delenv("GX_ANALYTICS_ENABLED", raising=False)
    engine._batch_definition.cache_clear()
    if not collects:
        gc.disable()
    try:
        results = engine.run([NOT_NULL], TABLE)
        assert gc.isenabled() == collects
    finally:
        gc.enable()
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
    assert [(item.success, item.rows) for item in results] == [(False, (1,))]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("low", "high", "broken"), [("2000-01-01", "2100-01-01", (1, 2)), (None, "9999-12-31", ())])
def test_dates_beyond_those_of_python_are_judged_as_the_last_and_the_first(
    low: str | None, high: str, broken: tuple[int, ...]
) -> None:
    days = pa.array([15_000, 2**31 - 1, -(2**31), None], pa.int32()).cast(pa.date32())  # DuckDB writes infinity so
    limits = {name: limit for name, limit in (("min_value", low), ("max_value", high)) if limit}
    rule = Rule("until", "expect_column_values_to_be_between", {"column": "until", **limits}, "warn", "Words.", "suite.yaml:1")
    (result,) = engine.run([rule], pa.table({"until": days}))
    assert (result.success, result.rows) == (not broken, broken)
