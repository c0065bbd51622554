"""What a margin can prove: how often a candidate is promoted, given how far apart nights lie, and what would prove more.

An improvement over its standard error is taken as Student's t around the truth, like the interval of the gate.
"""

from __future__ import annotations

import math

from nightloop.evidence.intervals import CONFIDENCE, student_quantile

PROMISED = 0.8  # how often a candidate that equals the champion ought to be promoted
MOST_NIGHTS = 366
# Of the difference of two AUCs within a night, where nothing is measured yet: standard deviation between nights (0.01 to 0.03
# between models of flight_delay), and variance of a row (Hanley and McNeil 1982: an AUC of 0.7, one positive row in five,
# half of it shared).
BETWEEN_NIGHTS, OF_A_ROW = 0.02, 0.5


def night_deviation_of_auc(rows: float | None) -> float:
    """Return how far the difference of two AUCs lies from its mean on a night of so many rows, as a standard deviation.

    None: so many that rows add nothing.
    """
    return math.sqrt(BETWEEN_NIGHTS**2 + (OF_A_ROW / rows if rows else 0.0))


def standard_error(low: float, high: float, nights: int) -> float:
    """Return the standard error that an interval by night was made from."""
    return (high - low) / 2 / _quantile(nights)


def promoted_share(error: float, nights: int, margin: float, *, gain: float = 0.0, rule: str = "non_inferior") -> float:
    """Return how often a candidate truly better by ``gain`` is promoted over the champion.

    Args:
        error: standard error of the improvement.
        nights: that it is measured on.
        margin: to the champion, in the metric's unit.
        gain: true improvement; below zero it is worse.
        rule: non_inferior or superior.
    """
    reach = _quantile(nights) * error
    needed = reach if rule == "superior" else max(reach - margin, -reach)  # an interval wholly below zero never passes
    return _share_above((needed - gain) / error, nights)


def least_margin(error: float, nights: int) -> float:
    """Return the margin with which an equal candidate is promoted as often as ``PROMISED``."""
    return (_quantile(nights) + student_quantile(PROMISED, nights - 1)) * error


def least_nights(deviation: float, margin: float) -> int | None:
    """Return the nights with which an equal candidate is promoted as often as ``PROMISED``; None: more than a year of them.

    Args:
        deviation: standard deviation of the improvement from night to night.
        margin: to the champion.
    """
    enough = (nights for nights in range(2, MOST_NIGHTS + 1) if least_margin(deviation / math.sqrt(nights), nights) <= margin)
    return next(enough, None)


def shown_within_share(error: float, nights: int, limit: float) -> float:
    """Return how often an interval around a true 0 lies within a limit on either side: that a candidate without bias passes.

    Args:
        error: standard error of the figure.
        nights: that it is measured on.
        limit: of its size.
    """
    return max(0.0, 1 - 2 * _share_above(limit / error - _quantile(nights), nights))


def least_limit(error: float, nights: int) -> float:
    """Return the limit within which a true 0 is shown to lie as often as ``PROMISED``."""
    return (_quantile(nights) + student_quantile((1 + PROMISED) / 2, nights - 1)) * error


def _quantile(nights: int) -> float:
    return student_quantile(0.5 + CONFIDENCE / 2, nights - 1)


def _share_above(value: float, nights: int) -> float:
    from scipy.special import stdtr

    return float(stdtr(nights - 1, -value))
