"""The JSON Schema of a file of feature_defs/ as a person writes it: with defaults, families and what it extends.

It is made from the schema of what is read in the end. A file that extends another may leave out any key, and where a file has
defaults its features may: only ``check`` sees the whole.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from nightloop.definitions.families import AXES

Node = dict[str, Any]
_TAGS = {"kind", "task"}
_EXTENDS = {
    "type": "string",
    "pattern": "^(shared/)?[a-z][a-z0-9_]*$",
    "description": "Another use case, or shared/NAME: what it declares holds here too, with the keys of this file over it.",
}
_NAMES = {"type": "string", "description": "Names of the family's features, with {by} and {nights} filled in."}
_WORDS = {
    "type": "object",
    "additionalProperties": {"type": "string"},
    "description": "What {by} and {nights} read in descriptions: name of a group, or number of nights -> words.",
}


def as_written(schema: Node) -> Node:
    """Return the schema of files, made from that of a use case."""
    schema = deepcopy(schema)
    parts, keys = schema["$defs"], schema["properties"]
    needed = _needed(schema, parts)
    needed_of_features = needed["properties"].pop("features")
    (feature,) = keys["features"]["patternProperties"].values()
    kinds = {kind: ref.rsplit("/", 1)[1] for kind, ref in feature["discriminator"]["mapping"].items()}
    defaults = {kind: _defaults(name, parts[name]) for kind, name in kinds.items()}
    for part in parts.values():
        part["required"] = [key for key in part.get("required", []) if key in _TAGS]
    for name in kinds.values():
        _allow_families(parts[name])
    feature["oneOf"].append({"type": "null", "description": "Takes away what the extended file declares."})
    keys["extends"] = _EXTENDS
    keys["defaults"] = {
        "type": "object",
        "properties": defaults,
        "additionalProperties": False,
        "description": "Of each kind of feature: what every feature of it has that does not say otherwise.",
    }
    del schema["required"]
    alone = {"required": ["use_case"], "not": {"required": ["extends"]}}
    without_defaults = {**alone, "not": {"anyOf": [{"required": ["extends"]}, {"required": ["defaults"]}]}}
    of_features = {"properties": {"features": needed_of_features}}
    return {**schema, "allOf": [{"if": alone, "then": needed}, {"if": without_defaults, "then": of_features}]}


def _needed(node: Node, parts: dict[str, Node]) -> Node:
    """Return the schema that says nothing but which keys are required, at every depth."""
    if "$ref" in node:
        node = parts[node["$ref"].rsplit("/", 1)[1]]
    if "discriminator" in node:
        tag, members = node["discriminator"]["propertyName"], node["discriminator"]["mapping"]
        given = {member: {"required": [tag], "properties": {tag: {"const": member}}} for member in members}
        of_members = {member: _needed({"$ref": ref}, parts) for member, ref in members.items()}
        return {"allOf": [{"if": {"type": "object", **given[member]}, "then": of_members[member]} for member in members]}
    if "anyOf" in node:
        return next((_needed(item, parts) for item in node["anyOf"] if "$ref" in item), {})
    needed: Node = {"required": node["required"]} if node.get("required") else {}
    if keys := {key: inner for key, item in node.get("properties", {}).items() if (inner := _needed(item, parts))}:
        needed["properties"] = keys
    values = [*node.get("patternProperties", {}).values(), node.get("additionalProperties")]
    if inner := next((_needed(item, parts) for item in values if isinstance(item, dict)), {}):
        needed["additionalProperties"] = inner
    return needed


def _defaults(name: str, part: Node) -> Node:
    """Return the schema of a kind's defaults: its keys but the kind, none required."""
    keys = {key: {"$ref": f"#/$defs/{name}/properties/{key}"} for key in part["properties"] if key != "kind"}
    return {"type": "object", "properties": keys, "additionalProperties": False}


def _allow_families(part: Node) -> None:
    """Let a kind list groups of columns and numbers of nights, where it has such a key."""
    keys = part["properties"]
    axes = [axis for axis in AXES if axis in keys]
    for axis in axes:
        one = keys[axis]
        named = [{"type": "object", "additionalProperties": one, "minProperties": 1}] if axis == "by" else []
        keys[axis] = {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}, *named]}
    if axes:
        keys |= {"names": _NAMES, "words": _WORDS}
