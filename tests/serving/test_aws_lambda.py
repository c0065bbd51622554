"""Events as AWS sends them get the answers that the same requests get over HTTP."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from nightloop.errors import SetupError
from serving.platforms import aws_lambda
from serving.platforms.aws_lambda import Handler, create_handler
from tests.serving.clinic import NIGHTS, Clinic, promote

TOKEN = "a-token-of-the-function"
PATH = "/v1/clinic_visits/predict"
HEADERS = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}", "host": "abc.lambda-url.eu-west-1.on.aws"}


def of_http_api(method: str, path: str, body: str | None = None, headers: dict[str, str] = HEADERS) -> dict[str, Any]:
    """Payload 2.0: of an HTTP API, and of a function's own address."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "reasons=true",
        "queryStringParameters": {"reasons": "true"},
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abc",
            "domainName": "abc.lambda-url.eu-west-1.on.aws",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "curl/8"},
            "requestId": "e1506fd5",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2026:19:03:58 +0000",
            "timeEpoch": 1773342238000,
        },
        "body": None if body is None else base64.b64encode(body.encode()).decode(),
        "isBase64Encoded": body is not None,
    }


def of_rest_api(method: str, path: str, body: str | None = None) -> dict[str, Any]:
    """Payload 1.0: of a REST API."""
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": HEADERS,
        "multiValueHeaders": {name: [value] for name, value in HEADERS.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/{proxy+}",
            "httpMethod": method,
            "path": f"/prod{path}",
            "stage": "prod",
            "requestId": "c6af9ac6",
            "identity": {"sourceIp": "203.0.113.7", "userAgent": "curl/8"},
        },
        "body": body,
        "isBase64Encoded": False,
    }


def of_load_balancer(method: str, path: str, body: str | None = None) -> dict[str, Any]:
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/nightloop/6d0e"}},
        "httpMethod": method,
        "path": path,
        "queryStringParameters": {},
        "headers": HEADERS | {"x-forwarded-for": "203.0.113.7", "x-forwarded-port": "443", "x-forwarded-proto": "https"},
        "body": body or "",
        "isBase64Encoded": False,
    }


@pytest.fixture(scope="module")
def handler(published_clinic: Clinic) -> Handler:
    return create_handler(published_clinic.settings.model_copy(update={"service_token": SecretStr(TOKEN)}))


@pytest.mark.parametrize("event", [of_http_api, of_rest_api, of_load_balancer])
def test_an_event_is_answered_as_the_request_is(
    handler: Handler, service: httpx.Client, published_clinic: Clinic, event: Any
) -> None:
    body = json.dumps({"rows": published_clinic.rows(NIGHTS.last)})
    answer = handler(event("POST", PATH, body), None)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == service.post(PATH, content=body, headers={"content-type": "application/json"}).json()
    assert handler(event("GET", "/readyz"), None)["statusCode"] == 200
    assert handler(event("POST", PATH, "[]"), None)["statusCode"] == 422


def test_the_first_event_loads_and_the_token_is_asked_for(published_clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws_lambda, "_handlers", [])
    settings = published_clinic.settings
    monkeypatch.setenv("NIGHTLOOP_HOME", str(settings.home))
    monkeypatch.setenv("NIGHTLOOP_DEFINITIONS", str(settings.definitions))
    monkeypatch.setenv("NIGHTLOOP_SERVICE_TOKEN", TOKEN)
    row = json.dumps(published_clinic.rows(NIGHTS.last)[0])
    assert aws_lambda.handler(of_http_api("POST", PATH, row), None)["statusCode"] == 200
    others = HEADERS | {"authorization": "Bearer another-token-of-nobody"}
    assert aws_lambda.handler(of_http_api("POST", PATH, row, others), None)["statusCode"] == 401


def test_a_function_without_a_token_is_not_built(published_clinic: Clinic) -> None:
    with pytest.raises(SetupError, match="no token"):
        create_handler(published_clinic.settings.model_copy(update={"service_token": None}))


def test_a_promotion_reaches_the_function_when_it_looks_again(clinic: Clinic, tmp_path: Any) -> None:
    now = [0.0]
    settings = clinic.settings.model_copy(update={"service_token": SecretStr(TOKEN)})
    handler = create_handler(settings, 5, lambda: now[0])

    def version() -> int:
        event = of_http_api("POST", PATH, json.dumps(clinic.rows(NIGHTS.last)[0]))
        return int(json.loads(handler(event, None)["body"])["model_version"])

    assert version() == 1
    promote(clinic.workspace, clinic.use_case, NIGHTS.last, tmp_path / "bundle-2", seed=2)
    now[0] = 4.9
    assert version() == 1
    now[0] = 5.0
    assert version() == 2
