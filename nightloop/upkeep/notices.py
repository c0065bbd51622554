"""What no run tells: a DAG whose pause keeps nights away, and a missed deadline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nightloop.alerts import Alert, end_trouble, raise_alert
from nightloop.definitions import UseCase
from nightloop.errors import command
from nightloop.nights import Night
from nightloop.upkeep.deadlines import check_deadlines
from nightloop.workspace import Workspace


def look_around(use_case: UseCase, workspace: Workspace, paused: Mapping[str, Sequence[Night]]) -> Iterator[str]:
    """Alert to what is wrong now, end the alerts to what is over, and yield a line for each that is wrong.

    Args:
        use_case: to look at.
        workspace: its stores.
        paused: DAG -> nights that it would have been asked for; an empty list where it is not paused.
    """
    for late in check_deadlines(use_case, workspace):
        yield f"{late.night} was to be scored by {late.deadline:%Y-%m-%d %H:%M} UTC, and is not; it lacks {late.lacks}"
    for dag_id, nights in paused.items():
        if nights:
            raise_alert(workspace.ledger, dag_paused(use_case, dag_id, nights), workspace.clock)
            yield f"{dag_id} is paused, and {len(nights)} nights wait for it, the first {min(nights)}"
        else:
            end_trouble(workspace.ledger, use_case.use_case, [None], dag_id, workspace.clock)


def dag_paused(use_case: UseCase, dag_id: str, nights: Sequence[Night]) -> Alert:
    """Return the alert to a paused DAG that nights wait for."""
    return Alert(
        "dag_paused",
        use_case.use_case,
        None,
        dag_id,
        title=f"{dag_id} is paused",
        what="Somebody paused this DAG, and nights wait for it. Nothing is triggered past a pause.",
        do="Let it go on where the pause is over: the next round asks for every night that it missed.",
        urgency="today",
        means="These nights, and what is made of them, are not there until then.",
        figure=f"{len(nights)} nights wait, the first {min(nights)}",
        command=f"{command('keep-up', use_case.use_case)} --dry-run",
    )
