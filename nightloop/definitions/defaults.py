"""Defaults of features, declared once for each kind and written into every feature of it that says nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, get_args

from nightloop.definitions.features import Feature, FeatureBase
from nightloop.definitions.problems import Problems, shown
from nightloop.definitions.yaml_lines import Key, Lines
from nightloop.errors import suggest

DEFAULTS = "defaults"


@cache
def feature_kinds() -> dict[str, type[FeatureBase]]:
    """Return the class of each kind of feature."""
    classes = get_args(get_args(Feature)[0])
    return {get_args(of.model_fields["kind"].annotation)[0]: of for of in classes}


def with_defaults(document: dict[str, Any], problems: Problems) -> dict[str, Any]:
    """Return the document with its features over the defaults of their kinds; a default's line is where it is declared.

    Kinds and keys that are not there are noted. What a default means to a feature is judged with the feature.
    """
    if DEFAULTS not in document:
        return document
    plain = {key: value for key, value in document.items() if key != DEFAULTS}
    defaults = _declared(document[DEFAULTS], problems)
    features = document.get("features")
    if not isinstance(features, dict):
        return plain
    lines = problems.lines.nearest(("features",))
    of_features = dict[Key, Lines](lines.children)
    filled = dict[str, Any]()
    for name, feature in features.items():
        kind = feature.get("kind") if isinstance(feature, dict) else None
        taken = {key: value for key, value in defaults.get(str(kind), {}).items() if key not in feature}
        filled[name] = {**taken, **feature} if taken else feature
        children: dict[Key, Lines] = {key: problems.lines.nearest((DEFAULTS, str(kind), key)) for key in taken}
        of_features[str(name)] = of_features[str(name)].having(children)
    problems.lines = problems.lines.having({"features": lines.having(of_features)})
    return {**plain, "features": filled}


def _declared(declared: Any, problems: Problems) -> Mapping[str, Mapping[str, Any]]:
    """Return the defaults of each kind that there is; note what is none."""
    if not isinstance(declared, dict):
        problems.add((DEFAULTS,), f"'{DEFAULTS}' reads {shown(declared)}.", "Write a mapping: {rate: {smoothing: 20}}.")
        return {}
    by_kind = dict[str, Mapping[str, Any]]()
    for kind, values in declared.items():
        path, holder = (DEFAULTS, str(kind)), f"'{DEFAULTS} > {kind}'"
        if kind not in feature_kinds():
            problems.add(path, f"{holder} is of an unknown kind.", suggest(str(kind), feature_kinds(), "Allowed kinds"))
        elif not isinstance(values, dict):
            problems.add(path, f"{holder} reads {shown(values)}.", "Write a mapping: {key: value}.")
        else:
            allowed = feature_kinds()[kind].model_fields.keys() - {"kind"}
            for key in values.keys() - allowed:
                do = suggest(str(key), allowed, "Allowed keys")
                problems.add((*path, str(key)), f"unknown key '{key}' in {holder}.", do)
            by_kind[kind] = {key: value for key, value in values.items() if key in allowed}
    return by_kind
