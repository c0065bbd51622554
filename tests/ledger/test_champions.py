"""A promotion changes no night that was scored; a pin is for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from nightloop.errors import ChampionMissing
from nightloop.ledger import Ledger
from nightloop.model import champions

MARCH_31 = date(2013, 3, 31)


def april(day: int) -> date:
    return date(2013, 4, day)


def test_the_first_champion_is_effective_from_the_night_its_training_knew(ledger: Ledger) -> None:
    champion = champions.promote(ledger, "uc", 1, MARCH_31, {"run_id": "r1"})
    assert (champion.effective_from, champion.payload) == (MARCH_31, {"run_id": "r1"})
    assert champions.effective(ledger, "uc", april(5)) == champion
    assert champions.effective(ledger, "uc", date(2013, 3, 30)) is None


def test_promoting_the_same_version_again_returns_what_stands(ledger: Ledger) -> None:
    first = champions.promote(ledger, "uc", 1, MARCH_31, {"run_id": "r1"})
    champions.pin(ledger, "uc", april(3))
    assert champions.promote(ledger, "uc", 1, april(9), {"run_id": "other"}) == first
    assert champions.history(ledger, "uc") == [first]


def test_a_promotion_takes_effect_after_the_last_pinned_night(ledger: Ledger) -> None:
    champions.promote(ledger, "uc", 1, MARCH_31, {})
    for day in (1, 2, 7):
        champions.pin(ledger, "uc", april(day))
    second = champions.promote(ledger, "uc", 2, april(3), {})
    assert second.effective_from == april(8)
    assert [champions.effective(ledger, "uc", april(day)).version for day in (2, 5, 7, 8)] == [1, 1, 1, 2]


def test_a_promotion_for_later_waits_for_its_night(ledger: Ledger) -> None:
    champions.promote(ledger, "uc", 1, MARCH_31, {})
    champions.promote(ledger, "uc", 2, april(10), {})
    assert [champions.pin(ledger, "uc", april(day)).version for day in (9, 10)] == [1, 2]


def test_a_pin_outlives_every_promotion(ledger: Ledger) -> None:
    champions.promote(ledger, "uc", 1, MARCH_31, {})
    pinned = champions.pin(ledger, "uc", april(5))
    champions.promote(ledger, "uc", 2, MARCH_31, {})
    assert champions.pin(ledger, "uc", april(5)) == pinned == champions.effective(ledger, "uc", april(5))
    assert len(ledger.events(kind="champion_pinned")) == 1


def test_use_cases_have_champions_of_their_own(ledger: Ledger) -> None:
    champions.promote(ledger, "uc", 1, MARCH_31, {})
    champions.pin(ledger, "uc", april(9))
    assert champions.promote(ledger, "other", 1, april(1), {}).effective_from == april(1)


@pytest.mark.parametrize("promoted", [False, True])
def test_a_night_before_any_champion_says_what_to_do(ledger: Ledger, promoted: bool) -> None:
    if promoted:
        champions.promote(ledger, "uc", 1, MARCH_31, {})
    with pytest.raises(ChampionMissing, match="uc, night 2013-02-01: no champion is effective") as told:
        champions.pin(ledger, "uc", date(2013, 2, 1))
    assert "python -m jobs train uc 2013-02-01" in str(told.value)
    assert ledger.events(kind="champion_pinned") == []


def test_pins_and_promotions_at_the_same_time_agree(ledger: Ledger) -> None:
    """Whatever the order: no night is scored by a version that is not effective on it."""
    champions.promote(ledger, "uc", 1, MARCH_31, {})
    with ThreadPoolExecutor(max_workers=4) as threads:
        pins = [threads.submit(champions.pin, ledger, "uc", april(day)) for day in range(1, 11)]
        threads.submit(champions.promote, ledger, "uc", 2, april(2), {}).result()
        pinned = {day: pin.result() for day, pin in enumerate(pins, start=1)}
    for day, champion in pinned.items():
        assert champion == champions.effective(ledger, "uc", april(day)) and champion.effective_from <= april(day)
    assert ledger.verify().events == 12
