"""Check how an answer becomes a decision: one rule, that suits the task and the methods of mitigation."""

from __future__ import annotations

from nightloop.definitions.model import DECIDED, BinaryModel, MulticlassModel, RegressionModel
from nightloop.definitions.problems import Problems
from nightloop.definitions.use_case import UseCase

PATH = ("model", "decision")


def check_decision(use_case: UseCase, problems: Problems) -> None:
    """Note every mistake in ``problems``."""
    model = use_case.model
    if isinstance(model, RegressionModel) and model.reasons_for == DECIDED and not model.decides:
        what = "reasons are for positive decisions, and nothing is decided."
        problems.add(("model", "reasons_for"), what, "Write decision_threshold, or all, or top 1 %.")
    if isinstance(model, MulticlassModel) or model.decision is None:
        return
    decision = model.decision
    if (decision.costs is None) == (decision.capacity is None):
        what = "costs and capacity would each decide." if decision.costs else "nothing says how it is decided."
        problems.add(PATH, what, "Write costs: {false_positive: 1, false_negative: 5} or capacity: 200, one of them.")
        return
    if "decision_threshold" in model.model_fields_set and model.decision_threshold is not None:
        what = f"decision_threshold {model.decision_threshold:g} and decision would each decide."
        problems.add(("model", "decision_threshold"), what, "Keep one of them.")
    if decision.costs and not isinstance(model, BinaryModel):
        what = "the costs of errors make a threshold for probabilities, and a number is none."
        problems.add((*PATH, "costs"), what, "Write decision_threshold, or a capacity.")
    if decision.capacity and isinstance(model, BinaryModel) and model.mitigation is not None:
        what = "methods of mitigation are compared by decisions at a threshold, and a capacity has none."
        problems.add((*PATH, "capacity"), what, "Leave out model.mitigation, or decide by a threshold or by costs.")
