"""Read one use case as the control room shows it, from its tables, the ledger and the outbox; nothing of it is stored."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from nightloop.control_room.cells import NightFacts, cell_of
from nightloop.control_room.figures import Figures, lacking, newest_scores, newest_verdicts
from nightloop.control_room.summary import ChampionLine, Realised, Summary, is_open
from nightloop.control_room.waiting import Wait, waits
from nightloop.daily import DAY, Daily
from nightloop.features import tables
from nightloop.model import champions
from nightloop.model.use_case_task import metric_set_for
from nightloop.monitoring.metrics_table import RESTATED, realised_rows
from nightloop.nights import Night, Nights
from nightloop.reporting.week import Value, week_of
from nightloop.upkeep.calendar import calendar
from nightloop.upkeep.deadlines import LATE, Late, late_nights
from nightloop.upkeep.owed import given_up, owing

if TYPE_CHECKING:
    from nightloop.alerts import StoredAlert
    from nightloop.definitions import UseCase
    from nightloop.lake import NightState
    from nightloop.ledger import Ledger
    from nightloop.workspace import Workspace

SHOWN_NIGHTS = 14
SHOWN_ALERTS = 3
TABLES = (*tables.TABLES, "quarantine", "scores", "metrics", "decisions", "reports")
"""Tables of a use case besides the raw ones."""


def summarise(use_case: UseCase, workspace: Workspace, now: datetime, alerts: Sequence[StoredAlert] = ()) -> Summary:
    """Read a use case.

    Args:
        use_case: whose nights.
        workspace: its stores; each table is opened once.
        now: instant by which nights are due.
        alerts: of this use case, oldest first.

    Raises:
        NightloopError: a store does not answer, or is damaged.
    """
    workspace = workspace.steady()
    due = calendar(use_case, workspace.lake, now)
    newest = due[-1] if due else use_case.first_night - DAY
    states = {table: workspace.lake.states(f"{use_case.use_case}/{table}") for table in (*_raw(use_case), *TABLES)}
    window = _window(use_case, newest, now)
    waiting = tuple(waits(use_case, workspace.ledger))
    late = late_nights(use_case, workspace, now)
    facts = _facts(use_case, workspace, now, window, states=states, alerts=alerts, waiting=waiting, late=late)
    failures = [item for item in alerts if item.alert.kind == "stage_failed" and is_open(item)]
    return Summary(
        name=use_case.use_case,
        description=use_case.description,
        owner=use_case.owner,
        risk=use_case.risk,
        cells=tuple(cell_of(night, facts, is_due=night <= newest, is_of_use_case=_is_of(use_case, night)) for night in window),
        champion=_champion(use_case, workspace, newest),
        waits=waiting,
        alerts=tuple(item for item in reversed(alerts) if not item.covered_by)[:SHOWN_ALERTS],
        realised=_realised(use_case, workspace, states["metrics"]),
        built=_built(states),
        figures=Figures(
            given_up=len(facts.given_up),
            refused=len(facts.refused),
            waits=len(waiting),
            verdicts=newest_verdicts(facts.decisions),
            **lacking(late, list(facts.owed.values()), failures),
            **newest_scores(states, newest),
        ),
    )


def _raw(use_case: UseCase) -> Iterable[str]:
    return (f"raw_{source}" for source in use_case.sources)


def _window(use_case: UseCase, newest: Night, now: datetime) -> Nights:
    """Return the nights shown: up to the one that is due next, or the last of a use case that has ended."""
    upcoming = Daily.of(use_case.schedule, use_case.time_zone).newest(now) + DAY
    is_over = use_case.last_night is not None and upcoming > use_case.last_night
    last = max(newest, use_case.first_night) if is_over else upcoming
    return Nights(last - (SHOWN_NIGHTS - 1) * DAY, last)


def _is_of(use_case: UseCase, night: Night) -> bool:
    return use_case.first_night <= night and (use_case.last_night is None or night <= use_case.last_night)


def _facts(
    use_case: UseCase,
    workspace: Workspace,
    now: datetime,
    window: Nights,
    *,
    states: Mapping[str, Mapping[Night, NightState]],
    alerts: Sequence[StoredAlert],
    waiting: Sequence[Wait],
    late: Sequence[Late],
) -> NightFacts:
    """Gather what is known of the nights of a window."""
    name, ledger = use_case.use_case, workspace.ledger
    owed = owing(use_case, workspace, now)
    broken = {event.night: _rules(event.payload) for event in ledger.events(name, kind="contract_broken")}
    promoted = {change.champion.as_of: change.version for change in champions.changes(ledger, name) if change.champion}
    unpinned = {
        night: f"taken back from version {version}: score it again"
        for night, version in champions.unpinned(ledger, name).items()
    }
    return NightFacts(
        given_up=given_up(use_case, workspace),
        approvals={wait.night: wait.what for wait in waiting if wait.is_approval and wait.night},
        alerts={item.alert.night: item for item in alerts if item.alert.night and is_open(item) and item.alert.kind != LATE},
        refused={
            night: why for night, why in broken.items() if night and not all(night in states[table] for table in _raw(use_case))
        },
        late={item.night: _deadline_in_words(use_case, item) for item in late},
        owed={item.night: item for item in owed.owed},
        stale={**unpinned, **owed.stale},
        promoted=promoted,
        decisions=_decisions(use_case, workspace, window, states["decisions"]),
        pages=_pages(name, ledger, window, states["reports"]),
        set_aside={night: state.rows for night, state in states["quarantine"].items()},
        scored=states["scores"].keys(),
        built=states["features"].keys(),
    )


def _deadline_in_words(use_case: UseCase, late: Late) -> str:
    local = late.deadline.astimezone(ZoneInfo(use_case.time_zone))
    return f"promised by {local:%Y-%m-%d %H:%M} ({use_case.time_zone}); it lacks {late.lacks}"


def _pages(name: str, ledger: Ledger, window: Nights, weeks: Collection[Night]) -> dict[Night, str]:
    """Return the page that says most of each night: its own, else that of its week."""
    of_weeks = {night: f"{name}/week-{week_of(night).first}.html" for night in window if week_of(night).last in weeks}
    of_nights = {event.night: event.subject for event in ledger.events(name, kind="page_written") if event.night}
    return of_weeks | of_nights


def _rules(payload: Mapping[str, Any]) -> str:
    return "; ".join(str(breach.get("rule", "")) for breach in payload.get("breaches", []))


def _decisions(
    use_case: UseCase, workspace: Workspace, window: Nights, states: Mapping[Night, NightState]
) -> dict[Night, Mapping[str, Any]]:
    if not any(night in states for night in window):
        return {}
    columns = ["night", "decision", "reason", "drift_verdict", "drift_reason", "performance_verdict", "champion_version"]
    rows = workspace.lake.read(f"{use_case.use_case}/decisions", window, columns).to_pylist()
    return {row["night"]: row for row in rows}


def _champion(use_case: UseCase, workspace: Workspace, newest: Night) -> ChampionLine:
    """Return who scores the newest night that is due."""
    ledger, name = workspace.ledger, use_case.use_case
    change = champions.newest_change(ledger, name)
    champion = champions.effective(ledger, name, newest)
    if change is None:
        return ChampionLine(None, note="train one")
    note = ""
    if change.kind == "retired":
        note = f"version {change.version} is retired from {change.effective_from} on"
    elif champion is None or change.version != champion.version:
        note = f"version {change.version} from {change.effective_from} on"
    if champion is None:
        return ChampionLine(None, note=note)
    rules, age = use_case.retrain, (newest - champion.as_of).days
    most = rules.maximum_age_nights if rules.calendar else None  # a champion that holds may grow older
    return ChampionLine(champion.version, champion.as_of, age, most, note)


def _realised(use_case: UseCase, workspace: Workspace, states: Mapping[Night, NightState]) -> Realised:
    metric_set, limits = metric_set_for(use_case), use_case.monitoring
    limit = limits.auc_floor if metric_set.higher_is_better else limits.error_ceiling
    newest = sorted(states)[-SHOWN_NIGHTS:]
    if not newest:
        return Realised(metric_set.title, (), limit)
    columns = ["night", "group", "metric", "value", "low", "high", "n", "source"]
    rows = workspace.lake.read(f"{use_case.use_case}/metrics", Nights(newest[0], newest[-1]), columns)
    rows = rows.filter(pc.is_in(rows["metric"], pa.array([metric_set.metric, f"{RESTATED}{metric_set.metric}"])))
    values = tuple(
        (night, Value(row["value"], row["low"], row["high"], row["n"], row["source"]))
        for night, row in realised_rows(rows.to_pylist(), use_case, metric_set.metric).items()
    )
    return Realised(metric_set.title, values, limit)


def _built(states: Mapping[str, Mapping[Night, NightState]]) -> tuple[Night, float] | None:
    """Return the newest night that is scored, or else was taken in, and the seconds that its tables took."""
    nights = states["scores"].keys() or {night for of_table in states.values() for night in of_table}
    if not nights:
        return None
    newest = max(nights)
    return newest, round(sum(of_table[newest].seconds for of_table in states.values() if newest in of_table), 3)
