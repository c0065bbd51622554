"""Charts put a value where it belongs, and say what they do not know."""

import re

import pytest

from nightloop.reporting.charts import Axis, bar_chart, calibration_chart, interval_chart, short_count
from nightloop.reporting.week import Value


def value(of, low=None, high=None):
    return Value(of, low, high, 100, "test")


@pytest.mark.parametrize("ends", [(0.0, 1.0), (0.61, 0.79), (0, 1200), (0.0, 1e-9), (-3, 17)])
def test_an_axis_has_a_few_round_ticks_within_its_ends(ends):
    ticks = Axis(*ends, 0, 100).ticks
    assert 3 <= len(ticks) <= 6
    assert all(ends[0] - 1e-12 <= tick <= ends[1] * 1.0000001 + 1e-12 for tick in ticks)


def test_a_higher_value_is_drawn_higher():
    drawn = interval_chart([value(0.6, 0.5, 0.7), value(0.8, 0.7, 0.9)], ["a", "b"], name="AUC", line=0.5, line_name="floor")
    low, high = [float(y) for y in re.findall(r'<circle[^>]*cy="([\d.]+)"', drawn)]
    assert high < low


def test_a_night_without_a_value_leaves_a_gap_that_shows():
    drawn = interval_chart([value(0.6), None], ["a", "b"], name="AUC", line=None, line_name="")
    assert drawn.count("<circle") == 1
    assert ">–</text>" in drawn
    assert interval_chart([None], ["a"], name="AUC", line=None, line_name="") == ""


def test_bars_over_the_limit_stand_out():
    drawn = bar_chart([0.2, 0.6, None], ["a", "b", "c"], name="share", format_value=lambda x: f"{x:.0%}", line=0.5)
    assert drawn.count('class="bar over"') == 1
    assert drawn.count('class="bar"') == 1


def test_labels_are_escaped():
    assert "<b>" not in bar_chart([1.0], ["<b>"], name='"><b>', format_value=str)


def test_perfect_calibration_lies_on_the_diagonal():
    drawn = calibration_chart([(value(p), value(p, p, p)) for p in (0.1, 0.4)], name="calibration")
    across = [float(x) for x in re.findall(r'cx="([\d.]+)"', drawn)]
    up = [float(y) for y in re.findall(r'cy="([\d.]+)"', drawn)]
    start = re.search(r'class="limit" x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)"', drawn)
    x1, y1, x2, y2 = map(float, start.groups())
    for x, y in zip(across, up, strict=True):
        assert y == pytest.approx(y1 + (x - x1) / (x2 - x1) * (y2 - y1), abs=0.2)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (1234, "1,234"),
        (99_999, "99,999"),
        (99_999.6, "100k"),
        (123_456, "123k"),
        (999_499, "999k"),
        (999_600, "1M"),
        (1_234_567, "1.23M"),
        (123_456_789_012, "123bn"),
        (5e12, "5tn"),
        (1e16, "1e+16"),
    ],
)
def test_a_count_is_as_short_as_its_place(count, text):
    assert short_count(count) == text
