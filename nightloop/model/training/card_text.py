"""The Markdown of cards and datasheets: tables, sections, what is not stated, what is known after a card is written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

NOT_STATED = "Not stated by the owner."
NOT_JUDGED = "Judged after this card was written; the verdicts stand in the ledger."
GATES, MARGIN, OVERSIGHT = "Gates", "Margin and budget", "Approvals and oversight"
CHANGES = "Changes since the version before"
LATER: Mapping[str, str] = {
    GATES: NOT_JUDGED,
    MARGIN: "What is spent of them is judged after this card was written; it stands with the verdicts in the ledger.",
    OVERSIGHT: "Who approved and who promoted is known after this card was written; it stands in the ledger.",
    CHANGES: "Compared with the version before after this card was written: see the completed card.",
}
"""What stands in a section until it is known; ``completed`` puts what is known in its place."""


def datasheet_page(as_of: object) -> str:
    """Return the name of the page of a training set's datasheet, which lies where cards that point to it lie."""
    return f"datasheet-{as_of}.html"


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table; what cells hold cannot break it."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows)


def items(lines: Sequence[str]) -> str:
    """Return a list."""
    return "\n".join(f"- {line}" for line in lines)


def stated(words: str | None) -> str:
    """Return what the owner wrote, as one paragraph, or plainly that nothing is written."""
    return " ".join(words.split()) if words else NOT_STATED


def completed(card: str, known: Mapping[str, str]) -> str:
    """Return a card with what is known now in its sections.

    Args:
        card: as it stands in a bundle.
        known: heading of ``LATER`` -> Markdown. A section that the card of an earlier release lacks is put at its end.
    """
    for heading, text in known.items():
        placeholder, absent = LATER[heading], f"{card}\n## {heading}\n\n{text}\n"
        card = card.replace(placeholder, text) if placeholder in card else absent
    return card


def sections_of(card: str) -> dict[str, str]:
    """Return the body of each section by its heading, in order; what stands before the first one is under ""."""
    head, *parts = re.split(r"^## ", card, flags=re.MULTILINE)
    split = (part.partition("\n") for part in parts)
    return {"": head.strip(), **{heading.strip(): body.strip() for heading, _, body in split}}
