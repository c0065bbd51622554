"""Lay the verdicts on a candidate out as one self-contained HTML page: every gate, its sentence, its figures against limits.

From what the ledger holds of the gates alone: the same verdicts give the same bytes, on any machine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from nightloop.evidence.realised import OBSERVED, PREDICTED
from nightloop.evidence.verdict import Figure
from nightloop.reporting.charts import calibration_chart, interval_strip
from nightloop.reporting.pages import page_template
from nightloop.reporting.week import Value
from nightloop.wording import natural_order

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.nights import Night
    from nightloop.promotion.verdicts import Judged


@dataclass(frozen=True)
class Line:
    """A row of the forest plot: a figure under its name, with its drawing."""

    name: str
    figure: Figure
    drawing: Markup

    @property
    def interval(self) -> str:
        """Its ends in words."""
        low, high = self.figure.low, self.figure.high
        return "" if low is None or high is None else f"{low:.3g} to {high:.3g}"

    @property
    def limit(self) -> str:
        """What it may be, in words."""
        return limit_in_words(self.figure)


@dataclass(frozen=True)
class Section:
    """One gate on the page.

    Attributes:
        gate, outcome, reason: of the verdict.
        limits: what the use case declares, in words.
        lines: figures of all rows.
        groups: metric -> figures of groups, on one scale each.
        curve: the reliability curve; empty where the gate has none.
        evaluation: digest of what was judged.
    """

    gate: str
    outcome: str
    reason: str
    limits: Sequence[tuple[str, str]]
    lines: Sequence[Line]
    groups: Mapping[str, Sequence[Line]]
    curve: Markup
    evaluation: str


def render(
    use_case: UseCase, verdicts: Sequence[Judged], *, version: int, as_of: Night, gates: Sequence[str], shares: bool = True
) -> str:
    """Return the page's HTML.

    Args:
        use_case: whose candidate.
        verdicts: of the gates that have judged it.
        version: the candidate's.
        as_of: the night it was trained as of.
        gates: all of them, in order; those without a verdict are named as such.
        shares: whether answers are probabilities, so that the curve goes from 0 to 1.
    """
    judged = {verdict.gate: _section(verdict, shares=shares) for verdict in verdicts}
    page = page_template("verdicts.html.j2")
    return page.render(use_case=use_case, version=version, as_of=as_of, gates=gates, judged=judged)


def _section(verdict: Judged, *, shares: bool) -> Section:
    figures = [Figure.from_json(of) for of in verdict.listed]
    of_groups = sorted((of for of in figures if of.group != "all"), key=lambda of: (of.metric, natural_order(of.group)))
    return Section(
        verdict.gate,
        verdict.outcome,
        verdict.reason,
        [(_words(name), _in_words(value)) for name, value in verdict.limits.items()],
        [_line(_words(of.metric), of, [of]) for of in figures if of.group == "all"],
        {_words(metric): _together(list(of)) for metric, of in groupby(of_groups, key=lambda of: of.metric)},
        _curve(verdict.figures, shares=shares),
        verdict.evaluation,
    )


def limit_in_words(of: Figure) -> str:
    """Say what a figure may be."""
    if of.least is not None and of.most is not None:
        return f"{of.least:g} to {of.most:g}"
    words = [("at least", of.least), ("at most", of.most)]
    return " ".join(f"{word} {limit:g}" for word, limit in words if limit is not None)


def _together(figures: Sequence[Figure]) -> list[Line]:
    """Draw figures of groups on one scale."""
    return [_line(of.group, of, figures) for of in figures]


def _line(name: str, of: Figure, beside: Sequence[Figure]) -> Line:
    ends = [end for each in beside for end in (each.value, each.low, each.high, each.least, each.most) if end is not None]
    drawing = interval_strip(of, [end for end in ends if math.isfinite(end)])
    return Line(name, of, Markup(drawing))  # noqa: S704 - our own SVG, no text


def _words(name: str) -> str:
    return name.replace("_", " ")


def _curve(figures: Sequence[Mapping[str, Any]], *, shares: bool) -> Markup:
    points: dict[str, dict[str, Value]] = {PREDICTED: {}, OBSERVED: {}}
    for of in figures:
        if of["metric"] in points:
            points[of["metric"]][of["group"]] = Value(of["value"], of["low"], of["high"], of["n"], "")
    bins = [(predicted, points[OBSERVED][group]) for group, predicted in points[PREDICTED].items()]
    chart = calibration_chart(bins, name="Mean answer and mean observation, by tenths of the answers", shares=shares)
    return Markup(chart)  # noqa: S704 - our own SVG


def _in_words(value: object) -> str:
    """Write a declared limit for a person: ``selection_rate_ratio 0.3, calibration_bias 0.07``."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_in_words(of)}" for name, of in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_in_words(of) if not isinstance(of, list) else " x ".join(map(str, of)) for of in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
