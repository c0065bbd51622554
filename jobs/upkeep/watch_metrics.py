"""What Prometheus reads of the watch: figures of the nights, made once a look; a scrape only writes them out.

Labels are declared names only (use cases, stages, parts, channels): no key of a person, and no series that data could add.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, get_args

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import GaugeMetricFamily

from nightloop.alerts import listed
from nightloop.alerts.outbox import CHANNELS
from nightloop.alerts.rows import State
from nightloop.control_room.room import ControlRoom
from nightloop.errors import SetupError

if TYPE_CHECKING:
    from nightloop.alerts import Delivery, StoredAlert
    from nightloop.control_room.summary import Summary
    from nightloop.workspace import Workspace

SECONDS = 20.0
"""For which a look may read use cases anew: of a hundred, the first looks after a start show some as unread."""
OUTCOMES = {"pass": 0, "not_enough_evidence": 1, "fail": 2}
Families = list[GaugeMetricFamily]
Values = Mapping[str, float | None]
"""By the second label; "" where a metric has none. What is None has no series."""
NAME = "use_case"
OF_USE_CASES: tuple[tuple[str, str, str, Callable[[Summary], Values]], ...] = (
    (
        "nightloop_nights_late",
        "Nights of the last week without scores after their deadline.",
        "",
        lambda summary: {"": summary.figures.late},
    ),
    (
        "nightloop_nights_late_since_timestamp_seconds",
        "The oldest deadline missed, where a night is late.",
        "",
        lambda summary: {"": summary.figures.late_since.timestamp() if summary.figures.late_since else None},
    ),
    (
        "nightloop_nights_owed",
        "Nights that are due and not there, by the stage that they lack first.",
        "stage",
        lambda summary: summary.figures.owed,
    ),
    (
        "nightloop_failures",
        "Tasks that failed for good and have not succeeded since, by stage.",
        "stage",
        lambda summary: summary.figures.failed,
    ),
    ("nightloop_nights_given_up", "Nights that a person gave up.", "", lambda summary: {"": summary.figures.given_up}),
    (
        "nightloop_nights_refused",
        "Nights that a contract refused and that are not there.",
        "",
        lambda summary: {"": summary.figures.refused},
    ),
    (
        "nightloop_waits",
        "Things that wait for a person: an approval, a candidate, an alias moved by hand.",
        "",
        lambda summary: {"": summary.figures.waits},
    ),
    (
        "nightloop_newest_scored_age_nights",
        "Nights from the newest scored one to the newest that is due.",
        "",
        lambda summary: {"": summary.figures.behind},
    ),
    (
        "nightloop_newest_scored_rows",
        "Rows of the newest scored night.",
        "",
        lambda summary: {"": summary.figures.rows_scored},
    ),
    (
        "nightloop_newest_scored_seconds",
        "Seconds that the tables of the newest scored night took.",
        "stage",
        lambda summary: summary.figures.seconds,
    ),
    (
        "nightloop_champion_age_nights",
        "Nights from the end of the champion's training data to the newest that is due.",
        "",
        lambda summary: {"": summary.champion.age},
    ),
    (
        "nightloop_champion_maximum_age_nights",
        "Age at which a training is asked for though the champion holds; absent where none is.",
        "",
        lambda summary: {"": summary.champion.maximum_age},
    ),
    (
        "nightloop_verdict",
        "Verdict of the newest judged night: 0 pass, 1 not enough evidence, 2 fail.",
        "verdict",
        lambda summary: {kind: OUTCOMES[outcome] for kind, outcome in summary.figures.verdicts.items()},
    ),
)
"""Metric, help, second label, values."""


class WatchMetrics:
    """The figures of the newest look.

    Attributes:
        registry: of this watch alone.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        self._room: ControlRoom | None = None
        self._of_stores: Families = []
        self._of_round: Families = []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield what the newest look made."""
        yield from self._of_stores
        yield from self._of_round

    def read(self, workspace: Workspace) -> None:
        """Make the figures of nights and alerts; where they cannot be read there are none, rather than those of before.

        Raises:
            NightloopError: a store does not answer.
        """
        self._of_stores = []
        self._room = self._room or ControlRoom(workspace)
        now = workspace.clock()
        overview = self._room.overview(now, SECONDS)
        self._of_stores = [
            *of_use_cases(overview.summaries, overview.unread),
            of_installation(overview.alerts),
            *of_alerts(listed(workspace.ledger), now),
        ]

    def record_round(self, parts: Iterable[tuple[str, bool]], at: datetime, seconds: float) -> None:
        """Note a round of the watch.

        Args:
            parts: each with whether it is well.
            at: its end.
            seconds: it took.
        """
        up = _family("nightloop_part_up", "1: the newest look of the watch found nothing wrong with the part.", "part")
        for part, is_well in parts:
            up.add_metric([part], float(is_well))
        ended = _family("nightloop_watch_round_timestamp_seconds", "End of the newest look of the watch.")
        ended.add_metric([], at.timestamp())
        took = _family("nightloop_watch_round_seconds", "What the newest look took.")
        took.add_metric([], seconds)
        self._of_round = [up, ended, took]

    def serve(self, host: str, port: int) -> int:
        """Answer at ``/metrics`` from a thread of its own, and return the port.

        Args:
            host: address to listen on.
            port: 0: any that is free.

        Raises:
            SetupError: the port is taken, or the address is not this machine's.
        """
        try:
            server, _ = start_http_server(port, host, self.registry)
        except OSError as error:
            raise SetupError(
                f"the metrics cannot be served at {host}:{port}: {error.strerror}.",
                do="Give another --metrics-port, or a --metrics-host that is an address of this machine.",
            ) from error
        return int(server.server_port)


def of_use_cases(summaries: Sequence[Summary], unread: Sequence[str] = ()) -> Families:
    """Return the figures of use cases; of one that cannot be read, only that."""
    readable = _family("nightloop_use_case_readable", "1: definition and tables could be read; else it has no figures.", NAME)
    errors = {summary.name: bool(summary.error) for summary in summaries} | dict.fromkeys(unread, True)
    for name, has_error in errors.items():
        readable.add_metric([name], float(not has_error))
    families = [readable]
    for metric, text, label, values_of in OF_USE_CASES:
        family = _family(metric, text, NAME, *filter(None, [label]))
        for summary in (summary for summary in summaries if not summary.error):
            for key, value in values_of(summary).items():
                if value is not None:
                    family.add_metric([summary.name, *filter(None, [key])], value)
        families.append(family)
    return families


def of_installation(alerts: Sequence[StoredAlert]) -> GaugeMetricFamily:
    """Return how many failures stand of tasks that are of no use case: open alerts, by the first word of what failed."""
    text = "Tasks of no use case that failed for good and have not succeeded since, by the name of the DAG."
    failures = _family("nightloop_installation_failures", text, "dag")
    count = Counter(item.alert.subject.partition(".")[0] for item in alerts if item.alert.kind == "stage_failed")
    for dag in sorted({"keep_up", *count}):
        failures.add_metric([dag], count[dag])
    return failures


def of_alerts(alerts: Sequence[tuple[StoredAlert, Sequence[Delivery]]], now: datetime) -> Families:
    """Return how many deliveries are in each state, and for how long the oldest that is pending has waited."""
    count = Counter((delivery.channel, delivery.state) for _, deliveries in alerts for delivery in deliveries)
    states = _family("nightloop_alert_deliveries", "Alerts of the last 90 days by channel and state.", "channel", "state")
    for channel in CHANNELS:
        for state in get_args(State):
            states.add_metric([channel, state], count[channel, state])
    waiting = [
        (now - stored.raised_at).total_seconds()
        for stored, deliveries in alerts
        if any(delivery.state == "pending" for delivery in deliveries)
    ]
    oldest = _family("nightloop_alert_oldest_pending_seconds", "Age of the oldest alert that is not delivered yet; 0: none.")
    oldest.add_metric([], max(waiting, default=0.0))
    return [states, oldest]


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=labels)
