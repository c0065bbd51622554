"""What is said of a failure: in words for a person, and how soon to act by what it means for scores."""

from __future__ import annotations

from nightloop.alerts.alert import Alert, Urgency
from nightloop.errors import NightloopError, NotReady
from nightloop.nights import Night

_LATE = "The night's scores will be late: this night, and what waits for it, stands still."
MEANING: dict[str, tuple[Urgency, str]] = {
    "ingest": ("now", _LATE),
    "features": ("now", _LATE),
    "score": ("now", _LATE),
    "monitor": ("today", "The night is scored, but nobody has judged it: drift and a worse model would not be noticed."),
    "report": ("today", "The week's page is missing; scores and verdicts are not touched."),
    "train": ("today", "No new model comes from this training; nothing has changed in production."),
    "bootstrap": ("today", "The history that was asked for is not whole; nights that were published before are not touched."),
    "apply": ("today", "What an older definition made is still as it was; new nights are not touched."),
    "keep_up": (
        "today",
        "Nights that Airflow loses are not asked for again until this works; those that it runs are not touched.",
    ),
    "ship_audit": (
        "today",
        "The service's answers are in its audit, and not all of them in the lake; the next hour's run makes up for it.",
    ),
    "sweep": ("info", "Files that nobody needs still take up space; nothing else is touched."),
}
"""By the first word of a subject: what a failure there means for people. Another is for today."""
UNFORESEEN = "Read the task's log: this error is not one that Nightloop foresaw. Then clear the task."
KILLED = (
    "Airflow lost the task's process: it was killed, or its machine went down or was too busy to answer.",
    "Clear the task to run it again: it gives the same content. Where it happens again, look at the machine's memory.",
)


def explain(error: BaseException) -> tuple[str, str]:
    """Return what went wrong and what to do about it, in words for a person."""
    if isinstance(error, NightloopError):
        return (f"{error.where}: {error.what}" if error.where else error.what), error.do or "Read the task's log."
    if isinstance(error, SystemExit):
        return f"The task ended itself with exit code {error.code}.", UNFORESEEN
    return f"{type(error).__name__}: {error}", UNFORESEEN


def stage_failed(
    use_case_name: str,
    night: Night | None,
    subject: str,
    what: str,
    do: str,
    *,
    error: BaseException | None = None,
    link: str = "",
    command: str = "",
    run: str = "",
) -> Alert:
    """Return the alert to a task that has failed for good.

    Args:
        use_case_name: whose task it is.
        night: the night it worked on.
        subject: family and task, as in ``ingest.ingest``.
        what: what went wrong.
        do: what to do about it.
        error: what it raised; one that only waited is quiet where what it waited for has an alert.
        link: the task's page.
        command: the same by hand.
        run: Airflow's name of the run, where it is a trouble of its own.
    """
    urgency, means = MEANING.get(subject.partition(".")[0], ("today", ""))
    return Alert(
        "stage_failed",
        use_case_name,
        night,
        subject,
        title=f"{subject} failed",
        what=what,
        do=do,
        urgency=urgency,
        means=means,
        link=link,
        command=command,
        run=run,
        is_waiting=isinstance(error, NotReady),
    )


def gate_failed(
    use_case_name: str,
    night: Night | None,
    subject: str,
    what: str,
    *,
    stays: str,
    do: str = "",
    link: str = "",
    command: str = "",
    run: str = "",
) -> Alert:
    """Return the alert to a gate that did not pass.

    Args:
        use_case_name: whose training it is.
        night: the night it is as of.
        subject: family and task, as in ``train.gate_fairness``.
        what: the verdict, with its figures.
        stays: who scores now, in a sentence: the champion that stays, or nobody.
        do: what to do about it, where the verdict itself does not say.
        link: the task's page.
        command: the same by hand.
        run: Airflow's name of the run, where it is a trouble of its own.
    """
    gate = subject.partition(".")[2].removeprefix("gate_")
    return Alert(
        "gate_failed",
        use_case_name,
        night,
        subject,
        title="the candidate was not approved" if gate == "approval" else f"gate {gate} did not pass",
        what=what,
        do=do or "Read the verdict. Mend the data or definition it points at, and train again; the gate itself is no mistake.",
        urgency="today",
        means=stays,
        link=link,
        command=command,
        run=run,
    )
