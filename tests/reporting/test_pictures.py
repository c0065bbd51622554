"""Pages as a browser lays them out: nothing is cut off, nothing lies on something else, on a desk and on a phone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from nightloop.definitions.use_case import UseCase
from nightloop.definitions.use_case import Value as Worth
from nightloop.nights import Nights
from nightloop.promotion.verdicts import Judged
from nightloop.reporting import verdict_page, week_page
from nightloop.reporting.quarter import Quarter, Request
from nightloop.reporting.week import Week
from tests.reporting.conftest import line, value, week

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (Debian: package chromium)")

LONG = "number_of_" + "very_" * 20 + "long_names"
WORD = "Anwendungsbereichsüberschreitungswahrscheinlichkeit" * 6  # no space to break at
FAULTS = """() => {
  const faults = [], box = e => e.getBoundingClientRect();
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) faults.push(`the page is ${wide} wide in a window of ${innerWidth}`);
  for (const e of document.querySelectorAll(".card, .tile, li, p, h1, h2, h3, footer, td.words, dd"))
    if (e.clientWidth && e.scrollWidth > e.clientWidth + 1) faults.push(`cut off: ${e.textContent.trim().slice(0, 60)}`);
  for (const svg of document.querySelectorAll("svg")) {
    const around = box(svg), texts = [...svg.querySelectorAll("text")].filter(e => e.textContent.trim());
    for (const e of texts)
      if (box(e).left < around.left - 1 || box(e).right > around.right + 1
          || box(e).top < around.top - 1 || box(e).bottom > around.bottom + 1)
        faults.push(`outside its chart: ${e.textContent}`);
    const ticks = texts.filter(e => e.matches(".tick, .value")).map(box);
    for (const [i, a] of ticks.entries()) for (const b of ticks.slice(i + 1))
      if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2)
        faults.push(`two labels of a chart lie on each other`);
  }
  return faults;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened.new_page()
        opened.close()


CUT = "() => [...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth + 1).length"


def faults(browser: Page, html: str, width: int) -> list[str]:
    browser.set_viewport_size({"width": width, "height": 900})
    browser.set_content(html)
    found: list[str] = browser.evaluate(FAULTS)
    return found


def weeks(case: UseCase) -> dict[str, str]:
    many = {
        (metric, f"{case.gates.fairness.group}=group {i} {LONG}"): value(0.3, 0.2, 0.4)
        for metric in ("selection_rate",)
        for i in range(200)
    }
    tenths = {
        (name, f"tenth {i}"): value(i / 12, i / 13, i / 11)
        for name in ("calibration_said", "calibration_seen")
        for i in range(1, 11)
    }
    huge = {
        ("rows_scored", "all"): value(123_456_789_012.0),
        ("drifted_share", "all"): value(1.0),
        ("auc", "all"): value(0.51234, 0.1, 0.9),
    }
    versions = {
        (f"pooled_{name}", f"model_version={version}"): value(-0.12345, -0.5, 0.5, 123_456_789)
        for name in ("auc", "brier_skill", "calibration_bias", "debiased_calibration_error", "value", "value_captured")
        for version in (0, 1, 2)
    }
    arms = {("rows_scored", f"arm={name}"): value(123_456_789.0) for name in ("champion", "canary")}
    full = {**many, **tenths, **huge, **versions, **arms, ("pooled_value", "all"): value(-123_456_789.0, -2e9, 2e9)}
    long = [line(place, full, drift="fail", decision="retrain", reason=WORD, rows_in=123_456_789_012) for place in range(7)]
    made = {"long": week(long), "no figure": week([line(0)]), "one night": week([line(3, huge)])}
    for each in made.values():
        for night in each.monitored:
            night.decision.update(champion_version=3, champion_as_of=date(2013, 3, 1))
    case = case.model_copy(update={"value": Worth(currency="USD", true_positive=9.0, false_positive=-2.0)})
    return {name: week_page.render(each, case, quarter_of(each)) for name, each in made.items()}


def quarter_of(each: Week) -> Quarter:
    """Return a quarter that ends with the week: its decisions, and of each that was not to keep what came of it."""
    decisions = {night.night: night.decision for night in each.monitored}
    figure = value(0.5, 0.4, 0.6)
    requests = [
        Request(night, "retrain", WORD, f"not promoted: {WORD}", figure, figure, "no difference shown")
        for night, decision in decisions.items()
        if decision["decision"] != "keep"
    ]
    return Quarter(Nights(each.nights.last - timedelta(days=90), each.nights.last), decisions, tuple(requests), 3, 365)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("which", ["long", "no figure", "one night"])
def test_the_weekly_page_shows_all_of_what_it_holds(which: str, width: int, browser: Page, flights: UseCase) -> None:
    assert faults(browser, weeks(flights)[which], width) == []


def test_a_usual_week_is_shown_whole_without_scrolling(browser: Page, flights: UseCase) -> None:
    reason = "Champion version 12 is 29 nights old (at most 30); drift: fail; realised performance: not enough evidence."
    lines = [line(place, {("auc", "all"): value(0.654, 0.469, 0.832, 12_345)}, reason=reason) for place in range(7)]
    for each in lines:
        each.decision.update(performance_verdict="not_enough_evidence", champion_version=12, champion_as_of=date(2013, 3, 1))
    page = week_page.render(week(lines), flights, quarter_of(week(lines)))
    assert faults(browser, page, 1280) == []
    assert browser.evaluate(CUT) == 0


@pytest.mark.parametrize("which", ["long", "no figure", "one night"])
def test_the_weekly_page_is_printed_whole(which: str, browser: Page, flights: UseCase) -> None:
    """On A4 with margins of a centimetre, where nothing can be scrolled."""
    browser.emulate_media(media="print")
    page = re.sub(r"group \d+ number_of_\w+", "group", weeks(flights)[which])
    try:
        assert faults(browser, page, 718) == []
        assert browser.evaluate(CUT) == 0
    finally:
        browser.emulate_media(media="screen")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_of_verdicts_shows_all_of_what_it_holds(width: int, browser: Page, flights: UseCase) -> None:
    figures: list[dict[str, Any]] = [
        {
            "metric": LONG,
            "value": 0.1,
            "low": -0.123456,
            "high": 0.2,
            "n": 123_456_789,
            "group": f"{LONG} {i}",
            "least": 0.0,
            "most": 0.3,
        }
        for i in range(50)
    ]
    verdicts = [Judged("performance", "fail", WORD, tuple(figures), {LONG: 0.123456789})]
    html = verdict_page.render(flights, verdicts, version=4, as_of=date(2024, 1, 26), gates=("performance", "calibration"))
    assert faults(browser, html, width) == []


def test_a_fault_is_seen(browser: Page) -> None:
    svg = '<svg viewBox="0 0 100 20" width="100"><text x="90" y="15">clipped</text></svg>'
    seen = faults(browser, f'<div class="card" style="width:90px;overflow:hidden">{"x" * 99}</div>{svg}', 400)
    assert [fault.split(":")[0] for fault in seen] == ["cut off", "outside its chart"]
