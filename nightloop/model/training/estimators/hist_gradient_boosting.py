"""Fit scikit-learn's histogram gradient boosting, and write its trees down as XGBoost's: trees are trees.

So one runtime answers and explains whatever trees a bundle holds, and nothing in it is a pickle. scikit-learn compares
``x <= t`` in float64, XGBoost ``x < s`` in float32: with x in float32 both are the same for s the smallest float32 above t.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightloop.errors import DefinitionError
from nightloop.model.models import Trees
from nightloop.model.training.estimators.boosted_trees import DECREASING, INCREASING, THREADS, as_trees, monotone_signs
from nightloop.model.training.estimators.class_weights import class_weights, without_class_weight
from nightloop.model.training.estimators.fit_rows import FitRows
from nightloop.model.training.estimators.linear import refuse

if TYPE_CHECKING:
    from xgboost import Booster

Floats = NDArray[np.float64]
Parameters = Mapping[str, float | int | str]
DEFAULTS: Parameters = {"max_iter": 200, "learning_rate": 0.05, "max_leaf_nodes": 15}
NO_PARENT = 2**31 - 1  # XGBoost's mark of a root


@dataclass(frozen=True)
class HistGradientBoostingTrainer:
    """Fits scikit-learn's histogram gradient boosting: see ``trainers.Trainer``.

    Attributes:
        objective: XGBoost's of the task: what turns the same margins into the same answers.
    """

    objective: Parameters
    name: str = "hist_gradient_boosting"

    def fit(self, rows: FitRows, parameters: Parameters, seed: int) -> Trees:
        """See Trainer."""
        import xgboost

        # What is scored is float32: a threshold fitted on more could lie between two values that are one.
        features = rows.features.astype(np.float32).astype(np.float64)
        model, shifts = fit_scikit_learn(features, rows, parameters, seed)
        return as_trees(as_booster(model, rows, self.objective, shifts), rows, xgboost)


def fit_scikit_learn(features: Floats, rows: FitRows, parameters: Parameters, seed: int) -> tuple[Any, list[float]]:
    """Return scikit-learn's model, and by how much weights of the classes raised each margin.

    Raises:
        DefinitionError: scikit-learn refuses a parameter, or a pattern names no feature.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    refuse("hist_gradient_boosting", parameters)
    # scikit-learn cannot bin a column without a value; one that is the same everywhere is never split.
    features = np.where(np.isnan(features).all(axis=0), 0.0, features)
    chosen: dict[str, Any] = {**DEFAULTS, **without_class_weight(parameters)}
    chosen |= {"max_features": float(chosen.get("max_features", 1.0))}  # 1 would mean one feature, and is refused
    patterns = (str(chosen.pop(INCREASING, "")), str(chosen.pop(DECREASING, "")))
    signs = monotone_signs(*patterns, rows.names, "hist_gradient_boosting")
    is_number = rows.label.dtype == np.float64
    weight, shifts = (rows.weight, [0.0]) if is_number else class_weights(rows.label, parameters, rows.weight)
    kind = HistGradientBoostingRegressor if is_number else HistGradientBoostingClassifier
    try:
        with threadpool_limits(THREADS, user_api="openmp"):
            model = kind(
                **chosen,
                monotonic_cst=signs if any(signs) else None,
                categorical_features=sorted(rows.levels) or None,
                early_stopping=False,  # it would hold out rows at random, not later nights
                random_state=seed,
            ).fit(features, rows.label, sample_weight=weight)
    except (TypeError, ValueError) as error:
        raise DefinitionError(
            f"scikit-learn refuses the parameters of hist_gradient_boosting: {error}", do="Correct the parameter."
        ) from error
    return model, shifts


def as_booster(model: Any, rows: FitRows, objective: Parameters, shifts: Sequence[float]) -> Booster:
    """Return scikit-learn's trees as XGBoost's, every margin lower by its class's shift.

    The baseline is added to the leaves of the first tree of each class: XGBoost would keep it as a rounded probability.
    """
    import xgboost

    # Of two classes scikit-learn has the log-odds of the second only; as two of several, the first has a margin of 0.
    lower = [shifts[1] - shifts[0]] if len(shifts) == 2 else list(shifts)  # noqa: PLR2004
    base = [float(value) - shift for value, shift in zip(np.ravel(model._baseline_prediction), lower, strict=True)]
    margins = int(objective.get("num_class", 1))
    columns, trees = _Columns.of(model, rows), list[dict[str, Any]]()
    for iteration, of_classes in enumerate(model._predictors):
        trees += [_leaf(len(rows.names))] * (margins - len(of_classes))
        trees += [_tree(tree, columns, base[place] * (iteration == 0)) for place, tree in enumerate(of_classes)]
    template = _template(rows, objective, margins)
    part = template["learner"]["gradient_booster"]["model"]
    part["trees"] = [{**tree, "id": number} for number, tree in enumerate(trees)]
    part["tree_info"] = [number % margins for number in range(len(trees))]
    part["iteration_indptr"] = list(range(0, len(trees) + 1, margins))
    part["gbtree_model_param"]["num_trees"] = str(len(trees))
    content = bytearray(json.dumps(template).encode())
    return xgboost.Booster({"nthread": THREADS}, model_file=content)


@dataclass(frozen=True)
class _Columns:
    """scikit-learn puts categorical features first and counts their levels anew: the way back.

    Attributes:
        order: place in the model -> column of the features.
        codes: place in the model -> the code of each level it knows.
    """

    order: list[int]
    codes: Mapping[int, list[int]]

    @classmethod
    def of(cls, model: Any, rows: FitRows) -> _Columns:
        if not rows.levels:
            return cls(list(range(len(rows.names))), {})
        categorical = sorted(rows.levels)
        encoder = model._preprocessor.named_transformers_["encoder"]
        codes = {place: [int(code) for code in known if not np.isnan(code)] for place, known in enumerate(encoder.categories_)}
        return cls(categorical + [column for column in range(len(rows.names)) if column not in rows.levels], codes)


def _tree(predictor: Any, columns: _Columns, base: float) -> dict[str, Any]:
    """Return one tree in the fields of XGBoost's JSON; ``base`` is added to its leaves."""
    order, left, parents = _breadth_first(predictor.nodes)
    nodes, size = predictor.nodes[order], len(order)
    leaf = nodes["is_leaf"].astype(bool)
    is_category = nodes["is_categorical"].astype(bool) & ~leaf
    to_right = [_right_codes(predictor, nodes[node], columns) for node in np.flatnonzero(is_category)]
    conditions = np.where(leaf, nodes["value"] + base, _float32_above(nodes["num_threshold"]).astype(np.float64))
    columns_of = [0 if is_leaf else columns.order[place] for is_leaf, place in zip(leaf, nodes["feature_idx"], strict=True)]
    size_of = {"num_deleted": 0, "num_feature": len(columns.order), "num_nodes": size, "size_leaf_vector": 1}
    return {
        "base_weights": _float32(nodes["value"] + base),
        "categories": [code for codes in to_right for code in codes],
        "categories_nodes": np.flatnonzero(is_category).tolist(),
        "categories_segments": [sum(len(codes) for codes in to_right[:place]) for place in range(len(to_right))],
        "categories_sizes": [len(codes) for codes in to_right],
        "default_left": nodes["missing_go_to_left"].astype(int).tolist(),
        "left_children": left,
        "right_children": [child if child < 0 else child + 1 for child in left],
        "loss_changes": _float32(np.where(leaf, 0.0, nodes["gain"])),
        "parents": parents,
        "split_conditions": _float32(np.where(is_category, 0.0, conditions)),
        "split_indices": columns_of,
        "split_type": is_category.astype(int).tolist(),
        "sum_hessian": _float32(nodes["count"]),  # rows that come by: what contributions are weighed by
        "tree_param": {name: str(value) for name, value in size_of.items()},
    }


def _leaf(features: int) -> dict[str, Any]:
    """Return a tree that answers 0."""
    lists: dict[str, Any] = {name: [] for name in ("categories", "categories_nodes", "categories_segments", "categories_sizes")}
    lists |= {name: [0.0] for name in ("base_weights", "loss_changes", "split_conditions", "sum_hessian")}
    lists |= {name: [0] for name in ("default_left", "split_indices", "split_type")}
    size = {"num_deleted": "0", "num_feature": str(features), "num_nodes": "1", "size_leaf_vector": "1"}
    return {**lists, "left_children": [-1], "right_children": [-1], "parents": [NO_PARENT], "tree_param": size}


def _breadth_first(nodes: Any) -> tuple[list[int], list[int], list[int]]:
    """Return scikit-learn's nodes in XGBoost's order, and of each the left child and the parent by their new places.

    XGBoost takes the node after the left child for the right one, whatever ``right_children`` says.
    """
    order, left, parents = [0], list[int](), [NO_PARENT]
    for place, node in enumerate(order):  # which grows
        if nodes[node]["is_leaf"]:
            left.append(-1)
            continue
        left.append(len(order))
        order += [int(nodes[node]["left"]), int(nodes[node]["right"])]
        parents += [place, place]
    return order, left, parents


def _right_codes(predictor: Any, node: Any, columns: _Columns) -> list[int]:
    """Return the codes that go right: XGBoost lists those, scikit-learn the levels that go left, as bits."""
    bits = predictor.raw_left_cat_bitsets[int(node["bitset_idx"])]
    goes_left = [bool(int(bits[level // 32]) >> (level % 32) & 1) for level in range(256)]
    return sorted(code for level, code in enumerate(columns.codes[int(node["feature_idx"])]) if not goes_left[level])


def _float32_above(threshold: Floats) -> NDArray[np.float32]:
    """Return the smallest float32 above each threshold: ``x <= t`` is ``x < s`` for every float32 x."""
    near = threshold.astype(np.float32)
    below = np.where(near.astype(np.float64) > threshold, np.nextafter(near, np.float32(-np.inf)), near)
    return np.nextafter(below, np.float32(np.inf))


def _float32(values: Floats) -> list[float]:
    """Return float32 values in their shortest decimals: XGBoost misreads longer ones."""
    return [float(str(value)) for value in np.asarray(values).astype(np.float32)]


def _template(rows: FitRows, objective: Parameters, margins: int) -> Any:
    """Return a model of XGBoost with these features and this objective, to be filled with other trees."""
    import xgboost

    types = ["c" if column in rows.levels else "float" for column in range(len(rows.names))]
    label = np.arange(max(margins, 2)) % max(margins, 2)
    data = xgboost.DMatrix(
        np.zeros((len(label), len(rows.names))),
        label=label,
        feature_names=list(rows.names),
        nthread=THREADS,
        **({"feature_types": types, "enable_categorical": True} if rows.levels else {}),
    )
    middle = 0.5 if objective == {"objective": "binary:logistic"} else 0.0  # a margin of 0
    booster = xgboost.train({**objective, "base_score": middle, "nthread": THREADS, "verbosity": 0}, data, num_boost_round=1)
    return json.loads(bytes(booster.save_raw("json")))
