"""A champion is taken back from a night on; what was scored before stays, unless its pin is taken back by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.errors import ChampionMissing, UsageError
from nightloop.ledger import Ledger
from nightloop.model import champions
from nightloop.promotion.reversal import record_retirement, record_roll_back

WHO = {"by": "Ada", "reason": "It is too eager."}
MARCH_31 = date(2013, 3, 31)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Version 1 scored the first of April, version 2 the second and third; version 3 waits for the ninth."""
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    champions.promote(ledger, "uc", 1, MARCH_31, {"run_id": "r1"})
    champions.pin(ledger, "uc", april(1))
    champions.promote(ledger, "uc", 2, april(1), {"run_id": "r2"})
    for day in (2, 3):
        champions.pin(ledger, "uc", april(day))
    return ledger


def april(day: int) -> date:
    return date(2013, 4, 1) + timedelta(days=day - 1)


def versions(ledger: Ledger, *days: int) -> list[int | None]:
    """The version effective on each day of April."""
    found = [champions.effective(ledger, "uc", april(day)) for day in days]
    return [champion.version if champion else None for champion in found]


def test_a_roll_back_takes_effect_from_the_next_night_that_is_not_pinned(ledger: Ledger) -> None:
    told = record_roll_back(ledger, "uc", 1, **WHO)
    assert (told.change.kind, told.change.effective_from, told.replaced) == ("rolled_back", april(4), 2)
    assert versions(ledger, 1, 2, 3, 4, 5) == [1, 2, 2, 1, 1]
    champion = champions.newest(ledger, "uc")
    assert champion is not None
    assert (champion.version, champion.as_of, champion.effective_from) == (1, MARCH_31, april(4))
    assert champion.payload == {"run_id": "r1"}, "where its bundle is stands with its promotion"
    assert [promoted.version for promoted in champions.history(ledger, "uc")] == [1, 2]


def test_the_ledger_says_who_rolled_back_and_why(ledger: Ledger) -> None:
    record_roll_back(ledger, "uc", 1, **WHO)
    (event,) = ledger.events("uc", kind="champion_rolled_back")
    assert (event.night, event.subject) == (april(4), "1")
    assert event.payload == {
        "version": 1, "effective_from": "2013-04-04", "replaces": 2, "unpinned_nights": 0, **WHO,
    }  # fmt: skip
    assert ledger.events("uc", kind="champion_unpinned") == []


@pytest.mark.parametrize(("first", "expected"), [(2, [1, 2, 2, 1]), (3, [1, 2, 2, 1]), (5, [1, 2, 2, 2])])
def test_a_night_may_be_named_and_pinned_nights_keep_their_champion(ledger: Ledger, first: int, expected: list[int]) -> None:
    told = record_roll_back(ledger, "uc", 1, first=april(first), **WHO)
    assert told.pinned == tuple(april(day) for day in (2, 3) if day >= first) and told.unpinned == ()
    assert versions(ledger, 1, 2, 3, 4) == expected
    assert versions(ledger, 5) == [1]


def test_pins_are_taken_back_from_the_named_night_on_and_each_is_recorded(ledger: Ledger) -> None:
    told = record_roll_back(ledger, "uc", 1, first=april(3), unpin=True, **WHO)
    assert (told.unpinned, told.pinned) == ((april(3),), ())
    assert versions(ledger, 1, 2, 3, 4) == [1, 2, 1, 1]
    (event,) = ledger.events("uc", kind="champion_unpinned")
    assert (event.night, event.subject, event.payload) == (april(3), "2", {"version": 2, **WHO})
    assert champions.unpinned(ledger, "uc") == {april(3): 2}
    assert champions.pin(ledger, "uc", april(3)).version == 1
    assert champions.unpinned(ledger, "uc") == {}, "scored again"
    assert champions.pins(ledger, "uc") == {april(1): 1, april(2): 2, april(3): 1}


def test_nights_that_the_version_scored_itself_keep_their_pins(ledger: Ledger) -> None:
    told = record_roll_back(ledger, "uc", 1, first=april(1), unpin=True, **WHO)
    assert told.unpinned == (april(2), april(3))
    assert champions.pins(ledger, "uc") == {april(1): 1}


def test_pins_are_taken_back_after_a_roll_back_too(ledger: Ledger) -> None:
    """The figures of the nights between show only later how bad they were."""
    record_roll_back(ledger, "uc", 1, **WHO)
    record_roll_back(ledger, "uc", 1, first=april(2), unpin=True, **WHO)
    assert versions(ledger, 1, 2, 3, 4) == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("version", "options", "says"),
    [
        (7, {}, "version 7 of 'uc' was never champion. Versions that were: 1, 2"),
        (2, {}, "version 2 of 'uc' is champion already, from 2013-04-02 on"),
        (1, {"unpin": True}, "--from NIGHT"),
        (1, {"first": date(2013, 3, 30)}, "knows the nights up to 2013-03-31: it cannot score 2013-03-30"),
    ],
    ids=["never champion", "champion already", "pins from nowhere", "before its training"],
)
def test_what_cannot_be_is_refused_and_nothing_is_recorded(
    ledger: Ledger, version: int, options: dict[str, object], says: str
) -> None:
    before = len(ledger.events())
    with pytest.raises(UsageError) as refused:
        record_roll_back(ledger, "uc", version, **WHO, **options)  # type: ignore[arg-type]
    assert says in str(refused.value)
    assert len(ledger.events()) == before


def test_a_version_may_score_from_the_very_night_its_training_knew(ledger: Ledger) -> None:
    assert record_roll_back(ledger, "uc", 1, first=MARCH_31, **WHO).change.effective_from == MARCH_31


def test_a_promotion_after_a_roll_back_counts_and_so_does_another_roll_back(ledger: Ledger) -> None:
    record_roll_back(ledger, "uc", 1, **WHO)
    champions.pin(ledger, "uc", april(4))
    champions.promote(ledger, "uc", 3, april(2), {})
    assert versions(ledger, 3, 4, 5) == [2, 1, 3]
    champions.pin(ledger, "uc", april(5))
    record_roll_back(ledger, "uc", 2, **WHO)
    assert versions(ledger, 3, 4, 5, 6) == [2, 1, 3, 2]
    assert [change.kind for change in champions.changes(ledger, "uc")] == [
        "promoted", "promoted", "rolled_back", "promoted", "rolled_back",
    ]  # fmt: skip


def test_a_version_that_was_rolled_back_from_does_not_come_back_by_its_promotion(ledger: Ledger) -> None:
    record_roll_back(ledger, "uc", 1, **WHO)
    assert champions.promote(ledger, "uc", 2, april(1), {}).effective_from == april(2)
    assert versions(ledger, 4) == [1]


def test_after_a_retirement_no_champion_scores_and_the_error_names_who_and_why(ledger: Ledger) -> None:
    told = record_retirement(ledger, "uc", **WHO)
    assert (told.change.kind, told.change.champion, told.change.effective_from, told.replaced) == ("retired", None, april(4), 2)
    assert versions(ledger, 1, 2, 3, 4, 99) == [1, 2, 2, None, None]
    assert champions.newest(ledger, "uc") is None
    with pytest.raises(ChampionMissing) as missing:
        champions.pin(ledger, "uc", april(4))
    assert "night 2013-04-04: no champion is effective: Ada retired version 2 from 2013-04-04 on (It is too eager)." in str(
        missing.value
    )
    assert "champion rollback uc" in str(missing.value)
    (event,) = ledger.events("uc", kind="champion_retired")
    assert (event.night, event.subject) == (april(4), "2")
    assert event.payload == {"version": 2, "effective_from": "2013-04-04", **WHO}


def test_a_retirement_from_an_earlier_night_leaves_pinned_nights_alone(ledger: Ledger) -> None:
    told = record_retirement(ledger, "uc", first=april(3), **WHO)
    assert told.pinned == (april(3),)
    assert versions(ledger, 2, 3, 4) == [2, 2, None]


def test_where_nobody_is_champion_nobody_can_be_retired(ledger: Ledger) -> None:
    record_retirement(ledger, "uc", **WHO)
    for name in ("uc", "other"):
        with pytest.raises(UsageError, match=f"'{name}' has no champion that could be retired"):
            record_retirement(ledger, name, **WHO)


def test_a_retirement_ends_by_a_roll_back_or_a_promotion(ledger: Ledger) -> None:
    record_retirement(ledger, "uc", **WHO)
    told = record_roll_back(ledger, "uc", 2, first=april(6), **WHO)
    assert told.replaced is None
    assert versions(ledger, 3, 4, 5, 6) == [2, None, None, 2]
    record_retirement(ledger, "uc", **WHO)
    champions.promote(ledger, "uc", 3, april(8), {})
    assert versions(ledger, 6, 8) == [None, 3]


def test_the_champions_since_a_night_count_roll_backs(ledger: Ledger) -> None:
    record_roll_back(ledger, "uc", 1, first=april(6), **WHO)
    found = {day: [champion.version for champion in champions.since(ledger, "uc", april(day))] for day in (1, 2, 5, 6)}
    assert found == {1: [1, 2], 2: [1, 2], 5: [1, 2], 6: [1]}


@dataclass
class SecondRoute:
    """What should hold: pins in a dict that only a recorded unpinning changes, and the changes in a list."""

    pins: dict[int, int] = field(default_factory=dict)
    changes: list[tuple[int, int | None]] = field(default_factory=list)  # effective from, version
    as_of: dict[int, int] = field(default_factory=dict)

    def version(self, day: int) -> int | None:
        return self.pins.get(day) or next((version for first, version in reversed(self.changes) if first <= day), None)

    @property
    def newest(self) -> int | None:
        return self.changes[-1][1] if self.changes else None

    def next_night(self, earliest: int) -> int:
        return max([earliest, *(day + 1 for day in self.pins)])

    def promote(self, ledger: Ledger, number: int, day: int, _named: bool) -> None:
        champions.promote(ledger, "uc", number, april(day), {})
        self.changes.append((self.next_night(day), number))
        self.as_of[number] = day

    def pin(self, ledger: Ledger, _number: int, day: int, _named: bool) -> None:
        if (version := self.version(day)) is None:
            with pytest.raises(ChampionMissing):
                champions.pin(ledger, "uc", april(day))
        else:
            assert champions.pin(ledger, "uc", april(day)).version == version
            self.pins[day] = version

    def retire(self, ledger: Ledger, _number: int, day: int, named: bool) -> None:
        if self.newest is None:
            return
        record_retirement(ledger, "uc", first=april(day) if named else None, **WHO)
        self.changes.append((day if named else self.next_night(self.changes[-1][0]), None))

    def roll_back(self, ledger: Ledger, _number: int, day: int, named: bool, *, unpin: bool = False) -> None:
        if not self.as_of:
            return
        version = min(self.as_of)
        try:
            record_roll_back(ledger, "uc", version, first=april(day) if named else None, unpin=unpin, **WHO)
        except UsageError:
            return
        first = day if named else self.next_night(self.as_of[version])
        self.changes.append((first, version))
        if unpin:
            self.pins = {night: of for night, of in self.pins.items() if night < first or of == version}

    def unpin(self, ledger: Ledger, number: int, day: int, named: bool) -> None:
        self.roll_back(ledger, number, day, named, unpin=True)


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["promote", "pin", "roll_back", "unpin", "retire"]), st.integers(1, 9), st.booleans()),
    max_size=14,
)


@settings(max_examples=60, deadline=None)
@given(ACTIONS)
def test_whatever_people_do_no_scored_night_changes_its_champion_in_silence(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, int, bool]]
) -> None:
    url, expected = f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'ledger.db'}", SecondRoute()
    ledger = Ledger(url)
    for number, (action, day, named) in enumerate(actions, start=1):
        getattr(expected, action)(ledger, number, day, named)
        assert versions(ledger, *range(1, 12)) == [expected.version(night) for night in range(1, 12)]
        assert champions.pins(ledger, "uc") == {april(night): version for night, version in expected.pins.items()}
    newest = champions.newest(ledger, "uc")
    assert (newest.version if newest else None) == expected.newest
    again = Ledger(url)
    assert versions(again, *range(1, 12)) == [expected.version(night) for night in range(1, 12)], "by the ledger alone"
