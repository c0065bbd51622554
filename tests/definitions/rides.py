"""The right use case with a few values changed, and what is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from nightloop.definitions import UseCase
from nightloop.definitions.loading import parse_use_case
from nightloop.definitions.yaml_lines import read_yaml
from nightloop.errors import DefinitionError
from tests.definitions.mistakes import RIGHT

FILE = "feature_defs/rides.yaml"
ABSENT = object()
Told = tuple[str, str, str]


def line_of(text: str, mark: str) -> int:
    """Return the line on which a text first stands."""
    return text[: text.index(mark)].count("\n") + 1


def changed(changes: Mapping[str, Any], text: str = RIGHT) -> str:
    """Return the file with other values: 'features.weekday.range' -> [7, 1]; ABSENT takes a key away."""
    document = yaml.load(text, yaml.CSafeLoader)
    for path, value in changes.items():
        *holders, last = path.split(".")
        holder = document
        for key in holders:
            holder = holder[key]
        if value is ABSENT:
            del holder[last]
        else:
            holder[last] = value
    return yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)


def told_of(text: str, use_case_name: str = "rides") -> list[Told]:
    """Return what is told of a file: (file:line, what was read, the way out)."""
    try:
        parse_use_case(text, FILE, use_case_name)
    except DefinitionError as error:
        return list(error.mistakes) or [(error.where or "", error.what, error.do or "")]
    return []


def accepted(changes: Mapping[str, Any]) -> UseCase:
    """Return the use case with other values, which must have no mistake."""
    return parse_use_case(changed(changes), FILE, "rides")


def assert_told(changes: Mapping[str, Any], at: str, what: str, do: str = "", text: str = RIGHT) -> None:
    """Exactly one mistake is told: at the line of the path ``at``, with these words."""
    wrong = changed(changes, text)
    use_case_name = text.partition("use_case: ")[2].partition("\n")[0]
    (where, read, way_out), *more = told_of(wrong, use_case_name) or [("", "nothing is told", "")]
    assert more == []
    assert what in read
    assert do in way_out
    assert way_out
    _, lines = read_yaml(wrong, FILE)
    path = [int(key) if key.isdigit() else key.strip('"') for key in at.split(".")]  # "7" is a key that is a number
    assert where == f"{FILE}:{lines.of(path)}", f"{read} is told at {where}"
