"""A family means what its features mean written by hand; a mistake in it is told once, at the family's line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.definitions import definition_digest, load_use_case
from nightloop.definitions.loading import parse_use_case
from nightloop.settings import REPOSITORY
from tests.definitions.mistakes import RIGHT
from tests.definitions.rides import ABSENT, FILE, accepted, assert_told, changed, told_of

FAMILY = {
    "kind": "window",
    "function": "mean",
    "source": "outcomes",
    "of": "fare",
    "by": [["zone"], ["rider_id"], ["rider_id", "zone"]],
    "nights": [1, 28],
    "description": "Mean fare of the {by} over {nights}.",
}


def with_family(changes: dict[str, Any], name: str = "fare") -> dict[str, Any]:
    family = {**FAMILY, **changes}
    return {f"features.{name}": {key: value for key, value in family.items() if value is not ABSENT}}


def features_of(changes: dict[str, Any], name: str = "fare") -> dict[str, Any]:
    """The features that a family adds to the right use case."""
    right = accepted({}).features
    return {key: feature for key, feature in accepted(with_family(changes, name)).features.items() if key not in right}


def test_a_family_gives_a_feature_of_each_group_and_each_number_of_nights():
    features = features_of({})
    assert {name: (feature.by, feature.nights, feature.description) for name, feature in features.items()} == {
        "zone_fare_1d": (["zone"], 1, "Mean fare of the zone over 1 night."),
        "zone_fare_28d": (["zone"], 28, "Mean fare of the zone over 28 nights."),
        "rider_id_fare_1d": (["rider_id"], 1, "Mean fare of the rider id over 1 night."),
        "rider_id_fare_28d": (["rider_id"], 28, "Mean fare of the rider id over 28 nights."),
        "rider_id_zone_fare_1d": (["rider_id", "zone"], 1, "Mean fare of the rider id and zone over 1 night."),
        "rider_id_zone_fare_28d": (["rider_id", "zone"], 28, "Mean fare of the rider id and zone over 28 nights."),
    }
    assert list(features) == [f"{by}_fare_{nights}d" for by in ("zone", "rider_id", "rider_id_zone") for nights in (1, 28)]


NAMED = {
    "groups only": ({"nights": 7}, ["zone_fare", "rider_id_fare", "rider_id_zone_fare"]),
    "nights only": ({"by": ["zone"]}, ["fare_1d", "fare_28d"]),
    "one of each": ({"by": [["zone"]], "nights": [7]}, ["zone_fare_7d"]),
    "groups with names": (
        {"by": {"who": ["rider_id"], "both": ["rider_id", "zone"]}, "nights": [7]},
        ["who_fare_7d", "both_fare_7d"],
    ),
    "a template": ({"by": [["zone"]], "names": "fare_of_{nights}_by_{by}"}, ["fare_of_1_by_zone", "fare_of_28_by_zone"]),
}


@pytest.mark.parametrize("case", NAMED)
def test_names_follow_from_groups_and_nights_or_from_a_template(case):
    changes, names = NAMED[case]
    assert list(features_of(changes)) == names


def test_words_stand_in_descriptions_and_in_the_words_of_reasons():
    words = {"zone": "out of the zone", 1: "yesterday"}
    changes = {
        "by": [["zone"], ["rider_id"]],
        "words": words,
        "description": "Fare {by} {nights}.",
        "reason": {"up": "Dear {by}", "down": "Cheap {nights}"},
    }
    features = features_of(changes)
    assert [feature.description for feature in features.values()] == [
        "Fare out of the zone yesterday.",
        "Fare out of the zone 28 nights.",
        "Fare rider id yesterday.",
        "Fare rider id 28 nights.",
    ]
    assert [(feature.reason.up, feature.reason.down) for feature in features.values()][:2] == [
        ("Dear out of the zone", "Cheap yesterday"),
        ("Dear out of the zone", "Cheap 28 nights"),
    ]


def test_only_descriptions_and_reasons_are_filled_in():
    assert [feature.unit for feature in features_of({"by": [["zone"]], "nights": [7], "unit": "{by}"}).values()] == ["{by}"]


def test_lags_nights_and_peers_and_look_ups_groups_are_families_too():
    lags = {"kind": "lag", "expression": "distance", "nights": [1, 7], "description": "Distance {nights} ago."}
    peers = {"kind": "peers", "by": [["zone"], ["zone", "shared"]], "description": "Rides of the same {by}."}
    by = {"here": {"zone": "zone"}, "there": {"zone": "zone"}}
    rain = {
        "kind": "lookup",
        "source": "weather",
        "by": by,
        "expression": "rain",
        "latest_by": "hour",
        "description": "Rain {by}.",
    }
    use_case = accepted({"features.way": lags, "features.crowd": peers, "features.rain": rain})
    assert list(use_case.features)[-6:] == ["way_1d", "way_7d", "zone_crowd", "zone_shared_crowd", "here_rain", "there_rain"]
    assert use_case.features["there_rain"].by == {"zone": "zone"}
    assert use_case.features["there_rain"].description == "Rain there."


COLUMNS = ["zone", "rider_id"]
GROUPS = st.lists(
    st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=2, unique=True), min_size=1, max_size=3, unique_by="_".join
)
NIGHTS = st.lists(st.integers(1, 400), min_size=1, max_size=3, unique=True)


@given(
    by=GROUPS,
    nights=NIGHTS,
    kind=st.sampled_from(["rate", "window", "ratio"]),
    smoothing=st.sampled_from([0, 5]),
    position=st.integers(0, 15),
    is_named=st.booleans(),
    has_defaults=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_a_family_is_its_features_written_by_hand(*, by, nights, kind, smoothing, position, is_named, has_defaults):
    own = {
        "rate": {"kind": "rate", "of": "cancelled", "smoothing": smoothing},
        "window": {"kind": "window", "function": "sum", "of": "fare", "scale": 1},
        "ratio": {"kind": "ratio", "function": "count", "to_nights": 500, "where": "fare > 1"},
    }[kind]
    shared = {"source": "outcomes", "range": [0, 1], "unit": "x"}
    document = yaml.safe_load(RIGHT)
    others = list(document["features"].items())
    names = [f"g{place}" if is_named else "_".join(group) for place, group in enumerate(by)]
    listed = dict(zip(names, by, strict=True)) if is_named else by
    family = {**own, "by": listed, "nights": nights, "description": "Of {by}: {nights}."}
    by_hand = [
        (
            f"{name}_some_{number}d",
            {
                **own,
                **shared,
                "by": group,
                "nights": number,
                "description": f"Of {(name if is_named else ' and '.join(group)).replace('_', ' ')}: "
                + ("1 night." if number == 1 else f"{number} nights."),
            },
        )
        for name, group in zip(names, by, strict=True)
        for number in nights
    ]
    short = {
        **document,
        "features": dict([*others[:position], ("some", family if has_defaults else {**family, **shared}), *others[position:]]),
    }
    if has_defaults:
        # What the other features of the kind say for themselves stays theirs.
        short["defaults"] = {kind: shared}
        others = [(name, {**shared, **feature} if feature["kind"] == kind else feature) for name, feature in others]
    full = {**document, "features": dict([*others[:position], *by_hand, *others[position:]])}
    one, other = (parse_use_case(yaml.safe_dump(text, sort_keys=False), FILE, "rides") for text in (short, full))
    assert one == other
    assert definition_digest(one) == definition_digest(other)


@pytest.mark.parametrize("name", ["flight_delay", "arrival_delay"])
def test_a_shipped_use_case_is_what_its_hundred_and_seventy_lines_were(name):
    short = load_use_case(name, REPOSITORY / "feature_defs")
    full = Path(__file__).with_name("in_full") / f"{name}.yaml"
    assert definition_digest(short) == definition_digest(parse_use_case(full.read_text(encoding="utf-8"), str(full), name))


def test_flight_delay_is_short():
    short, full = (
        (folder / "flight_delay.yaml").read_text(encoding="utf-8").splitlines()
        for folder in (REPOSITORY / "feature_defs", Path(__file__).with_name("in_full"))
    )
    assert len(short) <= 90
    assert max(map(len, short)) <= max(map(len, full)), "and no line is longer for it"


MISTAKES = {
    # changes of the family, the path at which it is told, what was read, the way out
    "nothing is listed": ({"nights": []}, "nights", "'nights' of the family 'fare' lists nothing.", "List at least one."),
    "no number of nights": ({"nights": [1, "7"]}, "nights.1", "'nights' of the family 'fare' lists '7'.", "[1, 7, 28]"),
    "a truth for a number": ({"nights": [True]}, "nights.0", "lists True.", "List whole numbers"),
    "columns beside groups": ({"by": ["zone", ["rider_id"]]}, "by.0", "'by' of the family 'fare' lists 'zone'.", "List groups"),
    "an empty group": ({"by": [["zone"], []]}, "by.1", "lists [].", "List groups"),
    "a group of numbers": ({"by": {"a": [7], "b": ["zone"]}}, "by.a", "lists [7].", "name them, {route: "),
    "a placeholder that is none": (
        {"names": "{by}_{night}d_fare"},
        "names",
        "'names' holds '{night}', which the family 'fare' does not list.",
        "Did you mean 'nights'? Write {by} and {nights}.",
    ),
    "a brace alone": ({"names": "{by_fare_{nights}"}, "names", "'names' holds '{by_fare_'", "Write {by} and"),
    "a number for a template": ({"names": 7}, "names", "'names' reads 7.", "Write a text with {by} and {nights}."),
    "a text for words": ({"words": "late"}, "words", "'words' reads 'late'.", "Write a mapping"),
    "words of another group": (
        {"words": {"zonne": "of the zone"}},
        "words.zonne",
        "the family 'fare' has words of 'zonne', which it does not list.",
        "Did you mean 'zone'?",
    ),
    "words of other nights": ({"words": {7: "a week"}}, 'words."7"', "has words of '7'", "It lists: 1, 28, rider_id"),
    "words that are no text": ({"words": {1: 5}}, 'words."1"', "the words of '1' read 5.", "Write a text."),
    "one name of all": (
        {"names": "{by}_fare"},
        "",
        "the feature 'zone_fare' is declared twice, first on line",
        "names: a template",
    ),
    # What each feature of the family would be told by itself is told once, of the first, where the family says it.
    "a number out of bounds": ({"nights": [7, 0]}, "nights", "'features > zone_fare_0d > nights' reads 0.", "greater than"),
    "an unknown column": ({"of": "fair"}, "of", "unknown column 'fair'", "Did you mean 'fare'?"),
    "a group of an unknown column": (
        {"by": [["zone"], ["zones"]]},
        "by",
        "unknown column 'zones' in 'by'.",
        "Did you mean 'zone'",
    ),
    "an unknown key": ({"off": 1}, "off", "unknown key 'off' in 'features > fare'.", "Did you mean 'of'"),
    "a misspelt axis": (
        {"nights": ABSENT, "nihgts": [1], "words": {1: "yesterday"}},
        "nihgts",
        "unknown key 'nihgts' in 'features > fare'.",
        "Did you mean 'nights'",
    ),
    "a missing key": ({"source": None}, "source", "'features > zone_fare_1d > source' reads None.", ""),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_of_a_family_is_told_once_at_its_line(case):
    changes, at, what, do = MISTAKES[case]
    assert_told(with_family(changes), ".".join(filter(None, ["features.fare", at])), what, do)


def test_a_family_does_not_give_a_name_that_is_declared():
    taken = {"kind": "expression", "expression": "distance", "description": "Distance."}
    told = told_of(changed({"features.zone_fare_28d": taken, **with_family({})}))
    assert [what for _, what, _ in told] == [
        f"the feature 'zone_fare_28d' is declared twice, first on line {line_of_key('zone_fare_28d', told)}."
    ]


def line_of_key(name: str, told: list[tuple[str, str, str]]) -> int:
    """The line that the message names, which must be that of the key."""
    taken = {"kind": "expression", "expression": "distance", "description": "Distance."}
    text = changed({f"features.{name}": taken, **with_family({})})
    return text[: text.index(f"\n  {name}:")].count("\n") + 2


@pytest.mark.parametrize("key", ["names", "words"])
def test_a_feature_that_lists_nothing_has_no_key_of_families(key):
    assert_told(
        {f"features.zone_rides.{key}": {}}, f"features.zone_rides.{key}", f"unknown key '{key}' in 'features > zone_rides'."
    )


def test_other_features_that_make_one_mistake_each_are_each_told():
    told = told_of(RIGHT.replace("of: fare", "of: fair"))
    assert len(told) == RIGHT.count("of: fare")
