"""The page of the verdicts on a candidate shows every gate, figure and limit that the ledger holds."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from nightloop.definitions.use_case import UseCase
from nightloop.evidence.verdict import Figure
from nightloop.promotion.verdicts import Judged
from nightloop.reporting.charts import interval_strip
from nightloop.reporting.verdict_page import limit_in_words, render
from tests.jobs.conftest import definition

GATES = ("performance", "calibration", "fairness")
USE_CASE = UseCase.model_validate(definition())


def figure(
    metric: str, value: float | None, low: float | None = None, high: float | None = None, **more: Any
) -> dict[str, Any]:
    return {"metric": metric, "value": value, "low": low, "high": high, "n": 1300, "group": "all", **more}


PERFORMANCE = Judged(
    "performance",
    "fail",
    "AUC 0.612 [0.490 to 0.734] may be no better than a coin <script>.",
    (figure("auc", 0.612, 0.49, 0.734, least=0.5, most=0.8), figure("baseline_auc", None)),
    {"over_baseline": -0.05, "rule": "non_inferior"},
)
CURVE = [
    figure(metric, value, low, high, group=f"tenth {i}")
    for i in (1, 2)
    for metric, value, low, high in (("calibration_said", i / 10, None, None), ("calibration_seen", i / 9, i / 12, i / 8))
]
CALIBRATION = Judged("calibration", "pass", "Error 0.02.", (figure("calibration_error", 0.02, 0.01, 0.03, most=0.05), *CURVE))


def page(*verdicts: Judged) -> str:
    return render(USE_CASE, verdicts, version=4, as_of=date(2024, 1, 26), gates=GATES)


def test_every_gate_stands_there_with_its_outcome_and_sentence_and_one_without_a_verdict_as_such() -> None:
    html = page(PERFORMANCE, CALIBRATION)
    assert re.findall(r'<section class="card gate" id="(\w+)">', html) == list(GATES)
    assert 'performance <span class="chip fail">fail</span>' in html
    assert "may be no better than a coin &lt;script&gt;." in html
    assert "This gate has not judged the candidate. No verdict is no pass." in html


def test_a_figure_stands_with_its_interval_its_limit_and_its_rows() -> None:
    html = page(PERFORMANCE)
    row = html[html.index('<span class="name">auc</span>') :].split("</div>")[0]
    assert "<b>0.612</b>" in row and "0.49 to 0.734" in row and "0.5 to 0.8" in row and "n = 1,300" in row
    assert '<span class="name">baseline auc</span><span class="plot"></span>' in html  # nothing to draw where there is none
    assert "<dt>over baseline</dt><dd>-0.05</dd>" in html


def test_the_reliability_curve_is_drawn_with_intervals_and_not_listed() -> None:
    html = page(CALIBRATION)
    curve = html[html.index("Reliability curve") :]
    assert curve.count('class="whisker"') == 2 and "predicted 10.0%" in curve
    assert "calibration said" not in html
    assert "Reliability curve" not in page(PERFORMANCE)


def test_groups_of_one_metric_share_a_scale() -> None:
    rates = [
        figure("selection_rate", value, value - 0.05, value + 0.05, group=name) for name, value in (("a", 0.2), ("b", 0.6))
    ]
    html = page(Judged("fairness", "pass", "Alike.", tuple(rates)))
    first, second = (float(x) for x in re.findall(r'<circle class="dot" cx="([\d.]+)"', html))
    assert first < 100 and second > 200
    assert "<h3>Selection rate</h3>" in html


def test_groups_stand_in_the_order_people_count_in() -> None:
    bands = ["100-109", "20-29", "0-9", "10-19"]
    html = page(Judged("fairness", "pass", "Alike.", tuple(figure("selection_rate", 0.2, group=band) for band in bands)))
    shown = re.findall(r"\b\d+-\d*9\b", html.partition("<h3>Selection rate</h3>")[2])
    assert shown[:4] == ["0-9", "10-19", "20-29", "100-109"]


def test_the_page_needs_nothing_from_outside_and_runs_nothing() -> None:
    html = page(PERFORMANCE, CALIBRATION)
    assert not re.search(r"<script|https?://|url\(|@import|src=", html)
    assert "prefers-color-scheme: dark" in html and "@media print" in html and "width=device-width" in html
    assert html == page(PERFORMANCE, CALIBRATION)


@pytest.mark.parametrize(("least", "most", "words"), [(0.5, None, "at least 0.5"), (None, 2, "at most 2"), (-1, 1, "-1 to 1")])
def test_where_a_figure_may_be_is_shaded_up_to_its_limit(least: float | None, most: float | None, words: str) -> None:
    line = Figure("auc", 0.7, 0.6, 0.8, 9, "all", least, most)
    drawn = interval_strip(line, [end for end in (0.7, 0.6, 0.8, least, most) if end is not None])
    start, width = (float(x) for x in re.findall(r'class="allowed" x="([\d.]+)" y="0" width="([\d.]+)"', drawn)[0])
    ends = [float(x) for x in re.findall(r'class="limit" x1="([\d.]+)"', drawn)]
    assert ends == pytest.approx([end for end, limit in ((start, least), (start + width, most)) if limit is not None], abs=0.11)
    assert limit_in_words(line) == words


def test_a_figure_of_one_value_only_can_be_drawn() -> None:
    assert "<circle" in interval_strip(Figure("gap", 0.0, None, None, 9), [0.0])
