"""The Open Inference Protocol (V2) over REST, as KServe, Triton and MLServer speak it: a use case is a model.

Source: https://github.com/open-inference/open-inference-protocol, specification/protocol/inference_rest.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nightloop import __version__
from nightloop.definitions import UseCase
from nightloop.errors import UsageError
from nightloop.model.tasks import ColumnKind
from nightloop.model.use_case_task import answer_columns
from serving.bodies import JSON
from serving.prediction import REFUSALS, Prediction, Snapshot
from serving.problems import GUARDED, BadRequest, Problem, mistakes_of
from serving.protocols.columns import answer_record, rows_of
from serving.rows import entity_columns
from serving.status import is_ready

WHOLE = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
# What a column of each type may be declared as; the first is what the metadata names.
DATATYPES: Mapping[str, tuple[str, ...]] = {
    "string": ("BYTES",),
    "integer": ("INT64", *WHOLE, "FP64", "FP32"),
    "number": ("FP64", "FP32", "FP16", *WHOLE),
    "boolean": ("BOOL",),
    "date": ("BYTES",),
    "timestamp": ("BYTES",),
}
OF_ANSWER: Mapping[ColumnKind, str] = {"double": "FP64", "boolean": "BOOL", "string": "BYTES"}
MOST_TENSORS = 1_000
TENSORS = Field(max_length=MOST_TENSORS)


class Tensor(BaseModel):
    """One column of the rows."""

    name: str = Field(description="The column, as GET /v2/models/MODEL lists them.")
    shape: list[int] = Field(max_length=2, description="[rows], or [rows, 1].")
    datatype: str = Field(description="BYTES for texts, dates and times.")
    data: list[Any] = Field(description="One value a row; null or NaN: not known.")


class NamedOutput(BaseModel):
    """An output that is asked for."""

    name: str


class Parameters(BaseModel):
    """Beside the inputs; what other servers understand and we do not is left alone."""

    model_config = ConfigDict(extra="ignore", strict=True)
    night: str | None = Field(None, description="Answer with this published night's aggregates and its champion.")
    reasons: bool = Field(False, description="Whether to give reasons, as reason_1, effect_1, and so on.")


class InferRequest(BaseModel):
    """Rows as columns."""

    id: str | None = Field(None, max_length=200)
    parameters: Parameters = Parameters()
    inputs: Annotated[list[Tensor], TENSORS]
    outputs: Annotated[list[NamedOutput], TENSORS] | None = None


class NoSuchVersion(UsageError):
    """Another version than the champion's is asked for."""

    http_status = 404


def add_open_inference_routes(app: FastAPI, prediction: Prediction, protected: Sequence[Any]) -> None:
    """Add the protocol's routes: health is open, the models are not."""
    _add_health_routes(app, prediction)
    guarded: dict[str, Any] = {"dependencies": list(protected), "tags": ["open inference protocol"]}
    absent: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "No such use case or version is served."}}
    refused = {**absent, **GUARDED, 503: REFUSALS[503]}

    @app.get("/v2", operation_id="v2_server", summary="The server", **guarded, responses=GUARDED)
    async def server() -> dict[str, Any]:
        return {"name": "nightloop", "version": __version__, "extensions": []}

    @app.get("/v2/models/{model}/versions/{version}", include_in_schema=False, **guarded)
    @app.get(
        "/v2/models/{model}",
        operation_id="v2_model_metadata",
        summary="A model's inputs and outputs",
        **guarded,
        responses=refused,
    )
    async def metadata(model: str, version: str | None = None) -> dict[str, Any]:
        return _metadata(_snapshot(prediction, model, version), prediction.readers[model].use_case)

    @app.get("/v2/models/{model}/versions/{version}/ready", include_in_schema=False, **guarded)
    @app.get("/v2/models/{model}/ready", operation_id="v2_model_ready", summary="Can it answer?", **guarded, responses=refused)
    async def ready(model: str, version: str | None = None) -> dict[str, Any]:
        snapshot = _snapshot(prediction, model, version)
        return {"name": model, "version": str(snapshot.identity.model_version), "ready": True}

    body = {"requestBody": {"required": True, "content": {JSON: {"schema": InferRequest.model_json_schema()}}}}

    @app.post("/v2/models/{model}/versions/{version}/infer", include_in_schema=False, **guarded, response_model=None)
    @app.post(
        "/v2/models/{model}/infer",
        operation_id="v2_infer",
        summary="Answers to rows",
        **guarded,
        openapi_extra=body,
        responses={**absent, **{400 if code == 422 else code: refusal for code, refusal in REFUSALS.items()}},  # noqa: PLR2004
        response_model=None,
    )
    async def infer(request: Request, model: str, version: str | None = None) -> Response:
        _snapshot(prediction, model, version)
        return await _infer(prediction, model, request)


def _add_health_routes(app: FastAPI, prediction: Prediction) -> None:
    @app.get("/v2/health/live", operation_id="v2_live", summary="As /healthz", tags=["open inference protocol"])
    async def live() -> dict[str, bool]:
        return {"live": True}

    @app.get(
        "/v2/health/ready",
        operation_id="v2_ready",
        summary="As /readyz",
        tags=["open inference protocol"],
        responses={503: {"description": "Not yet, or not any more; /readyz has the reasons."}},
    )
    async def server_ready(response: Response) -> dict[str, bool]:
        ready = is_ready(list(prediction.loaded_models.values()))
        response.status_code = 200 if ready else 503
        return {"ready": ready}


def _snapshot(prediction: Prediction, model: str, version: str | None) -> Snapshot:
    """Return what answers for a model now.

    Raises:
        UnknownUseCase: it is not served.
        NotReady: nothing is loaded for it.
        NoSuchVersion: another version answers.
    """
    if model not in prediction.loaded_models:
        raise prediction.unknown(model)
    snapshot = prediction.loaded_models[model].current()
    current = snapshot.identity.model_version
    if version not in (None, str(current)):
        what = f"version '{version[:60]}' of '{model}' does not answer: version {current} is the champion."
        raise NoSuchVersion(what, do="Name that one, or none.")
    return snapshot


def _metadata(snapshot: Snapshot, use_case: UseCase) -> dict[str, Any]:
    inputs = {name: DATATYPES[column.type][0] for name, column in entity_columns(use_case).items()}
    return {
        "name": use_case.use_case,
        "versions": [str(snapshot.identity.model_version)],
        "platform": "nightloop",
        "inputs": [{"name": name, "datatype": datatype, "shape": [-1]} for name, datatype in inputs.items()],
        "outputs": [
            {"name": name, "datatype": datatype, "shape": [-1]}
            for name, datatype in _datatypes(use_case, _outputs_of(use_case, reasons=True)).items()
        ],
    }


def _outputs_of(use_case: UseCase, *, reasons: bool) -> list[str]:
    """Return the names of all outputs that an answer may have."""
    places = range(1, use_case.model.reasons + 1) if reasons else ()
    return [*answer_columns(use_case), *(f"{part}_{place}" for place in places for part in ("reason", "effect"))]


def _check_named(use_case: UseCase, named: Sequence[str], *, reasons: bool) -> None:
    """Check that the outputs that are asked for are those of an answer.

    Raises:
        BadRequest: one is not.
    """
    outputs = _outputs_of(use_case, reasons=reasons)
    if unknown := [name for name in named if name not in outputs]:
        do = f"There are {', '.join(outputs)}{'' if reasons else '; reasons where parameters ask for them'}."
        raise BadRequest(f"'{unknown[0][:60]}' is no output of this answer.", where="the request's outputs", do=do)


async def _infer(prediction: Prediction, model: str, request: Request) -> Response:
    reader = prediction.readers[model]
    try:
        asked = InferRequest.model_validate(reader.parse(await prediction.body(model, request), with_nan=True))
    except ValidationError as error:
        do = "Send inputs: a list of {name, shape, datatype, data}, one a column."
        raise BadRequest("the body is no inference request.", do=do, mistakes=mistakes_of(error)) from error
    rows = rows_of(reader, _columns(asked.inputs, reader.use_case))
    parameters = asked.parameters
    named = [output.name for output in asked.outputs] if asked.outputs is not None else None
    _check_named(reader.use_case, named or (), reasons=parameters.reasons)  # before anything is answered, and so recorded
    answered = await prediction.answered(model, request, rows, parameters.night, reasons=parameters.reasons)
    versions = dict.fromkeys(answer["model_version"] for answer in answered.answers)  # several, where the night is split
    records = [answer_record(reader.use_case, answer) for answer in answered.answers]
    content: dict[str, Any] = {
        "model_name": model,
        "model_version": ", ".join(map(str, versions)),
        **({"id": asked.id} if asked.id is not None else {}),
        "parameters": {"night": str(answered.answers[0]["night"])},
        "outputs": _outputs(reader.use_case, records, named),
    }
    return Response(orjson.dumps(content), media_type=JSON, headers=answered.headers)


def _columns(inputs: Sequence[Tensor], use_case: UseCase) -> Mapping[str, list[Any]]:
    """Return the columns that tensors hold.

    Raises:
        BadRequest: one is given twice, of another datatype than its column, or of another shape than its data.
    """
    columns: dict[str, list[Any]] = {}
    declared = entity_columns(use_case)
    for tensor in inputs:
        where = f"the request's body, input '{tensor.name[:60]}'"
        if tensor.name in columns:
            raise BadRequest("the input is given twice.", where=where, do="Give each once.")
        known = declared.get(tensor.name)
        if known and tensor.datatype not in DATATYPES[known.type]:
            what = f"its datatype is '{tensor.datatype[:60]}', and the column is a {known.type}."
            raise BadRequest(what, where=where, do=f"Declare and send it as {DATATYPES[known.type][0]}.")
        data = tensor.data
        if len(tensor.shape) == 2 and all(isinstance(item, list) and len(item) == 1 for item in data):  # noqa: PLR2004
            data = [item[0] for item in data]
        if tensor.shape not in ([len(data)], [len(data), 1]):
            what = f"its shape is {tensor.shape}, and it has {len(data):,} values."
            raise BadRequest(what, where=where, do="Send one value a row, of shape [rows] or [rows, 1].")
        columns[tensor.name] = data
    return columns


def _outputs(use_case: UseCase, records: list[dict[str, Any]], named: list[str] | None) -> list[dict[str, Any]]:
    """Return the answers as tensors: of those named, or of all, the ones that hold something; null has no place in a tensor."""
    present = dict.fromkeys(name for record in records for name, value in record.items() if value is not None)
    chosen = [name for name in (present if named is None else named) if name in present]
    datatypes = _datatypes(use_case, chosen)
    empty: Mapping[str, object] = MappingProxyType({"BYTES": "", "FP64": 0.0, "BOOL": False})
    return [
        {
            "name": name,
            "shape": [len(records)],
            "datatype": datatype,
            "data": [empty[datatype] if record.get(name) is None else record[name] for record in records],
        }
        for name, datatype in datatypes.items()
    ]


def _datatypes(use_case: UseCase, outputs: Sequence[str]) -> dict[str, str]:
    """Return the datatype of outputs by name: columns of an answer, and reasons with their effects."""
    kinds = answer_columns(use_case)
    return {
        name: OF_ANSWER[kinds[name]] if name in kinds else "BYTES" if name.startswith("reason") else "FP64" for name in outputs
    }
