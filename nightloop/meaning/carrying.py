"""Older meanings that are still needed: a use case with more columns, so that a champion goes on with what it was trained on.

A feature whose meaning changed, and that a champion was trained on, is made beside the one of today, from the definition of
then: as ``<name>__<digest>``, which stands in no definition that people read. The columns it is made from are carried likewise.
A use case so extended is a use case like any other: every stage, engine and the service make its columns as they make all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlglot

from nightloop.definitions.features import Feature
from nightloop.definitions.use_case import Column, UseCase
from nightloop.errors import NightloopError
from nightloop.meaning.digests import Digests, meanings_of

MARK = 8  # digits of the digest in a carried name
LONGEST = 50  # letters of the name before them
_CARRIED = re.compile(rf"^[a-z][a-z0-9_]*__[0-9a-f]{{{MARK}}}$")


@dataclass(frozen=True)
class Needed:
    """What a champion was trained on: the digest of each of its features, and the use case as it was then."""

    version: int
    features: Digests
    use_case: UseCase


@dataclass(frozen=True)
class Lost:
    """A feature that a champion needs and that can no longer be made."""

    version: int | None  # of the champion; None: not asked
    feature: str
    reason: str


def carried_name(name: str, digest: str) -> str:
    """Return the column's name of an older meaning."""
    return f"{name[:LONGEST]}__{digest[:MARK]}"


def is_carried(name: str) -> bool:
    """Whether a column is of an older meaning."""
    return _CARRIED.match(name) is not None


def carrying(use_case: UseCase, needed: Iterable[Needed]) -> tuple[UseCase, list[Lost]]:
    """Return the use case with the older features that champions need, and those that cannot be made any more.

    What is returned is checked by itself: a carried feature has the digest that its champion was trained on, or is not there.
    """
    lost: list[Lost] = []
    for champion in needed:
        known = set(meanings_of(use_case).features.values())
        for name, digest in champion.features.items():
            if digest in known:
                continue
            try:
                use_case = _with_feature(use_case, champion.use_case, name, digest)
            except NightloopError as error:
                lost.append(Lost(champion.version, name, error.what))
    return use_case, lost


class _NotMade(NightloopError):
    """Why an older feature cannot be made from today's sources."""


def _with_feature(use_case: UseCase, then: UseCase, name: str, digest: str) -> UseCase:
    feature = then.features.get(name)
    if feature is None or meanings_of(then).features[name] != digest:
        raise _NotMade("the definition it was trained by is not there any more.")
    of_records = getattr(feature, "source", then.entity.source)
    names = {}
    for source in dict.fromkeys((then.entity.source, of_records)):
        use_case, names[source] = _with_columns(use_case, then, source, _read_of(feature, then, source))
    older = _renamed(feature, names[then.entity.source], names[of_records])
    extended = use_case.model_copy(update={"features": {**use_case.features, carried_name(name, digest): older}})
    if meanings_of(extended).features[carried_name(name, digest)] != digest:
        raise _NotMade("its key, its join or the records it is made from have another meaning now.")
    return extended


def _with_columns(use_case: UseCase, then: UseCase, source: str, columns: Iterable[str]) -> tuple[UseCase, dict[str, str]]:
    """Return the use case with these columns of then, and the name that each of them has in it."""
    if source not in use_case.sources:
        raise _NotMade(f"the source '{source}' is gone.")
    today, before = meanings_of(use_case), meanings_of(then)
    if today.rows[source] != before.rows[source]:
        raise _NotMade(f"the records of source '{source}' have other keys, times or another origin now.")
    names: dict[str, str] = {}
    more: dict[str, Column] = {}
    for column in columns:
        digest = before.columns[source][column]
        same = [name for name, of in today.columns[source].items() if of == digest]
        names[column] = column if column in same else same[0] if same else carried_name(column, digest)
        if not same:
            more[names[column]] = then.sources[source].columns[column]
    extended = use_case.sources[source].model_copy(update={"columns": {**use_case.sources[source].columns, **more}})
    return use_case.model_copy(update={"sources": {**use_case.sources, source: extended}}), names


def _read_of(feature: Feature, then: UseCase, source: str) -> list[str]:
    """Return the columns of a source that a feature reads, or whose names it gives."""
    declared = then.sources[source].columns
    words = re.findall(r"\w+", " ".join(_texts(feature.model_dump(exclude={"description", "unit", "owner", "kind", "source"}))))
    return [name for name in declared if name in words]


def _texts(value: object) -> list[str]:
    if isinstance(value, Mapping):
        return [text for item in (*value.keys(), *value.values()) for text in _texts(item)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


def _renamed(feature: Feature, entity: Mapping[str, str], source: Mapping[str, str]) -> Feature:
    """Return the feature over columns of other names; ``entity`` and ``source`` are equal where it reads the entity's row."""
    changed: dict[str, object] = {}
    for field in ("expression", "of", "where"):
        if isinstance(text := getattr(feature, field, None), str):
            changed[field] = _rename_in(text, source)
    if (latest := getattr(feature, "latest_by", None)) is not None:
        changed["latest_by"] = source.get(latest, latest)
    match by := getattr(feature, "by", None):
        case dict():
            changed["by"] = {source[theirs]: entity[ours] for theirs, ours in by.items()}
        case list():
            if any(source[name] != entity[name] for name in by):
                raise _NotMade("its key has two names now.")
            changed["by"] = [source[name] for name in by]
    if (columns := getattr(feature, "columns", None)) is not None:
        changed["columns"] = [entity[name] for name in columns]
    return feature.model_copy(update=changed)


def _rename_in(text: str, names: Mapping[str, str]) -> str:
    if all(old == new for old, new in names.items()):
        return text
    tree = sqlglot.parse_one(text, dialect="duckdb")
    for column in tree.find_all(sqlglot.exp.Column):
        if (new := names.get(column.name)) is not None:
            column.this.set("this", new)
    return tree.sql(dialect="duckdb")
