"""A night published again with other content: what changed in it, and what was built from the earlier version.

A table's night is stale when an input night it was made from was published with other content since, or is stale itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import duckdb
import pyarrow as pa

from nightloop.definitions.use_case import UseCase
from nightloop.features.tables import inputs
from nightloop.lake import Lake, NightState
from nightloop.lake.missing import runs
from nightloop.nights import Night, Nights, one

MADE_HERE = ("tiles", "aggregates", "features", "labels")
DOWNSTREAM = (*MADE_HERE, "scores")
"""Tables made from raw tables, each after those it is made from."""


@dataclass(frozen=True)
class Difference:
    """How the later version of a night differs from the earlier, record by record of the source's key."""

    added: int
    removed: int
    changed: int
    columns: Mapping[str, int]  # column -> records in which it changed

    @property
    def records(self) -> int:
        """How many records differ."""
        return self.added + self.removed + self.changed


def compare(earlier: pa.Table, later: pa.Table, key: Sequence[str]) -> Difference:
    """Compare two versions of a night.

    Records that share a key are paired in the order of their other values. A column that only one version has counts as
    missing in the other.
    """
    names = [name for name in later.column_names if name not in key]
    names += [name for name in earlier.column_names if name not in (*key, *names)]
    changes = ", ".join(f'count(*) FILTER (WHERE stayed AND "=e"."{name}" IS DISTINCT FROM "=l"."{name}")' for name in names)
    any_change = " OR ".join(f'"=e"."{name}" IS DISTINCT FROM "=l"."{name}"' for name in names) or "false"
    pairs = " AND ".join(f'"=e"."{name}" IS NOT DISTINCT FROM "=l"."{name}"' for name in (*key, "=nth"))
    query = f"""
        SELECT count(*) FILTER (WHERE "=e"."=here" IS NULL), count(*) FILTER (WHERE "=l"."=here" IS NULL),
            count(*) FILTER (WHERE stayed AND ({any_change})){", " if names else ""}{changes}
        FROM (
            SELECT "=e", "=l", "=e"."=here" IS NOT NULL AND "=l"."=here" IS NOT NULL AS stayed
            FROM earlier "=e" FULL JOIN later "=l" ON {pairs}
        )
    """  # noqa: S608 - declared names
    with duckdb.connect() as session:
        for name, table in (("earlier", earlier), ("later", later)):
            session.register(f"{name}_rows", _complete(table, [*key, *names], earlier, later))
            session.execute(f"CREATE VIEW {name} AS {_numbered(f'{name}_rows', key, names)}")
        added, removed, changed, *counts = session.sql(query).fetchall()[0]
    return Difference(added, removed, changed, {name: n for name, n in zip(names, counts, strict=True) if n})


def _complete(table: pa.Table, names: Sequence[str], *versions: pa.Table) -> pa.Table:
    types = {field.name: field.type for version in versions for field in version.schema}
    there = set(table.column_names)
    return pa.table({name: table.column(name) if name in there else pa.nulls(table.num_rows, types[name]) for name in names})


def _numbered(rows: str, key: Sequence[str], names: Sequence[str]) -> str:
    paired = ", ".join(f'"{name}"' for name in key)
    order = ", ".join(f'"{name}"' for name in names) or "1"
    nth = f'row_number() OVER (PARTITION BY {paired} ORDER BY {order}) AS "=nth"'
    return f'SELECT *, true AS "=here", {nth} FROM {rows}'  # noqa: S608 - declared names


def touched(use_case: UseCase, source: str, night: Night, lake: Lake) -> dict[str, list[Night]]:
    """Return the nights of each published table that read this night of a source, directly or through another table."""
    reached: dict[str, set[Night]] = {f"raw_{source}": {night}}
    for table in DOWNSTREAM:
        nights = lake.states(f"{use_case.use_case}/{table}")
        reached[table] = {
            made
            for made in nights
            if any(span is not None and _meets(reached.get(name, ()), span) for name, span in made_from(use_case, table, made))
        }
    return {table: sorted(reached[table]) for table in DOWNSTREAM if reached[table]}


def _meets(nights: Sequence[Night] | set[Night], span: Nights) -> bool:
    return any(night in span for night in nights)


def made_from(use_case: UseCase, table: str, night: Night) -> list[tuple[str, Nights | None]]:
    """Return the tables a night of a table is made from, and which of their nights."""
    if table == "scores":
        return [("features", one(night))]
    return list(inputs(use_case, table, one(night)).items())


def in_words(nights: Sequence[Night]) -> str:
    """Write nights as runs: 2024-03-01..2024-03-04, 2024-03-09."""
    return ", ".join(str(run) for run in runs(nights))


def stale(use_case: UseCase, lake: Lake) -> dict[Night, dict[str, str]]:
    """Return the stale tables of each night, each with what changed since: ``raw_orders of 2024-03-01 (version 4 -> 9)``."""
    return _Staleness(use_case, lake).find()


@dataclass(frozen=True)
class _Staleness:
    use_case: UseCase
    lake: Lake

    def find(self) -> dict[Night, dict[str, str]]:
        found: dict[Night, dict[str, str]] = {}
        for table in DOWNSTREAM:
            for night, state in self.lake.states(f"{self.use_case.use_case}/{table}").items():
                reason = next(self._reasons(table, night, state, found), None)
                if reason is not None:
                    found.setdefault(night, {})[table] = reason
        return dict(sorted(found.items()))

    def _reasons(self, table: str, night: Night, state: NightState, found: Mapping[Night, Mapping[str, str]]) -> Iterator[str]:
        for name, span in made_from(self.use_case, table, night):
            built_from = state.inputs.get(f"{self.use_case.use_case}/{name}")
            for made in span or ():
                if built_from is not None and (newer := self._changed(name, made, built_from)) is not None:
                    yield f"{name} of {made} (version {built_from} -> {newer})"
                elif name in found.get(made, {}):
                    yield f"{name} of {made} is stale"

    def _changed(self, table: str, night: Night, since: int) -> int | None:
        """Return the version that changed a night after version ``since``, if its content is another now."""
        commits = self._commits(table).get(night, [])
        before = [state for state in commits if state.version <= since]
        if not commits or commits[-1].version <= since:
            return None
        same = before and before[-1].content_digest == commits[-1].content_digest
        return None if same else commits[-1].version

    def _commits(self, table: str) -> dict[Night, list[NightState]]:
        if table not in self._read:
            by_night: dict[Night, list[NightState]] = {}
            for state in self.lake.history(f"{self.use_case.use_case}/{table}"):
                by_night.setdefault(state.night, []).append(state)
            self._read[table] = by_night
        return self._read[table]

    @cached_property
    def _read(self) -> dict[str, dict[Night, list[NightState]]]:
        return {}
