import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightloop.errors import StoreDamaged, UsageError
from nightloop.model import bundle
from nightloop.model.calibration import Calibration
from nightloop.model.predictor import LARGEST, Predictor
from nightloop.settings import REPOSITORY
from tests.fixtures_models import NAMES, TINY_LINEAR, tiny_rows, tiny_trees

KINDS = ("trees", "linear")


@pytest.fixture(params=KINDS)
def folder(request):
    return request.getfixturevalue(f"{request.param}_bundle")


def logit(probability):
    return np.log(probability) - np.log1p(-probability)


def test_a_row_alone_gets_the_answer_it_gets_in_a_batch(folder):
    predictor, rows = Predictor.load(folder), tiny_rows()
    batch = predictor.predict(rows)
    for number in range(len(rows)):
        alone = predictor.predict(rows[number : number + 1])
        for name in ("probability", "decision", "reason", "effect"):
            assert getattr(alone, name)[0].tobytes() == getattr(batch, name)[number].tobytes()


def test_neither_threads_nor_order_nor_asking_for_reasons_show_in_an_answer(folder):
    rows = tiny_rows()
    one = Predictor.load(folder, threads=1).predict(rows)
    turned = Predictor.load(folder, threads=2).predict(rows[::-1], reasons=False)
    assert one.probability.tobytes() == turned.probability[::-1].tobytes()
    assert turned.reason.shape == turned.effect.shape == (len(rows), 0)
    again = Predictor.load(folder, threads=2).predict(rows)
    assert one.effect.tobytes() == again.effect.tobytes()


def test_trees_answer_as_xgboost_itself_does(trees_bundle):
    import xgboost

    rows = tiny_rows()
    margin = tiny_trees().predict(xgboost.DMatrix(rows, feature_names=list(NAMES)), output_margin=True)
    expected = [1 / (1 + math.exp(-(1.2 * float(value) + 0.1))) for value in margin]
    np.testing.assert_allclose(Predictor.load(trees_bundle).predict(rows).probability, expected, rtol=1e-14)


def test_a_linear_model_answers_as_a_sum_by_hand():
    rows = np.array([[3.0, np.nan, 2.0, 5.0]])
    # (3-1)/2 * 0.5, missing counts as its mean, 2 * -1, coefficient 0
    assert TINY_LINEAR.margins(rows)[0] == -0.5 + 0.5 + 0.0 - 2.0
    assert TINY_LINEAR.explain(rows)[1].tolist() == [[0.5, 0.0, -2.0, 0.0]]


def test_all_effects_and_the_models_base_add_up_to_the_calibrated_log_odds(write_bundle, tmp_path, tiny):
    every = tiny.model_copy(update={"model": tiny.model.model_copy(update={"reasons": 4})})
    predictor = Predictor.load(write_bundle(tmp_path / "bundle", use_case=every))
    found = predictor.predict(tiny_rows())
    base = logit(found.probability) - found.effect.sum(axis=1)
    np.testing.assert_allclose(base, base[0], atol=1e-5)


def test_the_strongest_reason_pulls_hardest_towards_the_decision(folder):
    predictor = Predictor.load(folder)
    rows = tiny_rows()
    found = predictor.predict(rows)
    _, effects = predictor.model.explain(rows)
    for number, decision in enumerate(found.decision):
        best = effects[number].max() if decision else effects[number].min()
        assert found.effect[number, 0] == pytest.approx(best * 1.2, rel=1e-12)
        assert found.reason[number, 0] == np.flatnonzero(effects[number] == best)[0]


def test_of_equal_reasons_the_first_feature_is_named_first(linear_bundle):
    predictor = Predictor.load(linear_bundle)
    found = predictor.predict(np.array([[9.0, 9.0, 0.0, 0.0]]))
    assert [predictor.spec.features[index] for index in found.reason[0]] == ["age", "balance", "late_rate"]
    assert found.effect[0, 0] == found.effect[0, 1] > 0


def test_a_probability_at_the_threshold_is_a_positive_decision(write_bundle, tmp_path, tiny):
    at = tiny.model_copy(update={"model": tiny.model.model_copy(update={"decision_threshold": 0.5})})
    flat = Calibration("platt", slope=0.0, intercept=0.0)
    found = Predictor.load(write_bundle(tmp_path / "b", use_case=at, calibration=flat)).predict(tiny_rows(3))
    assert found.probability.tolist() == [0.5, 0.5, 0.5]
    assert found.decision.all()


def test_no_rows_get_no_answers(folder):
    found = Predictor.load(folder).predict(np.empty((0, 4)))
    assert found.probability.shape == found.decision.shape == (0,)
    assert len(found.reason) == 0


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 5)])
def test_another_number_of_features_is_refused_with_their_order(folder, shape):
    with pytest.raises(UsageError, match=r"takes 4 features a row.*age, balance, late_rate, visits"):
        Predictor.load(folder).predict(np.zeros(shape))


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39])
def test_a_value_no_model_can_take_is_named(folder, value):
    rows = np.zeros((3, 4))
    rows[2, 1] = value
    with pytest.raises(UsageError, match="feature 'balance' of row 2"):
        Predictor.load(folder).predict(rows)


def test_loading_and_answering_needs_no_scikit_learn_no_pandas_no_spark_and_no_mlflow(trees_bundle):
    code = f"""
import sys
import numpy as np
from nightloop.model.predictor import Predictor
Predictor.load({str(trees_bundle)!r}).predict(np.zeros((1, 4)))
heavy = {{"sklearn", "pandas", "pyspark", "mlflow", "airflow", "pyarrow", "pydantic", "shap"}} & set(sys.modules)
assert not heavy, heavy
import sklearn.linear_model      # and scikit-learn is not spoilt for who comes later
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY, timeout=60)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.floats(0.01, 50), st.floats(-50, 50))
def test_a_platt_curve_gives_probabilities_that_rise_with_the_margin(margins, slope, intercept):
    curve = Calibration("platt", slope=slope, intercept=intercept)
    found = curve.probability(np.sort(margins))
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found) >= 0).all()


def test_a_curve_whose_points_do_not_match_is_refused():
    with pytest.raises(StoreDamaged, match="2 margins and 1 probabilities"):
        Calibration("isotonic", margins=(0.0, 1.0), probabilities=(0.5,))


def test_the_largest_number_of_single_precision_is_still_taken(folder):
    rows = np.zeros((2, 4))
    rows[1, 1], rows[1, 2] = LARGEST, -LARGEST
    assert np.isfinite(Predictor.load(folder).predict(rows).probability).all()


def test_a_model_of_other_features_than_its_bundle_names_is_not_loaded(write_bundle, tmp_path):
    folder = write_bundle(tmp_path / "bundle", model=TINY_LINEAR)
    values = json.loads((folder / bundle.LINEAR).read_text())
    three = {name: value[:3] if isinstance(value, list) else value for name, value in values.items()}
    (folder / bundle.LINEAR).write_text(json.dumps(three))
    with pytest.raises(StoreDamaged, match=r"the model takes 3 features, .* names 4") as refused:
        Predictor.load(folder)
    assert refused.value.where == str(tmp_path / "bundle")


def test_a_linear_model_with_a_field_missing_is_not_loaded(write_bundle, tmp_path):
    folder = write_bundle(tmp_path / "bundle", model=TINY_LINEAR)
    (folder / bundle.LINEAR).write_text("{}")
    with pytest.raises(StoreDamaged, match="a field is missing or wrong") as refused:
        Predictor.load(folder)
    assert refused.value.where == str(folder / bundle.LINEAR)


def of_task(folder, **changed):
    """The predictor of a bundle, as if its use case had declared something else."""
    loaded = Predictor.load(folder)
    return replace(loaded, spec=replace(loaded.spec, **changed))


@pytest.mark.parametrize(("reasons", "rows"), [(0, 2), (1, 2), (3, 2), (3, 0)])
def test_an_answer_has_as_many_reasons_as_are_declared(linear_bundle, reasons, rows):
    found = of_task(linear_bundle, reasons=reasons).predict(tiny_rows(2)[:rows])
    assert found.reason.shape == found.effect.shape == (rows, reasons if rows else 0)
    assert (found.reason.dtype, found.effect.dtype) == (np.int64, np.float64)


@pytest.mark.parametrize(
    ("task", "classes", "shape", "columns"),
    [
        ("regression", (), (0,), ["prediction", "decision"]),
        ("multiclass", ("a", "b", "c"), (0, 3), ["predicted_class", "probability", *(f"probability_{name}" for name in "abc")]),
    ],
)
def test_no_rows_get_answers_in_the_form_of_the_task(linear_bundle, task, classes, shape, columns):
    predictor = of_task(linear_bundle, task_name=task, classes=classes)
    found = predictor.predict(np.empty((0, 4)))
    assert found.prediction.shape == shape
    assert found.reason.shape == found.effect.shape == (0, 0)
    assert list(predictor.columns(found)) == columns
