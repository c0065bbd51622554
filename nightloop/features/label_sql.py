"""SQL (DuckDB dialect) of the table labels: what each scored entity's outcome was known to be, and when.

Where each outcome comes once, a label is one row, in the night it matures. Where outcomes are revised, what changes a label
later is another row of it, in the night the change became known: a label of null where none stands any more.

Names that stand beside a table's columns begin with ``_``, as no column can.
"""
# ruff: noqa: S608 - every name matches the pattern of names, every text is quoted, every expression was parsed and rebuilt

from __future__ import annotations

from datetime import timedelta

from nightloop.definitions.use_case import UseCase
from nightloop.expressions import compile_expression
from nightloop.expressions.to_sql import identifier
from nightloop.features.sql_fragments import VERSION_ORDER, days_before, next_version, night_literal, within
from nightloop.features.tables import label_revised_within, outcome_nights
from nightloop.nights import Night, Nights


def labels_sql(use_case: UseCase, nights: Nights, as_known_at: Night | None = None) -> str:
    """Return the statement that makes these nights of labels.

    Args:
        use_case: declares the label.
        nights: to make: those on which labels matured, or changed.
        as_known_at: one row per label that matured on ``nights``, as known at this night; None: at each night itself.
    """
    return (_revised if label_revised_within(use_case) else _arriving)(use_case, nights, as_known_at)


def _arriving(use_case: UseCase, nights: Nights, as_known_at: Night | None) -> str:
    """One row per entity whose outcome is known when it matures; the newest record by then counts."""
    label, key = use_case.label, use_case.entity.key
    # Nights after the scored one in which the outcome may arrive, up to its maturity.
    mature = f"e.night + {label.matures_after}"
    until = night_literal(as_known_at) if as_known_at else mature
    since = f"{mature} - {outcome_nights(use_case) - 1}"
    keys = ", ".join(identifier(name) for name in key)
    columns = ", ".join(f"{identifier(name, 'e')} as {identifier(name)}" for name in key)
    first, last = days_before(nights.first, outcome_nights(use_case) - 1), night_literal(as_known_at or nights.last)
    outcomes = f"""
    select {mature} as night, e.night as scored_night, {columns}, {_expression(use_case)} as label, o.known_at as known_at,
           o.night as _arrived
    from raw_{use_case.entity.source} e
    join (select * from raw_{label.source} where night >= {first} and night <= {last}) o
      on {_joined(use_case)} and o.night >= {since} and o.night <= {until}
    where {within(nights, mature)}"""
    order = "_arrived desc, known_at desc nulls last, label desc"  # total in what is shown: ties show nothing
    newest = f"row_number() over (partition by night, {keys} order by {order})"
    return (
        f"select night, scored_night, {keys}, label, known_at from (\n"
        f"  select *, {newest} as _place from ({outcomes}\n  ) where label is not null\n"
        f") where _place = 1"
    )


def _revised(use_case: UseCase, nights: Nights, as_known_at: Night | None) -> str:
    """The versions of each label: of the records that stand on a night, the one that happened last counts.

    A version of a record is an outcome of an entity that was scored before the version arrived, if it or an earlier one of them
    happened by the night the label matures. The label may change in the night such a version arrives, and in that in which
    another takes its place; it has a new version where it then differs from what it was. All bounds are relative to the scored
    night, so that no version depends on which nights are made together.
    """
    label, key = use_case.label, use_case.entity.key
    delay, reach, wait = label.matures_after, label_revised_within(use_case), outcome_nights(use_case) - 1
    scored = Nights(nights.first - timedelta(days=delay + (0 if as_known_at else reach)), nights.last - timedelta(days=delay))
    read = Nights(nights.first - timedelta(days=wait + reach), as_known_at or nights.last)
    record = use_case.sources[label.source].key
    entity = ", ".join(["scored_night", *(identifier(name) for name in key)])
    of_entity = ", ".join(["e.night as scored_night", *(f"{identifier(name, 'e')} as {identifier(name)}" for name in key)])
    same_record = ", ".join(["e.night", *(identifier(n, "e") for n in key), *(identifier(n, "o") for n in record)])
    in_order = ", ".join(f"o.{name}" for name in VERSION_ORDER)
    same_entity = " and ".join(f"v.{name} = c.{name}" for name in entity.split(", "))
    rows = f"""
with versions as (
  select *, {next_version(record)} as _superseded, {next_version(record, "known_at")} as _superseded_at
  from raw_{label.source} where {within(read)}
), matched as (
  select {of_entity}, e.night + {delay} as _matures, {_expression(use_case)} as label, o.known_at as known_at,
         o.event_at as _event_at, o.night as _arrived, o.withdrawn as _withdrawn,
         o._superseded as _superseded, o._superseded_at as _superseded_at,
         min(o.event_night) over (partition by {same_record} order by {in_order}) as _happened
  from raw_{use_case.entity.source} e
  join versions o on {_joined(use_case)}
    and o.night >= e.night + {delay - wait} and o.night <= e.night + {delay + reach}
  where {within(scored, "e.night")}
), outcomes as (
  select * from matched where _happened <= _matures
), changes as (
  select {entity}, _matures, night, max(_changed_at) as _changed_at from (
    select {entity}, _matures, greatest(_arrived, _matures) as night, known_at as _changed_at from outcomes
    union all
    select {entity}, _matures, greatest(_superseded, _matures) as night, _superseded_at as _changed_at from outcomes
    where _superseded <= _matures + {reach}
  ) group by {entity}, _matures, night
), states as (
  select c.*, v.label as label, v.known_at as _known_at, row_number() over (
    partition by {", ".join(f"c.{name}" for name in entity.split(", "))}, c.night
    order by v._event_at desc, v._arrived desc, v.known_at desc nulls last, v.label desc) as _place
  from changes c left join outcomes v on {same_entity} and v._arrived <= c.night
    and (v._superseded is null or v._superseded > c.night) and not v._withdrawn and v.label is not null
), newest as (
  select *, lag(label) over (partition by {entity} order by night) as _before from states where _place = 1
), revisions as (
  select {entity}, _matures, night, label, case when night = _matures then _known_at else _changed_at end as known_at
  from newest where label is distinct from _before
)"""
    keys = ", ".join(identifier(name) for name in key)
    if as_known_at is None:
        return f"{rows}\nselect night, scored_night, {keys}, label, known_at from revisions where {within(nights)}"
    place = f"row_number() over (partition by {entity} order by night desc) as _place"
    return (
        f"{rows}\nselect _matures as night, scored_night, {keys}, label, known_at "
        f"from (select *, {place} from revisions) where _place = 1 and label is not null"
    )


def _expression(use_case: UseCase) -> str:
    source = use_case.sources[use_case.label.source]
    return compile_expression(use_case.label.expression, source.types).sql("o")


def _joined(use_case: UseCase) -> str:
    pairs = use_case.label.join.items()
    return " and ".join(f"{identifier(outcome, 'o')} = {identifier(entity, 'e')}" for outcome, entity in pairs)
