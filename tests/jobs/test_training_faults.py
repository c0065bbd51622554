"""Each injected fault is stopped by a gate, with its verdict in the ledger and no champion made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jobs import train
from jobs.training import gates as train_gates
from nightloop.errors import GateFailed, StoreUnavailable
from nightloop.model import champions

from .conftest import AS_OF, Loans, definition

# One training, told in order: each test stands on what the one before left in the registry.
pytestmark = pytest.mark.random_order(disabled=True)

NAME = "accounts_late"


def prepare(loans: Loans) -> Loans:
    for step in (train.assemble, train.fit, train.evaluate):
        step(loans.use_case, AS_OF, loans.workspace)
    return loans


def judge(loans: Loans, name: str):
    return train.gate(loans.use_case, AS_OF, loans.workspace, name=name)


def last_verdict(loans: Loans, gate: str) -> dict[str, object]:
    events = loans.workspace.ledger.events(NAME, kind="gate_judged")
    return next(event.payload for event in reversed(events) if event.payload["gate"] == gate)


@pytest.fixture(scope="module")
def ready(shared: Loans) -> Loans:
    return prepare(shared)


def test_a_promotion_without_verdicts_is_refused_and_names_them(ready: Loans):
    with pytest.raises(GateFailed, match=r"performance gave no verdict.*bundle gave no verdict"):
        train.promote(ready.use_case, AS_OF, ready.workspace)
    assert champions.history(ready.workspace.ledger, NAME) == []
    assert ready.workspace.registry.alias(NAME, "champion") is None


def test_a_gate_that_breaks_is_a_recorded_fail(ready: Loans, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setitem(train_gates.JUDGES, "calibration", broken)
    with pytest.raises(GateFailed, match="broke while judging: ZeroDivisionError: a bug") as failed:
        judge(ready, "calibration")
    assert isinstance(failed.value.__cause__, ZeroDivisionError)
    assert last_verdict(ready, "calibration")["outcome"] == "fail"
    with pytest.raises(GateFailed, match="calibration: The gate broke"):
        train.promote(ready.use_case, AS_OF, ready.workspace)


def test_a_store_that_does_not_answer_is_no_verdict_but_a_reason_to_try_again(ready: Loans, monkeypatch: pytest.MonkeyPatch):
    def away(*_: object) -> None:
        raise StoreUnavailable("the registry does not answer.")

    monkeypatch.setitem(train_gates.JUDGES, "fairness", away)
    with pytest.raises(StoreUnavailable):
        judge(ready, "fairness")
    assert not [e for e in ready.workspace.ledger.events(NAME, kind="gate_judged") if e.payload["gate"] == "fairness"]


def test_a_verdict_on_another_evaluation_does_not_count_and_a_later_pass_does(ready: Loans):
    for name in train.GATES:
        judge(ready, name)
    digest = last_verdict(ready, "performance")["evaluation"]
    stale = {**last_verdict(ready, "performance"), "evaluation": "0" * 64}
    ready.workspace.ledger.record("gate_judged", NAME, night=AS_OF, subject="1/performance", payload=stale)
    with pytest.raises(GateFailed, match="performance gave no verdict"):
        train.promote(ready.use_case, AS_OF, ready.workspace)
    judge(ready, "performance")
    assert last_verdict(ready, "performance")["evaluation"] == digest


def test_a_verdict_by_other_limits_than_todays_does_not_count(ready: Loans):
    """The limit was tightened after the gate had passed; the candidate is found as above."""
    gates = ready.use_case.gates
    strict = gates.model_copy(update={"calibration": gates.calibration.model_copy(update={"maximum_error": 0.0001})})
    found = train_gates.candidate_version(ready.use_case, AS_OF, ready.workspace)
    assert set(train_gates._passed_verdicts(ready.use_case, AS_OF, ready.workspace, found)) == set(train.GATES)
    with pytest.raises(GateFailed, match="calibration gave its verdict by other limits"):
        train_gates._passed_verdicts(ready.use_case.model_copy(update={"gates": strict}), AS_OF, ready.workspace, found)


def test_a_use_case_of_high_risk_waits_for_a_person_and_a_refusal_stands(ready: Loans):
    """The risk is not part of what is trained here: the same candidate, judged above, under another rule."""
    high = ready.use_case.model_copy(update={"risk": "high"})
    ledger = ready.workspace.ledger

    def promote():
        # The definition's digest makes the training key: find the candidate by the definition it was trained with.
        return train_gates._passed_verdicts(high, AS_OF, ready.workspace, found)

    found = train_gates.candidate_version(ready.use_case, AS_OF, ready.workspace)
    with pytest.raises(GateFailed, match="waits for approval"):
        promote()
    ledger.record("approval_granted", NAME, night=AS_OF, subject="run 1", payload={"by": "Ada"})
    assert set(promote()) == set(train.GATES)
    # A verdict after the approval: the person has not seen it.
    ledger.record("gate_judged", NAME, night=AS_OF, subject="1/fairness", payload=last_verdict(ready, "fairness"))
    with pytest.raises(GateFailed, match="waits for approval"):
        promote()
    ledger.record("approval_granted", NAME, night=AS_OF, subject="run 2", payload={"by": "Ada"})
    assert set(promote()) == set(train.GATES)
    ledger.record("approval_refused", NAME, night=AS_OF, subject="run 3", payload={"by": "Grace"})
    with pytest.raises(GateFailed, match="waits for approval"):
        promote()


def test_a_kill_between_the_promotion_and_the_alias_is_mended_by_running_again(ready: Loans, monkeypatch: pytest.MonkeyPatch):
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(type(ready.workspace.registry), "set_alias", killed)
        with pytest.raises(Killed):
            train.promote(ready.use_case, AS_OF, ready.workspace)
    assert ready.workspace.registry.alias(NAME, "champion") is None
    first = train.promote(ready.use_case, AS_OF, ready.workspace)
    assert ready.workspace.registry.alias(NAME, "champion") == 1
    assert train.promote(ready.use_case, AS_OF, ready.workspace) == first
    assert len(champions.history(ready.workspace.ledger, NAME)) == 1


def test_a_broken_file_of_the_registered_model_is_stopped(ready: Loans):
    """Last of the shared ones: it breaks what they share."""
    models = list(Path(ready.workspace.settings.artifacts_url).rglob("model.ubj"))
    for path in models:
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(GateFailed, match="gate bundle, version 1: fail"):
        judge(ready, "bundle")
    assert models and last_verdict(ready, "bundle")["outcome"] == "fail"


@pytest.mark.parametrize(
    ("fault", "words"),
    [("shuffled labels", "no better than a coin"), ("leaked label", "too good to be true"), ("constant probability", "coin")],
)
def test_the_performance_gate_stops(loans: Loans, fault: str, words: str):
    if fault == "shuffled labels":
        random = np.random.default_rng(1)
        loans.publish(labels=random.permutation)
    elif fault == "leaked label":
        loans.publish(features=lambda values, label: np.column_stack([label + 0.01 * values[:, 0], values[:, 1:]]))
    else:
        model = {**definition()["model"], "xgboost": {"n_estimators": 1, "min_child_weight": 1e9}}
        loans = loans.with_(model=model)
    prepare(loans)
    with pytest.raises(GateFailed, match=words):
        judge(loans, "performance")
    assert last_verdict(loans, "performance")["outcome"] == "fail"
    with pytest.raises(GateFailed, match=words):
        train.promote(loans.use_case, AS_OF, loans.workspace)
    assert champions.history(loans.workspace.ledger, NAME) == []
