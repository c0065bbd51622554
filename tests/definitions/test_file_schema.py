"""The schema for editors takes every file that loads, and marks what is wrong in one that is whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from nightloop.definitions.file_schema import as_written
from nightloop.definitions.structure import json_schema
from nightloop.settings import REPOSITORY
from tests.definitions.mistakes import RIGHT

FOLDER = REPOSITORY / "feature_defs"
SCHEMA = as_written(json_schema())
FILES = [*FOLDER.rglob("*.yaml"), *Path(__file__).with_name("in_full").glob("*.yaml")]


def marks(document: Any) -> list[tuple[list[str | int], str]]:
    """What an editor marks: where and why."""
    plain = json.loads(json.dumps(document, default=str))
    return [(list(error.path), error.message) for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(plain)]


def marks_of(change: Callable[[dict[str, Any]], object]) -> list[list[str | int]]:
    document = yaml.safe_load(RIGHT)
    change(document)
    return [path for path, _ in marks(document)]


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_a_shipped_file_has_no_mark(file):
    assert marks(yaml.safe_load(file.read_text(encoding="utf-8"))) == []


FAMILY = {"kind": "peers", "by": [["zone"], ["zone", "shared"]], "words": {"zone": "x"}, "names": "{by}", "description": "A."}
TAKEN = {
    "a family": lambda it: it["features"].update(crowd=FAMILY),
    "a family of names": lambda it: it["features"].update(crowd={**FAMILY, "by": {"a": ["zone"]}}),
    "nights listed": lambda it: it["features"]["zone_rate"].update(nights=[1, 7]),
    "defaults": lambda it: (it.update(defaults={"rate": {"smoothing": 3}}), it["features"]["zone_rate"].pop("smoothing")),
    "a part that extends": lambda it: [it.pop(key) for key in ("sources", "model")] and it.update(extends="shared/city"),
    "a label in part": lambda it: (it["label"].pop("join"), it.update(extends="rides")),
    "a feature taken away": lambda it: (it["features"].update(zone_rate=None), it.update(extends="rides")),
    "a shared part": lambda it: [it.pop(key) for key in list(it) if key != "sources"],
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_loads_has_no_mark(case):
    assert marks_of(TAKEN[case]) == []


MARKED = {
    "a missing key": (lambda it: it.pop("owner"), []),
    "a missing key of the label": (lambda it: it["label"].pop("join"), ["label"]),
    "a missing key of a column": (
        lambda it: it["sources"]["zones"]["columns"]["zone"].pop("type"),
        ["sources", "zones", "columns", "zone"],
    ),
    "a missing key of a connector": (
        lambda it: it["sources"]["outcomes"]["connector"].pop("table"),
        ["sources", "outcomes", "connector"],
    ),
    "a missing key of a feature": (lambda it: it["features"]["zone_rate"].pop("smoothing"), ["features", "zone_rate"]),
    "an unknown key": (lambda it: it["label"].update(nights=3), ["label"]),
    "an unknown kind with defaults": (lambda it: it.update(defaults={"rates": {}}), ["defaults"]),
    "an unknown key of defaults": (lambda it: it.update(defaults={"rate": {"smothing": 3}}), ["defaults", "rate"]),
    "no number of nights": (lambda it: it["features"]["zone_rate"].update(nights="7"), ["features", "zone_rate"]),
    "a path to extend": (lambda it: it.update(extends="../rides"), ["extends"]),
}


@pytest.mark.parametrize("case", MARKED)
def test_what_is_wrong_has_a_mark(case):
    change, path = MARKED[case]
    assert marks_of(change) == [path]
