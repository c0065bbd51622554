"""A night is stale when what it was made from was published with other content since, or is stale itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import cast

import pytest

from nightloop.definitions.use_case import UseCase
from nightloop.lake import Lake, NightState
from nightloop.meaning import staleness
from nightloop.meaning.digests import ROWS
from nightloop.meaning.staleness import DOWNSTREAM, made_from, other_definition, stale, touched
from nightloop.nights import Night, Nights, one
from tests.features.in_memory import shop

FIRST = date(2013, 1, 1)
UC = shop({"basket": {"kind": "expression", "expression": "basket"}}).model_copy(update={"use_case": "uc"})


def night(day: int) -> Night:
    return FIRST + timedelta(days=day)


def state(day: int, version: int, digest: str = "same", **inputs: int) -> NightState:
    made_of = {f"uc/{name}": number for name, number in inputs.items()}
    return NightState(night(day), version, 1, digest, "stage", "code", "definition", made_of)


class Published:
    """A lake of commits only."""

    def __init__(self, **tables: list[NightState]) -> None:
        self.tables = {f"uc/{name}": commits for name, commits in tables.items()}

    def history(self, table: str) -> tuple[NightState, ...]:
        return tuple(self.tables.get(table, ()))

    def states(self, table: str) -> dict[Night, NightState]:
        return dict(sorted({commit.night: commit for commit in self.history(table)}.items()))


def lake(**tables: list[NightState]) -> Lake:
    return cast(Lake, Published(**tables))


@pytest.fixture(autouse=True)
def two_nights_of_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of a night read its orders; features the tiles of two nights; labels nothing."""

    def inputs(_: UseCase, table: str, nights: Nights) -> Mapping[str, Nights | None]:
        if table == "tiles":
            return {"raw_orders": nights}
        if table == "features":
            return {"tiles": Nights(nights.first - timedelta(days=1), nights.last), "raw_calendar": None}
        return {}

    monkeypatch.setattr(staleness, "inputs", inputs)


def test_scores_are_made_from_the_features_of_their_night_and_other_tables_as_declared() -> None:
    assert made_from(UC, "scores", FIRST) == [("features", one(FIRST))]
    assert made_from(UC, "tiles", FIRST) == [("raw_orders", one(FIRST))]
    assert DOWNSTREAM == ("tiles", "aggregates", "features", "labels", "scores")


def everything(orders: list[NightState], **changed: list[NightState]) -> Lake:
    tables = {
        "tiles": [state(day, day + 1, raw_orders=9) for day in range(3)],
        "features": [state(day, day + 1, tiles=3) for day in range(3)],
        "scores": [state(day, day + 1, features=3) for day in range(3)],
    }
    return lake(raw_orders=orders, **{**tables, **changed})


ORDERS = [state(day, day + 1) for day in range(3)]


def test_nothing_is_stale_when_nothing_was_published_since() -> None:
    assert stale(UC, everything(ORDERS)) == {}
    assert stale(UC, everything([*ORDERS, state(1, 9, "other")])) == {}, "the version it was made from is the newest"
    assert stale(UC, lake()) == {}


def test_a_restated_night_makes_stale_what_read_it_and_what_read_that() -> None:
    changed = "raw_orders of 2013-01-02 (version 9 -> 12)"
    assert stale(UC, everything([*ORDERS, state(1, 12, "other")])) == {
        night(1): {
            "tiles": changed,
            "features": "tiles of 2013-01-02 is stale",
            "scores": "features of 2013-01-02 is stale",
        },
        night(2): {"features": "tiles of 2013-01-02 is stale", "scores": "features of 2013-01-03 is stale"},
    }


def test_the_same_content_again_makes_nothing_stale_and_there_and_back_neither() -> None:
    assert stale(UC, everything([*ORDERS, state(1, 12)])) == {}
    assert stale(UC, everything([*ORDERS, state(1, 9, "read"), state(1, 12, "read")])) == {}
    assert stale(UC, everything([*ORDERS, state(1, 12, "other"), state(1, 13)])) == {}
    assert night(1) in stale(UC, everything([*ORDERS, state(1, 12), state(1, 13, "other")]))


def test_a_night_that_was_first_published_after_it_was_read_is_a_change() -> None:
    orders = [state(0, 1), state(2, 3), state(1, 12)]
    assert stale(UC, everything(orders))[night(1)]["tiles"] == "raw_orders of 2013-01-02 (version 9 -> 12)"


def test_what_was_made_anew_is_fresh_and_heals_what_is_made_from_it() -> None:
    tiles = [*(state(day, day + 1, raw_orders=9) for day in range(3)), state(1, 4, "other", raw_orders=12)]
    found = stale(UC, everything([*ORDERS, state(1, 12, "other")], tiles=tiles))
    assert {name for tables in found.values() for name in tables} == {"features", "scores"}
    assert found[night(1)]["features"] == "tiles of 2013-01-02 (version 3 -> 4)"


def test_a_commit_that_names_no_version_of_an_input_is_stale_only_with_it() -> None:
    features = [state(day, day + 1) for day in range(3)]
    assert stale(UC, everything(ORDERS, features=features)) == {}
    found = stale(UC, everything([*ORDERS, state(1, 12, "other")], features=features))
    assert found[night(2)]["features"] == "tiles of 2013-01-02 is stale"


def test_a_restatement_touches_the_published_nights_that_read_it_directly_or_not() -> None:
    published = everything(ORDERS)
    assert touched(UC, "orders", night(1), published) == {
        "tiles": [night(1)],
        "features": [night(1), night(2)],
        "scores": [night(1), night(2)],
    }
    assert touched(UC, "orders", night(2), published)["features"] == [night(2)], "none after it is published"
    assert touched(UC, "orders", night(9), published) == {} == touched(UC, "visits", night(1), published)


def test_a_night_made_by_another_definition_says_which_columns() -> None:
    def other(recorded: dict[str, str], rows: int = 1) -> str:
        made = replace(state(0, 1), meanings=recorded, rows=rows)
        return other_definition(made, {"a": "of today", "b": "of today too", ROWS: "rows"})

    fresh = {"a": "of today", "b": "of today too", ROWS: "rows"}
    assert other(fresh) == other({}) == "", "what recorded nothing is taken at its names"
    assert other({**fresh, "a": "older"}) == "another definition of a"
    assert other({"b": "older", "a": "older", ROWS: "older"}) == "another definition of a, b, rows"
    assert other({"x": "of today", "b": "of today too", ROWS: "rows"}) == "", "another name is no other meaning"
    assert other({**fresh, "a": "older"}, rows=0) == "", "a night without rows holds nothing of another meaning"
    assert other({**fresh, "more": "older"}) == ""


def test_where_the_definition_is_todays_a_function_of_it_was_mended() -> None:
    made = replace(state(0, 1), meanings={"a": "before it was mended"})
    assert other_definition(made, {"a": "mended"}, made.definition_digest) == "a mended function in a"
    assert other_definition(made, {"a": "mended"}, "of today") == "another definition of a"
