"""What a candidate is measured beside: the baselines of its task, each on the same validation rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from nightloop.model.conformal import covered
from nightloop.model.training import candidate
from nightloop.model.training.training_set import TrainingSet
from tests.fixtures_sales import FEATURES, definition, night

ROWS = 60  # a night
NIGHTS = 6
CLASSES = ("no", "yes", "maybe")


def training_rows(task: str) -> TrainingSet:
    """Six nights whose labels follow the stock, and whose level rises from night to night."""
    random = np.random.default_rng(8)
    n = ROWS * NIGHTS
    stock, price, of = random.normal(size=n), random.normal(size=n), np.repeat(np.arange(NIGHTS), ROWS)
    number = stock + 0.3 * of + random.normal(size=n)
    label = {
        "binary": pa.array(number > 0.8),
        "regression": pa.array(number),
        "multiclass": pa.array(np.array(CLASSES)[np.digitize(number, (0.0, 1.5))]),
    }[task]
    table = pa.table(
        {
            "scored_night": pa.array([night(int(i)) for i in of], pa.date32()),
            "shop": ["a", "b"] * (n // 2),
            "item": list(range(n)),
            "label": label,
            "group": ["north", "south"] * (n // 2),
            "learn": [True] * n,
            "stock": stock,
            "price": price,
        }
    )
    return TrainingSet(table, FEATURES, CLASSES if task == "multiclass" else ())


BASELINES = {
    "binary": {"base_rate", "last_known_rate", "logistic_regression", "scorecard"},
    "regression": {"base_rate", "last_known_rate", "ridge", "scorecard"},
    "multiclass": {"base_rate", "last_known_rate", "logistic_regression"},
}


@pytest.mark.parametrize("task", BASELINES)
def test_every_baseline_of_the_task_is_measured_on_the_validation_rows(task: str) -> None:
    given = {"classes": list(CLASSES)} if task == "multiclass" else {}
    use_case = definition(task=task, xgboost={"n_estimators": 10}, **given)
    fitted = candidate.fit(use_case, night(NIGHTS + 2), training_rows(task))
    assert set(fitted.figures) == {"xgboost", *BASELINES[task]}
    error = {"binary": "brier", "regression": "mae", "multiclass": "log_loss"}[task]
    errors = {name: fitted.metrics[f"{name}.{error}"] for name in fitted.figures}
    assert {figure.n for figures in fitted.figures.values() for figure in figures if figure.group == "all"} == {ROWS}
    assert errors["last_known_rate"] < errors["base_rate"], "the level rises, and the newest night is nearer"
    for model in BASELINES[task] - {"base_rate", "last_known_rate"}:
        assert errors[model] < errors["base_rate"]


def test_the_rate_last_known_is_of_nights_whose_labels_had_matured() -> None:
    use_case, rows = definition(xgboost={"n_estimators": 5}), training_rows("binary")
    fitted = candidate.fit(use_case, night(NIGHTS + 2), rows)
    labels = {number: rows.label[rows.night == np.datetime64(night(number))] for number in range(NIGHTS)}
    rate = (labels[3].sum() + fitted.base_rate) / (ROWS + 1)  # the validation night is the sixth, and labels take two nights
    assert fitted.metrics["last_known_rate.brier"] == pytest.approx(np.mean((labels[5] - rate) ** 2))


@pytest.mark.parametrize("task", BASELINES)
def test_a_calibration_that_is_chosen_is_measured_beside_the_others(task: str) -> None:
    given: dict[str, object] = {"classes": list(CLASSES)} if task == "multiclass" else {}
    split = {"minimum_fit_nights": 1, "calibrate_nights": 4, "validate_nights": 1}
    use_case = definition(task=task, xgboost={"n_estimators": 10}, calibration="auto", split=split, **given)
    fitted = candidate.fit(use_case, night(NIGHTS + 2), training_rows(task))
    score = "squared_error" if task == "regression" else "log_loss"
    methods = {"binary": ("platt", "beta", "isotonic"), "regression": ("isotonic",), "multiclass": ("temperature",)}[task]
    assert {name for name in fitted.metrics if name.startswith("calibration.")} == {
        f"calibration.{method}.{name}" for method in ("shift", *methods) for name in (score, f"{score}_over_shift")
    }
    assert fitted.fitted.promise is None


@pytest.mark.parametrize("task", BASELINES)
def test_what_is_promised_is_measured_on_the_validation_rows(task: str) -> None:
    given: dict[str, object] = {"classes": list(CLASSES)} if task == "multiclass" else {}
    use_case = definition(task=task, xgboost={"n_estimators": 10}, conformal={"coverage": 0.8}, **given)
    fitted, rows = candidate.fit(use_case, night(NIGHTS + 2), training_rows(task)), training_rows(task)
    validate = rows.of(fitted.slices.validate)
    (coverage,) = [figure for figure in fitted.figures["xgboost"] if figure.metric == "coverage"]
    assert fitted.fitted.promise is not None and coverage.n == ROWS
    columns = fitted.fitted.promise.columns(fitted.fitted.predict(validate.matrix))
    assert coverage.value == covered(columns, validate.label, rows.classes).mean() == fitted.metrics["xgboost.coverage"]
