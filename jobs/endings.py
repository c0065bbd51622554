"""What a stage's command tells at its end beside what was published: a training's summary, and the pages for people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nightloop.definitions.use_case import UseCase
from nightloop.errors import NotReady
from nightloop.nights import Nights
from nightloop.reporting.week import week_of
from nightloop.workspace import Workspace


def ending(stage: str, use_case: UseCase, nights: Nights, workspace: Workspace) -> Iterator[str]:
    """Yield the lines; none of a stage that has no page, or whose nights have none yet."""
    if stage == "train":
        from jobs.training.summary import training_summary

        try:
            yield from training_summary(use_case, nights.last, workspace).lines()
        except NotReady:
            return  # it was refused before anything was fitted; the error says why
    if stage in ("train", "score", "monitor"):
        for page in night_pages(use_case, nights, workspace):
            yield f"page:     {page}"


def night_pages(use_case: UseCase, nights: Nights, workspace: Workspace) -> list[Path]:
    """Return the pages that are written of these nights, oldest first: those of weeks, then those of drift."""
    folder = workspace.reports / use_case.use_case
    weeks = sorted({week_of(night).first for night in nights})
    pages = [*(folder / f"week-{first}.html" for first in weeks), *(folder / str(night) / "drift.html" for night in nights)]
    return [page for page in pages if page.exists()]
