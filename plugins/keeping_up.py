"""The task of nightloop.keep_up: compare what use cases owe with the runs under way, and trigger what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from nightloop.errors import SetupError
from nightloop.nights import Night
from plugins.operators import EveryUseCaseOperator

if TYPE_CHECKING:
    from jobs.embedded.airflow_client import AirflowClient
    from nightloop.definitions import UseCase
    from nightloop.ledger import Event
    from nightloop.upkeep.owed import Owed, Stage
    from nightloop.workspace import Workspace

CONNECTION = "airflow_api"
"""Airflow's connection to its own API: host, port, login, password. Not of the prefix that a source may name."""
REQUESTED = "night_requested"
RANGES = ("bootstrap", "apply")
"""DAGs of a use case that build ranges: beside them nothing is triggered, for what they will build is not missing."""
AT_MOST = 16  # nights of a use case in a round
GRACE = 10
"""Minutes that a night's own run, and the one after a run that ended, may take to begin before it counts as lost."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=14), timedelta(hours=6)
"""Between two requests of the same: it doubles, for what failed twice is likely to fail again."""


@dataclass
class Round:
    """What one look at a use case came to.

    Attributes:
        requested: run ids.
        waiting: nights whose run is under way, needs an earlier one, or is to be asked for again later.
        paused: DAG -> nights that it would have been asked for; none where it is not paused.
    """

    requested: list[str] = field(default_factory=list)
    waiting: dict[Night, str] = field(default_factory=dict)
    paused: dict[str, list[Night]] = field(default_factory=dict)

    def lines(self, name: str) -> Iterator[str]:
        """Say it in words."""
        if not (self.requested or self.waiting or any(self.paused.values())):
            yield f"{name}: nothing is missing"
        for run in self.requested:
            yield f"{name}: asked for {run}"
        for night, why in self.waiting.items():
            yield f"{name}: {night} {why}"


class KeepUpOperator(EveryUseCaseOperator):
    """Trigger what each use case lacks, and alert to what no run tells."""

    @cached_property
    def client(self) -> AirflowClient:
        """Airflow's own API."""
        return airflow_client()

    def look_at(self, use_case: UseCase, workspace: Workspace) -> list[str]:
        """Trigger what a use case lacks, and return what was asked for."""
        from nightloop.upkeep.notices import look_around

        grace = timedelta(minutes=self.context["params"]["grace"])
        outcome = keep_up(use_case, workspace, self.client, grace)
        for line in outcome.lines(use_case.use_case):
            self.log.info(line)
        for trouble in look_around(use_case, workspace, outcome.paused):
            self.log.warning("%s: %s", use_case.use_case, trouble)
        return outcome.requested


def airflow_client() -> AirflowClient:
    """Return a client of Airflow's own API.

    Raises:
        SetupError: there is no connection to it.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    from jobs.embedded.airflow_client import AirflowClient

    try:
        connection = BaseHook.get_connection(CONNECTION)
    except AirflowNotFoundException as error:
        raise SetupError(
            f"Airflow has no connection '{CONNECTION}' to its own API, by which missing nights are asked for.",
            do=f"Add it: airflow connections add {CONNECTION} --conn-type http --conn-host HOST --conn-port PORT "
            "--conn-login USER --conn-password SECRET",
        ) from error
    scheme = connection.schema or "http"
    return AirflowClient(
        f"{scheme}://{connection.host}:{connection.port}", str(connection.login or ""), str(connection.password or "")
    )


def keep_up(use_case: UseCase, workspace: Workspace, client: AirflowClient, grace: timedelta) -> Round:
    """Trigger what a use case lacks and nobody is about to do: oldest first, never twice, and nothing that is paused."""
    from nightloop.upkeep.owed import STAGES, owing, waits_for

    now = workspace.clock()
    outcome = Round(paused={f"{use_case.use_case}.{stage}": [] for stage in STAGES})
    owed = owing(use_case, workspace, now).owed
    if owed and not all(client.has_dag(f"{use_case.use_case}.{stage}") for stage in (*STAGES, *RANGES)):
        outcome.waiting = {item.night: "has no DAG yet: Airflow has not read them all" for item in owed}
    if not owed or outcome.waiting:
        return outcome
    runs = _Runs(use_case, client, now, grace)
    blocked: list[Owed] = []  # what a later night would wait for in vain
    for item in owed:
        halted = runs.halted(item)
        if halted is None and (why := runs.about(item)):
            outcome.waiting[item.night] = why
            continue
        if runs.paused[stage := halted or item.stage]:
            outcome.paused[f"{use_case.use_case}.{stage}"].append(item.night)
        elif len(outcome.requested) >= AT_MOST:
            outcome.waiting[item.night] = "is left for the next round"
        elif night := waits_for(use_case, item, blocked):
            outcome.waiting[item.night] = f"needs {night}, which is missing too"
        elif wait := _pause(asked := _requests(use_case, item, workspace), now):
            outcome.waiting[item.night] = f"was asked for before ({item}), and is again in {wait}"
        else:
            outcome.requested.append(_request(use_case, item, workspace, client, number=len(asked) + 1))
            if item.stage != "ingest":
                continue  # what builds on it waits a moment, and not until somebody sends a file
        blocked.append(item)
    return outcome


class _Runs:
    """The runs of a use case that are under way, or ended just now: what they lead to has not begun yet."""

    def __init__(self, use_case: UseCase, client: AirflowClient, now: datetime, grace: timedelta) -> None:
        from jobs.embedded.airflow_client import FINISHED
        from nightloop.daily import Daily
        from nightloop.upkeep.owed import STAGES

        name = use_case.use_case
        self.now, self.grace, self.daily = now, grace, Daily.of(use_case.schedule, use_case.time_zone)
        self.paused = {stage: client.is_paused(f"{name}.{stage}") for stage in STAGES}
        self.ranges = [family for family in RANGES if client.runs_under_way(f"{name}.{family}")]
        self.under_way: dict[str | None, Stage] = {}
        self._halted: dict[str | None, Stage] = {}
        for stage in STAGES:
            for run in client.runs_under_way(f"{name}.{stage}", since=now - grace):
                goes_no_further = self.paused[stage] and run.state not in FINISHED
                (self._halted if goes_no_further else self.under_way)[run.partition_key] = stage

    def halted(self, item: Owed) -> Stage | None:
        """Return the paused stage in which a run of the night waits; None where none does."""
        return None if self.ranges or str(item.night) in self.under_way else self._halted.get(str(item.night))

    def about(self, item: Owed) -> str:
        """Return why nothing is to be asked for; empty where something is."""
        if self.ranges:
            return f"may be built by the run of {self.ranges[0]} under way"
        if stage := self.under_way.get(str(item.night)):
            return f"has a run of {stage} under way, or ended just now"
        return "has its own run by now" if self.now < self.daily.run_of(item.night) + self.grace else ""


def _requests(use_case: UseCase, item: Owed, workspace: Workspace) -> list[Event]:
    """Return when the same was asked for before."""
    return workspace.ledger.events(use_case.use_case, kind=REQUESTED, night=item.night, subject=item.stage)


def _pause(asked: Sequence[Event], now: datetime) -> timedelta | None:
    """Return how long not to ask for the same again; None where it may be asked for."""
    if not asked:
        return None
    left = asked[-1].recorded_at + min(FIRST_PAUSE * 2 ** min(len(asked) - 1, 10), LONGEST_PAUSE) - now
    return timedelta(minutes=-(-left // timedelta(minutes=1))) if left > timedelta(0) else None


def _request(use_case: UseCase, item: Owed, workspace: Workspace, client: AirflowClient, *, number: int) -> str:
    """Trigger a run whose id says the how manieth of its night it is: asked for twice, it is one run."""
    name = use_case.use_case
    run_id, dag_id = f"keep_up__{item.night}__{number}", f"{name}.{item.stage}"
    client.trigger_once(dag_id, run_id, partition_key=str(item.night), note=f"asked for by keep_up: {item}")
    payload = {"why": item.why, "run": run_id}
    workspace.ledger.record(REQUESTED, name, night=item.night, subject=item.stage, payload=payload)
    return f"{dag_id} {item.night} ({item.why})"
