"""What Prometheus reads at /metrics."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nightloop.promotion.ladder import RUNG
from serving.audit import AuditLog
from serving.refresh import LoadedModels

BUCKETS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Metrics:
    """Counters and gauges of one service. Labels take declared values only, so a stranger cannot make series."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        into: dict[str, Any] = {"registry": self.registry}
        ProcessCollector(registry=self.registry)
        self.requests = Counter("nightloop_requests", "Requests answered.", ["route", "status"], **into)
        self.seconds = Histogram("nightloop_request_seconds", "Time to answer.", ["route"], buckets=BUCKETS, **into)
        self.errors = Counter("nightloop_errors", "Requests without an answer, by kind of error.", ["route", "kind"], **into)
        self.rows = Counter("nightloop_rows", "Rows predicted.", ["use_case"], **into)
        self.rungs = Counter("nightloop_rung_rows", "Rows answered by each rung of a ladder.", ["use_case", "rung"], **into)
        self.shadow_rows = Counter("nightloop_shadow_rows", "Rows for a shadow.", ["use_case", "outcome"], **into)
        self.positives = Counter("nightloop_positive_decisions", "Rows decided positively.", ["use_case"], **into)
        self.ready = Gauge("nightloop_ready", "1: the use case answers.", ["use_case"], **into)
        self.version = Gauge("nightloop_model_version", "Version that answers.", ["use_case"], **into)
        self.age = Gauge("nightloop_aggregates_age_nights", "Nights from the aggregates' night to today.", ["use_case"], **into)
        self.audited = Gauge("nightloop_audit_lines", "Lines of the audit since the start.", ["outcome"], **into)
        self.refreshes = Counter("nightloop_refreshes", "Looks for a newer champion or night.", ["use_case", "outcome"], **into)
        self.stream_messages = Counter("nightloop_stream_messages", "Messages answered.", ["use_case", "status"], **into)
        self.stream_seconds = Histogram(
            "nightloop_stream_seconds",
            "From a message's own time to its committed answer.",
            ["use_case"],
            buckets=BUCKETS,
            **into,
        )
        self.stream_lag = Gauge("nightloop_stream_lag", "Messages that wait.", ["use_case", "partition"], **into)

    def watch_audit(self, audit: AuditLog | None) -> None:
        """Show how many lines of the audit are on the disk, and how many were given up."""
        for outcome in ("written", "lost") if audit else ():
            self.audited.labels(outcome).set_function(partial(getattr, audit, outcome))

    def count_answers(self, use_case_name: str, answers: Sequence[dict[str, Any]]) -> None:
        """Count the rows of one request."""
        self.rows.labels(use_case_name).inc(len(answers))
        for answer in answers:
            if RUNG in answer:
                self.rungs.labels(use_case_name, answer[RUNG]).inc()
        self.positives.labels(use_case_name).inc(sum(bool(answer.get("decision")) for answer in answers))

    def count_refresh(self, loaded: LoadedModels) -> None:
        """Count a look for something newer, and set what answers since."""
        use_case, status = loaded.use_case, loaded.status
        self.refreshes.labels(use_case.use_case, "failed" if status.problem else "ok").inc()
        self.ready.labels(use_case.use_case).set(status.answering is not None)
        if status.answering:
            self.version.labels(use_case.use_case).set(status.answering.identity.model_version)

    def text(self, loaded_models: Sequence[LoadedModels], now: datetime) -> bytes:
        """Return the exposition; ages are as of ``now``."""
        for loaded in loaded_models:
            if snapshot := loaded.status.snapshot:
                today = now.astimezone(ZoneInfo(loaded.use_case.time_zone)).date()
                self.age.labels(loaded.use_case.use_case).set((today - snapshot.identity.night).days)
        return bytes(generate_latest(self.registry))


class MetricsMiddleware:
    """Counts and times every request, by its route's template."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count it by the status it is answered with."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def watch_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watch_status)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            self.metrics.requests.labels(route, str(status)).inc()
            self.metrics.seconds.labels(route).observe(time.perf_counter() - started)
            if status >= 400:  # noqa: PLR2004 - HTTP's own border between answers and errors
                self.metrics.errors.labels(route, scope.get("nightloop_error", f"HTTP {status}")).inc()
