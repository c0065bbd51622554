"""Whether a night's features still look like the reference.

A night is compared as a night, feature by feature, with two distances in one unit: the population stability index (PSI) of its
rows, and the squared shift of its mean in standard deviations, which sees a feature move as a whole where few values a night
make every PSI large. A feature has drifted when one of them exceeds its threshold, the largest of three:

* the use case's ``psi_limit``: smaller shifts do not matter, however certain;
* sampling: with B bins, n rows and m reference rows of one distribution, PSI is about ``(1/n + 1/m) * chi2(B-1)`` (Yurdakul &
  Naranjo, 2020, "Statistical properties of the population stability index"), the shift the same with one degree of freedom;
* nights: the same distance of the reference nights from one another, its upper order statistic. Rows of one night share
  yesterday's rates and one evening's weather, so this is the wide one. If nights are exchangeable, a new night exceeds it with
  probability at most ALPHA, or 1 / (nights + 1) where that is more (a conformal bound: no distribution is assumed).

The verdict fails when the share of drifted features exceeds the use case's limit. Two distances a feature, each beyond its
threshold with probability at most ALPHA: by Markov's inequality a night without drift fails with probability at most
``2 * ALPHA / limit``, however the features depend on each other.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.reference_profile import FeatureProfile, Profile, psi
from nightloop.evidence.verdict import Figure, Outcome, Verdict

ALPHA = 0.01
MINIMUM_NIGHTS = 10
NAMED = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FeatureDrift:
    """One feature of one night against the reference. ``watched``: counts for the verdict (calendar features do not)."""

    name: str
    psi: float
    psi_threshold: float
    shift: float
    shift_threshold: float
    missing_share: float
    reference_missing_share: float
    watched: bool
    rows: int

    @property
    def drifted(self) -> bool:
        """Whether the shift is larger than the limit, chance and ordinary nights explain."""
        return self.excess > 1

    @property
    def excess(self) -> float:
        """The larger of the two distances, in thresholds: above 1 is drift."""
        return max(self.psi / self.psi_threshold, self.shift / self.shift_threshold)

    @property
    def description(self) -> str:
        """The distance that exceeds its threshold most, in words."""
        if self.psi / self.psi_threshold >= self.shift / self.shift_threshold:
            return f"{self.name} (PSI {self.psi:.2f}, threshold {self.psi_threshold:.2f})"
        return f"{self.name} (mean moved {self.shift**0.5:.1f} standard deviations, threshold {self.shift_threshold**0.5:.1f})"


@dataclass(frozen=True)
class NightDrift:
    """The night's verdict, what it rests on, and where it failed what could help: a training, or a repair of the data."""

    verdict: Verdict
    features: tuple[FeatureDrift, ...]
    calls_for: str | None = None


def night_drift(
    profile: Profile,
    names: Sequence[str],
    values: Floats,
    *,
    psi_limit: float,
    share_limit: float,
    minimum_rows: int,
    calendar: Collection[str] = (),
) -> NightDrift:
    """Judge a night's features (n, k), NaN for missing, against the reference profile.

    Args:
        profile: the reference; its features must be ``names`` in this order.
        psi_limit: smallest PSI that counts as drift.
        share_limit: share of watched features drifted above which the verdict is fail.
        minimum_rows: fewer rows than this are no evidence.
        calendar: features that move with the calendar by construction: measured, not judged.

    Raises:
        ValueError: the profile describes other features.
    """
    profiled = [feature.name for feature in profile.features]
    if profiled != list(names):
        raise ValueError(f"the reference profile describes {profiled}, the night has {list(names)}.")
    features = tuple(
        _feature_drift(feature, values[:, i], psi_limit, feature.name not in calendar)
        for i, feature in enumerate(profile.features)
    )
    watched = [feature for feature in features if feature.watched]
    outcome, reason = _judge(watched, len(values), profile, share_limit, minimum_rows)
    return NightDrift(Verdict("drift", outcome, reason, _figures(features, watched, len(values))), features)


def threshold(nightly: Sequence[float], rows: int, reference_rows: int, degrees: int, limit: float) -> float:
    """Return the distance that a night without drift exceeds with probability at most about ALPHA; never below ``limit``."""
    from scipy.special import chdtri  # x that chi-square exceeds with a probability

    sampling = float(chdtri(max(degrees, 1), ALPHA)) * (1 / max(rows, 1) + 1 / max(reference_rows, 1))
    return max(limit, sampling, _largest_ordinary_distance(nightly))


def _largest_ordinary_distance(nightly: Sequence[float]) -> float:
    """Return the conformal order statistic; with too few nights for ALPHA, the largest (rate 1 / (nights + 1))."""
    if not nightly:
        return 0.0
    rank = min(len(nightly), math.ceil((len(nightly) + 1) * (1 - ALPHA)))
    return sorted(nightly)[rank - 1]


def _feature_drift(feature: FeatureProfile, values: Floats, limit: float, watched: bool) -> FeatureDrift:
    counts = feature.count(values)
    rows = len(values)
    degrees = sum(count > 0 for count in feature.counts) - 1
    return FeatureDrift(
        name=feature.name,
        psi=float(psi(np.asarray(feature.counts), counts)),
        psi_threshold=threshold(feature.nightly_psi, rows, feature.rows, degrees, limit),
        shift=feature.shift(values),
        shift_threshold=threshold(feature.nightly_shift, rows, feature.rows, 1, limit),
        missing_share=float(counts[-1] / rows) if rows else 0.0,
        reference_missing_share=feature.missing_share,
        watched=watched,
        rows=rows,
    )


def _judge(watched: Sequence[FeatureDrift], rows: int, profile: Profile, limit: float, minimum: int) -> tuple[Outcome, str]:
    if rows < minimum:
        return "not_enough_evidence", f"{rows} rows are too few to judge drift; {minimum} are asked for."
    if 0 < profile.nights < MINIMUM_NIGHTS:
        return (
            "not_enough_evidence",
            f"The reference has only {profile.nights} nights; what a usual night is takes at least {MINIMUM_NIGHTS}.",
        )
    if not watched:
        return "not_enough_evidence", "Every feature moves with the calendar; none is watched for drift."
    drifted = sorted((feature for feature in watched if feature.drifted), key=lambda f: (-f.excess, f.name))
    share = len(drifted) / len(watched)
    reason = f"{len(drifted)} of {len(watched)} watched features drifted ({share:.0%}; the limit is {limit:.0%})"
    if drifted:
        reason += ", most of all " + ", ".join(feature.description for feature in drifted[:NAMED])
    return ("fail" if share > limit else "pass"), f"{reason}."


def _figures(features: Sequence[FeatureDrift], watched: Sequence[FeatureDrift], rows: int) -> tuple[Figure, ...]:
    share = sum(feature.drifted for feature in watched) / len(watched) if watched else 0.0
    figures = [Figure("drifted_share", share, None, None, len(watched))]
    for feature in features:
        measured = {
            "psi": feature.psi,
            "psi_threshold": feature.psi_threshold,
            "mean_shift": feature.shift,
            "mean_shift_threshold": feature.shift_threshold,
            "missing_share": feature.missing_share,
            "reference_missing_share": feature.reference_missing_share,
        }
        figures += [Figure(metric, value, None, None, rows, feature.name) for metric, value in measured.items()]
    return tuple(figures)
