"""What a gate or the monitor answers: pass, fail, or not enough evidence; with figures and the reason in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

Outcome = Literal["pass", "fail", "not_enough_evidence"]


@dataclass(frozen=True)
class Figure:
    """One measured number: its interval where it has one, its rows, and what it may be at least and at most."""

    metric: str
    value: float
    low: float | None
    high: float | None
    n: int
    group: str = "all"
    least: float | None = None
    most: float | None = None

    def as_json(self) -> dict[str, object]:
        """Return plain values that JSON can hold: what is not a number becomes null; limits only where there are any.

        ``from_json`` reads them back.
        """
        values = {name: of for name, of in asdict(self).items() if of is not None or name not in ("least", "most")}
        return {name: None if isinstance(of, float) and not math.isfinite(of) else of for name, of in values.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Figure:
        """Return a figure from plain values; a value that is null is no number."""
        return cls(**{**values, "value": math.nan if values["value"] is None else values["value"]})


Limit = tuple[float | None, float | None]
"""The least and the most that a figure may be."""


def limited(figures: Iterable[Figure], limits: Mapping[str, Limit]) -> tuple[Figure, ...]:
    """Return figures with the limits of their metrics; those of a metric without any as they are."""
    return tuple(
        replace(item, least=limits[item.metric][0], most=limits[item.metric][1]) if item.metric in limits else item
        for item in figures
    )


@dataclass(frozen=True)
class Verdict:
    """An answer that a decision can rest on. ``reason`` is a sentence with the figures in it."""

    gate: str
    outcome: Outcome
    reason: str
    figures: tuple[Figure, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the answer is a plain yes; no evidence is no yes."""
        return self.outcome == "pass"


def with_interval(item: Figure) -> str:
    """Write a figure for a sentence: ``0.712 [0.690 to 0.734]``."""
    return f"{item.value:.3f} [{ends_in_words(item)}]"


def ends_in_words(item: Figure) -> str:
    """Write the ends of a figure's interval: ``0.690 to 0.734``."""
    return "no interval" if item.low is None or item.high is None else f"{item.low:.3f} to {item.high:.3f}"


def is_above(end: float | None, limit: float) -> bool:
    """Whether an end of an interval lies above a limit; at it, or where there is none, is not above."""
    return end is not None and end > limit
