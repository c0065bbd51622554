"""MLflow's scoring protocol: POST /invocations, for clients that speak to ``mlflow models serve``.

Source: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/ ("Inference server specification").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from nightloop import __version__
from nightloop.errors import UnknownUseCase
from serving.bodies import JSON
from serving.prediction import REFUSALS, Prediction
from serving.problems import BadRequest
from serving.protocols.columns import answer_record, rows_of
from serving.status import is_ready

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
FORM = f"Send an object with one of {', '.join(FORMS)}."
RECORDS = {"type": "array", "items": {"type": "object"}, "description": "An object a row."}
BODY = {
    "type": "object",
    "description": f"One of {', '.join(FORMS)}; beside it params: night, reasons.",
    "properties": {
        "dataframe_split": {
            "type": "object",
            "properties": {"columns": {"type": "array"}, "data": {"type": "array"}},
            "description": "The columns' names, and a list of values a row.",
        },
        "dataframe_records": RECORDS,
        "instances": RECORDS,
        "inputs": {"type": "object", "description": "A list of values a column."},
        "params": {"type": "object"},
    },
}
ANSWER = {"type": "object", "properties": {"predictions": RECORDS}, "required": ["predictions"]}


def add_mlflow_routes(app: FastAPI, prediction: Prediction, protected: Sequence[Any]) -> None:
    """Add /invocations for the only use case that is served, and one below /v1/ for each; /ping and /version."""

    async def invoke(use_case: str, request: Request) -> Response:
        return await _invoke(prediction, use_case, request)

    responses: dict[int | str, dict[str, Any]] = {
        200: {"content": {JSON: {"schema": ANSWER}}, "description": "One record a row, in their order."},
        404: {"description": "No such use case is served, or several are and none is named."},
        **REFUSALS,
    }
    described: dict[str, Any] = {
        "dependencies": list(protected),
        "tags": ["prediction"],
        "responses": responses,
        "openapi_extra": {"requestBody": {"required": True, "content": {JSON: {"schema": BODY}}}},
        "response_model": None,
    }
    app.post("/v1/{use_case}/invocations", operation_id="invoke", summary="As mlflow models serve answers", **described)(invoke)

    @app.post("/invocations", operation_id="invoke_only", summary="The same, where one use case is served", **described)
    async def invoke_only(request: Request) -> Response:
        names = sorted(prediction.loaded_models)
        if len(names) > 1:
            what = f"{len(names)} use cases are served, and the address names none."
            raise UnknownUseCase(what, do=f"Post to /v1/USE_CASE/invocations; served are: {', '.join(names)}.")
        return await invoke(names[0], request)

    @app.get("/ping", include_in_schema=False)
    async def ping() -> Response:
        return Response("\n", status_code=200 if is_ready(list(prediction.loaded_models.values())) else 503)

    @app.get("/version", include_in_schema=False)
    async def version() -> Response:
        return Response(__version__, media_type="text/plain")


async def _invoke(prediction: Prediction, use_case_name: str, request: Request) -> Response:
    if use_case_name not in prediction.readers:
        raise prediction.unknown(use_case_name)
    reader = prediction.readers[use_case_name]
    body = reader.parse(await prediction.body(use_case_name, request), with_nan=True)
    if not isinstance(body, dict):
        raise BadRequest(f"the body is a JSON {type(body).__name__}, not an object.", do=FORM)
    params = body.pop("params", None)
    night, reasons = _parameters(params if params is not None else {})
    forms = [form for form in FORMS if form in body]
    if len(body) != 1 or len(forms) != 1:
        raise BadRequest(f"the body holds {', '.join(repr(name[:60]) for name in list(body)[:5]) or 'nothing'}.", do=FORM)
    value = body[forms[0]]
    rows = reader.read_rows(value) if isinstance(value, list) else rows_of(reader, _columns(forms[0], value))
    answered = await prediction.answered(use_case_name, request, rows, night, reasons=reasons)
    content = orjson.dumps({"predictions": [answer_record(reader.use_case, answer) for answer in answered.answers]})
    return Response(content, media_type=JSON, headers=answered.headers)


def _parameters(params: Any) -> tuple[str | None, bool]:
    if not isinstance(params, dict) or not params.keys() <= {"night", "reasons"}:
        raise BadRequest("params holds something else than night and reasons.", do="Send params: {night, reasons}, or none.")
    night, reasons = params.get("night"), params.get("reasons", True)
    if not isinstance(night, str | None) or not isinstance(reasons, bool):
        raise BadRequest("params: night is a text, reasons true or false.", do="Send params: {night, reasons}, or none.")
    return night, reasons


def _columns(form: str, value: Any) -> Mapping[str, Sequence[Any]]:
    """Return the columns of one of the forms that hold columns.

    Raises:
        BadRequest: it is not of that form.
    """
    if form == "inputs" and isinstance(value, dict):
        columns = value
        if all(isinstance(values, list) for values in columns.values()):
            return columns
        raise BadRequest("inputs holds a column that is no list.", do="Send a list of values a column.")
    if form == "dataframe_split" and isinstance(value, dict):
        names, data = value.get("columns"), value.get("data")
        if isinstance(names, list) and isinstance(data, list) and all(isinstance(name, str) for name in names):
            if len(set(names)) < len(names):
                raise BadRequest("dataframe_split names a column twice.", do="Name each once.")
            uneven = [place for place, row in enumerate(data) if not isinstance(row, list) or len(row) != len(names)]
            if uneven:
                what = f"row {uneven[0]} of dataframe_split has not the {len(names)} values that 'columns' names."
                raise BadRequest(what, do="Send one value a column in each row.")
            return {name: [row[place] for row in data] for place, name in enumerate(names)}
    do = "dataframe_split has columns and data; inputs a list a column; the others a list of rows."
    raise BadRequest(f"'{form}' is not of its form.", do=do)
