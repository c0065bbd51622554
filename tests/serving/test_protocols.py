"""Other people's clients, unchanged, get the very numbers that our own route gives."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from open_inference.openapi.client import OpenInferenceClient
from open_inference.openapi.core.api_error import ApiError
from open_inference.openapi.errors.bad_request_error import BadRequestError
from open_inference.openapi.errors.not_found_error import NotFoundError
from open_inference.openapi.types.inference_request import InferenceRequest
from playwright.sync_api import Page, sync_playwright

from tests.serving.clinic import NIGHTS, SCORED, Clinic
from tests.serving.conftest import ready, serve, wait_for

PREDICT, INFER, INVOKE = "/v1/clinic_visits/predict", "/v2/models/clinic_visits/infer", "/v1/clinic_visits/invocations"
TYPES = {"planned_hour": "INT64", "price": "FP64", "is_new": "BOOL"}
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def rows(published_clinic: Clinic) -> list[dict[str, Any]]:
    """Rows of every type, with missing values."""
    rows = published_clinic.rows(NIGHTS.last)[:20]
    rows[3]["price"] = rows[4]["is_new"] = rows[5]["patient"] = None
    return rows


@pytest.fixture
def records(service: httpx.Client, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers of our own route, as records."""
    records = []
    for answer in service.post(PREDICT, json={"rows": rows}).json()["predictions"]:
        record = {name: answer[name] for name in ("probability", "decision", "prediction_set")}
        for place, reason in enumerate(answer["reasons"], start=1):
            record |= {f"reason_{place}": reason["feature"], f"effect_{place}": reason["effect"]}
        records.append(record)
    return records


def tensors(rows: list[dict[str, Any]], shape: tuple[int, ...] = (-1,)) -> list[dict[str, Any]]:
    size = [len(rows), *shape[1:]]
    return [
        {"name": name, "shape": size, "datatype": TYPES.get(name, "BYTES"), "data": [row[name] for row in rows]}
        for name in rows[0]
    ]


@pytest.mark.filterwarnings("ignore:.*AnyType:UserWarning")  # of MLflow's own types, at its import
def test_mlflows_scoring_client_works_unchanged(
    service: httpx.Client, rows: list[dict[str, Any]], records: list[dict[str, Any]]
) -> None:
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    client = ScoringServerClient(service.base_url.host, service.base_url.port)
    client.wait_server_ready()
    assert client.get_version()
    frame = pd.DataFrame(rows)
    frame.loc[6, "planned_hour"] = np.nan  # the column is one of floats now, and NaN stands for what is missing
    given = client.invoke(frame).get_predictions()
    expected = pd.DataFrame(records)
    assert list(given.columns) == list(expected.columns)
    kept = [place for place in range(len(rows)) if place != 6]
    pd.testing.assert_frame_equal(given.iloc[kept], expected.iloc[kept], check_exact=True)


@pytest.mark.parametrize("form", ["dataframe_split", "dataframe_records", "instances", "inputs"])
def test_every_form_of_invocations_is_answered(
    service: httpx.Client, rows: list[dict[str, Any]], records: list[dict[str, Any]], form: str
) -> None:
    names = list(rows[0])
    body = {
        "dataframe_split": {"columns": names, "data": [list(row.values()) for row in rows]},
        "inputs": {name: [row[name] for row in rows] for name in names},
    }.get(form, rows)
    for path in (INVOKE, "/invocations"):
        answer = service.post(path, json={form: body})
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"predictions": records}


def test_params_choose_the_night_and_leave_the_reasons_out(service: httpx.Client, published_clinic: Clinic) -> None:
    night = SCORED.first
    rows = published_clinic.rows(night)
    params = {"night": str(night), "reasons": False}
    answers = service.post(INVOKE, json={"instances": rows, "params": params}).json()["predictions"]
    scores = published_clinic.scores(night)
    assert [answer["probability"] for answer in answers] == [scores[row["visit_id"]]["probability"] for row in rows]
    assert not any(name.startswith(("reason", "effect")) for name in answers[0])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("[1]", "a JSON list"),
        ("{}", "nothing"),
        ('{"instances": [{}], "inputs": {}}', "'instances', 'inputs'"),
        ('{"instances": [{}], "extra": 1}', "'extra'"),
        ('{"instances": [1, 2]}', "not as use case"),
        ('{"instances": {"a": 1}}', "not of its form"),
        ('{"instances": []}', "not as use case"),
        ('{"inputs": {"price": 1}}', "no list"),
        ('{"inputs": {"price": [1, 2], "note": ["a"]}}', "'note' has 1 values, 'price' 2"),
        ('{"dataframe_split": {"columns": ["price", "price"], "data": [[1, 2]]}}', "twice"),
        ('{"dataframe_split": {"columns": ["price", "note"], "data": [[1, "a"], [2]]}}', "row 1"),
        ('{"dataframe_split": {"columns": [1], "data": [[1]]}}', "not of its form"),
        ('{"instances": [{"price": 1e999}]}', "too large"),
        ('{"instances": [{"price": Infinity}]}', "no number of JSON"),
        ('{"instances": [{}], "params": {"other": 1}}', "params"),
        ('{"instances": [{}], "params": {"night": 1}}', "night is a text"),
        ('{"instances": [{}], "params": []}', "params"),
    ],
)
def test_a_wrong_invocation_is_refused_in_words(service: httpx.Client, body: str, words: str) -> None:
    answer = service.post(INVOKE, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert words in answer.json()["what"]


def test_more_rows_than_one_request_may_carry_are_refused_in_every_format(
    service: httpx.Client, rows: list[dict[str, Any]]
) -> None:
    few = {name: rows[0][name] for name in ("visit_id", "clinic")}
    many = [few] * 501
    data = [{"name": name, "shape": [501], "datatype": "BYTES", "data": [value] * 501} for name, value in few.items()]
    assert service.post(INVOKE, json={"instances": many}).status_code == 413
    assert service.post(INFER, json={"inputs": data}).status_code == 413


def test_which_of_several_use_cases_must_be_named(published_clinic: Clinic) -> None:
    from dataclasses import replace

    from serving.app import Options, create_app
    from tests.serving.conftest import running

    other = published_clinic.use_case.model_copy(update={"use_case": "other_visits"})
    app = create_app(published_clinic.workspace, [published_clinic.use_case, other], replace(Options(), poll_seconds=0.1))
    with running(app) as client:
        answer = client.post("/invocations", json={"instances": []})
        assert answer.status_code == 404
        assert "clinic_visits, other_visits" in answer.json()["do"]
        assert client.post("/v1/nothing/invocations", json={"instances": []}).status_code == 404


def test_a_client_of_the_open_inference_protocol_works_unchanged(
    service: httpx.Client, rows: list[dict[str, Any]], records: list[dict[str, Any]]
) -> None:
    client = OpenInferenceClient(base_url=str(service.base_url), httpx_client=httpx.Client())
    client.check_server_liveness()
    client.check_server_readiness()
    client.check_model_readiness("clinic_visits")
    client.check_model_version_readiness("clinic_visits", "1")
    assert client.read_server_metadata().name == "nightloop"
    metadata = client.read_model_metadata("clinic_visits")
    assert metadata.versions == ["1"]
    assert {item.name: item.datatype for item in metadata.inputs}["booked_at"] == "BYTES"
    places = [place for place, row in enumerate(rows) if None not in row.values()]  # the client sends no null
    rows, records = [rows[place] for place in places], [records[place] for place in places]
    request = InferenceRequest.parse_obj({"id": "7", "inputs": tensors(rows), "parameters": {"reasons": True}})
    response = client.model_infer("clinic_visits", request=request)
    assert (response.id, response.model_version, response.model_name) == ("7", "1", "clinic_visits")
    outputs = {output.name: list(output.data.__root__) for output in response.outputs}
    assert outputs == {name: [record[name] for record in records] for name in records[0]}
    declared = {item.name: item.datatype for item in metadata.outputs}
    assert {output.name: output.datatype for output in response.outputs} == {name: declared[name] for name in outputs}
    with pytest.raises(NotFoundError):
        client.check_model_version_readiness("clinic_visits", "2")
    with pytest.raises(ApiError, match="no use case 'nothing'"):
        client.read_model_metadata("nothing")
    with pytest.raises(BadRequestError):
        client.model_infer("clinic_visits", request=InferenceRequest.parse_obj({"inputs": tensors(rows)[:1]}))


def test_a_tensor_may_be_a_column_of_a_matrix_and_outputs_may_be_chosen(
    service: httpx.Client, rows: list[dict[str, Any]], records: list[dict[str, Any]]
) -> None:
    columns = tensors(rows, (-1, 1))
    for column in columns[::2]:
        column["data"] = [[value] for value in column["data"]]
    answer = service.post(INFER, json={"inputs": columns, "outputs": [{"name": "decision"}]}).json()
    expected = {"name": "decision", "shape": [20], "datatype": "BOOL", "data": [record["decision"] for record in records]}
    assert answer["outputs"] == [expected]
    assert answer["parameters"] == {"night": str(NIGHTS.last)}


def test_a_night_in_the_parameters_is_the_batchs_answer(service: httpx.Client, published_clinic: Clinic) -> None:
    night = SCORED.first
    rows = published_clinic.rows(night)
    answer = service.post(INFER, json={"inputs": tensors(rows), "parameters": {"night": str(night), "other": 1}}).json()
    scores = published_clinic.scores(night)
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    assert outputs["probability"] == [scores[row["visit_id"]]["probability"] for row in rows]
    assert "reason_1" not in outputs


def test_nan_stands_for_a_missing_number(service: httpx.Client, rows: list[dict[str, Any]]) -> None:
    bodies = {INFER: json.dumps({"inputs": tensors(rows)}), INVOKE: json.dumps({"instances": rows})}
    for path, body in bodies.items():
        assert body.count("null")
        answers = [service.post(path, content=text).text for text in (body, body.replace('"price": null', '"price": NaN'))]
        assert answers[0] == answers[1]
        assert service.post(path, content=body.replace("null", "Infinity")).status_code in (400, 422)


def changed(rows: list[dict[str, Any]], name: str, changes: dict[str, Any]) -> dict[str, Any]:
    return {"inputs": [item | (changes if item["name"] == name else {}) for item in tensors(rows)]}


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("price", {"datatype": "BYTES"}, "the column is a number"),
        ("note", {"datatype": "FP64"}, "the column is a string"),
        ("price", {"shape": [19]}, "it has 20 values"),
        ("price", {"shape": [20, 2]}, "its shape is [20, 2]"),
        ("price", {"shape": [20, 1, 1]}, "no inference request"),
        ("patient", {"name": "note"}, "given twice"),
        ("price", {"name": "pricee"}, "not as use case"),
        ("price", {"data": [1.0] * 19, "shape": [19]}, "'price' has 19 values"),
        ("price", {"data": "text"}, "no inference request"),
        ("planned_hour", {"data": [7.5] * 20}, "not as use case"),
        ("is_new", {"data": [2] * 20}, "not as use case"),
    ],
)
def test_a_wrong_tensor_is_refused_in_words(
    service: httpx.Client, rows: list[dict[str, Any]], name: str, changes: dict[str, Any], words: str
) -> None:
    answer = service.post(INFER, json=changed(rows, name, changes))
    assert answer.status_code == 400
    assert words in answer.json()["what"]
    assert words in answer.json()["error"]  # as the protocol's clients read it


def test_other_numbers_and_outputs_are_refused(service: httpx.Client, rows: list[dict[str, Any]]) -> None:
    body = {"inputs": tensors(rows), "outputs": [{"name": "margin"}]}
    assert "'margin' is no output" in service.post(INFER, json=body).json()["error"]
    assert service.post(INFER, content=b'{"inputs": 1, "inputs": 2}').status_code == 400
    assert service.post(INFER, json=[1]).status_code == 400
    assert service.post("/v2/models/clinic_visits/versions/2/infer", json=body).status_code == 404
    assert service.post("/v2/models/nothing/infer", json=body).json()["error"].startswith("no use case 'nothing'")
    assert "error" not in service.post("/v1/nothing/predict", json={}).json()


def test_an_unknown_output_is_refused_before_the_answer_is_recorded(clinic: Clinic) -> None:
    body = {"inputs": tensors(clinic.rows(NIGHTS.last)[:2])}
    with ready(clinic, audit="refuse") as client:
        for outputs in (["margin"], ["probability", "margin"], ["reason_1"], ["reason_99"]):
            asked = body | {"outputs": [{"name": name} for name in outputs]}
            refused = client.post(INFER, json=asked)
            assert refused.status_code == 400 and f"'{outputs[-1]}' is no output" in refused.json()["error"]
        with_reasons = body | {"outputs": [{"name": "reason_1"}], "parameters": {"reasons": True}}
        assert [output["name"] for output in client.post(INFER, json=with_reasons).json()["outputs"]] == ["reason_1"]
    recorded = [line for path in (clinic.settings.home / "audit").rglob("*.jsonl") for line in path.read_bytes().splitlines()]
    assert len(recorded) == 1


def test_health_of_the_protocol_is_that_of_the_service(published_clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    from serving import model_snapshot

    go_on, load = threading.Event(), model_snapshot.load
    monkeypatch.setattr(model_snapshot, "load", lambda *given: (go_on.wait(20), load(*given))[1])
    with serve(published_clinic) as client:
        try:
            assert client.get("/v2/health/live").json() == {"live": True}
            assert (client.get("/v2/health/ready").status_code, client.get("/ping").status_code) == (503, 503)
            assert client.get("/v2/models/clinic_visits/ready").status_code == 503
        finally:
            go_on.set()


def test_answers_in_every_format_are_in_the_audit_and_are_made_again(clinic: Clinic) -> None:
    rows = clinic.rows(NIGHTS.last)[:3]
    with ready(clinic, audit="refuse") as client:
        for path, body in ((INVOKE, {"instances": rows}), (INFER, {"inputs": tensors(rows)})):
            address = f"/v1/clinic_visits/decisions/{client.post(path, json=body).headers['X-Decision-Id']}"
            wait_for(lambda address=address: client.get(address).status_code == 200)
            assert client.get(address).json()["is_rebuilt_to_the_last_bit"] is True


def test_a_token_guards_every_format(published_clinic: Clinic) -> None:
    from pydantic import SecretStr

    with ready(published_clinic, token=SecretStr("a-token-of-the-tests")) as client:
        for path in (INVOKE, "/invocations", INFER):
            assert client.post(path, json={}).status_code == 401
        for path in ("/v2", "/v2/models/clinic_visits", "/v2/models/clinic_visits/ready"):
            assert client.get(path).status_code == 401
        for path in ("/v2/health/live", "/v2/health/ready", "/ping", "/try"):
            assert client.get(path).status_code == 200


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened.new_page()
        opened.close()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (Debian: package chromium)")
def test_a_person_fills_in_a_row_and_sees_answer_and_reasons(
    service: httpx.Client, browser: Page, rows: list[dict[str, Any]]
) -> None:
    mistakes: list[str] = []
    browser.on("console", lambda message: mistakes.append(message.text) if message.type == "error" else None)
    browser.on("pageerror", lambda error: mistakes.append(str(error)))
    browser.set_viewport_size({"width": 390, "height": 900})
    browser.goto(f"{service.base_url}/try")
    for name, value in rows[0].items():
        field = browser.locator(f"[name={name}]")
        text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        field.select_option(text) if isinstance(value, bool) else field.fill(text)
    browser.get_by_role("button").click()
    browser.wait_for_selector("#answer .figure")
    expected = service.post(PREDICT, json=rows[0]).json()
    assert float(browser.locator("#answer .figure").inner_text()) == pytest.approx(expected["probability"], rel=1e-5)
    assert browser.locator("#answer svg").count() == len(expected["reasons"])
    assert browser.evaluate("document.documentElement.scrollWidth") <= 390
    assert mistakes == []
    browser.locator("[name=planned_hour]").fill("seven")
    browser.get_by_role("button").click()
    browser.wait_for_selector("#answer.wrong")
    assert "planned_hour" in browser.locator("#answer").inner_text()
    assert "seven" in browser.locator("#answer").inner_text()
