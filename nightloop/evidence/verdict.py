"""What a gate or the monitor answers: pass, fail, or not enough evidence; with figures and the reason in words."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Literal

Outcome = Literal["pass", "fail", "not_enough_evidence"]


@dataclass(frozen=True)
class Figure:
    """One measured number: its interval where it has one, and on how many rows it stands."""

    metric: str
    value: float
    low: float | None
    high: float | None
    n: int
    group: str = "all"

    def as_json(self) -> dict[str, object]:
        """Return plain values that JSON can hold: what is not a number becomes null."""
        values = asdict(self)
        return {name: None if isinstance(of, float) and not math.isfinite(of) else of for name, of in values.items()}


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
    ends = "no interval" if item.low is None or item.high is None else f"{item.low:.3f} to {item.high:.3f}"
    return f"{item.value:.3f} [{ends}]"


def is_above(end: float | None, limit: float) -> bool:
    """Whether an end of an interval lies above a limit; at it, or where there is none, is not above."""
    return end is not None and end > limit
