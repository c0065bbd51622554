"""The gate of stability: every window counts, not their mean."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from nightloop.definitions.candidate_gates import StabilityGate
from nightloop.evidence.evaluation import Evaluation
from nightloop.evidence.gates.stability import judge_stability
from nightloop.evidence.intervals import Estimate
from nightloop.evidence.metric_sets import BINARY

from .test_succession import Stated, drawn

LIMITS = StabilityGate(maximum_loss=0.02)
UNCLEAR = "not_enough_evidence"


@dataclass
class StatedImprovement:
    """A metric set whose improvement is stated, with its ends at each confidence."""

    low: float | None = -0.01
    high: float | None = 0.03
    confidences: list[float] = field(default_factory=list)
    metric, answers = "auc", "probability"

    def is_invalid(self, prediction: Any) -> Any:
        return np.isnan(prediction)

    def constant_label(self, label: Any) -> str | None:
        return None

    def improvement(self, label: Any, one: Any, other: Any, nights: Any = None) -> Estimate:
        return Recorded(0.01, np.zeros(0), (self.low, self.high), self.confidences)


@dataclass(frozen=True)
class Recorded(Stated):
    confidences: list[float] = field(default_factory=list)

    def interval(self, nights: Any = None, confidence: float = 0.95) -> tuple[float | None, float | None]:
        self.confidences.append(confidence)
        return self.ends


def window(first: int, metric_set: StatedImprovement | None = None) -> Evaluation:
    return replace(drawn(loss=0.0, seed=first), night=drawn(loss=0.0, seed=1).night + first, metric_set=metric_set or BINARY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "outcome"),
    [(-0.0199, "pass"), (-0.02, "not_enough_evidence"), (-0.0201, "not_enough_evidence"), (None, "not_enough_evidence")],
)
def test_one_window_that_is_not_shown_to_be_within_is_enough(low: float | None, outcome: str) -> None:
    unclear = window(0, StatedImprovement(low=low))
    for parts in (
        (unclear, window(10, StatedImprovement())),
        (window(0, StatedImprovement()), replace(unclear, night=unclear.night + 10)),
    ):
        verdict = judge_stability(replace(parts[1], earlier=(parts[0],)), LIMITS)
        assert verdict.outcome == outcome
        assert [figure.least for figure in verdict.figures] == [-0.02, -0.02]
        assert (outcome == "pass") == ("on each of 2 windows" in verdict.reason)


@pytest.mark.parametrize(("high", "fails"), [(-0.0201, True), (-0.02, False), (-0.0199, False)])
def test_one_window_shown_to_be_beyond_fails_after_the_correction_for_their_number(high: float, fails: bool) -> None:
    stated = StatedImprovement(low=-0.1, high=high)
    verdict = judge_stability(replace(window(10, StatedImprovement()), earlier=(window(0, stated),)), LIMITS)
    assert verdict.outcome == ("fail" if fails else "not_enough_evidence")
    assert ("on 0 to 9 its recipe is worse than the baseline" in verdict.reason.lower()) == fails
    assert sorted(stated.confidences) == [0.95, 0.975]


def test_too_few_earlier_origins_are_not_enough_where_some_are_asked_for() -> None:
    limits = StabilityGate(maximum_loss=0.02, minimum_origins=2)
    one = replace(window(10, StatedImprovement()), earlier=(window(0, StatedImprovement()),))
    assert judge_stability(one, limits).outcome == "not_enough_evidence"
    assert judge_stability(replace(one, earlier=(*one.earlier, window(20, StatedImprovement()))), limits).outcome == "pass"
    assert judge_stability(one, None).outcome == "pass"


def test_answers_that_are_no_numbers_from_an_origin_fail() -> None:
    broken = window(0, StatedImprovement())
    broken.candidate[3] = np.nan
    assert judge_stability(replace(window(10, StatedImprovement()), earlier=(broken,)), LIMITS).outcome == "fail"


def test_a_recipe_that_failed_from_one_origin_fails_though_it_is_good_on_the_whole() -> None:
    def baseline(noise: float, seed: int, first: int) -> Evaluation:
        part = drawn(loss=0.0, seed=seed)
        other = part.candidate + np.random.default_rng(seed + 100).normal(size=len(part.candidate)) * noise
        good, bad = (part.candidate, other) if first else (other, part.candidate)
        to_probability = lambda score: 1 / (1 + np.exp(-score))  # noqa: E731
        return replace(part, night=part.night + first, candidate=to_probability(good), baseline=to_probability(bad))

    parts = [baseline(1.5, 1, 0), *(baseline(1.5, seed, 10 * seed) for seed in (2, 3, 4))]
    judged = replace(parts[-1], earlier=tuple(parts[:-1]))
    everything = judged.everything
    assert everything.improvement("over", everything.baseline).low > 0  # type: ignore[operator]
    verdict = judge_stability(judged, LIMITS)
    assert verdict.outcome == "fail" and "On 0 to 9 its recipe is worse" in verdict.reason
