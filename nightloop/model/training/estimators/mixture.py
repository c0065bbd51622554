"""One model of several: Fairlearn's exponentiated gradient, whose members are joined into one set of trees."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightloop.errors import TrainingRefused
from nightloop.model.training.estimators import boosted_trees

if TYPE_CHECKING:
    from xgboost import Booster

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
# (labels, weights) -> trees whose margin is the sum of their leaves: see MEMBER.
FitMember = Callable[[Bools, Floats], "Booster"]

MEMBER: boosted_trees.Parameters = {
    "objective": "binary:logistic",
    "base_score": 0.5,
}  # log-odds of 0: only leaves add to a margin
BOUND, ITERATIONS, LEAST_WEIGHT = 0.01, 8, 0.01


def fit_exponentiated_gradient(
    fit_member: FitMember, features: Floats, label: Bools, group: NDArray[Any], *, measure: str, threshold: float
) -> Booster:
    """Fit trees under a constraint on their decisions (Agarwal et al. 2018, A reductions approach to fair classification).

    The method gives several models and a weight to each, meant to be drawn from; ours is their weighted mean of log-odds, one
    set of trees: nothing is drawn, and reasons stay exact (docs/decisions/0122).

    Args:
        fit_member: fits one of them on the rows, with other labels and weights.
        features: (n, k) of the rows fitted on.
        label: (n,) what happened.
        group: (n,) whose rates the constraint compares.
        measure: name of the constraint: see ``fairness.mitigation.GROUP_RATES``.
        threshold: probability from which on a decision is positive; errors cost so much that it is the best one.

    Raises:
        TrainingRefused: no member tells anything apart.
    """
    from fairlearn.reductions import ErrorRate, ExponentiatedGradient

    rows = np.arange(len(label)).reshape(-1, 1)
    mitigator = ExponentiatedGradient(
        _Member(fit_member, features),
        _constraint(measure),
        objective=ErrorRate(costs={"fp": threshold, "fn": 1 - threshold}),
        eps=BOUND,
        max_iter=ITERATIONS,
    )
    mitigator.fit(rows, label.astype(np.int64), sensitive_features=group)
    members = {
        place: weight
        for place, weight in mitigator.weights_.items()
        if weight >= LEAST_WEIGHT and isinstance(mitigator.predictors_[place], _Member)  # the others answer all rows alike
    }
    if not members:
        raise TrainingRefused(
            f"exponentiated_gradient leaves no model that tells rows apart and keeps {measure} below {BOUND}.",
            do="Leave the method out of model.mitigation.methods.",
        )
    return join([mitigator.predictors_[place].trees for place in members], list(members.values()))


def _constraint(measure: str) -> Any:
    from fairlearn import reductions

    kinds = {
        "selection_rate_difference": reductions.DemographicParity,
        "true_positive_rate_difference": reductions.TruePositiveRateParity,
        "false_positive_rate_difference": reductions.FalsePositiveRateParity,
    }
    return kinds[measure](difference_bound=BOUND)


class _Member:
    """What Fairlearn asks of an estimator. It is given the places of rows, so that no row is copied."""

    def __init__(self, fit_member: FitMember, features: Floats) -> None:
        self._fit_member = fit_member
        self._features = features
        self.trees: Any = None

    def __sklearn_clone__(self) -> _Member:
        return _Member(self._fit_member, self._features)

    def fit(self, places: NDArray[np.int64], label: Any, sample_weight: Any) -> _Member:  # noqa: ARG002 - always all of them
        """Fit on all rows, with these labels and weights."""
        self.trees = self._fit_member(np.asarray(label) > 0, np.asarray(sample_weight, dtype=np.float64))
        return self

    def predict(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Decide the rows at these places."""
        margin = boosted_trees.margins_of(self.trees, self._features[places[:, 0]])
        return (margin >= 0).astype(np.int64)


def join(members: Sequence[Booster], weights: Sequence[float]) -> Booster:
    """Return one model whose margin is the weighted mean of the members': all their trees, with leaves scaled.

    Args:
        members: fitted with ``MEMBER`` on the same features.
        weights: above 0; they are made to add up to 1.
    """
    import xgboost

    documents = [json.loads(bytes(member.save_raw("json"))) for member in members]
    trees = [
        _scaled(tree, weight / sum(weights))
        for document, weight in zip(documents, weights, strict=True)
        for tree in _model(document)["trees"]
    ]
    joined = documents[0]
    model = _model(joined)
    model["trees"] = [{**tree, "id": place} for place, tree in enumerate(trees)]
    model["tree_info"] = [0] * len(trees)
    model["iteration_indptr"] = list(range(len(trees) + 1))
    model["gbtree_model_param"]["num_trees"] = str(len(trees))
    booster = xgboost.Booster(model_file=bytearray(json.dumps(joined).encode()))
    booster.set_param({"nthread": boosted_trees.THREADS})
    return booster


def _model(document: dict[str, Any]) -> dict[str, Any]:
    model: dict[str, Any] = document["learner"]["gradient_booster"]["model"]
    return model


def _scaled(tree: dict[str, Any], weight: float) -> dict[str, Any]:
    """Scale the leaves; where a node has children its condition is a value of a feature."""
    conditions = zip(tree["split_conditions"], tree["left_children"], strict=True)
    return {
        **tree,
        "split_conditions": [value * weight if child == -1 else value for value, child in conditions],
        "base_weights": [value * weight for value in tree["base_weights"]],
    }
