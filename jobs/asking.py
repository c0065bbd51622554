"""Ask a person at a terminal what a draft would guess: the label, the time, the key, and the order of day and month where the
dates do not tell it; each with the guess as the answer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nightloop.drafting import DraftOptions
from nightloop.drafting.column_profile import undecided_dates
from nightloop.drafting.plan import Plan, plan
from nightloop.drafting.reading.readings import Undecided
from nightloop.drafting.sample import read_sample
from nightloop.errors import UsageError, suggest

Ask = Callable[[str], str]


def is_terminal() -> bool:
    """Whether a person is there to ask and to be answered."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def asked(source: str, options: DraftOptions, definitions: Path, ask: Ask, show: Callable[[str], None]) -> DraftOptions:
    """Return the options with what a person answers to what they leave open; an empty answer takes the guess.

    Args:
        source: as ``--from`` takes it.
        options: what was given as flags: it is not asked.
        definitions: folder of the use case.
        ask: shows a question and returns the answer.
        show: shows a line.

    Raises:
        UsageError: an answer does not fit the data.
        SourceDamaged: the data is not readable.
    """
    sample = read_sample(source, definitions)
    columns = sample.text.column_names
    show(f"{sample.rows:,} records of {len(columns)} columns: {', '.join(columns)}")

    if options.day_first is None and (undecided := undecided_dates(sample.text)):
        options = replace(options, day_first=_day_first(undecided, ask, show))

    def guess(given: DraftOptions) -> Plan | None:
        try:
            return plan(sample, given)
        except UsageError:
            return None  # nothing can be guessed yet: it is asked without a guess

    if options.label is not None and options.event_at is not None and options.key:
        return options
    guessed = guess(options)  # dear on a wide file: made again only where an answer is another
    if options.label is None:
        default = guessed.label.column.original if guessed else ""
        options = replace(options, label=_column("Which column is to be predicted?", default, columns, ask, show))
        guessed = guessed if options.label == default else guess(options)
    if options.event_at is None:
        default = guessed.time.column.original if guessed else ""
        options = replace(options, event_at=_column("Which column tells when a record happened?", default, columns, ask, show))
        guessed = guessed if options.event_at == default else guess(options)
    if not options.key:
        default = ", ".join(_original_key(guessed)) if guessed else ""
        question = "Which columns tell one record from another? (several with commas; -: none does)"
        answer = _column(question, default or "-", columns, ask, show, several=True)
        options = replace(options, key=() if answer == "-" else tuple(name.strip() for name in answer.split(",")))
    return options


def _day_first(undecided: Mapping[str, Undecided], ask: Ask, show: Callable[[str], None]) -> bool:
    """Ask until it is clear whether days stand before months."""
    name, date = next(iter(undecided.items()))
    others = f" (so in {', '.join(repr(other) for other in undecided if other != name)})" if len(undecided) > 1 else ""
    while True:
        question = f"Which stands first in {date.example} of '{name}'{others}: the day or the month?"
        answer = ask(f"{question} [{'day' if date.day_first else 'month'}] ").strip().lower()
        if not answer:
            return date.day_first
        if answer in ("d", "day", "m", "month"):
            return answer.startswith("d")
        show("Answer day or month.")


def _original_key(guessed: Plan) -> list[str]:
    """Return the file's names of the key; nothing where it is made up."""
    fields = [guessed.field[name] for name in guessed.key]
    return [field.profile.original for field in fields if field.profile]


def _column(
    question: str, guess: str, columns: Sequence[str], ask: Ask, show: Callable[[str], None], *, several: bool = False
) -> str:
    """Ask until a column of the file is named."""
    while True:
        answer = ask(f"{question} [{guess}] " if guess else f"{question} ").strip() or guess
        names = [name.strip() for name in answer.split(",")] if several and answer not in columns else [answer]
        unknown = [name for name in names if name not in columns]
        if (several and answer == "-") or not unknown:
            return answer
        show(f"There is no column '{unknown[0]}'. {suggest(unknown[0], columns, 'Columns')}")
