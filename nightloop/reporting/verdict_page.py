"""Lay the verdicts on a candidate out as one self-contained HTML page: every gate, its sentence, its figures against limits.

From what the ledger holds of the gates alone: the same verdicts give the same bytes, on any machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from nightloop.reporting.charts import calibration_chart, interval_strip
from nightloop.reporting.week import Value

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.nights import Night
    from nightloop.promotion.verdicts import Judged

PREDICTED, OBSERVED = "calibration_said", "calibration_seen"  # points of the reliability curve


@dataclass(frozen=True)
class Line:
    """A figure of a verdict: what a row of the forest plot shows.

    Attributes:
        value: NaN where there is none.
        group: of which rows; "" for all.
    """

    metric: str
    group: str
    value: float
    low: float | None
    high: float | None
    n: int
    least: float | None
    most: float | None

    @property
    def interval(self) -> str:
        """Its ends in words."""
        return "" if self.low is None or self.high is None else f"{self.low:.3g} to {self.high:.3g}"

    @property
    def limit(self) -> str:
        """What it may be, in words."""
        if self.least is not None and self.most is not None:
            return f"{self.least:g} to {self.most:g}"
        words = [("at least", self.least), ("at most", self.most)]
        return " ".join(f"{word} {limit:g}" for word, limit in words if limit is not None)


@dataclass(frozen=True)
class Section:
    """One gate on the page.

    Attributes:
        gate, outcome, reason: of the verdict.
        limits: what the use case declares, in words.
        lines: figures of all rows, each with its drawing.
        groups: metric -> figures of groups, on one scale each.
        curve: the reliability curve; empty where the gate has none.
        evaluation: digest of what was judged.
    """

    gate: str
    outcome: str
    reason: str
    limits: Sequence[tuple[str, str]]
    lines: Sequence[tuple[Line, Markup]]
    groups: Mapping[str, Sequence[tuple[Line, Markup]]]
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
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)
    judged = {verdict.gate: _section(verdict, shares=shares) for verdict in verdicts}
    page = environment.get_template("verdicts.html.j2")
    return page.render(use_case=use_case, version=version, as_of=as_of, gates=gates, judged=judged)


def _section(verdict: Judged, *, shares: bool) -> Section:
    lines = [_line(figure) for figure in verdict.figures if figure["metric"] not in (PREDICTED, OBSERVED)]
    whole = [line for line in lines if not line.group]
    of_groups = sorted((line for line in lines if line.group), key=lambda line: line.metric)
    return Section(
        verdict.gate,
        verdict.outcome,
        verdict.reason,
        [(name.replace("_", " "), _in_words(value)) for name, value in verdict.limits.items()],
        [_drawn(line, [line]) for line in whole],
        {metric: _together(rows) for metric, rows in groupby(of_groups, key=lambda line: line.metric)},
        _curve(verdict.figures, shares=shares),
        verdict.evaluation,
    )


def _line(figure: Mapping[str, Any]) -> Line:
    return Line(
        str(figure["metric"]).replace("_", " "),
        "" if figure["group"] == "all" else str(figure["group"]),
        math.nan if figure["value"] is None else float(figure["value"]),
        figure["low"],
        figure["high"],
        int(figure["n"]),
        figure.get("least"),
        figure.get("most"),
    )


def _together(rows: Iterable[Line]) -> list[tuple[Line, Markup]]:
    """Draw rows on one scale."""
    lines = list(rows)
    return [_drawn(line, lines) for line in lines]


def _drawn(line: Line, beside: Sequence[Line]) -> tuple[Line, Markup]:
    ends = [end for each in beside for end in (each.value, each.low, each.high, each.least, each.most) if end is not None]
    return line, Markup(interval_strip(line, [end for end in ends if math.isfinite(end)]))  # noqa: S704 - our own SVG, no text


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
