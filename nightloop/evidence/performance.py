"""The monitor's verdict on realised performance: does the model still order rows, mean what it says, and beat a constant?

Four claims, each about one figure of the same matured rows: the task's metric against its floor or ceiling; the bias and the
debiased calibration error against the limits of the calibration gate; and skill, the error saved over the best constant
answer (for probabilities the Brier skill score, Wilks 2011, Statistical Methods in the Atmospheric Sciences, 8.4). A claim is
broken where the whole of its 95 % interval lies beyond the limit, doubtful where the figure does and the interval does not,
else it holds. One broken claim fails the verdict; one doubtful claim is not enough evidence to pass.

Intervals take nights as the units. Each broken claim is wrong in at most 2.5 % of windows when the truth is at the limit, so
one of four in at most 10 %: limits are to be what would hurt, not what is expected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nightloop.evidence.calibration import DEBIASED, expected_error
from nightloop.evidence.intervals import Bools, Floats, Nights
from nightloop.evidence.metric_set import Labels, MetricSet
from nightloop.evidence.metric_sets import BINARY
from nightloop.evidence.realised import realised_figures
from nightloop.evidence.verdict import Figure, Outcome, Verdict, ends_in_words

BIASES = ("calibration_bias", "bias")  # of probabilities, and of numbers
HOLDS, DOUBTFUL, BROKEN = range(3)
STATES: tuple[Outcome, ...] = ("pass", "not_enough_evidence", "fail")


@dataclass(frozen=True)
class PerformanceLimits:
    """What realised figures may be at most, in the unit of each; None: not judged.

    Attributes:
        minimum_rows: fewer matured labels are no evidence.
        floor: of a metric where higher is better.
        ceiling: of a metric where lower is better.
        maximum_bias, maximum_error: of calibration, as the gate has them.
    """

    minimum_rows: int
    floor: float | None = None
    ceiling: float | None = None
    maximum_bias: float | None = None
    maximum_error: float | None = None


def pooled_figures(
    label: Labels, prediction: Floats, decision: Bools | None, nights: Nights, metric_set: MetricSet = BINARY
) -> tuple[Figure, ...]:
    """Return every realised figure of rows (n,) of several nights, and the debiased calibration error beside them."""
    figures = realised_figures(label, prediction, decision, nights, metric_set)
    if not figures or nights is None:
        return figures
    predicted, observed = metric_set.predicted_and_observed(label, prediction)
    return (*figures, expected_error(predicted, predicted - observed, nights))


def performance_verdict(
    figures: tuple[Figure, ...], rows: int, nights: int, limits: PerformanceLimits, metric_set: MetricSet = BINARY
) -> Verdict:
    """Judge the figures of one model version's matured rows.

    Args:
        figures: as ``pooled_figures`` returns them.
        rows: how many labels they stand on.
        nights: of how many scored nights.
        limits: what they may be.
        metric_set: how the task is measured.
    """

    def answer(state: int, reason: str) -> Verdict:
        return Verdict("performance", STATES[state], reason, figures)

    if not rows:
        return answer(DOUBTFUL, "No label of a scored night is known yet.")
    if rows < limits.minimum_rows:
        asked = f"{limits.minimum_rows} are asked for"
        return answer(DOUBTFUL, f"{rows} matured labels are too few to judge realised performance; {asked}.")
    overall = {item.metric: item for item in figures if item.group == "all"}
    metric = overall.get(metric_set.metric)
    if metric is not None and (metric.low is None or metric.high is None):
        basis = f"Realised {metric_set.title} {metric.value:.3f} stands on one scored night ({rows:,} labels)"
        return answer(DOUBTFUL, f"{basis}; one night tells nothing of others.")
    claims = [*_order(metric, rows, nights, limits, metric_set), *_calibration(overall, limits), *_skill(overall, metric_set)]
    first, *others = claims
    clauses = [first.clause, *(claim.clause for claim in sorted(others, key=lambda claim: -claim.state))]
    return answer(max(claim.state for claim in claims), f"{'; '.join(clauses)}.")


@dataclass(frozen=True)
class _Claim:
    """How far a claim about a figure is from being broken, and a clause that says so."""

    state: int
    clause: str


def _order(metric: Figure | None, rows: int, nights: int, limits: PerformanceLimits, metric_set: MetricSet) -> Iterator[_Claim]:
    """Yield the claim about the task's own metric."""
    if metric is None:
        yield _Claim(DOUBTFUL, f"All {rows:,} matured labels are alike; there is no order to judge")
        return
    basis = f"{rows:,} matured labels of {nights} scored nights"
    head = f"Realised {metric_set.title} {metric.value:.3f} ({ends_in_words(metric)}) over {basis}"
    limit = limits.floor if metric_set.higher_is_better else limits.ceiling
    name = "floor" if metric_set.higher_is_better else "ceiling"
    if limit is None:
        yield _Claim(DOUBTFUL, f"{head}; no {name} is declared")
        return
    least, most = (limit, None) if metric_set.higher_is_better else (None, limit)
    yield _Claim(_state(metric, least, most), f"{head}; the {name} is {limit:g}")


def _calibration(overall: dict[str, Figure], limits: PerformanceLimits) -> Iterator[_Claim]:
    """Yield the claims about bias and calibration error."""
    bias = next((overall[name] for name in BIASES if name in overall), None)
    claims = (("bias", bias, limits.maximum_bias), ("calibration error", overall.get(DEBIASED), limits.maximum_error))
    for words, item, limit in claims:
        if item is not None and limit is not None:
            state = _state(item, -limit, limit)
            says = (f"within {limit:g}", f"more than {limit:g}, which nights may explain", f"beyond {limit:g}")[state]
            yield _Claim(state, f"{words} {item.value:.3f} ({ends_in_words(item)}), {says}")


def _skill(overall: dict[str, Figure], metric_set: MetricSet) -> Iterator[_Claim]:
    """Yield the claim that the answers are worth more than a constant."""
    name, title = metric_set.skill
    if (item := overall.get(name)) is not None:
        state = _state(item, 0.0, None)
        than = "the best constant answer to the same rows"
        says = (f"at least as good as {than}", f"not better than {than}, which nights may explain", f"worse than {than}")[state]
        yield _Claim(state, f"{title} {item.value:.3f} ({ends_in_words(item)}), {says}")


def _state(item: Figure, least: float | None, most: float | None) -> int:
    """Return how far a figure is beyond its limits; at a limit is within, and without an interval nothing is shown."""

    def is_beyond(low: float, high: float) -> bool:
        return (least is not None and high < least) or (most is not None and low > most)

    if item.low is not None and item.high is not None and is_beyond(item.low, item.high):
        return BROKEN
    return DOUBTFUL if is_beyond(item.value, item.value) else HOLDS
