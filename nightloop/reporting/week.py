"""What happened in a week, read from the metrics and decisions tables and the ledger: the content of the weekly page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nightloop.errors import NotReady, command
from nightloop.nights import Night, Nights

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.ledger import Event
    from nightloop.workspace import Workspace

EVENT_NAMES = {
    "contract_broken": "contract broken",
    "stage_failed": "stage failed",
    "gate_judged": "gate judged",
    "candidate_registered": "candidate registered",
    "champion_promoted": "champion promoted",
    "champion_rolled_back": "champion rolled back",
    "champion_retired": "champion retired",
    "champion_unpinned": "pin taken back",
    "traffic_split": "share for another version",
    "traffic_split_ended": "share for another version ended",
    "alias_moved": "alias moved by hand",
    "training_requested": "training requested",
    "approval_granted": "approval granted",
    "approval_refused": "approval refused",
    "decision_made": "decision",
    "alert_raised": "alert",
    "alert_undelivered": "alert not delivered",
}
TEXT_KEYS = ("reason", "headline", "what", "outcome", "version", "by")  # of an event's payload; the first that is there


@dataclass(frozen=True)
class Value:
    """One row of the metrics table."""

    value: float
    low: float | None
    high: float | None
    n: int
    source: str


Key = tuple[str, str]  # metric, group


@dataclass(frozen=True)
class NightLine:
    """One night of the week; ``decision`` is empty for a night that was not monitored."""

    night: Night
    figures: Mapping[Key, Value]
    decision: Mapping[str, Any]
    page: str | None = None
    rows_in: int | None = None

    @property
    def monitored(self) -> bool:
        """Whether the night has its metrics and decision."""
        return bool(self.decision)

    def figure(self, metric: str, group: str = "all") -> Value | None:
        """Return a figure of the night, if it has one."""
        return self.figures.get((metric, group))


@dataclass(frozen=True)
class FeatureWeek:
    """How far one feature was from the reference over the week: the worst night, in thresholds, and how many were over."""

    name: str
    excess: float
    worst: Night
    drifted: int
    judged: int
    missing_share: float
    reference_missing_share: float
    watched: bool


@dataclass(frozen=True)
class ReportedEvent:
    """An event of the ledger about one of the nights, as the page shows it."""

    night: Night
    kind: str
    subject: str
    text: str


@dataclass(frozen=True)
class Week:
    """Seven nights, Monday to Sunday."""

    nights: Nights
    lines: tuple[NightLine, ...]
    features: tuple[FeatureWeek, ...]
    events: tuple[ReportedEvent, ...]

    @property
    def monitored(self) -> list[NightLine]:
        """The nights that were monitored."""
        return [line for line in self.lines if line.monitored]

    @property
    def last(self) -> NightLine:
        """The newest monitored night: its pooled figures stand for the week."""
        return self.monitored[-1]


def week_of(night: Night) -> Nights:
    """Return Monday to Sunday of the week that holds the night."""
    monday = night - timedelta(days=night.weekday())
    return Nights(monday, monday + timedelta(days=6))


def read_week(use_case: UseCase, nights: Nights, workspace: Workspace) -> Week:
    """Read a week's rows.

    Raises:
        NotReady: none of its nights was monitored.
    """
    name, lake = use_case.use_case, workspace.lake
    decisions = {row["night"]: row for row in lake.read(f"{name}/decisions", nights).to_pylist()}
    if not decisions:
        raise NotReady(
            f"no night of the week {nights} is monitored.",
            where=f"{name}/decisions",
            do=f"Run: {command('monitor', name, nights)}",
        )
    figures = _figures(lake.read(f"{name}/metrics", nights).to_pylist())
    events = [event for event in workspace.ledger.events(name) if event.night in nights]
    pages = {event.night: event.subject for event in events if event.kind == "page_written"}
    lines = tuple(
        NightLine(
            night,
            figures.get(night, {}),
            decisions.get(night, {}),
            pages.get(night),
            _rows_in(figures.get(night, {}), use_case.entity.source),
        )
        for night in nights
    )
    calendar = {feature for feature, definition in use_case.features.items() if definition.calendar}
    return Week(nights, lines, _features(lines, calendar), tuple(_reported_events(events)))


def _figures(rows: Iterable[Mapping[str, Any]]) -> dict[Night, dict[Key, Value]]:
    figures: dict[Night, dict[Key, Value]] = {}
    for row in rows:
        value = Value(row["value"], row["low"], row["high"], row["n"], row["source"])
        figures.setdefault(row["night"], {})[(row["metric"], row["group"])] = value
    return figures


def _rows_in(figures: Mapping[Key, Value], source: str) -> int | None:
    count = figures.get(("rows_in", f"source={source}"))
    return None if count is None else int(count.value)


def _features(lines: Iterable[NightLine], calendar: set[str]) -> tuple[FeatureWeek, ...]:
    """Rank features by their worst night of the week, watched ones first."""
    excesses: dict[str, list[tuple[float, NightLine]]] = {}
    for line in lines:
        for (metric, feature), psi in line.figures.items():
            if metric == "psi":
                shift, limit = line.figures[("mean_shift", feature)], line.figures[("mean_shift_threshold", feature)]
                excess = max(psi.value / line.figures[("psi_threshold", feature)].value, shift.value / limit.value)
                excesses.setdefault(feature, []).append((excess, line))
    ranked = [_feature(name, nights, name not in calendar) for name, nights in excesses.items()]
    return tuple(sorted(ranked, key=lambda item: (not item.watched, -item.excess, item.name)))


def _feature(name: str, nights: list[tuple[float, NightLine]], watched: bool) -> FeatureWeek:
    excess, worst = max(nights, key=lambda item: item[0])
    return FeatureWeek(
        name=name,
        excess=excess,
        worst=worst.night,
        drifted=sum(each > 1 for each, _ in nights),
        judged=len(nights),
        missing_share=worst.figures[("missing_share", name)].value,
        reference_missing_share=worst.figures[("reference_missing_share", name)].value,
        watched=watched,
    )


def _reported_events(events: Iterable[Event]) -> Iterable[ReportedEvent]:
    """Yield events in the order of night and log; a decision to keep the champion stands in the table of nights already."""
    reported = [event for event in events if event.kind in EVENT_NAMES and not _is_keep(event)]
    for event in sorted(reported, key=lambda event: (event.night, event.seq)):
        assert event.night is not None  # noqa: S101 - the caller took events of the week
        text = next((str(event.payload[key]) for key in TEXT_KEYS if event.payload.get(key)), "")
        yield ReportedEvent(event.night, EVENT_NAMES[event.kind], event.subject, text)


def _is_keep(event: Event) -> bool:
    return event.kind == "decision_made" and event.subject == "keep"
