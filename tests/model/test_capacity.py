"""A capacity takes so many of a night: the highest answers, and of equal ones those that a salted hash names."""

from __future__ import annotations

from datetime import date
from hashlib import sha256

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nightloop.model.capacity import Cut, cut_of, decide_by_night, highest, ties, usual_threshold

NIGHTS = [date(2024, 3, day) for day in (1, 2, 3)]
NIGHT = NIGHTS[0]
PREDICTIONS = st.lists(st.sampled_from([0.1, 0.2, 0.2000001, 0.9]), min_size=1, max_size=40)


@given(PREDICTIONS, st.integers(1, 45), st.randoms(use_true_random=False))
def test_exactly_so_many_are_taken_and_none_before_a_higher_answer(answers: list[float], capacity: int, order) -> None:
    prediction, tie = np.array(answers), ties("loans", NIGHT, [(f"k{place}",) for place in range(len(answers))])
    cut = cut_of(prediction, tie, capacity)
    assert cut is not None
    decision = cut.decide(prediction, tie)
    assert decision.sum() == min(capacity, len(answers))
    if decision.any() and not decision.all():
        assert prediction[decision].min() >= prediction[~decision].max()
    shuffled = list(range(len(answers)))
    order.shuffle(shuffled)
    assert cut_of(prediction[shuffled], tie[shuffled], capacity) == cut, "the order of the rows does not show"


@given(PREDICTIONS, st.integers(1, 45), st.integers(1, 5))
def test_parts_that_are_ranked_by_themselves_give_the_cut_of_the_whole(answers: list[float], capacity: int, parts: int) -> None:
    prediction, tie = np.array(answers), ties("loans", NIGHT, [(f"k{place}",) for place in range(len(answers))])
    places = [part[highest(prediction[part], tie[part], capacity)] for part in np.array_split(np.arange(len(answers)), parts)]
    first = np.concatenate(places)
    assert cut_of(prediction[first], tie[first], capacity) == cut_of(prediction, tie, capacity)


def test_who_gets_the_last_place_among_equals_changes_with_the_night_and_not_with_the_run() -> None:
    keys, equal = [(place,) for place in range(50)], np.full(50, 0.3)
    taken = {night: decide_by_night("loans", np.full(50, night, dtype="datetime64[D]"), keys, equal, 5) for night in NIGHTS}
    assert all(decision.sum() == 5 for decision in taken.values())
    assert len({decision.tobytes() for decision in taken.values()}) == len(NIGHTS)
    assert ties("loans", NIGHT, keys).tolist() == ties("loans", NIGHT, keys).tolist()
    assert ties("loans", NIGHT, keys).tolist() != ties("cards", NIGHT, keys).tolist()
    written = b"loans/2024-03-01" + b"\0" * 7 + b"\1a" + b"\0" * 7 + b"\x011"  # each value after its length
    assert ties("loans", NIGHT, [("a", 1)]).tolist() == [int.from_bytes(sha256(written).digest()[:8], "big") >> 1]


def test_keys_of_several_columns_do_not_run_into_one_another() -> None:
    assert len(set(ties("loans", NIGHT, [("a", "bc"), ("ab", "c"), ("abc", "")]).tolist())) == 3


def test_a_night_without_rows_has_no_cut_and_one_of_few_rows_takes_all() -> None:
    nothing = np.empty(0)
    assert cut_of(nothing, nothing.astype(np.int64), 3) is None
    two = np.array([0.1, 0.2])
    assert cut_of(two, np.array([7, 3]), 3) == Cut(0.1, 7)
    assert decide_by_night("loans", np.array([NIGHT] * 2, dtype="datetime64[D]"), [("a",), ("b",)], two, 3).all()


def test_the_usual_threshold_is_the_median_of_the_nights() -> None:
    nights = np.repeat(np.array(NIGHTS, dtype="datetime64[D]"), [3, 3, 1])
    prediction = np.array([0.9, 0.5, 0.1, 0.8, 0.7, 0.2, 0.6])
    assert usual_threshold(nights, prediction, 2) == 0.6  # of 0.5, 0.7 and 0.6
