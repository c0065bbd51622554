"""What is said of a failure, of a verdict and of a decision, and how soon to act."""

from __future__ import annotations

from datetime import date

import pytest

from nightloop.alerts.failures import MEANING, UNFORESEEN, explain, gate_failed, stage_failed
from nightloop.alerts.verdicts import retrain_decided, verdict_failed
from nightloop.errors import ContractBroken, GateFailed, NotReady, OtherMeaning, StoreUnavailable
from nightloop.settings import REPOSITORY
from tests.alerts.outboxes import NIGHT


@pytest.mark.parametrize(
    ("error", "what", "do"),
    [
        (ContractBroken("too few.", where="weather", do="Ask."), "weather: too few.", "Ask."),
        (ContractBroken("too few.", do="Ask."), "too few.", "Ask."),
        (GateFailed("AUC 0.61."), "AUC 0.61.", "Read the task's log."),
        (OSError("disk"), "OSError: disk", UNFORESEEN),
        (SystemExit(3), "The task ended itself with exit code 3.", UNFORESEEN),
    ],
)
def test_each_kind_of_error_is_explained_with_what_to_do(error: BaseException, what: str, do: str) -> None:
    assert explain(error) == (what, do)


@pytest.mark.parametrize(
    ("subject", "urgency", "means"),
    [
        ("ingest.ingest", "now", "scores will be late"),
        ("features.labels", "now", "scores will be late"),
        ("score.score", "now", "scores will be late"),
        ("monitor.monitor", "today", "is scored"),
        ("train.fit", "today", "No new model"),
        ("report.report", "today", "not touched"),
        ("keep_up.keep_up", "today", "loses"),
        ("ship_audit.ship", "today", "makes up for it"),
        ("sweep.sweep", "info", "space"),
        ("elsewhere", "today", ""),
    ],
)
def test_the_urgency_is_what_the_failure_means_for_scores(subject: str, urgency: str, means: str) -> None:
    alert = stage_failed("loans", NIGHT, subject, "it broke.", "Mend it.")
    assert (alert.kind, alert.urgency, alert.title) == ("stage_failed", urgency, f"{subject} failed")
    assert means in alert.means


def test_every_family_of_dags_has_its_meaning() -> None:
    families = {path.stem for path in (REPOSITORY / "dags").glob("*.py")} - {"__init__"}
    assert set(MEANING) <= families and {"ingest", "features", "score", "monitor", "train"} <= set(MEANING)


@pytest.mark.parametrize(
    ("error", "is_waiting"),
    [
        (NotReady("no."), True),
        (OtherMeaning("no."), True),
        (StoreUnavailable("no."), False),
        (OSError("no."), False),
        (None, False),
    ],
)
def test_what_only_waited_says_so(error: BaseException | None, is_waiting: bool) -> None:
    assert stage_failed("loans", NIGHT, "score.score", "no.", "", error=error).is_waiting is is_waiting


def test_a_gate_that_did_not_pass_says_who_scores_now() -> None:
    alert = gate_failed("loans", NIGHT, "train.gate_fairness", "0.13.", stays="Nobody scores.", link="http://x")
    assert (alert.kind, alert.title, alert.link) == ("gate_failed", "gate fairness did not pass", "http://x")
    assert (alert.means, alert.urgency) == ("Nobody scores.", "today")


def test_a_person_who_said_no_is_no_gate() -> None:
    assert gate_failed("loans", NIGHT, "train.approval", "no.", stays="").title == "the candidate was not approved"


def test_a_verdict_is_told_with_its_figure_and_a_decision_with_its_reason() -> None:
    night = date(2013, 4, 3)
    verdict = verdict_failed("loans", night, "drift", "3 of 28 features.", link="http://x", command="jobs x")
    assert (verdict.kind, verdict.urgency, verdict.figure) == ("verdict_failed", "today", "3 of 28 features.")
    assert verdict.headline == "loans: drift verdict failed, night 2013-04-03" and "report" in verdict.do
    decision = retrain_decided("loans", night, "it is old.", link="http://x", command="jobs x")
    assert (decision.kind, decision.urgency, decision.figure) == ("retrain_decided", "info", "it is old.")
    assert "loans.train" in decision.do and (decision.link, decision.command) == ("http://x", "jobs x")
