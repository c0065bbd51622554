"""Routes without a server, a store or a model: what is asked of which snapshot, and what is refused on the way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from nightloop.errors import NotReady
from nightloop.settings import load_settings
from serving import prediction, problems
from serving.app import Options, create_app
from serving.metrics import Metrics
from serving.prediction import Prediction, add_prediction_routes
from tests.serving.stubs import NIGHT, NO_EVENTS, OTHER_FORMATS, ROW, USE_CASE, Client, in_chunks
from tests.serving.test_metrics import samples

URL = "/v1/clinic_visits/predict"


class Snapshot:
    """Answers each row with its key, its night, and whether reasons were asked for."""

    rules, tried = (), None

    def __init__(self, night: date) -> None:
        self.night = night

    def features(self, rows: Sequence[dict[str, Any]]) -> int:
        return len(rows)

    def answers(self, rows: Sequence[dict[str, Any]], *, reasons: bool, features: int) -> list[dict[str, Any]]:
        assert features == len(rows), "those of the very rows"
        if rows[0]["clinic"] == "broken":
            raise RuntimeError("postgresql://user:secret@host")
        return [{"key": row["visit_id"], "night": self.night, "reasons": reasons, "decision": True} for row in rows]


class Models:
    """Has the newest night at hand, and any other but the first of the year."""

    use_case = USE_CASE

    def current(self) -> Snapshot:
        return Snapshot(NIGHT)

    def of_night(self, night: date) -> Snapshot:
        if night == date(2024, 1, 1):
            raise NotReady("not published.", where="here", do="Run it.")
        return Snapshot(night)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def client(metrics: Metrics) -> Client:
    app = FastAPI()
    problems.install(app)
    models: Any = {"clinic_visits": Models()}
    add_prediction_routes(app, Prediction(models, metrics, max_rows=40, max_bytes=8000), [])
    return Client(app)


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    return answer.json()


def test_one_row_gets_one_answer_of_the_newest_night_with_reasons(client: Client, metrics: Metrics) -> None:
    answer = client.post(URL, json=ROW)
    assert answer.json() == {"key": "v1", "night": "2024-01-06", "reasons": True, "decision": True}
    assert answer.headers["content-type"] == "application/json"
    assert samples(metrics)["nightloop_rows_total", "clinic_visits"] == 1


@pytest.mark.parametrize("count", [1, 16, 17, 40])
def test_several_rows_get_their_answers_in_order_inline_or_in_a_thread(
    client: Client, metrics: Metrics, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[Any] = []
    to_thread = prediction.asyncio.to_thread

    async def counted(*arguments: Any, **more: Any) -> Any:
        threads.append(arguments)
        return await to_thread(*arguments, **more)

    monkeypatch.setattr(prediction.asyncio, "to_thread", counted)
    rows = [{**dict.fromkeys(ROW), "visit_id": str(i)} for i in range(count)]
    answers = client.post(URL, json={"rows": rows}).json()["predictions"]
    assert [answer["key"] for answer in answers] == [str(i) for i in range(count)]
    assert len(threads) == (count > 16)
    assert samples(metrics)["nightloop_positive_decisions_total", "clinic_visits"] == count


@pytest.mark.parametrize(
    ("address", "body", "night"),
    [("2024-01-04", None, "2024-01-04"), (None, "2024-01-05", "2024-01-05"), ("2024-01-05", "2024-01-05", "2024-01-05")],
)
def test_the_night_is_taken_from_the_address_or_the_body(
    client: Client, address: str | None, body: str | None, night: str
) -> None:
    parameters = {"night": address} if address else {}
    answer = client.post(URL, params=parameters, json={"rows": [ROW], "night": body}).json()
    assert answer["predictions"][0]["night"] == night


def test_two_different_nights_are_refused(client: Client) -> None:
    answer = problem(client.post(URL, params={"night": "2024-01-04"}, json={"rows": [ROW], "night": "2024-01-05"}), 422)
    assert answer == {
        "what": "the address and the body name different nights.",
        "where": "night",
        "do": "Name one night, once.",
    }


@pytest.mark.parametrize("night", ["", "soon", "2024-02-30"])
def test_a_night_that_is_none_is_refused(client: Client, night: str) -> None:
    problem(client.post(URL, params={"night": night}, json=ROW), 422)


def test_a_night_that_is_not_published_is_answered_with_the_errors_status_and_words(client: Client) -> None:
    answer = problem(client.post(URL, params={"night": "2024-01-01"}, json=ROW), 503)
    assert answer == {"what": "not published.", "where": "here", "do": "Run it."}


@pytest.mark.parametrize(("parameter", "reasons"), [("true", True), ("false", False), ("0", False)])
def test_reasons_are_left_out_on_demand(client: Client, parameter: str, reasons: bool) -> None:
    assert client.post(URL, params={"reasons": parameter}, json=ROW).json()["reasons"] is reasons
    assert (
        client.post(URL, params={"reasons": parameter}, json={"rows": [ROW] * 20}).json()["predictions"][0]["reasons"]
        is reasons
    )


def test_unknown_parameters_are_named_and_cut_short(client: Client) -> None:
    answer = problem(client.post(URL, params={"nihgt": "1", "a" * 80: "2", "night": "2024-01-04"}, json=ROW), 422)
    assert answer["what"] == f"unknown parameter '{'a' * 60}', 'nihgt'."
    assert (answer["where"], answer["do"]) == ("the request's address", "Use night or reasons.")


def padded(size: int) -> bytes:
    text = json.dumps(ROW)
    return (text + " " * (size - len(text))).encode()


@pytest.mark.parametrize(("size", "status"), [(7999, 200), (8000, 200), (8001, 413)])
@pytest.mark.parametrize("with_length", [True, False])
def test_a_body_is_read_up_to_its_limit(client: Client, size: int, status: int, with_length: bool) -> None:
    body = padded(size)
    answer = client.post(URL, content=body if with_length else in_chunks(body))
    assert answer.status_code == status, answer.text
    if status == 413:
        assert answer.json()["what"] == "the body is larger than 8,000 bytes."


def test_rows_beyond_the_limit_are_refused(client: Client) -> None:
    assert "41 rows" in problem(client.post(URL, json={"rows": [{}] * 41}), 413)["what"]


@pytest.mark.parametrize(
    ("name", "served"), [("clinic_visit", "clinic_visits"), ("zzz", "clinic_visits"), ("y" * 100, "clinic_visits")]
)
def test_another_use_case_is_refused_with_those_served(client: Client, name: str, served: str) -> None:
    answer = problem(client.post(f"/v1/{name}/predict", json=ROW), 404)
    assert answer["what"] == f"no use case '{name[:60]}' is served."
    assert answer["do"] == f"Served are: {served}."


def test_names_near_the_one_asked_for_come_alone_and_else_all_in_order(metrics: Metrics) -> None:
    models: Any = {name: Models() for name in ("loans", "flights", "flight")}
    answers = Prediction(models, metrics, 1, 1)
    assert answers.unknown("flighs").do == "Served are: flights, flight."
    assert answers.unknown("?").do == "Served are: flight, flights, loans."


def test_an_error_nobody_foresaw_gives_no_details_and_closes_the_connection(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.post(URL, json=ROW | {"clinic": "broken"})
    assert problem(answer, 500)["what"] == "the service failed while answering."
    assert answer.headers["connection"] == "close"
    assert "secret" not in answer.text and "secret" in caplog.text


def test_a_wrong_method_and_an_unknown_path_point_to_the_documentation(client: Client) -> None:
    answer = client.request("PUT", URL, json=ROW)
    assert problem(answer, 405) == {
        "what": "Method Not Allowed",
        "where": URL,
        "do": "See /docs for what the service answers.",
    }
    assert answer.headers["allow"] == "POST"
    assert problem(client.get("/nowhere"), 404)["where"] == "/nowhere"


def test_many_mistakes_are_listed_up_to_twenty_and_what_was_read_is_cut_short(client: Client) -> None:
    answer = problem(client.post(URL, json={"rows": [{"visit_id": 1}] * 30}), 422)
    assert len(answer["mistakes"]) == 20
    assert answer["mistakes"][0] == {"where": "rows.0.visit_id", "what": "Input should be a valid string", "read": "1"}
    for length, read in ((58, f"'{'x' * 58}'"), (59, f"'{'x' * 59}…")):
        (mistake,) = problem(client.post(URL, json=ROW | {"price": "x" * length}), 422)["mistakes"]
        assert mistake["read"] == read


def test_the_documentation_describes_the_rows_of_each_use_case(client: Client) -> None:
    schema = client.get("/openapi.json").json()
    body = schema["paths"][URL]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert [one["$ref"].rpartition("/")[2] for one in body["oneOf"]] == ["ClinicVisitsRow", "ClinicVisitsRows"]
    assert {"ClinicVisitsRow", "ClinicVisitsRows", "ClinicVisitsAnswer", "ClinicVisitsAnswers", "Problem"} <= set(
        schema["components"]["schemas"]
    )
    assert schema["paths"][URL]["post"]["operationId"] == "predict_clinic_visits"
    assert client.get("/openapi.json").json() == schema


def test_the_documentation_tells_each_refusal_and_where_its_problem_is_described(client: Client) -> None:
    responses = client.get("/openapi.json").json()["paths"][URL]["post"]["responses"]
    assert sorted(responses) == ["200", "401", "403", "413", "415", "422", "429", "503"]
    told = {status: responses[status]["content"]["application/json"]["schema"]["$ref"] for status in sorted(responses)[1:]}
    assert set(told.values()) == {"#/components/schemas/Problem"}
    assert all(responses[status]["description"] not in ("", "Successful Response", "Validation Error") for status in responses)


def test_a_parameter_that_cannot_be_read_is_named_with_what_was_read(client: Client) -> None:
    answer = client.post(URL, json=ROW, params={"reasons": "perhaps"})
    assert problem(answer, 422) == {
        "what": "the parameters are wrong.", "where": "the request's address", "do": "Correct them.",
        "mistakes": [{
            "where": "query.reasons",
            "what": "Input should be a valid boolean, unable to interpret input",
            "read": "'perhaps'",
        }],
    }  # fmt: skip


@pytest.fixture
def whole(tmp_path: Path) -> Client:
    """The whole application, with a token and nothing loaded, and no contract."""
    options = Options(token=SecretStr("a-token-of-the-tests"), max_rows=2, max_bytes=500)
    workspace: Any = SimpleNamespace(settings=load_settings(home=tmp_path, contracts=tmp_path), ledger=NO_EVENTS)
    return Client(create_app(workspace, [USE_CASE], options))


def test_nothing_is_ready_before_the_first_load_and_probes_need_no_token(whole: Client) -> None:
    assert whole.get("/healthz").json() == {"alive": True}
    assert problem(whole.get("/readyz"), 503)["ready"] is False
    metrics = whole.get("/metrics")
    assert metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'nightloop_requests_total{route="/readyz",status="503"} 1.0' in metrics.text


def test_what_is_below_v1_asks_for_the_token(whole: Client) -> None:
    for answer in (whole.get("/v1/models"), whole.post(URL, json=ROW), whole.post("/v1/other/predict", json=ROW)):
        assert problem(answer, 401)["what"] == "this route asks for a bearer token."
        assert answer.headers["www-authenticate"] == "Bearer"
    headers = {"Authorization": "Bearer a-token-of-the-tests"}
    assert whole.get("/v1/models", headers=headers).json()["models"][0]["ready"] is False
    assert "is not loaded" in problem(whole.post(URL, json=ROW, headers=headers), 503)["what"]
    assert problem(whole.post(URL, json={"rows": [{}] * 3}, headers=headers), 413)["what"].startswith("the request has 3 rows")
    assert problem(whole.post(URL, content=b" " * 501, headers=headers), 413)["what"].startswith("the body is larger than 500")


def test_operations_keep_their_names_in_the_documentation(whole: Client) -> None:
    paths = whole.get("/openapi.json").json()["paths"]
    names = {path: method["operationId"] for path, methods in paths.items() for method in methods.values()}
    assert names == {
        "/healthz": "healthz_healthz_get",
        "/readyz": "readyz_readyz_get",
        "/metrics": "metrics_metrics_get",
        "/v1/models": "models_v1_models_get",
        URL: "predict_clinic_visits",
        **OTHER_FORMATS,
    }
