"""A document of another shape is told in plain words: which key, where, what was read and what is allowed there."""

from __future__ import annotations

import pytest

from nightloop.definitions.structure import json_schema, to_use_case
from tests.definitions.rides import ABSENT, FILE, assert_told, told_of

SHAPES = {
    # changes, the path at which they are told, what was read, what is allowed
    "an unknown key at the top": (
        {"riskk": "low"},
        "riskk",
        "unknown key 'riskk' at the top.",
        "Did you mean 'risk'? Allowed keys:",
    ),
    "an unknown key below": (
        {"label.nights": 3},
        "label.nights",
        "unknown key 'nights' in 'label'.",
        "Allowed keys: description, exp",
    ),
    "an unknown key of a column": (
        {"sources.zones.columns.zone.typ": "string"},
        "sources.zones.columns.zone.typ",
        "unknown key 'typ' in 'sources > zones > columns > zone'.",
        "Did you mean 'type'?",
    ),
    "an unknown key of a kind": (
        {"features.zone_rides.nights": 3},
        "features.zone_rides.nights",
        "unknown key 'nights' in 'features > zone_rides'.",
        "Allowed keys: by, calendar, default, description, kind,",
    ),
    "a key of another task": ({"model.ridge": {}}, "model.ridge", "unknown key 'ridge' in 'model'.", "logistic_regression"),
    "a missing key at the top": (
        {"owner": ABSENT},
        "",
        "the key 'owner' is missing at the top.",
        "Add it; docs/definitions.md",
    ),
    "a missing key below": ({"label.join": ABSENT}, "label", "the key 'join' is missing in 'label'.", "Add it"),
    "a missing key of a kind": (
        {"features.zone_rate.smoothing": ABSENT},
        "features.zone_rate",
        "the key 'smoothing' is missing in 'features > zone_rate'.",
        "Add it",
    ),
    "a missing kind of feature": (
        {"features.zone_rides.kind": ABSENT},
        "features.zone_rides",
        "the key 'kind' is missing in 'features > zone_rides'.",
        "Say which kind it is: category, cross, expression, lag, lookup, peers, rate, ratio, window.",
    ),
    "a missing kind of connector": (
        {"sources.zones.connector.kind": ABSENT},
        "sources.zones.connector",
        "the key 'kind' is missing in 'sources > zones > connector'.",
        "Say which kind it is: files, package, simulator, sql, table.",
    ),
    "a missing task": (
        {"model.task": ABSENT},
        "model",
        "the key 'task' is missing in 'model'.",
        "Say which task it is: binary, multiclass, regression.",
    ),
    "an unknown kind of feature": (
        {"features.zone_rides.kind": "per"},
        "features.zone_rides.kind",
        "unknown kind 'per' of 'features > zone_rides'.",
        "Did you mean 'peers'? Allowed kinds: category, cross, expression, lag, lookup, peers, rate, ratio, window.",
    ),
    "an unknown task": ({"model.task": "rank"}, "model.task", "unknown task 'rank' of 'model'.", "Allowed tasks: binary, mult"),
    "a range of one end": (
        {"features.distance.range": [0]},
        "features.distance.range",
        "'features > distance > range' has too",
        "two",
    ),
    "a range of three ends": (
        {"features.distance.range": [0, 1, 300]},
        "features.distance.range",
        "reads [0, 1, 300].",
        "two numbers",
    ),
    "a range of texts": (
        {"features.distance.range": ["0", 9]},
        "features.distance.range.0",
        "range > 0' reads '0'.",
        "Write a number",
    ),
    "a name in a list": (
        {"entity.key": ["Ride"]},
        "entity.key.0",
        "'entity > key > 0' is named 'Ride'.",
        "Names begin with a small",
    ),
    "a name as a key": (
        {"label.join": {"Ride": "ride_id"}},
        "label.join.Ride",
        "'label > join > Ride' is named 'Ride'.",
        "Names begin",
    ),
    "a text for a date": ({"first_night": "soon"}, "first_night", "'first_night' reads 'soon'.", "Write a day"),
    "a number for a date": (
        {"first_night": 20240101},
        "first_night",
        "'first_night' reads 20240101.",
        "Write a day as YYYY-MM-DD.",
    ),
    "a text for a mapping": ({"label": "late"}, "label", "'label' reads 'late'.", "Write a mapping: {key: value}."),
    "nothing for a mapping": ({"entity": None}, "entity", "'entity' reads None.", "Write a mapping: {key: value}."),
    "a long value": ({"owner": ["word"] * 40}, "owner", "'owner' reads ['word', 'word',", "Write a text"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_another_shape_is_told_in_plain_words(name):
    changes, at, what, do = SHAPES[name]
    assert_told(changes, at, what, do)


def test_a_long_value_is_shown_shortened():
    ((_, what, _),) = told_of("use_case: rides\nowner: " + "x" * 500 + "\n")[:1] or [("", "", "")]
    assert len(what) < 200


@pytest.mark.parametrize("document", [[1, 2], "words", 7, None, True])
def test_a_use_case_is_a_mapping(document):
    noted: list[tuple[object, str, str]] = []

    class Gathered:
        def add(self, *mistake):
            noted.append(mistake)

    assert to_use_case(document, Gathered()) is None
    ((path, what, do),) = noted
    assert path == ()
    assert what == f"a use case is a mapping of keys to values; read {document!r}."
    assert do == "See docs/definitions.md."


def test_a_value_that_is_not_plain_data_is_told():
    ((where, what, do),) = told_of("use_case: rides\nowner: !!binary aGVsbG8=\n")
    assert where == f"{FILE}:1"
    assert "holds a value that is not plain data: bytes b'hello'" in what
    assert do == "Use texts, numbers, lists and mappings."


def test_the_schema_names_its_dialect_and_every_required_key():
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    required = {"use_case", "description", "owner", "time_zone", "first_night", "sources", "entity", "label", "features"}
    assert set(schema["required"]) == required | {"model", "gates"}
    assert schema["additionalProperties"] is False
