"""Propose the groups whose treatment is to be watched: those of protected columns, each so large that a verdict can be given.

Rare values are gathered, and ages are put in bands; no column of keys, of one value or of hundreds will do.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from nightloop.drafting.column_profile import ColumnProfile
from nightloop.drafting.fields import Field
from nightloop.drafting.names import in_words, legal_name, literal
from nightloop.drafting.protected_words import NAMES

LEAST_SHARE = 0.05
"""Of the records that a group must have to stand by itself."""
MOST_GROUPS = 8
MOST_WATCHED = 4
OLDEST = 130
ROUND = 5  # years
OTHER = "other"


@dataclass(frozen=True)
class Watched:
    """A column of groups.

    Attributes:
        field: of the entity; derived where values had to be gathered.
        share: of the records in the smallest group.
        why: what it is about that the law protects people for, and how that was told.
    """

    field: Field
    share: float
    why: str


def watched(fields: Sequence[Field], keys: Collection[str], taken: Sequence[str]) -> tuple[Watched, ...]:
    """Return the proposed groups, of each kind of what is protected those of one column.

    Args:
        fields: of the entity.
        keys: names of the key's columns.
        taken: names that a derived column may not have.
    """
    columns = [item for item in fields if item.profile and item.name not in keys and item.profile.distinct > 1]
    names = list(taken)
    candidates: list[Watched] = []
    for item in columns:
        if item.profile and item.profile.sensitive and (group := _groups(item, item.profile, names)):
            candidates.append(group)
            names.append(group.field.name)
    of_kind = {group.why.partition(" by ")[0]: group for group in reversed(candidates)}  # of two columns of a kind the first
    return tuple(of_kind[kind] for kind in NAMES if kind in of_kind)[:MOST_WATCHED]


def _groups(item: Field, column: ColumnProfile, taken: Sequence[str]) -> Watched | None:
    if plain := _as_it_is(item, column):
        return plain
    if column.protected.startswith("age") and column.type in ("integer", "number"):
        return _ages(item, column, taken)
    return _gathered(item, column, taken) if column.type in ("string", "integer") else None


def _as_it_is(item: Field, column: ColumnProfile) -> Watched | None:
    shares = [count / column.rows for count in column.counts]
    if not column.is_category or len(shares) > MOST_GROUPS or min(shares) < LEAST_SHARE:
        return None
    return Watched(item, min(shares), column.protected)


def _gathered(item: Field, column: ColumnProfile, taken: Sequence[str]) -> Watched | None:
    """Gather rare values as one group."""
    frequent = [(str(value), count) for value, count in zip(column.values, column.counts, strict=True)]
    frequent = [(value, count) for value, count in frequent if count / column.rows >= LEAST_SHARE][: MOST_GROUPS - 1]
    rest = column.rows - column.missing - column.invalid - sum(count for _, count in frequent)
    if not frequent or rest + column.missing < LEAST_SHARE * column.rows:
        return None
    values = ", ".join(literal(value) for value, _ in frequent)
    text = f"({column.sql})::varchar"
    sql = f"case when {text} in ({values}) then {text} else '{OTHER}' end"
    share = min(*(count for _, count in frequent), rest + column.missing) / column.rows
    return _derived(item, column.protected, taken, sql, (share, f"its {len(frequent)} frequent values, the others as one"))


def _ages(item: Field, column: ColumnProfile, taken: Sequence[str]) -> Watched | None:
    if not column.thirds or not 0 <= float(column.low or 0) <= float(column.high or 0) <= OLDEST:  # type: ignore[arg-type]
        return None
    low, high = (round(third / ROUND) * ROUND for third in column.thirds)
    if low >= high:
        return None
    age = f"({column.sql})"
    bands = (
        f"when {age} < {low} then 'under {low}'",
        f"when {age} < {high} then '{low} to {high - 1}'",
        f"when {age} >= {high} then '{high} and over'",
    )
    return _derived(item, column.protected, taken, f"case {' '.join(bands)} end", (LEAST_SHARE, "in bands of years"))


def _derived(item: Field, protected: str, taken: Sequence[str], sql: str, share_and_how: tuple[float, str]) -> Watched:
    share, how = share_and_how
    name = legal_name(f"{item.name}_group", taken)
    group = Field(name, "string", sql, f"{in_words(item.name)}, {how}.", "derived, for the groups that are watched")
    return Watched(group, share, protected)
