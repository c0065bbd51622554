"""Read columns by what they mean: each night's values of the meaning asked for, under whatever name they are stored.

A night whose commit recorded no meanings (it was published before they were recorded) is taken at its names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from nightloop.errors import OtherMeaning, command
from nightloop.lake import Snapshot
from nightloop.lake.missing import in_words
from nightloop.meaning.digests import KEY, ROWS, TILE, Digests
from nightloop.nights import Night


def by_meaning(snapshot: Snapshot, required: Digests, columns: pa.Schema | None = None) -> Snapshot:
    """Return the snapshot with each required column, in every night, of the meaning asked for.

    Args:
        snapshot: of a table whose nights may have been made by several definitions.
        required: column -> digest; ``ROWS`` asks for the meaning of the rows themselves.
        columns: columns that the reader names, required or not; one that the table never had is null.

    Raises:
        OtherMeaning: some nights hold a column in another meaning only; names both, and the command that builds them again.
    """
    renamed: dict[Night, dict[str, str]] = {}
    missing: dict[Night, list[str]] = {}
    for night in snapshot.files:
        names, absent = stored_names(snapshot.meanings.get(night, {}), required)
        if absent:
            missing[night] = absent
        elif names:
            renamed[night] = names
    if missing:
        raise other_meaning(snapshot.table, missing)
    return replace(snapshot, schema=_with(snapshot.schema, renamed, columns), renamed=renamed)


def stored_names(recorded: Digests, required: Digests) -> tuple[dict[str, str], list[str]]:
    """Return the columns that a night stores under another name, and those that it does not hold in the meaning asked for.

    Rows of a tile or of a grouping are found by its very name: under another one they are not held.
    """
    if not recorded:
        return {}, []
    without_keys = not any(name.startswith(KEY) for name in recorded)  # published before they were recorded
    renamed: dict[str, str] = {}
    absent: list[str] = []
    for column, digest in required.items():
        if recorded.get(column) == digest or (without_keys and column.startswith(KEY)):
            continue
        stored = next((name for name, of in recorded.items() if of == digest), None) if _is_column(column) else None
        if stored is None:
            absent.append(column)
        else:
            renamed[column] = stored
    return renamed, absent


def _is_column(name: str) -> bool:
    return name != ROWS and not name.startswith(KEY) and TILE not in name


def stored_groupings(recorded: Digests, required: Digests) -> dict[str, str]:
    """Return the name under which a night's aggregates hold the rows of each grouping asked for; nothing where under its own.

    Args:
        recorded: meanings of the night.
        required: meanings of the table as the reader knows it.
    """
    keys = [name for name in required if name.startswith(KEY) and recorded.get(name) != required[name]]
    stored = {name: next((other for other, of in recorded.items() if of == required[name]), name) for name in keys}
    return {name.removeprefix(KEY): other.removeprefix(KEY) for name, other in stored.items()}


def other_meaning(table: str, missing: Mapping[Night, list[str]]) -> OtherMeaning:
    """Return the error that names the nights and the columns that were made by another definition."""
    columns = sorted({column for absent in missing.values() for column in absent})
    use_case, _, name = table.partition("/")
    what = ", ".join("its rows" if column == ROWS else column for column in columns[:5])
    more = f" and {len(columns) - 5} more" if len(columns) > 5 else ""  # noqa: PLR2004 - as many as are named
    return OtherMeaning(
        f"{name} of {in_words(list(missing))} has {what}{more} by another definition than today's.",
        where=table,
        do=f"Run: {command('apply', use_case)} (to see first what it would do: {command('plan', use_case)})",
    )


def no_longer_made(table: str, version: int, night: Night, absent: Sequence[str]) -> OtherMeaning:
    """Return the error of a night that lacks what its champion was trained on."""
    use_case = table.partition("/")[0]
    return OtherMeaning(
        f"version {version} was trained on another meaning of {', '.join(absent)} than night {night} holds.",
        where=table,
        do=f"Run: {command('features', use_case, night)} (it makes the older meaning too, where the sources have it), "
        f"or train a champion of today's: {command('train', use_case, night)}",
    )


def _with(schema: pa.Schema, renamed: Mapping[Night, Mapping[str, str]], columns: pa.Schema | None) -> pa.Schema:
    """Return the schema with the columns that only other names hold, and those that the reader names."""
    more = {name: schema.field(stored).type for names in renamed.values() for name, stored in names.items()}
    more = {**{field.name: field.type for field in columns or ()}, **more}
    absent = [pa.field(name, of) for name, of in more.items() if schema.get_field_index(name) < 0]
    return pa.schema([*schema, *absent]) if absent else schema
