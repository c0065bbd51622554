"""Nights whose scores are not there by the time the use case declares, whether a run exists or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from nightloop.alerts import Alert, end_trouble, raise_alert
from nightloop.daily import Daily
from nightloop.definitions import UseCase
from nightloop.errors import command
from nightloop.nights import Night, instant_of
from nightloop.upkeep.calendar import calendar
from nightloop.upkeep.owed import given_up, owing
from nightloop.workspace import Workspace

WATCHED = timedelta(days=7)
"""How long a missed deadline is looked at: what is older was told, and is owed all the same."""
SUBJECT = "scores"
LATE = "night_late"


@dataclass(frozen=True)
class Late:
    """A night without scores after its deadline, and what it lacks first."""

    night: Night
    deadline: datetime
    lacks: str


def deadline(use_case: UseCase, night: Night) -> datetime | None:
    """Return the instant (UTC) by which a night is to be scored; None where the use case declares none."""
    if use_case.ready_by is None:
        return None
    morning = Daily.of(use_case.schedule, use_case.time_zone).next_day(night)
    return instant_of(morning, time.fromisoformat(use_case.ready_by), use_case.time_zone)


def late_nights(use_case: UseCase, workspace: Workspace, now: datetime) -> list[Late]:
    """Return the nights of the last week that missed their deadline and are not scored, oldest first."""
    if use_case.ready_by is None:
        return []
    scored = workspace.lake.states(f"{use_case.use_case}/scores")
    nights = calendar(use_case, workspace.lake, now)[-(WATCHED.days + 2) :]  # older ones were due before what is watched
    due = {night: at for night in nights if (at := deadline(use_case, night)) and at <= now}
    missed = {night: at for night, at in due.items() if night not in scored and now - at < WATCHED}
    if missed:
        missed = {night: missed[night] for night in missed.keys() - given_up(use_case, workspace).keys()}
    if not missed:
        return []
    lacks = {item.night: f"{item.stage}: {item.why}" for item in owing(use_case, workspace, now).owed}
    return [Late(night, at, lacks.get(night, "no champion is effective on it")) for night, at in sorted(missed.items())]


def check_deadlines(use_case: UseCase, workspace: Workspace) -> list[Late]:
    """Alert to each night that missed its deadline, end the alerts of those that are scored now, and return the former."""
    if use_case.ready_by is None:
        return []
    now, name = workspace.clock(), use_case.use_case
    late = late_nights(use_case, workspace, now)
    for item in late:
        raise_alert(workspace.ledger, night_late(use_case, item), workspace.clock)
    newest = now.astimezone(ZoneInfo(use_case.time_zone)).date()
    in_time = {newest - timedelta(days=n) for n in range(WATCHED.days + 2)} - {item.night for item in late}
    end_trouble(workspace.ledger, name, in_time, SUBJECT, workspace.clock)
    return late


def night_late(use_case: UseCase, late: Late) -> Alert:
    """Return the alert to a night that missed its deadline."""
    at = f"{late.deadline.astimezone(ZoneInfo(use_case.time_zone)):%Y-%m-%d %H:%M} ({use_case.time_zone})"
    return Alert(
        LATE,
        use_case.use_case,
        late.night,
        SUBJECT,
        title=f"no scores by {use_case.ready_by}",
        what=f"The night was to be scored by {at}, and is not.",
        do=f"See what it lacks: {command('status', use_case.use_case, late.night)}. If its data will never come: "
        f'{command("skip", use_case.use_case, late.night)} --reason "…" --by "…".',
        urgency="now",
        means="Who reads scores this morning reads those of an earlier night, or none.",
        figure=f"it lacks {late.lacks}",
        command=f"{command('keep-up', use_case.use_case)} --dry-run",
    )
