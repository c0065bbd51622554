"""What a person is shown before a candidate of high risk is promoted, and which answers count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nightloop.definitions.gates import Approval
from nightloop.meaning.changes import changes
from nightloop.model import bundle, champions
from nightloop.model.registry import RegisteredVersion
from nightloop.promotion.answers import NOBODY, UNKNOWN, Answer, answer
from nightloop.promotion.approval import Question, question
from nightloop.promotion.differences import _in_words
from tests.jobs.changing import FIRST, Things

AS_OF = FIRST + timedelta(days=3)
DEADLINE = datetime(2024, 3, 6, 7, 30, tzinfo=UTC)
AUC = {"metric": "auc", "value": 0.71234, "low": 0.68, "high": 0.74, "n": 5200, "group": "all"}
RATE = {"metric": "selection_rate", "value": None, "low": None, "high": None, "n": 12, "group": "A|B"}


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Things:
    """Version 1 is champion; version 2 was trained after a feature was changed, and judged."""
    things = Things(tmp_path_factory.mktemp("things"))
    things.build()
    things.promote(FIRST)
    things.change(lambda declared: declared["features"]["price"].update(expression="price * 100"))
    ledger = things.workspace.ledger
    before = champions.history(ledger, "things")
    things.promote(AS_OF, version=2)
    assert len(before) == 1
    for gate, figures in (("performance", [AUC]), ("fairness", [RATE])):
        payload = {"version": 2, "gate": gate, "outcome": "pass", "reason": f"{gate} is <fine>.", "figures": figures}
        ledger.record("gate_judged", "things", night=AS_OF, subject=f"2/{gate}", payload=payload)
    return things


def asked(things: Things, *, champion: bool = True, mlflow: str = "", **changed: Any) -> Question:
    folder = things.settings.home / "bundles" / "things" / "2"
    candidate = RegisteredVersion(2, "run-2", AS_OF, "key", bundle.digest(folder))
    workspace = things.workspace
    if mlflow:
        workspace = type(workspace)(things.settings.model_copy(update={"mlflow_url": mlflow}))
    first = champions.history(things.workspace.ledger, "things")[0]
    options = {"asked_by": "ada", "requested_by": "Ada's team", "reason": "Prices are in cents now.", "others_only": True}
    return question(
        things.use_case, candidate, first if champion else None, workspace, deadline=DEADLINE, **{**options, **changed}
    )


def test_the_page_shows_the_two_models_every_figure_what_changed_who_asked_and_the_deadline(things: Things) -> None:
    page = asked(things).as_markdown()
    assert "|  | candidate, version 2 | champion, version 1 |" in page
    assert f"| as of | {AS_OF} | {FIRST} |" in page
    assert "| performance | auc |  | 0.7123 | 0.68 to 0.74 | 5,200 |" in page
    assert "| fairness | selection rate | A\\|B | - |  | 12 |" in page
    assert "- **performance**: performance is &lt;fine>." in page
    assert "- feature price changed: price -> price \\* 100" in page
    assert "- By: **ada** (Ada's team)" in page and "- Why: Prices are in cents now." in page
    assert "Answer by **2024-03-06 07:30 UTC**: no answer by then is a rejection." in page
    assert "ada asked for it and may not approve it" in page
    assert f"- Model card: `{things.settings.home}/bundles/things/2/card.md`" in page and "- MLflow run: `run-2`" in page


def test_an_alert_says_the_same_without_markup(things: Things) -> None:
    assert asked(things).in_lines() == [
        f"Version 2, trained as of {AS_OF}, passed every gate and waits for a person.",
        f"Champion: version 1, as of {FIRST}.",
        "performance: pass. performance is <fine>. [auc 0.7123 (0.68 to 0.74)]",
        "fairness: pass. fairness is <fine>. [selection rate of A|B -]",
        "What changed: feature price changed: price -> price * 100.",
        "Asked for by ada (Ada's team): Prices are in cents now.",
        f"Verdicts, with plots: {things.settings.home}/reports/things/{AS_OF}/verdicts-2.html",
        f"Model card: {things.settings.home}/bundles/things/2/card.md",
        "MLflow run: run-2",
    ]
    assert asked(things).title == f"Promote version 2 of things, trained as of {AS_OF}?"


def test_the_first_candidate_has_no_champion_beside_it(things: Things) -> None:
    first = asked(things, champion=False)
    assert "| as of | 2024-03-04 |\n" in first.as_markdown() and "There is no champion yet." in first.as_markdown()
    assert "Nothing in the definition." in first.as_markdown()
    assert "Champion: none yet." in first.in_lines()


def test_a_training_that_no_person_asked_for_may_be_approved_by_anybody(things: Things) -> None:
    page = asked(things, asked_by="", others_only=False).as_markdown()
    assert "- By: **the monitor**" in page and "Anybody may approve it: no person asked for it." in page


def test_where_the_use_case_allows_it_the_page_says_that_who_asked_may_approve(things: Things) -> None:
    assert "Whoever asked for it may approve it too" in asked(things, others_only=False).as_markdown()


def test_of_many_changes_the_first_are_shown_and_the_rest_counted(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightloop.promotion.differences.CHANGES_SHOWN", 0)
    assert asked(things).changed == ("1 more",)


def test_a_change_of_a_rule_is_its_path_with_before_and_after(things: Things) -> None:
    before = things.use_case
    now = before.model_copy(update={"risk": "high"})
    assert [_in_words(change) for change in changes(before, now)] == ["risk: low -> high"]


def test_where_the_lake_holds_no_definition_of_then_the_page_says_so(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightloop.promotion.differences.archived", lambda *_: None)
    assert asked(things).changed == ("the definition, but the lake does not hold what it was",)


def test_with_a_server_of_mlflow_card_and_run_are_links(things: Things) -> None:
    links = asked(things, mlflow="http://mlflow:5000/").links
    assert links == {
        "Verdicts, with plots": "http://mlflow:5000/get-artifact?path=verdicts/verdicts.html&run_uuid=run-2",
        "Model card": "http://mlflow:5000/get-artifact?path=figures/card.md&run_uuid=run-2",
        "MLflow, with its run and figures": "http://mlflow:5000/#/models/things/versions/2",
    }
    assert "[http://mlflow:5000/#/models/things/versions/2](http" in asked(things, mlflow="http://mlflow:5000").as_markdown()


def answered(*, by: str = "grace", asked_by: str = "ada", approved: bool = True, **options: Any) -> Answer:
    rule = options.pop("rule", Approval())
    return answer(
        rule,
        approved=approved,
        by=by,
        asked_by=asked_by,
        version=2,
        **{"why": "", "only_user": False, "stays": "Version 1 stays.", **options},
    )


def test_another_persons_approval_counts_and_says_that_it_was_another() -> None:
    granted = answered(why="The figures are fine.")
    assert (granted.kind, granted.refusal) == ("approval_granted", ("", ""))
    assert granted.payload == {
        "by": "grace", "version": 2, "asked_by": "ada", "by_another_person": True, "why": "The figures are fine.",
        "answer": "Approve", "only_user": False,
    }  # fmt: skip


@pytest.mark.parametrize("by", ["ada", UNKNOWN])
def test_who_asked_cannot_approve_and_who_is_not_known_is_nobody_else(by: str) -> None:
    refused = answered(by=by)
    assert refused.kind == "approval_refused" and refused.payload["by_another_person"] is False
    assert f"{by} asked for this training and may not approve its candidate." in refused.refusal[0]
    assert "let another person answer" in refused.refusal[1]


@pytest.mark.parametrize(
    ("options", "recorded"),
    [
        ({"by": "ada", "rule": Approval(by_another_person=False)}, {"by_another_person": False, "only_user": False}),
        ({"by": "ada", "only_user": True}, {"by_another_person": False, "only_user": True}),
        ({"by": "ada", "asked_by": ""}, {"by_another_person": True, "only_user": False}),
    ],
    ids=["allowed by the use case", "nobody else is there", "the monitor asked"],
)
def test_where_the_same_person_may_approve_the_ledger_says_how_it_was(
    options: dict[str, Any], recorded: dict[str, bool]
) -> None:
    granted = answered(**options)
    assert granted.kind == "approval_granted"
    assert {name: granted.payload[name] for name in recorded} == recorded


@pytest.mark.parametrize(("why", "told"), [("It hurts the young.", "It hurts the young."), ("", "no reason was given")])
@pytest.mark.parametrize("by", ["ada", "grace"])
def test_a_rejection_counts_whoever_gives_it_and_carries_its_reason(by: str, why: str, told: str) -> None:
    refused = answered(by=by, approved=False, why=why)
    assert (refused.kind, refused.payload["answer"], refused.payload["why"]) == ("approval_refused", "Reject", told)
    assert refused.refusal[0] == f"{by} rejected version 2: {told}"


@pytest.mark.parametrize("asked_by", ["ada", ""])
def test_no_answer_in_time_is_a_rejection(asked_by: str) -> None:
    refused = answered(by=NOBODY, approved=False, asked_by=asked_by, rule=Approval(deadline_hours=0.5))
    assert (refused.kind, refused.payload["answer"]) == ("approval_refused", "none within 0.5 hours")
    assert "nobody answered within 0.5 hours, which is a rejection" in refused.refusal[0]
    assert "clear the task `approval`" in refused.refusal[1]


def test_the_default_is_two_days_and_another_person() -> None:
    assert Approval() == Approval(deadline_hours=48, by_another_person=True)
