"""Find columns that tell the outcome in the sample because they were written after it was known, and say by what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nightloop.drafting.aftermath import in_words, later_by, speaks_of_an_end
from nightloop.drafting.column_profile import ColumnProfile
from nightloop.drafting.joint_leaks import separation, told_together
from nightloop.drafting.roles import Label, Task

SUSPICIOUS = 0.97
"""An AUC, a correlation or a share of classes told from which on a column is set apart."""
SUSPICIOUS_BY_NAME = 0.8
"""The same for one whose name is that of a prediction, or of what comes after an outcome."""
FEWEST = 50
ROWS = 20_000
"""Records looked at: of more, every so many-th."""
PURE = 0.995
BY_CHANCE = 1e-6
BINS = 50
NOTABLE: dict[Task, float] = {"binary": 0.6, "regression": 0.3, "multiclass": 0.1}
"""What a column alone must tell to be asked about where its name speaks of what came of a record: an AUC, a correlation, a
share of classes beyond that of the most frequent one."""
_PREDICTED = r"pred|prob(a|ab|ability)?(_|$)|score|forecast|estimate"

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Outcome:
    """The label of each record: a number, or the place of a class; NaN where it is not known."""

    values: Floats
    label: Label

    @property
    def known(self) -> Bools:
        """Which records have one."""
        return ~np.isnan(self.values)


@dataclass(frozen=True)
class Leaks:
    """Columns that are likely known only afterwards, each with the reason.

    ``reasons`` are of those that are kept with the outcome, ``questions`` of those that stay with the record until a person
    has looked.
    """

    reasons: dict[str, str]
    questions: dict[str, str]


def find_leaks(typed: pa.Table, columns: Sequence[ColumnProfile], label: Label, event: ColumnProfile) -> Leaks:
    """Return the columns that are not to be features before someone has looked, and why.

    A column is one if it tells the outcome alone, has a value only where an outcome is known, differs from its usual value only
    for one class, is a time that mostly lies after the event, or tells the outcome together with others. Asked about is one
    whose name speaks of what came of a record, and that tells something of the outcome.

    Args:
        typed: values of the columns by name.
        columns: those that may be features.
        label: what is predicted.
        event: when a record happened.
    """
    step = -(-typed.num_rows // ROWS)
    rows = typed.take(pa.array(range(0, typed.num_rows, step))) if step > 1 else typed
    outcome = Outcome(_outcome(rows.column(label.column.name), label), label)
    reasons: dict[str, str] = {}
    questions: dict[str, str] = {}
    for column in columns:
        values = rows.column(column.name).combine_chunks()
        figure = _figure(values, column, outcome)
        ends = speaks_of_an_end(column.name)
        limit = SUSPICIOUS_BY_NAME if ends or re.search(_PREDICTED, column.name) else SUSPICIOUS
        alone = f"alone it tells the outcome ({_measure(label)} {figure:.2f} in the sample)"
        if figure >= limit:
            reasons[column.name] = alone
        elif reason := _only_where_known(values, outcome) or _only_in_one_class(values, outcome):
            reasons[column.name] = reason
        elif (days := later_by(rows, column, event)) is not None:
            reasons[column.name] = _later(days, event, outcome)
        elif ends and figure >= _notable(outcome):
            questions[column.name] = f"its name speaks of what came of a record, and {alone}"
    rest = [item for item in columns if item.name not in reasons]
    reasons |= told_together(rows, rest, outcome.values, label.task)
    questions = {name: why for name, why in questions.items() if name not in reasons}
    return Leaks(*({name: f"check: {why}; known only afterwards?" for name, why in of.items()} for of in (reasons, questions)))


def _later(days: Floats, event: ColumnProfile, outcome: Outcome) -> str:
    """Say how a time lies after the event, and what the difference tells."""
    both = outcome.known & ~np.isnan(days)
    lag = f"it lies after '{event.original}' {in_words(days)}"
    if outcome.label.task == "multiclass" or both.sum() < FEWEST:
        return lag
    y = outcome.values
    is_number = outcome.label.task == "regression"
    figure = _correlation(days, y) if is_number else separation(days[both], y[both] == 1)
    return f"{lag}; the difference tells the outcome ({_measure(outcome.label)} {figure:.2f} in the sample)"


def _notable(outcome: Outcome) -> float:
    """Return what a column must tell to be asked about."""
    limit, y = NOTABLE[outcome.label.task], outcome.values[outcome.known]
    if outcome.label.task != "multiclass" or not len(y):
        return limit
    return limit + float(np.bincount(y.astype(int)).max() / len(y))


def _measure(label: Label) -> str:
    return {"binary": "AUC", "regression": "correlation", "multiclass": "accuracy"}[label.task]


def _outcome(values: pa.ChunkedArray, label: Label) -> Floats:
    column = values.combine_chunks()
    if label.task == "binary":
        column = pc.equal(column, pa.scalar(label.positive, column.type)).cast(pa.int8())
    elif label.task == "multiclass":
        column = column.dictionary_encode().indices
    return _floats(column)


def _floats(values: pa.Array) -> Floats:
    return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)


def _figure(values: pa.Array, column: ColumnProfile, outcome: Outcome) -> float:
    """Return how well the column alone tells the outcome, from 0 to 1."""
    known, y = outcome.known, outcome.values
    there = values.is_valid().to_numpy(zero_copy_only=False)
    if known.sum() < FEWEST:
        return 0.0
    if outcome.label.task == "regression":
        return _correlation(_floats(values), y) if column.type in ("integer", "number") else 0.0
    if outcome.label.task == "multiclass":
        return _accuracy(_groups(values, column), y)
    positive = y == 1
    figures = [separation(there[known].astype(np.float64), positive[known])] if not there[known].all() else [0.0]
    both = known & there
    if both.sum() >= FEWEST:
        if column.type in ("integer", "number"):
            figures.append(separation(_floats(values)[both], positive[both]))
        if (groups := _groups(values, column)) is not None and column.type != "number":
            figures.append(separation(_rates(groups[both], y[both]), positive[both]))
    return max(figures)


def _correlation(x: Floats, y: Floats) -> float:
    both = ~np.isnan(x) & ~np.isnan(y)
    if both.sum() < FEWEST or not x[both].std() or not y[both].std():
        return 0.0
    return float(abs(np.corrcoef(x[both], y[both])[0, 1]))


def _groups(values: pa.Array, column: ColumnProfile) -> NDArray[np.int64] | None:
    """Return the place of each record's value among few, or of its number among bins; None for texts and times of many."""
    if column.type in ("integer", "number") and column.distinct > BINS:
        x = _floats(values)
        edges = np.unique(np.nanquantile(x, np.linspace(0, 1, BINS + 1)[1:-1]))
        return np.where(np.isnan(x), -1, np.searchsorted(edges, x)).astype(np.int64)
    if column.distinct * FEWEST // 2 > len(values):
        return None
    return np.asarray(values.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _rates(groups: NDArray[np.int64], y: Floats) -> Floats:
    place = np.unique(groups, return_inverse=True)[1]
    return (np.bincount(place, weights=y) / np.bincount(place))[place]


def _accuracy(groups: NDArray[np.int64] | None, y: Floats) -> float:
    """Return the share of records whose class is the most frequent one of their group; 0 where one class is nearly all."""
    known = ~np.isnan(y)
    if groups is None or np.bincount(y[known].astype(int)).max() > 0.9 * known.sum():
        return 0.0
    place = np.unique(groups[known], return_inverse=True)[1]
    counts = np.zeros((place.max() + 1, int(y[known].max()) + 1))
    np.add.at(counts, (place, y[known].astype(int)), 1)
    return float(counts.max(axis=1).sum() / known.sum())


def _only_where_known(values: pa.Array, outcome: Outcome) -> str:
    there = values.is_valid().to_numpy(zero_copy_only=False)
    known = outcome.known
    if (~known).sum() < FEWEST or known.sum() < FEWEST or there[known].mean() < 0.2 or there[~known].mean() > 1 - PURE:  # noqa: PLR2004
        return ""
    return f"it is filled in only where the outcome is known ({int(there[known].sum()):,} of {int(there.sum()):,} values)"


def _only_in_one_class(values: pa.Array, outcome: Outcome) -> str:
    """Whether whatever is not the usual value (nothing, or 0) is there for one of two classes only."""
    if outcome.label.task != "binary":
        return ""
    known = outcome.known
    there = values.is_valid().to_numpy(zero_copy_only=False)
    if there[known].mean() < 0.8:  # noqa: PLR2004 - that nothing is there is usual
        other, what = there, "there"
    else:
        encoded = values.dictionary_encode()
        places = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        most = int(np.bincount(places[places >= 0]).argmax())
        other, what = (places != most) & there, f"other than {encoded.dictionary[most].as_py()}"
    positive = outcome.values[known] == 1
    among = other[known]
    if not FEWEST <= among.sum() <= 0.8 * known.sum():
        return ""
    share, base = positive[among].mean(), positive.mean()
    for one, of_all, words in ((share, base, "positive"), (1 - share, 1 - base, "negative")):
        if one >= PURE and of_all ** among.sum() < BY_CHANCE:
            return f"it is {what} only where the outcome is {words} ({int(one * among.sum() + 0.5):,} of {int(among.sum()):,})"
    return ""
