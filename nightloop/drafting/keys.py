"""Find the columns that tell one record from another: the fewest, of what is there from the start and never changes.

A label, what tells it, and what is filled in later are no part of a key: the key of a record would change with them, and its
outcome would find nothing.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightloop.drafting.column_profile import ColumnProfile
from nightloop.drafting.names import is_key, quoted
from nightloop.drafting.roles import Label, named
from nightloop.errors import UsageError
from nightloop.expressions.types import KEY_TYPES

if TYPE_CHECKING:
    import duckdb

FIRST_LOOK = 20_000
MOST_TRIED = 9
LARGEST = 4
"""Columns that are combined, and how many of them at most."""
FEW_LOST = 0.005
"""Share of the records that may have no key of their own where one is sure else: a line of totals, a record sent twice."""
_ABLE = (*KEY_TYPES, "timestamp")
_CHANGES = r"updat|modif|chang|status|state$|stage$|balance|closed|paid|resol|cancel|deliver|last_|latest|current|version"


@dataclass(frozen=True)
class Key:
    """Columns that tell one record from another; where no few columns do, none, and those whose digest comes nearest."""

    columns: tuple[ColumnProfile, ...]
    note: str = ""
    digested: tuple[ColumnProfile, ...] = ()


def find_key(
    session: duckdb.DuckDBPyConnection,
    columns: Sequence[ColumnProfile],
    requested: Sequence[str],
    label: Label,
    leaks: Collection[str],
) -> Key:
    """Return the fewest columns that tell records apart.

    Args:
        session: has the table ``typed``.
        columns: of the file.
        requested: what a person named; comes before all guesses.
        label: never part of a guessed key.
        leaks: names of columns that tell the label; never part of a guessed key.

    Raises:
        UsageError: a column that was named does not exist, or cannot be a key.
    """
    if requested:
        return _requested(session, columns, requested)
    lasting = [item for item in columns if item.name != label.column.name and item.name not in leaks and not _changes(item)]
    able = sorted((item for item in lasting if item.type in _ABLE and item.distinct), key=_rank)
    fit = [item for item in able if not item.missing and not item.invalid]
    alone = [item for item in fit if item.is_unique and (item.type != "integer" or _is_sure(item))]
    if alone:
        best = alone[0]
        return Key((best,), "" if is_key(best.name) else "check: it is different for every record of the sample")
    sure = [item for item in able if _is_sure(item) and item.rows - item.distinct <= FEW_LOST * item.rows]
    if whole := next((item for item in sure if item.is_unique), None):
        return Key((whole,), _lost(whole))
    parts = [item for item in fit if item.type != "integer" or is_key(item.name) or item.is_category]
    for several in _combinations(parts[:MOST_TRIED]):
        if _distinct(session, several) == columns[0].rows:
            return Key(several, "check: together they are different for every record of the sample")
    if sure:
        return Key((sure[0],), _lost(sure[0]))
    return _digest(session, lasting)


def _requested(session: duckdb.DuckDBPyConnection, columns: Sequence[ColumnProfile], requested: Sequence[str]) -> Key:
    key_columns = tuple(named(name, columns, "--key") for name in requested)
    for invalid in (item for item in key_columns if item.type not in _ABLE):
        what = f"the column '{invalid.original}' reads as a {invalid.type} and cannot be a key."
        raise UsageError(what, where="--key", do=f"A key is of {', '.join(_ABLE)}.")
    repeats = _distinct(session, key_columns) < columns[0].rows
    return Key(key_columns, "check: these columns repeat in the sample" if repeats else "")


def _changes(column: ColumnProfile) -> bool:
    return re.search(_CHANGES, column.name) is not None


def _rank(column: ColumnProfile) -> tuple[bool, bool, bool, int, int]:
    kinds = ("string", "date", "timestamp", "integer", "boolean")
    about_a_person = column.personal or column.sensitive
    return about_a_person, not is_key(column.name), column.type == "boolean", kinds.index(column.type), -column.distinct


def _is_sure(column: ColumnProfile) -> bool:
    """Whether its name or its numbers say that it tells records apart."""
    return is_key(column.name) or (column.type == "integer" and _counts_up(column))


def _lost(column: ColumnProfile) -> str:
    """Say which records have no key of their own."""
    without = column.missing + column.invalid
    repeated = column.rows - without - column.distinct
    parts = [f"{without:,} without" * (without > 0), f"{repeated:,} with that of another record" * (repeated > 0)]
    return f"check: of {column.rows:,} records {' and '.join(part for part in parts if part)} will be set aside"


def _counts_up(column: ColumnProfile) -> bool:
    """Whether whole numbers are those of a counter: one after the other, with few gaps."""
    return float(column.high or 0) - float(column.low or 0) < 2 * column.rows  # type: ignore[arg-type]


def _combinations(columns: Sequence[ColumnProfile]) -> Iterable[tuple[ColumnProfile, ...]]:
    rows = columns[0].rows if columns else 0
    for size in range(2, LARGEST + 1):
        for several in itertools.combinations(columns, size):
            possible = 1
            for item in several:
                possible *= item.distinct
            if possible >= rows:
                yield several


def _distinct(session: duckdb.DuckDBPyConnection, columns: Sequence[ColumnProfile]) -> int:
    """Return how many different records these columns tell; fewer when a few records show already that they repeat."""
    names = ", ".join(quoted(item.name) for item in columns)
    rows, distinct = columns[0].rows, 0
    for limit in (FIRST_LOOK, rows):
        counted = session.sql(f"SELECT count(*) FROM (SELECT DISTINCT {names} FROM (SELECT {names} FROM typed LIMIT {limit}))")
        distinct = int(counted.fetchall()[0][0])
        if distinct < min(limit, rows):
            break
    return distinct


def _digest(session: duckdb.DuckDBPyConnection, lasting: Sequence[ColumnProfile]) -> Key:
    """Return the columns to digest: those that are always there, and others only where these do not tell as much."""
    whole = [item for item in lasting if not item.missing] or list(lasting)
    rows = lasting[0].rows if lasting else 0
    full = _all_distinct(session, lasting)
    chosen = whole if _all_distinct(session, whole) == full else list(lasting)
    repeated = rows - full
    note = "check: no few columns tell records apart: a digest of those that look as if they never change"
    if repeated:
        note += f"; {repeated:,} of {rows:,} records repeat another, and equal records count as one"
    return Key((), note, tuple(chosen))


def _all_distinct(session: duckdb.DuckDBPyConnection, columns: Sequence[ColumnProfile]) -> int:
    if not columns:
        return 0
    names = ", ".join(quoted(item.name) for item in columns)
    return int(session.sql(f"SELECT count(*) FROM (SELECT DISTINCT {names} FROM typed)").fetchall()[0][0])
