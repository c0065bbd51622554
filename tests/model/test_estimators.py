"""Estimators behind one interface: scikit-learn's trees as XGBoost's, categories, early stopping, weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from nightloop.errors import DefinitionError, TrainingRefused
from nightloop.evidence import metrics
from nightloop.model.calibration import sigmoid
from nightloop.model.models import LinearModel, Trees
from nightloop.model.training.calibrating import shift as shifts
from nightloop.model.training.estimators import hist_gradient_boosting as histogram
from nightloop.model.training.estimators.boosted_trees import OF_BINARY, EarlyStopping, XGBoostTrainer
from nightloop.model.training.estimators.fit_rows import FitRows
from nightloop.model.training.estimators.linear import LinearTrainer

NAMES = ("hour", "distance", "carrier", "empty", "flag")
LEVELS = {2: 6, 4: 3}
OBJECTIVES: Mapping[str, Mapping[str, Any]] = {
    "binary": OF_BINARY,
    "multiclass": {"objective": "multi:softprob", "num_class": 3},
    "regression": {"objective": "reg:squarederror"},
}


def features_of(count: int, random: np.random.Generator) -> np.ndarray:
    """Few distinct values, so that thresholds lie between neighbours; some missing; a column of missing ones."""
    values = random.normal(size=(count, 5)).round(1)
    values[:, 2], values[:, 4] = random.integers(0, 5, count), random.integers(0, 3, count)
    values[random.random(values.shape) < 0.1] = np.nan
    values[:, 3] = np.nan
    return values


def rows(task: str = "binary", levels: Mapping[int, int] | None = None, count: int = 1500, **more: Any) -> FitRows:
    random = np.random.default_rng(5)
    features = features_of(count, random)
    odd = np.isin(features[:, 2], (1, 3))
    number = np.nan_to_num(features[:, 0]) + 2.0 * odd + np.isnan(features[:, 1]) + random.logistic(size=count)
    label = {"binary": number > 1, "multiclass": np.digitize(number, [0.0, 2.0]), "regression": number}[task]
    night = np.datetime64("2024-01-01", "D") + np.arange(count) // 50
    return FitRows(features, label, night, NAMES, levels or {}, **more)


def as_float32(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32).astype(np.float64)


def answering(booster: Any) -> Trees:
    import xgboost

    return Trees(booster, xgboost, 2)


# --- scikit-learn's trees ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [{}, LEVELS], ids=["numbers", "categories"])
@pytest.mark.parametrize("task", OBJECTIVES)
def test_scikit_learns_trees_give_its_own_margins(task: str, levels: Mapping[int, int]) -> None:
    learned = rows(task, levels)
    model, shifts = histogram.fit_scikit_learn(as_float32(learned.features), learned, {"max_iter": 30}, 1)
    trees = answering(histogram.as_booster(model, learned, OBJECTIVES[task], shifts))
    asked = as_float32(np.vstack([features_of(4000, np.random.default_rng(9)), thresholds(model, learned)]))
    expected = model._raw_predict(asked)
    margins, effects = trees.explain(asked[-300:])
    assert margins.ndim == (2 if task == "multiclass" else 1)
    np.testing.assert_allclose(trees.margins(asked), expected if task == "multiclass" else expected[:, 0], atol=1e-6)
    assert effects.shape == (*margins.shape, len(NAMES))


def thresholds(model: Any, learned: FitRows) -> np.ndarray:
    """Rows that lie on every threshold, and on the float32 beside it on either side."""
    cuts = [node["num_threshold"] for of in model._predictors for tree in of for node in tree.nodes if not node["is_leaf"]]
    near = np.unique(np.asarray([cut for cut in cuts if np.isfinite(cut)], dtype=np.float32))
    ties = np.concatenate([near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))])
    asked = np.repeat(learned.features[:1], len(ties), axis=0)
    asked[:, 0] = asked[:, 1] = ties
    return asked


def test_two_of_several_classes_have_the_margins_of_a_softmax() -> None:
    learned = rows()
    two = FitRows(learned.features, learned.label.astype(np.int64), learned.night, NAMES)
    objective = {"objective": "multi:softprob", "num_class": 2}
    trees = histogram.HistGradientBoostingTrainer(objective).fit(two, {"max_iter": 10, "class_weight": "balanced"}, 1)
    binary = histogram.HistGradientBoostingTrainer(OF_BINARY).fit(learned, {"max_iter": 10, "class_weight": "balanced"}, 1)
    margins, effects = trees.explain(learned.features[:100])
    assert margins.shape == (100, 2) and effects.shape == (100, 2, 5)
    np.testing.assert_allclose(margins[:, 0], 0.0)
    np.testing.assert_allclose(margins[:, 1], binary.margins(learned.features[:100]), atol=1e-6)


@given(st.floats(-1e6, 1e6), st.integers(-2, 2))
@settings(max_examples=300, deadline=None)
def test_the_strict_comparison_of_float32_is_scikit_learns(threshold: float, steps: int) -> None:
    value = np.float32(threshold)
    for _ in range(abs(steps)):
        value = np.nextafter(value, np.float32(np.inf * np.sign(steps)))
    above = histogram._float32_above(np.array([threshold]))[0]
    assert bool(value < above) is bool(np.float64(value) <= threshold)


def test_a_threshold_at_zero_and_one_that_parts_the_missing_are_kept() -> None:
    features = np.repeat([[-1.0], [1.0], [np.nan]], 60, axis=0)
    label = np.repeat([0.0, 1.0, 5.0], 60)
    learned = FitRows(features, label, np.repeat(np.datetime64("2024-01-01"), 180), ("a",))
    parameters = {"max_iter": 3, "min_samples_leaf": 2}
    model, _ = histogram.fit_scikit_learn(features, learned, parameters, 1)
    assert {float(node["num_threshold"]) for node in model._predictors[0][0].nodes if not node["is_leaf"]} == {0.0, np.inf}
    trees = histogram.HistGradientBoostingTrainer(OBJECTIVES["regression"]).fit(learned, parameters, 1)
    asked = np.array([[0.0], [-0.0], [1e-45], [-1e-45], [3.0e38], [-3.0e38], [np.nan]])
    asked = as_float32(asked)
    np.testing.assert_allclose(trees.margins(asked), model._raw_predict(asked)[:, 0], atol=1e-6)


def test_contributions_of_converted_trees_add_up_and_the_file_is_the_same_twice() -> None:
    learned = rows(levels=LEVELS)
    trainer = histogram.HistGradientBoostingTrainer(OF_BINARY)
    with threadpool_limits(1):
        first = trainer.fit(learned, {"max_iter": 20}, 1)
    second = trainer.fit(learned, {"max_iter": 20}, 1)
    assert first.booster.save_raw("ubj") == second.booster.save_raw("ubj")
    margins, effects = first.explain(learned.features[:200])
    rest = margins - effects.sum(axis=1)  # the mean margin, the same for every row
    assert np.ptp(rest) < 1e-5


def test_many_trees_stay_within_what_float32_sums_lose() -> None:
    learned = rows()
    model, _ = histogram.fit_scikit_learn(as_float32(learned.features), learned, {"max_iter": 200}, 1)
    trees = answering(histogram.as_booster(model, learned, OF_BINARY, [0.0, 0.0]))
    asked = as_float32(features_of(3000, np.random.default_rng(2)))
    assert np.abs(trees.margins(asked) - model._raw_predict(asked)[:, 0]).max() < 1e-5


# --- categories --------------------------------------------------------------------------------------------------------

TRAINERS = {
    "xgboost": (XGBoostTrainer(OF_BINARY), {"n_estimators": 20}),
    "hist_gradient_boosting": (histogram.HistGradientBoostingTrainer(OF_BINARY), {"max_iter": 20}),
    "logistic_regression": (LinearTrainer("logistic_regression"), {}),
}


@pytest.fixture(scope="module", params=TRAINERS)
def with_levels(request: pytest.FixtureRequest) -> Any:
    """A model of two categorical features; its rows hold the codes 0 to 4 of the first's six levels."""
    trainer, parameters = TRAINERS[request.param]
    return trainer.fit(rows(levels=LEVELS), parameters, 1)


@given(st.one_of(st.integers(5, 300), st.integers(-3, -1), st.floats(0.01, 3.99).filter(lambda code: code % 1 > 0)))
@settings(max_examples=60, deadline=None)
def test_a_level_that_was_not_in_the_fit_counts_as_missing(with_levels: Any, code: float) -> None:
    asked = features_of(50, np.random.default_rng(3))
    unseen, missing = asked.copy(), asked.copy()
    unseen[:, 2], missing[:, 2] = code, np.nan
    if code == 5 and isinstance(with_levels, LinearModel):
        return  # a declared level without rows: its effect is the shrunk one of a column that is always 0, near that of missing
    assert with_levels.margins(unseen).tobytes() == with_levels.margins(missing).tobytes()
    for one, other in zip(with_levels.explain(unseen), with_levels.explain(missing), strict=True):
        assert one.tobytes() == other.tobytes()


def test_levels_without_an_order_are_told_apart(with_levels: Any) -> None:
    asked = np.zeros((5, 5))
    asked[:, 2] = range(5)
    margins = with_levels.margins(asked)
    assert min(margins[[1, 3]]) > max(margins[[0, 2, 4]]) + 1.0


def test_the_codes_of_the_fit_are_part_of_the_model_file(tmp_path: Path) -> None:
    trainer, parameters = TRAINERS["xgboost"]
    model = trainer.fit(rows(levels=LEVELS), parameters, 1)
    (tmp_path / "model.ubj").write_bytes(bytes(model.booster.save_raw("ubj")))
    loaded = Trees.load(tmp_path / "model.ubj", threads=1, light=False)
    assert json.loads(loaded.booster.attr("categories")) == {"2": [0, 1, 2, 3, 4], "4": [0, 1, 2]}
    asked = features_of(200, np.random.default_rng(4))
    asked[:50, 2] = 5
    assert loaded.margins(asked).tobytes() == model.margins(asked).tobytes()


def test_a_linear_model_with_levels_is_read_as_it_was_written() -> None:
    model = LinearTrainer("logistic_regression").fit(rows(levels=LEVELS), {}, 1)
    assert isinstance(model, LinearModel)
    again = LinearModel.from_json(json.loads(json.dumps(model.as_json())))
    assert again == model
    margins, effects = again.explain(rows().features)
    np.testing.assert_allclose(margins, again.intercept + effects.sum(axis=1), atol=1e-12)


# --- early stopping ----------------------------------------------------------------------------------------------------


def test_early_stopping_chooses_the_number_of_trees_on_the_newest_nights_and_fits_all_of_them() -> None:
    parameters = {"n_estimators": 400, "learning_rate": 0.3, "max_depth": 6}
    learned = rows()
    stopped = XGBoostTrainer(OF_BINARY, EarlyStopping(nights=6, rounds=10, gap=2)).fit(learned, parameters, 1)
    count = stopped.booster.num_boosted_rounds()
    assert 1 <= count < 100
    same = XGBoostTrainer(OF_BINARY).fit(learned, {**parameters, "n_estimators": count}, 1)
    assert stopped.booster.save_raw("ubj") == same.booster.save_raw("ubj")


def test_what_is_held_out_is_newer_by_the_gap_than_what_is_fitted() -> None:
    learned = rows()
    fit_on, held_out = learned.hold_out(6, 2)
    nights = np.unique(learned.night)
    assert sorted(set(held_out.night)) == sorted(nights[-6:])
    assert fit_on.night.max() == nights[-6] - np.timedelta64(3, "D")
    fit_on, held_out = learned.hold_out(6, 2, newest_left_out=6)
    assert (held_out.night.min(), held_out.night.max()) == (nights[-12], nights[-7])
    with pytest.raises(TrainingRefused, match=r"leave 0 rows with 0 different labels"):
        learned.hold_out(29, 2)


# --- weights -----------------------------------------------------------------------------------------------------------


def test_a_row_counts_half_after_the_half_life() -> None:
    weight = rows(half_life_nights=10).weight
    assert weight is not None
    assert weight.mean() == pytest.approx(1.0)
    assert weight[-1] / weight[-501] == pytest.approx(2.0)  # fifty rows a night
    assert rows().weight is None


@pytest.mark.parametrize("name", TRAINERS)
def test_newer_nights_weigh_more_for_every_estimator(name: str) -> None:
    """The label turns round half-way: with weights the model answers as the newer nights do."""
    trainer, parameters = TRAINERS[name]
    learned = rows(half_life_nights=2)
    turned = np.where(np.arange(len(learned.label)) < 750, learned.features[:, 0] < 0, learned.features[:, 0] > 0)
    there = ~np.isnan(learned.features[:, 0])
    weighted = FitRows(learned.features[there], turned[there], learned.night[there], NAMES, {}, 2.0)
    margins = trainer.fit(weighted, parameters, 1).margins(np.array([[-1.0, 0, 0, np.nan, 0], [1.0, 0, 0, np.nan, 0]]))
    assert margins[0] < -1.0 < 1.0 < margins[1]


RARE = {
    "xgboost": (XGBoostTrainer(OF_BINARY), {"n_estimators": 40, "learning_rate": 0.1, "max_depth": 3, "scale_pos_weight": 10}),
    "hist_gradient_boosting": (
        histogram.HistGradientBoostingTrainer(OF_BINARY),
        {"max_iter": 40, "learning_rate": 0.1, "class_weight": "balanced"},
    ),
    "logistic_regression": (LinearTrainer("logistic_regression"), {"class_weight": "balanced"}),
}


def rare(count: int, seed: int) -> FitRows:
    random = np.random.default_rng(seed)
    features = random.normal(size=(count, 5))
    label = random.random(count) < sigmoid(features[:, 0] + 0.5 * features[:, 1] - 4.0)  # three in a hundred
    return FitRows(features, label, np.datetime64("2024-01-01", "D") + np.arange(count) * 14 // count, NAMES)


@pytest.mark.parametrize("name", RARE)
def test_weights_of_a_rare_class_leave_probabilities_calibrated(name: str) -> None:
    """In 10 worlds of fourteen nights the interval of the bias covers 0 as often as one of a calibration on rows as few may."""
    trainer, parameters = RARE[name]
    model = trainer.fit(rare(30_000, 1), parameters, 1)
    worlds, covered = 10, 0
    for world in range(worlds):
        calibrate, validate = rare(21_000, 100 + world), rare(7_000, 200 + world)
        curve = shifts.fit_shift(model.margins(calibrate.features), calibrate.label, calibrate.night)
        assert abs(curve.intercept) < 0.3, "what is left to calibrate is small: uncorrected it is 2.3 or more"
        probability = curve.probability(model.margins(validate.features))
        bias = metrics.calibration_bias(validate.label, probability, validate.night)
        assert bias.low is not None and bias.high is not None and bias.high - bias.low < 0.02
        covered += bias.low < 0 < bias.high
    assert covered >= 0.7 * worlds


# --- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_itr": 5}, "unknown parameter 'max_itr' of hist_gradient_boosting. Did you mean 'max_iter'"),
        ({"early_stopping": 1}, "'early_stopping' is not for a use case to set"),
        ({"increasing_in": "weight*"}, "model.hist_gradient_boosting.increasing_in: 'weight*' names no feature"),
    ],
)
def test_what_makes_no_sense_is_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        histogram.HistGradientBoostingTrainer(OF_BINARY).fit(rows(count=200), parameters, 1)
    assert message in str(refused.value)


def test_scikit_learns_trees_rise_and_fall_where_declared() -> None:
    sweep = np.tile([0.0, 0.0, 1.0, np.nan, 1.0], (40, 1))
    sweep[:, 0] = np.linspace(-3, 3, 40)
    trainer = histogram.HistGradientBoostingTrainer(OF_BINARY)
    assert np.diff(trainer.fit(rows(), {"max_iter": 20, "increasing_in": "hour"}, 1).margins(sweep)).min() >= 0
    assert np.diff(trainer.fit(rows(), {"max_iter": 20, "decreasing_in": "hour"}, 1).margins(sweep)).max() <= 0
