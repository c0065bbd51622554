"""What every feature of a kind has is declared once; a feature's own word is stronger; a mistake is told where it stands."""

from __future__ import annotations

import pytest

from nightloop.definitions.defaults import feature_kinds
from tests.definitions.mistakes import RIGHT
from tests.definitions.rides import FILE, accepted, assert_told, changed, line_of, told_of


def test_a_default_holds_for_every_feature_of_its_kind_that_says_nothing_else():
    use_case = accepted({"defaults": {"window": {"unit": "EUR", "range": [0, 9], "nights": 3}, "rate": {"range": [0, 1]}}})
    assert use_case.features["rider_mean"].unit == "EUR" and use_case.features["rider_mean"].range == (0, 9)
    assert use_case.features["rider_mean"].nights == 28, "its own"
    assert use_case.features["zone_rate"].range == (0, 1) and use_case.features["zone_rate"].unit is None
    assert use_case.features["rider_ratio"].range is None, "of another kind"


def test_a_required_key_may_come_from_a_default():
    text = RIGHT.replace("smoothing: 20, ", "")
    assert told_of(text) != []
    assert told_of(text + "defaults: {rate: {smoothing: 20}}\n") == []


def test_nothing_takes_a_default_away():
    use_case = accepted({"defaults": {"window": {"unit": "EUR"}}, "features.rider_count.unit": None})
    assert use_case.features["rider_count"].unit is None
    assert use_case.features["rider_sum"].unit == "EUR"


def test_a_default_may_list_what_makes_families():
    use_case = accepted({"defaults": {"peers": {"by": [["zone"], ["zone", "shared"]]}}, "features.zone_rides.by": ["zone"]})
    assert "zone_rides" in use_case.features
    text = RIGHT.replace("{kind: peers, by: [zone], ", "{kind: peers, ") + "defaults: {peers: {by: [[zone], [zone, shared]]}}\n"
    assert told_of(text) == []


MISTAKES = {
    "a text": ("late", "defaults", "'defaults' reads 'late'.", "Write a mapping: {rate:"),
    "an unknown kind": (
        {"rates": {}},
        "defaults.rates",
        "'defaults > rates' is of an unknown kind.",
        "Did you mean 'rate' or 'ratio'?",
    ),
    "a text for a kind": ({"rate": 7}, "defaults.rate", "'defaults > rate' reads 7.", "Write a mapping: {key: value}."),
    "an unknown key": (
        {"rate": {"smothing": 3}},
        "defaults.rate.smothing",
        "unknown key 'smothing' in 'defaults > rate'.",
        "smoothing",
    ),
    "the kind itself": (
        {"rate": {"kind": "rate"}},
        "defaults.rate.kind",
        "unknown key 'kind' in 'defaults > rate'.",
        "Allowed keys",
    ),
    "a key of families": ({"rate": {"names": "x"}}, "defaults.rate.names", "unknown key 'names'", "Allowed keys"),
    # A value that does not fit is told once, at the default, of the first feature that takes it.
    "a wrong value": (
        {"window": {"unit": 7}},
        "defaults.window.unit",
        "'features > rider_count > unit' reads 7.",
        "Write a text",
    ),
    "a number out of bounds": (
        {"rate": {"default": "x"}},
        "defaults.rate.default",
        "zone_rate > default' reads 'x'",
        "a number",
    ),
    "an unknown source": (
        {"window": {"where": "fair > 1"}},
        "defaults.window.where",
        "unknown column 'fair'",
        "Did you mean 'fare'?",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_of_defaults_is_told_once_where_it_stands(case):
    declared, at, what, do = MISTAKES[case]
    assert_told({"defaults": declared}, at, what, do)


def test_a_mistake_beside_a_default_is_told_at_the_feature():
    text = changed({"defaults": {"window": {"unit": "EUR"}}, "features.rider_mean.of": "fair"})
    assert [where for where, _, _ in told_of(text)] == [f"{FILE}:{line_of(text, 'of: fair')}"]


def test_every_kind_may_have_defaults():
    assert set(feature_kinds()) == {"expression", "cross", "category", "peers", "lag", "lookup", "rate", "window", "ratio"}


def test_a_mistake_in_place_of_a_default_is_told_at_the_feature():
    text = changed({"defaults": {"window": {"unit": "EUR"}}, "features.rider_mean.unit": 7})
    assert [where for where, _, _ in told_of(text)] == [f"{FILE}:{line_of(text, 'unit: 7')}"]
