"""The texts of a message: for somebody who is woken at three in the morning and knows only their inbox.

The subject says how soon to act, what happened and the night. The body answers, in this order: what happened, since when,
what it means, by which figure, what to do now, where to look.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from nightloop.alerts.alert import URGENCIES, Alert, StoredAlert, Urgency
from nightloop.alerts.message import Message, shortened
from nightloop.errors import command

COLOURS: dict[Urgency, str] = {"now": "#b42318", "today": "#b54708", "info": "#175cd3"}
OVER = "#027a48"
LONGEST_ENTRY = 220
MOST_ADVICE = 3
SLACK_HEADER, SLACK_SECTION, SLACK_BLOCKS = 150, 3000, 50
"""Slack's limits: characters of a header and of a section, blocks of a message."""
LONGEST_TEXT = 500
"""Characters of each of the five texts of a body in Slack, so that they fit a section."""


def plain(message: Message) -> str:
    """Write a message for a reader without HTML."""
    blocks = [f"{_soon(message).upper()}\n{message.heading}"]
    blocks += [f"{heading.upper()}\n{text}" for heading, text in sections(message)]
    blocks += [f"- {title}\n  {text}\n  {link}".rstrip() for title, text, link in _entries(message)]
    alert = _single(message)
    blocks += [f"LOOK HERE\n{alert.link}"] if alert.link else []
    blocks += [f"THE SAME BY HAND\n{alert.command}"] if alert.command else []
    return "\n\n".join([*blocks, f"--\n{_footer(message)}"]) + "\n"


def sections(message: Message) -> list[tuple[str, str]]:
    """Return headings and texts of the body; of many alerts, those that hold for all."""
    alerts = [stored.alert for stored in message.alerts]
    advice = list(dict.fromkeys(alert.do for alert in alerts if alert.do))
    means = list(dict.fromkeys(alert.means for alert in alerts if alert.means))
    more = [f"And {len(advice) - MOST_ADVICE} more: see each."] if len(advice) > MOST_ADVICE else []
    texts = [
        ("What happened", alerts[0].what if len(alerts) == 1 else f"{len(alerts)} alerts of one kind, listed below."),
        ("Since", _since(message)),
        ("What it means", "\n".join(means)),
        ("The figure", alerts[0].figure if len(alerts) == 1 else ""),
        ("What to do", _what_to_do(message, [*advice[:MOST_ADVICE], *more])),
    ]
    return [(heading, text) for heading, text in texts if text]


def html(message: Message) -> str:
    """Write a message as a page for mail programs: no picture and no script."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=folder, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("mail.html.j2").render(
        message=message,
        soon=_soon(message),
        colour=_colour(message),
        sections=sections(message),
        entries=list(_entries(message)),
        link=_single(message).link,
        command=_single(message).command,
        footer=_footer(message),
    )


def slack_blocks(message: Message) -> list[dict[str, object]]:
    """Write a message as Slack blocks; the last names the alerts, for a webhook may be told twice and shows both."""
    body = "\n".join(f"*{heading}*\n{_slack(text, LONGEST_TEXT)}" for heading, text in sections(message))
    blocks: list[dict[str, object]] = [
        {"type": "header", "text": {"type": "plain_text", "text": shortened(f"{message.soon}{message.heading}", SLACK_HEADER)}},
        _section(body),
    ]
    blocks += [_section(text) for text in _packed(message)]
    alert = _single(message)
    if alert.link:
        blocks.append(_section(_slack_link(alert.link, "Look here")))
    by_hand = f"The same by hand: `{_slack(alert.command)}`\n" if alert.command else ""
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": f"{by_hand}{_slack(_footer(message))}"}]})
    return blocks


def _single(message: Message) -> Alert:
    """Return the alert, or, of many, one without the link and command that are each one's."""
    alert = message.alerts[0].alert
    return alert if len(message.alerts) == 1 else replace(alert, link="", command="")


def _entries(message: Message) -> Iterator[tuple[str, str, str]]:
    """Give title, text and link of each alert of a list."""
    for stored in message.alerts if len(message.alerts) > 1 else ():
        alert = stored.alert
        yield f"{'over: ' if stored.ended_at else ''}{alert.headline}", shortened(alert.what.strip(), LONGEST_ENTRY), alert.link


def _since(message: Message) -> str:
    first, last = message.alerts[0], message.alerts[-1]
    begun = _clock_time(first)
    if len(message.alerts) > 1:
        return f"{begun} to {_clock_time(last)}"
    return f"{begun}; over since {first.ended_at:%Y-%m-%d %H:%M} UTC" if first.ended_at else begun


def _clock_time(stored: StoredAlert) -> str:
    return f"{stored.raised_at:%Y-%m-%d %H:%M} UTC"


def _what_to_do(message: Message, advice: list[str]) -> str:
    return "Nothing: it is over." if _is_over(message) else "\n".join(advice)


def _is_over(message: Message) -> bool:
    return all(stored.ended_at for stored in message.alerts)


def _soon(message: Message) -> str:
    return "Over" if _is_over(message) else URGENCIES[message.alerts[0].alert.urgency]


def _colour(message: Message) -> str:
    alert = message.alerts[0].alert
    is_good = _is_over(message) or (alert.kind == "over" and alert.urgency == "info")
    return OVER if is_good else COLOURS[alert.urgency]


def _footer(message: Message) -> str:
    first, last = message.alerts[0].id, message.alerts[-1].id
    names = f"alert {first}" if first == last else f"{len(message.alerts)} alerts, {first} to {last}"
    return f"Nightloop, {names}. All of them: {command('alerts', 'list')}"


def _packed(message: Message) -> list[str]:
    """Put the entries of a list into as few sections as hold them."""
    texts: list[str] = []
    for title, text, link in _entries(message):
        entry = f"• {_slack_link(link, title)}\n{_slack(text, LONGEST_ENTRY)}"
        if texts and len(texts[-1]) + len(entry) < SLACK_SECTION:
            texts[-1] += f"\n{entry}"
        else:
            texts.append(entry)
    return texts[: SLACK_BLOCKS - 3]


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _slack(text: str, most: int = SLACK_SECTION) -> str:
    """Escape the three characters that Slack reads as markup, of as much of the text as fits then."""
    cut = len(text)
    while len(escaped := shortened(text, cut).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")) > most:
        cut -= max(1, (len(escaped) - most) // len("&amp;"))
    return escaped


def _slack_link(link: str, title: str) -> str:
    return f"<{link}|{_slack(title)}>" if link else _slack(title)
