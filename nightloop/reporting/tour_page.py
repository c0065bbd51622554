"""Lay a tour out as one self-contained HTML page: what each stage did, how good the candidate is, where all pages are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightloop.reporting.card_page import Tile
from nightloop.reporting.pages import page_template

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.promotion.verdicts import Judged


@dataclass(frozen=True)
class Step:
    """One stage: its name, what it did in words, how long it took, and whether it came to its end."""

    stage: str
    words: str
    seconds: float
    is_done: bool


@dataclass(frozen=True)
class TourView:
    """What the page shows.

    Attributes:
        tiles: first of all.
        refusal: why the tour ended early, as what it was and what to do; None where it did not.
        steps: the stages.
        notes: what was done to the data.
        verdicts: on the candidate.
        features: what moves its answers most: name, share, direction.
        links: further pages: what each is, and its address from this one.
        checks: guesses of the draft: line of the definition, and what is asked.
        definition: the file that holds them.
        commands: how to go on.
    """

    tiles: Sequence[Tile]
    refusal: tuple[str, str] | None
    steps: Sequence[Step]
    notes: Sequence[str]
    verdicts: Sequence[Judged]
    features: Sequence[tuple[str, str, str]]
    links: Sequence[tuple[str, str]]
    checks: Sequence[tuple[int, str]]
    definition: str
    commands: Sequence[str]


def render(use_case: UseCase, view: TourView) -> str:
    """Return the page's HTML."""
    return page_template("tour.html.j2").render(use_case=use_case, view=view) + "\n"
