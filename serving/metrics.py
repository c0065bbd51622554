"""What Prometheus reads at /metrics."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.refresh import LoadedModels

BUCKETS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Metrics:
    """Counters and gauges of one service. Labels take declared values only, so a stranger cannot make series."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own: dict[str, Any] = {"registry": self.registry}
        ProcessCollector(registry=self.registry)
        self.requests = Counter("nightloop_requests", "Requests answered.", ["route", "status"], **own)
        self.seconds = Histogram("nightloop_request_seconds", "Time to answer.", ["route"], buckets=BUCKETS, **own)
        self.errors = Counter("nightloop_errors", "Requests without an answer, by kind of error.", ["route", "kind"], **own)
        self.rows = Counter("nightloop_rows", "Rows predicted.", ["use_case"], **own)
        self.positives = Counter("nightloop_positive_decisions", "Rows decided positively.", ["use_case"], **own)
        self.ready = Gauge("nightloop_ready", "1: the use case answers.", ["use_case"], **own)
        self.version = Gauge("nightloop_model_version", "Version that answers.", ["use_case"], **own)
        self.age = Gauge("nightloop_aggregates_age_nights", "Nights from the aggregates' night to today.", ["use_case"], **own)
        self.refreshes = Counter("nightloop_refreshes", "Looks for a newer champion or night.", ["use_case", "outcome"], **own)

    def count_answers(self, use_case: str, answers: Sequence[dict[str, Any]]) -> None:
        """Count the rows of one request."""
        self.rows.labels(use_case).inc(len(answers))
        self.positives.labels(use_case).inc(sum(bool(answer.get("decision")) for answer in answers))

    def count_refresh(self, shelf: LoadedModels) -> None:
        """Count a look for something newer, and tell what answers since."""
        name, standing = shelf.use_case.use_case, shelf.standing
        self.refreshes.labels(name, "failed" if standing.problem else "ok").inc()
        self.ready.labels(name).set(standing.edition is not None)
        if standing.edition:
            self.version.labels(name).set(standing.edition.identity.model_version)

    def text(self, shelves: Sequence[LoadedModels], now: datetime) -> bytes:
        """Return the exposition; ages are as of ``now``."""
        for shelf in shelves:
            if edition := shelf.standing.edition:
                today = now.astimezone(ZoneInfo(shelf.use_case.time_zone)).date()
                self.age.labels(shelf.use_case.use_case).set((today - edition.identity.night).days)
        return bytes(generate_latest(self.registry))


class Observed:
    """Counts and times every request, by its route's template."""

    def __init__(self, app: ASGIApp, measures: Metrics) -> None:
        self.app = app
        self.measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and see what comes of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            self.measures.requests.labels(route, str(status)).inc()
            self.measures.seconds.labels(route).observe(time.perf_counter() - began)
            if status >= 400:  # noqa: PLR2004 - HTTP's own border between answers and errors
                self.measures.errors.labels(route, scope.get("nightloop_error", f"HTTP {status}")).inc()
