"""Tasks that run a stage or a step of a training, with a stage of the test's own in its place."""

from __future__ import annotations

import importlib
import logging
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.published import Published
from nightloop.errors import BadNight, NotReady
from nightloop.nights import Nights
from plugins import operators, training
from plugins.operators import StageOperator, form_night, form_range, partition_week, scored_range, summary, totals
from plugins.training import FirstTrainingOperator, TrainOperator, json_value
from tests.plugins.stops import stops_with

NIGHT = date(2013, 4, 3)


def published(night: date, rows: int = 2, table: str = "loans/scores", version: int = 3) -> Published:
    return Published("loans", night, "score", table, version, rows, "abc")


class Stage:
    """Publishes two rows a night, and keeps what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.STEPS = {name: self.step(name) for name in ("assemble", "fit", "gate")}

    def run(self, use_case: str, nights: Nights, workspace: str, *, progress: Any, **options: Any) -> list[Published]:
        self.calls.append((use_case, nights, workspace, options))
        for done in range(len(nights) + 1):
            progress("working", done, len(nights))
        return [published(night) for night in nights]

    def step(self, name: str) -> Any:
        def run(use_case: str, night: date, workspace: str, **options: Any) -> Any:
            self.calls.append((name, use_case, night, workspace, options))
            return {"night": night, "of": Verdict("pass")}

        return run

    def record_request(self, use_case: str, night: date, workspace: str, **request: str) -> None:
        self.calls.append(("request", use_case, night, workspace, request))


@dataclass(frozen=True)
class Verdict:
    outcome: str


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage()
    real = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", lambda name: stage if name in ("jobs.stub", "jobs.train") else real(name))
    for module in (operators, training):
        monkeypatch.setattr(module, "open_use_case", lambda name: (f"use case {name}", "workspace"))
    return stage


def context(key: str | None = "2013-04-03", **params: str) -> Any:
    return {"dag_run": SimpleNamespace(partition_key=key, conf={}), "params": params}


def test_a_stage_runs_for_the_runs_night_and_returns_what_it_published(stage: Stage) -> None:
    rows = StageOperator(task_id="t", use_case_name="loans", stage="stub").execute(context())
    assert stage.calls == [("use case loans", Nights(NIGHT, NIGHT), "workspace", {})]
    (row,) = rows
    assert (row["night"], row["table"], row["rows"], row["content_digest"]) == ("2013-04-03", "loans/scores", 2, "abc")


def test_a_step_is_handed_on_under_its_name(stage: Stage) -> None:
    StageOperator(task_id="t", use_case_name="loans", stage="stub", step="tiles").execute(context())
    assert stage.calls[0][3] == {"step": "tiles"}


def test_a_stage_without_a_night_publishes_nothing_and_one_with_a_wrong_key_fails(stage: Stage) -> None:
    assert StageOperator(task_id="t", use_case_name="loans", stage="stub", nights=lambda _: None).execute(context()) == []
    with stops_with(BadNight):
        StageOperator(task_id="t", use_case_name="loans", stage="stub").execute(context(None))
    assert stage.calls == []


@pytest.mark.parametrize(("days", "rows"), [(7, 7), (8, 1)])
def test_up_to_a_week_each_night_is_handed_on_and_beyond_it_the_totals(stage: Stage, days: int, rows: int) -> None:
    last = str(NIGHT + timedelta(days=days - 1))
    task = StageOperator(task_id="t", use_case_name="loans", stage="stub", nights=form_range)
    result = task.execute(context(first_night=str(NIGHT), last_night=last))
    assert len(result) == rows
    if rows == 1:
        assert result == [
            {"table": "loans/scores", "nights": 8, "first_night": "2013-04-03", "last_night": "2013-04-10", "rows": 16}
        ]


def test_the_summary_turns_to_totals_beyond_seven_nights() -> None:
    week = [published(NIGHT + timedelta(days=day)) for day in range(7)]
    assert len(summary(week)) == 7
    assert len(summary([*week, *week])) == 14, "seven nights of two tables, each told"
    assert summary([*week, published(NIGHT + timedelta(days=7))]) == ["published 8 nights of loans/scores: 16 rows"]
    assert summary([]) == ["published nothing"]


def test_totals_are_by_table_in_order_with_first_and_last_night_wherever_they_stand() -> None:
    rows = totals([published(NIGHT, 5, "b"), published(NIGHT - timedelta(days=2), 6, "b"), published(NIGHT, 1, "a")])
    assert [(row["table"], row["nights"], row["first_night"], row["last_night"], row["rows"]) for row in rows] == [
        ("a", 1, "2013-04-03", "2013-04-03", 1),
        ("b", 2, "2013-04-01", "2013-04-03", 11),
    ]


@pytest.mark.parametrize(
    ("total", "logged"),
    [(1, []), (2, [0, 1, 2]), (10, list(range(11))), (25, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 25])],
)
def test_long_work_is_logged_every_tenth_part_and_at_its_end(total: int, logged: list[int]) -> None:
    lines: list[int] = []
    task = SimpleNamespace(log=SimpleNamespace(info=lambda _text, _doing, done, _total: lines.append(done)))
    for done in range(total + 1):
        StageOperator._progress(task, "working", done, total)  # type: ignore[arg-type]
    assert lines == logged


@pytest.mark.parametrize("is_active", [True, False])
def test_a_killed_task_stops_what_runs_on_spark(monkeypatch: pytest.MonkeyPatch, is_active: bool) -> None:
    stopped: list[bool] = []
    session = SimpleNamespace(interruptAll=lambda: stopped.append(True)) if is_active else None
    spark = SimpleNamespace(SparkSession=SimpleNamespace(getActiveSession=lambda: session))
    monkeypatch.setitem(sys.modules, "pyspark.sql", spark)
    StageOperator(task_id="t", use_case_name="loans", stage="stub").on_kill()
    assert stopped == [True] * is_active
    monkeypatch.delitem(sys.modules, "pyspark.sql")
    StageOperator(task_id="t", use_case_name="loans", stage="stub").on_kill()


def test_a_form_gives_a_range_or_a_night() -> None:
    form = context(first_night="2013-01-01", last_night="2013-01-02", as_of="2013-04-03")
    assert form_range(form) == Nights(date(2013, 1, 1), date(2013, 1, 2))
    assert form_night(form) == Nights(NIGHT, NIGHT)
    with pytest.raises(BadNight):
        form_night(context(as_of=" "))


def test_a_week_ends_on_the_sunday_after_its_monday() -> None:
    assert partition_week(context("2013-04-01")).last == date(2013, 4, 7)
    for day in range(2, 8):
        with pytest.raises(BadNight, match="is no Monday"):
            partition_week(context(f"2013-04-0{day}"))


def test_the_scored_range_spans_the_nights_in_whatever_order_they_come() -> None:
    asked: list[str] = []
    rows = [
        {"night": "2013-04-05"},
        {"night": "2013-04-02"},
        {"first_night": "2013-04-03", "last_night": "2013-04-09"},
        {"rows": 1},
    ]
    ti = SimpleNamespace(xcom_pull=lambda task_ids: asked.append(task_ids) or rows)
    assert scored_range({"ti": ti}) == Nights(date(2013, 4, 2), date(2013, 4, 9))
    assert asked == ["score_range"]
    assert scored_range({"ti": SimpleNamespace(xcom_pull=lambda task_ids: None)}) is None


FORM = {"as_of": "2013-04-03", "reason": "it is old", "requested_by": "Ada", "more": "x"}


def test_the_first_step_of_a_training_records_who_asked_and_why(stage: Stage) -> None:
    result = TrainOperator(task_id="assemble", use_case_name="loans", step="assemble").execute(context(None, **FORM))
    request = {"reason": "it is old", "requested_by": "Ada"}
    assert stage.calls == [
        ("request", "use case loans", NIGHT, "workspace", request),
        ("assemble", "use case loans", NIGHT, "workspace", {}),
    ]
    assert result == {"night": "2013-04-03", "of": {"outcome": "pass"}}


def test_later_steps_record_no_request_and_a_gate_is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_judged(*_: object) -> None:
        raise NotReady("no candidate yet")

    monkeypatch.setattr("jobs.training.state.candidate_version", nothing_judged)
    TrainOperator(task_id="fit", use_case_name="loans", step="fit").execute(context(None, **FORM))
    TrainOperator(task_id="gate_bundle", use_case_name="loans", step="gate", gate="bundle").execute(context(None, **FORM))
    assert [(call[0], call[4]) for call in stage.calls] == [("fit", {}), ("gate", {"name": "bundle"})]


def test_json_takes_dataclasses_by_their_fields_and_the_rest_as_text() -> None:
    assert (json_value(Verdict("fail")), json_value(NIGHT)) == ({"outcome": "fail"}, "2013-04-03")
    assert json_value(Verdict).startswith("<class")  # type: ignore[union-attr, attr-defined]


def test_the_first_training_is_as_of_the_forms_last_night() -> None:
    task = FirstTrainingOperator(task_id="train", use_case_name="loans")
    assert (task.trigger_dag_id, task.poke_interval) == ("loans.train", 2)
    assert task.conf == {
        "as_of": "{{ params.last_night }}",
        "reason": "{{ params.reason }}",
        "requested_by": "{{ params.requested_by }}",
    }


def test_libraries_that_are_absent_are_named_and_the_others_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    from plugins import warm_scheduler

    monkeypatch.setattr(warm_scheduler, "LIBRARIES", ("json", "no_such_library", "csv"))
    (line,) = warm_scheduler.warm()
    assert line.startswith("no_such_library (")
    assert logging.getLogger("great_expectations").level == logging.WARNING
