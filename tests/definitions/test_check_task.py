"""What one task is judged by means nothing for another: each mix-up is a mistake with its line and its way out."""

from __future__ import annotations

import pytest

from nightloop.definitions.checking.task import SCORE_COLUMNS
from nightloop.definitions.loading import parse_use_case
from nightloop.definitions.parameters import RESERVED_PARAMETERS
from nightloop.errors import DefinitionError
from nightloop.settings import REPOSITORY
from tests.definitions.rides import accepted, assert_told
from tests.system.parcels import QUESTIONS, USE_CASE


def text(task: str, **words: str) -> str:
    question = QUESTIONS[task]
    return USE_CASE.format(name=question.name, **{**question.words, **words})


def refusal(task: str, **words: str) -> str:
    with pytest.raises(DefinitionError) as caught:
        parse_use_case(text(task, **words), "parcels.yaml", QUESTIONS[task].name)
    return str(caught.value)


@pytest.mark.parametrize("task", QUESTIONS)
def test_a_definition_of_every_task_loads_and_says_its_task(task: str) -> None:
    assert parse_use_case(text(task), "parcels.yaml", QUESTIONS[task].name).model.task == task


MIXED_UP = {
    "an auc for a number": (
        "regression",
        {"performance": "{metric: auc}"},
        "is not judged by auc. Write metric: mae",
    ),
    "no metric for classes": (
        "multiclass",
        {"performance": "{minimum_rows: 10}"},
        "is not judged by auc. Write metric: log_loss",
    ),
    "a limit of the other kind": (
        "regression",
        {"performance": "{metric: mae, suspicious_above: 0.9}"},
        "suspicious_above means nothing for mae. Write suspicious_below",
    ),
    "an auc_floor for a number": ("regression", {"monitoring": "{auc_floor: 0.6, error_ceiling: 3}"}, "has no auc_floor"),
    "no ceiling": ("multiclass", {"monitoring": "{minimum_rows: 10}"}, "'error_ceiling' is missing: the highest log_loss"),
    "a ceiling for a probability": ("binary", {"monitoring": "{error_ceiling: 3}"}, "has no error_ceiling. Write auc_floor"),
    "limits that fit no unit": ("regression", {"calibration": "{maximum_bias: 3}"}, "limits of its own: maximum_error"),
    "rates of nobody selected": (
        "regression",
        {"model": "task: regression", "fairness": "{group: depot, metric: selection_rate_difference, maximum: 0.5}"},
        "nobody is selected. Declare model.decision_threshold",
    ),
    "rates of no class": (
        "multiclass",
        {"fairness": "{group: depot, metric: selection_rate_difference, maximum: 0.5}"},
        "it is not declared of which class. Classes: in_time, late, lost",
    ),
    "rates of an unknown class": (
        "multiclass",
        {"fairness": "{group: depot, metric: selection_rate_difference, of_class: lates, maximum: 0.5}"},
        "'lates' is none of the classes. Did you mean 'late'",
    ),
    "a class where there is none": (
        "binary",
        {"fairness": "{group: depot, metric: selection_rate_difference, of_class: late, maximum: 0.5}"},
        "of_class belongs to rates of a multiclass model",
    ),
    "a metric of another task": (
        "binary",
        {"fairness": "{group: depot, metric: mae_difference, maximum: 5}"},
        "are not compared by mae_difference",
    ),
    "a rate above one": (
        "binary",
        {"fairness": "{group: depot, metric: selection_rate_difference, maximum: 5}"},
        "at most 1, not 5",
    ),
    "a class twice": ("multiclass", {"model": "task: multiclass\n  classes: [late, late]"}, "a class is named twice"),
    "no classes": ("multiclass", {"model": "task: multiclass"}, "the key 'classes' is missing in 'model'"),
    "classes of a number": ("regression", {"model": "task: regression\n  classes: [a, b]"}, "unknown key 'classes' in 'model'"),
    "too few nights to choose on": (
        "binary",
        {"model": "task: binary\n  calibration: auto"},
        "auto compares methods on the newer half of 3 calibrate nights",
    ),
    "too few nights to promise by": (
        "regression",
        {"model": "task: regression\n  conformal: {coverage: 0.9}"},
        "3 calibrate nights tell nothing of what another night may bring",
    ),
    "classes of a number that are promised": (
        "regression",
        {"model": "task: regression\n  conformal: {coverage: 0.9, each_class: true}"},
        "a number has no classes",
    ),
    "a calibration of another task": (
        "multiclass",
        {"model": "task: multiclass\n  classes: [late, lost]\n  calibration: beta"},
        "calibration",
    ),
    "a task that is none": ("binary", {"model": "task: ranking"}, "unknown task 'ranking' of 'model'"),
    "a mitigation of a number": (
        "regression",
        {"model": "task: regression\n  mitigation: {methods: [reweighing]}"},
        "unknown key 'mitigation' in 'model'",
    ),
    "a mitigation where no gate applies": (
        "binary",
        {"model": "task: binary\n  mitigation: {methods: [reweighing]}", "fairness": "{none_because: Parcels.}"},
        "no fairness gate applies, so nothing says what is to be treated alike",
    ),
    "a method twice": (
        "binary",
        {"model": "task: binary\n  mitigation: {methods: [reweighing, reweighing]}"},
        "a method is named twice",
    ),
    "groups that no gate judges": (
        "binary",
        {"model": "task: binary\n  mitigation: {methods: [reweighing], attribute: parcel}"},
        "'parcel' is no column of the fairness gate",
    ),
    "thresholds by a weight": (
        "binary",
        {
            "model": "task: binary\n  mitigation: {methods: [group_thresholds], attribute: weight}",
            "fairness": "{group: depot, metric: selection_rate_difference, maximum: 0.9, attributes: [weight]}",
        },
        "'weight' is a number: no threshold can be looked up by it",
    ),
    "two rules of decision": (
        "binary",
        {"model": "task: binary\n  decision: {capacity: 5, costs: {false_positive: 1, false_negative: 5}}"},
        "costs and capacity would each decide",
    ),
    "no rule of decision": ("binary", {"model": "task: binary\n  decision: {}"}, "nothing says how it is decided"),
    "a threshold beside costs": (
        "binary",
        {"model": "task: binary\n  decision_threshold: 0.2\n  decision: {costs: {false_positive: 1, false_negative: 5}}"},
        "decision_threshold 0.2 and decision would each decide",
    ),
    "costs of a number": (
        "regression",
        {"model": "task: regression\n  decision: {costs: {false_positive: 1, false_negative: 5}}"},
        "the costs of errors make a threshold for probabilities",
    ),
    "reasons for decisions that nobody makes": (
        "regression",
        {"model": "task: regression\n  reasons_for: decided"},
        "reasons are for positive decisions, and nothing is decided",
    ),
    "reasons for the highest of classes": (
        "multiclass",
        {"model": "task: multiclass\n  classes: [in_time, late, lost]\n  reasons_for: top 1 %"},
        "unknown key 'reasons_for' in 'model'",
    ),
    "a capacity of classes": (
        "multiclass",
        {"model": "task: multiclass\n  classes: [in_time, late, lost]\n  decision: {capacity: 5}"},
        "unknown key 'decision' in 'model'",
    ),
    "a mitigation of a capacity": (
        "binary",
        {"model": "task: binary\n  decision: {capacity: 5}\n  mitigation: {methods: [reweighing]}"},
        "compared by decisions at a threshold, and a capacity has none",
    ),
    "no task": ("binary", {"model": "window_nights: 20"}, "the key 'task' is missing in 'model'"),
    "a label of another type": ("regression", {"expression": "damaged"}, "must yield a number"),
}


@pytest.mark.parametrize("mistake", MIXED_UP)
def test_a_mix_up_of_tasks_is_said_at_its_line(mistake: str) -> None:
    task, words, said = MIXED_UP[mistake]
    found = refusal(task, **words)
    assert said in found, found
    assert found.startswith("parcels.yaml:")


def test_an_entity_s_key_may_not_take_a_column_of_the_answer() -> None:
    renamed = text("regression").replace("parcel: {", "prediction: {").replace("[parcel]", "[prediction]")
    renamed = renamed.replace("join: {parcel: parcel}", "join: {prediction: prediction}")
    with pytest.raises(DefinitionError, match="'prediction' is taken by a column of the table scores"):
        parse_use_case(renamed, "parcels.yaml", "parcel_hours")


def test_what_the_training_sets_itself_is_not_for_a_use_case_to_set() -> None:
    chosen = text("regression").replace("{n_estimators: 40", "{objective: reg:absoluteerror, n_estimators: 40")
    with pytest.raises(DefinitionError, match="'objective' is not for a use case to set"):
        parse_use_case(chosen, "parcels.yaml", "parcel_hours")


def test_rows_are_not_weighed_twice() -> None:
    mitigated = text("binary", model="task: binary\n  mitigation: {methods: [exponentiated_gradient]}")
    with pytest.raises(DefinitionError, match="scale_pos_weight would weigh them again"):
        parse_use_case(
            mitigated.replace("{n_estimators: 40", "{scale_pos_weight: 2, n_estimators: 40"), "p.yaml", "parcel_damaged"
        )


def test_a_use_case_may_be_guarded_by_the_suites_of_another() -> None:
    shared = text("regression").replace("engine: local", "engine: local\ncontracts: parcel_damaged")
    assert parse_use_case(shared, "parcels.yaml", "parcel_hours").contracts_of == "parcel_damaged"
    assert (REPOSITORY / "great_expectations" / "flight_delay").is_dir()
    assert not (REPOSITORY / "great_expectations" / "arrival_delay").exists()


@pytest.mark.parametrize("name", RESERVED_PARAMETERS["xgboost"])
def test_every_parameter_that_the_training_sets_is_refused_at_its_line(name: str) -> None:
    change = {"model.xgboost": {"max_depth": 3, name: 1}}
    assert_told(change, f"model.xgboost.{name}", f"'{name}' is not for a use case to set.", "Leave it out.")


def test_other_parameters_of_the_trees_are_free() -> None:
    assert accepted({"model.xgboost": {"max_depth": 3, "increasing_in": "distance"}})
    chosen = text("multiclass").replace("{n_estimators: 40", "{increasing_in: weight, n_estimators: 40")
    with pytest.raises(DefinitionError, match="several probabilities cannot all rise with a feature"):
        parse_use_case(chosen, "parcels.yaml", QUESTIONS["multiclass"].name)


@pytest.mark.parametrize(("task", "name"), [(task, name) for task, names in SCORE_COLUMNS.items() for name in names])
def test_no_key_is_called_like_a_column_of_the_scores_of_its_task(task: str, name: str) -> None:
    renamed = text(task).replace("parcel: {", f"{name}: {{").replace("[parcel]", f"[{name}]")
    renamed = renamed.replace("join: {parcel: parcel}", f"join: {{{name}: {name}}}")
    with pytest.raises(DefinitionError) as caught:
        parse_use_case(renamed, "parcels.yaml", QUESTIONS[task].name)
    assert f"the key column '{name}' is taken by a column of the table scores." in str(caught.value)


def test_no_key_is_called_like_the_probability_of_a_class() -> None:
    renamed = text("multiclass").replace("parcel: {", "probability_late: {").replace("[parcel]", "[probability_late]")
    renamed = renamed.replace("join: {parcel: parcel}", "join: {probability_late: probability_late}")
    with pytest.raises(DefinitionError, match="the key column 'probability_late' is taken"):
        parse_use_case(renamed, "parcels.yaml", QUESTIONS["multiclass"].name)


RATE = "{group: depot, metric: selection_rate_difference, "
JUST_RIGHT = {
    "a share of one": ("binary", {"fairness": RATE + "maximum: 1}"}),
    "a difference in hours above one": ("regression", {"fairness": "{group: depot, metric: mae_difference, maximum: 5}"}),
    "a mean in hours above one": ("regression", {"fairness": "{group: depot, metric: mean_prediction_difference, maximum: 5}"}),
    "rates where something is decided": (
        "regression",
        {"model": "task: regression\n  decision_threshold: 3", "fairness": RATE + "maximum: 1}"},
    ),
    "a mitigation by an attribute of the gate": (
        "binary",
        {
            "model": "task: binary\n  mitigation: {methods: [reweighing, group_thresholds], attribute: depot, maximum_loss: 0}",
            "fairness": RATE + "maximum: 1}",
        },
    ),
    "rates of those a capacity takes": (
        "regression",
        {"model": "task: regression\n  decision: {capacity: 3}", "fairness": RATE + "maximum: 1}"},
    ),
    "what errors cost": ("binary", {"model": "task: binary\n  decision: {costs: {false_positive: 1, false_negative: 5}}"}),
    "rates of one class": ("multiclass", {"fairness": RATE + "of_class: late, maximum: 0.5}"}),
    "accuracy of all classes": ("multiclass", {"fairness": "{group: depot, metric: accuracy_difference, maximum: 1}"}),
    "a suspicion of the right kind": ("binary", {"performance": "{metric: auc, suspicious_above: 0.9}"}),
    "a budget of the year as large as the margin": (
        "binary",
        {"performance": "{margin_to_champion: 0.02, yearly_budget: 0.02}"},
    ),
    "a suspicion of an error": ("regression", {"performance": "{metric: mae, suspicious_below: 0.1}"}),
    "a floor for a probability": ("binary", {"monitoring": "{auc_floor: 0.6}"}),
    "a ceiling for classes": ("multiclass", {"monitoring": "{error_ceiling: 2}"}),
    "limits of calibration in the label's unit": ("regression", {"calibration": "{maximum_error: 3, maximum_bias: 3}"}),
}


@pytest.mark.parametrize("name", JUST_RIGHT)
def test_what_suits_the_task_is_accepted(name: str) -> None:
    task, words = JUST_RIGHT[name]
    assert parse_use_case(text(task, **words), "parcels.yaml", QUESTIONS[task].name).model.task == task


MORE_MIXED_UP = {
    "a suspicion of an error for a probability": (
        "binary",
        {"performance": "{metric: auc, suspicious_below: 0.1}"},
        "suspicious_below means nothing for auc. Write suspicious_above.",
    ),
    "a difference of accuracy above one": (
        "multiclass",
        {"fairness": "{group: depot, metric: accuracy_difference, maximum: 1.5}"},
        "a difference of rates is at most 1, not 1.5. Write a share.",
    ),
    "a year that may lose less than a training": (
        "binary",
        {"performance": "{margin_to_champion: 0.02, yearly_budget: 0.019}"},
        "a year may lose 0.019, which is less than one training may (margin_to_champion 0.02). Write a yearly_budget",
    ),
    "a class for accuracy": (
        "multiclass",
        {"fairness": "{group: depot, metric: accuracy_difference, of_class: late, maximum: 0.5}"},
        "of_class belongs to rates of a multiclass model. Leave it out.",
    ),
    "no limit of calibration": ("regression", {"calibration": "{}"}, "limits of its own: maximum_bias, maximum_error. Give"),
    "a floor and no ceiling": ("multiclass", {"monitoring": "{auc_floor: 0.6}"}, "a multiclass model has no auc_floor."),
    "accuracy of a number": (
        "regression",
        {"fairness": "{group: depot, metric: accuracy_difference, maximum: 0.5}"},
        "not compared by accuracy_difference. Use mae_difference, mean_prediction_difference, selection_rate_difference.",
    ),
}


@pytest.mark.parametrize("name", MORE_MIXED_UP)
def test_what_suits_another_task_is_refused(name: str) -> None:
    task, words, told = MORE_MIXED_UP[name]
    assert told in refusal(task, **words)


def test_each_mix_up_is_told_at_the_key_that_holds_it() -> None:
    assert_told({"gates.performance.metric": "mae"}, "gates.performance.metric", "not judged by mae", "metric: auc")
    assert_told({"gates.performance.suspicious_below": 1}, "gates.performance.suspicious_below", "means nothing for auc")
    assert_told({"gates.fairness.metric": "mae_difference"}, "gates.fairness.metric", "not compared by mae_difference")
    assert_told({"gates.fairness.maximum": 2}, "gates.fairness.maximum", "at most 1, not 2.", "Write a share.")
    assert_told({"gates.fairness.of_class": "late"}, "gates.fairness.of_class", "of_class belongs to rates")
    assert_told({"monitoring": {"error_ceiling": 1}}, "monitoring.error_ceiling", "a binary model has no error_ceiling.")
