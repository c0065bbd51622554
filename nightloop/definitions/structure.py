"""Check that a parsed YAML document has the shape of a use case, and say each mistake in plain words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

from pydantic import ValidationError

from nightloop.definitions.file_schema import as_written
from nightloop.definitions.parameters import PARAMETERS
from nightloop.definitions.problems import Problems, expected, shown
from nightloop.definitions.use_case import UseCase
from nightloop.definitions.yaml_lines import Key
from nightloop.errors import suggest

HOLDERS = {*PARAMETERS, "parameters"}
"""Keys that hold parameters of an estimator."""


@cache
def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a use case with plain features, generated from the classes."""
    schema = UseCase.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def json_schema_text() -> str:
    """Return the content of feature_defs/schema.json."""
    return json.dumps(as_written(json_schema()), indent=2, ensure_ascii=False) + "\n"


def to_use_case(document: Any, problems: Problems) -> UseCase | None:
    """Build the typed object; mistakes are noted in ``problems`` and None is returned.

    Validation is strict (no text for a number, no yes for 1) and runs on JSON, where a list may become a tuple and a
    text a date.
    """
    if not isinstance(document, dict):
        problems.add((), f"a use case is a mapping of keys to values; read {shown(document)}.", "See docs/definitions.md.")
        return None
    try:
        return UseCase.model_validate_json(json.dumps(document, default=_plain), strict=True)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            if _is_one_more_of_a_parameter(item["loc"]):
                continue
            path, keys = _without_tags(item["loc"])
            problems.add(_place(item, path), *_message(item, path, keys))
        return None
    except TypeError as error:
        problems.add((), f"the file holds a value that is not plain data: {error}.", "Use texts, numbers, lists and mappings.")
        return None


def _is_one_more_of_a_parameter(loc: Sequence[Key]) -> bool:
    """Whether pydantic names again a value that is neither number nor text: it does so for each type there might be."""
    return len(loc) > 2 and loc[-3] in HOLDERS and loc[-1] in ("int", "str")  # noqa: PLR2004


def _place(item: Any, path: list[Key]) -> list[Key]:
    """An unknown kind is shown where the kind is written, which may be lines below its mapping."""
    return [*path, item["ctx"]["discriminator"].strip("'")] if item["type"] == "union_tag_invalid" else path


def _plain(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} {value!r}")


def _resolve(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = json_schema()["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return node


def _descend(node: dict[str, Any], key: Key) -> dict[str, Any]:
    if isinstance(key, int):
        child = node.get("items", {})
    else:
        named = [*node.get("patternProperties", {}).values(), node.get("additionalProperties", {})]
        child = node.get("properties", {}).get(key, named[0])
    return _resolve(child) if isinstance(child, dict) else {}


def _without_tags(loc: Sequence[Key]) -> tuple[list[Key], list[str]]:
    """Return the path as written in the file, and the keys allowed in the mapping that holds its end.

    pydantic names the member of a union (for example 'rate') as a step of the path; the file has no such step.
    """
    node, path, keys = _resolve(json_schema()), list[Key](), list[str]()
    for step in loc:
        mapping = node.get("discriminator", {}).get("mapping", {})
        if step in mapping:
            node = _resolve({"$ref": mapping[step]})
            continue
        if step == "[key]" or (len(path) > 1 and path[-2] in HOLDERS):  # the type that a parameter might have
            continue
        keys = list(node.get("properties", {}))
        node = _descend(node, step)
        path.append(step)
    return path, keys


def _message(item: Any, path: Sequence[Key], keys: list[str]) -> tuple[str, str]:
    """Return (what was read, what is allowed) for one finding of pydantic."""
    name, holder = (str(path[-1]) if path else ""), " > ".join(str(step) for step in path[:-1])
    place = f"in '{holder}'" if holder else "at the top"
    at = f"'{' > '.join(str(step) for step in path)}'"
    match item["type"]:
        case "extra_forbidden":
            return f"unknown key '{name}' {place}.", suggest(name, keys, "Allowed keys")
        case "missing" if path and isinstance(path[-1], int):
            return f"{place[3:]} has too few values.", "Write two numbers: [low, high]."
        case "missing":
            return f"the key '{name}' is missing {place}.", "Add it; docs/definitions.md says what it means."
        case "union_tag_invalid" | "union_tag_not_found":
            return _union_message(item, path, at)
        case "string_pattern_mismatch":
            return (
                f"{at} is named {shown(item['input'])}.",
                "Names begin with a small letter and have small letters, digits and underscores only (at most 63).",
            )
    return f"{at} reads {shown(item['input'])}.", expected(item)


def _union_message(item: Any, path: Sequence[Key], at: str) -> tuple[str, str]:
    word = item["ctx"]["discriminator"].strip("'")
    if item["type"] == "union_tag_not_found":
        return f"the key '{word}' is missing in {at}.", f"Say which {word} it is: {', '.join(_members(path))}."
    tag, known = item["ctx"]["tag"], item["ctx"]["expected_tags"].replace("'", "").split(", ")
    return f"unknown {word} '{tag}' of {at}.", suggest(tag, sorted(known), f"Allowed {word}s")


def _members(path: Sequence[Key]) -> list[str]:
    """Return the names of the members of the union at ``path``."""
    node = _resolve(json_schema())
    for step in path:
        node = _descend(node, step)
    return sorted(node.get("discriminator", {}).get("mapping", {}))


if __name__ == "__main__":
    print(json_schema_text(), end="")  # noqa: T201
