"""Go from a file to a scored, watched, reported month in one command: nightloop try FILE --label COLUMN."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import webbrowser
from pathlib import Path

from jobs.asking import is_terminal
from jobs.console import ProgressBars, errors, output
from jobs.tour.arguments import draft_options
from jobs.tour.drafted import DraftedTour, TourHome, make_draft
from jobs.tour.page import write_page
from jobs.tour.stages import StageLine, Tour
from nightloop.drafting.names import legal_name
from nightloop.settings import load_settings
from nightloop.workspace import Workspace


def run(options: argparse.Namespace) -> int:
    """Draft, take all stages, write the page and open it; return 0, or the exit code of what ended the tour early.

    Raises:
        UsageError: nothing could be drafted; what was tried is in the message.
        SourceDamaged: the data is not readable.
    """
    home = _home(options)
    began = time.monotonic()
    drafted = make_draft(home, options.sources, draft_options(options), force=options.force)
    shown = None if options.json else output
    first = StageLine("draft", _drafted_in_words(drafted), time.monotonic() - began)
    lines = [first]

    def show(line: StageLine) -> None:
        if shown:
            shown.print(str(line), markup=False)

    show(first)
    for note in drafted.notes if shown else ():
        output.print(f"{'':<9}           {note}", markup=False)
    with ProgressBars(in_turn=True) as progress:
        tour = Tour(drafted.use_case, Workspace.open(home.settings), show, progress, lines)
        tour.run(drafted.nights)
    page = write_page(home, drafted, tour)
    code = tour.refusal.exit_code if tour.refusal else 0
    if options.json:
        print(json.dumps(_as_json(home, tour, page, code)))  # noqa: T201 - the command's answer
        return code
    if tour.refusal:
        errors.print(f"The tour ends here. {tour.refusal}", markup=False)
    output.print(f"done in {time.monotonic() - began:.0f} s; all of it is in {home.folder}", markup=False)
    output.print(f"page: {page}", markup=False)
    if not options.no_open and has_display():
        webbrowser.open(page.as_uri())
    return code


def has_display() -> bool:
    """Whether a person looks at a terminal of a machine that can show a page."""
    if not is_terminal():
        return False
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _home(options: argparse.Namespace) -> TourHome:
    name = options.name or legal_name(Path(options.sources[0].split(":")[-1]).name.partition(".")[0], (), "tour")
    folder = Path(options.home).expanduser() if options.home else load_settings().home / "try" / name
    return TourHome(folder.resolve(), name)


def _drafted_in_words(drafted: DraftedTour) -> str:
    use_case, plan = drafted.use_case, drafted.draft.plan
    return (
        f"{plan.rows:,} records, {plan.first_night} to {plan.last_night}; predicts {plan.label.column.original} "
        f"({use_case.model.task}); key {', '.join(plan.key)}; happens at {plan.time.column.original}; "
        f"{len(use_case.features)} features"
    )


def _as_json(home: TourHome, tour: Tour, page: Path, code: int) -> dict[str, object]:
    training = tour.training
    return {
        "use_case": home.name,
        "home": str(home.folder),
        "page": str(page),
        "stages": [vars(line) for line in tour.lines],
        "version": training.version if training else None,
        "effective_from": str(training.effective_from) if training and training.effective_from else None,
        "gates": {verdict.gate: verdict.outcome for verdict in training.verdicts} if training else {},
        "pages": [str(each) for each in tour.pages],
        "refusal": str(tour.refusal) if tour.refusal else None,
        "exit_code": code,
    }
