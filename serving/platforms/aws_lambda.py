"""AWS Lambda: events of an HTTP or REST API, a function's address or a load balancer, answered by the same application.

The function names ``serving.platforms.aws_lambda.handler``; it needs the extra ``lambda`` (Mangum).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from nightloop.access.keys import all_keys
from nightloop.definitions import load_use_case, use_case_names
from nightloop.settings import Settings, load_settings
from nightloop.workspace import Workspace
from serving.access.listening import require_safe
from serving.app import Options, create_app

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one event; the first of a process loads what answers."""
    if not _handlers:
        os.environ.setdefault("NIGHTLOOP_HOME", "/tmp/nightloop")  # noqa: S108 - the only folder a function may write to
        _handlers.append(create_handler(load_settings()))
    return _handlers[0](event, context)


_handlers: list[Handler] = []


def create_handler(
    settings: Settings, poll_seconds: float = Options.poll_seconds, clock: Callable[[], float] = time.monotonic
) -> Handler:
    """Build the application and load its models.

    Between events the process stands still, so nothing can look for newer models meanwhile: an event does that before it is
    answered, where the last look is older than ``poll_seconds``. A function has no disk that lasts, so no audit is written.

    Raises:
        SetupError: no token is set, and no key was issued: a function's address is open to everybody.
    """
    from mangum import Mangum

    workspace = Workspace.open(settings)
    require_safe("0.0.0.0", settings.service_token, lambda: bool(all_keys(workspace.ledger)))  # noqa: S104 - as open as that
    use_cases = [load_use_case(name, settings.definitions) for name in use_case_names(settings.definitions)]
    app = create_app(workspace, use_cases, Options(settings.service_token))
    answer = Mangum(app, lifespan="off")
    looked_at = _refreshed(app, clock)

    def fresh(event: dict[str, Any], context: Any) -> dict[str, Any]:
        nonlocal looked_at
        if clock() - looked_at >= poll_seconds:
            looked_at = _refreshed(app, clock)
        response: dict[str, Any] = answer(event, context)
        return response

    return fresh


def _refreshed(app: FastAPI, clock: Callable[[], float]) -> float:
    for polled in app.state.polled:
        polled.refresh()
    return clock()
