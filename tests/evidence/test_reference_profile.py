"""The reference profile says what the training features looked like, and survives the journey in the bundle."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nightloop.evidence.reference_profile import Profile, bin_counts, bin_edges, psi, reference_profile

FLOATS = hnp.arrays(np.float64, st.integers(1, 60), elements=st.one_of(st.floats(-1e9, 1e9), st.just(np.nan)))


@given(FLOATS)
@settings(max_examples=60, deadline=None)
def test_every_value_falls_in_exactly_one_bin(values):
    counts = bin_counts(values, bin_edges(values))
    assert counts.sum() == len(values)
    assert counts[-1] == np.isnan(values).sum()


@given(FLOATS, FLOATS, FLOATS)
@settings(max_examples=60, deadline=None)
def test_counts_of_parts_add_up_to_the_count_of_the_whole(reference, left, right):
    edges = bin_edges(reference)
    whole = bin_counts(np.concatenate([left, right]), edges)
    assert (bin_counts(left, edges) + bin_counts(right, edges) == whole).all()


def test_bins_of_a_continuous_feature_hold_equal_counts():
    values = np.random.default_rng(1).normal(size=10_000)
    profile = Profile.of(["x"], values[:, None])
    assert profile.features[0].counts == (1000,) * 10 + (0,)


def test_a_reference_survives_json():
    rng = np.random.default_rng(2)
    values = np.where(rng.random((500, 3)) < 0.1, np.nan, rng.normal(size=(500, 3)))
    values[:, 2] = np.nan
    written = reference_profile(["a", "b", "never"], values, np.repeat(np.arange(10), 50))
    again = Profile.from_json(json.loads(json.dumps(written, allow_nan=False)))
    assert again.to_json() == written
    assert again.features[2].mean is None
    assert again.features[2].missing_share == 1


def test_stability_index_agrees_with_its_formula_by_hand():
    p, q = np.array([100.5, 300.5]) / 401, np.array([30.5, 10.5]) / 41
    by_hand = sum((b - a) * np.log(b / a) for a, b in zip(p, q, strict=True))
    assert psi(np.array([100, 300, 0]), np.array([30, 10, 0])) == pytest.approx(by_hand)


def test_equal_shares_have_a_stability_index_near_zero():
    assert psi(np.array([500, 500]), np.array([5000, 5000])) == pytest.approx(0, abs=1e-6)


def test_a_constant_that_moves_either_way_shows():
    profile = Profile.of(["constant"], np.full((1000, 1), 7.0)).features[0]
    reference = np.asarray(profile.counts)
    assert psi(reference, profile.count(np.full(300, 7.0))) < 0.01
    assert psi(reference, profile.count(np.full(300, 6.0))) > 1
    assert psi(reference, profile.count(np.full(300, 8.0))) > 1


def test_each_reference_night_is_compared_with_the_other_nights_only():
    rng = np.random.default_rng(3)
    nights = np.repeat(np.arange(5), 200)
    values = rng.normal(size=1000) + (nights == 4) * 3
    feature = Profile.of(["x"], values[:, None], nights).features[0]
    others = values[nights != 4]
    assert feature.nightly_shift[-1] == pytest.approx(
        ((values[nights == 4].mean() - others.mean()) / values.std()) ** 2, abs=1e-6
    )
    edges = np.asarray(feature.edges)
    assert feature.nightly_psi[-1] == pytest.approx(
        psi(bin_counts(others, edges), bin_counts(values[nights == 4], edges)), abs=1e-6
    )


def test_names_that_do_not_fit_the_values_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        Profile.of(["a", "b"], np.zeros((3, 1)))
