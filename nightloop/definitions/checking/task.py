"""Check that gates, limits and names suit the task of the model: what one task is judged by means nothing for another."""

from __future__ import annotations

from nightloop.definitions.checking.candidate_gates import check_candidate_gates
from nightloop.definitions.checking.decision import check_decision
from nightloop.definitions.checking.estimators import check_estimators
from nightloop.definitions.checking.fairness import check_fairness
from nightloop.definitions.checking.mitigation import check_mitigation
from nightloop.definitions.checking.serving import check_serving
from nightloop.definitions.checking.value import check_value
from nightloop.definitions.gates import PerformanceMetric
from nightloop.definitions.model import MulticlassModel
from nightloop.definitions.problems import Problems
from nightloop.definitions.strict import Task
from nightloop.definitions.use_case import UseCase

PERFORMANCE_METRICS: dict[Task, PerformanceMetric] = {"binary": "auc", "regression": "mae", "multiclass": "log_loss"}
NIGHTS_TO_CHOOSE = 4  # two to fit on, and two to compare on
NIGHTS_TO_PROMISE = 5
# What stands beside the entity's key in the table scores.
SCORE_COLUMNS: dict[Task, tuple[str, ...]] = {
    "binary": ("probability", "decision", "prediction_set"),
    "regression": ("prediction", "decision", "prediction_low", "prediction_high"),
    "multiclass": ("predicted_class", "probability", "prediction_set"),
}


def check_task(use_case: UseCase, problems: Problems) -> None:
    """Note every mistake in ``problems``."""
    check_serving(use_case, problems)
    _performance(use_case, problems)
    check_fairness(use_case, problems)
    check_mitigation(use_case, problems)
    check_decision(use_case, problems)
    check_candidate_gates(use_case, problems)
    check_value(use_case, problems)
    _monitoring(use_case, problems)
    _names(use_case, problems)
    if use_case.model.task == "regression" and (
        absent := {"maximum_error", "maximum_bias"} - use_case.gates.calibration.model_fields_set
    ):
        problems.add(
            ("gates", "calibration"),
            f"a regression needs limits of its own: {', '.join(sorted(absent))}.",
            "Give them in the label's unit.",
        )
    check_estimators(use_case, problems)
    _calibration(use_case, problems)
    _conformal(use_case, problems)
    if isinstance(use_case.model, MulticlassModel):
        _classes(use_case.model, problems)


def _calibration(use_case: UseCase, problems: Problems) -> None:
    nights = use_case.model.split.calibrate_nights
    if use_case.model.calibration == "auto" and nights < NIGHTS_TO_CHOOSE:
        problems.add(
            ("model", "calibration"),
            f"auto compares methods on the newer half of {nights} calibrate nights, which tells nothing.",
            f"Give split: {{calibrate_nights: {NIGHTS_TO_CHOOSE}}} or more, or name the method.",
        )


def _conformal(use_case: UseCase, problems: Problems) -> None:
    nights = use_case.model.split.calibrate_nights
    if use_case.model.conformal and nights < NIGHTS_TO_PROMISE:
        problems.add(
            ("model", "conformal"),
            f"{nights} calibrate nights tell nothing of what another night may bring.",
            f"Give split: {{calibrate_nights: {NIGHTS_TO_PROMISE}}} or more.",
        )
    if use_case.model.conformal and use_case.model.conformal.each_class and use_case.model.task == "regression":
        problems.add(("model", "conformal", "each_class"), "a number has no classes.", "Leave it out.")


def _performance(use_case: UseCase, problems: Problems) -> None:
    gate, task = use_case.gates.performance, use_case.model.task
    metric = PERFORMANCE_METRICS[task]
    if gate.metric != metric:
        problems.add(
            ("gates", "performance", "metric") if "metric" in gate.model_fields_set else ("gates",),
            f"a {task} model is not judged by {gate.metric}.",
            f"Write metric: {metric} in gates > performance.",
        )
    limit, other = "suspicious_above", "suspicious_below"
    if metric != "auc":
        limit, other = other, limit
    if other in gate.model_fields_set:
        problems.add(("gates", "performance", other), f"{other} means nothing for {metric}.", f"Write {limit}.")
    if gate.yearly_budget is not None and gate.yearly_budget < gate.margin_to_champion:
        problems.add(
            ("gates", "performance", "yearly_budget"),
            f"a year may lose {gate.yearly_budget:g}, which is less than one training may (margin_to_champion "
            f"{gate.margin_to_champion:g}).",
            "Write a yearly_budget of at least the margin, or a smaller margin.",
        )


def _monitoring(use_case: UseCase, problems: Problems) -> None:
    limits, task = use_case.monitoring, use_case.model.task
    if task == "binary":
        if limits.error_ceiling is not None:
            problems.add(("monitoring", "error_ceiling"), "a binary model has no error_ceiling.", "Write auc_floor.")
        return
    if "auc_floor" in limits.model_fields_set:
        problems.add(("monitoring", "auc_floor"), f"a {task} model has no auc_floor.", "Write error_ceiling.")
    if limits.error_ceiling is None:
        problems.add(
            ("monitoring",), f"the key 'error_ceiling' is missing: the highest {PERFORMANCE_METRICS[task]} to bear.", "Add it."
        )


def _names(use_case: UseCase, problems: Problems) -> None:
    taken = {*SCORE_COLUMNS[use_case.model.task], *(f"probability_{name}" for name in use_case.model.classes)}
    for name in use_case.entity.key:
        if name in taken:
            problems.add(
                ("entity", "key"), f"the key column '{name}' is taken by a column of the table scores.", "Choose another name."
            )


def _classes(model: MulticlassModel, problems: Problems) -> None:
    if len(set(model.classes)) < len(model.classes):
        problems.add(("model", "classes"), "a class is named twice.", "Name each once.")
