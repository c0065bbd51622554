"""The texts of an alert: for somebody who is woken at three in the morning and knows only their inbox.

The subject names what happened and the night. The body answers, in this order: what happened, where, what to
do now, where to look.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from html import escape
from typing import Literal

from nightloop.nights import Night

Kind = Literal["stage_failed", "gate_failed", "verdict_failed", "retrain_decided"]

HEADLINE: dict[Kind, str] = {
    "stage_failed": "{subject} failed",
    "gate_failed": "gate {subject} did not pass",
    "verdict_failed": "{subject} verdict failed",
    "retrain_decided": "a new training was decided",
}
URGENCY: dict[Kind, str] = {
    "stage_failed": "Act today: this night, and what waits for it, stands still.",
    "gate_failed": "Look when you are at work: the champion stays, nothing has changed in production.",
    "verdict_failed": "Look when you are at work: scores are still published.",
    "retrain_decided": "Nothing to do now: training runs by itself, and its gates decide.",
}
COLOUR: dict[Kind, str] = {
    "stage_failed": "#b42318",
    "gate_failed": "#b54708",
    "verdict_failed": "#b54708",
    "retrain_decided": "#175cd3",
}


@dataclass(frozen=True)
class Alert:
    """One thing that a person should hear of."""

    kind: Kind
    use_case_name: str
    night: Night | None
    subject: str
    what: str
    do: str
    link: str = ""
    command: str = ""

    @property
    def key(self) -> str:
        """Name of this alert in the ledger: one trouble of a night has one name, another trouble another."""
        return f"{self.kind}/{self.subject}/{hashlib.blake2b(self.what.encode(), digest_size=4).hexdigest()}"

    @property
    def headline(self) -> str:
        """What happened, in one line: the subject of the e-mail, the bold line in Slack."""
        when = f", night {self.night}" if self.night else ""
        return f"[nightloop] {self.use_case_name}: {HEADLINE[self.kind].format(subject=self.subject)}{when}"

    @property
    def parts(self) -> list[tuple[str, str]]:
        """Headings and texts of the body."""
        where = f"use case {self.use_case_name}, {self.subject}" + (f", night {self.night}" if self.night else "")
        return [
            ("What happened", self.what),
            ("Where", where),
            ("What to do", self.do),
            ("How urgent", URGENCY[self.kind]),
        ]


def plain(alert: Alert) -> str:
    """Write the alert for a reader without HTML."""
    blocks = [f"{heading.upper()}\n{text}" for heading, text in alert.parts]
    if alert.link:
        blocks.append(f"LOOK AT THE RUN\n{alert.link}")
    if alert.command:
        blocks.append(f"THE SAME BY HAND\n{alert.command}")
    return "\n\n".join(blocks) + "\n"


PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body style="margin:0;padding:24px;background:#f2f4f7;color:#101828;font-family:system-ui,Segoe UI,Helvetica,Arial,sans-serif">
<div style="max-width:600px;margin:0 auto;background:#ffffff;border-radius:8px;padding:24px;border-top:4px solid {colour}">
<h1 style="margin:0 0 18px;font-size:18px;line-height:26px">{heading}</h1>
{parts}
</div></body></html>"""
PART = """<p style="margin:0 0 4px;font-size:12px;color:#667085">{heading}</p>
<p style="margin:0 0 18px;font-size:15px;line-height:22px;white-space:pre-wrap">{text}</p>"""
BUTTON = """<p style="margin:0 0 18px"><a href="{link}" style="background:#101828;color:#ffffff;padding:10px 16px;
border-radius:6px;text-decoration:none;font-size:14px">Look at the run</a></p>"""
BY_HAND = """<p style="margin:0 0 4px;font-size:12px;color:#667085">The same by hand</p>
<p style="margin:0"><code style="font-size:13px">{command}</code></p>"""


def html(alert: Alert) -> str:
    """Write the alert as an e-mail page: no image, no script, no style sheet, for mail programs drop them."""
    parts = [PART.format(heading=escape(heading), text=escape(text)) for heading, text in alert.parts]
    if alert.link:
        parts.append(BUTTON.format(link=escape(alert.link, quote=True)))
    if alert.command:
        parts.append(BY_HAND.format(command=escape(alert.command)))
    return PAGE.format(
        title=escape(alert.headline),
        heading=escape(alert.headline.removeprefix("[nightloop] ")),
        colour=COLOUR[alert.kind],
        parts="\n".join(parts),
    )


def slack_blocks(alert: Alert) -> list[dict[str, object]]:
    """Write the alert as Slack blocks."""
    body = "\n".join(f"*{heading}*\n{_slack_escape(text)}" for heading, text in alert.parts)
    blocks: list[dict[str, object]] = [
        {"type": "header", "text": {"type": "plain_text", "text": alert.headline.removeprefix("[nightloop] ")[:150]}},
        {"type": "section", "text": {"type": "mrkdwn", "text": body[:3000]}},
    ]
    if alert.link:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": f"<{alert.link}|Look at the run>"}})
    if alert.command:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": f"The same by hand: `{alert.command}`"}]})
    return blocks


def _slack_escape(text: str) -> str:
    """Escape the three characters that Slack reads as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
