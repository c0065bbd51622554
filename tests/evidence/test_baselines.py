"""The simplest answers, by a second route in plain Python, and at the edges of what was known."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest

from nightloop.evidence.baselines import ScorecardBins, last_known_rate

FIRST = date(2024, 3, 1)


def nights(*numbers: int) -> np.ndarray:
    return np.array([FIRST + timedelta(days=number) for number in numbers], dtype="datetime64[D]")


# --- the rate last known -----------------------------------------------------------------------------------------------

NIGHT = nights(0, 0, 1, 1, 3, 3)
LABEL = np.array([True, False, True, True, False, False])


@pytest.mark.parametrize(
    ("delay", "asked", "known"),
    [
        (0, 0, None),
        (0, 1, 0),
        (0, 3, 1),
        (1, 0, None),
        (1, 1, 0),
        (1, 2, 1),
        (1, 3, 1),
        (1, 4, 3),
        (2, 2, 0),
        (2, 4, 1),
        (2, 9, 3),
    ],
)
def test_the_newest_night_known_when_the_row_was_scored_is_the_answer(delay: int, asked: int, known: int | None) -> None:
    labels = [] if known is None else LABEL[nights(known)[0] == NIGHT].tolist()
    expected = (sum(labels) + 0.25) / (len(labels) + 1)
    answer = last_known_rate(LABEL, NIGHT, nights(asked, asked), delay=delay, base_rate=0.25)
    assert answer.tolist() == [pytest.approx(expected)] * 2


def test_each_row_has_the_answer_of_its_night_and_no_share_is_certain() -> None:
    answer = last_known_rate(LABEL, NIGHT, nights(4, 2, 4), delay=1, base_rate=0.5)
    assert answer.tolist() == pytest.approx([0.5 / 3, 2.5 / 3, 0.5 / 3])


def test_of_numbers_it_is_the_mean_and_of_classes_the_shares() -> None:
    numbers = last_known_rate(np.array([1.0, 2.0, 6.0]), nights(0, 1, 1), nights(2), delay=1, base_rate=3.0)
    assert numbers.tolist() == pytest.approx([(2 + 6 + 3) / 3])
    shares = last_known_rate(np.array([0, 2, 2]), nights(0, 0, 0), nights(0, 1), delay=1, base_rate=(0.5, 0.3, 0.2))
    assert shares.tolist() == [pytest.approx([0.5, 0.3, 0.2]), pytest.approx([1.5 / 4, 0.3 / 4, 2.2 / 4])]


# --- the scorecard -----------------------------------------------------------------------------------------------------


def test_a_bin_weighs_its_log_odds_against_those_of_all() -> None:
    random = np.random.default_rng(4)
    values = np.round(random.normal(size=500), 2)
    values[random.random(500) < 0.2] = np.nan
    label = random.random(500) < 0.3
    card = ScorecardBins.fit(values[:, None], label)
    known = sorted(values[~np.isnan(values)])
    cuts = sorted({known[math.floor(share * (len(known) - 1))] for share in (0.2, 0.4, 0.6, 0.8)})
    overall = label.mean()

    def bin_of(value: float) -> int:
        return -1 if math.isnan(value) else sum(value >= cut for cut in cuts)

    for value, points in zip(values, card.apply(values[:, None])[:, 0], strict=True):
        of_bin = [label[i] for i, other in enumerate(values) if bin_of(other) == bin_of(value)]
        mean = (sum(of_bin) + overall) / (len(of_bin) + 1)
        assert points == pytest.approx(math.log(mean / (1 - mean)) - math.log(overall / (1 - overall)))


def test_a_bin_of_a_number_weighs_its_mean_against_that_of_all() -> None:
    values, label = np.array([[1.0], [2.0], [np.nan], [np.nan]]), np.array([0.0, 2.0, 10.0, 20.0])
    card = ScorecardBins.fit(values, label)
    assert card.apply(np.array([[np.nan]]))[0, 0] == pytest.approx((30 + 8) / 3 - 8)


@pytest.mark.parametrize("column", [[np.nan] * 4, [7.0] * 4], ids=["without a value", "without variation"])
def test_a_column_that_tells_nothing_gives_no_points(column: list[float]) -> None:
    card = ScorecardBins.fit(np.array([column]).T, np.array([True, False, True, False]))
    assert card.apply(np.array([column]).T).tolist() == [[0.0]] * 4


def test_a_bin_without_rows_has_no_points_and_one_of_one_class_is_finite() -> None:
    values = np.array([[0.0], [0.0], [1.0], [1.0]])
    card = ScorecardBins.fit(values, np.array([False, False, True, True]))
    assert card.apply(np.array([[np.nan]])).tolist() == [[0.0]]
    assert np.isfinite(card.apply(values)).all() and card.apply(values)[3, 0] > 0 > card.apply(values)[0, 0]
