"""Drift by hand: thresholds, distances and verdicts of small profiles whose numbers can be checked on paper."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from nightloop.evidence import drift
from nightloop.evidence.drift import FeatureDrift, night_drift, threshold
from nightloop.evidence.reference_profile import FeatureProfile, Profile


def feature(name: str = "x", counts: Sequence[int] = (50, 50, 0), **known: object) -> FeatureProfile:
    """Two bins around 0, and the missing ones."""
    return FeatureProfile(name, (0.0,), tuple(counts), **({"mean": 0.0, "std": 1.0} | known))  # type: ignore[arg-type]


def profile(*features: FeatureProfile, nights: int = 0) -> Profile:
    return Profile(100, nights, features or (feature(),))


def judged(values: Sequence[float], known: Profile | None = None, **limits: object) -> drift.NightDrift:
    known = known or profile()
    names = [item.name for item in known.features]
    declared = {"psi_limit": 0.1, "share_limit": 0.5, "minimum_rows": 10} | limits
    matrix = np.column_stack([np.asarray(values, dtype=float)] * len(names))
    return night_drift(known, names, matrix, **declared)  # type: ignore[arg-type]


def measured(psi: float = 0.0, shift: float = 0.0, name: str = "x", *, watched: bool = True) -> FeatureDrift:
    return FeatureDrift(name, psi, 0.2, shift, 4.0, 0.0, 0.0, watched, 100)


@pytest.mark.parametrize(
    ("psi", "shift", "excess", "drifted"),
    [
        (0.2, 0.0, 1.0, False),
        (0.2001, 0.0, 1.0005, True),
        (0.1999, 0.0, 0.9995, False),
        (0.0, 4.0, 1.0, False),
        (0.0, 4.0004, 1.0001, True),
        (0.1, 8.0, 2.0, True),
        (0.6, 8.0, 3.0, True),
    ],
)
def test_a_feature_has_drifted_when_a_distance_exceeds_its_threshold(
    psi: float, shift: float, excess: float, drifted: bool
) -> None:
    assert measured(psi, shift).excess == pytest.approx(excess)
    assert measured(psi, shift).drifted is drifted


def test_the_description_names_the_distance_that_exceeds_most_in_its_own_unit() -> None:
    assert measured(0.6, 8.0).description == "x (PSI 0.60, threshold 0.20)"
    assert measured(0.1, 9.0).description == "x (mean moved 3.0 standard deviations, threshold 2.0)"
    assert measured(0.2, 4.0).description == "x (PSI 0.20, threshold 0.20)", "PSI where both exceed alike"


@pytest.mark.parametrize(
    ("nightly", "expected"),
    [
        ((), 0.1),
        ((0.05,), 0.1),
        ((0.3,), 0.3),
        ((0.1, 0.2, 0.4), 0.4),
        (tuple(i / 100 for i in range(1, 100)), 0.99),  # 99 nights: rank ceil(100 * 0.99) = 99, the largest
        (tuple(i / 1000 for i in range(1, 200)), 0.198),  # 199 nights: rank ceil(200 * 0.99) = 198
        (tuple(i / 1000 for i in range(1, 201)), 0.199),  # 200 nights: rank ceil(201 * 0.99) = 199
        (tuple(reversed([i / 1000 for i in range(1, 200)])), 0.198),
    ],
)
def test_a_threshold_is_the_conformal_order_statistic_of_the_reference_nights_where_that_is_larger(
    nightly: tuple[float, ...], expected: float
) -> None:
    assert threshold(nightly, 10**9, 10**9, 1, 0.1) == pytest.approx(expected)


def test_a_threshold_is_the_largest_of_limit_sampling_and_nights() -> None:
    sampling = 6.6349 * (1 / 50 + 1 / 200)
    assert threshold((), 50, 200, 1, 0.0) == pytest.approx(sampling, rel=1e-4)
    assert threshold((), 50, 200, 0, 0.0) == pytest.approx(sampling, rel=1e-4), "one degree at least"
    assert threshold((0.01,), 50, 200, 1, 0.5) == 0.5
    assert threshold((0.9,), 50, 200, 1, 0.5) == 0.9
    assert threshold((), 0, 0, 1, 0.0) == pytest.approx(2 * 6.6349, rel=1e-4), "no rows count as one"


def test_distances_of_a_night_by_hand() -> None:
    """Reference 50 and 50, night 80 and 20, half a row added to each bin that either has: PSI on paper."""
    night = judged([-1.0] * 80 + [1.0] * 20)
    p, q = 50.5 / 101, 80.5 / 101
    by_hand = (q - p) * math.log(q / p) + ((1 - q) - (1 - p)) * math.log((1 - q) / (1 - p))
    found = night.features[0]
    assert found.psi == pytest.approx(by_hand)
    assert found.shift == pytest.approx(0.6**2), "mean -0.6, of a reference with mean 0 and deviation 1"
    assert found.psi_threshold == pytest.approx(max(0.1, 6.6349 * (1 / 100 + 1 / 100)), rel=1e-4), "two bins: one degree"
    assert found.shift_threshold == pytest.approx(max(0.1, 6.6349 * (1 / 100 + 1 / 100)), rel=1e-4)
    assert (found.rows, found.missing_share, found.reference_missing_share) == (100, 0.0, 0.0)


def test_degrees_of_freedom_count_the_bins_that_the_reference_has() -> None:
    """With a missing bin in use there are three bins, so two degrees."""
    found = judged([-1.0] * 50 + [1.0] * 50, profile(feature(counts=(40, 40, 20))), psi_limit=0.0).features[0]
    assert found.psi_threshold == pytest.approx(9.2103 * (1 / 100 + 1 / 100), rel=1e-4)
    assert found.shift_threshold == pytest.approx(6.6349 * (1 / 100 + 1 / 100), rel=1e-4)


def test_nightly_distances_set_each_threshold_by_its_own_kind() -> None:
    known = profile(feature(nightly_psi=(0.5,) * 20, nightly_shift=(2.0,) * 20), nights=20)
    found = judged([-1.0] * 50 + [1.0] * 50, known).features[0]
    assert (found.psi_threshold, found.shift_threshold) == (0.5, 2.0)


def test_missing_values_are_a_bin_of_their_own_and_a_share() -> None:
    known = profile(feature(counts=(45, 45, 10)))
    found = judged([math.nan] * 30 + [-1.0] * 35 + [1.0] * 35, known).features[0]
    assert (found.missing_share, found.reference_missing_share) == (0.3, 0.1)
    assert found.psi > 0.1


@pytest.mark.parametrize(("rows", "outcome"), [(9, "not_enough_evidence"), (10, "pass"), (11, "pass")])
def test_a_night_needs_the_declared_rows(rows: int, outcome: str) -> None:
    verdict = judged([-1.0, 1.0] * (rows // 2) + [1.0] * (rows % 2), psi_limit=9.0).verdict
    assert (verdict.gate, verdict.outcome) == ("drift", outcome)


@pytest.mark.parametrize(
    ("nights", "outcome"), [(0, "pass"), (1, "not_enough_evidence"), (9, "not_enough_evidence"), (10, "pass")]
)
def test_a_reference_of_few_nights_knows_no_ordinary_night_and_one_of_rows_only_is_taken_as_it_is(
    nights: int, outcome: str
) -> None:
    verdict = judged([-1.0, 1.0] * 10, profile(nights=nights), psi_limit=9.0).verdict
    assert verdict.outcome == outcome
    if nights == 9:
        assert verdict.reason == "The reference has only 9 nights; what a usual night is takes at least 10."


@pytest.mark.parametrize(("limit", "outcome"), [(0.49, "fail"), (0.5, "pass"), (0.51, "pass")])
def test_the_share_of_drifted_features_must_exceed_the_limit(limit: float, outcome: str) -> None:
    """One of two has drifted: a share of 0.5."""
    known = profile(
        feature("moved", (100, 0, 0)), feature("calm", (50, 50, 0), nightly_psi=(9.0,) * 10, nightly_shift=(9.0,) * 10)
    )
    verdict = judged([-1.0] * 10 + [1.0] * 90, known, share_limit=limit).verdict
    assert verdict.outcome == outcome
    assert verdict.reason.startswith(
        f"1 of 2 watched features drifted (50%; the limit is {limit:.0%}), most of all moved (PSI "
    )
    assert verdict.figures[0].metric == "drifted_share" and verdict.figures[0].value == 0.5 and verdict.figures[0].n == 2


def test_no_more_than_three_features_are_named_the_worst_first_and_equal_ones_by_name() -> None:
    known = profile(
        *(feature(name, (100, 0, 0), mean=mean) for name, mean in (("d", 0), ("b", 0), ("c", 0), ("a", 0), ("e", -40.0)))
    )
    reason = judged([1.0] * 50, known).verdict.reason
    named = reason.partition("most of all ")[2]
    assert [part.split(" (")[0] for part in named.split("), ")] == ["e", "a", "b"]
    assert reason.startswith("5 of 5 watched features drifted (100%; the limit is 50%)")


def test_features_that_follow_the_calendar_are_measured_and_not_watched() -> None:
    known = profile(feature("month", (100, 0, 0)), feature("calm"))
    night = judged([1.0] * 25 + [-1.0] * 25, known, calendar={"month"})
    assert [item.watched for item in night.features] == [False, True]
    assert night.features[0].drifted
    assert night.verdict.outcome == "pass" and night.verdict.reason.startswith("0 of 1 watched")
    assert night.verdict.figures[0].value == 0.0 and night.verdict.figures[0].n == 1
    alone = judged([1.0] * 50, profile(feature("month", (100, 0, 0))), calendar={"month"})
    assert alone.verdict.outcome == "not_enough_evidence"
    assert alone.verdict.reason == "Every feature moves with the calendar; none is watched for drift."
    assert alone.verdict.figures[0].value == 0.0


def test_every_figure_of_every_feature_is_reported_under_its_name() -> None:
    known = profile(feature("one", (45, 45, 10)), feature("two"))
    night = judged([math.nan] * 10 + [1.0] * 40, known)
    by_name = {(item.group, item.metric): item.value for item in night.verdict.figures[1:]}
    for item in night.features:
        assert by_name[item.name, "psi"] == item.psi
        assert by_name[item.name, "psi_threshold"] == item.psi_threshold
        assert by_name[item.name, "mean_shift"] == item.shift
        assert by_name[item.name, "mean_shift_threshold"] == item.shift_threshold
        assert by_name[item.name, "missing_share"] == 0.2
        assert by_name[item.name, "reference_missing_share"] == (0.1 if item.name == "one" else 0.0)
    assert len(by_name) == 12 and all(item.n == 50 for item in night.verdict.figures[1:])


def test_each_feature_is_judged_by_its_own_column_and_profile() -> None:
    known = profile(feature("low", (100, 0, 0), mean=-1.0), feature("high", (0, 100, 0), mean=1.0))
    matrix = np.column_stack([np.full(60, -1.0), np.full(60, 1.0)])
    limits = {"psi_limit": 0.1, "share_limit": 0.5, "minimum_rows": 10}
    assert [item.drifted for item in night_drift(known, ["low", "high"], matrix, **limits).features] == [False, False]
    assert [item.drifted for item in night_drift(known, ["low", "high"], matrix[:, ::-1], **limits).features] == [True, True]
    with pytest.raises(ValueError, match=r"describes \['low', 'high'\], the night has \['high', 'low'\]"):
        night_drift(known, ["high", "low"], matrix, **limits)


def test_a_night_without_a_row_has_figures_and_no_verdict() -> None:
    night = judged([])
    assert night.verdict.outcome == "not_enough_evidence"
    assert night.features[0].missing_share == 0.0 and night.features[0].shift == 0.0
