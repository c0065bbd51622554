"""What `new` and `try` take on the command line: that which a draft need not guess, and where a tour goes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nightloop.drafting import DraftOptions

FILES = "CSV, Parquet or JSON Lines; several files are put together: of the same columns, or joined by a column"


def add_draft_options(command: argparse.ArgumentParser) -> None:
    """Declare what a draft need not guess."""
    command.add_argument("--label", metavar="COLUMN", help="column to predict (default: guessed)")
    command.add_argument("--key", metavar="COLUMN", action="append", help="column of the key; repeatable (default: guessed)")
    command.add_argument("--event-at", metavar="COLUMN", help="when a record happened (default: guessed)")
    order = command.add_mutually_exclusive_group()
    ask = "where dates do not tell day and month apart: the {} stands first (default: the month before /, else the day)"
    order.add_argument("--day-first", action="store_const", const=True, dest="day_first", help=ask.format("day"))
    order.add_argument("--month-first", action="store_const", const=False, dest="day_first", help=ask.format("month"))
    command.add_argument("--time-zone", metavar="ZONE", default="UTC", help="zone of nights and local times (default: UTC)")
    command.add_argument("--task", choices=("binary", "regression", "multiclass"), help="default: by the label's values")
    command.add_argument("--matures-after", metavar="NIGHTS", type=int, default=1, help="nights until outcomes are known (1)")


def draft_options(given: argparse.Namespace) -> DraftOptions:
    """Return what was given of it."""
    from nightloop.drafting import DraftOptions  # dear to import: every command declares its arguments

    return DraftOptions(
        label=given.label,
        key=tuple(given.key or ()),
        event_at=given.event_at,
        time_zone=given.time_zone,
        task=given.task,
        matures_after=given.matures_after,
        day_first=given.day_first,
    )


def add_tour_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the files of a tour and where it goes."""
    command.add_argument("sources", metavar="FILE", nargs="+", help=FILES)
    add_draft_options(command)
    command.add_argument("--name", metavar="USE_CASE", help="name of the use case (default: that of the file)")
    command.add_argument("--home", metavar="FOLDER", help="folder of all it makes (default: HOME/try/NAME)")
    command.add_argument("--no-open", action="store_true", help="print where the page is, and do not open it")
    command.add_argument("--force", action="store_true", help="begin anew where another tour stands")
