"""Decide what the draft holds: two sources over one file, kept apart by what is known when.

The entity's source has what is known when a record appears. Its outcome, and what tells the outcome by itself, is a source
of its own, known some nights later: so no feature of a night can read it too early.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from nightloop.drafting.column_profile import ColumnProfile, open_sample, profile_columns
from nightloop.drafting.leaks import suspicious
from nightloop.drafting.names import in_words, legal_name, literal, quoted
from nightloop.drafting.roles import EventTime, Key, Label, Task, event_time, find_key, find_label
from nightloop.drafting.sample import Sample
from nightloop.errors import SourceDamaged
from nightloop.expressions.types import ColumnType

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class DraftOptions:
    """What a person asks for; the rest is guessed."""

    label: str | None = None
    key: tuple[str, ...] = ()
    event_at: str | None = None
    time_zone: str = "UTC"
    task: Task | None = None
    matures_after: int = 1


@dataclass(frozen=True)
class Field:
    """A column of a drafted source; ``profile`` is what the sample shows of it, absent when it is derived."""

    name: str
    type: ColumnType
    sql: str
    description: str
    comment: str
    profile: ColumnProfile | None = None


@dataclass(frozen=True)
class Plan:
    """All that the YAML and the contracts are written from."""

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
    rows: int
    spread: float
    left_out: tuple[str, ...]
    time_zone: str
    matures_after: int
    nights_to_outcome: int

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


@dataclass(frozen=True)
class _Findings:
    """What the sample shows, before anything is named."""

    columns: list[ColumnProfile]
    label: Label
    time: EventTime
    key: Key
    leaks: dict[str, str]
    event_at: str
    span: tuple[date, date, int]
    has_hours: bool
    spread: float


def _examine(session: duckdb.DuckDBPyConnection, sample: Sample, options: DraftOptions) -> _Findings:
    columns = profile_columns(session, sample.text.column_names, options.time_zone)
    label = find_label(columns, options.label, options.task)
    time = event_time([item for item in columns if item != label.column], options.event_at)
    key = find_key(session, columns, options.key, label)
    others = [item for item in columns if item not in (label.column, time.column, *key.columns)]
    event_at = _event_sql(time, options.time_zone)
    return _Findings(
        columns=columns,
        label=label,
        time=time,
        key=key,
        leaks=suspicious(session, [item for item in others if item.distinct], label),
        event_at=event_at,
        span=_span(session, event_at, options.time_zone),
        has_hours=not time.is_date and _hours(session, event_at, options.time_zone) > 1,
        spread=_spread(session, label),
    )


def _assembled(sample: Sample, options: DraftOptions, findings: _Findings) -> Plan:
    names = [item.name for item in findings.columns]
    fields = [_field(item) for item in findings.columns if item != findings.label.column and item.name not in findings.leaks]
    key_fields = [item for item in fields if item.name in {column.name for column in findings.key.columns}]
    if not key_fields:
        key_fields = [_digest(findings.columns, names)]
        fields = [*key_fields, *fields]
    keys = {item.name for item in key_fields}
    derived = _derived(findings.event_at, options.time_zone, findings.has_hours, [*names, *keys])
    groups = [item for item in fields if item.profile and item.name not in keys and is_group(item.profile)]
    leaking = [
        replace(_field(item), comment=findings.leaks[item.name]) for item in findings.columns if item.name in findings.leaks
    ]
    return Plan(
        entity=legal_name(sample.stem, ("outcomes",), "records"),
        outcomes="outcomes",
        fields=(*fields, *derived),
        outcome_fields=(*key_fields, *groups, _label_field(findings.label), *leaking),
        key=tuple(item.name for item in key_fields),
        key_note=findings.key.note,
        time=findings.time,
        event_at=findings.event_at,
        event_date=derived[0].name,
        event_hour=derived[1].name if findings.has_hours else None,
        label=findings.label,
        first_night=findings.span[0],
        last_night=findings.span[1],
        nights=findings.span[2],
        rows=sample.rows,
        spread=findings.spread,
        left_out=tuple(name for name in sample.text.column_names if not name or "\0" in name),
        time_zone=options.time_zone,
        # A day of a zone with summer time can have 25 hours: what is known 24 hours later may fall a night late.
        matures_after=options.matures_after + (options.time_zone != "UTC" and not findings.time.is_date),
        nights_to_outcome=options.matures_after,
    )


def is_group(column: ColumnProfile) -> bool:
    """Whether records can be gathered by this column: its values come again and again."""
    fit = column.type in ("string", "integer", "boolean") and 1 < column.distinct <= max(column.rows // 5, 2)
    few = column.distinct <= 5_000 and (column.type != "integer" or column.is_category or column.name.endswith("id"))  # noqa: PLR2004
    return fit and few and not column.personal


def _field(column: ColumnProfile) -> Field:
    return Field(column.name, column.type, column.sql, f"{in_words(column.name)}.", _facts(column), column)


def _facts(column: ColumnProfile) -> str:
    """Say what the sample shows; no value of a column that may be about a person."""
    facts = [f"{column.distinct:,} different"]
    if column.low is not None and not column.personal:
        facts.append(f"{column.low} to {column.high}")
    if column.missing:
        facts.append(f"{column.missing / column.rows:.1%} missing")
    shown = ", ".join(facts)
    notes = "; ".join(column.notes)
    return f"{shown}; check: {notes}" if notes else shown


def _label_field(label: Label) -> Field:
    column = label.column
    if label.task != "multiclass":
        return _field(column)
    cases = " ".join(f"when {_value_text(value)} then {literal(name)}" for value, name in classes(label).items())
    return Field(column.name, "string", f"case {column.sql} {cases} end", f"{in_words(column.name)}.", _facts(column), column)


def classes(label: Label) -> dict[object, str]:
    """Return the legal name of each class of a multiclass label, by the file's value."""
    names: dict[object, str] = {}
    for value in sorted(label.column.values, key=str):
        names[value] = legal_name(str(value), list(names.values()), "class")
    return names


def _value_text(value: object) -> str:
    return literal(value) if isinstance(value, str) else str(value).lower()


def _digest(columns: Sequence[ColumnProfile], names: Sequence[str]) -> Field:
    parts = ", ".join(f"coalesce({quoted(item.original)}, '')" for item in columns)
    what = "Digest of the whole record: the file has no key of its own."
    return Field(legal_name("record_id", names), "string", f"md5(concat_ws(chr(31), {parts}))", what, "")


def _derived(event_at: str, time_zone: str, with_hour: bool, names: Sequence[str]) -> list[Field]:
    local = f"timezone({literal(time_zone)}, ({event_at})::timestamptz)"
    fields = [Field(legal_name("event_date", names), "date", f"{local}::date", "Local date of the event.", "derived")]
    if with_hour:
        hour = legal_name("event_hour", names)
        fields.append(Field(hour, "integer", f"hour({local})", "Local hour of the event.", "derived"))
    return fields


def _event_sql(time: EventTime, time_zone: str) -> str:
    """Return SQL of the event's instant; a day without an hour is its local noon, which no zone moves to another day."""
    if not time.is_date:
        return time.column.sql
    noon = f"({time.column.sql})::timestamp + to_hours(12)"
    return noon if time_zone == "UTC" else f"timezone({literal(time_zone)}, {noon})"


def _span(session: duckdb.DuckDBPyConnection, event_at: str, time_zone: str) -> tuple[date, date, int]:
    night = f"timezone({literal(time_zone)}, try(({event_at})::timestamptz))::date"
    first, last, nights = session.sql(
        f"SELECT min(n), max(n), count(DISTINCT n) FROM (SELECT {night} AS n FROM text)"
    ).fetchall()[0]
    if first is None:
        raise SourceDamaged("no record says when it happened.", where="--event-at", do="Name another column of times.")
    return first, last, nights


def _hours(session: duckdb.DuckDBPyConnection, event_at: str, time_zone: str) -> int:
    hour = f"hour(timezone({literal(time_zone)}, try(({event_at})::timestamptz)))"
    return int(session.sql(f"SELECT count(DISTINCT {hour}) FROM text").fetchall()[0][0])


def _spread(session: duckdb.DuckDBPyConnection, label: Label) -> float:
    """Return the standard deviation of a number that is predicted; 1 for classes."""
    if label.task != "regression":
        return 1.0
    deviation = session.sql(f"SELECT stddev_samp(try({label.column.sql})::double) FROM text").fetchall()[0][0]
    return float(deviation or 1.0)
