"""What differs between two definitions, told by name: meanings, rules, words."""

from __future__ import annotations

from typing import Any

import pytest

from nightloop.meaning.changes import Change, changes
from tests.meaning import definitions
from tests.meaning.definitions import USE_CASE, changed, put


def rename(place: str, old: str, new: str) -> definitions.Change:
    def change(declared: dict[str, Any]) -> None:
        names = declared
        for folder in place.split("."):
            names = names[folder]
        names[new] = names.pop(old)

    return change


def drop(place: str, name: str) -> definitions.Change:
    def change(declared: dict[str, Any]) -> None:
        del declared[place][name]

    return change


TOLD: dict[str, tuple[definitions.Change, list[Change]]] = {
    "nothing": (lambda _: None, []),
    "an expression": (
        put("features.basket.expression", "basket + 1"),
        [Change("changed", "feature basket", "basket -> basket + 1")],
    ),
    "a length": (
        put("features.basket_before.nights", 8),
        [Change("changed", "feature basket_before", "expression basket, nights 7 -> expression basket, nights 8")],
    ),
    "another way to write it": (
        put("features.basket.expression", "( basket )"),
        [Change("words", "features.basket.expression", "basket -> ( basket )")],
    ),
    "a feature more": (
        put("features.twice", {"kind": "expression", "expression": "basket * 2", "description": "Twice.", "range": [0, 1]}),
        [Change("added", "feature twice", "basket * 2")],
    ),
    "a feature less": (drop("features", "busy"), [Change("removed", "feature busy")]),
    "another name": (rename("features", "spent", "paid"), [Change("renamed", "feature spent", "to paid")]),
    "a column and what is made of it": (
        put("sources.visits.columns.basket.expression", "basket / 100"),
        [
            Change("changed", "column visits.basket", "basket -> basket / 100"),
            Change("changed", "feature basket", "what it is made from changed"),
            Change("changed", "feature basket_before", "what it is made from changed"),
        ],
    ),
    "a column of another name": (
        lambda declared: (
            rename("sources.customers.columns", "score", "points")(declared),
            put("features.score.expression", "points")(declared),
        ),
        [
            Change("renamed", "column customers.score", "to points"),
            Change("words", "features.score.expression", "score -> points"),
        ],
    ),
    "a column more": (
        put("sources.visits.columns.new", {"expression": "basket", "type": "number", "description": "New."}),
        [Change("added", "column visits.new", "basket")],
    ),
    "the label": (put("label.matures_after", 9), [Change("changed", "label")]),
    "a source of another key": (
        put("sources.customers.key", ["customer", "rank"]),
        [
            Change("changed", "source customers", "what it is made from changed"),
            Change("changed", "feature score", "what it is made from changed"),
        ],
    ),
    "a source less": (
        lambda declared: (drop("sources", "customers")(declared), drop("features", "score")(declared)),
        [Change("removed", "source customers"), Change("removed", "feature score")],
    ),
    "two that changed places": (
        lambda declared: (
            rename("features", "basket", "x")(declared),
            rename("features", "weekend", "basket")(declared),
            rename("features", "x", "weekend")(declared),
        ),
        [
            Change("changed", "feature basket", "basket -> weekday(day) >= 6"),
            Change("changed", "feature weekend", "weekday(day) >= 6 -> basket"),
        ],
    ),
    "a gate": (
        put("gates.performance.minimum_rows", 7),
        [Change("rule", "gates.performance.minimum_rows", "{minimum_rows} -> 7")],
    ),
    "the risk": (put("risk", "high"), [Change("rule", "risk", "{risk} -> high")]),
    "a description": (put("description", "Other words."), [Change("words", "description", "{description} -> Other words.")]),
}
FIGURES = {
    "minimum_rows": USE_CASE.gates.performance.minimum_rows,
    "risk": USE_CASE.risk,
    "description": USE_CASE.description,
}


@pytest.mark.parametrize("case", TOLD)
def test_what_changed_is_told_by_its_kind_and_name(case: str) -> None:
    change, told = TOLD[case]
    found = changes(USE_CASE, changed(change))
    assert found == [Change(item.kind, item.thing, item.detail.format(**FIGURES)) for item in told]


def test_only_what_changes_values_needs_a_build() -> None:
    needs = {kind for kind in ("changed", "added", "removed", "renamed", "rule", "words") if Change(kind, "x").is_meaning}
    assert needs == {"changed", "added", "removed"}


@pytest.mark.parametrize(
    ("thing", "name"),
    [("feature spent", "feature paid"), ("column visits.spent", "column visits.paid"), ("source x", "source paid")],
)
def test_a_thing_of_a_new_name_keeps_its_place(thing: str, name: str) -> None:
    assert Change("renamed", thing, "to paid").new_name == name
