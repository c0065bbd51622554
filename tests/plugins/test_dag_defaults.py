"""What every DAG and task starts with: settings, the first and last night, the fields of forms, and when to try again."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow.sdk import RetryAction

from nightloop.errors import Final, TryAgain
from plugins import dag_defaults
from plugins.alerts import alert_on_failure, alert_on_success
from plugins.dag_defaults import asset, dag_settings, last_run, midnight, night_field, reason_field, requested_by_field
from plugins.retries import LONGEST_WAIT, PATIENCE, UNKNOWN_TRIES, UNKNOWN_WAIT, WAIT, StageRetryPolicy
from serving.problems import BadRequest

NEW_YORK = ZoneInfo("America/New_York")


def loans(**changes: Any) -> Any:
    values = {"use_case": "loans", "owner": "risk", "risk": "high", "time_zone": "America/New_York"}
    return SimpleNamespace(**{**values, "first_night": date(2013, 1, 1), "last_night": date(2013, 3, 8), **changes})


def test_the_settings_of_a_family_name_it_order_it_and_tell_of_failures() -> None:
    settings = dag_settings(loans(), "score", weight=30)
    assert (settings["dag_id"], settings["catchup"], settings["max_active_runs"]) == ("loans.score", False, 32)
    assert settings["tags"] == ["nightloop", "loans", "score", "risk:high"]
    tasks = settings["default_args"]
    assert (tasks["owner"], tasks["priority_weight"], tasks["weight_rule"]) == ("risk", 30, "absolute")
    assert (tasks["retries"], tasks["retry_delay"]) == (PATIENCE, WAIT)
    assert isinstance(tasks["retry_policy"], StageRetryPolicy)
    assert tasks["on_failure_callback"] == [alert_on_failure]
    assert tasks["on_success_callback"] == [alert_on_success]


def test_an_asset_is_named_after_its_use_case_and_table() -> None:
    found = asset(loans(), "raw")
    assert (found.name, found.uri, found.group) == ("loans.raw", "nightloop://loans/raw", "nightloop")


def test_a_day_begins_at_midnight_of_the_use_cases_zone() -> None:
    assert midnight(loans(), date(2013, 1, 1)) == datetime(2013, 1, 1, tzinfo=NEW_YORK)
    assert midnight(loans(), date(2013, 7, 1)).utcoffset() == timedelta(hours=-4)


def test_the_last_run_is_in_the_morning_after_the_last_night_and_a_living_source_has_none() -> None:
    assert last_run(loans()) == datetime(2013, 3, 10, tzinfo=NEW_YORK)
    assert last_run(loans(last_night=None)) is None


def test_the_fields_of_a_form_say_what_fits() -> None:
    night = night_field(loans(), "First night", "It begins here.")
    assert night.schema["format"] == "date"
    assert night.description == "It begins here. Nights of this use case: 2013-01-01 to 2013-03-08."
    assert night_field(loans(last_night=None), "T", "D.").description == "D. Nights of this use case: 2013-01-01."
    reason, who = reason_field().schema, requested_by_field().schema
    assert (reason["minLength"], reason["maxLength"], who["minLength"], who["maxLength"]) == (10, 500, 2, 100)


def test_use_cases_come_in_the_order_of_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dag_defaults, "load_settings", lambda: SimpleNamespace(definitions="folder"))
    monkeypatch.setattr(dag_defaults, "use_case_names", lambda folder: ["b", "a", "c"])
    monkeypatch.setattr(dag_defaults, "load_use_case", lambda name, folder: (name, folder))
    assert dag_defaults.use_cases() == [("a", "folder"), ("b", "folder"), ("c", "folder")]


class Ours(TryAgain):
    """An error of a door, of the branch that may succeed later."""


@pytest.mark.parametrize(
    ("error", "tries", "action", "delay"),
    [
        (TryAgain("later."), 1, RetryAction.RETRY, WAIT),
        (Ours("later."), 119, RetryAction.RETRY, LONGEST_WAIT),
        (Final("never."), 1, RetryAction.FAIL, None),
        (BadRequest("never."), 1, RetryAction.FAIL, None),
        (OSError("?"), UNKNOWN_TRIES - 1, RetryAction.RETRY, UNKNOWN_WAIT),
        (OSError("?"), UNKNOWN_TRIES, RetryAction.FAIL, None),
        (KeyError("?"), UNKNOWN_TRIES + 1, RetryAction.FAIL, None),
    ],
)
def test_an_error_is_tried_again_by_its_branch_of_the_tree(
    error: BaseException, tries: int, action: RetryAction, delay: timedelta | None
) -> None:
    decision = StageRetryPolicy().evaluate(error, try_number=tries, max_tries=PATIENCE)
    assert (decision.action, decision.retry_delay) == (action, delay)
    assert type(error).__name__ in str(decision.reason)


def test_a_night_waits_ten_minutes_for_the_one_before_and_an_unknown_error_half_a_minute() -> None:
    assert (timedelta(minutes=10), timedelta(seconds=30), 3) == (PATIENCE * WAIT, UNKNOWN_WAIT, UNKNOWN_TRIES)
