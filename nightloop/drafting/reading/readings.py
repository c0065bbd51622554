"""Find how the texts of a column are to be read: which stand for a missing value, and the form of the others.

Only different texts are looked at, each with the number of its records.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from nightloop.drafting.reading.form import Form
from nightloop.drafting.reading.forms import FORMS, MISSING, NEVER_WORDS
from nightloop.drafting.reading.near_misses import near_miss, of_digits
from nightloop.drafting.reading.texts import HEAD, Texts
from nightloop.sources.evaluation import SQL_TYPES, attempt

if TYPE_CHECKING:
    import duckdb

MUST_FIT = 0.98
"""Share of the values that must be of a form for the column to be of its type; the others go to quarantine."""
EXACT = 1_000
"""Below so many values a form must fit all of them."""
FEW_TEXTS = 20
MANY = 50
"""Numbers that all look like dates are dates: of numbers drawn anyhow, not one in forty does."""
FEWEST_OF_A_KEY, FEW_REPEATED = 50, 0.005


@dataclass(frozen=True)
class Hints:
    """What is known of a column beside its texts: its name, that it is a time, or a key; whether days stand before months."""

    name: str
    is_time: bool = False
    is_key: bool = False
    day_first: bool | None = None


@dataclass(frozen=True)
class Undecided:
    """A date of which day and month may change places, and which of them is taken to stand first."""

    example: str
    day_first: bool


@dataclass(frozen=True)
class Reading:
    """How a column is read: ``present`` of its records have a value; no form means that it is read as text.

    ``near`` says what its texts look like that are not read as it; ``undecided`` where day and month may change places.
    """

    missing: tuple[str, ...]
    present: int
    form: Form | None
    is_padded: bool = False
    notes: tuple[str, ...] = ()
    near: str = ""
    undecided: Undecided | None = None


def reading_of(session: duckdb.DuckDBPyConnection, texts: Texts, hints: Hints) -> Reading:
    """Return how the texts of a column are to be read."""
    padded = pc.not_equal(texts.texts, pc.utf8_trim(texts.texts, characters=" ")).to_numpy(zero_copy_only=False).astype(bool)
    is_padded = bool(padded.any())
    if is_padded:
        texts = Texts(pc.utf8_trim(texts.texts, characters=" "), texts.counts)
    missing = _missing(texts)
    values = texts.where(~pc.is_in(texts.texts, pa.array(missing, pa.string())).to_numpy(zero_copy_only=False).astype(bool))
    form = _form(session, values, hints) if values.records else None
    undecided = _undecided(session, values, form) if form and form.other else None
    form, note = _in_order(form, undecided, hints) if form else (None, "")
    near = "" if not values.records or (form and form.type not in ("integer", "number")) else _near(values, form, hints)
    notes = [note] * bool(note) + [near] * (form is None and bool(near))
    if is_padded:
        notes.append(f"{int(texts.counts[padded].sum()):,} values have spaces around them, which are taken off")
    return Reading(tuple(missing), values.records, form, is_padded, tuple(notes), near, undecided)


def _near(values: Texts, form: Form | None, hints: Hints) -> str:
    return of_digits(values) if form else near_miss(values, hints.name)


def _missing(texts: Texts) -> list[str]:
    """Return the texts that stand for a missing value in this column.

    A text other than the empty one counts as missing only where the values beside it are no words.
    """
    there = set(pc.filter(texts.texts, pc.is_in(texts.texts, pa.array(MISSING))).to_pylist())
    no_digit = pc.invert(pc.match_substring_regex(texts.texts, "[0-9]"))
    words = pc.any(pc.and_(no_digit, pc.invert(pc.is_in(texts.texts, pa.array(MISSING))))).as_py()
    return [token for token in MISSING if token in there and (not words or token in NEVER_WORDS)]


def _form(session: duckdb.DuckDBPyConnection, values: Texts, hints: Hints) -> Form | None:
    """Return the first form that fits; by their pattern first, for reading a value in a form it does not have is dear."""
    needed = values.records if values.records < EXACT else values.records * MUST_FIT
    head = values.head
    codes = bool(values.like("0[0-9]+").any())
    for form in FORMS:
        if (codes and form.type in ("integer", "number")) or head.like(form.pattern).mean() < MUST_FIT / 2:
            continue
        if not _has_what_it_needs(form, values, hints):
            continue
        like = values.like(form.pattern)
        if values.counts[like].sum() >= needed and _fitting(session, values.where(like), form) >= needed:
            return form
    return None


def _has_what_it_needs(form: Form, values: Texts, hints: Hints) -> bool:
    if form.need.startswith("time name"):
        return hints.is_time or (form.need.endswith("many") and values.records >= MANY)
    if form.need == "few or key":
        return len(values.texts) <= FEW_TEXTS or hints.is_key or _each_its_own(values)
    if form.need == "two words":
        return len(values.texts) <= 2 * HEAD and len(pc.unique(pc.utf8_lower(values.texts))) == 2  # noqa: PLR2004 - a pair
    return True


def _each_its_own(values: Texts) -> bool:
    """Whether no value repeats, but for few: of amounts that are whole some do, and one has decimals."""
    return values.records >= FEWEST_OF_A_KEY and len(values.texts) >= values.records * (1 - FEW_REPEATED)


def _fitting(session: duckdb.DuckDBPyConnection, values: Texts, form: Form, sql: str | None = None) -> int:
    """Return how many records have a text that can be read."""
    if form.is_certain and sql is None:
        return values.records
    session.register("looked_at", pa.table({"v": values.texts, "n": values.counts}))
    test = f"{attempt(sql or form.sql.format('v'), SQL_TYPES[form.type])}.v IS NOT NULL"
    readable = session.sql(f"SELECT coalesce(sum(n) FILTER (WHERE {test}), 0) FROM looked_at").fetchall()[0][0]
    session.unregister("looked_at")
    return int(readable)


def _undecided(session: duckdb.DuckDBPyConnection, values: Texts, form: Form) -> Undecided | None:
    """Return an example where the other order of day and month fits every value as well."""
    other = _other_order(form)
    if _fitting(session, values, form, other.format("v")) < _fitting(session, values, form, form.sql.format("v")):
        return None
    return Undecided(str(values.texts[0]), form.other.startswith("%m"))


def _other_order(form: Form) -> str:
    sql = form.sql
    for part in set(re.findall(r"%[dm].%[dm].%[yY]", form.sql)):
        sql = sql.replace(part, form.other)
    return sql


def _in_order(form: Form, undecided: Undecided | None, hints: Hints) -> tuple[Form, str]:
    """Return the form with day and month in the order that is wanted, and what a person has to know of it."""
    if not form.other:
        return form, form.note
    if undecided is None:
        return form, ""
    if hints.day_first is None:
        doubt = f"but the sample does not tell them apart: write {form.other} in the expression if it is the other way"
        return form, f"{form.note}, {doubt} (--day-first, --month-first)"
    words = "the day before the month" if hints.day_first else "the month before the day"
    sql = form.sql if hints.day_first == undecided.day_first else _other_order(form)
    return replace(form, sql=sql), f"read with {words}, as was asked for: the sample does not tell them apart"
