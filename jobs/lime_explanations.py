"""LIME beside the exact contributions, with what it says of itself: how far its own draws agree with one another.

Ribeiro et al. 2016, "Why should I trust you?": a linear model fitted on random neighbours of the row. Other neighbours give
other reasons, so it is asked with several seeds. The package is an extra; nothing else needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.explain import ScoredRow
from nightloop.errors import UsageError

SEEDS = (1, 2, 3, 4, 5)
NEIGHBOURS = 5000
NEEDS = "lime>=0.2,<0.3"
Floats = NDArray[np.float64]
Lime = Callable[[int], tuple[Floats, float]]
"""seed -> weights (k,), and R² of the linear model on the neighbours."""


@dataclass(frozen=True)
class LimeExplanation:
    """Weights of LIME by seed.

    Attributes:
        features: names.
        weights: (seeds, k): the change of the prediction by each feature's part.
        fit: R² of each seed's linear model on its neighbours.
        filled: features that are missing in the row, and were given the night's median.
    """

    features: tuple[str, ...]
    weights: Floats
    fit: tuple[float, ...]
    filled: tuple[str, ...]

    @property
    def agreement(self) -> float:
        """Mean rank correlation (Spearman) of the sizes of two seeds' weights: 1 where all put the features in one order."""
        ranks = [np.argsort(np.argsort(np.abs(weights), kind="stable"), kind="stable") for weights in self.weights]
        return float(np.mean([np.corrcoef(one, other)[0, 1] for one, other in combinations(ranks, 2)]))

    @property
    def same_first(self) -> int:
        """How many of the seeds name the feature first that most of them do."""
        return int(np.bincount(np.argmax(np.abs(self.weights), axis=1)).max())

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "seeds": list(SEEDS),
            "weights": {name: self.weights[:, place].tolist() for place, name in enumerate(self.features)},
            "rank_agreement": self.agreement,
            "seeds_with_the_same_first": self.same_first,
            "fit": list(self.fit),
            "filled_with_the_median": list(self.filled),
        }


def explain_by_lime(row: ScoredRow, lime: Lime | None = None) -> LimeExplanation:
    """Ask LIME about a row with each seed.

    Args:
        row: the scored row.
        lime: what to ask; by default the package.

    Raises:
        UsageError: the package is not installed.
    """
    spec = row.predictor.spec
    missing = np.isnan(row.features[0])
    ask = lime or _package(row)
    answers = [ask(seed) for seed in SEEDS]
    filled = tuple(name for name, absent in zip(spec.features, missing, strict=True) if absent)
    return LimeExplanation(
        spec.features, np.array([weights for weights, _ in answers]), tuple(fit for _, fit in answers), filled
    )


def _package(row: ScoredRow) -> Lime:
    """Return LIME over the rows of the night, whose missing values it cannot take: they get the median."""
    try:
        from lime.lime_tabular import LimeTabularExplainer
    except ImportError as error:
        raise UsageError(
            "the package lime is not installed: it is an extra.",
            do=f"pip install '{NEEDS}'; or leave out --method: the exact contributions need nothing.",
        ) from error
    names = row.predictor.spec.features
    night, asked = _filled(row.night_features, row.night_features), _filled(row.features, row.night_features)[0]

    def ask(seed: int) -> tuple[Floats, float]:
        explainer = LimeTabularExplainer(night, mode="regression", feature_names=list(names), random_state=seed)
        answer = explainer.explain_instance(asked, _prediction_of(row, asked), num_features=len(names), num_samples=NEIGHBOURS)
        weights = np.zeros(len(names))
        for place, weight in answer.as_map()[1]:
            weights[place] = weight
        return weights, float(answer.score)

    return ask


def _prediction_of(row: ScoredRow, asked: Floats) -> Callable[[Floats], Floats]:
    """Return what LIME asks: the prediction; of several classes, the probability of the one that is predicted for the row."""
    first = row.predictor.predict_undecided(asked[None, :])
    place = int(np.argmax(first[0])) if first.ndim > 1 else None

    def predict(rows: Floats) -> Floats:
        prediction = row.predictor.predict_undecided(rows)
        return prediction if place is None else prediction[:, place]

    return predict


def _filled(rows: Floats, night: Floats) -> Floats:
    """Return the rows with the night's median in place of what is missing; 0 where a feature is missing in every row."""
    known = ~np.isnan(night)
    medians = [np.median(night[known[:, place], place]) if known[:, place].any() else 0.0 for place in range(night.shape[1])]
    return np.where(np.isnan(rows), np.array(medians), rows)
