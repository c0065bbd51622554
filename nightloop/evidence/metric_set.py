"""What gates, monitor and pages ask of a task: how its answers are measured, compared and bounded.

One object a task: ``metric_sets.metric_set_of``. The arrays of n rows:

| task | label | prediction | decision |
|---|---|---|---|
| binary | bool: what happened | probability | bool |
| regression | float64 | predicted mean, in the label's unit | bool, or None where nothing is decided |
| multiclass | int64: place of the observed class | (n, c) probability of each class | None |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from nightloop.evidence.fairness.group_counts import Mean
from nightloop.evidence.gates.limits import SuspicionLimits
from nightloop.evidence.intervals import Bools, Estimate, Floats, Nights
from nightloop.evidence.verdict import Figure

Labels = NDArray[Any]


class MetricSet(Protocol):
    """How one task is measured."""

    @property
    def metric(self) -> str:
        """Name of the figure that decides."""

    @property
    def title(self) -> str:
        """The same, for people."""

    @property
    def answers(self) -> str:
        """What an answer is called: probability, prediction."""

    @property
    def no_skill(self) -> float:
        """The value of ``discrimination`` without any skill."""

    @property
    def higher_is_better(self) -> bool:
        """Which way the metric points."""

    @property
    def second(self) -> tuple[str, str]:
        """Name and title of the figure that a page shows beside the first."""

    @property
    def skill(self) -> tuple[str, str]:
        """Name and title of the share of error that answers save over the best constant one: 1 is all of it, below 0 costs.

        The constant is the base rate, mean or shares of the same rows, which nobody knew beforehand.
        """

    @property
    def by_group(self) -> Mapping[str, str]:
        """Figures that a page shows of each group: name -> heading."""

    def is_invalid(self, prediction: Floats) -> Bools:
        """Mark the rows (n,) whose prediction is not one: not finite, or no probability."""

    def constant_label(self, label: Labels) -> str | None:
        """Return in words the one value that all labels have; None where they differ."""

    def estimate(self, label: Labels, prediction: Floats) -> Estimate:
        """Return the metric."""

    def improvement(self, label: Labels, one: Floats, other: Floats, nights: Nights = None) -> Estimate:
        """Return by how much ``one`` improves on ``other`` on the same rows: positive is better, whatever the metric.

        With ``nights``, night by night: an order of rows is then compared within each night alone.
        """

    def discrimination(self, label: Labels, prediction: Floats, nights: Nights) -> Figure:
        """Return the figure that proves any skill: its lower end must be above ``no_skill``."""

    def too_good(self, value: float, limits: SuspicionLimits) -> str | None:
        """Return in words which limit of suspicion a figure is beyond."""

    def all_figures(
        self, label: Labels, prediction: Floats, nights: Nights = None, *, group: str = "all"
    ) -> tuple[Figure, ...]:
        """Return every figure of one model on one set of rows."""

    def calibration(self, label: Labels, prediction: Floats, nights: Nights) -> tuple[Figure, ...]:
        """Return the figures of the calibration gate: error, bias, then what else belongs to them."""

    def group_mean(
        self, name: str, label: Labels, prediction: Floats, decision: Bools | None, *, costs: tuple[float, float] | None = None
    ) -> Mean:
        """Return the mean of that name which groups are compared by (``fairness.MEASURES``).

        Args:
            name: of the mean.
            label, prediction, decision: of the rows.
            costs: of a false positive and of a false negative, for ``error_cost``.
        """

    def realised(self, label: Labels, prediction: Floats, decision: Bools | None, nights: Nights) -> Sequence[Figure]:
        """Return every figure of matured scores."""

    def group_rates(self, label: Labels, prediction: Floats, decision: Bools | None) -> Mapping[str, tuple[Bools, Bools]]:
        """Return rates that only groups are measured by: name -> (hits, among which rows)."""

    def predicted_and_observed(self, label: Labels, prediction: Floats) -> tuple[Floats, Floats]:
        """Return prediction and observation as one number each a row, whose means ought to be equal: for calibration curves."""

    def bounds(self, metric: str) -> tuple[float, float]:
        """Return the least and the most a figure can be: Student's t on few nights reaches beyond."""
