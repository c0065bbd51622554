"""Look at every column of the sample: its type, how its values become it, what is missing, and the span of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from nightloop.drafting.forms import FORMS, MISSING, NEVER_WORDS, Form
from nightloop.drafting.names import is_personal, is_sensitive, legal_name, literal, quoted, tells_a_time
from nightloop.expressions.types import ColumnType

if TYPE_CHECKING:
    import duckdb

FEW = 20
"""A column of at most so many different values is one of categories."""
MUST_FIT = 0.98
"""Share of the values that must be of a form for the column to be of its type; the others go to quarantine."""
EXACT = 1_000
"""Below so many values a form must fit all of them."""

Bound = float | date | None


@dataclass(frozen=True)
class ColumnProfile:
    """What the sample shows of one column.

    Attributes:
        original: the file's name of it; ``name`` is the legal one.
        sql: DuckDB SQL of its value over the file's text.
        rows: records looked at; ``missing`` of them have no value, ``invalid`` one that is not of the type.
        low, high: of numbers and times. values: all of them, the most frequent first, where there are few.
        notes: what was guessed.
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
    notes: tuple[str, ...]
    is_local: bool = False

    @property
    def personal(self) -> bool:
        """Whether it likely names or reaches a person."""
        return is_personal(self.name)

    @property
    def sensitive(self) -> bool:
        """Whether it is likely specially protected."""
        return is_sensitive(self.name)

    @property
    def is_category(self) -> bool:
        """Whether it has few values, and more than one."""
        return self.type in ("string", "integer", "boolean") and 1 < self.distinct <= FEW

    @property
    def is_unique(self) -> bool:
        """Whether each record has a value of its own."""
        return self.distinct == self.rows


def open_sample(text: pa.Table) -> duckdb.DuckDBPyConnection:
    """Open an empty database, in UTC, that sees the sample as ``text`` and nothing else."""
    import duckdb

    session = duckdb.connect(config={"TimeZone": "UTC", "autoinstall_known_extensions": "false"})
    session.execute("SET enable_external_access = false")
    session.register("text", text)
    return session


def profile_columns(session: duckdb.DuckDBPyConnection, columns: Sequence[str], time_zone: str) -> list[ColumnProfile]:
    """ColumnProfile the columns of ``text`` that have a name SQL can say; the others are left out."""
    profiles: list[ColumnProfile] = []
    for original in (name for name in columns if name and "\0" not in name):
        name = legal_name(original, [item.name for item in profiles])
        profiles.append(_profile(session, original, name, time_zone))
    return profiles


def _profile(session: duckdb.DuckDBPyConnection, original: str, name: str, time_zone: str) -> ColumnProfile:
    tokens, rows, present = _missing(session, original)
    column = quoted(original)
    for token in tokens:
        column = f"nullif({column}, {literal(token)})"
    form, fitting = _form(session, column, name, present)
    notes = [form.note] if form and form.note else []
    kind: ColumnType = form.type if form else "string"
    sql = form.sql.format(column) if form else column
    if form and form.is_local and time_zone != "UTC":
        sql = f"timezone({literal(time_zone)}, {sql})"
        notes.append(f"read as local time of {time_zone}")
    if present == 0:
        notes.append("has no value in the sample")
    if fitting < present:
        notes.append(f"{present - fitting:,} of {present:,} values are no {kind} and will be quarantined")
    distinct, low, high = _span(session, sql, kind)
    values = _values(session, sql) if 0 < distinct <= FEW else ()
    return ColumnProfile(
        original, name, kind, sql, rows, rows - present, present - fitting, distinct, low, high, values, tuple(notes),
        bool(form and form.is_local),
    )  # fmt: skip


def _missing(session: duckdb.DuckDBPyConnection, original: str) -> tuple[list[str], int, int]:
    """Return the texts that stand for a missing value in this column, and how many records and values there are.

    A text other than the empty one counts as missing only where the values beside it are no words.
    """
    column = quoted(original)
    listed = ", ".join(literal(token) for token in MISSING)
    counts = dict(session.sql(f"SELECT {column}, count(*) FROM text WHERE {column} IN ({listed}) GROUP BY 1").fetchall())
    rows, present = session.sql(f"SELECT count(*), count({column}) FROM text").fetchall()[0]
    words = session.sql(
        f"SELECT count(*) FROM text WHERE NOT regexp_matches({column}, '[0-9]') AND {column} NOT IN ({listed})"
    ).fetchall()[0][0]
    tokens = [token for token in MISSING if counts.get(token) and (words == 0 or token in NEVER_WORDS)]
    return tokens, rows, present - sum(counts[token] for token in tokens)


def _form(session: duckdb.DuckDBPyConnection, column: str, name: str, present: int) -> tuple[Form | None, int]:
    """Return the first form that fits, and how many values it fits.

    All are looked at by their pattern first: reading a value in a form that it does not have is dear.
    """
    forms = [form for form in FORMS if tells_a_time(name) or not form.needs_a_time_name]
    by_pattern = ", ".join(f"count(*) FILTER (WHERE regexp_full_match(v, '{form.pattern}'))" for form in forms)
    codes = "count(*) FILTER (WHERE regexp_full_match(v, '0[0-9]+'))"
    values = f"(SELECT {column} AS v FROM text)"
    *like, leading_zeros = session.sql(f"SELECT {by_pattern}, {codes} FROM {values}").fetchall()[0]
    needed = present if present < EXACT else present * MUST_FIT
    for form, count in zip(forms, like, strict=True):
        if not present or count < needed or (leading_zeros and form.type in ("integer", "number")):
            continue
        test = f"CASE WHEN regexp_full_match(v, '{form.pattern}') THEN try({form.sql.format('v')}) IS NOT NULL END"
        fitting = session.sql(f"SELECT count(*) FILTER (WHERE {test}) FROM {values}").fetchall()[0][0]
        if fitting >= needed:
            return form, fitting
    return None, present


def _span(session: duckdb.DuckDBPyConnection, sql: str, kind: ColumnType) -> tuple[int, Bound, Bound]:
    tried = f"SELECT try({sql}) AS v FROM text"
    if kind in ("string", "boolean"):
        return session.sql(f"SELECT count(DISTINCT v) FROM ({tried})").fetchall()[0][0], None, None
    shown = "v::date" if kind in ("date", "timestamp") else "v"
    distinct, low, high = session.sql(f"SELECT count(DISTINCT v), min({shown}), max({shown}) FROM ({tried})").fetchall()[0]
    return distinct, low, high


def _values(session: duckdb.DuckDBPyConnection, sql: str) -> tuple[object, ...]:
    tried = f"SELECT try({sql}) AS v FROM text"
    by_count = f"GROUP BY v ORDER BY count(*) DESC, v LIMIT {FEW}"
    return tuple(row[0] for row in session.sql(f"SELECT v FROM ({tried}) WHERE v IS NOT NULL {by_count}").fetchall())
