"""What a message says, in each of its three forms."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from nightloop.alerts.alert import URGENCIES, StoredAlert
from nightloop.alerts.message import LISTED_AT_MOST, LISTED_FROM, Message, message_id, messages_of, shortened
from nightloop.alerts.text import COLOURS, OVER, html, plain, sections, slack_blocks
from tests.alerts.outboxes import NIGHT, alert

RAISED = datetime(2026, 11, 27, 2, 11, tzinfo=UTC)
ALERT = alert(
    what="it <broke> & stopped.", means="No scores.", figure="41 %, at most 5 %", link="http://x/?a=1&b=2", command="jobs x"
)


def stored(number: int = 1, **changes: Any) -> StoredAlert:
    return StoredAlert(f"{number:016x}", dataclasses.replace(ALERT, **changes), RAISED + timedelta(minutes=number - 1))


def single(**changes: Any) -> Message:
    (message,) = messages_of([stored(**changes)], "email")
    return message


def many(count: int = 3, **changes: Any) -> Message:
    (message,) = messages_of(
        [stored(n, subject=f"ingest.{n}", title=f"ingest.{n} failed", **changes) for n in range(1, count + 1)], "email"
    )
    return message


def over(message: Message) -> Message:
    ended = tuple(dataclasses.replace(item, ended_at=RAISED + timedelta(hours=1)) for item in message.alerts)
    return Message(message.id, ended)


def test_plain_text_is_how_soon_what_and_blocks_of_a_heading_and_its_text() -> None:
    assert plain(single()) == (
        "ACT NOW\nloans: ingest.ingest failed, night 2013-04-03\n\n"
        "WHAT HAPPENED\nit <broke> & stopped.\n\n"
        "SINCE\n2026-11-27 02:11 UTC\n\n"
        "WHAT IT MEANS\nNo scores.\n\n"
        "THE FIGURE\n41 %, at most 5 %\n\n"
        "WHAT TO DO\nMend it.\n\n"
        "LOOK HERE\nhttp://x/?a=1&b=2\n\n"
        "THE SAME BY HAND\njobs x\n\n"
        "--\nNightloop, alert 0000000000000001. All of them: python -m jobs alerts list\n"
    )


@pytest.mark.parametrize(
    ("urgency", "begins", "label"),
    [
        ("now", "[nightloop] act now: loans", "Act now"),
        ("today", "[nightloop] act today: loans", "Act today"),
        ("info", "[nightloop] loans", "For information"),
    ],
)
def test_the_subject_says_how_soon(urgency: Any, begins: str, label: str) -> None:
    message = single(urgency=urgency)
    assert message.headline == f"{begins}: ingest.ingest failed, night 2013-04-03"
    assert plain(message).startswith(label.upper()) and f">{label}</span>" in html(message)
    assert COLOURS[urgency] in html(message)
    assert slack_blocks(message)[0]["text"] == {"type": "plain_text", "text": message.headline.removeprefix("[nightloop] ")}


def test_every_urgency_has_its_colour() -> None:
    assert set(COLOURS) == set(URGENCIES) and len({*COLOURS.values(), OVER}) == 4


def test_the_installation_has_troubles_too_and_some_have_no_night() -> None:
    message = single(use_case_name="", night=None, urgency="info")
    assert message.headline == "[nightloop] Nightloop: ingest.ingest failed"
    assert "night 20" not in plain(message)


def test_what_there_is_nothing_to_say_of_has_no_heading() -> None:
    bare = single(means="", figure="", link="", command="")
    assert [heading for heading, _ in sections(bare)] == ["What happened", "Since", "What to do"]
    assert "LOOK" not in plain(bare) and "BY HAND" not in plain(bare)
    assert "<a " not in html(bare) and "by hand" not in html(bare)
    assert [block["type"] for block in slack_blocks(bare)] == ["header", "section", "context"]
    assert "LOOK" in plain(single(command="")) and "BY HAND" in plain(single(link=""))


def test_a_trouble_that_ended_before_it_was_told_says_so_and_asks_for_nothing() -> None:
    message = over(single())
    assert message.headline == "[nightloop] over: loans: ingest.ingest failed, night 2013-04-03"
    assert dict(sections(message))["What to do"] == "Nothing: it is over."
    assert dict(sections(message))["Since"] == "2026-11-27 02:11 UTC; over since 2026-11-27 03:11 UTC"
    assert plain(message).startswith("OVER\n") and OVER in html(message)


@pytest.mark.parametrize(("urgency", "colour"), [("info", OVER), ("today", COLOURS["today"])])
def test_the_notice_of_an_end_is_green_unless_something_is_left_to_do(urgency: Any, colour: str) -> None:
    assert colour in html(single(kind="over", urgency=urgency))


# --- many in one ------------------------------------------------------------------------------------------------------


def test_many_of_one_kind_are_listed_in_one_message_with_what_holds_for_all() -> None:
    message = many(3, night=NIGHT)
    assert message.headline == "[nightloop] act now: 3 times stage failed: loans, night 2013-04-03"
    assert [heading for heading, _ in sections(message)] == ["What happened", "Since", "What it means", "What to do"]
    assert dict(sections(message))["Since"] == "2026-11-27 02:11 UTC to 2026-11-27 02:13 UTC"
    text = plain(message)
    assert text.count("it <broke> & stopped.") == 3 and text.count("http://x/?a=1&b=2") == 3 and "BY HAND" not in text
    assert "- loans: ingest.2 failed, night 2013-04-03\n  it <broke> & stopped.\n  http://x/?a=1&b=2" in text
    assert "3 alerts, 0000000000000001 to 0000000000000003" in text
    assert html(message).count('class="entry"') == 3
    assert html(many(link="")).count("<a ") == 0


def test_a_list_names_its_nights_and_its_use_cases() -> None:
    first, second, third = (stored(n, night=NIGHT + timedelta(days=n), use_case_name=name) for n, name in enumerate("bac"))
    assert Message("m", (first, second, third)).heading == "3 times stage failed: a, b, c, nights 2013-04-03 to 2013-04-05"


def test_a_list_of_different_advice_shows_three_and_says_how_many_more() -> None:
    items = tuple(stored(n, do=f"Do {n}.") for n in range(1, 6))
    assert dict(sections(Message("m", items)))["What to do"] == "Do 1.\nDo 2.\nDo 3.\nAnd 2 more: see each."
    assert dict(sections(Message("m", items[:3])))["What to do"] == "Do 1.\nDo 2.\nDo 3."


def test_of_a_list_what_is_over_is_marked() -> None:
    message = many()
    half = Message("m", (over(message).alerts[0], *message.alerts[1:]))
    assert half.headline.startswith("[nightloop] act now: ") and "- over: loans: ingest.1" in plain(half)
    assert over(message).headline.startswith("[nightloop] over: 3 times")


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (1, [1]),
        (LISTED_FROM - 1, [1] * (LISTED_FROM - 1)),
        (LISTED_FROM, [LISTED_FROM]),
        (LISTED_AT_MOST, [LISTED_AT_MOST]),
        (LISTED_AT_MOST + 1, [LISTED_AT_MOST, 1]),
    ],
)
def test_few_are_sent_as_they_are_and_very_many_in_several(count: int, sizes: list[int]) -> None:
    assert [len(message.alerts) for message in messages_of([stored(n) for n in range(1, count + 1)], "email")] == sizes


def test_another_kind_or_urgency_is_another_message() -> None:
    items = [
        stored(n, kind=kind, urgency=urgency)
        for n, (kind, urgency) in enumerate([(k, u) for k in "ab" for u in ("now", "info") for _ in range(3)])
    ]
    assert sorted(len(message.alerts) for message in messages_of(items, "email")) == [3, 3, 3, 3]


def test_a_message_has_the_same_name_for_the_same_alerts_and_channel_and_no_other() -> None:
    one, two, three = stored(1), stored(2), stored(3)
    assert message_id([one], "email") == "0000000000000001.email"
    names = [
        message_id(*of) for of in [([one], "slack"), ([one, two], "email"), ([one, three], "email"), ([one, two], "slack")]
    ]
    assert len(set(names)) == 4 and message_id([one, two], "email") == names[1]


@pytest.mark.parametrize(("text", "short"), [("abc", "abc"), ("abcd", "abcd"), ("abcde", "abc…")])
def test_a_text_is_shortened_to_its_most(text: str, short: str) -> None:
    assert shortened(text, 4) == short


# --- a page, and Slack ------------------------------------------------------------------------------------------------


class Tags(HTMLParser):
    """Remembers the tags and checks that each is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.names: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.names.add(tag)
        if tag != "meta":
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag


@pytest.mark.parametrize("message", [single(), many(), over(single()), single(link="", command="")])
def test_the_page_is_whole_and_fetches_nothing(message: Message) -> None:
    page = html(message)
    tags = Tags(page)
    assert page.startswith("<!doctype html>") and page.endswith("</html>\n" if page.endswith("\n") else "</html>")
    assert tags.stack == [] and not tags.names & {"script", "img", "link", "iframe"}
    assert "url(" not in page and "@import" not in page


def test_the_page_fits_a_phone_and_the_dark() -> None:
    page = html(single())
    for needed in (
        "width=device-width",
        "max-width:480px",
        "prefers-color-scheme:dark",
        "max-width:600px",
        "overflow-wrap:anywhere",
    ):
        assert needed in page


def test_the_page_escapes_whatever_an_error_quotes() -> None:
    page = html(single(title="<s>", command="a < b", link='http://x/?a="&b'))
    for escaped in ("it &lt;broke&gt; &amp; stopped.", "&lt;s&gt;", "a &lt; b", 'href="http://x/?a=&#34;&amp;b"'):
        assert escaped in page


def test_slack_gets_what_its_markup_would_read_escaped_and_the_names_of_the_alerts_last() -> None:
    _, section, link, context = slack_blocks(single(command="a < b"))
    assert "*What happened*\nit &lt;broke&gt; &amp; stopped." in str(section["text"]["text"])  # type: ignore[index]
    assert link["text"] == {"type": "mrkdwn", "text": "<http://x/?a=1&b=2|Look here>"}
    (element,) = context["elements"]  # type: ignore[misc]
    assert element["text"].startswith("The same by hand: `a &lt; b`\nNightloop, alert 0000000000000001.")


def test_slack_gets_no_more_than_it_takes() -> None:
    long = single(title="s" * 400, what="<" * 4000, means="&" * 4000, figure=">" * 4000, do="d" * 4000)
    header, section, *_ = slack_blocks(long)
    assert len(header["text"]["text"]) == 150  # type: ignore[index]
    assert 1500 < len(section["text"]["text"]) <= 3000  # type: ignore[index]
    assert "\n&lt;&lt;" in section["text"]["text"] and "&lt;…\n" in section["text"]["text"]  # type: ignore[index]


@pytest.mark.parametrize("what", ["&" * 4000, "words " * 100, "x"])
def test_slack_gets_every_alert_of_a_list(what: str) -> None:
    blocks = slack_blocks(many(LISTED_AT_MOST, what=what, link="http://x/" + "y" * 200))
    texts = [block["text"]["text"] for block in blocks if block["type"] == "section"]  # type: ignore[index]
    assert len(blocks) <= 50 and all(len(text) <= 3000 for text in texts)
    assert sum(text.count("• <http") for text in texts) == LISTED_AT_MOST
    assert len(slack_blocks(many(LISTED_AT_MOST, link="http://x/" + "y" * 2900))) == 50
