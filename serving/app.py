"""The web application: routes, and what each needs. Deciding is done elsewhere; see model_snapshot.py and refresh.py."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import Depends, FastAPI, Request, Response
from fastapi_offline import FastAPIOffline
from pydantic import SecretStr

from nightloop import __version__
from nightloop.definitions import UseCase
from nightloop.workspace import Workspace
from serving import problems
from serving.access.addresses import AddressPolicy
from serving.access.gate import Gate
from serving.access.key_ring import KeyRing
from serving.access.rates import Rates
from serving.answers import Health, Models, Readiness
from serving.audit import AuditLog, WhenFull
from serving.decisions import add_decision_routes
from serving.metrics import Metrics, MetricsMiddleware
from serving.prediction import Prediction, add_prediction_routes
from serving.protocols.mlflow_scoring import add_mlflow_routes
from serving.protocols.open_inference import add_open_inference_routes
from serving.protocols.try_page import add_try_page
from serving.refresh import LoadedModels
from serving.row_contract import allowed_values
from serving.server.security_headers import SecurityHeaders
from serving.shadow import Shadow
from serving.status import is_ready, models_of, readiness_of
from serving.streaming.kafka import KafkaAnswers, Stream
from serving.threads import in_thread

DESCRIPTION = """Predictions of Nightloop's champions.

An answer is made from the row that is sent, the aggregates of the newest published night, and the champion effective on that
night: the same numbers the nightly batch gives. Ask for an earlier night with `?night=YYYY-MM-DD`.

Errors are JSON objects: `what` went wrong, `where`, and what to `do`. The routes below `/v1/` and `/v2/models/`, and
`/invocations`, ask for a bearer token where the operators have set one, or issued keys to clients; `/healthz`, `/readyz`,
`/metrics`, this page and `/try`, where a row can be filled in by hand, are open by design and hold no personal data.
"""

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Options:
    """Choices of one service."""

    token: SecretStr | None = None
    poll_seconds: float = 5.0  # between looks for a newer champion or night
    max_rows: int = 1_000  # of one request
    max_bytes: int = 2_000_000  # of one request's body
    audit: WhenFull | None = None  # what to do when the disk takes no more; None: no audit is written
    audit_milliseconds: float = 20.0  # within which an answer is on the disk
    audit_days: int | None = None  # for which its line stays; None: for ever
    audit_address: AddressPolicy = "hashed"  # what it holds of the caller's address
    streams: tuple[Stream, ...] = ()  # of Kafka, whose requests are answered, too
    per_minute: int | None = None  # requests of a client whose key does not say; None: any number


def create_app(
    workspace: Workspace,
    use_cases: Sequence[UseCase],
    options: Options = Options(),
    *,
    clock: Clock = lambda: datetime.now(UTC),
) -> FastAPI:
    """Build the service for these use cases. It loads them, and what comes later, while it runs."""
    loaded_models = {use_case.use_case: LoadedModels(workspace, use_case, clock) for use_case in use_cases}
    metrics, ring = Metrics(), KeyRing(workspace, clock)
    audit = None
    if options.audit:
        home = workspace.settings.home
        policy = options.audit_address
        audit = AuditLog(home, options.audit_milliseconds, options.audit, clock, options.audit_days, addresses=policy)
    shadow = Shadow(audit, metrics) if audit is not None else None

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        for recorder in (audit, shadow):
            if recorder is not None:
                recorder.start()
        task = asyncio.create_task(_keep_fresh(list(loaded_models.values()), ring, metrics, options.poll_seconds))
        stop = asyncio.Event()
        streams = [KafkaAnswers(app, stream, metrics).keep_on(stop) for stream in options.streams]
        answering = asyncio.gather(*streams)
        yield
        stop.set()
        await answering
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        for recorder in (shadow, audit):  # what the first answers the second writes
            if recorder is not None:
                await in_thread(recorder.close)

    # No redirect of a trailing slash: it would be to the host that the request names, which anybody may choose.
    # The pages of /docs bring their own script: a browser that asks us asks nobody else.
    app = FastAPIOffline(
        title="Nightloop", version=__version__, description=DESCRIPTION, lifespan=lifespan, redirect_slashes=False
    )
    app.state.polled = (ring, *loaded_models.values())  # for who runs it without its lifespan
    app.state.audit = audit
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    app.add_middleware(SecurityHeaders)
    problems.install(app)
    _add_open_routes(app, list(loaded_models.values()), metrics, clock)
    metrics.watch_audit(audit)
    protected = [Depends(Gate(options.token, ring, Rates(), options.per_minute))]
    _add_models_route(app, list(loaded_models.values()), protected)
    allowed = {use_case.use_case: allowed_values(workspace, use_case) for use_case in use_cases}
    limits = (options.max_rows, options.max_bytes)
    prediction = Prediction(loaded_models, metrics, *limits, audit=audit, shadow=shadow, allowed=allowed)
    add_prediction_routes(app, prediction, protected)
    add_mlflow_routes(app, prediction, protected)
    add_open_inference_routes(app, prediction, protected)
    add_try_page(app)
    if audit is not None:
        add_decision_routes(app, workspace, use_cases, protected)
    return app


async def _keep_fresh(loaded_models: Sequence[LoadedModels], ring: KeyRing, metrics: Metrics, seconds: float) -> None:
    while True:
        await in_thread(ring.refresh)
        for loaded in loaded_models:
            await in_thread(loaded.refresh)
            metrics.count_refresh(loaded)
        await asyncio.sleep(seconds)


def _add_open_routes(app: FastAPI, loaded_models: Sequence[LoadedModels], metrics: Metrics, clock: Clock) -> None:
    @app.head("/healthz", include_in_schema=False)
    @app.get("/healthz", summary="Is the process alive?", tags=["operations"])
    async def healthz() -> Health:
        return Health()

    @app.head("/readyz", include_in_schema=False)
    @app.get(
        "/readyz",
        summary="Can the service answer?",
        description="200 when every use case that has a champion is loaded, and at least one is; else 503, with the reasons.",
        tags=["operations"],
        responses={503: {"model": Readiness, "description": "Not yet, or not any more; the reasons are in the body."}},
    )
    async def readyz(response: Response) -> Readiness:
        response.status_code = 200 if is_ready(loaded_models) else 503
        return readiness_of(loaded_models)

    @app.get(
        "/metrics",
        summary="Figures for Prometheus",
        name="metrics",
        tags=["operations"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Text exposition format."}},
    )
    async def metrics_text(_request: Request) -> Response:
        return Response(metrics.text(loaded_models, clock()), media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_models_route(app: FastAPI, loaded_models: Sequence[LoadedModels], protected: Sequence[object]) -> None:
    @app.get(
        "/v1/models",
        summary="What answers now",
        tags=["models"],
        dependencies=list(protected),  # type: ignore[arg-type]
        responses=problems.GUARDED,
    )
    async def models() -> Models:
        return models_of(loaded_models)
