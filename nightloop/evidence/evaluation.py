"""What the gates judge: what candidate, baseline and earlier champions predicted for the same rows, and what came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.intervals import Bools, Floats, Nights
from nightloop.evidence.metric_set import Labels, MetricSet
from nightloop.evidence.metric_sets import BINARY
from nightloop.evidence.metrics import figure
from nightloop.evidence.verdict import Figure

MINIMUM_NIGHTS = 5  # fewer tell too little about other nights


@dataclass(frozen=True)
class Evaluation:
    """Predictions of candidate, baseline and champion for the same rows, which none of them was fitted on.

    Attributes:
        night: (n,) the night each row was scored.
        label: (n,) the observed label, as the metric set has it.
        candidate, baseline: (n,) or (n, c) predictions.
        champion: the same, NaN on rows the champion has seen; None when there is none to compare with.
        group: (n,) text, the group of the fairness gate.
        decision: (n,) bool, the candidate's; None where nothing is decided.
        metric_set: how the task is measured.
        anchor: like ``champion``, of the best champion of the year; None when there is none to compare with.
        champion_version: whom the candidate would replace.
        anchor_version: the best champion of the year; the champion itself where it is that one.
        unable: champions of the year that cannot answer what is asked today, so that nothing is compared with them.
        covered: (n,) 1 where the outcome lay within the reach of the candidate's answer, else 0; None: nothing is promised.
        promised: the share of rows that is promised to; None where nothing is.
        promised_classes: classes of whose rows by themselves it is promised too.
        attributes: name -> (n,) text, what else the fairness gate divides by.
        earlier: the same of earlier nights, one an origin, oldest first: what the recipes of all predicted there.
    """

    night: NDArray[Any]
    label: Labels
    candidate: Floats
    baseline: Floats
    champion: Floats | None
    group: NDArray[Any]
    decision: Bools | None
    metric_set: MetricSet = BINARY
    anchor: Floats | None = None
    champion_version: int | None = None
    anchor_version: int | None = None
    unable: tuple[int, ...] = ()
    attributes: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    covered: Floats | None = None
    promised: float | None = None
    promised_classes: tuple[str, ...] = ()
    earlier: tuple[Evaluation, ...] = ()

    @cached_property
    def everything(self) -> Evaluation:
        """The rows of the newest nights and of all earlier origins, as one."""
        parts = (*self.earlier, self)

        def joined(name: str) -> Any:
            columns = [getattr(part, name) for part in parts]
            return None if any(column is None for column in columns) else np.concatenate(columns)

        return replace(
            self,
            **{name: joined(name) for name in ("night", "label", "candidate", "baseline", "group", "decision")},
            champion=joined("champion"),
            anchor=joined("anchor"),
            attributes={name: np.concatenate([part.attributes[name] for part in parts]) for name in self.attributes},
            earlier=(),
            covered=None,
            promised=None,
        )

    @property
    def nights(self) -> int:
        """Number of nights that the rows are of."""
        return len(np.unique(self.night))

    def metric(self, name: str, prediction: Floats) -> Figure:
        """Return the task's metric of a prediction, under a name."""
        return figure(name, self.metric_set.estimate(self.label, prediction), self.night, len(self.label))

    def improvement(self, name: str, other: Floats) -> Figure:
        """Return by how much the candidate is better than another, paired by row and night by night, under a name."""
        return self._difference(name, other, self.night)

    def improvement_across(self, name: str, other: Floats) -> Figure:
        """Return the same over all rows at once: to know a bad night from a good one counts too."""
        return self._difference(name, other, None)

    def _difference(self, name: str, other: Floats, nights: Nights) -> Figure:
        estimate = self.metric_set.improvement(self.label, self.candidate, other, nights)
        return figure(name, estimate, self.night, len(self.label))

    def of(self, rows: Bools) -> Evaluation:
        """Return some of the rows, without those of earlier origins."""
        return replace(
            self,
            earlier=(),
            night=self.night[rows],
            label=self.label[rows],
            candidate=self.candidate[rows],
            baseline=self.baseline[rows],
            champion=None if self.champion is None else self.champion[rows],
            group=self.group[rows],
            decision=None if self.decision is None else self.decision[rows],
            anchor=None if self.anchor is None else self.anchor[rows],
            attributes={name: values[rows] for name, values in self.attributes.items()},
            covered=None if self.covered is None else self.covered[rows],
        )
