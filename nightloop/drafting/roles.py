"""Which column is what: the key, the time, the label, the groups. As the person says, guessed where they say nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nightloop.drafting.column_profile import ColumnProfile
from nightloop.drafting.reading.near_misses import DATES
from nightloop.drafting.yaml_text import shown
from nightloop.errors import UsageError, suggest

Task = Literal["binary", "regression", "multiclass"]

_LABEL = (
    r"^(is_|has_)?(label|target|outcome|y|class|churn(ed)?|default(ed)?|fraud|fraudulent|survived|late|converted|response"
    r"|result)$"
)
_LIKE_A_LABEL = r"label|target|outcome|churn|default|fraud|converted|late$|_delay$|cancel|success|fail"
_EVENT = r"event|occur|order|transact|start|depart|schedul|opened|request|purchas|created|^date$|^time$|timestamp|datetime"
_NOT_EVENT = r"birth|dob|updat|modif|end|expir|due|paid|deliver|arriv|close|load|ingest|land|receiv|record"
_REWRITTEN = " in the file as 2013-04-01 or 2013-04-01T06:30:00Z, then try again."
_OTHER_LABEL = "Name another column, or give records of which some ended otherwise."
MOST_CLASSES = 20
_POSITIVE = ("1", "true", "yes", "y", "t", "positive", "churned", "default", "defaulted", "fraud", "late", "bad", "success")


@dataclass(frozen=True)
class Label:
    """The column to predict."""

    column: ColumnProfile
    task: Task
    positive: object = None
    note: str = ""


@dataclass(frozen=True)
class EventTime:
    """The column that says when a record happened."""

    column: ColumnProfile
    note: str = ""

    @property
    def is_date(self) -> bool:
        """Whether it names a day only."""
        return self.column.type == "date"


def named(requested: str, columns: Sequence[ColumnProfile], option: str) -> ColumnProfile:
    """Return the column that a person named, by the file's name or by ours.

    Raises:
        UsageError: there is none.
    """
    for column in columns:
        if requested in (column.original, column.name):
            return column
    raise UsageError(
        f"there is no column '{requested}'.",
        where=option,
        do=suggest(requested, [item.original for item in columns], "Columns"),
    )


def event_time(columns: Sequence[ColumnProfile], requested: str | None) -> EventTime:
    """Return the column of event time.

    Raises:
        UsageError: the one that was named is no time, or none is.
    """
    if requested is not None:
        column = named(requested, columns, "--event-at")
        if column.type not in ("date", "timestamp"):
            near = f"; it {column.near}" if column.near.startswith(DATES) else ""
            what = f"the column '{requested}' reads as a {column.type}, not as a time{near}."
            raise UsageError(what, where="--event-at", do=f"Name a column of dates or timestamps{_REWRITTEN if near else '.'}")
        return EventTime(column)
    times = [item for item in columns if item.type in ("date", "timestamp") and item.missing <= item.rows * 0.02]
    ranked = sorted(times, key=_fit_for_event_time)
    if not ranked:
        raise _no_time(columns)
    best, others = ranked[0], ", ".join(item.original for item in ranked[1:])
    return EventTime(best, f"check: guessed to be when it happened{f'; others: {others}' if others else ''}")


def _no_time(columns: Sequence[ColumnProfile]) -> UsageError:
    """Return the error where no column is a time, with those that nearly are."""
    what = "no column tells when a record happened: nights cannot be told apart"
    digits = [item for item in columns if item.near.startswith(DATES) and item.type != "string"]
    texts = [item for item in columns if item.near.startswith(DATES) and item.type == "string" and not item.personal]
    partly = [item for item in columns if item.type in ("date", "timestamp")]
    do = "Add a column of dates or timestamps to the data (for example 2013-04-01T06:30:00Z), then try again."
    if texts:
        return UsageError(f"{what}; '{texts[0].original}' {texts[0].near}.", where="--event-at", do=f"Write dates{_REWRITTEN}")
    if partly:
        column = partly[0]
        what += f"; '{column.original}' is empty in {column.missing:,} of {column.rows:,} records"
        return UsageError(f"{what}.", where="--event-at", do=f"--event-at '{column.original}' takes it all the same.")
    if digits:
        do = f"If that is when it happened, say so: --event-at '{digits[0].original}'. Else: {do}"
        return UsageError(f"{what}; '{digits[0].original}' {digits[0].near}.", where="--event-at", do=do)
    return UsageError(f"{what}.", where="--event-at", do=do)


def _fit_for_event_time(column: ColumnProfile) -> tuple[bool, bool, bool]:
    return re.search(_NOT_EVENT, column.name) is not None, re.search(_EVENT, column.name) is None, column.type == "date"


def find_label(columns: Sequence[ColumnProfile], requested: str | None, task: Task | None) -> Label:
    """Return the column to predict, and what kind of task that is.

    Raises:
        UsageError: the one named does not exist or does not fit the task, or none can be guessed.
    """
    column = named(requested, columns, "--label") if requested else _likely_label(columns)
    if column.distinct < 2:  # noqa: PLR2004 - nothing differs
        raise UsageError(f"{_constant(column)}: there is nothing to predict.", where="--label", do=_OTHER_LABEL)
    kind = task or _task_of(column)
    fits = {
        "binary": column.distinct == 2,  # noqa: PLR2004 - binary
        "regression": column.type in ("integer", "number"),
        "multiclass": column.type in ("string", "integer", "boolean") and 1 < column.distinct <= MOST_CLASSES,
    }
    if not fits[kind]:
        what = f"the column '{column.original}' ({column.type}, {column.distinct:,} different values)"
        raise UsageError(
            f"{what} does not fit the task {kind}.",
            where="--label" if requested else "--task",
            do=f"Tasks that fit it: {', '.join(name for name, fit in fits.items() if fit) or 'none; name another column'}.",
        )
    guess = "" if requested else f"check: '{column.original}' was guessed to be what is predicted"
    if kind != "binary":
        return Label(column, kind, note=guess)
    positive, how = _positive(column)
    return Label(column, kind, positive, "; ".join(part for part in (guess, how) if part))


def _constant(column: ColumnProfile) -> str:
    """Say that a column tells nothing apart."""
    if not column.distinct:
        return f"the column '{column.original}' has no value in the sample ({column.rows:,} records)"
    value = column.low if column.type in ("date", "timestamp") else column.values[0]
    return f"the column '{column.original}' has one value only ({shown(value)}, in {column.rows - column.missing:,} records)"


def _likely_label(columns: Sequence[ColumnProfile]) -> ColumnProfile:
    fit = [item for item in columns if item.type in ("string", "integer", "boolean", "number") and item.distinct > 1]
    for pattern, is_fit in ((_LABEL, bool), (_LIKE_A_LABEL, _few_or_numbers)):
        for item in reversed(fit):
            is_coordinate = item.name == "y" and item.distinct > MOST_CLASSES and item != fit[-1]
            if re.search(pattern, item.name) and is_fit(item) and not is_coordinate:
                return item
    two = [item for item in fit if item.distinct == 2]  # noqa: PLR2004 - yes or no
    if not two:
        one = next((item for item in columns if item.distinct < 2 and re.search(f"{_LABEL}|{_LIKE_A_LABEL}", item.name)), None)  # noqa: PLR2004
        why = f"; {_constant(one)}" if one else ""
        raise UsageError(
            f"no column looks like what is to be predicted{why}.",
            where="--label",
            do=_OTHER_LABEL if one else f"Name it. Columns: {', '.join(item.original for item in columns)}.",
        )
    return two[-1]


def _few_or_numbers(column: ColumnProfile) -> bool:
    return column.distinct <= MOST_CLASSES or column.type in ("integer", "number")


def _task_of(column: ColumnProfile) -> Task:
    if column.distinct == 2:  # noqa: PLR2004 - yes or no
        return "binary"
    if column.type == "number" or (column.type == "integer" and column.distinct > MOST_CLASSES):
        return "regression"
    return "multiclass"


def _positive(column: ColumnProfile) -> tuple[object, str]:
    for value in column.values:
        words = str(int(value) if isinstance(value, float) and value.is_integer() else value)
        if words.strip().lower() in _POSITIVE:
            return value, ""
    return column.values[-1], "check: the rarer of two values was guessed to be the positive one"
