"""POST /v1/{use_case}/predict: one route a use case, so that each is described with its own fields."""

from __future__ import annotations

import asyncio
import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
import orjson
from fastapi import FastAPI, Query, Request, Response
from fastapi.openapi.utils import get_openapi
from numpy.typing import NDArray
from pydantic.json_schema import models_json_schema

from nightloop.access.keys import SCORE
from nightloop.definitions import UseCase
from nightloop.errors import UnknownUseCase, UsageError
from nightloop.nights import Night, parse_night
from serving.access.gate import require
from serving.answers import answer_model, answers_model, warns
from serving.audit import DECISION, AuditLog, audit_line
from serving.bodies import JSON, read_body
from serving.ladder import RuleSnapshot, has_rule
from serving.metrics import Metrics
from serving.model_snapshot import ModelSnapshot
from serving.problems import GUARDED, Problem
from serving.refresh import LoadedModels
from serving.row_contract import refuse_broken, warnings_of
from serving.rows import RowReader, Rows, title_of
from serving.shadow import Shadow
from serving.threads import in_thread
from serving.traffic import Part, divided, in_order

ROWS_ANSWERED_INLINE = 16  # more go to a thread, so that probes and other callers are still answered meanwhile
Snapshot = ModelSnapshot | RuleSnapshot
Computed = tuple[NDArray[np.float64], list[dict[str, Any]]]  # features and answers
PARAMETERS = {"night", "reasons"}
SCHEMAS = "#/components/schemas/"

REFUSALS: dict[int | str, dict[str, Any]] = {
    **GUARDED,
    413: {"model": Problem, "description": "Too many bytes or rows."},
    415: {"model": Problem, "description": "The body is declared to be something else than JSON."},
    422: {"model": Problem, "description": "A field or a parameter is missing, unknown or wrong."},
    503: {"model": Problem, "description": "Nothing is loaded for this use case yet, or not for this night."},
}


@dataclass(frozen=True)
class Answered:
    """The answers to rows, which are in the audit where one is written.

    Attributes:
        answers: one a row, in their order.
        content: the same as JSON, as the predict route sends it.
        headers: of the response, in whatever format it is sent.
    """

    answers: list[dict[str, Any]]
    content: bytes
    headers: Mapping[str, str]


class Prediction:
    """Answers prediction requests from the loaded models."""

    def __init__(
        self,
        loaded_models: Mapping[str, LoadedModels],
        metrics: Metrics,
        max_rows: int,
        max_bytes: int,
        *,
        audit: AuditLog | None = None,
        shadow: Shadow | None = None,
        allowed: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> None:
        self.loaded_models = loaded_models
        self.readers = {
            name: RowReader(loaded.use_case, max_rows, allowed.get(name, {})) for name, loaded in loaded_models.items()
        }
        self._metrics = metrics
        self._max_bytes = max_bytes
        self._audit = audit
        self._shadow = shadow
        self._threads = asyncio.Semaphore(2)

    async def answer(self, use_case_name: str, request: Request, night: str | None, *, reasons: bool) -> Response:
        """Read the rows, and answer them as JSON."""
        unknown = set(request.query_params) - PARAMETERS
        if unknown:
            names = ", ".join(sorted(repr(item[:60]) for item in unknown))
            raise UsageError(f"unknown parameter {names}.", where="the request's address", do="Use night or reasons.")
        twice = sorted(name for name in PARAMETERS if len(request.query_params.getlist(name)) > 1)
        if twice:
            what = f"{' and '.join(twice)} {'is' if len(twice) == 1 else 'are'} given twice."
            raise UsageError(what, where="the request's address", do="Give each once.")
        rows = self.readers[use_case_name].read(await self.body(use_case_name, request))
        answered = await self.answered(use_case_name, request, rows, night, reasons=reasons)
        return Response(answered.content, media_type=JSON, headers=answered.headers)

    async def answered(self, use_case_name: str, request: Request, rows: Rows, night: str | None, *, reasons: bool) -> Answered:
        """Answer rows that were read, and record the answers.

        Raises:
            BadRequest: the contract would set a row aside.
            NotReady: nothing is loaded, or not for this night; or the audit takes no line.
        """
        snapshot = await self._snapshot(self.loaded_models[use_case_name], _one_night(night, rows.night))
        use_case = self.loaded_models[use_case_name].use_case
        is_warned = warns(use_case)
        if not is_warned:
            refuse_broken(snapshot.rules, rows.rows, use_case, is_batch=rows.is_batch)
        if self._audit is not None:
            self._audit.check()
        computed = await self._parts(use_case, divided(snapshot, rows.rows), reasons)
        parts = [part for part, _ in computed]
        for part, (_, of_part) in computed if is_warned else ():
            for answer, mistakes in zip(of_part, warnings_of(snapshot.rules, part.rows), strict=True):
                answer["warnings"] = [mistake.model_dump() for mistake in mistakes]
        answers = in_order(parts, [of_part for _, (_, of_part) in computed])
        self._metrics.count_answers(use_case_name, answers)
        content = _content(answers, is_batch=rows.is_batch)
        audited = [
            (part, features, content if len(parts) == 1 else _content(of_part, is_batch=True))
            for part, (features, of_part) in computed
        ]
        headers = self._record(use_case_name, request, audited)
        if self._shadow is not None:
            self._shadow.follow(snapshot, rows.rows, use_case_name, request, beside=headers[DECISION], reasons=reasons)
        return Answered(answers, content, headers)

    def _record(
        self, use_case_name: str, request: Request, audited: Sequence[tuple[Part, NDArray[np.float64], bytes]]
    ) -> Mapping[str, str]:
        """Give a line of the audit to each part of a request, and return the header that names them."""
        if self._audit is None:
            return {}
        decisions = []
        for part, features, answers in audited:
            asked = self._audit.asked(use_case_name, request)
            self._audit.add(audit_line(asked, part, features, answers))
            decisions.append(asked.decision)
        return {DECISION: ", ".join(decisions)}

    async def body(self, use_case_name: str, request: Request) -> bytes:
        """Read the body of a client who may ask for answers of a use case.

        Raises:
            Forbidden: this client may not.
            WrongMedia: it is declared as something else than JSON.
            TooLarge: it has more bytes than one may have.
        """
        require(request, SCORE, use_case_name)
        return await read_body(request, self._max_bytes)

    async def _snapshot(self, loaded: LoadedModels, night: Night | None) -> Snapshot:
        return loaded.current() if night is None else await in_thread(loaded.of_night, night)

    async def _answers(self, snapshot: Snapshot, rows: list[dict[str, Any]], reasons: bool) -> Computed:
        if len(rows) <= ROWS_ANSWERED_INLINE:
            return _computed(snapshot, rows, reasons=reasons)
        async with self._threads:
            return await in_thread(_computed, snapshot, rows, reasons=reasons)

    async def _parts(self, use_case: UseCase, parts: list[Part], reasons: bool) -> list[tuple[Part, Computed]]:
        """Answer each part; by the rule where its answers are no numbers, or take longer than the use case has time."""
        if not has_rule(use_case):
            return [(part, await self._answers(part.snapshot, part.rows, reasons)) for part in parts]
        budget = use_case.serving.milliseconds if use_case.serving else None
        answered = []
        for part in parts:
            computed = await self._in_time(part, reasons, budget)
            if computed is None or not all(map(_is_number, computed[1])):
                part = replace(part, snapshot=RuleSnapshot(use_case, part.snapshot.identity.night))  # noqa: PLW2901
                computed = _computed(part.snapshot, part.rows, reasons=False)
            answered.append((part, computed))
        return answered

    async def _in_time(self, part: Part, reasons: bool, budget: float | None) -> Computed | None:
        """Return the answers of a part, or None where they take longer than the budget (milliseconds)."""
        if budget is None:
            return await self._answers(part.snapshot, part.rows, reasons)
        computing = asyncio.ensure_future(in_thread(_computed, part.snapshot, part.rows, reasons=reasons))
        done, _ = await asyncio.wait({computing}, timeout=budget / 1000)
        return computing.result() if done else None

    def unknown(self, use_case_name: str) -> UnknownUseCase:
        """Return the error for a use case that is not served; it lists the names that are near."""
        near = difflib.get_close_matches(use_case_name, self.loaded_models, n=3) or sorted(self.loaded_models)
        return UnknownUseCase(f"no use case '{use_case_name[:60]}' is served.", do=f"Served are: {', '.join(near)}.")


NightAsked = Annotated[
    str | None, Query(description="Answer with this published night's aggregates and its champion. Default: the newest.")
]
ReasonsAsked = Annotated[bool, Query(description="Whether to give reasons; an answer without them is faster.")]


def _content(answers: list[dict[str, Any]], *, is_batch: bool) -> bytes:
    return orjson.dumps({"predictions": answers} if is_batch else answers[0])


def _is_number(answer: Mapping[str, Any]) -> bool:
    """Tell whether nothing of an answer is infinite, or not a number."""
    return all(math.isfinite(value) for value in answer.values() if isinstance(value, float))


def _computed(snapshot: Snapshot, rows: list[dict[str, Any]], *, reasons: bool) -> Computed:
    features = snapshot.features(rows)
    return features, snapshot.answers(rows, reasons=reasons, features=features)


def _one_night(in_address: str | None, in_body: Night | None) -> Night | None:
    nights = {night for night in (parse_night(in_address) if in_address is not None else None, in_body) if night}
    if len(nights) > 1:
        raise UsageError("the address and the body name different nights.", where="night", do="Name one night, once.")
    return nights.pop() if nights else None


def add_prediction_routes(app: FastAPI, prediction: Prediction, protected: Sequence[Any]) -> None:
    """Add one described route a use case, and one that refuses every other name."""
    for loaded in prediction.loaded_models.values():
        _add_route(app, prediction, loaded.use_case, protected)

    @app.post("/v1/{use_case}/predict", include_in_schema=False, dependencies=list(protected))
    async def unknown(use_case: str) -> Response:
        raise prediction.unknown(use_case)

    _describe_rows(app, prediction)


def _add_route(app: FastAPI, prediction: Prediction, use_case: UseCase, protected: Sequence[Any]) -> None:
    reader = prediction.readers[use_case.use_case]
    title = title_of(use_case)
    answers: Any = answer_model(use_case, title) | answers_model(use_case, title)
    body = {"oneOf": [{"$ref": f"{SCHEMAS}{model.__name__}"} for model in (reader.row, reader.batch)]}

    @app.post(
        f"/v1/{use_case.use_case}/predict",
        name=f"predict_{use_case.use_case}",
        operation_id=f"predict_{use_case.use_case}",
        summary=use_case.description,
        description=f'Send one row, or several as `{{"rows": [...]}}`. The label: {use_case.label.description}',
        tags=["prediction"],
        dependencies=list(protected),
        openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": body}}}},
        responses={200: {"model": answers, "description": "One answer, or one a row in their order."}, **REFUSALS},
        response_model=None,
    )
    async def predict(request: Request, night: NightAsked = None, reasons: ReasonsAsked = True) -> Response:
        return await prediction.answer(use_case.use_case, request, night, reasons=reasons)


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
