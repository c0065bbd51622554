"""The page: no script, nothing from outside, every text escaped, every cell with words and a way on."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser

import pytest

from nightloop.alerts import Alert, StoredAlert
from nightloop.control_room.cells import SIGNS, Answer, Cell, State
from nightloop.control_room.page import APART, grids, policy, render, render_reports, troubles
from nightloop.control_room.reading import SHOWN_NIGHTS
from nightloop.control_room.room import Overview
from nightloop.control_room.sparkline import sparkline
from nightloop.control_room.summary import ChampionLine, Realised, Summary
from nightloop.control_room.waiting import Wait
from nightloop.nights import Night
from nightloop.reporting.week import Value

LAST = date(2024, 3, 14)
DAY = timedelta(days=1)
NOW = datetime(2024, 3, 15, 8, 0, tzinfo=UTC)
HOSTILE = """<script>alert(1)</script>"'&{{ 7 * 7 }}"""
REALISED = Realised("AUC", tuple((LAST - n * DAY, Value(0.7, 0.6, 0.8, 9, "s")) for n in (2, 1, 0)), 0.65)


def summary(name: str = "loans", last: Night = LAST, state: State = "scored", **changes: object) -> Summary:
    nights = (last - n * DAY for n in reversed(range(SHOWN_NIGHTS)))
    return replace(
        Summary(name, "Will it be repaid?", "ops", cells=tuple(Cell(night, state, "") for night in nights)), **changes
    )


def address(use_case: str, night: Night | None, answer: Answer) -> str:
    return {"nothing": "", "address": answer.subject}.get(
        answer.target, f"at/{use_case}/{night}/{answer.target}/{answer.subject}"
    )


def html(*summaries: Summary, unread: tuple[str, ...] = ()) -> str:
    return render(Overview(summaries, unread, NOW), address)


class Reader(HTMLParser):
    """What a browser reads: tags with their attributes, and texts; a tag left open is a mistake."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text, self.unclosed = "", list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in {"meta", "br"}:
            self.unclosed.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile() -> Summary:
    alert = Alert("stage_failed", HOSTILE, None, "a.b", HOSTILE, HOSTILE, HOSTILE, "now", link="javascript:alert(1)")
    nights = tuple(LAST - n * DAY for n in reversed(range(SHOWN_NIGHTS)))
    return Summary(
        HOSTILE, HOSTILE, HOSTILE, "high",
        cells=tuple(Cell(night, "waiting", HOSTILE, Answer("address", "javascript:alert(1)"), (HOSTILE,)) for night in nights),
        champion=ChampionLine(1, LAST, 1, 30, HOSTILE),
        waits=(Wait(HOSTILE, Answer("page", HOSTILE)),),
        alerts=(StoredAlert("a", alert, NOW),),
        realised=replace(REALISED, title=HOSTILE),
    )  # fmt: skip


def test_hostile_names_and_reasons_are_text_and_nothing_else() -> None:
    reader = Reader(html(hostile(), Summary(HOSTILE, error=HOSTILE), unread=(HOSTILE,)))
    assert reader.unclosed == [] and "script" not in {tag for tag, _ in reader.tags}
    assert reader.text.count(HOSTILE) > 5 and "49" not in reader.text
    assert not [value for _, attributes in reader.tags for value in attributes.values() if value.startswith("javascript:")]
    assert not [name for _, attributes in reader.tags for name in attributes if name.startswith("on") or name == "style"]


def test_the_page_asks_for_nothing_and_its_policy_lets_nothing_else_in() -> None:
    text = html(summary(realised=REALISED), hostile())
    assert not re.search(r"src=|url\(|@import|<link|<script", text.replace("&lt;script", ""))
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy() == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    assert "prefers-color-scheme: dark" in style and "max-width: 760px" in style


@pytest.mark.parametrize("state", [state for state in SIGNS if state != "none"])
def test_each_cell_has_sign_words_and_a_way_on(state: State) -> None:
    cell = Cell(LAST, state, "because", Answer("runs", "score"))
    reader = Reader(html(summary(cells=(cell,), built=(LAST, 0.1))))
    (link,) = [attributes for _, attributes in reader.tags if attributes.get("aria-label", "").startswith(f"{LAST} {state}")]
    assert link["href"] == "at/loans/2024-03-14/runs/score" and link["title"] == f"{LAST} {state}: because"
    assert link["class"] == f"state {state.replace(' ', '-')}"
    assert reader.text.count(SIGNS[state][0]) >= 2  # in the grid and in the legend


def test_a_cell_without_a_way_on_is_no_link() -> None:
    reader = Reader(html(summary(cells=(Cell(LAST, "not due", ""),), built=(LAST, 0.1))))
    labelled = [
        tag for tag, attributes in reader.tags if attributes.get("class") == "state not-due" and "aria-label" in attributes
    ]
    assert labelled == ["span"]


def test_a_page_that_is_not_whole_loads_again_soon() -> None:
    assert 'content="2"' in html(summary(), unread=("wares",)) and "1 more use case is being read" in html(unread=("wares",))
    assert 'content="120"' in html(summary()) and "being read" not in html(summary())


@pytest.mark.parametrize(("apart", "count"), [(0, 1), (APART, 1), (APART + 1, 2)])
def test_use_cases_whose_nights_lie_together_share_a_grid(apart: int, count: int) -> None:
    made = grids([summary("b", LAST - apart * DAY), summary("a")])
    assert len(made) == count and made[0].nights[-1] == LAST
    if count == 1:
        assert [row.name for row, _ in made[0].rows] == ["a", "b"]
        assert [cell.night for cell in made[0].rows[1][1]] == list(made[0].nights)
        assert [cell.state for cell in made[0].rows[1][1]].count("none") == apart


def test_what_is_wrong_for_one_reason_is_one_line() -> None:
    cells = (
        Cell(LAST - 2 * DAY, "missing", "not taken in", Answer("runs", "ingest")),
        Cell(LAST - DAY, "missing", "not taken in", Answer("runs", "ingest")),
        Cell(LAST, "waiting", "ingest failed", Answer("runs", "ingest")),
        Cell(LAST + DAY, "stale", "an input", Answer("runs", "score")),
    )
    waits = (Wait("approval of candidate 2", Answer("approvals"), LAST, is_approval=True),)
    lines = [trouble.in_words() for trouble in troubles([summary(cells=cells, waits=waits)])]
    assert lines == [
        "approval of candidate 2",
        "2024-03-12..2024-03-13: missing: not taken in",
        "2024-03-14: waiting: ingest failed",
    ]


def test_alerts_of_the_installation_come_first_and_an_alias_is_named_once() -> None:
    alert = Alert("sweep_failed", "", None, "sweep.sweep", "the sweep failed", "why", "do", "today", link="https://a/b")
    alias = Alert("alias_moved", "loans", None, "alias champion", "the alias was moved", "why", "do", "today")
    of_loans = summary(alerts=(StoredAlert("b", alias, NOW),), waits=(Wait("alias moved by hand", Answer("nothing")),))
    made = list(troubles([of_loans], [StoredAlert("a", alert, NOW)]))
    assert [(trouble.use_case, trouble.in_words()) for trouble in made] == [
        ("Nightloop", "the sweep failed"),
        ("loans", "alias moved by hand"),
    ]
    text = render(Overview((of_loans,), (), NOW, (StoredAlert("a", alert, NOW),)), address)
    assert '<a href="https://a/b">the sweep failed</a>' in text


def test_what_has_not_begun_takes_no_grid() -> None:
    idle = summary("wares", state="not due")
    text = html(summary(), idle)
    assert "no night was taken in" in text and text.count("<table>") == 1 and text.count("<tbody>\n<tr>") == 1
    begun = replace(idle, built=(LAST, 0.1))
    assert "no night was taken in" not in html(summary(), begun) and "no night was taken in" not in html(
        summary(state="missing")
    )


def test_a_quiet_installation_says_so() -> None:
    assert "Nothing is missing, and nothing waits for a person." in html(summary())
    assert "No use case is declared." in html()


def test_a_sparkline_is_a_line_over_its_intervals_with_the_limit() -> None:
    svg = sparkline(REALISED)
    assert svg.count("<polyline") == svg.count("<polygon") == svg.count('class="limit"') == 1
    points = re.search(r'polyline class="line" points="([^"]+)"', svg)
    assert points is not None and len(points[1].split()) == 3
    assert "newest 0.700 (0.600 to 0.800)" in svg
    assert sparkline(Realised("AUC")) == ""


def test_a_night_without_a_figure_is_a_gap_in_the_sparkline() -> None:
    at = [
        float(x)
        for x in re.findall(r"([\d.]+),", sparkline(replace(REALISED, values=(*REALISED.values[:1], REALISED.values[2]))))
    ]
    of_all = [float(x) for x in re.findall(r"([\d.]+),", sparkline(REALISED))]
    assert at[-1] == of_all[-1] and len(at) < len(of_all)


def test_one_figure_alone_is_a_dot_with_its_interval() -> None:
    svg = sparkline(replace(REALISED, values=REALISED.values[-1:]))
    assert 'class="whisker"' in svg and 'class="dot"' in svg and "nan" not in svg


def test_the_index_names_every_page_below_its_use_case() -> None:
    reader = Reader(
        render_reports({"loans": ["loans/week-2024-03-11.html", f"loans/{HOSTILE}.html"], "wares": ["wares/a b.html"]})
    )
    links = [attributes["href"] for tag, attributes in reader.tags if tag == "a"]
    assert links[2] == "reports/loans/week-2024-03-11.html" and links[-1] == "reports/wares/a%20b.html"
    assert "script" not in {tag for tag, _ in reader.tags} and f"{HOSTILE}.html" in reader.text
    assert "No report was written yet" in render_reports({})
