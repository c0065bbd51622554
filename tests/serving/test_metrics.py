"""What Prometheus reads: counts and ages by declared labels, and every request once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving.metrics import Metrics, MetricsMiddleware
from serving.refresh import Status
from tests.serving.stubs import USE_CASE, identity, loaded_model, snapshot

ANSWERS = Status(snapshot(identity(model_version=3)))
NOW = datetime(2024, 1, 9, 12, tzinfo=UTC)


def samples(metrics: Metrics, models: Any = (), now: datetime = NOW) -> dict[tuple[str, ...], float]:
    """(name, label values in the order of the labels' names …) -> value."""
    text = metrics.text(models, now).decode()
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in found}


def test_rows_and_positive_decisions_are_counted_by_use_case() -> None:
    metrics = Metrics()
    metrics.count_answers("a", [{"decision": True}, {"decision": False}, {"decision": True}])
    metrics.count_answers("a", [{"decision": None}, {"probability": 0.9}])
    metrics.count_answers("b", [])
    found = samples(metrics)
    assert (found["nightloop_rows_total", "a"], found["nightloop_positive_decisions_total", "a"]) == (5, 2)
    assert (found["nightloop_rows_total", "b"], found["nightloop_positive_decisions_total", "b"]) == (0, 0)


def test_a_refresh_is_counted_by_its_outcome_and_sets_what_answers() -> None:
    metrics, name = Metrics(), "clinic_visits"
    metrics.count_refresh(loaded_model(Status(None, "gone.")))
    found = samples(metrics)
    assert (found["nightloop_refreshes_total", "failed", name], found["nightloop_ready", name]) == (1, 0)
    assert ("nightloop_model_version", name) not in found
    metrics.count_refresh(loaded_model(ANSWERS))
    metrics.count_refresh(loaded_model(Status(ANSWERS.snapshot, "gone.")))
    found = samples(metrics)
    assert (found["nightloop_refreshes_total", "failed", name], found["nightloop_refreshes_total", "ok", name]) == (2, 1)
    assert (found["nightloop_ready", name], found["nightloop_model_version", name]) == (1, 3)


@pytest.mark.parametrize(
    ("zone", "now", "nights"),
    [
        ("UTC", datetime(2024, 1, 6, 23, tzinfo=UTC), 0),
        ("UTC", datetime(2024, 1, 7, 0, tzinfo=UTC), 1),
        ("America/New_York", datetime(2024, 1, 7, 4, tzinfo=UTC), 0),
        ("America/New_York", datetime(2024, 1, 7, 6, tzinfo=UTC), 1),
        ("Asia/Tokyo", datetime(2024, 1, 8, 16, tzinfo=UTC), 3),
    ],
)
def test_the_age_is_counted_in_days_of_the_use_cases_zone(zone: str, now: datetime, nights: int) -> None:
    use_case = USE_CASE.model_copy(update={"time_zone": zone})
    found = samples(Metrics(), [loaded_model(ANSWERS, use_case)], now)
    assert found["nightloop_aggregates_age_nights", "clinic_visits"] == nights


def test_what_is_not_loaded_has_no_age() -> None:
    assert ("nightloop_aggregates_age_nights", "clinic_visits") not in samples(Metrics(), [loaded_model(Status())])


def ask(metrics: Metrics, app: Any, **scope: Any) -> list[Any]:
    """Send one request through the middleware and return what it sent."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(MetricsMiddleware(app, metrics)({"type": "http", **scope}, None, send))  # type: ignore[arg-type]
    return sent


def answering(status: int) -> Any:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status})
        await send({"type": "http.response.body", "status": 1})

    return app


class Route:
    path = "/v1/x/predict"


@pytest.mark.parametrize(("status", "errors"), [(200, 0), (399, 0), (400, 1), (404, 1), (503, 1)])
def test_a_request_is_counted_by_route_and_status_and_as_an_error_from_400_on(status: int, errors: int) -> None:
    metrics = Metrics()
    assert [message["type"] for message in ask(metrics, answering(status), route=Route)] == [
        "http.response.start",
        "http.response.body",
    ]
    found = samples(metrics)
    assert found["nightloop_requests_total", Route.path, str(status)] == 1
    assert found["nightloop_request_seconds_count", Route.path] == 1
    assert found.get(("nightloop_errors_total", f"HTTP {status}", Route.path), 0) == errors


def test_an_error_is_counted_by_its_class_where_it_is_known_and_an_unknown_path_under_one_name() -> None:
    metrics = Metrics()
    ask(metrics, answering(422), nightloop_error="BadRequest")
    found = samples(metrics)
    assert found["nightloop_errors_total", "BadRequest", "unmatched"] == 1
    assert found["nightloop_requests_total", "unmatched", "422"] == 1


def test_a_request_that_breaks_is_counted_as_500_and_its_error_goes_on() -> None:
    async def breaks(*_: Any) -> None:
        raise RuntimeError("it broke")

    metrics = Metrics()
    with pytest.raises(RuntimeError, match="it broke"):
        ask(metrics, breaks, route=Route)
    assert samples(metrics)["nightloop_requests_total", Route.path, "500"] == 1


def test_the_time_counted_is_the_time_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([10.0, 12.5])
    monkeypatch.setattr("serving.metrics.time.perf_counter", lambda: next(ticks))
    metrics = Metrics()
    ask(metrics, answering(200), route=Route)
    assert samples(metrics)["nightloop_request_seconds_sum", Route.path] == 2.5


def test_what_is_no_http_is_passed_on_uncounted() -> None:
    metrics, passed = Metrics(), []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        passed.append(scope["type"])

    ask(metrics, app, type="lifespan")
    assert passed == ["lifespan"]
    assert not [name for name, *_ in samples(metrics) if name == "nightloop_requests_total"]
