"""How entities find their outcomes by key: which do, and which miss one whose key is only written otherwise.

An outcome whose key is written in another case, with a space behind it, or with accents composed otherwise belongs to nobody,
and no error says so. Such near misses are counted beside the entities that find an outcome; entities without any record, as of
a customer whom nobody asked, are not held against a night.
"""
# ruff: noqa: S608 - every name matches the pattern of names

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from nightloop.expressions.normal_forms import FORMS, Form, forms_needed, normal_sql
from nightloop.expressions.to_sql import identifier
from nightloop.features.tables import label_revised_within, outcome_nights
from nightloop.nights import Night

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.lake import Snapshot

BETWEEN = "\x1f"
"""Stands between the parts of a key of several columns."""
MOST_EXAMPLES, MOST_PAIRS = 3, 200
FEWEST = 10
"""Entities, and records, of which it is no chance that none belongs to another."""


@dataclass(frozen=True)
class Match:
    """The entities of one scored night and the records that their outcomes may be.

    Attributes:
        scored_night: of the entities.
        entities: how many there are.
        matched: how many find a record of their key, whether or not its label is null.
        records: how many records came in the nights in which these outcomes arrive.
        near: how many find none, but one whose key is the same in its normal form.
        pairs: keys of some near misses, the entity's and the record's; where nothing matches at all, one of each.
    """

    scored_night: Night
    entities: int
    matched: int
    records: int
    near: int
    pairs: tuple[tuple[str, str], ...]

    @property
    def share(self) -> float:
        """Share of entities that find their outcome, of those and of the near misses; 0 where none of many finds any."""
        if self.near:
            return self.matched / (self.matched + self.near)
        return 0.0 if self.matched == 0 and min(self.entities, self.records) >= FEWEST else 1.0

    @property
    def has_trouble(self) -> bool:
        """Whether there are near misses, or records and no entity that finds one."""
        return self.near > 0 or (self.matched == 0 and self.entities > 0 and self.records > 0)


def in_words(use_case: UseCase, match: Match) -> str:
    """Say of a night with trouble what finds no outcome, with a key of both sides, and how to mend it."""
    entity, outcomes, pairs = use_case.entity.source, use_case.label.source, use_case.label.join
    if not match.near:
        ((entity_key, record_key),) = match.pairs
        return (
            f"none of the {match.entities} entities of night {match.scored_night} finds one of {match.records} records of "
            f"'{outcomes}': for example {_shown(entity_key)} in '{entity}', {_shown(record_key)} in '{outcomes}'. "
            "Look at label.join."
        )
    columns = [*(f"{outcomes}.{name}" for name in pairs), *(f"{entity}.{name}" for name in pairs.values())]
    return (
        f"{match.near} of {match.entities} entities of night {match.scored_night} find no record of '{outcomes}' but one whose "
        f"key is only written otherwise: {mending(match.pairs, columns)}"
    )


def mending(pairs: Sequence[tuple[str, str]], columns: Sequence[str]) -> str:
    """Show keys of both sides that are only written otherwise, one pair of each kind, and say how to mend it.

    Args:
        pairs: the entity's key and the record's.
        columns: of both sides, as source.column.
    """
    examples = dict[tuple[Form, ...], str]()
    for entity_key, record_key in pairs:
        examples.setdefault(forms_needed(entity_key, record_key), f"{_shown(entity_key)} and {_shown(record_key)}")
    needed = [form for form in FORMS if any(form in forms for forms in examples)]
    listed = ", ".join(list(examples.values())[:MOST_EXAMPLES])
    return f"{listed}. Write normal: [{', '.join(needed)}] at the columns {', '.join(columns)}."


def _shown(key: str) -> str:
    """Return a key so that accents composed otherwise and spaces are seen."""
    return ascii(key.replace(BETWEEN, " | "))


def find_matches(use_case: UseCase, nights: Sequence[Night], entities: Snapshot, outcomes: Snapshot) -> list[Match]:
    """Return how the entities of these nights find their outcomes, in the order of the nights.

    Args:
        use_case: declares the label's join.
        nights: scored nights whose labels are matured.
        entities: of the entity's source, with these nights.
        outcomes: of the label's source, with the nights in which their outcomes arrive.
    """
    import duckdb

    pairs = use_case.label.join
    types = use_case.sources[use_case.label.source].types
    read_entities = entities.read(["night", *dict.fromkeys(pairs.values())])
    read_outcomes = outcomes.read(["night", *pairs])
    with duckdb.connect() as session:
        session.register("entity_rows", read_entities)
        session.register("outcome_rows", read_outcomes)
        session.register("nights", pa.table({"night": pa.array(nights, pa.date32())}))
        is_text = [types[name] == "string" for name in pairs]
        statement = _statement(use_case, key_texts(list(pairs.values()), is_text), key_texts(list(pairs), is_text))
        rows = session.execute(statement).fetchall()
    return [
        Match(night, count, matched, records, near, tuple(zip(entity_keys, record_keys, strict=True)))
        for night, count, matched, records, near, entity_keys, record_keys in rows
    ]


def key_texts(columns: Sequence[str], is_text: Sequence[bool]) -> tuple[str, str]:
    """Return the select list and the filter of a key: as it is written, and in its normal form."""
    written = [f"cast({identifier(name)} as varchar)" for name in columns]
    normal = [normal_sql(sql, FORMS) if text else sql for sql, text in zip(written, is_text, strict=True)]
    whole = " and ".join(f"{identifier(name)} is not null" for name in columns)
    separator = f"chr({ord(BETWEEN)})"
    return f"concat_ws({separator}, {', '.join(written)}) as k, concat_ws({separator}, {', '.join(normal)}) as n", whole


def _statement(use_case: UseCase, entity: tuple[str, str], outcome: tuple[str, str]) -> str:
    delay = use_case.label.matures_after
    earliest, latest = delay - outcome_nights(use_case) + 1, delay + label_revised_within(use_case)
    of_entities, of_short, of_nights = (
        f"o.night between {of}.night + {earliest} and {of}.night + {latest}" for of in ("e", "short", "nights")
    )
    near_keys, of_none = "list_transform(near_pairs, lambda pair: pair", "n_short = entities and entities > 0 and records > 0"
    entity_keys, record_keys = (
        f"case when n_near > 0 then {near_keys}.{near}) when {of_none} then [{one}] else [] end"
        for near, one in (("k", "one"), ("theirs", "other"))
    )
    return f"""
with e as materialized (select night, {entity[0]} from entity_rows where {entity[1]}),
o as materialized (select distinct night, {outcome[0]} from outcome_rows where {outcome[1]}),
short as (
  select e.* from e join nights using (night) where not exists (select 1 from o where o.k = e.k and {of_entities})
), near as (
  select short.night, short.k, min(o.k) as theirs
  from short join (select * from o where not exists (select 1 from e where e.k = o.k)) o on o.n = short.n and {of_short}
  group by all
), counted as (
  select night,
    (select count(*) from e where e.night = nights.night) as entities,
    (select count(*) from short where short.night = nights.night) as n_short,
    (select count(*) from o where {of_nights}) as records,
    (select count(*) from near where near.night = nights.night) as n_near,
    (select list(near order by near.k)[:{MOST_PAIRS}] from near where near.night = nights.night) as near_pairs,
    (select min(short.k) from short where short.night = nights.night) as one,
    (select min(o.k) from o where {of_nights}) as other
  from nights
)
select night, entities, entities - n_short, records, n_near, {entity_keys}, {record_keys} from counted order by night"""
