"""A drift that is there is found; a night like the others passes at the stated rate."""

import numpy as np
import pytest

from nightloop.evidence.drift import ALPHA, night_drift, threshold
from nightloop.evidence.reference_profile import Profile, bin_counts, bin_edges, psi

NAMES = [f"f{i}" for i in range(8)]
LIMITS = {"psi_limit": 0.1, "share_limit": 0.3, "minimum_rows": 100}


def flights(rng, nights, rows, level=1.0, names=NAMES):
    """Rows whose features share a level within their night, as yesterday's rates and one evening's weather do."""
    levels = np.repeat(rng.normal(scale=level, size=(nights, len(names))), rows, axis=0)
    return levels + rng.normal(size=(nights * rows, len(names))), np.repeat(np.arange(nights), rows)


def test_independent_rows_exceed_the_sampling_threshold_at_the_stated_rate():
    rng = np.random.default_rng(4)
    reference = rng.normal(size=5000)
    edges = bin_edges(reference)
    counts = bin_counts(reference, edges)
    limit = threshold((), 300, 5000, 9, 0.0)
    trials = np.array([psi(counts, bin_counts(rng.normal(size=300), edges)) > limit for _ in range(2000)])
    assert trials.mean() < ALPHA + 4 * np.sqrt(ALPHA / 2000)
    assert limit < 2 * np.quantile([psi(counts, bin_counts(rng.normal(size=300), edges)) for _ in range(500)], 0.99)


@pytest.mark.parametrize(("degrees", "table"), [(0, 6.635), (1, 6.635), (3, 11.345), (9, 21.666), (20, 37.566)])
def test_the_sampling_threshold_is_the_tables_chi_square_over_both_sample_sizes(degrees, table):
    assert threshold((), 200, 1000, degrees, 0.0) == pytest.approx(table * (1 / 200 + 1 / 1000), rel=1e-4)


def test_nights_without_drift_fail_no_more_often_than_stated():
    rng = np.random.default_rng(5)
    failed = features = 0
    for _ in range(60):
        values, nights = flights(rng, 61, 150)
        profile = Profile.of(NAMES, values[nights < 60], nights[nights < 60])
        night = night_drift(profile, NAMES, values[nights == 60], **LIMITS)
        failed += night.verdict.outcome == "fail"
        features += sum(feature.drifted for feature in night.features)
    assert failed / 60 <= 2 * (1 / 61) / 0.3  # Markov: two distances a feature, each with its own level
    assert features / (60 * len(NAMES)) <= 2 / 61 + 0.03


def test_without_nightly_distances_ordinary_nights_would_be_false_alarms():
    rng = np.random.default_rng(6)
    values, nights = flights(rng, 61, 150)
    naive = Profile.of(NAMES, values[nights < 60])
    assert night_drift(naive, NAMES, values[nights == 60], **LIMITS).verdict.outcome == "fail"
    honest = Profile.of(NAMES, values[nights < 60], nights[nights < 60])
    assert night_drift(honest, NAMES, values[nights == 60], **LIMITS).verdict.outcome == "pass"


@pytest.mark.parametrize(
    "break_it", [lambda x: np.full_like(x, np.nan), lambda x: x * 0 + 9, lambda x: x * 30, lambda x: x + 8]
)
def test_a_drift_injected_is_found_and_named(break_it):
    rng = np.random.default_rng(17)
    values, nights = flights(rng, 61, 300)
    profile = Profile.of(NAMES, values[nights < 60], nights[nights < 60])
    night = values[nights == 60].copy()
    night[:, :4] = break_it(night[:, :4])
    drift = night_drift(profile, NAMES, night, **LIMITS)
    assert drift.verdict.outcome == "fail"
    assert {f.name for f in drift.features if f.drifted} >= set(NAMES[:4])
    assert "4 of 8 watched features drifted (50%" in drift.verdict.reason


def test_a_feature_with_one_value_a_night_that_moves_as_a_whole_is_found():
    rng = np.random.default_rng(8)
    nights = np.repeat(np.arange(60), 300)
    values = np.repeat(rng.uniform(0.1, 0.4, size=60), 300)[:, None]
    profile = Profile.of(["late_rate"], values, nights)
    one = dict(LIMITS, share_limit=0.5)
    assert night_drift(profile, ["late_rate"], np.full((300, 1), 0.25), **one).verdict.outcome == "pass"
    assert night_drift(profile, ["late_rate"], np.full((300, 1), 25.0), **one).verdict.outcome == "fail"


def test_calendar_features_are_measured_but_not_judged():
    rng = np.random.default_rng(9)
    values = np.column_stack([rng.normal(size=3000), np.ones(3000)])
    profile = Profile.of(["x", "month"], values, np.repeat(np.arange(30), 100))
    night = np.column_stack([rng.normal(size=300), np.full(300, 2.0)])
    drift = night_drift(profile, ["x", "month"], night, **LIMITS, calendar={"month"})
    assert drift.verdict.outcome == "pass"
    assert drift.features[1].drifted
    assert any(figure.group == "month" for figure in drift.verdict.figures)


def test_too_few_rows_are_no_evidence():
    profile = Profile.of(["x"], np.arange(1000.0)[:, None], np.repeat(np.arange(20), 50))
    verdict = night_drift(profile, ["x"], np.full((99, 1), 1e9), **LIMITS).verdict
    assert verdict.outcome == "not_enough_evidence"
    assert verdict.reason == "99 rows are too few to judge drift; 100 are asked for."
    assert night_drift(profile, ["x"], np.empty((0, 1)), **LIMITS).verdict.outcome == "not_enough_evidence"


def test_too_few_reference_nights_are_no_evidence():
    profile = Profile.of(["x"], np.arange(1000.0)[:, None], np.repeat(np.arange(4), 250))
    assert night_drift(profile, ["x"], np.zeros((500, 1)), **LIMITS).verdict.outcome == "not_enough_evidence"


def test_a_profile_of_other_features_is_refused():
    profile = Profile.of(["x"], np.arange(1000.0)[:, None])
    with pytest.raises(ValueError, match="describes"):
        night_drift(profile, ["y"], np.zeros((500, 1)), **LIMITS)
