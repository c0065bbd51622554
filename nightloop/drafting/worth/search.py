"""Search forward for the features that later nights gain by.

All candidates are ranked by one model of all of them; then they join in that order, one by one while each tells much, in
growing steps when each tells little, and stay where the score on later nights rises. What counts is a number of steps, never a
clock, so that the same sample gives the same draft.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nightloop.drafting.worth.judge import Judge

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]
TWINS = 0.995
"""Rank correlation from which on two candidates say the same."""
CORRELATED_ON = 5_000
FIRST, AMONG = 6, 3
"""So many join one by one, each the best of the next so many."""
LEAST_GAIN = 0.001
"""What a step must bring, as a share of what all features together bring: less is chance, and makes a draft long."""
LAST_STEPS = 2
LAST: Mapping[str, float | int | str] = {
    "n_estimators": 300,
    "learning_rate": 0.1,
    "max_depth": 3,
    "min_child_weight": 5,
    "colsample_bytree": 0.5,
    "subsample": 0.8,
    "max_bin": 64,
}
ROUNDS = 15


@dataclass(frozen=True)
class Candidates:
    """Features that may join.

    Attributes:
        names: simple ones before those made of them.
        values: (n, k) of the rows.
        levels: of the categorical ones, by name.
        raw: columns as they come, with what a model of them alone loses without each: they join before what is made of them,
            and together they are the least that a draft must reach.
    """

    names: tuple[str, ...]
    values: Floats
    levels: Mapping[str, int]
    raw: Mapping[str, float]

    @cached_property
    def place(self) -> Mapping[str, int]:
        """The column of each."""
        return {name: column for column, name in enumerate(self.names)}

    def of(self, names: Sequence[str]) -> tuple[Floats, dict[int, int]]:
        """Return the values (n, k) of some of them, and the levels of the categorical ones, by column."""
        levels = {at: self.levels[name] for at, name in enumerate(names) if name in self.levels}
        return self.values[:, [self.place[name] for name in names]], levels


@dataclass(frozen=True)
class Joined:
    """What a step brought: the score with it less the score before, and how many features joined in it."""

    gain: float
    together: int


@dataclass(frozen=True)
class Chosen:
    """What the search came to.

    Attributes:
        joined: the features, in the order they joined.
        left_out: the others, with what the model of all loses without what they add; None: constant.
        same_as: of the others, the feature that says the same.
        score, nothing: on later nights, with the chosen features and with none; more is better.
        steps: how many sets were measured.
        metric, higher_is_better: what a score is, in words; one of which less is better stands with its sign turned.
    """

    joined: Mapping[str, Joined]
    left_out: Mapping[str, float | None]
    same_as: Mapping[str, str]
    score: float
    nothing: float
    steps: int
    metric: str
    higher_is_better: bool

    def measured(self, score: float) -> str:
        """Return a score as people read it: AUC 0.712."""
        return f"{self.metric} {score if self.higher_is_better else -score:.4g}"

    def gained(self, gain: float) -> str:
        """Return a gain as people read it: AUC +0.0123, or MAE -1.2."""
        value = gain if self.higher_is_better else -gain
        return f"{self.metric} {value:+.2g}" if abs(value) >= 1 else f"{self.metric} {value:+.4f}"


@dataclass
class _Search:
    """A search that is going on."""

    candidates: Candidates
    judge: Judge
    whole: Judge
    budget: int
    progress: Progress
    steps: int = 0

    def score(self, names: Sequence[str]) -> float:
        """Measure a set: one step."""
        self._count()
        return self.judge.score(*self.candidates.of(names))

    def _count(self) -> None:
        self.steps += 1
        self.progress("features by their worth", min(self.steps, self.budget), self.budget)

    def last_score(self, names: Sequence[str]) -> float:
        """Measure a set by all rows and as many trees as it takes: one step."""
        self._count()
        return self.whole.trial(*self.candidates.of(names), LAST, ROUNDS).score

    def is_gain(self, reached: float, before: float) -> bool:
        """Whether a step brought more than chance does."""
        return reached - before > LEAST_GAIN * max(reached - self.judge.nothing, 0.0)

    @property
    def room(self) -> int:
        """How many steps may still be made: the last ones ask whether more features would have been better."""
        return max(self.budget - LAST_STEPS - self.steps, 0)


def search_forward(
    candidates: Candidates, judge: Judge, *, steps: int, progress: Progress, whole: Judge | None = None
) -> Chosen:
    """Return the features to take.

    Args:
        candidates: to choose from.
        judge: measures sets of them.
        steps: sets that may be measured at most.
        progress: told of each.
        whole: measures by all rows, on its newest fold, where ``judge`` fits on some of them and has not seen that fold.
    """
    search = _Search(candidates, judge, whole or judge, steps, progress)
    distinct, same_as, constant = _distinct(candidates)
    losses = dict(zip(distinct, judge.losses_without(*candidates.of(distinct)).tolist(), strict=True))
    telling = {name: max(loss, candidates.raw.get(name, loss)) for name, loss in losses.items()}
    ranked = sorted(distinct, key=lambda name: (-telling[name], candidates.place[name]))
    joined, score = _forward(search, ranked)
    joined, score = _no_worse_than_many(search, ranked, joined, score)
    left_out: dict[str, float | None] = {name: losses[name] for name in ranked if name not in joined}
    metric_set = judge.metric_set
    return Chosen(
        joined=joined,
        left_out=left_out | dict.fromkeys(constant),
        same_as=same_as,
        score=score,
        nothing=judge.nothing,
        steps=search.steps,
        metric=metric_set.title,
        higher_is_better=metric_set.higher_is_better,
    )


def _distinct(candidates: Candidates) -> tuple[list[str], dict[str, str], list[str]]:
    """Return the candidates that say something of their own; whom the others are like; and those that say nothing."""
    step = max(len(candidates.values) // CORRELATED_ON, 1)
    ranks = standard_ranks(candidates.values[::step])
    varies = np.any(ranks != 0, axis=0)
    correlation = np.abs(ranks.T @ ranks)
    distinct: list[int] = []
    same_as: dict[str, str] = {}
    for column in np.flatnonzero(varies):
        twins = [other for other in distinct if correlation[column, other] >= TWINS]
        if twins:
            same_as[candidates.names[column]] = candidates.names[twins[0]]
        else:
            distinct.append(int(column))
    constant = [candidates.names[column] for column in np.flatnonzero(~varies)]
    return [candidates.names[column] for column in distinct], same_as, constant


def standard_ranks(values: Floats) -> Floats:
    """Return ranks of each column with mean 0 and length 1, (n, k); missing values are a rank of their own, the least."""
    ranks = np.empty_like(values)
    for column in range(values.shape[1]):
        _, code, count = np.unique(np.nan_to_num(values[:, column], nan=-np.inf), return_inverse=True, return_counts=True)
        ranks[:, column] = (np.cumsum(count) - (count - 1) / 2)[code]
    ranks -= ranks.mean(axis=0)
    length = np.sqrt((ranks**2).sum(axis=0))
    return np.asarray(ranks / np.where(length > 0, length, 1.0))


def _forward(search: _Search, ranked: Sequence[str]) -> tuple[dict[str, Joined], float]:
    joined: dict[str, Joined] = {}
    waiting, score = list(ranked), search.judge.nothing
    while waiting and len(joined) < FIRST and search.room:
        scores = {name: search.score([*joined, name]) for name in waiting[: min(AMONG, search.room)]}
        best = max(scores, key=lambda name: scores[name])
        gains = search.is_gain(scores[best], score)
        for name in [best] if gains else list(scores):
            waiting.remove(name)
        if gains:
            joined[best] = Joined(scores[best] - score, 1)
            score = scores[best]
    for batch in _growing(waiting):
        score = _join(search, joined, batch, score)
    return joined, score


def _join(search: _Search, joined: dict[str, Joined], batch: Sequence[str], score: float) -> float:
    """Let a batch join where the score rises, else its better half; return the score."""
    for names in (batch, batch[: len(batch) // 2]):
        if not names or not search.room:
            return score
        reached = search.score([*joined, *names])
        if search.is_gain(reached, score):
            joined |= dict.fromkeys(names, Joined(reached - score, len(names)))
            return reached
    return score


def _growing(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the names in batches of 1, 1, 2, 2, 4, 4, 8, 8, …"""
    begin, number = 0, 0
    while begin < len(names):
        size = 2 ** (number // 2)
        yield names[begin : begin + size]
        begin, number = begin + size, number + 1


def _no_worse_than_many(
    search: _Search, ranked: Sequence[str], joined: dict[str, Joined], score: float
) -> tuple[dict[str, Joined], float]:
    """Add all columns as they come where what joined is worse than with them: weak ones count together.

    Nights judge here that the search has not seen, for what was chosen on some nights looks better on them than it is; and all
    rows and more trees: few of them cannot see what many weak columns tell. Histories that the search did not
    take stay out: all of them together make a draft of hundreds of lines, and bring chance more than worth.
    """
    more = [name for name in ranked if name in search.candidates.raw and name not in joined]
    if not more:
        return joined, score
    reached = search.last_score([*joined]) if joined else search.judge.nothing
    with_more = search.last_score([*joined, *more])
    if search.is_gain(with_more, reached):
        return joined | dict.fromkeys(more, Joined(with_more - reached, len(more))), max(score, with_more)
    return joined, score
