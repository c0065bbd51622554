"""Requests that are wrong, huge or meant to harm: each gets one problem object, and the service goes on answering."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.server.bounded_headers import MOST_BYTES
from tests.serving.clinic import NIGHTS, Clinic
from tests.serving.conftest import wait_for

URL = "/v1/clinic_visits/predict"


@pytest.fixture
def row(published_clinic: Clinic) -> dict[str, Any]:
    return published_clinic.rows(NIGHTS.last)[0]


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Check that the answer is a problem object, and return it."""
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert set(told) <= {"what", "where", "do", "mistakes"}
    assert told["what"]
    return told


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("planned_hour", "9", "valid integer"),
        ("planned_hour", 9.5, "integer"),
        ("planned_hour", True, "valid integer"),
        ("planned_hour", 2**63, "less than or equal"),
        ("planned_hour", int("9" * 4000), "less than or equal"),
        ("price", "12", "valid number"),
        ("is_new", 1, "valid boolean"),
        ("is_new", "true", "valid boolean"),
        ("visit_date", "2024-02-30", "valid date"),
        ("visit_date", 1700000000, "valid date"),
        ("visit_date", "2024-01-05T10:00:00", "valid date"),
        ("booked_at", "2024-01-05T10:00:00", "timezone"),
        ("clinic", 7, "valid string"),
        ("clinic", {"$ne": None}, "valid string"),
        ("clinic", "x" * 1001, "at most 1000"),
        ("visit_id", None, "valid string"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_field(
    service: httpx.Client, row: dict[str, Any], field: str, value: object, said: str
) -> None:
    told = problem(service.post(URL, json=row | {field: value}), 422)
    (mistake,) = told["mistakes"]
    assert (mistake["where"], said in mistake["what"]) == (field, True), mistake


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_number_that_is_none_is_refused(service: httpx.Client, row: dict[str, Any], text: str) -> None:
    body = json.dumps(row | {"price": 0.25}).replace("0.25", text)
    problem(service.post(URL, content=body), 422)


def test_a_number_too_large_for_the_model_is_refused(service: httpx.Client, row: dict[str, Any]) -> None:
    assert "price" in problem(service.post(URL, json=row | {"price": 1e300}), 422)["what"]


def test_an_unknown_field_is_refused(service: httpx.Client, row: dict[str, Any]) -> None:
    (mistake,) = problem(service.post(URL, json=row | {"clinik": "north"}), 422)["mistakes"]
    assert (mistake["where"], mistake["what"]) == ("clinik", "Extra inputs are not permitted")


def test_a_field_that_a_feature_reads_must_be_named(service: httpx.Client, row: dict[str, Any]) -> None:
    del row["patient"]
    (mistake,) = problem(service.post(URL, json=row), 422)["mistakes"]
    assert (mistake["where"], mistake["what"]) == ("patient", "Field required")


NO_ROWS = (
    *("", "{", "[]", "null", "1", '"rows"', "{}"),
    *('{"rows": []}', '{"rows": null}', '{"rows": {}}', '{"rows": [1]}', '{"rows": [{}], "more": 1}'),
    *('{"visit_id": "\\ud800"}', "\udcff", "[" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000),
)


@pytest.mark.parametrize("body", NO_ROWS, ids=range(len(NO_ROWS)))
def test_a_body_that_is_no_row_is_refused(service: httpx.Client, body: str) -> None:
    problem(service.post(URL, content=body.encode("utf-8", "surrogateescape")), 422)


def test_a_long_value_is_not_told_back_in_full(service: httpx.Client, row: dict[str, Any]) -> None:
    assert len(service.post(URL, json=row | {"clinic": "x" * 100_000}).content) < 1000


def test_many_mistakes_are_told_up_to_a_number(service: httpx.Client) -> None:
    assert len(problem(service.post(URL, json={"rows": [{}] * 400}), 422)["mistakes"]) == 20


def test_more_rows_than_allowed_are_refused(service: httpx.Client, row: dict[str, Any]) -> None:
    rows = [{"visit_id": str(number)} for number in range(10_000)]
    assert "10,000 rows; one request may carry 500" in problem(service.post(URL, json={"rows": rows}), 413)["what"]


def test_a_body_larger_than_allowed_is_refused_by_its_length(service: httpx.Client) -> None:
    problem(service.post(URL, content=b" " * 300_001), 413)


def test_a_body_without_a_length_is_refused_as_it_grows(service: httpx.Client) -> None:
    problem(service.post(URL, content=(b" " * 1000 for _ in range(400))), 413)


def test_text_that_looks_like_code_is_only_a_key_never_seen(service: httpx.Client, row: dict[str, Any]) -> None:
    usual = service.post(URL, json=row | {"clinic": "never seen"}).json()["probability"]
    for text in (
        "'; drop table visits; --",
        "' or 1=1",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "../../etc/passwd",
        "\0",
        "a|b|c",
        "%00",
        "<b>",
    ):
        assert service.post(URL, json=row | {"clinic": text}).json()["probability"] == usual


@pytest.mark.parametrize("name", ["clinic_visit", "CLINIC_VISITS", "..%2f..%2fetc", "x" * 500, "%27%20or%201%3D1"])
def test_an_unknown_use_case_is_answered_with_those_served(service: httpx.Client, row: dict[str, Any], name: str) -> None:
    told = problem(service.post(f"/v1/{name}/predict", json=row), 404)
    assert len(json.dumps(told)) < 500


def test_a_near_use_case_is_suggested(service: httpx.Client, row: dict[str, Any]) -> None:
    assert "clinic_visits" in problem(service.post("/v1/clinic_visit/predict", json=row), 404)["do"]


def test_an_unknown_parameter_is_refused(service: httpx.Client, row: dict[str, Any]) -> None:
    assert "'nihgt'" in problem(service.post(URL, params={"nihgt": "2024-01-04"}, json=row), 422)["what"]


def test_a_parameter_of_another_type_is_refused(service: httpx.Client, row: dict[str, Any]) -> None:
    assert problem(service.post(URL, params={"reasons": "perhaps"}, json=row), 422)["mistakes"]


def test_another_method_or_path_is_answered_with_a_problem(service: httpx.Client) -> None:
    problem(service.get(URL), 405)
    problem(service.get("/nowhere"), 404)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(["visit_id", "visit_date", "clinic", "planned_hour", "price", "is_new", "patient"]), value=JSON)
def test_any_value_in_any_field_is_answered_or_refused_and_never_breaks_the_service(
    service: httpx.Client, row: dict[str, Any], field: str, value: Any
) -> None:
    answer = service.post(URL, content=json.dumps(row | {field: value}))
    if answer.status_code == 200:
        assert 0 <= answer.json()["probability"] <= 1
    else:
        problem(answer, 422)


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=200))
def test_any_bytes_are_refused_with_a_problem(service: httpx.Client, body: bytes) -> None:
    problem(service.post(URL, content=body), 422)


def test_after_all_that_nothing_was_unexpected(service: httpx.Client, row: dict[str, Any]) -> None:
    assert service.post(URL, json=row).status_code == 200
    assert 'status="500"' not in service.get("/metrics").text


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data"]
)
def test_a_body_that_is_declared_as_something_else_is_refused(service: httpx.Client, row: dict[str, Any], media: str) -> None:
    answer = service.post(URL, content=json.dumps(row), headers={"Content-Type": media})
    assert media in problem(answer, 415)["what"]


@pytest.mark.parametrize("media", [None, "application/json", "Application/JSON; charset=utf-8", "application/vnd.rows+json"])
def test_json_by_any_of_its_names_is_read(service: httpx.Client, row: dict[str, Any], media: str | None) -> None:
    headers = {"Content-Type": media} if media else {}
    assert service.post(URL, content=json.dumps(row), headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_may_ask_for_the_head_alone(service: httpx.Client, path: str) -> None:
    answer = service.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


def connected(service: httpx.Client) -> socket.socket:
    return socket.create_connection((service.base_url.host, service.base_url.port), timeout=20)


@pytest.mark.parametrize(("bytes_of_headers", "status"), [(MOST_BYTES - 1000, b"200"), (3 * MOST_BYTES, b"431")])
def test_headers_may_not_grow_without_end(service: httpx.Client, bytes_of_headers: int, status: bytes) -> None:
    ended = b"\r\n\r\n" if status == b"200" else b""
    with connected(service) as connection, contextlib.suppress(ConnectionError):
        head = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: "
        for part in (head, b"a" * (bytes_of_headers - len(head)), ended):
            connection.sendall(part)
        answer = connection.recv(1000)
        assert answer.split()[1] == status


def test_one_connection_may_send_many_requests_whose_headers_together_are_long(service: httpx.Client) -> None:
    for _ in range(12):
        assert service.get("/healthz", headers={"X-Long": "a" * (MOST_BYTES // 4)}).status_code == 200


def test_a_client_that_leaves_in_its_body_is_no_failure_of_the_service(
    service: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    left = f'nightloop_requests_total{{route="{URL}",status="499"}} '

    def count() -> float:
        lines = service.get("/metrics").text.splitlines()
        return sum(float(line.removeprefix(left)) for line in lines if line.startswith(left))

    before = count()
    with connected(service) as connection:
        head = f"POST {URL} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{{"
        connection.sendall(head.encode())
    wait_for(lambda: count() == before + 1)
    assert "Traceback" not in caplog.text and "unexpected" not in caplog.text


@pytest.mark.parametrize(
    "query", ["night=2024-01-05&night=2024-01-06", "reasons=true&reasons=false", "night=2024-01-05&night=2024-01-05"]
)
def test_a_parameter_given_twice_is_refused(service: httpx.Client, row: dict[str, Any], query: str) -> None:
    refusal = problem(service.post(f"{URL}?{query}", json=row), 422)
    assert refusal["what"] == f"{query.partition('=')[0]} is given twice."


def test_a_slash_too_many_is_no_redirect_to_a_host_of_the_callers_choice(service: httpx.Client, row: dict[str, Any]) -> None:
    answer = service.post(f"{URL}/", json=row, headers={"Host": "evil.example"})
    problem(answer, 404)
    assert "evil.example" not in str(answer.headers) + answer.text
