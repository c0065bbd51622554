"""Look at every column of the sample: its type, how its values become it, what is missing, and the span of the rest.

Each different text of a column is looked at once, and all columns are computed in one pass: the table ``typed`` has them under
their legal names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from nightloop.drafting.names import is_key, is_personal, legal_name, literal, quoted, tells_a_time, words_of
from nightloop.drafting.reading.form import Form
from nightloop.drafting.reading.readings import Hints, Reading, Undecided, reading_of
from nightloop.drafting.reading.texts import HEAD, Texts
from nightloop.errors import SourceDamaged
from nightloop.expressions.types import ColumnType
from nightloop.sources.casts.strict import MACROS
from nightloop.sources.evaluation import SQL_TYPES, attempt

if TYPE_CHECKING:
    import duckdb

FEW = 20
"""A column of at most so many different values is one of categories."""

Bound = float | date | None
_DAY_AND_MONTH = r"\d{1,2}[/-]\d{1,2}[/-]\d{2,4}.*"


@dataclass(frozen=True)
class Answers:
    """What a person says of the columns of a file: the zone of its clocks, times and keys, whether days stand before months."""

    time_zone: str = "UTC"
    times: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    day_first: bool | None = None

    def hints(self, original: str, name: str) -> Hints:
        """Return what is known of a column by the file's name of it and the legal one."""
        names = {original, name}
        is_time, is_of_key = bool(names & set(self.times)), bool(names & set(self.keys))
        return Hints(original, is_time or tells_a_time(name), is_of_key or is_key(name), self.day_first)


@dataclass(frozen=True)
class ColumnProfile:
    """What the sample shows of one column.

    Attributes:
        original: the file's name of it; ``name`` is the legal one.
        sql: DuckDB SQL of its value over the file's text.
        rows: records looked at; ``missing`` of them have no value, ``invalid`` one that is not of the type.
        low, high: of numbers and times. thirds: of numbers, what a third and two thirds of the values do not exceed.
        values: the most frequent ones, all where they are few. counts: how many records have each of them.
        notes: what was guessed.
        near: what its values look like that are not read as it.
        protected: what it is likely about that the law protects people for, and how that was told.
    """

    original: str
    name: str
    type: ColumnType
    sql: str
    rows: int
    missing: int
    invalid: int
    distinct: int
    low: float | date | None
    high: float | date | None
    values: tuple[object, ...]
    counts: tuple[int, ...]
    notes: tuple[str, ...]
    is_local: bool = False
    thirds: tuple[float, ...] = ()
    protected: str = ""
    near: str = ""

    @property
    def words(self) -> str:
        """Its name as the beginning of a sentence."""
        return words_of(self.original, self.name)

    @property
    def personal(self) -> bool:
        """Whether it likely names or reaches a person."""
        return is_personal(self.name)

    @property
    def sensitive(self) -> bool:
        """Whether it is likely specially protected."""
        return bool(self.protected)

    @property
    def is_category(self) -> bool:
        """Whether it has few values, and more than one."""
        return self.type in ("string", "integer", "boolean") and 1 < self.distinct <= FEW

    @property
    def is_unique(self) -> bool:
        """Whether each record that has a value has one of its own."""
        return 0 < self.distinct == self.rows - self.missing - self.invalid


def open_sample(text: pa.Table) -> duckdb.DuckDBPyConnection:
    """Open an empty database, in UTC, that sees the sample as ``text`` and nothing else."""
    import duckdb

    session = duckdb.connect(config={"TimeZone": "UTC", "autoinstall_known_extensions": "false"})
    session.execute("SET enable_external_access = false")
    session.execute("; ".join(MACROS))
    session.register("text", text)
    return session


def profile_columns(session: duckdb.DuckDBPyConnection, text: pa.Table, answers: Answers) -> list[ColumnProfile]:
    """Profile the columns of ``text`` that have a name SQL can say; the others are left out. Creates the table ``typed``.

    Raises:
        SourceDamaged: no column has one.
    """
    profiles: list[ColumnProfile] = []
    speakable = _speakable(text)
    if not speakable:
        what = f"no column has a name that SQL can say; the first line reads {', '.join(map(repr, text.column_names))[:200]}."
        raise SourceDamaged(what, where="--from", do="Give a file whose first line names its columns, in UTF-8 or UTF-16.")
    for original in speakable:
        name = legal_name(original, [item.name for item in profiles])
        profiles.append(_declared(session, text, original, name, answers))
    columns = ", ".join(f"{_value(item)} AS {quoted(item.name)}" for item in profiles)
    session.execute(f"CREATE TABLE typed AS SELECT {columns} FROM text")
    typed = session.sql("FROM typed").to_arrow_table()
    return [_spanned(item, typed.column(item.name)) for item in profiles]


def _speakable(text: pa.Table) -> list[str]:
    return [name for name in text.column_names if name and "\0" not in name]


def undecided_dates(text: pa.Table) -> dict[str, Undecided]:
    """Return the columns of dates whose day and month the sample does not tell apart."""
    heads = {name: Texts.of(text.column(name).slice(0, HEAD)) for name in _speakable(text)}
    likely = [name for name, head in heads.items() if head.like(_DAY_AND_MONTH).any()]
    if not likely:
        return {}
    with open_sample(text) as session:
        readings = {name: reading_of(session, Texts.of(text.column(name)), Hints(name)) for name in likely}
    return {name: reading.undecided for name, reading in readings.items() if reading.undecided}


def _value(column: ColumnProfile) -> str:
    value = f"{attempt(column.sql, SQL_TYPES[column.type])}.v"
    return f"CASE WHEN isfinite({value}) THEN {value} END" if column.type in ("date", "timestamp", "number") else value


def _declared(session: duckdb.DuckDBPyConnection, text: pa.Table, original: str, name: str, answers: Answers) -> ColumnProfile:
    texts = Texts.of(text.column(original))
    reading = reading_of(session, texts, answers.hints(original, name))
    column, form = _text_sql(original, reading), reading.form
    notes = [note for note in reading.notes if note != reading.near or not is_personal(name)]
    kind: ColumnType = form.type if form else "string"
    sql = form.sql.format(column) if form else column
    if form and form.is_local and answers.time_zone != "UTC":
        sql = f"timezone({literal(answers.time_zone)}, {sql})"
        notes.append(f"read as local time of {answers.time_zone}")
    if reading.present == 0:
        notes.append("has no value in the sample")
    missing = text.num_rows - reading.present
    nothing: tuple[int, None, None] = 0, None, None
    more: dict[str, Any] = {"is_local": _is_local(form), "near": reading.near}
    return ColumnProfile(original, name, kind, sql, text.num_rows, missing, 0, *nothing, (), (), tuple(notes), **more)


def _is_local(form: Form | None) -> bool:
    return bool(form and form.is_local)


def _text_sql(original: str, reading: Reading) -> str:
    """Return SQL of the column's text: without spaces around it, and null where it stands for a missing value."""
    column = f"trim({quoted(original)})" if reading.is_padded else quoted(original)
    for token in reading.missing:
        column = f"nullif({column}, {literal(token)})"
    return column


def _spanned(column: ColumnProfile, values: pa.ChunkedArray) -> ColumnProfile:
    """Add what the values show."""
    present = len(values) - values.null_count
    invalid = column.rows - column.missing - present
    counted = _most_frequent(values) if present and column.type not in ("timestamp", "date") else []
    low, high = _bounds(values) if column.type not in ("string", "boolean") else (None, None)
    lost = f"{invalid:,} of {present + invalid:,} values are no {column.type} and will be quarantined"
    return replace(
        column,
        invalid=invalid,
        distinct=int(pc.count_distinct(values).as_py()),
        low=low,
        high=high,
        values=tuple(value for value, _ in counted),
        counts=tuple(count for _, count in counted),
        thirds=_thirds(values) if present and column.type in ("integer", "number") else (),
        notes=(*column.notes, lost) if invalid else column.notes,
    )


def _most_frequent(values: pa.ChunkedArray) -> list[tuple[object, int]]:
    """Return the FEW most frequent values and how often each is there; of equally frequent ones the lesser first."""
    counted = pc.value_counts(values.drop_null().combine_chunks())
    pairs = pa.table({"value": counted.field("values"), "count": counted.field("counts")})
    first = pc.select_k_unstable(pairs, FEW, sort_keys=[("count", "descending"), ("value", "ascending")])
    return [(item["value"], item["count"]) for item in pairs.take(first).to_pylist()]


def _thirds(values: pa.ChunkedArray) -> tuple[float, ...]:
    return tuple(pc.quantile(values, q=[1 / 3, 2 / 3]).to_pylist())


def _bounds(values: pa.ChunkedArray) -> tuple[Bound, Bound]:
    ends = pc.min_max(values).as_py()
    low, high = ((value.date() if isinstance(value, datetime) else value) for value in (ends["min"], ends["max"]))
    return low, high
