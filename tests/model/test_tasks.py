"""Numbers and classes answered from a bundle: alone as in a batch, from margins that add up, in the columns of the task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nightloop.definitions.use_case import UseCase
from nightloop.errors import StoreDamaged
from nightloop.model import bundle
from nightloop.model.calibration import Calibration, softmax
from nightloop.model.predictor import Predictor
from nightloop.model.tasks import task_of
from nightloop.model.training import trainers
from nightloop.model.training.calibrating import shift as shifts
from nightloop.model.training.estimators import boosted_trees, linear
from tests.fixtures_models import NAMES, tiny_rows

CLASSES = ("early", "late", "lost")
MODELS = {
    "regression": {"task": "regression", "decision_threshold": 1.0},
    "multiclass": {"task": "multiclass", "classes": CLASSES},
}
CALIBRATIONS = {
    "regression": Calibration("shift", intercept=0.25),
    "multiclass": Calibration("class_shifts", shifts=(0.1, -0.3, 0.2)),
}


def labels(task: str, rows: np.ndarray, seed: int = 3) -> np.ndarray:
    known, noise = np.nan_to_num(rows), np.random.default_rng(seed).normal(size=len(rows))
    number = 2 * known[:, 0] + known[:, 1] * known[:, 2] + 0.3 * noise
    return number if task == "regression" else np.digitize(number, [-1.0, 1.5])


@pytest.fixture(scope="module", params=MODELS)
def task(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def use_case(task: str, tiny: UseCase) -> UseCase:
    return UseCase.model_validate({**tiny.model_dump(), "model": {**MODELS[task], "reasons": 3}})


@pytest.fixture(scope="module", params=["trees", "linear"])
def folder(
    request: pytest.FixtureRequest, task: str, use_case: UseCase, write_bundle: Callable[..., Path], tmp_path_factory
) -> Path:
    """A bundle of boosted trees, then of the linear baseline."""
    rows, fitting = tiny_rows(1500), trainers.fitting_of(use_case.model)
    label = labels(task, rows)
    if request.param == "trees":
        parameters = {"n_estimators": 30, "max_depth": 3}
        model = boosted_trees.fit_trees(rows, label, names=NAMES, parameters=parameters, seed=1, objective=fitting.objective)
    else:
        model = fitting.linear(rows, label, parameters={}, seed=1)
    target = tmp_path_factory.mktemp(task) / "bundle"
    return write_bundle(target, use_case=use_case, model=model, calibration=CALIBRATIONS[task])


def test_a_row_gets_the_same_answer_alone_as_in_a_batch(folder: Path) -> None:
    predictor, rows = Predictor.load(folder), tiny_rows(200, seed=9)
    whole = predictor.predict(rows)
    for place in range(0, 200, 17):
        alone = predictor.predict(rows[place : place + 1])
        assert alone.prediction.tobytes() == whole.prediction[place : place + 1].tobytes()
        assert alone.effect.tobytes() == whole.effect[place : place + 1].tobytes()


def test_the_answer_knows_what_came(folder: Path, task: str) -> None:
    predictor, rows = Predictor.load(folder), tiny_rows(500, seed=11)
    said, label = predictor.predict(rows, reasons=False).prediction, labels(task, rows, seed=12)
    if task == "regression":
        assert np.corrcoef(said, label)[0, 1] > 0.6
    else:
        assert np.mean(said.argmax(axis=1) == label) > 0.6
        np.testing.assert_allclose(said.sum(axis=1), 1.0, atol=1e-12)


def test_contributions_are_those_to_the_number_or_to_the_class_that_is_told(folder: Path, task: str) -> None:
    predictor, rows = Predictor.load(folder), tiny_rows(60, seed=13)
    found, (margin, effect) = predictor.predict(rows), predictor.model.explain(rows)
    for place in range(60):
        own = effect[place] if task == "regression" else effect[place, found.prediction[place].argmax()]
        np.testing.assert_array_equal(found.effect[place], own[found.reason[place]])
        strength = np.abs(own) if task == "regression" else own
        assert strength[found.reason[place][0]] == strength.max()
    base = (margin - effect.sum(axis=-1)).reshape(60, -1)
    np.testing.assert_allclose(base, base[:1].repeat(60, axis=0), atol=1e-4)  # what a model says that knows no feature


def test_the_calibration_is_part_of_the_answer(folder: Path, task: str) -> None:
    predictor, rows = Predictor.load(folder), tiny_rows(30)
    margin, said = predictor.model.margins(rows), predictor.predict(rows).prediction
    expected = margin + 0.25 if task == "regression" else softmax(margin + np.array([0.1, -0.3, 0.2]))
    np.testing.assert_array_equal(said, expected)


def test_the_columns_are_the_tasks(folder: Path, task: str) -> None:
    predictor = Predictor.load(folder)
    found = predictor.predict(tiny_rows(40))
    columns = predictor.columns(found)
    assert list(columns) == list(predictor.spec.task.columns)
    if task == "regression":
        assert columns["decision"].tolist() == (columns["prediction"] >= 1.0).tolist()
        return
    assert set(columns["predicted_class"]) <= set(CLASSES)
    each = np.column_stack([columns[f"probability_{name}"] for name in CLASSES])
    assert columns["probability"].tolist() == each.max(axis=1).tolist()


def test_no_rows_get_no_answers(folder: Path, task: str) -> None:
    found = Predictor.load(folder).predict(np.empty((0, len(NAMES))))
    assert found.prediction.shape == ((0,) if task == "regression" else (0, 3))
    assert found.reason.shape[0] == 0


def test_a_bundle_names_its_task_in_a_format_that_older_code_refuses(folder: Path, task: str) -> None:
    values = bundle.read_json(folder, bundle.SPEC)
    assert (values["format"], values["task"]) == (2, task)
    assert bundle.read_spec(folder).task == task_of(
        task, MODELS[task].get("decision_threshold"), bundle.read_spec(folder).classes
    )


def test_a_number_without_a_threshold_decides_nothing() -> None:
    task = task_of("regression", None, ())
    assert task.decide(np.array([1.0, 2.0])) is None
    assert task.column_values(np.array([1.0]), None)["decision"] is None


def test_an_effect_speaks_for_the_decision_that_was_made() -> None:
    effect = np.array([[0.5, -0.25]])
    for probability, sign in ((0.5, 1.0), (0.4999, -1.0)):
        shown, strength = task_of("binary", 0.5, ()).attribute(np.array([probability]), None, effect)
        assert shown.tolist() == effect.tolist() and strength.tolist() == (sign * effect).tolist()


def test_a_task_that_is_none_is_refused() -> None:
    with pytest.raises(StoreDamaged, match="is no task"):
        task_of("multiclass", None, ())


def nights_of(levels: list[float], count: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random, night = np.random.default_rng(4), np.repeat(np.arange(len(levels)), count)
    margin = random.normal(10, 3, len(night))
    return margin, margin + np.array(levels)[night] + random.normal(0, 2, len(night)), night


def test_a_number_s_level_that_holds_night_after_night_is_taken_over_and_one_night_s_is_not() -> None:
    held = shifts.fit_number_shift(*nights_of([1.5] * 7))
    assert held.intercept == pytest.approx(1.5, abs=0.2)
    assert abs(shifts.fit_number_shift(*nights_of([0.0] * 6 + [6.0])).intercept) < 0.3
    assert Calibration.from_json(held.as_json()) == held


def test_class_shifts_make_each_mean_probability_its_share() -> None:
    random, night = np.random.default_rng(6), np.repeat(np.arange(10), 400)
    margin = random.normal(0, 1, (len(night), 3))
    truth = softmax(margin + np.array([0.8, -0.4, -0.4]))
    label = np.array([random.choice(3, p=row) for row in truth])
    fitted = shifts.fit_class_shifts(margin, label, night)
    assert fitted.shifts == pytest.approx((0.8, -0.4, -0.4), abs=0.12)
    shares = np.bincount(label, minlength=3) / len(label)
    np.testing.assert_allclose(softmax(margin + np.array(fitted.shifts)).mean(axis=0), shares, atol=0.01)
    assert Calibration.from_json(fitted.as_json()) == fitted


def test_a_class_that_never_came_while_calibrating_stays_possible() -> None:
    margin = np.random.default_rng(1).normal(0, 1, (400, 3))
    label = np.random.default_rng(2).integers(0, 2, 400)
    fitted = shifts.fit_class_shifts(margin, label, np.repeat(np.arange(4), 100))
    assert np.isfinite(fitted.shifts).all()


def test_the_baselines_are_scikit_learns() -> None:
    from sklearn.linear_model import LogisticRegression, Ridge

    rows = np.random.default_rng(8).normal(size=(600, 3))
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    number = rows @ [1.0, -2.0, 0.5]
    ours = linear.fit_ridge(rows, number, parameters={"alpha": 2.0}, seed=1)
    np.testing.assert_allclose(ours.margins(rows), Ridge(alpha=2.0).fit(scaled, number).predict(scaled), atol=1e-9)
    for count, edges in ((3, [-1.0, 1.0]), (2, [0.0])):
        label = np.digitize(number, edges)
        model = linear.fit_multinomial(rows, label, classes=count, parameters={}, seed=1)
        expected = LogisticRegression(max_iter=1000, random_state=1).fit(scaled, label).predict_proba(scaled)
        np.testing.assert_allclose(softmax(model.margins(rows)), expected, atol=1e-6)
