"""What Airflow knows of a failure, read from the context of its callback.

A task's own process gives ``exception``: what was raised, or None where the operator reported a failure without raising (a run
that it waited for failed). Where the process is gone, Airflow's DAG processor calls instead: without that key, and without
saying why. A run that failed as a whole comes with ``reason`` (``timed_out``, ``all_tasks_deadlocked``, ``task_failure``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from nightloop.alerts import Alert
from nightloop.alerts.failures import KILLED, explain, gate_failed, stage_failed
from nightloop.errors import BadNight, GateFailed, NotReady, UsageError, command
from nightloop.nights import Night, parse_night
from plugins.retries import cause

if TYPE_CHECKING:
    from nightloop.ledger import Ledger

SHARED = "nightloop"
"""What the id of a DAG begins with that serves every use case."""
BY_COMMAND = ("ingest", "features", "score", "monitor", "train", "report")
NOT_BY_COMMAND = "approval"  # no command speaks for a person
RUN_REASONS = {
    "timed_out": "The run took longer than it may, and Airflow ended it and the tasks that were under way.",
    "all_tasks_deadlocked": "No task of the run can go on: each waits for one that will not come.",
}
CLEAR = "Clear the task to run it again: it gives the same content."


@dataclass(frozen=True)
class Failure:
    """A task that has failed for good, or a run that Airflow ended.

    Attributes:
        subject: family and task, as in ``ingest.ingest``; the family alone for a run.
        error: what was raised, where it is known.
        run: Airflow's name of the run.
        attempt: which try of the task it was.
        is_manual: whether a person asked for the run; it is a trouble of its own then. Else it is that of the run before.
        link: the page of the task or run.
    """

    use_case_name: str
    night: Night | None
    subject: str
    what: str
    do: str
    error: BaseException | None
    run: str
    attempt: int
    link: str
    is_manual: bool

    @property
    def payload(self) -> dict[str, object]:
        """What the ledger keeps of it."""
        return {"what": self.what, "do": self.do, "run": self.run, "attempt": self.attempt}


def failure_of(context: Mapping[str, Any], ledger: Ledger) -> Failure | None:
    """Return what a failure callback is called for; None where the ledger has it already."""
    if "reason" in context:
        return (
            _of_run(context) if context["reason"] in RUN_REASONS else None
        )  # else a task failed, whose own callback is called
    task = context["task_instance"]
    use_case_name, subject = subject_of(context)
    error = error_of(context, ledger)
    what, do = explanation(error, context)
    attempt = int(getattr(task, "try_number", 0) or 0)
    failure = Failure(
        use_case_name=use_case_name,
        night=night_of(context),
        subject=subject,
        what=what,
        do=do,
        error=error,
        run=str(task.run_id),
        attempt=attempt,
        link=task_link(task),
        is_manual=is_manual(context),
    )
    return None if "exception" not in context and _is_recorded(failure, ledger) else failure


def _is_recorded(failure: Failure, ledger: Ledger) -> bool:
    """Tell whether this very try recorded its failure itself, before Airflow noticed that its process is gone."""
    events = ledger.events(failure.use_case_name, kind="stage_failed", night=failure.night, subject=failure.subject)
    tried = (failure.run, failure.attempt)
    return any((event.payload.get("run"), event.payload.get("attempt")) == tried for event in events)


def alert_to(failure: Failure, ledger: Ledger) -> Alert:
    """Return the alert to a failure."""
    links = {"link": failure.link, "command": command_for(failure), "run": failure.run if failure.is_manual else ""}
    where = (failure.use_case_name, failure.night, failure.subject, failure.what)
    if isinstance(failure.error, GateFailed):
        from nightloop.model import champions

        do = failure.do if failure.subject.endswith(f".{NOT_BY_COMMAND}") else ""  # what a person answered has its own advice
        return gate_failed(*where, stays=champions.what_stays(ledger, failure.use_case_name), do=do, **links)
    return stage_failed(*where, failure.do, error=failure.error, **links)


def error_of(context: Mapping[str, Any], ledger: Ledger) -> BaseException | None:
    """Return what was raised; of a gate whose process is gone, the verdict that it recorded before."""
    error = context.get("exception")
    if isinstance(error, BaseException):
        return cause(error)
    task = context["task_instance"]
    awaited = getattr(getattr(task, "task", None), "trigger_dag_id", None)
    if "exception" in context and awaited:
        return NotReady(f"{awaited}, which this task asked for and waited for, failed.", do="Read why in its own run.")
    gate = str(task.task_id).removeprefix("gate_")
    begun = getattr(context.get("dag_run"), "start_date", None)
    events = ledger.events(subject_of(context)[0], kind="gate_judged", night=night_of(context))
    verdicts = [event for event in events if event.payload["gate"] == gate and begun and event.recorded_at >= begun]
    if verdicts and verdicts[-1].payload["outcome"] != "pass":
        return GateFailed(verdicts[-1].payload["reason"])
    return None


def explanation(error: BaseException | None, context: Mapping[str, Any]) -> tuple[str, str]:
    """Return what went wrong and what to do about it."""
    if error is not None:
        return explain(error)
    if "exception" in context:
        return "The task was set to failed without an error.", "Read the task's log. Then clear the task."
    if getattr(context["task_instance"], "hostname", None) == "":
        return "No worker took the task before Airflow gave up waiting for one.", CLEAR
    return KILLED


def is_ones_own_mistake(failure: Failure) -> bool:
    """Tell whether a person's own request was wrong: whoever typed it reads that in the run, and nobody else is woken."""
    return isinstance(failure.error, UsageError) and failure.is_manual


def is_manual(context: Mapping[str, Any]) -> bool:
    """Tell whether a person asked for the run; the monitor asks for trainings in the same way, but is none."""
    run = context.get("dag_run")
    requested_by = (getattr(run, "conf", None) or {}).get("requested_by")
    return str(getattr(run, "run_type", "")).rpartition(".")[2].lower() == "manual" and requested_by != "monitor"


def subject_of(context: Mapping[str, Any]) -> tuple[str, str]:
    """Return the use case and the subject of its alerts: family and task."""
    task = context["task_instance"]
    use_case_name, family = parts_of(str(task.dag_id))
    return use_case_name, f"{family}.{task.task_id}"


def parts_of(dag_id: str) -> tuple[str, str]:
    """Return the use case and the family of a DAG; "" for the use case of one that serves them all."""
    use_case_name, _, family = dag_id.partition(".")
    return "" if use_case_name == SHARED else use_case_name, family


def night_of(context: Mapping[str, Any]) -> Night | None:
    """Return the night of a run for the record: its partition key, or what its form says; None where it carries neither."""
    run = context.get("dag_run")
    conf = getattr(run, "conf", None) or {}
    try:
        fields = (conf.get(name) for name in ("night", "as_of", "last_night"))
        return parse_night(getattr(run, "partition_key", None) or next(filter(None, fields), None))
    except BadNight:
        return None  # the failure to alert to may be this very key


def command_for(failure: Failure) -> str:
    """Return the command that does the same as the task; "" where none does."""
    family, _, task_id = failure.subject.partition(".")
    has_command = failure.night and family in BY_COMMAND and task_id != NOT_BY_COMMAND
    return command(family, failure.use_case_name, failure.night) if has_command else ""


def run_address(dag_id: str, run_id: str) -> str:
    """Return the address of a run's page in the web UI, as ``[api] base_url`` says; "" where it says nothing."""
    from airflow.sdk.configuration import conf

    base = (conf.get("api", "base_url", fallback="") or "").rstrip("/")
    return f"{base}/dags/{dag_id}/runs/{quote(run_id, safe='')}" if base else ""


def task_link(task: Any) -> str:
    """Return the address of a task's page in the web UI."""
    address = run_address(str(task.dag_id), str(task.run_id))
    return f"{address}/tasks/{task.task_id}" if address else ""


def _of_run(context: Mapping[str, Any]) -> Failure:
    """Return the failure of a run that Airflow ended as a whole."""
    dag_id, run = str(context["dag"].dag_id), str(context["run_id"])
    use_case_name, family = parts_of(dag_id)
    return Failure(
        use_case_name=use_case_name,
        night=night_of(context),
        subject=family,
        what=RUN_REASONS[context["reason"]],
        do="Look at the run: which task was it, and why did it not end? Then clear it.",
        error=None,
        run=run,
        attempt=0,
        link=run_address(dag_id, run),
        is_manual=is_manual(context),
    )
