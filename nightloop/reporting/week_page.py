"""Lay a week out as one self-contained HTML page; the same rows give the same bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from nightloop.evidence.calibration import DEBIASED
from nightloop.evidence.money import CAPTURED, VALUE
from nightloop.evidence.realised import OBSERVED, PREDICTED
from nightloop.model.use_case_task import metric_set_for
from nightloop.monitoring.metrics_table import OF_VERSION
from nightloop.reporting.charts import bar_chart, calibration_chart, interval_chart, short_count, verdict_strips
from nightloop.reporting.highlights import highlights, money
from nightloop.reporting.pages import Picture, page_template
from nightloop.reporting.quarter import Quarter
from nightloop.reporting.week import Value, Week
from nightloop.wording import counted, natural_order

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase

SHOWN_FEATURES = 12


def render(week: Week, use_case: UseCase, quarter: Quarter) -> str:
    """Return the page's HTML. Nothing in it depends on the machine or the time of day."""
    metric_set = metric_set_for(use_case)
    measured = f"pooled_{metric_set.second[0]}"
    scored = [item for line in week.monitored if (item := line.figure("rows_scored"))]
    source = next((value.source for (metric, _), value in sorted(week.last.figures.items()) if metric == measured), "")
    return page_template("week.html.j2").render(
        week=week,
        use_case=use_case,
        highlights=highlights(week, use_case),
        metric_set=metric_set,
        worth=_worth(week, use_case),
        pooled=lambda metric: week.last.figure(f"pooled_{metric}"),
        scored=int(sum(item.value for item in scored)),
        versions=sorted({line.decision["champion_version"] for line in week.monitored}),
        drifted=sum(line.decision["drift_verdict"] == "fail" for line in week.monitored),
        charts=[chart for chart in _charts(week, use_case) if chart.drawing],
        quarter=quarter,
        headings=_headings(use_case),
        paid_by="value captured" if use_case.value else metric_set.title,
        strips=_strips(quarter),
        versions_by_figure=_by_version(week, use_case),
        answered=_answered(week),
        groups=_groups(week, use_case),
        features=week.features[:SHOWN_FEATURES],
        source=source,
    )


def _worth(week: Week, use_case: UseCase) -> str:
    """Return what the pooled answers were worth, in words; empty where no value is declared or nothing matured."""
    worth = week.last.figure("pooled_value")
    return money(worth, use_case.value.currency) if use_case.value and worth else ""


def _strips(quarter: Quarter) -> Picture:
    """Draw drift, performance and decision of each night of the quarter."""
    nights = list(quarter.nights)
    labels = [night.strftime("%b") if night.day == 1 else "" for night in nights]
    strips = {
        strip: [_cell(quarter.decisions.get(night), key, f"{night}: ") for night in nights]
        for strip, key in (("drift", "drift_verdict"), ("performance", "performance_verdict"), ("decision", "decision"))
    }
    drawing = verdict_strips(strips, labels, name="Verdicts and decisions by night, 13 weeks")
    text = (
        "A night is a column: green passed or kept, red failed, amber could not be judged or decided otherwise, grey unknown."
    )
    return _chart("Verdicts and decisions", text, drawing)


def _cell(decision: Mapping[str, Any] | None, key: str, head: str) -> tuple[str, str]:
    outcome = str(decision.get(key) or "none") if decision else "none"
    words = "not monitored" if decision is None else outcome.replace("_", " ")
    return outcome, f"{head}{words}"


def _by_version(week: Week, use_case: UseCase) -> list[tuple[str, dict[str, Value | None]]]:
    """Return the realised figures of each version of the newest performance window."""
    metric_set, last = metric_set_for(use_case), week.last
    bias = "bias" if use_case.model.task == "regression" else "calibration_bias"
    names = (metric_set.metric, metric_set.skill[0], bias, DEBIASED, *((VALUE, CAPTURED) if use_case.value else ()))
    groups = sorted({group for _, group in last.figures if group.startswith(OF_VERSION)}) or ["all"]
    rows = [
        (group.removeprefix(OF_VERSION), {name: last.figure(f"pooled_{name}", group) for name in names}) for group in groups
    ]
    return [(version, figures) for version, figures in rows if any(figures.values())]


def _headings(use_case: UseCase) -> dict[str, str]:
    """Return what the figures of a version are called."""
    metric_set, currency = metric_set_for(use_case), use_case.value.currency if use_case.value else ""
    names = {metric_set.metric: metric_set.title, metric_set.skill[0]: metric_set.skill[1]}
    rest = {"bias": "bias", "calibration_bias": "bias", DEBIASED: "calibration error", VALUE: currency, CAPTURED: "captured"}
    return names | rest


def _answered(week: Week) -> list[tuple[str, int]]:
    """Return how many rows of the week each arm of a split, or rung of a ladder, answered."""
    counts: Counter[str] = Counter()
    for line in week.monitored:
        for (metric, group), item in line.figures.items():
            if metric == "rows_scored" and group != "all":
                counts[group.replace("=", " ")] += int(item.value)
    return sorted(counts.items())


def _charts(week: Week, use_case: UseCase) -> list[Picture]:
    labels = [line.night.strftime("%a %d") for line in week.lines]
    return [
        _realised(week, use_case, labels),
        _calibration(week, use_case),
        _drift(week, use_case, labels),
        _volume(week, labels),
    ]


def _realised(week: Week, use_case: UseCase, labels: Sequence[str]) -> Picture:
    metric_set, limits = metric_set_for(use_case), use_case.monitoring
    limit, limit_name = (limits.auc_floor, "floor") if metric_set.higher_is_better else (limits.error_ceiling, "ceiling")
    title = f"Realised {metric_set.title}"
    text = f"Scores of {counted(use_case.label.matures_after)} before, 95 % intervals. The {limit_name} is {limit:g}."
    values = [line.figure(metric_set.metric) for line in week.lines]
    return _chart(title, text, interval_chart(values, labels, name=f"{title} by night", line=limit, line_name=limit_name))


def _calibration(week: Week, use_case: UseCase) -> Picture:
    answers = metric_set_for(use_case).answers
    text = f"Mean {answers} against what was observed, in tenths of the pooled scores. On the line, they are equal."
    name, bins = "Calibration of the pooled scores", _bins(week.last.figures)
    return _chart("Calibration", text, calibration_chart(bins, name=name, shares=answers == "probability"))


def _drift(week: Week, use_case: UseCase, labels: Sequence[str]) -> Picture:
    limit = use_case.monitoring.drifted_share_limit
    svg = bar_chart(
        [_value(line.figure("drifted_share")) for line in week.lines],
        labels,
        name="Share of drifted features by night",
        format_value=lambda value: f"{value:.0%}",
        line=limit,
        line_name="limit",
    )
    return _chart("Drifted features", f"Share of watched features that drifted; above {limit:.0%} the verdict is fail.", svg)


def _volume(week: Week, labels: Sequence[str]) -> Picture:
    counts = [_value(line.figure("rows_scored")) for line in week.lines]
    svg = bar_chart(counts, labels, name="Rows scored by night", format_value=short_count)
    return _chart("Volume", "Rows scored each night.", svg)


def _chart(title: str, text: str, svg: str) -> Picture:
    return Picture(title, text, Markup(svg))  # noqa: S704 - our own SVG, its texts are escaped where they are written


def _value(item: Value | None) -> float | None:
    return None if item is None else item.value


def _bins(figures: Mapping[tuple[str, str], Value]) -> list[tuple[Value, Value]]:
    predicted = {group: value for (metric, group), value in figures.items() if metric == f"pooled_{PREDICTED}"}
    return [(value, figures[(f"pooled_{OBSERVED}", group)]) for group, value in sorted(predicted.items())]


def _groups(week: Week, use_case: UseCase) -> list[tuple[str, dict[str, Value | None]]]:
    """Return the pooled figures of each fairness group of the newest night."""
    column, metrics = use_case.gates.fairness.group, metric_set_for(use_case).by_group
    if column is None:
        return []
    head = f"{column}="
    names = sorted({group for _, group in week.last.figures if group.startswith(head)}, key=natural_order)
    return [(name.removeprefix(head), {m: week.last.figure(f"pooled_{m}", name) for m in metrics}) for name in names]
