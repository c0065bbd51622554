"""The status of the use cases, as probes and people read it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from serving.refresh import Status
from serving.status import is_ready, models_of, readiness_of
from tests.serving.stubs import NIGHT, USE_CASE, identity, loaded_model, snapshot

CHECKED = datetime(2024, 1, 7, 1, tzinfo=UTC)
SPEC = SimpleNamespace(kind="xgboost", threshold=0.4, features=("price", "hour"), descriptions=("what it costs", "when it is"))
ANSWERS = Status(snapshot(identity(model_version=3), predictor=SimpleNamespace(spec=SPEC)), None, False, CHECKED)
BEHIND = Status(ANSWERS.snapshot, "the lake does not answer.", False, CHECKED)
NEW = Status(None, "no champion yet.", True, CHECKED)
BROKEN = Status(None, "the registry does not answer.", False, CHECKED)
STARTING = Status()


def models(*statuses: Status) -> list[Any]:
    return [
        loaded_model(status, USE_CASE.model_copy(update={"use_case": f"use_case_{i}"})) for i, status in enumerate(statuses, 1)
    ]


@pytest.mark.parametrize(
    ("statuses", "ready"),
    [
        ([], False),
        ([ANSWERS], True),
        ([BEHIND], True),
        ([NEW], False),
        ([BROKEN], False),
        ([STARTING], False),
        ([ANSWERS, NEW], True),
        ([NEW, ANSWERS], True),
        ([ANSWERS, BROKEN], False),
        ([ANSWERS, STARTING], False),
        ([NEW, NEW], False),
    ],
)
def test_the_service_is_ready_when_something_answers_and_nothing_that_once_could_is_missing(
    statuses: list[Status], ready: bool
) -> None:
    assert is_ready(models(*statuses)) is ready
    assert readiness_of(models(*statuses)).ready is ready


def test_readiness_gives_version_night_problem_and_time_of_each_use_case() -> None:
    readiness = readiness_of(models(ANSWERS, BEHIND, BROKEN, STARTING))
    one, two, three, four = (readiness.use_cases[f"use_case_{i}"] for i in range(1, 5))
    assert (one.ready, one.model_version, one.night, one.problem, one.checked_at) == (True, 3, NIGHT, None, CHECKED)
    assert (two.ready, two.night, two.problem) == (True, NIGHT, "the lake does not answer.")
    assert (three.ready, three.model_version, three.night) == (False, None, None)
    assert three.problem == "the registry does not answer."
    assert (four.ready, four.problem, four.checked_at) == (False, "the service is starting.", None)


def test_models_of_describes_the_champion_and_its_features_in_the_models_order() -> None:
    (info,) = models_of(models(BEHIND)).models
    assert (info.use_case, info.description, info.owner) == ("use_case_1", USE_CASE.description, "tests")
    assert (info.ready, info.problem) == (True, "the lake does not answer.")
    assert (info.version, info.kind, info.threshold, info.night) == (3, "xgboost", 0.4, NIGHT)
    assert (info.as_of, info.effective_from) == (date(2023, 12, 31), date(2024, 1, 1))
    assert [(feature.name, feature.description, feature.unit) for feature in info.features] == [
        ("price", "what it costs", "euro"),
        ("hour", "when it is", "hour"),
    ]


def test_models_of_names_the_problem_where_nothing_answers() -> None:
    (info,) = models_of(models(BROKEN)).models
    assert (info.ready, info.problem, info.version, info.features) == (False, "the registry does not answer.", None, [])
