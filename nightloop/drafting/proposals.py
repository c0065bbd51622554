"""Propose features: the record's columns, the calendar, columns of numbers taken together, and the recent history of groups."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from nightloop.drafting.column_profile import FEW, ColumnProfile
from nightloop.drafting.fields import Field, classes, label_expression
from nightloop.drafting.names import in_words, legal_name, literal
from nightloop.drafting.plan import Plan, is_group
from nightloop.drafting.yaml_text import Value

MOST_LEVELS = 100
"""Levels of a category, the most frequent; rarer values are missing to the model."""
LONGEST_LEVEL = 200
MOST_BUCKETS = 256
ID = "_id"
WINDOWS = (1, 7, 28, 91)
LONGEST_OF_PAIRS = 28
SMOOTHING = 20
CLASSES = 3
"""Of several classes, the most frequent so many have a history."""
DIGITS, FINEST = 6, 6
"""Digits of the largest value that are summed, and decimals at most."""

Levels = Callable[[str, int], Sequence[object]]


@dataclass(frozen=True)
class Proposal:
    """A feature of the draft, as its YAML will say it.

    Attributes:
        number: the column of numbers that it is, where it is one of many values.
    """

    name: str
    declaration: dict[str, Value]
    comment: str = ""
    number: str | None = None


def with_names(drafts: Iterable[Proposal], taken: Iterable[str]) -> list[Proposal]:
    """Return the proposals, each with a legal name of its own that is not ``taken``."""
    names, proposed = set(taken), []
    for item in drafts:
        name = legal_name(item.name, names)
        names.add(name)
        proposed.append(Proposal(name, item.declaration, item.comment, item.number))
    return proposed


def of_records(plan: Plan, levels: Levels) -> Iterator[Proposal]:
    """Yield the calendar, then each column that may be a feature.

    Args:
        plan: what the sample shows.
        levels: (column, most) -> its most frequent values in the sample, the most frequent first.
    """
    yield from of_calendar(plan)
    for item in plan.fields:
        if item.profile and item.name not in plan.key and item.profile != plan.time.column and _usable(item.profile):
            yield from _of_column(item, item.profile, levels)


def _usable(column: ColumnProfile) -> bool:
    return column.distinct > 1 and not column.personal and not column.sensitive


def of_calendar(plan: Plan) -> Iterator[Proposal]:
    """Yield when the record happened."""
    day = plan.event_date
    if plan.event_hour:
        hour = _expression(plan.event_hour, "Local hour of the event.", unit="hour", range=[0, 23])
        yield Proposal("hour", hour)
    weekday = _expression(f"weekday({day})", "Day of the week, Monday is 1.", range=[1, 7], calendar=True)
    yield Proposal("weekday", weekday)
    if plan.first_night.month != plan.last_night.month:
        month = _expression(f"month({day})", "Month of the event.", range=[1, 12], calendar=True)
        yield Proposal("month", month)
        date = _expression(f"day({day})", "Day of the month of the event.", range=[1, 31], calendar=True)
        yield Proposal("day_of_month", date)


def _expression(text: str, description: str, **more: Value) -> dict[str, Value]:
    return {"kind": "expression", "expression": text, **more, "description": description}


def _of_column(item: Field, column: ColumnProfile, levels: Levels) -> Iterator[Proposal]:
    words = column.words
    if item.type in ("integer", "number") and not item.name.endswith(ID):
        number = _expression(item.name, f"{words}.", range=list(span(column)))
        amount = item.name if column.distinct > FEW else None
        yield Proposal(item.name, number, "range: guessed, wider than seen", number=amount)
    elif item.type == "boolean":
        yield Proposal(item.name, _expression(item.name, f"Whether {item.name.replace('_', ' ')}."))
    elif item.type in ("string", "integer") and (item.type == "string" or column.distinct <= MOST_LEVELS):
        yield from _category(item, column, levels)


def _category(item: Field, column: ColumnProfile, levels: Levels) -> Iterator[Proposal]:
    words = column.words
    if column.distinct <= MOST_LEVELS:
        known = [value for value in levels(item.name, MOST_LEVELS) if len(str(value)) <= LONGEST_LEVEL]
        if len(known) > 1:
            category: dict[str, Value] = {
                "kind": "category",
                "column": item.name,
                "levels": [value if isinstance(value, int) else str(value) for value in known],
                "description": f"{words}, as a category.",
            }
            yield Proposal(item.name, category, f"{len(known)} levels, the most frequent first")
    elif is_group(column):
        buckets = min(4 * column.distinct, MOST_BUCKETS)
        cross: dict[str, Value] = {
            "kind": "cross",
            "columns": [item.name],
            "buckets": buckets,
            "description": f"{words}, hashed.",
        }
        yield Proposal(item.name, cross, f"{column.distinct:,} values in {buckets} buckets")


def of_pairs(amounts: Sequence[str]) -> Iterator[Proposal]:
    """Yield the ratio and the difference of each two columns of numbers."""
    for one, other in itertools.combinations(amounts, 2):
        words = f"{in_words(one)} {{}} {other.replace('_', ' ')}."
        yield Proposal(f"{one}_per_{other}", _expression(f"{one} / {other}", words.format("per")))
        yield Proposal(f"{one}_less_{other}", _expression(f"{one} - {other}", words.format("less")))


def span(column: ColumnProfile) -> tuple[float, float]:
    """Return a range that holds the numbers seen and leaves room: zero stays a bound, the rest grows to round numbers."""
    low, high = float(column.low or 0), float(column.high or 0)  # type: ignore[arg-type]
    return (0.0 if low >= 0 else -_round_up(-2 * low)), (0.0 if high <= 0 else _round_up(2 * high))


def _round_up(value: float) -> float:
    """Return the next number of one digit: 2,345 -> 3,000."""
    step = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return math.ceil(value / step) * step if math.isfinite(value) else 1e308


# --- the recent history of groups ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class History:
    """A grouping of records whose past may tell something.

    Attributes:
        by: columns that the entity and its outcomes share.
        amounts: columns of numbers that are gathered by it.
        counts: whether the number of its records may tell something; that of an hour's or a weekday's does not.
        of_outcome: columns of numbers that become known with the outcome.
    """

    by: tuple[str, ...]
    amounts: tuple[str, ...] = ()
    of_outcome: tuple[str, ...] = ()
    counts: bool = True

    @property
    def stem(self) -> str:
        """How names of its features begin."""
        return "_".join(name.removeprefix("event_") for name in self.by)

    @property
    def words(self) -> str:
        """The grouping in words."""
        return " and ".join(name.removeprefix("event_").replace("_", " ") for name in self.by)


def of_history(plan: Plan, history: History) -> Iterator[Proposal]:
    """Yield the features of one grouping, those of outcomes first."""
    windows = windows_of(plan)
    if len(history.by) > 1:  # groups of pairs are many, and each record counts in as many nights as its window has
        windows = [nights for nights in windows if nights <= LONGEST_OF_PAIRS]
    yield from _outcomes(plan, history, windows)
    if history.counts:
        yield from _records(plan, history, windows)
    for name in history.of_outcome:
        for nights in windows[-2:]:
            yield _window(plan, history, "mean", nights, source=plan.outcomes, of=name)
    for name in history.amounts:
        yield from _of_number(plan, history, name, windows)


def windows_of(plan: Plan) -> list[int]:
    """Return the windows that the sample's nights fill twice."""
    nights = (plan.last_night - plan.first_night).days + 1
    return [window for window in WINDOWS if 2 * window <= nights] or [1]


def _over(nights: int) -> str:
    return f"over {nights} nights" if nights > 1 else "of the last night"


def _outcomes(plan: Plan, history: History, windows: Sequence[int]) -> Iterator[Proposal]:
    shared: dict[str, Value] = {"source": plan.outcomes, "by": list(history.by)}
    for nights in windows:
        if plan.label.task == "regression":
            yield _window(plan, history, "mean", nights, source=plan.outcomes, of=plan.label.column.name)
        elif nights > 1 or len(windows) == 1:
            for name, test, words in _events(plan):
                rate: dict[str, Value] = {"kind": "rate", "of": test, **shared, "nights": nights, "smoothing": SMOOTHING}
                description = f"{words} by {history.words} {_over(nights)}."
                yield Proposal(f"{history.stem}_{name}_{nights}d", {**rate, "range": [0, 1], "description": description})
    since: dict[str, Value] = {"kind": "window", "function": "time_since", **shared, "nights": windows[-1], "unit": "hour"}
    known = f"Hours since the newest record of the {history.words} whose outcome is known."
    yield Proposal(f"{history.stem}_known_since", {**since, "description": known})
    if plan.label.task == "binary":
        positive = {**since, "where": label_expression(plan.label)}
        words = f"Hours since the {history.words} last had this outcome."
        yield Proposal(f"{history.stem}_outcome_since", {**positive, "description": words})


def _events(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """Yield a name, a condition and words for each event whose rate is of interest."""
    label = plan.label
    words = in_words(label.column.name)
    if label.task == "binary":
        yield "rate", label_expression(plan.label), f"{words}: share"
        return
    named = classes(label)
    for value in label.column.values[:CLASSES]:
        test = f"{label.column.name} = {literal(named[value])}"
        yield f"share_{named[value]}", test, f"{words}: share of {named[value].replace('_', ' ')}"


def _records(plan: Plan, history: History, windows: Sequence[int]) -> Iterator[Proposal]:
    for nights in windows:
        yield _window(plan, history, "count", nights, source=plan.entity)
    if windows[-1] > windows[0]:
        yield _ratio(plan, history, "count", windows)


def _of_number(plan: Plan, history: History, name: str, windows: Sequence[int]) -> Iterator[Proposal]:
    """Yield a group's usual value and spread, and how tonight compares with what is usual."""
    for function in ("mean", "max", "std"):
        yield _window(plan, history, function, windows[-1], source=plan.entity, of=name)
    if windows[-1] > windows[0]:
        yield _ratio(plan, history, "mean", windows, of=name)


def _ratio(plan: Plan, history: History, function: str, windows: Sequence[int], of: str | None = None) -> Proposal:
    short, long = windows[0], windows[-1]
    what = f"{in_words(of)}, mean" if of else "Records"
    ratio: dict[str, Value] = {"kind": "ratio", "function": function, **_measured(plan, function, of), "source": plan.entity}
    ratio |= {"by": list(history.by), "nights": short, "to_nights": long}
    description = f"{what} by {history.words} {_over(short)}, against the same {_over(long)}."
    return Proposal(f"{history.stem}_{of or 'records'}_{function}_{short}d_to_{long}d", {**ratio, "description": description})


def _window(plan: Plan, history: History, function: str, nights: int, *, source: str, of: str | None = None) -> Proposal:
    window: dict[str, Value] = {"kind": "window", "function": function, **_measured(plan, function, of), "source": source}
    window |= {"by": list(history.by), "nights": nights}
    what = f"{in_words(of)}, {function}" if of else "Records"
    name = f"{history.stem}_{of}_{function}_{nights}d" if of else f"{history.stem}_records_{nights}d"
    return Proposal(name, {**window, "description": f"{what} by {history.words} {_over(nights)}."})


def _measured(plan: Plan, function: str, of: str | None) -> dict[str, Value]:
    """Return what is measured, and to how many decimals: as many digits of the largest value as tell values apart."""
    if of is None:
        return {}
    if function not in ("sum", "mean", "std"):
        return {"of": of}
    field = next(item for item in (*plan.fields, *plan.outcome_fields) if item.name == of)
    assert field.profile is not None  # noqa: S101 - numbers are columns of the file
    largest = max(abs(float(field.profile.low or 0)), abs(float(field.profile.high or 0)))  # type: ignore[arg-type]
    scale = DIGITS - 1 - math.floor(math.log10(largest)) if largest > 0 and math.isfinite(largest) else 0
    scale = min(max(scale, 0), FINEST)
    return {"of": of} if scale == 2 else {"of": of, "scale": scale}  # noqa: PLR2004 - the default
