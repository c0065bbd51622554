"""A promotion changes no night that was scored; a pin is for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.errors import ChampionMissing
from nightloop.ledger import Ledger
from nightloop.model import champions
from nightloop.model.champions import Champion

MARCH_31 = date(2013, 3, 31)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


@pytest.fixture(params=["sqlite", "postgresql"])
def either_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    """A ledger on each database, for what depends on its locks."""
    if request.param == "sqlite":
        return Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    return Ledger(str(request.getfixturevalue("postgres_url")))


def april(day: int) -> date:
    return date(2013, 4, 1) + timedelta(days=day - 1)


def versions(ledger: Ledger, days: range | tuple[int, ...]) -> list[int | None]:
    """The version effective on each day of April, asked for one by one and all at once."""
    found = [champions.effective(ledger, "uc", april(day)) for day in days]
    at_once = champions.effective_nights(ledger, "uc", [april(day) for day in days])
    assert [at_once.get(april(day)) for day in days] == found
    return [None if champion is None else champion.version for champion in found]


def test_the_first_champion_is_effective_from_the_night_its_training_knew(ledger: Ledger) -> None:
    champion = champions.promote(ledger, "uc", 1, MARCH_31, {"run_id": "r1"})
    assert champion == Champion(version=1, as_of=MARCH_31, effective_from=MARCH_31, payload={"run_id": "r1"})
    assert champions.effective(ledger, "uc", april(5)) == champion
    assert champions.effective(ledger, "uc", MARCH_31) == champion
    assert champions.effective(ledger, "uc", date(2013, 3, 30)) is None


def test_promoting_the_same_version_again_returns_its_first_promotion(ledger: Ledger) -> None:
    first = champions.promote(ledger, "uc", 1, MARCH_31, {"run_id": "r1"})
    champions.pin(ledger, "uc", april(3))
    assert champions.promote(ledger, "uc", 1, april(9), {"run_id": "other"}) == first
    assert champions.history(ledger, "uc") == [first]


def test_the_champions_since_a_night_are_those_that_score_it_or_a_later_one(ledger: Ledger) -> None:
    assert champions.since(ledger, "uc", april(1)) == []
    for version, day in ((1, 3), (2, 5), (3, 8)):
        champions.promote(ledger, "uc", version, april(day), {})
    found = {day: [champion.version for champion in champions.since(ledger, "uc", april(day))] for day in range(2, 10)}
    assert found == {2: [1, 2, 3], 3: [1, 2, 3], 4: [1, 2, 3], 5: [2, 3], 6: [2, 3], 7: [2, 3], 8: [3], 9: [3]}


def test_a_pinned_champion_counts_since_its_night_and_not_after_it(ledger: Ledger) -> None:
    champions.promote(ledger, "uc", 1, april(3), {})
    champions.pin(ledger, "uc", april(6))
    champions.promote(ledger, "uc", 2, april(4), {})
    champions.promote(ledger, "other", 7, april(1), {})
    found = {day: [champion.version for champion in champions.since(ledger, "uc", april(day))] for day in (5, 6, 7)}
    assert found == {5: [1, 2], 6: [1, 2], 7: [2]}, "2 is effective from the 7th, for the 6th is pinned"


def test_an_old_version_promoted_again_does_not_come_back_as_champion(ledger: Ledger) -> None:
    first = champions.promote(ledger, "uc", 1, MARCH_31, {})
    second = champions.promote(ledger, "uc", 2, april(2), {})
    assert champions.promote(ledger, "uc", 1, april(4), {}) == first
    assert champions.history(ledger, "uc") == [first, second]
    assert versions(ledger, (1, 2, 9)) == [1, 2, 2]


def test_a_promotion_takes_effect_after_the_last_pinned_night(ledger: Ledger) -> None:
    champions.promote(ledger, "uc", 1, MARCH_31, {})
    for day in (1, 2, 7):
        champions.pin(ledger, "uc", april(day))
    second = champions.promote(ledger, "uc", 2, april(3), {})
    assert second.effective_from == april(8)
    assert versions(ledger, (2, 5, 7, 8)) == [1, 1, 1, 2]


@pytest.mark.parametrize(("as_of", "effective_from"), [(6, 8), (7, 8), (8, 8), (9, 9)])
def test_a_promotion_starts_the_night_after_the_last_pin_or_as_of_its_own_night_whichever_is_later(
    ledger: Ledger, as_of: int, effective_from: int
) -> None:
    champions.promote(ledger, "uc", 1, MARCH_31, {})
    champions.pin(ledger, "uc", april(7))
    second = champions.promote(ledger, "uc", 2, april(as_of), {})
    assert (second.effective_from, second.as_of) == (april(effective_from), april(as_of))
    assert versions(ledger, (effective_from - 1, effective_from)) == [1, 2]


def test_the_last_pinned_night_counts_not_the_night_that_was_pinned_last(ledger: Ledger) -> None:
    """A backfill runs its nights in any order."""
    champions.promote(ledger, "uc", 1, MARCH_31, {})
    for day in (9, 4, 6):
        champions.pin(ledger, "uc", april(day))
    assert champions.promote(ledger, "uc", 2, april(2), {}).effective_from == april(10)


def test_a_promotion_in_the_middle_of_a_backfill_leaves_the_gaps_to_the_old_champion(ledger: Ledger) -> None:
    """Nights 1, 2 and 5 are scored, 3 and 4 not yet, when another version is promoted."""
    champions.promote(ledger, "uc", 1, MARCH_31, {})
    for day in (1, 2, 5):
        champions.pin(ledger, "uc", april(day))
    champions.promote(ledger, "uc", 2, april(2), {})
    assert [champions.pin(ledger, "uc", april(day)).version for day in (3, 4, 5, 6)] == [1, 1, 1, 2]


def test_a_promotion_for_later_waits_for_its_night(ledger: Ledger) -> None:
    champions.promote(ledger, "uc", 1, MARCH_31, {})
    champions.promote(ledger, "uc", 2, april(10), {})
    assert [champions.pin(ledger, "uc", april(day)).version for day in (9, 10)] == [1, 2]


def test_of_two_promotions_of_one_night_the_later_one_stands(ledger: Ledger) -> None:
    champions.promote(ledger, "uc", 1, april(3), {})
    champions.promote(ledger, "uc", 2, april(3), {})
    assert versions(ledger, (2, 3, 4)) == [None, 2, 2]
    assert [champion.version for champion in champions.history(ledger, "uc")] == [1, 2]


def test_a_promotion_as_of_an_earlier_night_replaces_a_newer_one_that_nothing_pinned(ledger: Ledger) -> None:
    """The order of promoting counts, not the nights: the later decision of people stands."""
    champions.promote(ledger, "uc", 1, april(5), {})
    champions.promote(ledger, "uc", 2, april(3), {})
    assert versions(ledger, (2, 3, 4, 5, 6)) == [None, 2, 2, 2, 2]


def test_a_pin_outlives_every_promotion(ledger: Ledger) -> None:
    champions.promote(ledger, "uc", 1, MARCH_31, {})
    pinned = champions.pin(ledger, "uc", april(5))
    champions.promote(ledger, "uc", 2, MARCH_31, {})
    assert champions.pin(ledger, "uc", april(5)) == pinned == champions.effective(ledger, "uc", april(5))
    assert len(ledger.events(kind="champion_pinned")) == 1


def test_the_pin_speaks_and_not_the_nights_of_the_promotions(ledger: Ledger) -> None:
    """A pin from before a rule of today: the night keeps the version that scored it."""
    champions.promote(ledger, "uc", 1, april(1), {})
    champions.promote(ledger, "uc", 2, april(1), {})
    ledger.record("champion_pinned", "uc", night=april(4), subject="1", payload={"version": 1, "as_of": "2013-04-01"})
    assert versions(ledger, (3, 4, 5)) == [2, 1, 2]


def test_a_pin_is_recorded_with_its_version_and_night(ledger: Ledger) -> None:
    champions.promote(ledger, "uc", 3, MARCH_31, {"run_id": "r3"})
    champion = champions.pin(ledger, "uc", april(2))
    [event] = ledger.events("uc", kind="champion_pinned")
    assert (event.night, event.subject) == (april(2), "3")
    assert event.payload == {"version": 3, "as_of": "2013-03-31"}
    assert champion == champions.history(ledger, "uc")[0]


def test_a_promotion_is_recorded_with_what_it_promises(ledger: Ledger) -> None:
    champions.promote(ledger, "uc", 4, MARCH_31, {"run_id": "r4", "bundle_digest": "abc"})
    [event] = ledger.events("uc", kind="champion_promoted")
    assert (event.night, event.subject) == (MARCH_31, "4")
    assert event.payload == {
        "run_id": "r4",
        "bundle_digest": "abc",
        "version": 4,
        "as_of": "2013-03-31",
        "effective_from": "2013-03-31",
    }
    [champion] = champions.history(ledger, "uc")
    assert champion.payload == {"run_id": "r4", "bundle_digest": "abc"}


def test_what_a_caller_adds_cannot_change_what_the_promotion_is(ledger: Ledger) -> None:
    champion = champions.promote(ledger, "uc", 1, MARCH_31, {"version": 9, "effective_from": "2000-01-01"})
    assert (champion.version, champion.effective_from, champion.payload) == (1, MARCH_31, {})


def test_use_cases_have_champions_of_their_own(ledger: Ledger) -> None:
    champions.promote(ledger, "uc", 1, MARCH_31, {})
    champions.pin(ledger, "uc", april(9))
    assert champions.effective(ledger, "other", april(9)) is None
    assert champions.promote(ledger, "other", 1, april(1), {}).effective_from == april(1)
    assert champions.pin(ledger, "other", april(9)).effective_from == april(1)
    assert len(ledger.events(kind="champion_pinned", night=april(9))) == 2


@pytest.mark.parametrize("promoted", [False, True])
def test_a_night_before_any_champion_says_what_to_do(ledger: Ledger, promoted: bool) -> None:
    if promoted:
        champions.promote(ledger, "uc", 1, MARCH_31, {})
    with pytest.raises(ChampionMissing, match="uc, night 2013-02-01: no champion is effective") as missing:
        champions.pin(ledger, "uc", date(2013, 2, 1))
    assert "python -m jobs train uc 2013-02-01" in str(missing.value)
    assert ("Score from 2013-03-31 on" in str(missing.value)) == promoted
    assert ledger.events(kind="champion_pinned") == []


def test_the_error_names_the_first_night_of_any_champion(ledger: Ledger) -> None:
    champions.promote(ledger, "uc", 1, april(8), {})
    champions.promote(ledger, "uc", 2, april(6), {})
    champions.promote(ledger, "uc", 3, april(9), {})
    with pytest.raises(ChampionMissing, match="Score from 2013-04-06 on"):
        champions.pin(ledger, "uc", april(5))


def test_the_history_is_in_the_order_of_promoting(ledger: Ledger) -> None:
    for version, day in ((2, 5), (7, 1), (3, 9)):
        champions.promote(ledger, "uc", version, april(day), {})
    assert [champion.version for champion in champions.history(ledger, "uc")] == [2, 7, 3]
    assert champions.history(ledger, "other") == []


actions = st.lists(st.tuples(st.sampled_from(["promote", "pin"]), st.integers(1, 12)), max_size=12)


@settings(max_examples=40, deadline=None)
@given(actions)
def test_whatever_the_order_no_scored_night_changes_its_champion(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, int]]
) -> None:
    """A second route: pins kept in a dict, and the newest promotion effective by the night looked up in a list."""
    ledger = Ledger(f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'ledger.db'}")
    pins: dict[int, int] = {}
    promotions: list[tuple[int, int]] = []  # effective from, version
    for number, (action, day) in enumerate(actions, start=1):
        expected = pins.get(day) or next((version for first, version in reversed(promotions) if first <= day), None)
        if action == "promote":
            promotions.append((max([day, *(pinned + 1 for pinned in pins)]), number))
            champions.promote(ledger, "uc", number, april(day), {})
        elif expected is None:
            with pytest.raises(ChampionMissing):
                champions.pin(ledger, "uc", april(day))
        else:
            pins[day] = expected
            assert champions.pin(ledger, "uc", april(day)).version == expected
        assert versions(ledger, tuple(pins)) == list(pins.values())


def test_pins_and_promotions_at_the_same_time_agree(either_ledger: Ledger) -> None:
    """Whatever the order: no night is scored by a version that is not effective on it."""
    champions.promote(either_ledger, "uc", 1, MARCH_31, {})
    with ThreadPoolExecutor(max_workers=4) as threads:
        pins = [threads.submit(champions.pin, either_ledger, "uc", april(day)) for day in range(1, 11)]
        threads.submit(champions.promote, either_ledger, "uc", 2, april(2), {}).result()
        pinned = {day: pin.result() for day, pin in enumerate(pins, start=1)}
    for day, champion in pinned.items():
        assert champion == champions.effective(either_ledger, "uc", april(day)) and champion.effective_from <= april(day)
    assert either_ledger.verify().events == 12
