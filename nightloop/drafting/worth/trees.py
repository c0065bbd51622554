"""Choose the parameters of a draft's trees by a few trials on later nights, one parameter after the other."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nightloop.drafting.worth.judge import Judge, Trial
from nightloop.drafting.worth.search import Progress
from nightloop.model.training.trainers import Parameters

Floats = NDArray[np.float64]

BEGIN: Parameters = {"max_depth": 4, "min_child_weight": 5, "colsample_bytree": 0.8, "subsample": 0.8}
TRIED: Mapping[str, tuple[float, ...]] = {
    "max_depth": (3, 6, 8),
    "min_child_weight": (1, 30),
    "colsample_bytree": (0.4,),
}
"""Values tried of each parameter, beside that it begins with."""
QUICK: Parameters = {"n_estimators": 200, "learning_rate": 0.15, "max_bin": 64}
ROUNDS = 10
AT_ONCE = 2
LEAST_GAIN = 0.005
"""What another value must bring, as a share of what the features bring: less is chance."""


@dataclass(frozen=True)
class Trees:
    """Parameters of the trees: those chosen, how many sets were tried, and the score on later nights."""

    parameters: Parameters
    tried: int
    score: float


def choose_trees(judge: Judge, values: Floats, levels: Mapping[int, int], progress: Progress) -> Trees:
    """Return the parameters of the best score.

    Args:
        judge: measures on later nights.
        values: (n, k) of the chosen features.
        levels: of the categorical ones, by column.
        progress: told of each trial.
    """
    total = 1 + sum(map(len, TRIED.values()))

    def score(parameters: Parameters) -> Trial:
        return judge.trial(values, levels, {**QUICK, **parameters}, ROUNDS)

    chosen, reached, tried = dict(BEGIN), score(BEGIN), 1
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for name, others in TRIED.items():
            progress("parameters of the trees", tried, total)
            variants = [{**chosen, name: value} for value in others]
            scores = list(threads.map(score, variants))
            tried += len(variants)
            best = int(np.argmax([of.score for of in scores]))
            if scores[best].beats(reached, LEAST_GAIN * (reached.score - judge.nothing)):
                chosen, reached = variants[best], scores[best]
    return Trees(chosen, tried, reached.score)
