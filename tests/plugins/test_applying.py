"""The tasks of <uc>.apply on a small shop whose definition is changed: the plan in the log, and what it names built."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from jobs.upkeep.plan import make_plan
from nightloop.errors import UnknownUseCase, UsageError
from nightloop.nights import Nights
from plugins.applying import ApplyOperator, PlanOperator, plan_in_brief
from plugins.retries import StageRetryPolicy
from tests.jobs.changing import FIRST, NIGHTS, ROWS, Things
from tests.plugins.stops import stops_with


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Things:
    """Six nights of the shop, where the environment of a worker finds them."""
    things = Things(tmp_path)
    things.build()
    for name in ("home", "definitions", "contracts", "engine"):
        monkeypatch.setenv(f"NIGHTLOOP_{name.upper()}", str(getattr(things.settings, name)))
    return things


def hundredfold(things: Things) -> None:
    things.change(lambda declared: declared["features"]["price"].update(expression="price * 100"))


def logged(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what tasks logged since, a line an event."""
    return capsys.readouterr().out.splitlines()


def plan() -> dict[str, Any]:
    return PlanOperator(task_id="plan", use_case_name="things").execute({})  # type: ignore[return-value]


def apply(at_most: int | None = None) -> list[dict[str, object]]:
    return ApplyOperator(task_id="apply", use_case_name="things").execute({"params": {"at_most": at_most}})  # type: ignore[typeddict-item]


def test_the_plan_is_logged_line_by_line_and_returned_with_its_spans(
    things: Things, capsys: pytest.CaptureFixture[str]
) -> None:
    hundredfold(things)
    brief = plan()
    lines = make_plan(things.use_case, things.workspace).lines()
    log = "\n".join(logged(capsys))
    assert len(lines) > 2 and [line for line in lines if line in log] == lines
    assert json.dumps(brief) and brief["exit_code"] == 20
    assert brief["builds"] == [
        {
            "table": "features",
            "nights": 6,
            "first_night": str(FIRST),
            "last_night": str(NIGHTS.last),
            "rows": 6 * ROWS,
            "why": "another definition of price",
        }
    ]


def test_where_nothing_must_be_built_the_plan_is_skipped_with_a_sentence(things: Things) -> None:
    with pytest.raises(AirflowSkipException, match=r"nothing must be built: every night of things is of today's definition\."):
        plan()
    things.change(lambda declared: declared["features"]["price"].update(description="Other words."))
    with pytest.raises(AirflowSkipException):
        plan()
    assert apply() == []


def test_what_cannot_be_had_back_fails_at_once_in_the_words_of_the_plan(
    things: Things, capsys: pytest.CaptureFixture[str]
) -> None:
    things.change(lambda declared: declared["sources"]["things"]["columns"]["part"].update(type="integer", expression="1"))
    words = "column things.part is string in the lake: give the int64 another name."
    with stops_with(UsageError) as raised:
        plan()
    assert words in raised.value.what and any(f"cannot be had back: {words}" in line for line in logged(capsys))
    assert StageRetryPolicy().evaluate(raised.value, 1, 120) == StageRetryPolicy().evaluate(UsageError("no."), 1, 120)
    with stops_with(UsageError, match="it cannot be built"):
        apply()


def test_a_run_builds_at_most_what_the_form_says_and_the_next_one_the_rest(
    things: Things, capsys: pytest.CaptureFixture[str]
) -> None:
    hundredfold(things)
    (part,) = apply(at_most=2)
    lines = logged(capsys)
    newest = Nights(list(NIGHTS)[-2], NIGHTS.last)
    assert (part["first_night"], part["last_night"]) == (str(newest.first), str(newest.last))
    for night in newest:
        assert any(f"published things/features night={night}: {ROWS} rows" in line for line in lines)
    assert plan()["builds"][0]["nights"] == 4
    (rest,) = apply()
    assert (rest["nights"], rest["first_night"], rest["rows"]) == (4, str(FIRST), 4 * ROWS)
    with pytest.raises(AirflowSkipException):
        plan()


def test_a_build_that_is_stopped_leaves_what_it_built_and_the_next_goes_on(
    things: Things, monkeypatch: pytest.MonkeyPatch
) -> None:
    things.change(lambda declared: declared["sources"]["things"]["columns"]["price"].update(expression="price::double * 100"))

    def stop(_: object, doing: str, done: int, total: int) -> None:
        if doing == "publishing tiles" and done == total:
            raise KeyboardInterrupt

    with monkeypatch.context() as during, pytest.raises(KeyboardInterrupt):
        during.setattr(ApplyOperator, "_progress", stop)
        apply()
    assert {build["table"] for build in plan()["builds"]} == {"aggregates", "features"}
    assert {row["table"] for row in apply()} == {"things/aggregates", "things/features"}


def test_a_plan_of_many_years_stays_small_between_tasks(things: Things) -> None:
    hundredfold(things)
    brief, whole = (
        plan_in_brief(make_plan(things.use_case, things.workspace)),
        make_plan(things.use_case, things.workspace).as_json(),
    )
    assert brief.keys() == whole.keys() and {**brief, "builds": 0} == {**whole, "builds": 0}


def test_a_use_case_that_is_not_declared_is_an_error(things: Things) -> None:
    for task in (PlanOperator, ApplyOperator):
        with stops_with(UnknownUseCase):
            task(task_id="t", use_case_name="thing").execute(SimpleNamespace(params={}))  # type: ignore[arg-type]
