"""The best champion of the year: the oldest that no later one was proved better than, and that nobody took back."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.ledger import Ledger
from nightloop.model import champions
from nightloop.promotion.anchor import ANCHOR_NIGHTS, BETTER_THAN, anchor_of, proved_better
from nightloop.promotion.reversal import record_retirement, record_roll_back

FIRST = date(2024, 1, 1)
WHO = {"by": "Ada", "reason": "It is too eager."}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def promote(ledger: Ledger, version: int, number: int, better_than: tuple[int, ...] = ()) -> None:
    champions.promote(ledger, "uc", version, day(number), {BETTER_THAN: list(better_than)})


def anchor(ledger: Ledger, number: int, candidate: int = 99, unable: tuple[int, ...] = ()) -> int | None:
    champion = anchor_of(champions.changes(ledger, "uc"), day(number), candidate=candidate, unable=unable)
    return champion.version if champion else None


def test_before_the_first_promotion_there_is_none(ledger: Ledger) -> None:
    assert anchor(ledger, 0) is None


def test_the_anchor_stays_fixed_while_nobody_is_proved_better(ledger: Ledger) -> None:
    for version in (1, 2, 3):
        promote(ledger, version, 30 * version)
    assert anchor(ledger, 100) == 1


def test_who_is_proved_better_than_the_anchor_becomes_it(ledger: Ledger) -> None:
    promote(ledger, 1, 0)
    promote(ledger, 2, 10)
    promote(ledger, 3, 20, better_than=(2,))
    assert anchor(ledger, 30) == 1, "better than another than the anchor proves nothing of the anchor"
    promote(ledger, 4, 30, better_than=(1, 3))
    assert anchor(ledger, 40) == 4
    promote(ledger, 5, 40)
    assert anchor(ledger, 50) == 4


@pytest.mark.parametrize(("night", "expected"), [(ANCHOR_NIGHTS + 9 - 1, 1), (ANCHOR_NIGHTS + 9, 2)])
def test_a_champion_counts_for_365_nights_after_its_last(ledger: Ledger, night: int, expected: int) -> None:
    promote(ledger, 1, 0)
    promote(ledger, 2, 10)  # so the last night of version 1 is the ninth
    assert anchor(ledger, night) == expected


def test_the_champion_of_now_counts_however_old_it_is(ledger: Ledger) -> None:
    promote(ledger, 1, 0)
    assert anchor(ledger, 5000) == 1


def test_what_came_after_the_candidates_own_promotion_does_not_count(ledger: Ledger) -> None:
    promote(ledger, 1, 0)
    promote(ledger, 2, 10, better_than=(1,))
    assert anchor(ledger, 10, candidate=2) == 1
    assert anchor(ledger, 10, candidate=1) is None
    assert anchor(ledger, 10) == 2


def test_who_cannot_answer_leaves_the_place_to_the_next(ledger: Ledger) -> None:
    for version in (1, 2, 3):
        promote(ledger, version, version)
    assert anchor(ledger, 9, unable=(1,)) == 2
    assert anchor(ledger, 9, unable=(1, 2, 3)) is None


def test_a_champion_that_a_person_took_back_is_no_anchor_until_it_is_brought_back(ledger: Ledger) -> None:
    promote(ledger, 1, 0)
    promote(ledger, 2, 10, better_than=(1,))
    record_roll_back(ledger, "uc", 1, **WHO)
    assert anchor(ledger, 20) == 1
    record_roll_back(ledger, "uc", 2, **WHO)
    assert anchor(ledger, 20) == 2
    promote(ledger, 3, 30)
    record_retirement(ledger, "uc", **WHO)
    assert anchor(ledger, 40) == 2


def test_a_retired_champion_is_no_anchor(ledger: Ledger) -> None:
    promote(ledger, 1, 0)
    record_retirement(ledger, "uc", **WHO)
    assert anchor(ledger, 20) is None
    promote(ledger, 2, 30)
    assert anchor(ledger, 40) == 2


@pytest.mark.parametrize(
    ("low", "champion", "expected"),
    [(-0.001, 2, []), (0.0, 2, []), (0.001, 2, [2]), (None, 2, []), (0.001, None, [])],
)
def test_better_is_an_interval_wholly_above_zero(low: float | None, champion: int | None, expected: list[int]) -> None:
    figures = [
        {"metric": "auc", "low": 0.6},
        {"metric": "auc_over_baseline", "low": 0.1},
        {"metric": "auc_over_champion", "low": low},
        {"metric": "auc_over_anchor", "low": -0.1},
    ]
    assert proved_better(figures, champion=champion, anchor=1) == expected
    of_anchor = [{"metric": "mae_over_anchor", "low": low}]
    assert proved_better(of_anchor, champion=7, anchor=champion) == expected


@settings(max_examples=60, deadline=None)
@given(gaps=st.lists(st.integers(1, 90), min_size=1, max_size=14), proved=st.lists(st.booleans(), min_size=14, max_size=14))
def test_the_anchor_is_of_the_year_and_nobody_of_it_was_proved_better(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[int], proved: list[bool]
) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'ledger.db'}")
    night, ended = 0, {}
    for version, gap in enumerate(gaps, start=1):
        night += gap
        ended[version - 1] = night - 1
        best = anchor(ledger, night)
        promote(ledger, version, night, better_than=(best,) if best and proved[version - 1] else ())
    best = anchor(ledger, night)
    assert best is not None
    assert best == len(gaps) or ended[best] > night - ANCHOR_NIGHTS
    changes = champions.changes(ledger, "uc")
    later = [change.champion for change in changes if change.version > best]
    assert not any(champion and best in champion.payload[BETTER_THAN] for champion in later)
