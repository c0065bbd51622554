"""The task that asks a person: what it shows, until when, and what becomes of the answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskAwaitingInput

from nightloop.alerts import listed
from nightloop.errors import GateFailed, NotReady
from nightloop.ledger import Ledger
from nightloop.model import bundle
from nightloop.model.registry import RegisteredVersion
from plugins.approval import ONE_USER, ApprovalByPerson, only_user, person
from plugins.operators import asked_by
from tests.jobs.changing import FIRST, Things
from tests.plugins.stops import stops_with

AS_OF = FIRST + timedelta(days=2)
FORM = {"as_of": str(AS_OF), "reason": "Prices rose.", "requested_by": "the shop"}
USERS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"


@pytest.fixture
def things(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Things:
    """A candidate beside a champion, in an Airflow with two users; asked for an answer within three hours."""
    things = Things(tmp_path)
    things.build()
    things.promote(FIRST)
    things.promote(AS_OF, version=2)
    things.change(lambda declared: declared["gates"].update(approval={"deadline_hours": 3}))
    for name in ("home", "definitions", "contracts", "engine"):
        monkeypatch.setenv(f"NIGHTLOOP_{name.upper()}", str(getattr(things.settings, name)))
    monkeypatch.setenv(USERS, "ada:admin,grace:admin")
    digest = bundle.digest(things.settings.home / "bundles" / "things" / "2")
    candidate = RegisteredVersion(2, "run-2", AS_OF, "key", digest)
    monkeypatch.setattr("jobs.training.state.candidate_version", lambda *_: candidate)
    return things


def context(user: str | None = "ada") -> Any:
    run = SimpleNamespace(triggering_user_name=user)
    task = SimpleNamespace(id="ti", dag_id="things.train", run_id="manual__1", task_id="approval", map_index=-1)
    return {"params": FORM, "run_id": "manual__1", "dag_run": run, "ti": task, "task_instance": task}


def ask(monkeypatch: pytest.MonkeyPatch, user: str | None = "ada") -> tuple[dict[str, Any], timedelta]:
    """Let the task ask, and return what Airflow's page shows, and how long it waits."""
    shown: dict[str, Any] = {}
    monkeypatch.setattr("airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **details: shown.update(details))
    task = ApprovalByPerson(task_id="approval", use_case_name="things")
    with pytest.raises(TaskAwaitingInput) as waits:
        task.execute(context(user))
    assert waits.value.timeout is not None
    return shown, waits.value.timeout


def answer(option: str, by: str | None = "grace", why: str | None = None, user: str | None = "ada") -> object:
    """Let a person answer; ``None``: Airflow does not say who."""
    event = {
        "chosen_options": [option],
        "params_input": {} if why is None else {"why": why},
        "responded_at": datetime(2024, 3, 4, tzinfo=UTC),
        "responded_by_user": {"id": "7", "name": by} if by else None,
    }
    return ApprovalByPerson(task_id="approval", use_case_name="things").execute_complete(context(user), event)


def recorded(things: Things, kind: str) -> list[dict[str, Any]]:
    return [event.payload for event in things.workspace.ledger.events("things", kind=kind, night=AS_OF, subject="manual__1")]


def test_the_page_names_both_versions_who_asked_and_waits_no_longer_than_declared(
    things: Things, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, waits = ask(monkeypatch)
    assert shown["subject"] == f"Promote version 2 of things, trained as of {AS_OF}?"
    assert "candidate, version 2 | champion, version 1" in shown["body"]
    assert "ada asked for it and may not approve it" in shown["body"] and ONE_USER not in shown["body"]
    assert timedelta(hours=2, minutes=59) < waits <= timedelta(hours=3)
    assert (shown["options"], shown["defaults"]) == (["Approve", "Reject"], None), "no answer is none: the task says so itself"
    assert list(shown["params"]) == ["why"]


def test_that_it_was_asked_stands_in_the_ledger_with_the_deadline(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(monkeypatch)
    (asked,) = recorded(things, "approval_asked")
    assert (asked["version"], asked["asked_by"]) == (2, "ada")
    left = datetime.fromisoformat(asked["deadline"]) - datetime.now(UTC)
    assert timedelta(hours=2, minutes=59) < left <= timedelta(hours=3)


def test_people_are_alerted_with_the_figures_the_deadline_and_the_page_to_answer_on(
    things: Things, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        ask(monkeypatch)  # the second time for the task was cleared: there is another deadline
    (_, (stored, deliveries)) = listed(things.workspace.ledger)
    alert = stored.alert
    assert alert.headline == f"things: version 2, trained as of {AS_OF}, waits for approval"
    assert "Champion: version 1" in alert.what and "Asked for by ada (the shop): Prices rose." in alert.what
    assert alert.do.startswith("Approve or reject it by ") and "ada asked for it and may not approve it" in alert.do
    assert (
        alert.link
        == "http://airflow.example:8080/dags/things.train/runs/manual__1/tasks/approval/required_actions?map_index=-1"
    )
    assert [delivery.state for delivery in deliveries] == ["no channel", "no channel"]


def test_where_airflow_has_one_user_the_page_says_so(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(USERS, "ada:admin")
    shown, _ = ask(monkeypatch)
    assert shown["body"].endswith(ONE_USER) and "may not approve it" not in shown["body"]
    answer("Approve", by="ada")
    (granted,) = recorded(things, "approval_granted")
    assert (granted["by"], granted["by_another_person"], granted["only_user"]) == ("ada", False, True)


def test_another_persons_approval_is_recorded_with_both_names(things: Things) -> None:
    answer("Approve", why=" Fine. ")
    (granted,) = recorded(things, "approval_granted")
    assert (granted["by"], granted["asked_by"], granted["why"], granted["only_user"]) == ("grace", "ada", "Fine.", False)
    assert recorded(things, "approval_refused") == []


@pytest.mark.parametrize("by", ["ada", None])
def test_who_asked_for_the_training_cannot_approve_it(things: Things, by: str | None) -> None:
    with stops_with(GateFailed, match="asked for this training and may not approve its candidate") as refusal:
        answer("Approve", by=by)
    assert "let another person answer" in str(refusal.value)
    assert recorded(things, "approval_granted") == []
    (refused,) = recorded(things, "approval_refused")
    assert refused["by_another_person"] is False


def test_what_the_monitor_asked_for_anybody_may_approve(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    shown, _ = ask(monkeypatch, user=None)
    assert "Anybody may approve it" in shown["body"]
    answer("Approve", user=None)
    assert len(recorded(things, "approval_granted")) == 1


@pytest.mark.parametrize(("why", "told"), [("It hurts the young.", "It hurts the young."), (None, "no reason was given")])
def test_a_rejection_fails_the_task_with_its_reason(things: Things, why: str | None, told: str) -> None:
    with stops_with(GateFailed, match=f"the candidate as of {AS_OF} is not approved: grace rejected version 2: {told}"):
        answer("Reject", why=why)
    (refused,) = recorded(things, "approval_refused")
    assert (refused["by"], refused["why"]) == ("grace", told)


def test_no_answer_by_the_deadline_is_a_rejection(things: Things) -> None:
    event = {"error": "The Human-in-the-loop response timeout has passed without a response.", "error_type": "timeout"}
    with stops_with(GateFailed, match="nobody answered within 3 hours, which is a rejection"):
        ApprovalByPerson(task_id="approval", use_case_name="things").execute_complete(context(), event)
    (refused,) = recorded(things, "approval_refused")
    assert (refused["by"], refused["answer"]) == ("nobody", "none within 3 hours")


def test_without_a_candidate_nobody_is_asked(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise NotReady("the candidate is not fitted.")

    monkeypatch.setattr("jobs.training.state.candidate_version", missing)
    with stops_with(NotReady):
        ApprovalByPerson(task_id="approval", use_case_name="things").execute(context())
    assert Ledger.open(things.settings).events("things", kind="approval_asked") == []


@pytest.mark.parametrize(
    ("variables", "user"),
    [
        ({USERS: "ada:admin"}, "ada"),
        ({USERS: "ada:admin,grace:user"}, ""),
        ({USERS: "ada:admin, grace:Viewer"}, "ada"),
        ({USERS: "ada:admin,grace:admin", "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True"}, "Anonymous"),
        ({USERS: "ada:admin", "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.FabAuthManager"}, ""),
    ],
    ids=["one", "two", "one who may answer", "nobody signs in", "another auth manager"],
)
def test_the_only_user_is_known(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], user: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert only_user() == user


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ({"id": "7", "name": "Ada"}, "Ada"),
        ({"id": "7", "name": ""}, "7"),
        (SimpleNamespace(name="Ada"), "Ada"),
        (None, "unknown"),
    ],
)
def test_who_answered_has_a_name(user: object, name: str) -> None:
    assert person(user) == name


def test_who_asked_is_the_user_who_triggered_the_run_and_not_what_the_form_says() -> None:
    assert asked_by(context("ada")) == "ada"
    assert asked_by(context(None)) == "" == asked_by({})


@pytest.mark.parametrize("event", [{}, {"chosen_options": []}, {"chosen_options": ["Approve", "Reject"]}])
def test_whatever_is_no_plain_approval_is_a_rejection(things: Things, event: dict[str, Any]) -> None:
    with stops_with(GateFailed, match="unknown rejected version 2: no reason was given"):
        ApprovalByPerson(task_id="approval", use_case_name="things").execute_complete(context(), event)
    assert recorded(things, "approval_granted") == [] and len(recorded(things, "approval_refused")) == 1
