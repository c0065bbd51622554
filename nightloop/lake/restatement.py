"""A night published again with other content: how the later version differs from the earlier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa


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
    present = set(table.column_names)
    return pa.table({name: table.column(name) if name in present else pa.nulls(table.num_rows, types[name]) for name in names})


def _numbered(rows: str, key: Sequence[str], names: Sequence[str]) -> str:
    paired = ", ".join(f'"{name}"' for name in key)
    order = ", ".join(f'"{name}"' for name in names) or "1"
    nth = f'row_number() OVER (PARTITION BY {paired} ORDER BY {order}) AS "=nth"'
    return f'SELECT *, true AS "=here", {nth} FROM {rows}'  # noqa: S608 - declared names
