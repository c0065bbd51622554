"""What an alert says of each kind, in each of its three forms."""

from __future__ import annotations

import dataclasses
from datetime import date

import pytest

from plugins.alert_text import COLOUR, HEADLINE, URGENCY, Alert, Kind, html, plain, slack_blocks

NIGHT = date(2013, 4, 3)
ALERT = Alert("stage_failed", "loans", NIGHT, "score.score", "it <broke> & stopped.", "Mend it.", "http://x/?a=1&b=2", "jobs x")
KINDS: tuple[Kind, ...] = ("stage_failed", "gate_failed", "verdict_failed", "retrain_decided")


def of(**changes: object) -> Alert:
    return dataclasses.replace(ALERT, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "headline", "urgency"),
    [
        ("stage_failed", "score.score failed", "Act today"),
        ("gate_failed", "gate score.score did not pass", "the champion stays"),
        ("verdict_failed", "score.score verdict failed", "scores are still published"),
        ("retrain_decided", "a new training was decided", "Nothing to do now"),
    ],
)
def test_each_kind_has_its_headline_and_its_urgency(kind: Kind, headline: str, urgency: str) -> None:
    alert = of(kind=kind)
    assert alert.headline == f"[nightloop] loans: {headline}, night 2013-04-03"
    assert urgency in dict(alert.parts)["How urgent"]
    assert urgency in plain(alert) and urgency in html(alert) and urgency in str(slack_blocks(alert))
    assert COLOUR[kind] in html(alert)


def test_every_kind_has_a_headline_an_urgency_and_a_colour() -> None:
    assert set(HEADLINE) == set(URGENCY) == set(COLOUR) == set(KINDS)
    assert COLOUR["stage_failed"] != COLOUR["retrain_decided"]


def test_an_alert_without_a_night_names_none() -> None:
    alert = of(night=None)
    assert alert.headline == "[nightloop] loans: score.score failed"
    assert dict(alert.parts)["Where"] == "use case loans, score.score"
    assert "night" not in plain(alert).replace("this night", "")


def test_the_parts_answer_what_where_what_to_do_and_how_urgent_in_this_order() -> None:
    assert [(heading, text) for heading, text in ALERT.parts[:3]] == [
        ("What happened", "it <broke> & stopped."),
        ("Where", "use case loans, score.score, night 2013-04-03"),
        ("What to do", "Mend it."),
    ]
    assert [heading for heading, _ in ALERT.parts[3:]] == ["How urgent"]


def test_one_trouble_has_one_key_and_another_another() -> None:
    assert ALERT.key.startswith("stage_failed/score.score/")
    assert of(do="Do.", link="", command="", night=None).key == ALERT.key
    changed = [of(kind="gate_failed"), of(subject="score"), of(what="it broke.")]
    assert len({ALERT.key, *(alert.key for alert in changed)}) == 4
    assert len(ALERT.key.rpartition("/")[2]) == 8


def test_plain_text_is_blocks_of_a_heading_and_its_text() -> None:
    assert plain(ALERT) == (
        "WHAT HAPPENED\nit <broke> & stopped.\n\n"
        "WHERE\nuse case loans, score.score, night 2013-04-03\n\n"
        "WHAT TO DO\nMend it.\n\n"
        "HOW URGENT\nAct today: this night, and what waits for it, stands still.\n\n"
        "LOOK AT THE RUN\nhttp://x/?a=1&b=2\n\n"
        "THE SAME BY HAND\njobs x\n"
    )


def test_a_link_and_a_command_appear_only_where_there_are_some() -> None:
    bare = of(link="", command="")
    assert "LOOK AT" not in plain(bare) and "BY HAND" not in plain(bare)
    assert "<a href" not in html(bare) and "<code" not in html(bare)
    assert [block["type"] for block in slack_blocks(bare)] == ["header", "section"]
    assert "LOOK AT" in plain(of(command="")) and "BY HAND" not in plain(of(command=""))
    assert "BY HAND" in plain(of(link="")) and "LOOK AT" not in plain(of(link=""))
    assert [block["type"] for block in slack_blocks(of(command=""))] == ["header", "section", "section"]
    assert [block["type"] for block in slack_blocks(of(link=""))] == ["header", "section", "context"]


def test_the_page_escapes_whatever_an_error_quotes() -> None:
    page = html(of(subject="<s>", command="a < b", link='http://x/?a="&b'))
    for escaped in ("it &lt;broke&gt; &amp; stopped.", "&lt;s&gt; failed", "a &lt; b", 'href="http://x/?a=&quot;&amp;b"'):
        assert escaped in page
    assert "<s>" not in page and "<broke>" not in page


def test_the_page_has_the_headline_as_title_and_without_our_name_as_heading() -> None:
    page = html(ALERT)
    assert "<title>[nightloop] loans: score.score failed, night 2013-04-03</title>" in page
    assert ">loans: score.score failed, night 2013-04-03</h1>" in page


def test_slack_gets_what_its_markup_would_read_escaped_and_cut_to_its_limits() -> None:
    header, section, link, context = slack_blocks(ALERT)
    assert header["text"] == {"type": "plain_text", "text": "loans: score.score failed, night 2013-04-03"}
    assert "*What happened*\nit &lt;broke&gt; &amp; stopped." in str(section["text"]["text"])  # type: ignore[index]
    assert link["text"] == {"type": "mrkdwn", "text": "<http://x/?a=1&b=2|Look at the run>"}
    assert context["elements"] == [{"type": "mrkdwn", "text": "The same by hand: `jobs x`"}]
    header, section, *_ = slack_blocks(of(subject="s" * 400, what="w" * 4000))
    assert len(header["text"]["text"]) == 150  # type: ignore[index]
    assert len(section["text"]["text"]) == 3000  # type: ignore[index]
