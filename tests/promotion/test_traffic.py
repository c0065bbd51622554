"""A share goes to another version from the first night not yet scored; scored nights stay divided as they were."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from nightloop.errors import UsageError
from nightloop.ledger import Ledger
from nightloop.model import champions
from nightloop.promotion import traffic
from nightloop.promotion.reversal import record_roll_back

FIRST = date(2013, 4, 1)


def april(day: int) -> date:
    return FIRST + timedelta(days=day - 1)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Versions 1 and 2 were promoted, two nights are scored, and 1 is champion from the third on."""
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    for version in (1, 2):
        champions.promote(ledger, "uc", version, april(version), {"bundle_digest": f"d{version}"})
        champions.pin(ledger, "uc", april(version))
    record_roll_back(ledger, "uc", 1, by="Ada", reason="2 is tried first.")
    return ledger


def percents(ledger: Ledger, *days: int) -> list[float | None]:
    """The share that another version has on each day of April, with the nights' champions."""
    of_nights = champions.effective_nights(ledger, "uc", [april(day) for day in days])
    splits = traffic.effective(ledger, "uc", of_nights)
    return [splits[april(day)].percent if april(day) in splits else None for day in days]


def test_a_split_counts_from_the_first_night_that_is_not_scored(ledger: Ledger) -> None:
    split = traffic.split(ledger, "uc", 2, percent=5, by="Ada", reason="Careful.")
    assert (split.arm, split.champion.version, split.champion.bundle_digest) == ("canary", 2, "d2")
    assert split.as_json() | {"recorded_at": ""} == {
        "arm": "canary", "version": 2, "percent": 5.0, "effective_from": "2013-04-03", "by": "Ada", "reason": "Careful.",
        "recorded_at": "",
    }  # fmt: skip
    assert percents(ledger, 1, 2, 3, 4) == [None, None, 5.0, 5.0]
    assert traffic.newest(ledger, "uc") == split and traffic.newest(ledger, "other") is None


def test_a_scored_night_stays_divided_as_it_was_when_the_share_grows_or_ends(ledger: Ledger) -> None:
    first = traffic.split(ledger, "uc", 2, percent=5, by="Ada")
    champions.pin(ledger, "uc", april(3))
    second = traffic.split(ledger, "uc", 2, percent=20, by="Ada")
    champions.pin(ledger, "uc", april(4))
    assert traffic.end(ledger, "uc", by="Ada") == april(5)
    assert percents(ledger, 2, 3, 4, 5, 6) == [None, 5.0, 20.0, None, None]
    keys = [(f"flight {number}",) for number in range(2_000)]
    assert not (first.is_tried(keys) & ~second.is_tried(keys)).any(), "who was in it stays in it"
    assert traffic.newest(ledger, "uc") is None
    with pytest.raises(UsageError, match="no share of 'uc'"):
        traffic.end(ledger, "uc", by="Ada")


def test_a_version_is_never_tried_on_a_night_before_its_training_nor_where_it_is_champion(ledger: Ledger) -> None:
    champions.promote(ledger, "uc", 3, april(9), {})
    record_roll_back(ledger, "uc", 1, by="Ada", reason="3 is tried first.", first=april(9))
    assert traffic.split(ledger, "uc", 3, percent=50, by="Ada", arm="challenger").effective_from == april(9)
    record_roll_back(ledger, "uc", 3, by="Ada", reason="It is better.", first=april(12))
    assert percents(ledger, 8, 9, 11, 12) == [None, 50.0, 50.0, None]


@pytest.mark.parametrize(("version", "percent", "what"), [
    (2, 0.0, "divides nothing"), (2, 100.0, "divides nothing"), (2, -5.0, "divides nothing"),
    (7, 5.0, "version 7 of 'uc' was never promoted.*were: 1, 2"), (1, 5.0, "version 1 is the champion"),
])  # fmt: skip
def test_what_divides_nothing_or_passed_no_gate_is_refused(ledger: Ledger, version: int, percent: float, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        traffic.split(ledger, "uc", version, percent=percent, by="Ada")
    assert traffic.newest(ledger, "uc") is None
    assert traffic.split(ledger, "uc", 2, percent=0.1, by="Ada").percent == 0.1
    assert traffic.split(ledger, "uc", 2, percent=99.9, by="Ada").percent == 99.9


def test_the_shares_of_the_arms_are_one_together(ledger: Ledger) -> None:
    split = traffic.split(ledger, "uc", 2, percent=20, by="Ada", arm="challenger")
    assert split.shares() == {"champion": 0.8, "challenger": 0.2}


@pytest.mark.parametrize(("percent", "is_taken"), [(0.0, False), (0.1, True), (100.0, True), (100.1, False)])
def test_a_shadow_may_be_of_all_entities_and_divides_none(ledger: Ledger, percent: float, is_taken: bool) -> None:
    if not is_taken:
        with pytest.raises(UsageError, match="divides nothing"):
            traffic.split(ledger, "uc", 2, percent=percent, by="Ada", arm="shadow")
        return
    split = traffic.split(ledger, "uc", 2, percent=percent, by="Ada", arm="shadow")
    of_nights = champions.effective_nights(ledger, "uc", [april(2), april(3)])
    scorers = traffic.scorers(ledger, "uc", of_nights)
    assert [(of.night, of.champion.version, of.arm) for of in scorers] == [(april(2), 2, None), (april(3), 1, None)]
    (shadow,) = traffic.shadows(ledger, "uc", of_nights)
    assert (shadow.night, shadow.champion.version, shadow.arm and shadow.arm["name"]) == (april(3), 2, "shadow")
    if percent == 100:
        assert split.is_tried([(f"flight {number}",) for number in range(1000)]).all()
