"""Contributions looked up in tables: XGBoost's own to 1e-5, Shapley's by their definition, and the same alone as in a batch."""

from __future__ import annotations

import itertools
import json
import math
import sys
from typing import Any

import numpy as np
import pytest

from nightloop.model import contribution_tables
from nightloop.model.contribution_kernels import BLOCK
from nightloop.model.contribution_tables import from_booster
from nightloop.model.models import Trees, import_xgboost

ROWS, FEATURES, CATEGORY = 900, 8, 3
SHAPES = {
    "a stump": {"max_depth": 1},
    "shallow": {"max_depth": 3},
    "deep": {"max_depth": 7, "min_child_weight": 0},
    "by loss": {"grow_policy": "lossguide", "max_leaves": 24, "max_depth": 0},
    "a forest": {"num_parallel_tree": 4, "subsample": 0.5, "max_depth": 4},
    "no split": {"gamma": 1e9},
    "one category a split": {"max_cat_to_onehot": 100, "max_depth": 4},
    "sets of categories": {"max_cat_to_onehot": 1, "max_depth": 5},
    "classes": {"objective": "multi:softprob", "num_class": 3, "max_depth": 4},
    "two trees of one class": {"objective": "multi:softprob", "num_class": 3, "max_depth": 3, "num_parallel_tree": 2},
}


def data(count: int = ROWS, seed: int = 3) -> np.ndarray:
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, FEATURES)).astype(np.float32)
    rows[:, CATEGORY] = random.integers(0, 9, count)
    rows[random.random(rows.shape) < 0.1] = np.nan
    return rows


def fitted(rounds: int = 12, **shape: Any) -> Any:
    xgboost = import_xgboost(light=False)
    rows = data()
    known = np.nan_to_num(rows)
    number = known[:, 0] * known[:, 1] + (known[:, CATEGORY] % 3) + known[:, 2] + np.isnan(rows[:, 4])
    label = np.digitize(number, [0.5, 2.0]) if "num_class" in shape else number
    kinds = ["c" if column == CATEGORY else "float" for column in range(FEATURES)]
    matrix = xgboost.DMatrix(rows, label=label, feature_types=kinds, enable_categorical=True)
    return xgboost.train({"nthread": 1, "seed": 1, "eta": 0.5, **shape}, matrix, rounds)


def by_xgboost(booster: Any, rows: np.ndarray) -> np.ndarray:
    xgboost = import_xgboost(light=False)
    matrix = xgboost.DMatrix(rows, feature_types=booster.feature_types, enable_categorical=True)
    return booster.predict(matrix, pred_contribs=True).reshape(len(rows), -1, FEATURES + 1)[..., :-1]


def thresholds(booster: Any) -> list[float]:
    trees = json.loads(booster.save_raw(raw_format="json"))["learner"]["gradient_booster"]["model"]["trees"]
    splits = [zip(tree["split_conditions"], tree["split_indices"], tree["left_children"], strict=True) for tree in trees]
    return [value for of_tree in splits for value, feature, left in of_tree if left >= 0 and feature != CATEGORY]


@pytest.mark.parametrize("shape", SHAPES)
def test_they_are_xgboosts_own(shape: str) -> None:
    booster = fitted(**SHAPES[shape])
    rows = data(700, seed=8)
    at = np.array(thresholds(booster)[:200] or [0.0], dtype=np.float32)
    rows[:100, 0], rows[100:200, 1] = np.resize(at, 100), np.resize(np.nextafter(at, np.float32(-9)), 100)
    rows[200:204, 0] = [3.4e38, -3.4e38, 0.0, -0.0]
    tables = from_booster(booster)
    assert tables is not None
    assert np.abs(tables.contributions(rows) - by_xgboost(booster, rows)).max() < 1e-5


def test_a_category_that_the_tables_do_not_know_goes_as_xgboost_lets_it_go() -> None:
    booster = fitted(**SHAPES["sets of categories"])
    rows = np.repeat(data(1), 5, axis=0)
    rows[:, CATEGORY] = [8, 9, 40, 31, 7]
    tables = from_booster(booster)
    assert tables is not None
    assert np.abs(tables.contributions(rows) - by_xgboost(booster, rows)).max() < 1e-5


@pytest.mark.parametrize("shape", ["deep", "sets of categories", "classes"])
@pytest.mark.parametrize("count", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 1])
def test_a_row_gets_the_same_alone_and_among_others(shape: str, count: int) -> None:
    tables = from_booster(fitted(**SHAPES[shape]))
    assert tables is not None
    rows = data(count, seed=5)
    together = tables.contributions(rows)
    for place in {0, count // 2, count - 1}:
        assert tables.contributions(rows[place : place + 1])[0].tolist() == together[place].tolist()
    assert tables.contributions(rows[::-1].copy())[::-1].tolist() == together.tolist()


def test_they_are_shapleys_values_by_their_definition() -> None:
    booster = fitted(rounds=1, max_depth=5)
    (tree,) = json.loads(booster.save_raw(raw_format="json"))["learner"]["gradient_booster"]["model"]["trees"]
    sets = {
        node: set(tree["categories"][start : start + size])
        for node, start, size in zip(
            tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True
        )
    }

    def worth(row: np.ndarray, known: frozenset[int], node: int = 0) -> float:
        left, right, feature = tree["left_children"][node], tree["right_children"][node], tree["split_indices"][node]
        if left < 0:
            return tree["split_conditions"][node]
        if feature not in known:
            weights = [tree["sum_hessian"][child] / tree["sum_hessian"][node] for child in (left, right)]
            return sum(weight * worth(row, known, child) for weight, child in zip(weights, (left, right), strict=True))
        value = row[feature]
        if np.isnan(value):
            goes_left = bool(tree["default_left"][node])
        else:
            goes_left = value not in sets[node] if node in sets else value < np.float32(tree["split_conditions"][node])
        return worth(row, known, left if goes_left else right)

    tables = from_booster(booster)
    assert tables is not None
    for row in data(12, seed=2):
        for feature in range(FEATURES):
            others = [other for other in range(FEATURES) if other != feature]
            expected = 0.0
            for size in range(FEATURES):
                weight = math.factorial(size) * math.factorial(FEATURES - size - 1) / math.factorial(FEATURES)
                for subset in itertools.combinations(others, size):
                    known = frozenset(subset)
                    expected += weight * (worth(row, known | {feature}) - worth(row, known))
            assert tables.contributions(row[None])[0, 0, feature] == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("shape", ["deep", "classes"])
def test_trees_answer_with_them_and_they_add_up_to_the_margins(shape: str) -> None:
    booster = fitted(**SHAPES[shape])
    trees, rows = Trees(booster, import_xgboost(light=False), 1), data(300, seed=6).astype(np.float64)
    margins, effects = trees.explain(rows)
    assert effects.shape == (*margins.shape, FEATURES)
    np.testing.assert_allclose(trees.base + effects.sum(axis=-1), margins, atol=2e-5)
    assert trees._tables is not None, "looked up"
    assert effects.reshape(300, -1, FEATURES).tolist() == trees._tables.contributions(rows.astype(np.float32)).tolist()


@pytest.mark.parametrize("limit", ["LARGEST", "MOST_STEPS"])
def test_tables_that_would_be_too_large_are_not_built(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    booster = fitted(**SHAPES["deep"])
    tables = from_booster(booster)
    assert tables is not None
    starts = np.diff(leaf_features(booster))
    reached = tables.lookup.table.nbytes if limit == "LARGEST" else float((2.0**starts * starts**3).sum())
    monkeypatch.setattr(contribution_tables, limit, reached)
    assert from_booster(booster) is not None
    monkeypatch.setattr(contribution_tables, limit, reached - 1)
    assert from_booster(booster) is None
    rows = data(20, seed=6).astype(np.float64)
    _, effects = Trees(booster, import_xgboost(light=False), 1).explain(rows)
    assert effects.tolist() == by_xgboost(booster, rows.astype(np.float32))[:, 0].astype(np.float64).tolist()


def leaf_features(booster: Any) -> list[int]:
    """Where each leaf's distinct features start, counted here from the paths of the trees."""
    starts = [0]
    for tree in json.loads(booster.save_raw(raw_format="json"))["learner"]["gradient_booster"]["model"]["trees"]:
        waiting: list[tuple[int, frozenset[int]]] = [(0, frozenset())]
        while waiting:
            node, above = waiting.pop()
            if tree["left_children"][node] < 0:
                starts.append(starts[-1] + len(above))
            else:
                below = above | {tree["split_indices"][node]}
                waiting += [(tree["left_children"][node], below), (tree["right_children"][node], below)]
    return starts


def test_trees_that_are_dropped_and_a_line_have_none() -> None:
    xgboost = import_xgboost(light=False)
    assert from_booster(fitted(rounds=3, booster="dart", rate_drop=0.5)) is None
    rows = np.nan_to_num(data())
    assert from_booster(xgboost.train({"booster": "gblinear"}, xgboost.DMatrix(rows, label=rows[:, 0]), 2)) is None


def test_leaves_of_several_values_have_none() -> None:
    xgboost = import_xgboost(light=False)
    rows = data()[:, :2]
    parameters = {"multi_strategy": "multi_output_tree", "tree_method": "hist", "max_depth": 2}
    booster = xgboost.train(parameters, xgboost.DMatrix(rows, label=np.nan_to_num(rows)), 2)
    assert from_booster(booster) is None


def test_a_split_without_weight_has_none() -> None:
    written = json.loads(fitted(rounds=1, max_depth=2).save_raw(raw_format="json"))
    written["learner"]["gradient_booster"]["model"]["trees"][0]["sum_hessian"][0] = 0.0
    assert contribution_tables.contribution_tables(written) is None


def test_mlflows_copy_has_none_and_works_them_out(monkeypatch: pytest.MonkeyPatch) -> None:
    booster, rows = fitted(max_depth=3), data(9, seed=6).astype(np.float64)
    monkeypatch.setitem(sys.modules, "nightloop.model.contribution_tables", None)
    _, effects = Trees(booster, import_xgboost(light=False), 1).explain(rows)
    assert effects.tolist() == by_xgboost(booster, rows.astype(np.float32))[:, 0].astype(np.float64).tolist()
