"""The weekly page: seven nights from stored rows, the same bytes each time, and nothing hidden or taken from outside."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from jobs import monitor, report
from nightloop.errors import NotReady
from nightloop.nights import Nights, one
from nightloop.reporting.week import week_of
from tests.fixtures_watched import FIRST

VOID = {"meta", "br"}


def after(nights):
    return FIRST + timedelta(days=nights)


class Tags(HTMLParser):
    """Checks that every tag is closed in order, and gathers text and addresses."""

    def __init__(self, page):
        super().__init__()
        self.open, self.text, self.addresses, self.names = [], [], [], set()
        self.feed(page)
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.names.add(tag)
        self.addresses += [value for key, value in attributes if key in ("href", "src", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.names.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    @property
    def words(self):
        return re.sub(r"\s+", " ", " ".join(self.text))


@pytest.fixture
def drifting(watched):
    """A week of nights, Saturday's and Sunday's drifted; the nights after it are not monitored."""
    watched.publish_nights(Nights(FIRST, after(4)))
    watched.publish_nights(Nights(after(5), after(6)), shift=4.0)
    monitor.run(watched.use_case, Nights(FIRST, after(6)), watched.workspace)
    return watched


def page_of(watched, night=FIRST):
    published = report.run(watched.use_case, one(night), watched.workspace)
    path = watched.workspace.reports / "loans" / f"week-{week_of(night).first}.html"
    assert published[0].details["page"] == str(path)
    return path.read_text()


def test_any_night_of_a_week_names_its_monday_to_sunday():
    assert {week_of(night) for night in Nights(FIRST, after(6))} == {Nights(FIRST, after(6))}
    assert week_of(after(7)).first == after(7)


def test_a_range_brings_one_page_a_week_published_on_its_last_night(drifting):
    published = report.run(drifting.use_case, Nights(FIRST, after(6)), drifting.workspace)
    assert [(item.table, item.night, item.rows) for item in published] == [("loans/reports", after(6), 1)]


def test_the_page_tells_every_night_with_its_figures(drifting):
    words = Tags(page_of(drifting)).words
    rows = drifting.workspace.lake.read("loans/metrics").to_pylist()
    for row in rows:
        if row["metric"] == "auc" and row["group"] == "all":
            assert f"{row['value']:.3f} {row['low']:.3f} to {row['high']:.3f}" in words
    for night in Nights(FIRST, after(6)):
        assert str(night) in words
    assert "7 of 7 nights monitored" in words
    assert "2,100 scored, by champion version 1" in words


def test_what_to_look_at_names_the_nights_that_drifted(drifting):
    words = Tags(page_of(drifting)).words
    assert f"Drift failed on {after(5)} and {after(6)}. Last: 4 of 4 watched features drifted" in words
    assert f"Realised performance could not be judged on {after(0)}, {after(1)} and {after(2)}" in words


def test_missing_nights_are_said_plainly(watched):
    watched.publish_nights(Nights(FIRST, after(4)))
    monitor.run(watched.use_case, Nights(FIRST, after(4)), watched.workspace)
    words = Tags(page_of(watched)).words
    assert f"{after(5)} and {after(6)} were not monitored: no figure of this page includes them." in words
    assert words.count("Not monitored: nothing is known of this night.") == 2


def test_a_quiet_week_says_so(watched):
    watched.publish_nights(Nights(FIRST, after(13)))
    monitor.run(watched.use_case, Nights(FIRST, after(13)), watched.workspace)
    looked = Tags(page_of(watched, after(9))).words.partition("What to look at")[2].partition("Night by night")[0]
    assert "asked for a retrain" in looked  # on the Sunday, by the calendar
    assert "not monitored" not in looked
    assert "Drift" not in looked


def test_the_page_is_self_contained_and_well_formed(drifting):
    tags = Tags(page_of(drifting))
    assert not tags.names & {"script", "link", "iframe", "img"}
    assert [address for address in tags.addresses if not address.startswith("../loans/")] == []
    assert "svg" in tags.names


def test_a_night_with_a_drift_page_links_to_it(drifting):
    drifting.workspace.ledger.record("page_written", "loans", night=after(5), subject=f"loans/{after(5)}/drift.html")
    assert Tags(page_of(drifting)).addresses == [f"../loans/{after(5)}/drift.html"]


def test_text_from_data_and_ledger_is_escaped(drifting):
    bad = "<script>alert('x')</script>"
    drifting.workspace.ledger.record("alert_raised", "loans", night=FIRST, subject=bad, payload={"headline": bad})
    page = page_of(drifting)
    assert "<script" not in page
    assert "south &lt;&amp;&gt;" in page
    assert bad in Tags(page).words


def test_the_same_rows_give_the_same_bytes(drifting):
    first = page_of(drifting)
    digests = {
        report.run(drifting.use_case, one(night), drifting.workspace)[0].content_digest for night in Nights(FIRST, after(6))
    }
    assert page_of(drifting) == first
    assert len(digests) == 1
    row = drifting.workspace.lake.read("loans/reports").to_pylist()[0]
    assert row["page"] == f"loans/week-{FIRST}.html"
    assert str(drifting.workspace.settings.home) not in first


def test_a_week_without_a_monitored_night_is_not_ready(drifting):
    with pytest.raises(NotReady, match="no night of the week 2024-02-12"):
        report.run(drifting.use_case, one(after(7)), drifting.workspace)
