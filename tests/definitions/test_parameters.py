"""Parameters of the estimators: unknown or senseless ones are refused at their line, and the tables know the libraries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nightloop.definitions.loading import parse_use_case
from nightloop.definitions.model import BinaryModel, MulticlassModel, RegressionModel
from nightloop.definitions.parameters import INSTEAD, PARAMETERS, RESERVED_PARAMETERS, Parameter, faults
from nightloop.errors import DefinitionError
from nightloop.model.training import trainers
from nightloop.model.training.estimators import boosted_trees
from nightloop.model.training.estimators.fit_rows import FitRows
from nightloop.model.training.estimators.hist_gradient_boosting import HistGradientBoostingTrainer
from tests.definitions.rides import accepted, assert_told
from tests.system.parcels import QUESTIONS, USE_CASE

OWN = {"n_estimators", "increasing_in", "decreasing_in"}
"""What the training reads itself, and XGBoost's core does not know."""
CASES = [(estimator, name) for estimator, names in PARAMETERS.items() for name in names]


def one(estimator: str, name: str, value: Any) -> list[tuple[str, str, str]]:
    return list(faults(estimator, {name: value}))


# --- at their line -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimator", "name", "value", "what", "do"),
    [
        (
            "xgboost",
            "n_estimatorz",
            5,
            "unknown parameter 'n_estimatorz' of xgboost.",
            "Did you mean 'n_estimators'? Allowed: ",
        ),
        ("xgboost", "n_estimators", -5, "'n_estimators' of xgboost cannot be -5.", "Write a whole number from 1 to 100,000."),
        ("xgboost", "booster", "gblinear", "'booster' is not for a use case to set.", "Leave it out."),
        ("xgboost", "eta", 0.1, "'eta' is given by another name.", "Write learning_rate."),
        ("logistic_regression", "penality", "l2", "unknown parameter 'penality' of logistic_regression.", "Allowed: C, "),
        ("logistic_regression", "C", 0, "'C' of logistic_regression cannot be 0.", "Write a number above 0."),
        (
            "logistic_regression",
            "solver",
            "lbfgz",
            "'solver' of logistic_regression cannot be 'lbfgz'.",
            "Write one of lbfgs, ",
        ),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused_at_its_line(
    estimator: str, name: str, value: object, what: str, do: str
) -> None:
    assert_told({f"model.{estimator}": {name: value}}, f"model.{estimator}.{name}", what, do)


@pytest.mark.parametrize("value", [True, None, [1], {"a": 1}, float("inf"), float("nan")])
def test_what_is_neither_number_nor_text_is_named_once(value: object) -> None:
    with pytest.raises(DefinitionError) as refused:
        accepted({"model.xgboost": {"max_depth": value}})
    assert len(refused.value.mistakes) == 1
    assert "'model > xgboost > max_depth' reads" in str(refused.value)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
@pytest.mark.parametrize("path", ["features.distance.default", "monitoring.psi_limit", "model.decision_threshold"])
def test_no_number_of_a_definition_is_infinite(path: str, value: float) -> None:
    holder, _, key = path.rpartition(".")
    change = {holder: {key: value}} if holder == "monitoring" else {path: value}
    with pytest.raises(DefinitionError, match=f"'{path.replace('.', ' > ')}' reads .*Write a finite number"):
        accepted(change)


def test_a_weight_of_the_positive_rows_belongs_to_two_classes() -> None:
    assert accepted({"model.xgboost": {"scale_pos_weight": 3}})
    question = QUESTIONS["regression"]
    chosen = USE_CASE.format(name=question.name, **question.words).replace(
        "{n_estimators: 40", "{scale_pos_weight: 3, n_estimators: 40"
    )
    with pytest.raises(DefinitionError, match="'scale_pos_weight' means nothing for a regression model"):
        parse_use_case(chosen, "parcels.yaml", question.name)


# --- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("estimator", "name"), [case for case in CASES if PARAMETERS[case[0]][case[1]].kind != "text"])
def test_a_number_is_allowed_within_its_limits_and_not_beyond(estimator: str, name: str) -> None:
    parameter = PARAMETERS[estimator][name]
    step: float = 1 if parameter.kind == "whole" else 1e-9
    low = parameter.low + step if parameter.above_low else parameter.low
    assert not one(estimator, name, int(low) if parameter.kind == "whole" else low)
    assert one(estimator, name, low - step)
    if parameter.high < float("inf"):
        assert not one(estimator, name, parameter.high)
        assert one(estimator, name, parameter.high + step)
    assert all(one(estimator, name, value) for value in ("1", float("inf"), float("nan")))
    assert bool(one(estimator, name, parameter.low + 0.5)) is (parameter.kind == "whole")


@pytest.mark.parametrize(("estimator", "name"), [case for case in CASES if PARAMETERS[case[0]][case[1]].kind == "text"])
def test_a_text_is_one_of_those_allowed(estimator: str, name: str) -> None:
    parameter = PARAMETERS[estimator][name]
    assert not any(one(estimator, name, value) for value in parameter.choices)
    assert one(estimator, name, 1)
    assert bool(one(estimator, name, "none of them")) is bool(parameter.choices)


@pytest.mark.parametrize(
    ("parameter", "words"),
    [
        (Parameter("whole", 1, 1_000), "Write a whole number from 1 to 1,000."),
        (Parameter("number", above_low=True), "Write a number above 0."),
        (Parameter("number"), "Write a number from 0 on."),
        (Parameter("text", choices=("a", "b")), "Write one of a, b."),
        (Parameter("text"), "Write a text."),
    ],
)
def test_what_to_write_is_said_in_words(parameter: Parameter, words: str) -> None:
    assert parameter.in_words() == words


# --- the libraries -----------------------------------------------------------------------------------------------------


def names_in(config: object) -> Iterator[str]:
    """Yield the names of all parameters in XGBoost's configuration."""
    if isinstance(config, dict):
        for name, value in config.items():
            if isinstance(value, str):
                yield name
            yield from names_in(value)
    elif isinstance(config, list):
        for item in config:
            yield from names_in(item)


def xgboost_names() -> set[str]:
    import xgboost

    data = xgboost.DMatrix(np.array([[1.0], [2.0]]), label=[0, 1])
    config = json.loads(xgboost.train({"tree_method": "hist", "verbosity": 0}, data, 1).save_config())
    told = {"name", "num_trees", "num_feature", "num_target", "updater_seq", "boost_from_average", "specified_updater"}
    return set(names_in(config)) - told


def test_every_parameter_of_xgboost_is_allowed_named_otherwise_or_reserved() -> None:
    from xgboost import XGBModel

    known = xgboost_names()
    listed = {*PARAMETERS["xgboost"], *INSTEAD["xgboost"], *RESERVED_PARAMETERS["xgboost"]}
    assert known - listed == set()
    assert {*PARAMETERS["xgboost"], *INSTEAD["xgboost"]} - OWN <= known
    assert {*RESERVED_PARAMETERS["xgboost"]} <= known | set(XGBModel().get_params()) | {
        *("seed_per_iteration", "eval_metric", "updater", "process_type", "refresh_leaf", "verbosity"),
    }


@pytest.mark.parametrize("estimator", ["logistic_regression", "ridge", "hist_gradient_boosting"])
def test_every_parameter_of_scikit_learn_is_allowed_named_otherwise_or_reserved(estimator: str) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, Ridge

    kinds = {"logistic_regression": [LogisticRegression], "ridge": [Ridge]}
    of_estimator = kinds.get(estimator, [HistGradientBoostingClassifier, HistGradientBoostingRegressor])
    known = {name for kind in of_estimator for name in kind().get_params()}
    listed = {*PARAMETERS[estimator], *INSTEAD[estimator], *RESERVED_PARAMETERS[estimator]}
    assert known == listed - ({*OWN} if estimator == "hist_gradient_boosting" else set())


@pytest.mark.parametrize("name", [name for name in PARAMETERS["hist_gradient_boosting"] if name not in OWN])
def test_scikit_learns_trees_take_what_the_table_allows(name: str) -> None:
    random = np.random.default_rng(1)
    features, night = random.normal(size=(60, 2)), np.repeat(np.datetime64("2024-01-01"), 60)
    rows = FitRows(features, features[:, 0] > 0, night, ("a", "b"))
    for value in values_of(PARAMETERS["hist_gradient_boosting"][name]):
        is_whole = PARAMETERS["hist_gradient_boosting"][name].kind == "whole"
        given = {"max_iter": 2, name: int(value) if is_whole else value}
        HistGradientBoostingTrainer(boosted_trees.OF_BINARY).fit(rows, given, 1)


def values_of(parameter: Parameter) -> list[Any]:
    if parameter.kind == "text":
        return list(parameter.choices)
    low = parameter.low + (1 if parameter.kind == "whole" else 1e-6) * parameter.above_low
    return [int(low) if parameter.kind == "whole" else low, min(parameter.high, 300)]


@pytest.mark.parametrize("name", [name for name in PARAMETERS["xgboost"] if name not in OWN])
def test_xgboost_takes_what_the_table_allows(name: str) -> None:
    features = np.random.default_rng(1).normal(size=(60, 2))
    for value in values_of(PARAMETERS["xgboost"][name]):
        given = {"n_estimators": 2, name: int(value) if PARAMETERS["xgboost"][name].kind == "whole" else value}
        boosted_trees.fit_trees(features, features[:, 0] > 0, names=("a", "b"), parameters=given, seed=1)


def try_baseline(model: Any) -> None:
    trainers.try_linear(model, model.baseline[1])


@pytest.mark.parametrize("name", PARAMETERS["logistic_regression"])
def test_the_logistic_regression_takes_what_the_table_allows(name: str) -> None:
    for value in values_of(PARAMETERS["logistic_regression"][name]):
        solver = {"solver": "saga"} if name == "l1_ratio" else {}
        try_baseline(BinaryModel(task="binary", logistic_regression={**solver, name: value}))


@pytest.mark.parametrize("name", PARAMETERS["ridge"])
def test_the_ridge_takes_what_the_table_allows(name: str) -> None:
    for value in values_of(PARAMETERS["ridge"][name]):
        try_baseline(RegressionModel(task="regression", ridge={name: value}))


def test_parameters_that_do_not_go_together_are_refused_by_a_fit_on_made_up_rows() -> None:
    with pytest.raises(DefinitionError, match=r"scikit-learn refuses model.logistic_regression: .*elasticnet"):
        try_baseline(BinaryModel(task="binary", logistic_regression={"solver": "lbfgs", "l1_ratio": 0.5}))
    classes = MulticlassModel(task="multiclass", classes=("a", "b", "c"), logistic_regression={"solver": "liblinear"})
    with pytest.raises(DefinitionError, match="scikit-learn refuses"):
        try_baseline(classes)
