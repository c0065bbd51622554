"""The reference profile by hand: bins, shares, the stability index, and each night against the others."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nightloop.evidence.reference_profile import BINS, FeatureProfile, Profile, bin_counts, bin_edges, psi, reference_profile

NAN = math.nan


@pytest.mark.parametrize(
    ("values", "edges"),
    [
        ([], []),
        ([NAN, NAN], []),
        ([math.inf, -math.inf, NAN], []),
        (list(range(1, 101)), [10, 20, 30, 40, 50, 60, 70, 80, 90]),
        (list(range(1, 11)), [np.nextafter(1, -np.inf), 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ([5.0] * 7, [np.nextafter(5, -np.inf), 5.0]),
        ([0.0] * 50 + [1.0] * 50, [np.nextafter(0, -np.inf), 0.0, 1.0]),
        ([0.0] * 5 + [1.0] * 95, [1.0]),
        ([NAN] * 5 + list(range(1, 101)), [10, 20, 30, 40, 50, 60, 70, 80, 90]),
    ],
)
def test_edges_are_deciles_of_the_known_values_and_a_full_lowest_value_has_its_own_bin(
    values: list[float], edges: list[float]
) -> None:
    assert bin_edges(np.array(values, dtype=float)).tolist() == edges


@pytest.mark.parametrize(
    ("value", "bin_number"), [(-9.0, 0), (0.0, 0), (math.nextafter(0, 1), 1), (1.0, 1), (1.5, 2), (math.inf, 2), (NAN, 3)]
)
def test_a_bin_holds_its_upper_edge_and_the_last_bin_what_is_missing(value: float, bin_number: int) -> None:
    counts = bin_counts(np.array([value]), np.array([0.0, 1.0]))
    assert counts.tolist() == [int(i == bin_number) for i in range(4)]


def test_counts_of_parts_add_up_to_the_count_of_the_whole() -> None:
    known = FeatureProfile("x", (0.0, 1.0), (0, 0, 0, 0), None, None)
    values = np.array([-1.0, 0.5, 2.0, NAN, 0.0, 1.0])
    assert (known.count(values[:2]) + known.count(values[2:])).tolist() == known.count(values).tolist() == [2, 2, 1, 1]
    assert known.count(np.array([])).tolist() == [0, 0, 0, 0]


def plain_psi(reference: list[int], sample: list[int]) -> float:
    """The textbook formula, bin by bin, with half a row more in each bin that either side has."""
    used = [i for i in range(len(reference)) if reference[i] + sample[i]]
    p = [reference[i] + 0.5 for i in used]
    q = [sample[i] + 0.5 for i in used]
    p, q = [x / sum(p) for x in p], [x / sum(q) for x in q]
    return sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=12).filter(
        lambda pairs: all(map(sum, zip(*pairs, strict=True)))
    )
)
def test_the_stability_index_is_the_textbook_s(pairs: list[tuple[int, int]]) -> None:
    reference, sample = [a for a, _ in pairs], [b for _, b in pairs]
    found = float(psi(np.array(reference), np.array(sample)))
    assert found == pytest.approx(plain_psi(reference, sample), abs=1e-12)
    assert found >= 0
    assert found == pytest.approx(float(psi(np.array(sample), np.array(reference))), abs=1e-12)


def test_the_stability_index_of_several_nights_at_once_is_that_of_each() -> None:
    reference = np.array([[10, 0, 5], [3, 3, 3]])
    nights = np.array([[1, 2, 3], [3, 3, 3]])
    assert psi(reference, nights).tolist() == pytest.approx([plain_psi([10, 0, 5], [1, 2, 3]), 0.0])


@pytest.mark.parametrize(
    ("mean", "std", "values", "shift"),
    [
        (1.0, 2.0, [5.0, 5.0], 4.0),
        (1.0, 2.0, [-3.0], 4.0),
        (1.0, 2.0, [1.0, NAN], 0.0),
        (1.0, 2.0, [NAN], 0.0),
        (1.0, 2.0, [], 0.0),
        (1.0, 0.0, [9.0], 0.0),
        (None, None, [9.0], 0.0),
    ],
)
def test_a_shift_is_the_squared_distance_of_means_in_standard_deviations(
    mean: float | None, std: float | None, values: list[float], shift: float
) -> None:
    assert FeatureProfile("x", (), (0,), mean, std).shift(np.array(values)) == pytest.approx(shift)


def test_rows_and_the_share_of_missing_ones_come_from_the_counts() -> None:
    known = FeatureProfile("x", (0.0,), (3, 4, 1), 0.0, 1.0)
    assert (known.rows, known.missing_share) == (8, 0.125)
    assert FeatureProfile("x", (), (0,), None, None).missing_share == 0.0


def test_a_profile_holds_each_column_s_own_figures() -> None:
    values = np.array([[1.0, NAN], [2.0, 10.0], [3.0, 30.0], [4.0, NAN]])
    known = Profile.of(["a", "b"], values)
    assert (known.rows, known.nights) == (4, 0)
    a, b = known.features
    assert (a.name, a.mean, a.std) == ("a", 2.5, pytest.approx(math.sqrt(1.25)))
    assert (b.name, b.mean, b.std) == ("b", 20.0, 10.0)
    assert b.counts[-1] == 2 and sum(a.counts) == sum(b.counts) == 4
    assert a.nightly_psi == () and a.nightly_shift == ()
    empty = Profile.of(["a"], np.full((2, 1), NAN)).features[0]
    assert (empty.mean, empty.std, empty.edges, empty.counts) == (None, None, (), (0, 2))


@pytest.mark.parametrize("case", ["names", "nights", "flat"])
def test_shapes_that_do_not_belong_together_are_refused(case: str) -> None:
    values = np.zeros((3, 2))
    arguments = {
        "names": (["a"], values, None),
        "nights": (["a", "b"], values, np.zeros(2)),
        "flat": (["a"], np.zeros(3), None),
    }[case]
    with pytest.raises(ValueError, match="do not fit"):
        Profile.of(*arguments)  # type: ignore[arg-type]


def test_each_night_is_compared_with_the_others_and_not_with_itself() -> None:
    nights = np.array(["n1", "n1", "n2", "n2", "n3", "n3"])
    values = np.array([[0.0], [2.0], [4.0], [6.0], [20.0], [NAN]])
    known = Profile.of(["x"], values, nights)
    assert known.nights == 3
    column = known.features[0]
    spread = float(np.std([0.0, 2.0, 4.0, 6.0, 20.0]))
    means = {"n1": (1.0, [4.0, 6.0, 20.0]), "n2": (5.0, [0.0, 2.0, 20.0]), "n3": (20.0, [0.0, 2.0, 4.0, 6.0])}
    by_hand = sorted(((mean - np.mean(others)) / spread) ** 2 for mean, others in means.values())
    assert column.nightly_shift == pytest.approx(by_hand, abs=1e-9)
    counts = [column.count(values[nights == night, 0]) for night in ("n1", "n2", "n3")]
    total = np.sum(counts, axis=0)
    assert column.nightly_psi == pytest.approx(sorted(plain_psi(list(total - part), list(part)) for part in counts), abs=1e-9)


def test_a_night_without_a_value_and_one_that_holds_all_values_have_no_shift() -> None:
    nights = np.array([1, 1, 2, 2])
    assert Profile.of(["x"], np.array([[1.0], [2.0], [NAN], [NAN]]), nights).features[0].nightly_shift == ()
    two = Profile.of(["x"], np.array([[1.0], [2.0], [3.0], [NAN]]), nights).features[0].nightly_shift
    assert len(two) == 2
    constant = Profile.of(["x"], np.full((4, 1), 7.0), nights).features[0]
    assert constant.nightly_shift == () and constant.nightly_psi == pytest.approx((0.0, 0.0))
    assert Profile.of(["x"], np.empty((0, 1)), np.empty(0)).nights == 0


@given(
    arrays.arrays(np.float64, st.tuples(st.integers(1, 30), st.just(2)), elements=st.one_of(st.floats(-9, 9), st.just(NAN))),
    st.integers(1, 4),
)
def test_a_profile_read_back_is_the_same(values: np.ndarray, nights: int) -> None:
    known = Profile.of(["a", "b"], values, np.arange(len(values)) % nights)
    stored = json.loads(json.dumps(reference_profile(["a", "b"], values, np.arange(len(values)) % nights)))
    assert Profile.from_json(stored) == known
    assert Profile.from_json(known.to_json()) == known
    for item in known.features:
        assert len(item.counts) == len(item.edges) + 2 and item.rows == len(values)
        assert len(item.edges) <= BINS
        for stored in (item.nightly_psi, item.nightly_shift):
            assert list(stored) == sorted(stored) == [round(value, 9) for value in stored], "ascending, of nine decimals"
