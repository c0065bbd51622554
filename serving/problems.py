"""Every error of the service is one JSON object: what went wrong, where, and what to do."""

from __future__ import annotations

import logging
import reprlib
from typing import Any, ClassVar

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from nightloop.errors import NightloopError, UsageError
from serving.server.security_headers import HEADERS

log = logging.getLogger("serving")

MOST_MISTAKES = 20  # of one request that are listed
LONGEST_ECHO = 60  # characters of what was read that are sent back
GONE = 499  # the client left before it had sent all; as nginx counts it


class Mistake(BaseModel):
    """One field that is not as it must be."""

    where: str = Field(description="Path of the field, for example rows.3.distance.")
    what: str = Field(description="What is wrong with it.")
    read: str = Field(description="What was read, cut short.")


class Problem(BaseModel):
    """Why there is no answer."""

    what: str = Field(description="What went wrong.")
    where: str | None = Field(None, description="Where it was seen.")
    do: str | None = Field(None, description="What to do next.")
    mistakes: list[Mistake] | None = Field(None, description="The fields that are wrong, when the request is.")
    error: str | None = Field(None, description="Below /v2 only: what went wrong and what to do, as its clients read it.")


GUARDED: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "No token or key, or another one."},
    403: {"model": Problem, "description": "The client's key does not open this."},
    429: {"model": Problem, "description": "More requests than the client may send a minute."},
}
"""How a route that asks who is there may refuse, for its description."""


class Unauthorized(UsageError):
    """No token, or not the right one; or a key that opens nothing (any more)."""

    http_status = 401
    headers: ClassVar = {"WWW-Authenticate": "Bearer"}


class Forbidden(UsageError):
    """The client's key does not open this."""

    http_status = 403


class TooManyRequests(UsageError):
    """The client has sent as many requests as it may."""

    http_status = 429

    def __init__(self, what: str, seconds: int) -> None:
        super().__init__(what, do=f"Ask again in {seconds} s.")
        self.headers = {"Retry-After": str(seconds)}


class WrongMedia(UsageError):
    """The body is declared to be something else than JSON."""

    http_status = 415


class TooLarge(UsageError):
    """More bytes or rows than one request may carry."""

    http_status = 413


class BadRequest(UsageError):
    """The body is not what the use case asks for."""

    def __init__(
        self,
        what: str,
        *,
        where: str | None = "the request's body",
        do: str | None = None,
        mistakes: list[Mistake] | None = None,
    ) -> None:
        super().__init__(what, where=where, do=do)
        self.mistakes = mistakes


def mistakes_of(error: ValidationError | RequestValidationError) -> list[Mistake]:
    """Describe each wrong field in a person's words, at most ``MOST_MISTAKES`` of them."""
    return [
        Mistake(
            where=".".join(str(part) for part in item["loc"]) or "body", what=str(item["msg"]), read=short(item.get("input"))
        )
        for item in list(error.errors())[:MOST_MISTAKES]
    ]


def short(value: object) -> str:
    """Return what was read, cut short; of a large thing, without writing all of it down first."""
    text = reprlib.repr(value) if isinstance(value, (list, dict)) else repr(value)
    return text if len(text) <= LONGEST_ECHO else f"{text[:LONGEST_ECHO]}…"


def install(app: FastAPI) -> None:
    """Make every error of the application a problem object."""
    app.add_exception_handler(NightloopError, _nightloop_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _wrong_parameters)
    app.add_exception_handler(ClientDisconnect, _client_left)
    app.add_exception_handler(Exception, _unexpected)


def _respond(request: Request, status: int, problem: Problem, headers: dict[str, str] | None = None) -> Response:
    if request.url.path.startswith("/v2/"):  # as the Open Inference Protocol has it
        problem.error = " ".join(text for text in (problem.what, problem.do) if text)
        status = 400 if status == 422 else status  # noqa: PLR2004
    content = orjson.dumps(problem.model_dump(exclude_none=True))
    return Response(content, status_code=status, media_type="application/json", headers=headers)


async def _nightloop_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, NightloopError):
        raise error
    request.scope["nightloop_error"] = type(error).__name__
    problem = Problem(what=error.what, where=error.where, do=error.do, mistakes=getattr(error, "mistakes", None))
    return _respond(request, error.http_status, problem, getattr(error, "headers", None))


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    do = "See /docs for what the service answers." if error.status_code in (404, 405) else None
    headers = dict(error.headers) if error.headers else None
    return _respond(request, error.status_code, Problem(what=str(error.detail), where=request.url.path, do=do), headers)


async def _wrong_parameters(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    problem = Problem(
        what="the parameters are wrong.", where="the request's address", do="Correct them.", mistakes=mistakes_of(error)
    )
    return _respond(request, 422, problem)


async def _client_left(request: Request, _error: Exception) -> Response:
    request.scope["nightloop_error"] = "client left"
    return Response(status_code=GONE)  # nobody reads it; the metrics count it


async def _unexpected(request: Request, error: Exception) -> Response:
    request.scope["nightloop_error"] = "unexpected"
    log.error("unexpected error while answering %s", request.url.path, exc_info=error)
    do = "Tell the operators: the service's log has the details at this time."
    problem = Problem(what="the service failed while answering.", where=request.url.path, do=do)
    # The server closes the connection after an error that reaches it; say so, that no caller sends its next request into it.
    return _respond(request, 500, problem, {"Connection": "close", **HEADERS})
