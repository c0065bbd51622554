"""What a use case says of its estimators: each mistake is told at its line, each right thing is taken."""

from __future__ import annotations

from typing import Any

import pytest

from nightloop.definitions import definition_digest
from tests.definitions.rides import accepted, assert_told

MODEL = {"task": "binary", "decision_threshold": 0.3}
SPACE = {"max_depth": [2, 6], "learning_rate": [0.01, 0.3, "log"], "grow_policy": ["depthwise", "lossguide"]}
HISTOGRAM = {"kind": "hist_gradient_boosting", "parameters": {"max_iter": 50}}


def model(**more: Any) -> dict[str, Any]:
    return {"model": {**MODEL, **more}}


RIGHT: dict[str, dict[str, Any]] = {
    "scikit-learn's trees": {"estimator": HISTOGRAM},
    "the linear model": {"estimator": {"kind": "logistic_regression", "parameters": {"C": 0.1, "class_weight": "balanced"}}},
    "early stopping": {"early_stopping": {"nights": 7, "rounds": 20}},
    "weights": {"weights": {"half_life_nights": 60}},
    "a search": {"search": {"trials": 30, "minutes": 5, "folds": 3, "nights": 7, "space": SPACE}},
    "both ways": {"xgboost": {"increasing_in": "distance", "decreasing_in": "weekday"}},
}


@pytest.mark.parametrize("more", RIGHT.values(), ids=RIGHT)
def test_what_makes_sense_is_taken(more: dict[str, Any]) -> None:
    assert definition_digest(accepted(model(**more))) != definition_digest(accepted({}))


def search(**more: Any) -> dict[str, Any]:
    return {"search": {"folds": 2, "nights": 5, "space": {"max_depth": [2, 6]}, **more}}


WRONG: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "an unknown kind": (
        {"estimator": {"kind": "forest"}},
        "estimator.kind",
        "'model > estimator > kind' reads 'forest'",
        "Allowed",
    ),
    "a kind of another task": (
        {"estimator": {"kind": "ridge"}},
        "estimator.kind",
        "a binary model is not fitted by ridge",
        "Write logi",
    ),
    "an unknown parameter": (
        {"estimator": {**HISTOGRAM, "parameters": {"max_itr": 5}}},
        "estimator.parameters.max_itr",
        "unknown parameter 'max_itr' of hist_gradient_boosting",
        "Did you mean 'max_iter'",
    ),
    "a parameter that is neither number nor text": (
        {"estimator": {**HISTOGRAM, "parameters": {"max_iter": [1]}}},
        "estimator.parameters.max_iter",
        "'model > estimator > parameters > max_iter' reads [1]",
        "",
    ),
    "a parameter beyond sense": (
        {"estimator": {**HISTOGRAM, "parameters": {"max_bins": 256}}},
        "estimator.parameters.max_bins",
        "'max_bins' of hist_gradient_boosting cannot be 256",
        "from 2 to 255",
    ),
    "two candidates": (
        {"estimator": HISTOGRAM, "xgboost": {"max_depth": 2}},
        "xgboost",
        "nothing is fitted by XGBoost",
        "Leave",
    ),
    "early stopping of another": (
        {"estimator": HISTOGRAM, "early_stopping": {"nights": 3}},
        "early_stopping",
        "early_stopping is for XGBoost, not for hist_gradient_boosting",
        "Leave it out",
    ),
    "a pattern without a feature": (
        {"xgboost": {"decreasing_in": "distanze"}},
        "xgboost.decreasing_in",
        "'distanze' names no feature",
        "Did you mean 'distance'",
    ),
    "up and down": (
        {"xgboost": {"increasing_in": "dist*", "decreasing_in": "distance"}},
        "xgboost.decreasing_in",
        "'distance' is named by both",
        "one of them",
    ),
    "nothing to search": (
        search(space={"increasing_in": ["a", "b"]}),
        "search.space.increasing_in",
        "no parameter of xgboost",
        "Allowed",
    ),
    "one end only": (search(space={"max_depth": [2]}), "search.space.max_depth", "[2] is no range", "[low, high, log]"),
    "another scale": (search(space={"max_depth": [2, 3, "ln"]}), "search.space.max_depth", "is no range", "[low, high, log]"),
    "ends out of order": (search(space={"max_depth": [6, 2]}), "search.space.max_depth", "ends before it begins", ""),
    "an end beyond sense": (
        search(space={"subsample": [0, 1]}),
        "search.space.subsample",
        "'subsample' of xgboost cannot be 0",
        "",
    ),
    "a log of zero": (search(space={"gamma": [0, 1, "log"]}), "search.space.gamma", "a log scale cannot begin at 0", "above 0"),
    "one text": (search(space={"grow_policy": ["depthwise"]}), "search.space.grow_policy", "not at least two", "choose from"),
    "given twice": (
        {**search(), "xgboost": {"max_depth": 3}},
        "search.space.max_depth",
        "'max_depth' is given already, as 3",
        "one of both",
    ),
    "folds that leave nothing": (search(folds=4, nights=7), "search", "holds out 30 nights", "Hold out fewer"),
    "early stopping that leaves nothing": (
        {"early_stopping": {"nights": 26}},
        "early_stopping",
        "holds out 28 nights",
        "fewer",
    ),
    "both that leave nothing": (
        {**search(folds=2, nights=7), "early_stopping": {"nights": 10}},
        "search",
        "holds out 28 nights",
        "fewer",
    ),
}


@pytest.mark.parametrize(("more", "at", "what", "do"), WRONG.values(), ids=WRONG)
def test_what_makes_no_sense_is_told_at_its_line(more: dict[str, Any], at: str, what: str, do: str) -> None:
    assert_told(model(**more), f"model.{at}", what, do)


def test_one_night_less_is_enough() -> None:
    assert accepted(model(early_stopping={"nights": 25}))


CATEGORY = {"kind": "category", "column": "zone", "levels": ["a", "b"], "description": "Zone."}


@pytest.mark.parametrize(
    ("changes", "at", "what"),
    [
        ({"column": "zonne"}, "column", "unknown column 'zonne'"),
        ({"column": "distance"}, "column", "'distance' is a number and cannot be a category"),
        ({"levels": ["a", 1]}, "levels.1", "the level 1 is no string"),
        ({"levels": ["a", "b", "a"]}, "levels.2", "the level 'a' stands twice"),
        ({"default": 1}, "default", "a category has no default"),
        ({"range": [0, 1]}, "range", "a category has no range"),
    ],
)
def test_a_mistake_in_a_category_is_told_at_its_line(changes: dict[str, Any], at: str, what: str) -> None:
    assert accepted({"features.area": CATEGORY})
    assert_told({"features.area": {**CATEGORY, **changes}}, f"features.area.{at}", what)


def test_a_category_has_no_order_to_rise_by() -> None:
    changes = {"features.area": CATEGORY, **model(xgboost={"increasing_in": "area"})}
    assert_told(changes, "model.xgboost.increasing_in", "'area' is a category", "numbers only")
