"""Check the fairness gate: that it is declared or declined, and that its measures, columns and limits suit the task."""

from __future__ import annotations

from nightloop.definitions.gates import FairnessGate, FairnessMeasure, FairnessMetric
from nightloop.definitions.problems import Problems
from nightloop.definitions.strict import Task
from nightloop.definitions.use_case import UseCase
from nightloop.errors import suggest

RATES: tuple[FairnessMetric, ...] = (
    "selection_rate_difference",
    "true_positive_rate_difference",
    "false_positive_rate_difference",
)
FAIRNESS_METRICS: dict[Task, tuple[FairnessMetric, ...]] = {
    "binary": RATES,
    "regression": ("mae_difference", "mean_prediction_difference", "selection_rate_difference"),
    "multiclass": ("accuracy_difference", *RATES),
}
OF_RATES: tuple[FairnessMeasure, ...] = (*RATES, "selection_rate_ratio", "equalised_odds_difference")
MEASURES: dict[Task, tuple[FairnessMeasure, ...]] = {
    "binary": (*OF_RATES, "calibration_bias", "error_cost_difference"),
    "regression": (*FAIRNESS_METRICS["regression"], "selection_rate_ratio", "calibration_bias"),
    "multiclass": ("accuracy_difference", *OF_RATES),
}
AT_MOST_ONE: tuple[FairnessMeasure, ...] = (*OF_RATES, "accuracy_difference")
PATH = ("gates", "fairness")


def check_fairness(use_case: UseCase, problems: Problems) -> None:
    """Note every mistake in ``problems``."""
    gate = use_case.gates.fairness
    if gate.none_because is not None:
        _declined(gate, problems)
        return
    for name in ("group", "metric", "maximum"):
        if getattr(gate, name) is None:
            problems.add(
                PATH, f"the key '{name}' is missing in 'gates > fairness'.", "Add it; docs/definitions.md says what it means."
            )
    if gate.metric is not None and gate.maximum is not None:
        _metric(use_case, gate.metric, gate.maximum, problems)
    for measure, limit in gate.limits.items():
        _limit(use_case, measure, limit, problems)
    _error_cost(gate, problems)
    _crossings(gate, problems)


def _declined(gate: FairnessGate, problems: Problems) -> None:
    for name in sorted(gate.model_fields_set - {"none_because"}):
        problems.add((*PATH, name), f"'{name}' means nothing where no fairness gate applies.", "Leave out it, or none_because.")
    if not (gate.none_because or "").strip():
        problems.add((*PATH, "none_because"), "the reason is empty.", "Say why nobody can be treated unfairly here.")


def _metric(use_case: UseCase, metric: FairnessMetric, maximum: float, problems: Problems) -> None:
    gate, model = use_case.gates.fairness, use_case.model
    allowed = FAIRNESS_METRICS[model.task]
    if metric not in allowed:
        problems.add(
            (*PATH, "metric"), f"groups of a {model.task} model are not compared by {metric}.", f"Use {', '.join(allowed)}."
        )
        return
    if model.task == "regression" and metric in RATES and not model.decides:
        problems.add((*PATH, "metric"), "nothing is decided, so nobody is selected.", "Declare model.decision_threshold.")
    if metric in AT_MOST_ONE and maximum > 1:
        problems.add((*PATH, "maximum"), f"a difference of rates is at most 1, not {maximum:g}.", "Write a share.")
    of_rates = model.task == "multiclass" and (metric in RATES or set(OF_RATES) & set(gate.limits))
    if of_rates and gate.of_class not in model.classes:
        what = f"'{gate.of_class}' is none of the classes." if gate.of_class else r"it is not declared of which class."
        problems.add(
            (*PATH, "of_class") if gate.of_class else PATH, what, suggest(gate.of_class or "", model.classes, "Classes")
        )
    if not of_rates and gate.of_class is not None:
        problems.add((*PATH, "of_class"), "of_class belongs to rates of a multiclass model.", "Leave it out.")


def _limit(use_case: UseCase, measure: FairnessMeasure, limit: float, problems: Problems) -> None:
    gate, model, path = use_case.gates.fairness, use_case.model, (*PATH, "limits", measure)
    allowed = MEASURES[model.task]
    if measure not in allowed:
        what = f"groups of a {model.task} model are not compared by {measure}."
        problems.add(path, what, f"Use {', '.join(allowed)}.")
        return
    if measure == gate.metric:
        problems.add(path, f"the limit of the metric {measure} is 'maximum'.", "Leave it out here.")
    if model.task == "regression" and measure in OF_RATES and not model.decides:
        problems.add(path, "nothing is decided, so nobody is selected.", "Declare model.decision_threshold.")
    if limit <= 0:
        problems.add(path, f"a limit is above 0, not {limit:g}.", "Write a positive number.")
    elif measure in AT_MOST_ONE and limit > 1:
        problems.add(path, f"a difference or a ratio of rates is at most 1, not {limit:g}.", "Write a share.")


def _error_cost(gate: FairnessGate, problems: Problems) -> None:
    if "error_cost_difference" in gate.limits and gate.error_cost is None:
        what = "error_cost_difference has a limit, but what an error costs is not declared."
        problems.add(PATH, what, "Add error_cost: {false_positive: 1, false_negative: 5}, for example.")
    if gate.error_cost is not None and "error_cost_difference" not in gate.limits:
        what = "error_cost is declared, but error_cost_difference has no limit."
        problems.add((*PATH, "error_cost"), what, "Add the limit, or leave out the costs.")


def _crossings(gate: FairnessGate, problems: Problems) -> None:
    if gate.group in gate.attributes:
        problems.add((*PATH, "attributes"), f"'{gate.group}' is the group already.", "Leave it out of the attributes.")
    if len(set(gate.attributes)) < len(gate.attributes):
        problems.add((*PATH, "attributes"), "an attribute is named twice.", "Name each once.")
    for place, names in enumerate(gate.crossings or ()):
        path = (*PATH, "crossings", place)
        unknown = [name for name in names if name not in gate.columns]
        for name in unknown:
            problems.add(path, f"'{name}' is no attribute of the gate.", suggest(name, gate.columns, "Attributes"))
        if len(names) < 2 or len(set(names)) < len(names):  # noqa: PLR2004 - a crossing is of two
            problems.add(path, "a crossing is of two attributes or more, each once.", "Write [one, other].")
