"""Alert people to trouble, and record in the ledger that the alert was delivered, or why it was not.

Ledger: ``alert_raised`` once for a trouble of a night, then for every channel ``alert_delivered``, or ``alert_undelivered``
with the reason. A channel that has delivered an alert is not used for it again, so a task may run again in peace.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nightloop.errors import BadNight, NightloopError
from nightloop.nights import Night, parse_night
from plugins.alert_text import Alert

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.ledger import Ledger

log = logging.getLogger("nightloop.alerts")


def raise_alert(alert: Alert, use_case: UseCase, ledger: Ledger) -> dict[str, str]:
    """Deliver an alert by every configured channel, record what came of it, and return channel -> outcome.

    Delivery errors are not raised: they are logged as errors, recorded in the ledger, and returned.
    """
    from plugins.delivery import channels

    details = {"headline": alert.headline, "what": alert.what, "do": alert.do, "link": alert.link}
    ledger.record("alert_raised", alert.use_case_name, night=alert.night, subject=alert.key, payload=details, once=True)
    configured, absent = channels(use_case)
    if not configured:
        reason = "nobody was told: " + "; ".join(absent)
        log.warning("%s. %s", alert.headline, reason)
        ledger.record(
            "alert_undelivered",
            alert.use_case_name,
            night=alert.night,
            subject=f"{alert.key}/none",
            payload={"reason": reason},
            once=True,
        )
        return {"none": reason}
    return {channel.name: _deliver(channel.name, channel.send, alert, ledger) for channel in configured}


def _deliver(name: str, send: Any, alert: Alert, ledger: Ledger) -> str:
    subject = f"{alert.key}/{name}"
    if ledger.events(alert.use_case_name, kind="alert_delivered", night=alert.night, subject=subject):
        log.info("%s: delivered by %s before", alert.headline, name)
        return "delivered before"
    try:
        send(alert)
    except Exception as error:  # whatever a mail server or a web hook does: it is logged, recorded and returned
        reason = f"{type(error).__name__}: {error}"
        log.exception("%s: not delivered by %s", alert.headline, name)
        ledger.record("alert_undelivered", alert.use_case_name, night=alert.night, subject=subject, payload={"reason": reason})
        return reason
    log.info("%s: delivered by %s", alert.headline, name)
    ledger.record("alert_delivered", alert.use_case_name, night=alert.night, subject=subject, payload={}, once=True)
    return "delivered"


def alert_on_failure(context: Mapping[str, Any]) -> None:
    """Alert to a task that has failed for good (an ``on_failure_callback``)."""
    from nightloop.errors import GateFailed
    from plugins.operators import open_use_case

    task = context["task_instance"]
    use_case_name, _, family = str(task.dag_id).partition(".")
    error = context.get("exception")
    error = error if isinstance(error, BaseException) else None
    what, do = explain(error)
    stage = f"{family}.{task.task_id}"
    night = night_of(context)
    use_case, workspace = open_use_case(use_case_name)
    workspace.ledger.record(
        "stage_failed", use_case_name, night=night, subject=stage, payload={"what": what, "do": do, "run": str(task.run_id)}
    )
    kind = "gate_failed" if isinstance(error, GateFailed) else "stage_failed"
    subject = str(task.task_id).removeprefix("gate_") if kind == "gate_failed" else stage
    has_command = night and family != "bootstrap" and task.task_id != "approval"  # no command speaks for a person
    command = f"python -m jobs {family} {use_case_name} {night}" if has_command else ""
    alert = Alert(kind, use_case_name, night, subject, what, do, link=run_link(task), command=command)  # type: ignore[arg-type]
    raise_alert(alert, use_case, workspace.ledger)


def explain(error: BaseException | None) -> tuple[str, str]:
    """Return what went wrong and what to do about it, in words for a person."""
    if isinstance(error, NightloopError):
        return (f"{error.where}: {error.what}" if error.where else error.what), error.do or "Read the task's log."
    if error is None:
        return (
            "The task's process ended without a word: it was killed, or the machine went down.",
            "Clear the task to run it again: it gives the same content.",
        )
    return (
        f"{type(error).__name__}: {error}",
        "Read the task's log: this error is not one that Nightloop foresaw. Then clear the task.",
    )


def night_of(context: Mapping[str, Any]) -> Night | None:
    """Return the night of a run for the record: its partition key, or its form's ``as_of``; None where it carries neither."""
    run = context.get("dag_run")
    text = getattr(run, "partition_key", None) or (getattr(run, "conf", None) or {}).get("as_of")
    try:
        return parse_night(text)
    except BadNight:
        return None  # the failure to alert to may be this very key


def run_link(task: Any) -> str:
    """Return the address of a task's page in the web UI, as ``[api] base_url`` says."""
    from airflow.sdk.configuration import conf

    base = conf.get("api", "base_url", fallback="") or ""
    return f"{base.rstrip('/')}/dags/{task.dag_id}/runs/{task.run_id}/tasks/{task.task_id}" if base else ""
