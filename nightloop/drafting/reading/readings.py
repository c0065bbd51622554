"""Find how the texts of a column are to be read: which stand for a missing value, and the form of the others.

Only different texts are looked at, each with the number of its records.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nightloop.drafting.names import is_key, tells_a_time
from nightloop.drafting.reading.form import Form
from nightloop.drafting.reading.forms import FORMS, MISSING, NEVER_WORDS
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
HEAD = 64


@dataclass(frozen=True)
class Texts:
    """The different texts of a column, in the order they come, and how many records have each."""

    texts: pa.Array
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Texts:
        """Count the texts of a column; what is null is left out."""
        counted = pc.value_counts(column.drop_null())
        counted = counted.combine_chunks() if isinstance(counted, pa.ChunkedArray) else counted
        return cls(counted.field("values"), counted.field("counts").to_numpy(zero_copy_only=False))

    def where(self, mask: NDArray[np.bool_]) -> Texts:
        """Return some of them."""
        return Texts(self.texts.filter(pa.array(mask)), self.counts[mask])

    def like(self, pattern: str) -> NDArray[np.bool_]:
        """Return which are wholly of a pattern."""
        matching = pc.match_substring_regex(self.texts, pattern=rf"\A(?:{pattern})\z")
        return np.asarray(matching.to_numpy(zero_copy_only=False), dtype=bool)

    @property
    def records(self) -> int:
        """How many records have one of them."""
        return int(self.counts.sum())


@dataclass(frozen=True)
class Reading:
    """How a column is read: ``present`` of its records have a value; no form means that it is read as text."""

    missing: tuple[str, ...]
    present: int
    form: Form | None
    is_padded: bool = False
    notes: tuple[str, ...] = ()


def reading_of(session: duckdb.DuckDBPyConnection, texts: Texts, name: str) -> Reading:
    """Return how the texts of the column of this name are to be read."""
    padded = pc.not_equal(texts.texts, pc.utf8_trim(texts.texts, characters=" ")).to_numpy(zero_copy_only=False).astype(bool)
    is_padded = bool(padded.any())
    if is_padded:
        texts = Texts(pc.utf8_trim(texts.texts, characters=" "), texts.counts)
    missing = _missing(texts)
    values = texts.where(~pc.is_in(texts.texts, pa.array(missing, pa.string())).to_numpy(zero_copy_only=False).astype(bool))
    form = _form(session, values, name) if values.records else None
    notes = [form.note] if form and form.note else []
    if form and form.other:
        notes = [_day_and_month(session, values, form)]
    if is_padded:
        notes.append(f"{int(texts.counts[padded].sum()):,} values have spaces around them, which are taken off")
    return Reading(tuple(missing), values.records, form, is_padded, tuple(note for note in notes if note))


def _missing(texts: Texts) -> list[str]:
    """Return the texts that stand for a missing value in this column.

    A text other than the empty one counts as missing only where the values beside it are no words.
    """
    there = set(pc.filter(texts.texts, pc.is_in(texts.texts, pa.array(MISSING))).to_pylist())
    no_digit = pc.invert(pc.match_substring_regex(texts.texts, "[0-9]"))
    words = pc.any(pc.and_(no_digit, pc.invert(pc.is_in(texts.texts, pa.array(MISSING))))).as_py()
    return [token for token in MISSING if token in there and (not words or token in NEVER_WORDS)]


def _form(session: duckdb.DuckDBPyConnection, values: Texts, name: str) -> Form | None:
    """Return the first form that fits; by their pattern first, for reading a value in a form it does not have is dear."""
    needed = values.records if values.records < EXACT else values.records * MUST_FIT
    head = Texts(values.texts.slice(0, HEAD), values.counts[:HEAD])
    codes = bool(values.like("0[0-9]+").any())
    for form in FORMS:
        if (codes and form.type in ("integer", "number")) or head.like(form.pattern).mean() < MUST_FIT / 2:
            continue
        if not _has_what_it_needs(form, values, name):
            continue
        like = values.like(form.pattern)
        if values.counts[like].sum() >= needed and _fitting(session, values.where(like), form) >= needed:
            return form
    return None


def _has_what_it_needs(form: Form, values: Texts, name: str) -> bool:
    if form.need.startswith("time name"):
        return tells_a_time(name) or (form.need.endswith("many") and values.records >= MANY)
    if form.need == "few or key":
        return len(values.texts) <= FEW_TEXTS or is_key(name) or _each_its_own(values)
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


def _day_and_month(session: duckdb.DuckDBPyConnection, values: Texts, form: Form) -> str:
    """Return what is to be asked where the other order of day and month fits every value as well."""
    written = form.sql
    for part in set(re.findall(r"%[dm].%[dm].%[yY]", form.sql)):
        written = written.replace(part, form.other)
    if _fitting(session, values, form, written.format("v")) < _fitting(session, values, form, form.sql.format("v")):
        return ""
    return f"{form.note}, but the sample does not tell them apart: write {form.other} in the expression if it is the other way"
