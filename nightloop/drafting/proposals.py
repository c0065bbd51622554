"""Propose features: what the record itself says, the calendar, and the recent history of the groups it belongs to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nightloop.drafting.column_profile import ColumnProfile
from nightloop.drafting.fields import Field, classes
from nightloop.drafting.names import in_words, legal_name, literal
from nightloop.drafting.plan import Plan, is_group
from nightloop.drafting.yaml_text import Value

MOST = 60
ONE_HOT = 5
MOST_BUCKETS = 256
GROUPS = 3
WINDOWS = (7, 28)
ID = "_id"


@dataclass(frozen=True)
class Proposal:
    """A feature of the draft, as its YAML will say it."""

    name: str
    declaration: dict[str, Value]
    comment: str = ""


def proposals(plan: Plan) -> list[Proposal]:
    """Return the proposed features, at most MOST, each with a name of its own."""
    taken = {*plan.key, "by", "key"}
    proposed: list[Proposal] = []
    for name, declaration, why in _all(plan):
        unique = legal_name(name, taken)
        taken.add(unique)
        proposed.append(Proposal(unique, declaration, why))
    return proposed[:MOST]


_Draft = tuple[str, dict[str, Value], str]


def _all(plan: Plan) -> Iterator[_Draft]:
    yield from _calendar(plan)
    yield from _history(plan)
    for item in plan.fields:
        if item.profile and item.name not in plan.key and item.profile != plan.time.column and _usable(item.profile):
            yield from _of_column(item, item.profile)


def _usable(column: ColumnProfile) -> bool:
    return column.distinct > 1 and not column.personal and not column.sensitive


def _calendar(plan: Plan) -> Iterator[_Draft]:
    day = plan.event_date
    if plan.event_hour:
        yield "hour", _expression(plan.event_hour, "Local hour of the event.", unit="hour", range=[0, 23]), ""
    yield "weekday", _expression(f"weekday({day})", "Day of the week, Monday is 1.", range=[1, 7], calendar=True), ""
    if plan.first_night.month != plan.last_night.month:
        yield "month", _expression(f"month({day})", "Month of the event.", range=[1, 12], calendar=True), ""


def _expression(text: str, description: str, **more: Value) -> dict[str, Value]:
    return {"kind": "expression", "expression": text, **more, "description": description}


def _of_column(item: Field, column: ColumnProfile) -> Iterator[_Draft]:
    words = in_words(item.name)
    if item.type in ("integer", "number"):
        if not item.name.endswith(ID):
            yield item.name, _expression(item.name, f"{words}.", range=list(span(column))), "range: guessed, wider than seen"
    elif item.type == "boolean":
        yield item.name, _expression(item.name, f"Whether {item.name.replace('_', ' ')}."), ""
    elif item.type == "string" and column.distinct <= ONE_HOT:
        values = column.values[:1] if column.distinct == 2 else column.values  # noqa: PLR2004 - the other is its opposite
        for value in values:
            test = f"{item.name} = {literal(str(value))}"
            yield f"{item.name}_is_{value}", _expression(test, f"Whether {item.name.replace('_', ' ')} is this value."), ""
    elif item.type == "string" and is_group(column):
        buckets = min(4 * column.distinct, MOST_BUCKETS)
        cross: dict[str, Value] = {
            "kind": "cross",
            "columns": [item.name],
            "buckets": buckets,
            "description": f"{words}, hashed.",
        }
        yield item.name, cross, f"{column.distinct:,} values in {buckets} buckets"


def span(column: ColumnProfile) -> tuple[float, float]:
    """Return a range that holds the numbers seen and leaves room: zero stays a bound, the rest grows to round numbers."""
    low, high = float(column.low or 0), float(column.high or 0)  # type: ignore[arg-type]
    return (0.0 if low >= 0 else -_round_up(-2 * low)), (0.0 if high <= 0 else _round_up(2 * high))


def _round_up(value: float) -> float:
    """Return the next number of one digit: 2,345 -> 3,000."""
    step = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return math.ceil(value / step) * step if math.isfinite(value) else 1e308


def _history(plan: Plan) -> Iterator[_Draft]:
    shared = {item.name for item in plan.outcome_fields}
    groups = [item for item in plan.fields if item.profile and item.name in shared - {*plan.key} and _gathers(item.profile)]
    longest = (plan.last_night - plan.first_night).days + 1
    windows = [nights for nights in WINDOWS if nights < longest] or [1]
    for item in sorted(groups, key=lambda each: each.profile.distinct if each.profile else 0)[:GROUPS]:
        words = item.name.replace("_", " ")
        for nights in windows:
            over = f"over {nights} nights" if nights > 1 else "of the last night"
            yield f"{item.name}_{_what(plan)}_{nights}d", _outcome(plan, item.name, nights, f"by {words} {over}."), ""
            count: dict[str, Value] = {"kind": "window", "function": "count", "source": plan.entity, "by": [item.name]}
            yield (
                f"{item.name}_records_{nights}d",
                {**count, "nights": nights, "description": f"Records by {words} {over}."},
                "",
            )


def _gathers(column: ColumnProfile) -> bool:
    return is_group(column) and not column.sensitive


def _what(plan: Plan) -> str:
    return {"binary": "rate", "regression": "mean", "multiclass": "share"}[plan.label.task]


def _outcome(plan: Plan, by: str, nights: int, by_words: str) -> dict[str, Value]:
    label = plan.label
    shared: dict[str, Value] = {"source": plan.outcomes, "by": [by], "nights": nights}
    words = in_words(label.column.name)
    if label.task == "regression":
        return {
            "kind": "window",
            "function": "mean",
            "of": label.column.name,
            **shared,
            "description": f"{words}, mean {by_words}",
        }
    if label.task == "binary":
        test, description = label_expression(plan), f"{words}: share {by_words}"
        return {"kind": "rate", "of": test, **shared, "smoothing": 20, "range": [0, 1], "description": description}
    common = classes(label)[label.column.values[0]]
    description = f"{words}: share of the most frequent class {by_words}"
    test = f"{label.column.name} = {literal(common)}"
    return {"kind": "rate", "of": test, **shared, "smoothing": 20, "range": [0, 1], "description": description}


def label_expression(plan: Plan) -> str:
    """Return the label over the columns of its source."""
    label, name = plan.label, plan.label.column.name
    if label.task != "binary":
        return name
    if label.column.type == "boolean":
        return name if label.positive else f"not {name}"
    value = label.positive
    return f"{name} = {literal(value)}" if isinstance(value, str) else f"{name} = {value}"
