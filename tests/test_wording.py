"""Counts and names as people write them."""

from __future__ import annotations

import random

import pytest

from nightloop.wording import counted, natural_order


@pytest.mark.parametrize(("nights", "words"), [(0, "0 nights"), (1, "1 night"), (2, "2 nights"), (11, "11 nights")])
def test_one_is_one(nights: int, words: str) -> None:
    assert counted(nights) == words


@pytest.mark.parametrize(
    "ordered",
    [
        ["0-9", "10-19", "20-29", "100-109", "110+"],
        ["", "a", "a1", "a2", "a10", "b"],
        ["age=9", "age=10", "sex=F", "sex=M"],
        ["2²", "7", "-"],
    ],
)
def test_texts_stand_as_people_count(ordered: list[str]) -> None:
    shuffled = random.Random(1).sample(ordered, len(ordered))
    assert sorted(shuffled, key=natural_order) == ordered
