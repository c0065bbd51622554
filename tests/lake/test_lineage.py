"""A commit is in a lineage when it is a root, or a version that shows it was an input of one that is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from nightloop.lake import NightState
from nightloop.lake.lineage import Life, Part, in_lineage, lives

FIRST, SECOND = date(2013, 1, 1), date(2013, 1, 2)


def state(night: date, version: int, **inputs: int) -> NightState:
    return NightState(night, version, 1, "digest", "stage", "code", "definition", inputs)


def test_a_commit_is_shown_from_its_version_to_the_one_that_published_its_night_again() -> None:
    history = [state(FIRST, 1), state(SECOND, 2), state(FIRST, 4), state(FIRST, 7)]
    assert [(life.state.version, life.until) for life in lives("t", history)] == [(1, 4), (2, None), (4, 7), (7, None)]
    assert lives("t", []) == []


@pytest.mark.parametrize(
    ("versions", "shown"),
    [([], False), ([2], False), ([3], True), ([5], True), ([6], False), ([1, 2, 6, 9], False), ([1, 5, 9], True)],
)
def test_a_version_shows_it_or_not(versions: list[int], shown: bool) -> None:
    assert Life("t", state(FIRST, 3), 6).is_shown_by(versions) is shown


@pytest.mark.parametrize(("versions", "shown"), [([2], False), ([3], True), ([900], True)])
def test_the_newest_is_shown_by_every_version_from_its_own_on(versions: list[int], shown: bool) -> None:
    assert Life("t", state(FIRST, 3), None).is_shown_by(versions) is shown


def slowly(everything: list[Life], roots: set[Part]) -> set[Part]:
    """A second route: walk from each root, one input at a time."""
    reached: set[Part] = set()

    def walk(part: Part) -> None:
        if part in reached:
            return
        reached.add(part)
        for made in (life for life in everything if life.part == part):
            for table, version in made.state.inputs.items():
                for other in everything:
                    if other.table == table and other.state.version <= version < (other.until or 10**9):
                        walk(other.part)

    for root in roots:
        walk(root)
    return reached


def random_lake(seed: int) -> Iterator[Life]:
    draw = random.Random(seed)
    versions = {"a": 0}
    for table, makes_from in (("a", ""), ("b", "a"), ("c", "ab"), ("d", "bc")):
        history = []
        for version in range(1, draw.randint(2, 9)):
            inputs = {name: draw.randint(1, versions[name]) for name in makes_from if draw.random() < 0.8}
            history.append(state(FIRST + timedelta(days=draw.randrange(3)), version, **inputs))
        versions[table] = len(history)
        yield from lives(table, history)


@pytest.mark.parametrize("seed", range(40))
def test_the_lineage_is_what_one_reaches_step_by_step(seed: int) -> None:
    everything = list(random_lake(seed))
    roots = {life.part for life in everything if life.until is None and life.table in "cd"}
    assert in_lineage(everything, roots) == slowly(everything, roots)


def test_no_root_no_lineage_and_a_root_that_no_table_has_is_only_itself() -> None:
    everything = lives("t", [state(FIRST, 1)])
    assert in_lineage(everything, []) == set()
    assert in_lineage(everything, [("t", SECOND, 1)]) == {("t", SECOND, 1)}
