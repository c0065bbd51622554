"""The watch: a look at every part of an installation, from a process of its own, that alerts by itself.

It needs no scheduler, and alerts without the ledger where that is what is gone. Its own death is noticed by whom it pings.
"""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from nightloop.alerts import Alert, StoredAlert, deliver_due, end_trouble, listed, raise_alert
from nightloop.alerts.addresses import channels_of, from_settings
from nightloop.alerts.message import messages_of
from nightloop.alerts.senders import NotSent
from nightloop.definitions import load_use_case, use_case_names
from nightloop.errors import NightloopError
from nightloop.settings import Settings
from nightloop.upkeep.deadlines import check_deadlines
from nightloop.workspace import Workspace

if TYPE_CHECKING:
    from jobs.upkeep.watch_metrics import WatchMetrics

SECONDS = 5.0  # to wait for an answer
LOOKS = 2  # in a row that find the same trouble before it is told: what restarts in between is no news
UNDELIVERED = timedelta(hours=1)
AGAIN = timedelta(hours=1)
"""How long the watch is quiet about a trouble that it told without the ledger."""
AIRFLOW_PARTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


@dataclass(frozen=True)
class Finding:
    """What a look at a part came to; ``trouble`` is empty where all is well."""

    part: str
    trouble: str = ""
    do: str = ""
    means: str = ""


Probe = Callable[[], Iterable[Finding]]


def findings_of(workspace: Workspace) -> list[Finding]:
    """Look at every part that the settings name, and at every use case's deadlines."""
    settings = workspace.settings
    probes: dict[str, Probe] = {
        "disk": lambda: _disk(settings),
        "ledger": lambda: _ledger(workspace),
        "nights": lambda: _nights(workspace),
        "alerts": lambda: _alerts(workspace),
    }
    if settings.airflow_url:
        probes["airflow"] = lambda: _airflow(settings.airflow_url)
    if settings.service_url:
        probes["service"] = lambda: _service(settings.service_url)
    if needs_spark(settings):
        probes["spark"] = lambda: _spark(settings.spark_url)
    return [finding for part, probe in probes.items() for finding in _safely(part, probe)]


def _safely(part: str, probe: Probe) -> Iterator[Finding]:
    """Let a look that ends in an error be a finding, so that no part hides the others."""
    try:
        yield from probe()
    except NightloopError as error:
        yield Finding(part, error.what, error.do or "")
    except Exception as error:  # a watch that dies of what it sees is none
        yield Finding(part, f"{type(error).__name__}: {error}", "Read the watch's log: this error is not foreseen.")


def needs_spark(settings: Settings) -> bool:
    """Whether a use case runs on Spark, by its definition or by the settings."""
    if settings.engine:
        return settings.engine == "spark"
    engines = []
    for name in use_case_names(settings.definitions):
        try:
            engines.append(load_use_case(name, settings.definitions).engine)
        except NightloopError:
            continue  # its mistakes are told with its nights
    return "spark" in engines


def _disk(settings: Settings) -> Iterator[Finding]:
    free = shutil.disk_usage(settings.home if settings.home.exists() else settings.home.parent).free
    if free < settings.free_bytes:
        trouble = (
            f"{free / 2**30:.1f} GiB of the disk of {settings.home.name} are free, below {settings.free_bytes / 2**30:.1f}."
        )
        yield Finding("disk", trouble, "Make room: python -m jobs sweep.", "When it is full no night can be published.")
    else:
        yield Finding("disk")


def _ledger(workspace: Workspace) -> Iterator[Finding]:
    workspace.ledger.events("", kind="")  # reads, and finds nothing
    yield Finding("ledger")


def _airflow(url: str) -> Iterator[Finding]:
    means = "Nights are not taken in, and nothing that fails is told by Airflow."
    try:
        parts = httpx.get(f"{url.rstrip('/')}/api/v2/monitor/health", timeout=SECONDS).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        yield Finding(
            "airflow", f"its API server does not answer ({type(error).__name__}).", "Start it, or read its log.", means
        )
        return
    for part in AIRFLOW_PARTS:
        status = (parts.get(part) or {}).get("status")
        if status is None:  # an installation without it, as the triggerer may be
            continue
        is_well = status == "healthy"
        yield Finding(
            f"airflow {part}", *(() if is_well else (f"it is {status}.", f"Start the {part}, or read its log.", means))
        )
    yield Finding("airflow")


def _service(url: str) -> Iterator[Finding]:
    try:
        answer = httpx.get(f"{url.rstrip('/')}/readyz", timeout=SECONDS)
        trouble = "" if answer.status_code == httpx.codes.OK else f"it is not ready: {answer.text[:300]}"
    except httpx.HTTPError as error:
        trouble = f"it does not answer ({type(error).__name__})."
    yield Finding("service", trouble, "Start it, or read its log." if trouble else "", "Requests of now are not answered.")


def _spark(url: str) -> Iterator[Finding]:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=SECONDS).close()
        yield Finding("spark")
    except OSError as error:
        means = "Nights of the use cases that run on Spark wait."
        yield Finding("spark", f"nothing answers at its address ({error}).", "Start the Spark Connect server.", means)


def _nights(workspace: Workspace) -> Iterator[Finding]:
    """Alert to nights after their deadline; each is an alert of its own, and no finding."""
    for name in use_case_names(workspace.settings.definitions):
        try:
            check_deadlines(load_use_case(name, workspace.settings.definitions), workspace)
        except NightloopError as error:
            yield Finding(f"nights of {name}", error.what, error.do or "")
        else:
            yield Finding(f"nights of {name}")


def _alerts(workspace: Workspace) -> Iterator[Finding]:
    """Find alerts that people should have had by now."""
    now = workspace.clock()
    waiting = [
        delivery.channel
        for stored, deliveries in listed(workspace.ledger)
        for delivery in deliveries
        if delivery.state == "pending" and now - stored.raised_at > UNDELIVERED
    ]
    trouble = f"{len(waiting)} deliveries by {', '.join(sorted(set(waiting)))} wait for over an hour." if waiting else ""
    yield Finding("alerts", trouble, "See why: python -m jobs alerts list --undelivered." if waiting else "")


def _figures(metrics: WatchMetrics, workspace: Workspace) -> Iterator[Finding]:
    metrics.read(workspace)
    yield Finding("figures")


@dataclass
class Watch:
    """Looks again and again, alerts to what lasts, and says when it is over.

    Attributes:
        workspace: of the installation.
        ping: asked for after each look; None: nobody notices this process's own death.
        metrics: what Prometheus reads; None: nothing is made for it.
    """

    workspace: Workspace
    ping: str | None = None
    metrics: WatchMetrics | None = None
    troubled: dict[str, int] = field(default_factory=dict)
    direct: dict[str, datetime] = field(default_factory=dict)

    def round(self) -> list[Finding]:
        """Look once, alert, send what is due, ping, and return what was found."""
        started = time.monotonic()
        findings = findings_of(self.workspace)
        try:
            for finding in findings:
                self._report(finding)
            self._deliver()
        except NightloopError as error:  # the outbox itself is gone: people hear of it all the same
            self._send_directly([*findings, Finding("outbox", error.what, error.do or "")])
        if self.ping:
            self._ping(self.ping)
        if self.metrics is not None:  # last: figures delay no alert
            findings += _safely("figures", partial(_figures, self.metrics, self.workspace))
            parts = [(finding.part, not finding.trouble) for finding in findings]
            self.metrics.record_round(parts, self.workspace.clock(), time.monotonic() - started)
        return findings

    def _report(self, finding: Finding) -> None:
        ledger, clock = self.workspace.ledger, self.workspace.clock
        if not finding.trouble:
            self.troubled.pop(finding.part, None)
            end_trouble(ledger, "", [None], finding.part, clock)
            return
        self.troubled[finding.part] = self.troubled.get(finding.part, 0) + 1
        if self.troubled[finding.part] >= LOOKS:
            raise_alert(ledger, self._alert(finding), clock)

    def _alert(self, finding: Finding) -> Alert:
        settings = self.workspace.settings
        return Alert(
            "part_down",
            "",
            None,
            finding.part,
            title=f"{finding.part} is in trouble",
            what=f"The watch looked at {finding.part} twice, and both times something was wrong.",
            do=finding.do or "Read its log.",
            urgency="now",
            means=finding.means,
            figure=finding.trouble,
            link=settings.airflow_base_url or settings.airflow_url,
        )

    def _deliver(self) -> None:
        settings = self.workspace.settings
        deliver_due(
            self.workspace.ledger, channels_of(settings.definitions, from_settings(settings)), clock=self.workspace.clock
        )

    def _send_directly(self, findings: Iterable[Finding]) -> None:
        """Send without the outbox, at most once an hour for each part."""
        settings, now = self.workspace.settings, self.workspace.clock()
        news = [item for item in findings if item.trouble and now - self.direct.get(item.part, now - AGAIN) >= AGAIN]
        alerts = [StoredAlert(f"direct-{item.part}-{now:%Y%m%dT%H%M%S}", self._alert(item), now) for item in news]
        channels: Mapping[str, object] = channels_of(settings.definitions, from_settings(settings))("")
        for name, sender in channels.items():
            for message in messages_of(alerts, name) if not isinstance(sender, str) else ():
                try:
                    sender.send(message)  # type: ignore[attr-defined]
                except NotSent:
                    continue  # the next look tries again
                self.direct |= {item.part: now for item in news}

    @staticmethod
    def _ping(address: str) -> None:
        try:
            httpx.get(address, timeout=SECONDS)
        except httpx.HTTPError:
            return  # whoever misses the ping alerts; there is nobody else to tell
