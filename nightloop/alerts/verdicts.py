"""What is said of a night's verdicts and of the decision that follows from them."""

from __future__ import annotations

from nightloop.alerts.alert import Alert
from nightloop.nights import Night


def verdict_failed(use_case_name: str, night: Night, verdict: str, figure: str, *, link: str, command: str) -> Alert:
    """Return the alert to a verdict of the monitor that failed.

    Args:
        use_case_name: whose night it is.
        night: the night that was judged.
        verdict: ``drift`` or ``performance``.
        figure: the verdict's reason: figures, interval and limit.
        link: the page of the task that shows the report.
        command: the same by hand.
    """
    return Alert(
        "verdict_failed",
        use_case_name,
        night,
        verdict,
        title=f"{verdict} verdict failed",
        what=f"The night was judged, and its {verdict} is outside the declared limit.",
        do="Open the run's report: it names the features or figures. If the source changed, mend it or the contract; if the "
        "world changed, let the retraining run its course.",
        urgency="today",
        means="Scores are still published, but they may be worth less than before.",
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
