"""The whole application in this process: what it describes, its open routes, and how it looks for something newer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
from pydantic import SecretStr

from nightloop.definitions import UseCase
from nightloop.definitions.model import Conformal, MulticlassModel, RegressionModel
from nightloop.settings import load_settings
from serving import app as application
from serving.answers import answer_model, answers_model
from serving.app import Options, create_app
from serving.metrics import BUCKETS
from tests.serving.stubs import NIGHT, NO_EVENTS, OTHER_FORMATS, USE_CASE, Client, Clock, Stores

PLAIN = USE_CASE.model_copy(update={"model": USE_CASE.model.model_copy(update={"conformal": None})})
NUMBER = USE_CASE.model_copy(update={"model": RegressionModel(task="regression", fit_where_known=())})
CLASSES = USE_CASE.model_copy(update={"model": MulticlassModel(task="multiclass", classes=("on_time", "late"))})
SHARED = {"key": {"visit_id": "v1"}, "reasons": [], "model_version": 3, "night": "2024-01-06"}
ANSWERS: dict[str, tuple[UseCase, dict[str, Any]]] = {
    "binary": (PLAIN, {"probability": 0.5, "decision": True}),
    "regression": (NUMBER, {"prediction": 12.5, "decision": None}),
    "multiclass": (
        CLASSES,
        {"predicted_class": "late", "probability": 0.7, "probability_on_time": 0.3, "probability_late": 0.7},
    ),
}


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> Stores:
    """Stores with one published night and its champion."""
    stores = Stores({NIGHT: 1}, {NIGHT - timedelta(days=3): 2})
    monkeypatch.setattr("serving.model_snapshot.find", stores.find)
    monkeypatch.setattr("serving.model_snapshot.load", stores.load)
    return stores


def build(**options: Any) -> Any:
    nowhere = Path("no-such-folder")
    workspace: Any = SimpleNamespace(settings=load_settings(home=nowhere, contracts=nowhere), ledger=NO_EVENTS)
    return create_app(workspace, [USE_CASE], Options(**options), clock=Clock())


@pytest.mark.parametrize("task", ANSWERS)
def test_the_answer_of_a_task_is_described_with_its_columns_and_the_shared_ones(task: str) -> None:
    use_case, columns = ANSWERS[task]
    schema = answer_model(use_case, "Visit").model_json_schema()
    assert set(schema["properties"]) == {*SHARED, *columns}
    jsonschema.validate({**SHARED, **columns}, schema)
    several = answers_model(use_case, "Visit").model_json_schema()
    jsonschema.validate({"predictions": [{**SHARED, **columns}]}, several)
    assert jsonschema.Draft202012Validator(several).is_valid({"predictions": [{}]}) is False


@pytest.mark.parametrize(
    ("task", "column"), [(task, name) for task, (_, columns) in ANSWERS.items() for name in columns if "probability" in name]
)
def test_a_probability_lies_between_0_and_1(task: str, column: str) -> None:
    use_case, columns = ANSWERS[task]
    schema = jsonschema.Draft202012Validator(answer_model(use_case, "Visit").model_json_schema())
    answers = {value: {**SHARED, **columns, column: value} for value in (-0.01, 0.0, 1.0, 1.01)}
    assert {value: schema.is_valid(answer) for value, answer in answers.items()} == {
        -0.01: False,
        0.0: True,
        1.0: True,
        1.01: False,
    }


@pytest.mark.parametrize(
    ("task", "promised"),
    [("binary", {"prediction_set": "false|true"}), ("regression", {"prediction_low": 1.0, "prediction_high": 2.5})],
)
def test_what_is_promised_is_described_and_may_be_null(task: str, promised: dict[str, Any]) -> None:
    use_case, columns = ANSWERS[task]
    model = use_case.model.model_copy(update={"conformal": Conformal(coverage=0.9)})
    schema = answer_model(use_case.model_copy(update={"model": model}), "Visit").model_json_schema()
    assert set(schema["properties"]) == {*SHARED, *columns, *promised}
    jsonschema.validate({**SHARED, **columns, **promised}, schema)
    jsonschema.validate({**SHARED, **columns, **dict.fromkeys(promised)}, schema)


def test_the_application_has_its_routes_and_says_that_it_is_alive() -> None:
    client = Client(build())
    described = client.get("/openapi.json").json()
    ours = {"/healthz", "/readyz", "/metrics", "/v1/models", "/v1/clinic_visits/predict"}
    assert set(described["paths"]) == {*ours, *OTHER_FORMATS}
    assert client.get("/healthz").json() == {"alive": True}
    assert client.get("/v1/none").json()["what"]


@pytest.mark.parametrize(("token", "status"), [(None, 200), ("a token of sixteen letters", 401)])
def test_the_models_are_listed_without_a_header_only_where_no_token_is_set(token: str | None, status: int) -> None:
    client = Client(build(token=SecretStr(token) if token else None))
    assert client.get("/v1/models").status_code == status
    assert client.post("/v1/clinic_visits/predict", json={}).status_code == (401 if token else 422)


def run(app: Any, until: Callable[[], bool], then: Callable[[], None] = lambda: None) -> None:
    """Run the application's lifespan until something is true, do something, and end it in time."""

    async def live() -> None:
        async with app.router.lifespan_context(app):
            while not until():
                await asyncio.sleep(0.005)
            then()

    asyncio.run(asyncio.wait_for(live(), 15))


def test_it_is_ready_once_it_has_looked_and_counts_each_look(stores: Stores) -> None:
    app = build(poll_seconds=0.01)
    client = Client(app)
    before = client.get("/readyz")
    assert (before.status_code, before.json()["ready"]) == (503, False)
    run(app, lambda: len(stores.asked) >= 3)
    after = client.get("/readyz")
    assert (after.status_code, after.json()["ready"]) == (200, True)
    text = client.get("/metrics").text
    assert 'nightloop_ready{use_case="clinic_visits"} 1.0' in text
    assert 'nightloop_requests_total{route="/readyz",status="503"} 1.0' in text
    assert 'nightloop_refreshes_total{outcome="ok",use_case="clinic_visits"}' in text


def test_between_two_looks_it_rests_for_the_seconds_asked_for(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []
    sleep = asyncio.sleep

    async def rest(seconds: float) -> None:
        rests.append(seconds)
        await sleep(0)

    monkeypatch.setattr(application.asyncio, "sleep", rest)
    run(build(poll_seconds=7.5), lambda: rests.count(7.5) >= 2)
    assert len(stores.asked) >= 2


def test_times_are_counted_in_rising_buckets_from_half_a_millisecond_to_ten_seconds() -> None:
    assert list(BUCKETS) == sorted(set(BUCKETS))
    assert (BUCKETS[0], BUCKETS[-1]) == (0.0005, 10)
    assert all(later <= 4 * earlier for earlier, later in pairwise(BUCKETS))
    assert 1 in BUCKETS
