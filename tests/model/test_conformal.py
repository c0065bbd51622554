"""How far an answer reaches: by hand, in the bundle, and fitted on nights that differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nightloop.errors import StoreDamaged
from nightloop.evidence.coverage import realised_coverage
from nightloop.model import bundle
from nightloop.model.calibration import sigmoid, softmax
from nightloop.model.conformal import OUTCOMES, ClassSet, Interval, covered, from_json
from nightloop.model.predictor import Predictor
from nightloop.model.tasks import task_of
from nightloop.model.training.calibrating.choice import calibrate
from nightloop.model.training.calibrating.reach import fit_reach
from tests.fixtures_models import TINY_LINEAR, tiny_rows
from tests.fixtures_sales import definition

INTERVAL = Interval(0.9, below=2.0, above=5.0)
BINARY = ClassSet(0.9, (0.25, 0.25), OUTCOMES)
SEVERAL = ClassSet(0.9, (0.3, 0.3, 0.3), ("a", "b", "c"))


def test_an_interval_reaches_below_and_above() -> None:
    columns = INTERVAL.columns(np.array([10.0, -1.0]))
    assert {name: values.tolist() for name, values in columns.items()} == {
        "prediction_low": [8.0, -3.0],
        "prediction_high": [15.0, 4.0],
    }


def test_a_set_holds_what_is_probable_enough_and_never_nothing() -> None:
    assert BINARY.columns(np.array([0.1, 0.25, 0.5, 0.75, 0.76]))["prediction_set"].tolist() == [
        "false", "false|true", "false|true", "false|true", "true",
    ]  # fmt: skip
    probability = np.array([[0.3, 0.4, 0.3], [0.9, 0.05, 0.05]])
    assert SEVERAL.columns(probability)["prediction_set"].tolist() == ["a|b|c", "a"]
    assert ClassSet(0.9, (0.95, 0.95, 0.95), ("a", "b", "c")).columns(probability)["prediction_set"].tolist() == ["b", "a"]


def test_covered_is_what_lies_within_ends_included() -> None:
    ends = INTERVAL.columns(np.zeros(5))
    assert covered(ends, np.array([-2.1, -2.0, 0.0, 5.0, 5.1]), ()).tolist() == [0.0, 1.0, 1.0, 1.0, 0.0]
    sets = {"prediction_set": np.array(["false", "false|true", None], dtype=object)}
    assert covered(sets, np.array([True, True, True]), ())[:2].tolist() == [0.0, 1.0]
    assert np.isnan(covered(sets, np.array([True, True, True]), ())[2])
    named = {"prediction_set": np.array(["late|very_late", "very_late"], dtype=object)}
    assert covered(named, np.array([0, 0]), ("late", "very_late")).tolist() == [1.0, 0.0], "a name is no part of another"
    absent = {"prediction_low": np.array([np.nan]), "prediction_high": np.array([np.nan])}
    assert np.isnan(covered(absent, np.array([1.0]), ())).all()


@given(probability=arrays(np.float64, (20, 3), elements=st.floats(0.001, 1)), least=st.floats(0, 1))
def test_a_row_gets_the_set_alone_that_it_gets_among_others(probability: np.ndarray, least: float) -> None:
    promise = replace(SEVERAL, least=(least, least / 2, least))
    together = promise.columns(probability)["prediction_set"].tolist()
    assert [promise.columns(row[None])["prediction_set"][0] for row in probability] == together
    assert all(told for told in together)


@pytest.mark.parametrize(("promise", "classes"), [(INTERVAL, ()), (BINARY, ()), (SEVERAL, ("a", "b", "c"))])
def test_what_is_promised_is_read_as_it_was_written(promise, classes) -> None:
    assert from_json(promise.as_json(), classes) == promise


@pytest.mark.parametrize("stored", [{}, {"coverage": 0.9}, {"coverage": 0.9, "below": 1.0}, {"coverage": 0.9, "least": [0.5]}])
def test_a_promise_that_is_none_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises(StoreDamaged, match="what is promised of answers"):
        from_json(stored, ())


def test_a_bundle_answers_with_its_promise_and_one_without_has_the_bytes_it_had(write_bundle, tmp_path) -> None:
    plain = write_bundle(tmp_path / "plain", model=TINY_LINEAR)
    promised = write_bundle(tmp_path / "promised", model=TINY_LINEAR, conformal=BINARY)
    assert b"conformal" not in (plain / bundle.SPEC).read_bytes()
    assert bundle.read_spec(promised).conformal == BINARY and bundle.read_spec(plain).conformal is None
    predictor = Predictor.load(promised)
    predictions = predictor.predict(tiny_rows(50), reasons=False)
    columns = predictor.columns(predictions)
    assert list(columns) == list(predictor.spec.columns) == ["probability", "decision", "prediction_set"]
    assert columns["prediction_set"].tolist() == BINARY.columns(predictions.probability)["prediction_set"].tolist()
    assert list(Predictor.load(plain).columns(predictions)) == ["probability", "decision"]
    label = np.ones(50, dtype=bool)
    assert predictor.covered(predictions, label).tolist() == covered(columns, label, ()).tolist()
    assert Predictor.load(plain).covered(predictions, label) is None


def nights_of(random: np.random.Generator, task: str, nights: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Margins and outcomes of 150 rows a night, whose nights differ in level: what a model leaves."""
    night = np.repeat(np.arange(nights), 150)
    level = random.normal(0, 0.5, nights)[night]
    if task == "multiclass":
        margin = random.normal(0, 1.5, (len(night), 3))
        truth = softmax(margin + level[:, None] * [1.0, 0.0, -1.0])
        return margin, (random.random((len(night), 1)) > np.cumsum(truth, axis=1)).sum(axis=1), night
    margin = random.normal(0, 1.5, len(night))
    if task == "binary":
        return margin, random.random(len(night)) < sigmoid(margin + level), night
    return margin, margin + level + random.gamma(1.0, 2.0, len(night)) - 2.0, night


@pytest.mark.parametrize("task", ["binary", "regression", "multiclass"])
@pytest.mark.parametrize("method", ["shift", "isotonic"])
def test_other_nights_are_covered_as_promised(task: str, method: str) -> None:
    """Mean over 30 worlds of seed 5, 10 calibrate nights and 10 others: 90 % within 2."""
    method = "temperature" if (task, method) == ("multiclass", "isotonic") else method
    given = {"classes": ["a", "b", "no"]} if task == "multiclass" else {}
    model = definition(
        task=task,
        calibration=method,
        conformal={"coverage": 0.9},
        split={"calibrate_nights": 10, "validate_nights": 1, "minimum_fit_nights": 1},
        **given,
    ).model
    random, shares = np.random.default_rng(5), []
    for _ in range(30):
        rows = nights_of(random, task, 10)
        calibration, promise = calibrate(model, *rows).calibration, fit_reach(model, method, *rows)
        assert promise is not None and promise.coverage == 0.9
        margin, label, night = nights_of(random, task, 10)
        prediction = task_of(task, model.threshold, model.classes).predict(calibration, margin)
        shares.append(realised_coverage(covered(promise.columns(prediction), label, model.classes), night).value)
    # Sets are of whole classes: what is promised may be exceeded.
    assert 0.88 < np.mean(shares) < (0.92 if task == "regression" else 0.94)


def test_each_class_is_covered_as_promised_where_that_is_promised() -> None:
    """One row in nine is positive; mean over 25 worlds of seed 6, 14 calibrate nights and 14 others."""
    declared = {"split": {"calibrate_nights": 14, "validate_nights": 1, "minimum_fit_nights": 1}}
    shares: dict[bool, list[float]] = {True: [], False: []}
    for each_class, of_positive in shares.items():
        model = definition(conformal={"coverage": 0.9, "each_class": each_class}, **declared).model
        random = np.random.default_rng(6)
        for _ in range(25):
            margin, label, night = rare(random)
            promise = fit_reach(model, "shift", margin, label, night)
            assert promise is not None
            margin, label, night = rare(random)
            within = covered(promise.columns(sigmoid(margin)), label, ())
            of_positive.append(realised_coverage(within[label], night[label]).value)
    assert np.mean(shares[False]) < 0.3, "where nearly all rows are negative, sets of them alone keep the promise"
    assert np.mean(shares[True]) == pytest.approx(0.9, abs=0.02)


def rare(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    night = np.repeat(np.arange(14), 400)
    margin = random.normal(-2.5, 1.0, len(night))
    return margin, random.random(len(night)) < sigmoid(margin + random.normal(0, 0.2, 14)[night]), night


def test_a_class_that_never_came_is_in_every_set() -> None:
    model = definition(task="multiclass", classes=["a", "b", "no"], conformal={"coverage": 0.9, "each_class": True}).model
    random = np.random.default_rng(1)
    promise = fit_reach(model, "shift", random.normal(size=(90, 3)), random.integers(0, 2, 90), np.repeat(np.arange(9), 10))
    assert isinstance(promise, ClassSet) and promise.least[2] == 0.0 and min(promise.least[:2]) > 0


def test_errors_to_one_side_reach_to_that_side() -> None:
    model = definition(task="regression", conformal={"coverage": 0.9}).model
    promise = fit_reach(model, "shift", *nights_of(np.random.default_rng(2), "regression", 14))
    assert isinstance(promise, Interval) and 0 < promise.below < promise.above / 1.5


def test_nothing_is_promised_unless_it_is_declared() -> None:
    assert fit_reach(definition().model, "shift", np.zeros(4), np.zeros(4, bool), np.arange(4)) is None
