"""The command watch: look at every part of the installation, again and again, and alert to what is wrong."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING

from jobs.console import errors, output
from jobs.upkeep.watch import Finding, Watch
from nightloop.errors import SetupError, UsageError
from nightloop.settings import load_settings
from nightloop.workspace import Workspace

if TYPE_CHECKING:
    from jobs.upkeep.watch_metrics import WatchMetrics


PORTS = 65535


def run(options: argparse.Namespace) -> int:
    """Look once, or until the process is stopped; a look prints what changed since the one before.

    Returns:
        0, or with ``--once`` the code of a set-up that is not whole where something is wrong.
    """
    if options.every < 1:
        raise UsageError(f"--every {options.every} leaves no time to look.", do="Give seconds from 1 on.")
    if options.metrics_port is not None and not 0 <= options.metrics_port <= PORTS:
        raise UsageError(
            f"--metrics-port {options.metrics_port} is no port.", do=f"Give one from 1 to {PORTS}, or 0 for any free."
        )
    settings = load_settings()
    watch = Watch(Workspace.open(settings), settings.ping_url.get_secret_value() if settings.ping_url else None)
    if options.metrics_port is not None:
        watch.metrics = _served(options.metrics_host, options.metrics_port)
    stopped = threading.Event()
    if not options.once:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        errors.print(f"watching, every {options.every} s; Ctrl-C stops")
    before: dict[str, str] | None = None
    while True:
        findings = watch.round()
        _print(findings, before, as_json=options.json)
        before = {finding.part: finding.trouble for finding in findings}
        if options.once:
            return SetupError.exit_code if any(before.values()) else 0
        if stopped.wait(options.every):
            return 0


def _served(host: str, port: int) -> WatchMetrics:
    """Answer Prometheus from now on, and return what it reads; imported only here, for few watches are scraped."""
    from jobs.upkeep.watch_metrics import WatchMetrics

    metrics = WatchMetrics()
    errors.print(f"metrics at http://{host}:{metrics.serve(host, port)}/metrics")
    return metrics


def _print(findings: list[Finding], before: dict[str, str] | None, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"findings": [asdict(finding) for finding in findings]}))  # noqa: T201 - the command's answer
        return
    for finding in findings:
        if before is None or before.get(finding.part, "") != finding.trouble:
            word = finding.trouble or "well"
            output.print(f"{finding.part}: {word} {finding.do if finding.trouble else ''}".rstrip(), markup=False)
