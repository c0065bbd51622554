"""Decide what the draft holds: two sources over one file, kept apart by what is known when.

The entity's source has what is known when a record appears. Its outcome, and what tells the outcome by itself, is a source
of its own, known some nights later: so no feature of a night can read it too early.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightloop.drafting.column_profile import Answers, ColumnProfile, open_sample, profile_columns
from nightloop.drafting.fields import Field, derived, field, key_fields, label_field
from nightloop.drafting.keys import Key, find_key
from nightloop.drafting.leaks import Leaks, find_leaks
from nightloop.drafting.names import is_key, legal_name, literal
from nightloop.drafting.protected import marked
from nightloop.drafting.roles import EventTime, Label, Task, event_time, find_label, named
from nightloop.drafting.sample import Sample
from nightloop.drafting.watched import Watched, watched
from nightloop.errors import SourceDamaged

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class DraftOptions:
    """What a person asks for; the rest is guessed.

    ``day_first`` says whether the day stands before the month in dates that do not tell it; None: as is usual there.
    ``search_steps`` is how many sets of features may be measured on later nights; 0: they are not told apart.
    """

    label: str | None = None
    key: tuple[str, ...] = ()
    event_at: str | None = None
    time_zone: str = "UTC"
    task: Task | None = None
    matures_after: int = 1
    search_steps: int = 40
    day_first: bool | None = None

    @property
    def answers(self) -> Answers:
        """What of it tells how columns are read."""
        return Answers(self.time_zone, (self.event_at,) if self.event_at else (), self.key, self.day_first)


@dataclass(frozen=True)
class Plan:
    """All that the YAML and the contracts are written from.

    ``afterwards`` are columns that are kept with the outcome, ``doubted`` those of which a person is asked whether they should.
    """

    entity: str
    outcomes: str
    fields: tuple[Field, ...]
    outcome_fields: tuple[Field, ...]
    key: tuple[str, ...]
    key_note: str
    time: EventTime
    event_at: str
    event_date: str
    event_hour: str | None
    label: Label
    first_night: date
    last_night: date
    nights: int
    labelled_nights: int
    rows: int
    spread: float
    guessing: float
    left_out: tuple[str, ...]
    time_zone: str
    matures_after: int
    nights_to_outcome: int
    watched: tuple[Watched, ...] = ()
    afterwards: tuple[str, ...] = ()
    doubted: tuple[str, ...] = ()

    @property
    def has_gaps(self) -> bool:
        """Whether some nights of the sample's span have no record."""
        return self.nights < (self.last_night - self.first_night).days + 1

    @property
    def field(self) -> dict[str, Field]:
        """Fields of the entity by name."""
        return {item.name: item for item in self.fields}


def plan(sample: Sample, options: DraftOptions) -> Plan:
    """Look at the sample and decide.

    Raises:
        UsageError: an option does not fit the data, or a part cannot be guessed.
        SourceDamaged: no record has a time.
    """
    with open_sample(sample.text) as session:
        return _assembled(sample, options, _examine(session, sample, options))


class _Span(NamedTuple):
    """First and last night of the records, how many nights have some, and how many have some whose outcome is known."""

    first: date
    last: date
    nights: int
    labelled: int


@dataclass(frozen=True)
class _Findings:
    """What the sample shows, before anything is named."""

    columns: list[ColumnProfile]
    label: Label
    time: EventTime
    key: Key
    leaks: Leaks
    event_at: str
    span: _Span
    has_hours: bool
    spread: float
    guessing: float


def _examine(session: duckdb.DuckDBPyConnection, sample: Sample, options: DraftOptions) -> _Findings:
    columns = marked(profile_columns(session, sample.text, options.answers))
    label = find_label(columns, options.label, options.task)
    time = event_time([item for item in columns if item != label.column], options.event_at)
    requested = [named(name, columns, "--key").name for name in options.key]
    typed = session.sql("FROM typed").to_arrow_table()
    decided = {label.column.name, time.column.name, *requested}
    doubted = [item for item in columns if item.distinct and item.name not in decided and not _names_records(item)]
    leaks = find_leaks(typed, doubted, label, time.column)
    event_at = _event_sql(time, options.time_zone)
    return _Findings(
        columns=columns,
        label=label,
        time=time,
        key=find_key(session, columns, options.key, label, leaks.reasons),
        leaks=leaks,
        event_at=event_at,
        span=_span(session, event_at, options.time_zone, label),
        has_hours=not time.is_date and _hours(session, event_at, options.time_zone) > 1,
        spread=_spread(typed, label),
        guessing=_guessing(typed, label),
    )


def _assembled(sample: Sample, options: DraftOptions, findings: _Findings) -> Plan:
    names = [item.name for item in findings.columns]
    leaks, questions = findings.leaks.reasons, findings.leaks.questions
    at_once = [item for item in findings.columns if item != findings.label.column and item.name not in leaks]
    fields = [_asked_about(field(item), questions.get(item.name, "")) for item in at_once]
    of_key = key_fields(findings.key, names)
    there = {item.name for item in fields}
    fields = [*(item for item in of_key if item.name not in there), *fields]
    keys = {item.name for item in of_key}
    more = derived(findings.event_at, options.time_zone, findings.has_hours, [*names, *keys])
    groups = watched(fields, keys, [*names, *keys, *(item.name for item in more)])
    gathered = [item.field for item in groups if item.field.profile is None]
    shared = [item for item in fields if item.profile and item.name not in keys and is_group(item.profile)]
    leaking = [_known_later(item, leaks[item.name]) for item in findings.columns if item.name in leaks]
    return Plan(
        entity=legal_name(sample.stem, ("outcomes",), "records"),
        outcomes="outcomes",
        fields=(*fields, *more, *gathered),
        outcome_fields=(*of_key, *shared, label_field(findings.label), *leaking),
        key=tuple(item.name for item in of_key),
        key_note=findings.key.note,
        time=findings.time,
        event_at=findings.event_at,
        event_date=more[0].name,
        event_hour=more[1].name if findings.has_hours else None,
        label=findings.label,
        first_night=findings.span.first,
        last_night=findings.span.last,
        nights=findings.span.nights,
        labelled_nights=findings.span.labelled,
        rows=sample.rows,
        spread=findings.spread,
        guessing=findings.guessing,
        left_out=tuple(name for name in sample.text.column_names if not name or "\0" in name),
        time_zone=options.time_zone,
        # A day of a zone with summer time can have 25 hours: what is known 24 hours later may fall a night late.
        matures_after=options.matures_after + (options.time_zone != "UTC" and not findings.time.is_date),
        nights_to_outcome=options.matures_after,
        watched=groups,
        afterwards=tuple(item.name for item in leaking),
        doubted=tuple(name for name in questions if name in there),
    )


def _known_later(column: ColumnProfile, reason: str) -> Field:
    return replace(field(column), comment="; check: ".join([reason, *column.notes]))


def _asked_about(item: Field, question: str) -> Field:
    return replace(item, comment=f"{item.comment}; {question}") if question else item


def _names_records(column: ColumnProfile) -> bool:
    """Whether it is a key by its name and its values: in a sorted file even that tells the outcome."""
    return column.is_unique and is_key(column.name) and column.type != "number"


def is_group(column: ColumnProfile) -> bool:
    """Whether records can be gathered by this column: its values come again and again."""
    fit = column.type in ("string", "integer", "boolean") and 1 < column.distinct <= max(column.rows // 5, 2)
    few = column.distinct <= 5_000 and (column.type != "integer" or column.is_category or column.name.endswith("id"))  # noqa: PLR2004
    return fit and few and not column.personal


def _event_sql(time: EventTime, time_zone: str) -> str:
    """Return SQL of the event's instant; a day without an hour is its local noon, which no zone moves to another day."""
    if not time.is_date:
        return time.column.sql
    noon = f"({time.column.sql})::timestamp + to_hours(12)"
    return noon if time_zone == "UTC" else f"timezone({literal(time_zone)}, {noon})"


def _span(session: duckdb.DuckDBPyConnection, event_at: str, time_zone: str, label: Label) -> _Span:
    night = f"timezone({literal(time_zone)}, try(({event_at})::timestamptz))::date"
    known = f"({label.column.sql}) IS NOT NULL"
    of_nights = "min(n), max(n), count(DISTINCT n), count(DISTINCT n) FILTER (y)"
    first, last, nights, labelled = session.sql(
        f"SELECT {of_nights} FROM (SELECT {night} AS n, {known} AS y FROM text)"
    ).fetchall()[0]
    if first is None:
        raise SourceDamaged("no record says when it happened.", where="--event-at", do="Name another column of times.")
    return _Span(first, last, nights, labelled)


def _hours(session: duckdb.DuckDBPyConnection, event_at: str, time_zone: str) -> int:
    hour = f"hour(timezone({literal(time_zone)}, try(({event_at})::timestamptz)))"
    return int(session.sql(f"SELECT count(DISTINCT {hour}) FROM text").fetchall()[0][0])


def _spread(typed: pa.Table, label: Label) -> float:
    """Return the standard deviation of a number that is predicted; 1 for classes."""
    if label.task != "regression":
        return 1.0
    return float(pc.stddev(typed.column(label.column.name), ddof=1).as_py() or 1.0)


def _guessing(typed: pa.Table, label: Label) -> float:
    """Return the error of the best answer that is the same for every record: what a model must never exceed."""
    values = typed.column(label.column.name).drop_null()
    if label.task == "regression":
        outcomes = np.asarray(values.cast(pa.float64()).to_numpy())
        return float(np.mean(np.abs(outcomes - np.median(outcomes)))) if len(outcomes) else 1.0
    shares = np.asarray(label.column.counts) / max(sum(label.column.counts), 1)
    return float(-np.sum(shares * np.log(shares)))
