"""What is said of a night's verdicts and of the decision that follows from them."""

from __future__ import annotations

from nightloop.alerts.alert import Alert
from nightloop.nights import Night

_MEASURED = (
    "Open the run's report: it names the features or figures. If the source changed, mend it or the contract; if the "
    "world changed, let the retraining run its course.",
    "Scores are still published, but they may be worth less than before.",
)
_MATCHING = (
    "Look at the keys of the example on both sides: mend label.join, write normal at both columns, or ask the sender.",
    "Outcomes came that belong to no entity: performance is measured, and models are trained, without them.",
)
"""What to do, and what it means."""


def verdict_failed(use_case_name: str, night: Night, verdict: str, figure: str, *, link: str, command: str) -> Alert:
    """Return the alert to a verdict of the monitor that failed.

    Args:
        use_case_name: whose night it is.
        night: the night that was judged.
        verdict: ``drift``, ``performance`` or ``matching``.
        figure: the verdict's reason: figures, interval and limit.
        link: the page of the task that shows the report.
        command: the same by hand.
    """
    do, means = _MATCHING if verdict == "matching" else _MEASURED
    return Alert(
        "verdict_failed",
        use_case_name,
        night,
        verdict,
        title=f"{verdict} verdict failed",
        what=f"The night was judged, and its {verdict} is outside the declared limit.",
        do=do,
        urgency="today",
        means=means,
        figure=figure,
        link=link,
        command=command,
    )


def retrain_decided(use_case_name: str, night: Night, reason: str, *, link: str, command: str) -> Alert:
    """Return the alert to a decided training; the arguments are those of ``verdict_failed``."""
    return Alert(
        "retrain_decided",
        use_case_name,
        night,
        "retrain",
        title="a new training was decided",
        what="The monitor asked for a new training.",
        do=f"Nothing, unless you object: {use_case_name}.train runs as of this night.",
        urgency="info",
        means="Its gates decide whether its model becomes champion.",
        figure=reason,
        link=link,
        command=command,
    )


def person_asked(use_case_name: str, night: Night, reason: str, *, link: str, command: str) -> Alert:
    """Return the alert that a person is to decide; the arguments are those of ``verdict_failed``."""
    return Alert(
        "person_asked",
        use_case_name,
        night,
        "ask",
        title="a person is to decide about the champion",
        what="Realised performance fails, and trainings have not passed their gates on these nights.",
        do="Look at the data first. Then roll back (jobs champion rollback), change the model, or train by the form.",
        urgency="today",
        means="The champion goes on scoring until somebody decides.",
        figure=reason,
        link=link,
        command=command,
    )
