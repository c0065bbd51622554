"""docs/definitions.md names every key a definition may have, every kind of feature and connector, and every choice."""

from __future__ import annotations

import re
from typing import Any

import pytest

from nightloop.definitions import simulation
from nightloop.definitions.file_schema import as_written
from nightloop.definitions.structure import json_schema
from nightloop.settings import REPOSITORY

PAGE = (REPOSITORY / "docs" / "definitions.md").read_text(encoding="utf-8")
SIMULATOR = (REPOSITORY / "docs" / "simulator.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([a-z_]+)`", PAGE))
SCHEMA = as_written(json_schema())
PARTS: dict[str, Any] = {"UseCase": SCHEMA, **SCHEMA["$defs"]}


def page_of(part: str) -> set[str]:
    simulated = getattr(getattr(simulation, part, None), "__module__", "") == simulation.__name__
    return NAMED | (set(re.findall(r"[a-z_]+", SIMULATOR)) if simulated else set())


@pytest.mark.parametrize("part", PARTS)
def test_every_key_of_the_schema_is_named(part):
    assert sorted(set(PARTS[part].get("properties", {})) - page_of(part)) == []


@pytest.mark.parametrize("union", ["features", "sources"])
def test_every_kind_is_named(union):
    holder = SCHEMA["properties"][union] if union == "features" else SCHEMA["$defs"]["Source"]["properties"]["connector"]
    member = next(iter(holder["patternProperties"].values())) if union == "features" else holder
    assert sorted(set(member["discriminator"]["mapping"]) - NAMED) == []


def test_every_function_of_a_window_is_named():
    functions = SCHEMA["$defs"]["WindowFeature"]["properties"]["function"]["enum"]
    assert sorted(set(functions) - NAMED) == []


def test_a_key_that_is_not_there_is_not_named_as_one():
    rows = re.findall(r"^\| `([a-z_]+)` \|", PAGE[PAGE.index("## The whole file") : PAGE.index("## Tables")], re.MULTILINE)
    known = {key for part in PARTS.values() for key in part.get("properties", {})}
    kinds = {*SCHEMA["$defs"]["WindowFeature"]["properties"]["function"]["enum"]}
    for part in PARTS.values():
        kinds |= {part.get("properties", {}).get("kind", {}).get("const", "")}
    assert sorted(set(rows) - known - kinds) == []
