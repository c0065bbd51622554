"""Write the page of a tour from what its stages did."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from jobs.tour.drafted import DraftedTour, TourHome
from jobs.tour.stages import Tour
from nightloop.atomic_file import write_atomically
from nightloop.errors import command
from nightloop.model.use_case_task import metric_set_for
from nightloop.reporting.card_page import Tile
from nightloop.reporting.tour_page import Step, TourView, render


def write_page(home: TourHome, drafted: DraftedTour, tour: Tour) -> Path:
    """Write the page and return its path."""
    training = tour.training
    view = TourView(
        tiles=list(_tiles(drafted, tour)),
        refusal=(tour.refusal.what, tour.refusal.do or "") if tour.refusal else None,
        steps=[Step(line.stage, line.words, line.seconds, line.is_done) for line in tour.lines],
        notes=drafted.notes,
        verdicts=training.verdicts if training else (),
        features=training.features if training else (),
        links=list(_links(home, tour)),
        checks=drafted.draft.checks,
        definition=str(home.definition.relative_to(home.folder)),
        commands=list(_commands(home, tour)),
    )
    return write_atomically(home.page, render(drafted.use_case, view))


def _tiles(drafted: DraftedTour, tour: Tour) -> Iterator[Tile]:
    plan, training = drafted.draft.plan, tour.training
    yield Tile(f"{plan.rows:,}", f"records of {plan.nights:,} nights, {plan.first_night} to {plan.last_night}")
    if training is None:
        yield Tile("no model", "nothing could be trained")
        return
    title = metric_set_for(drafted.use_case).title
    for line in training.models[:2]:
        yield Tile(f"{line.figure.value:.3f}", f"{title} of the {line.model}, {line.interval} (n = {line.figure.n:,})")
    yield Tile(f"{training.passed} of {len(training.verdicts)}", "gates passed")
    champion = f"version {training.version}" if training.effective_from else "none"
    yield Tile(champion, f"champion from {training.effective_from}" if training.effective_from else "champion: not promoted")


def _links(home: TourHome, tour: Tour) -> Iterator[tuple[str, str]]:
    pages = list(reversed(tour.pages))
    for page in (page for page in pages if page.name.startswith("week-")):
        yield (f"The week of {page.stem.removeprefix('week-')}", page.relative_to(home.folder).as_posix())
    if tour.training:
        yield ("Verdicts of the gates", tour.training.page.relative_to(home.folder).as_posix())
        yield ("Card of the candidate", tour.training.card.relative_to(home.folder).as_posix())
    for page in (page for page in pages if page.name == "drift.html"):
        yield (f"Drift of {page.parent.name}", page.relative_to(home.folder).as_posix())
    yield ("The definition that was drafted", home.definition.relative_to(home.folder).as_posix())


def _commands(home: TourHome, tour: Tour) -> Iterator[str]:
    """Yield how to go on in this home: the environment first."""
    name = home.name
    for variable, value in home.variables.items():
        yield f"export {variable}={shlex.quote(value)}"
    yield command("check", name)
    if tour.training:
        yield command("train", name, tour.training.as_of)
    yield command("status", name)
