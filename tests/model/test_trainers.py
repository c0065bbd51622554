"""What a candidate is made of: the same bytes twice, monotone where declared, shifted as far as nights prove."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from nightloop.errors import DefinitionError
from nightloop.model.calibration import sigmoid
from nightloop.model.training import trainers
from nightloop.model.training.calibrating import shift as shifts
from nightloop.model.training.estimators import boosted_trees, linear

NAMES = ("carrier_late_rate", "origin_late_rate", "hour")


def rows(count: int = 2000, seed: int = 3):
    random = np.random.default_rng(seed)
    features = random.normal(size=(count, 3))
    label = random.random(count) < sigmoid(features @ [0.8, -0.8, 0.5])
    features[random.random(features.shape) < 0.1] = np.nan
    return features, label


def test_the_same_rows_and_seed_give_the_same_trees_to_the_byte_and_another_seed_does_not():
    features, label = rows()
    parameters = {"n_estimators": 30, "subsample": 0.7, "colsample_bytree": 0.5}

    def trees(seed: int) -> bytes:
        return bytes(boosted_trees.fit_trees(features, label, names=NAMES, parameters=parameters, seed=seed).save_raw("ubj"))

    assert trees(1) == trees(1)
    assert trees(1) != trees(2)


def test_the_baseline_does_not_depend_on_how_many_threads_the_machine_gives():
    random = np.random.default_rng(0)
    features = random.normal(size=(27_000, 30))
    label = random.random(len(features)) < sigmoid(features[:, 0])
    found = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads, user_api="blas"):
            found.append(linear.fit_logistic(features, label, parameters={}, seed=1))
    assert found[0] == found[1] == found[2]


def test_a_seed_belongs_to_the_use_case_and_the_night():
    seeds = {trainers.seed_of(name, date(2013, 4, day)) for name in ("a", "b") for day in (1, 2)}
    assert len(seeds) == 4 and all(0 <= seed < 2**31 for seed in seeds)


def test_the_probability_never_falls_with_a_feature_declared_increasing():
    """origin_late_rate lowers the label here: without the declaration the trees learn so, with it they may not."""
    features, label = rows()
    sweep = np.zeros((50, 3))
    sweep[:, 1] = np.linspace(-3, 3, 50)

    def along(**parameters: str) -> np.ndarray:
        chosen = {"n_estimators": 50, **parameters}
        booster = boosted_trees.fit_trees(features, label, names=NAMES, parameters=chosen, seed=1)
        return booster.inplace_predict(sweep, predict_type="margin", validate_features=False)

    assert np.diff(along()).min() < 0
    assert np.diff(along(increasing_in="*_late_rate")).min() >= 0
    sweep = sweep[:, [1, 0, 2]]  # along carrier_late_rate, which raises the label
    assert np.diff(along()).max() > 0
    assert np.diff(along(decreasing_in="carrier_*", increasing_in="origin_*")).max() <= 0


def test_a_wrong_parameter_or_a_pattern_without_a_feature_is_a_mistake_of_the_definition():
    features, label = rows(200)
    with pytest.raises(DefinitionError, match=r"late_rates.*names no feature"):
        boosted_trees.fit_trees(features, label, names=NAMES, parameters={"increasing_in": "*_late_rates"}, seed=1)
    both = {"increasing_in": "hour, *_late_rate", "decreasing_in": "origin*"}
    with pytest.raises(DefinitionError, match="origin_late_rate in both increasing_in and decreasing_in"):
        boosted_trees.fit_trees(features, label, names=NAMES, parameters=both, seed=1)
    with pytest.raises(DefinitionError, match="XGBoost refuses"):
        boosted_trees.fit_trees(features, label, names=NAMES, parameters={"gamma": 1e300}, seed=1)
    with pytest.raises(DefinitionError, match="scikit-learn refuses"):
        linear.fit_logistic(features, label, parameters={"solver": "lbfgs", "l1_ratio": 0.5}, seed=1)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_estimatorz": 5}, "unknown parameter 'n_estimatorz' of xgboost. Did you mean 'n_estimators'?"),
        ({"n_estimators": -5}, "'n_estimators' of xgboost cannot be -5. Write a whole number from 1 to 100,000."),
        ({"booster": "gblinear"}, "'booster' is not for a use case to set. Leave it out."),
    ],
)
def test_training_refuses_what_xgboost_would_pass_over(parameters, message):
    features, label = rows(200)
    with pytest.raises(DefinitionError) as refused:
        boosted_trees.fit_trees(features, label, names=NAMES, parameters=parameters, seed=1)
    assert str(refused.value).startswith(f"model.xgboost: {message}")


@pytest.mark.parametrize("fit", [linear.fit_logistic, linear.fit_ridge])
def test_training_refuses_an_unknown_parameter_of_the_baseline(fit):
    features, label = rows(200)
    with pytest.raises(DefinitionError, match=r"unknown parameter 'max_itter' of .*Did you mean 'max_iter'"):
        fit(features, label.astype(float), parameters={"max_itter": 5}, seed=1)


def test_the_linear_model_is_scikit_learns_pipeline_in_plain_numbers():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, label = rows()
    model = linear.fit_logistic(features, label, parameters={"C": 0.5}, seed=1)
    filled = np.where(np.isnan(features), np.nanmedian(features, axis=0), features)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=1000)).fit(filled, label)
    assert model.margins(features) == pytest.approx(theirs.decision_function(filled), abs=1e-6)


def test_a_column_without_a_value_or_without_variation_does_no_harm():
    features, label = rows(300)
    features[:, 0], features[:, 1] = np.nan, 7.0
    model = linear.fit_logistic(features, label, parameters={}, seed=1)
    assert np.isfinite(model.margins(features)).all()


def nights_of(levels: list[float], count: int = 400, seed: int = 5):
    random = np.random.default_rng(seed)
    night = np.repeat(np.arange(len(levels)), count)
    margin = random.normal(0, 1, len(night))
    return margin, random.random(len(night)) < sigmoid(margin + np.array(levels)[night]), night


def test_a_level_that_holds_night_after_night_is_taken_over():
    shift = shifts.fit_shift(*nights_of([0.5] * 7)).intercept
    assert shift == pytest.approx(0.5, abs=0.1)


def test_one_stormy_night_is_not():
    """Balancing alone would raise every probability for one night in seven."""
    margin, label, night = nights_of([0.0] * 6 + [3.0])
    shift = shifts.fit_shift(margin, label, night).intercept
    assert shifts._balancing_shift(margin, label) > 0.3
    assert 0.0 <= shift < 0.2


def test_the_shift_makes_the_mean_right_where_nights_agree():
    margin, label, night = nights_of([-0.7] * 14)
    said = shifts.fit_shift(margin, label, night).probability(margin)
    assert said.mean() == pytest.approx(label.mean(), abs=0.005)
