"""Lay a week out as one self-contained HTML page; the same rows give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from nightloop.model.use_case_task import metric_set_for
from nightloop.reporting.charts import bar_chart, calibration_chart, interval_chart
from nightloop.reporting.highlights import highlights
from nightloop.reporting.week import Value, Week

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase

SHOWN_FEATURES = 12


@dataclass(frozen=True)
class Chart:
    """A drawing with its title and what it shows."""

    title: str
    text: str
    svg: Markup


def render(week: Week, use_case: UseCase) -> str:
    """Return the page's HTML. Nothing in it depends on the machine or the time of day."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=False
    )
    metric_set = metric_set_for(use_case)
    measured = f"pooled_{metric_set.second[0]}"
    scored = [item for line in week.monitored if (item := line.figure("rows_scored"))]
    source = next((value.source for (metric, _), value in sorted(week.last.figures.items()) if metric == measured), "")
    return environment.get_template("week.html.j2").render(
        week=week,
        use_case=use_case,
        highlights=highlights(week, use_case),
        metric_set=metric_set,
        pooled=lambda metric: week.last.figure(f"pooled_{metric}"),
        scored=int(sum(item.value for item in scored)),
        versions=sorted({line.decision["champion_version"] for line in week.monitored}),
        drifted=sum(line.decision["drift_verdict"] == "fail" for line in week.monitored),
        charts=[chart for chart in _charts(week, use_case) if chart.svg],
        groups=_groups(week, use_case),
        features=week.features[:SHOWN_FEATURES],
        source=source,
    )


def _charts(week: Week, use_case: UseCase) -> list[Chart]:
    labels = [line.night.strftime("%a %d") for line in week.lines]
    limits = use_case.monitoring
    delay = use_case.label.matures_after
    metric_set, title = metric_set_for(use_case), f"Realised {metric_set_for(use_case).title}"
    limit, limit_name = (limits.auc_floor, "floor") if metric_set.higher_is_better else (limits.error_ceiling, "ceiling")
    shares = [_value(line.figure("drifted_share")) for line in week.lines]
    return [
        Chart(
            title,
            f"Scores of {delay} nights before, 95 % intervals. The {limit_name} is {limit:g}.",
            Markup(  # noqa: S704 - our own SVG, its texts are escaped where they are written
                interval_chart(
                    [line.figure(metric_set.metric) for line in week.lines],
                    labels,
                    name=f"{title} by night",
                    line=limit,
                    line_name=limit_name,
                )
            ),
        ),
        Chart(
            "Calibration",
            f"Mean {metric_set.answers} against what was observed, in tenths of the pooled scores. "
            "On the line, they are equal.",
            Markup(  # noqa: S704 - as above
                calibration_chart(
                    _bins(week.last.figures),
                    name="Calibration of the pooled scores",
                    shares=metric_set.answers == "probability",
                )
            ),
        ),
        Chart(
            "Drifted features",
            f"Share of watched features that drifted; above {limits.drifted_share_limit:.0%} the verdict is fail.",
            Markup(  # noqa: S704 - as above
                bar_chart(
                    shares,
                    labels,
                    name="Share of drifted features by night",
                    format_value=lambda value: f"{value:.0%}",
                    line=limits.drifted_share_limit,
                    line_name="limit",
                )
            ),
        ),
        Chart(
            "Volume",
            "Rows scored each night.",
            Markup(  # noqa: S704 - as above
                bar_chart(
                    [_value(line.figure("rows_scored")) for line in week.lines],
                    labels,
                    name="Rows scored by night",
                    format_value=lambda value: f"{value:,.0f}",
                )
            ),
        ),
    ]


def _value(item: Value | None) -> float | None:
    return None if item is None else item.value


def _bins(figures: Mapping[tuple[str, str], Value]) -> list[tuple[Value, Value]]:
    predicted = {group: value for (metric, group), value in figures.items() if metric == "pooled_calibration_said"}
    return [(value, figures[("pooled_calibration_seen", group)]) for group, value in sorted(predicted.items())]


def _groups(week: Week, use_case: UseCase) -> list[tuple[str, dict[str, Value | None]]]:
    """Return the pooled figures of each fairness group of the newest night."""
    metrics = metric_set_for(use_case).by_group
    head = f"{use_case.gates.fairness.group}="
    names = sorted({group for _, group in week.last.figures if group.startswith(head)})
    return [(name.removeprefix(head), {m: week.last.figure(f"pooled_{m}", name) for m in metrics}) for name in names]
