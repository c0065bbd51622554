"""POST /v1/{use_case}/predict: one route a use case, so that each is described with its own fields."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Query, Request, Response
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from nightloop.errors import UnknownUseCase, UsageError
from nightloop.nights import Night, parse_night
from serving.answers import answer_model, answers_model
from serving.metrics import Metrics
from serving.model_snapshot import ModelSnapshot
from serving.problems import Problem, TooLarge
from serving.refresh import LoadedModels
from serving.rows import RowReader, title_of

ROWS_ANSWERED_INLINE = 16  # more go to a thread, so that probes and other callers are still answered meanwhile
PARAMETERS = {"night", "reasons"}
SCHEMAS = "#/components/schemas/"

REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "No token, or another one."},
    413: {"model": Problem, "description": "Too many bytes or rows."},
    422: {"model": Problem, "description": "A field or a parameter is missing, unknown or wrong."},
    503: {"model": Problem, "description": "Nothing is loaded for this use case yet, or not for this night."},
}


class Prediction:
    """Answers prediction requests from what is on the shelves."""

    def __init__(self, shelves: Mapping[str, LoadedModels], measures: Metrics, most_rows: int, most_bytes: int) -> None:
        self.shelves = shelves
        self.readers = {name: RowReader(shelf.use_case, most_rows) for name, shelf in shelves.items()}
        self._measures = measures
        self._most_bytes = most_bytes
        self._threads = asyncio.Semaphore(2)

    async def answer(self, name: str, request: Request, night: str | None, *, reasons: bool) -> Response:
        """Read the rows, answer them, and say so as JSON."""
        unknown = set(request.query_params) - PARAMETERS
        if unknown:
            names = ", ".join(sorted(repr(item[:60]) for item in unknown))
            raise UsageError(f"unknown parameter {names}.", where="the request's address", do="Use night or reasons.")
        read = self.readers[name].read(await self._body(request))
        edition = await self._edition(self.shelves[name], _one_night(night, read.night))
        answers = await self._answers(edition, read.rows, reasons)
        self._measures.count_answers(name, answers)
        content = orjson.dumps({"predictions": answers} if read.is_batch else answers[0])
        return Response(content, media_type="application/json")

    async def _body(self, request: Request) -> bytes:
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._most_bytes:
            raise self._too_large()
        chunks: list[bytes] = []
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > self._most_bytes:
                raise self._too_large()
            chunks.append(chunk)
        return b"".join(chunks)

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the body is larger than {self._most_bytes:,} bytes.", do="Send fewer rows at a time.")

    async def _edition(self, shelf: LoadedModels, night: Night | None) -> ModelSnapshot:
        return shelf.current() if night is None else await asyncio.to_thread(shelf.of_night, night)

    async def _answers(self, edition: ModelSnapshot, rows: list[dict[str, Any]], reasons: bool) -> list[dict[str, Any]]:
        if len(rows) <= ROWS_ANSWERED_INLINE:
            return edition.answers(rows, reasons=reasons)
        async with self._threads:
            return await asyncio.to_thread(edition.answers, rows, reasons=reasons)

    def unknown(self, name: str) -> UnknownUseCase:
        """Say that no such use case is served, and which are near."""
        near = difflib.get_close_matches(name, self.shelves, n=3) or sorted(self.shelves)
        return UnknownUseCase(f"no use case '{name[:60]}' is served.", do=f"Served are: {', '.join(near)}.")


NightAsked = Annotated[
    str | None, Query(description="Answer with this published night's aggregates and its champion. Default: the newest.")
]
ReasonsAsked = Annotated[bool, Query(description="Whether to give reasons; an answer without them is faster.")]


def _one_night(parameter: str | None, in_body: Night | None) -> Night | None:
    asked = {night for night in (parse_night(parameter) if parameter is not None else None, in_body) if night}
    if len(asked) > 1:
        raise UsageError("the address and the body name different nights.", where="night", do="Name one night, once.")
    return asked.pop() if asked else None


def add_prediction_routes(app: FastAPI, prediction: Prediction, protected: Sequence[Any]) -> None:
    """Add one described route a use case, and one that names the others' mistake."""
    for name, shelf in prediction.shelves.items():
        _add_route(app, prediction, name, shelf, protected)

    @app.post("/v1/{use_case}/predict", include_in_schema=False, dependencies=list(protected))
    async def unknown(use_case: str) -> Response:
        raise prediction.unknown(use_case)

    _describe_rows(app, prediction)


def _add_route(app: FastAPI, prediction: Prediction, name: str, shelf: LoadedModels, protected: Sequence[Any]) -> None:
    reader = prediction.readers[name]
    title = title_of(shelf.use_case)
    answers: Any = answer_model(shelf.use_case, title) | answers_model(shelf.use_case, title)
    body = {"oneOf": [{"$ref": f"{SCHEMAS}{model.__name__}"} for model in (reader.row, reader.batch)]}

    @app.post(
        f"/v1/{name}/predict",
        name=f"predict_{name}",
        operation_id=f"predict_{name}",
        summary=shelf.use_case.description,
        description=f'Send one row, or several as `{{"rows": [...]}}`. The label: {shelf.use_case.label.description}',
        tags=["prediction"],
        dependencies=list(protected),
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": body}}}},
        responses={200: {"model": answers, "description": "One answer, or one a row in their order."}, **REFUSALS},
        response_model=None,
    )
    async def predict(request: Request, night: NightAsked = None, reasons: ReasonsAsked = True) -> Response:
        return await prediction.answer(name, request, night, reasons=reasons)


def _describe_rows(app: FastAPI, prediction: Prediction) -> None:
    """Put the rows' models into openapi.json: bodies are read by hand, for speed and for limits before parsing."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            models = [(model, "validation") for reader in prediction.readers.values() for model in (reader.row, reader.batch)]
            _, rows = models_json_schema(models, ref_template=SCHEMAS + "{model}")  # type: ignore[arg-type]
            schema["components"]["schemas"].update(rows["$defs"])
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
