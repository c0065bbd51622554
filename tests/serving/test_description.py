"""What the service says of itself: OpenAPI, models, metrics."""

from __future__ import annotations

from typing import Any

import httpx
import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.serving.clinic import NIGHTS, Clinic
from tests.serving.stubs import OTHER_FORMATS

ROW = "ClinicVisitsRow"


@pytest.fixture(scope="module")
def described(service: httpx.Client) -> dict[str, Any]:
    return service.get("/openapi.json").json()


def resolved(described: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "components": described["components"]}


def test_openapi_describes_every_route(described: dict[str, Any]) -> None:
    ours = {"/healthz", "/readyz", "/metrics", "/v1/models", "/v1/clinic_visits/predict"}
    assert set(described["paths"]) == {*ours, *OTHER_FORMATS}
    for path, methods in described["paths"].items():
        for operation in methods.values():
            assert operation["summary"], path


def test_openapi_names_the_use_cases_own_fields(described: dict[str, Any], published_clinic: Clinic) -> None:
    row = described["components"]["schemas"][ROW]
    columns = published_clinic.use_case.sources["visits"].columns
    assert list(row["properties"]) == list(columns)
    assert all(columns[name].description in told["description"] for name, told in row["properties"].items())
    assert "euro" in row["properties"]["price"]["description"]
    assert set(row["required"]) == {"visit_id", "visit_date", "clinic", "planned_hour", "price", "is_new", "patient"}
    assert row["additionalProperties"] is False


def test_the_example_of_openapi_is_answered(described: dict[str, Any], service: httpx.Client) -> None:
    example = described["components"]["schemas"][ROW]["example"]
    assert service.post("/v1/clinic_visits/predict", json=example).status_code == 200


def test_rows_and_answers_are_as_openapi_describes_them(
    described: dict[str, Any], service: httpx.Client, published_clinic: Clinic
) -> None:
    operation = described["paths"]["/v1/clinic_visits/predict"]["post"]
    body = resolved(described, operation["requestBody"]["content"]["application/json"]["schema"])
    answered = resolved(described, operation["responses"]["200"]["content"]["application/json"]["schema"])
    refused = resolved(described, operation["responses"]["422"]["content"]["application/json"]["schema"])
    rows = published_clinic.rows(NIGHTS.last)
    for request in (rows[0], {"rows": rows}, {"rows": rows[:2], "night": str(NIGHTS.last)}):
        jsonschema.validate(request, body)
        jsonschema.validate(service.post("/v1/clinic_visits/predict", json=request).json(), answered)
    jsonschema.validate(service.post("/v1/clinic_visits/predict", json={}).json(), refused)


def test_openapi_says_that_a_token_may_be_asked_for(described: dict[str, Any]) -> None:
    assert described["components"]["securitySchemes"] == {"HTTPBearer": {"type": "http", "scheme": "bearer"}}
    assert described["paths"]["/v1/clinic_visits/predict"]["post"]["security"] == [{"HTTPBearer": []}]
    assert "security" not in described["paths"]["/healthz"]["get"]


def test_models_tells_version_nights_and_features(service: httpx.Client, published_clinic: Clinic) -> None:
    (model,) = service.get("/v1/models").json()["models"]
    told = {name: model[name] for name in ("use_case", "ready", "version", "as_of", "effective_from", "night", "kind")}
    assert told == {
        "use_case": "clinic_visits",
        "ready": True,
        "version": 1,
        "as_of": "2024-01-04",
        "effective_from": "2024-01-04",
        "night": str(NIGHTS.last),
        "kind": "xgboost",
    }
    assert [feature["name"] for feature in model["features"]] == list(published_clinic.use_case.features)


def test_metrics_count_requests_rows_and_errors(service: httpx.Client, published_clinic: Clinic) -> None:
    def counted() -> dict[tuple[str, str], float]:
        families = text_string_to_metric_families(service.get("/metrics").text)
        return {
            (sample.name, ",".join(sample.labels.values())): sample.value for family in families for sample in family.samples
        }

    route = "/v1/clinic_visits/predict"
    before = counted()
    service.post(route, json={"rows": published_clinic.rows(NIGHTS.last)[:7]})
    service.post(route, json={})
    service.post("/v1/other/predict", json={})
    after = counted()
    grown = {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}
    assert grown["nightloop_rows_total", "clinic_visits"] == 7
    assert grown["nightloop_requests_total", f"{route},200"] == 1
    assert grown["nightloop_errors_total", f"BadRequest,{route}"] == 1
    assert grown["nightloop_errors_total", "UnknownUseCase,/v1/{use_case}/predict"] == 1
    assert grown["nightloop_request_seconds_count", route] == 2
