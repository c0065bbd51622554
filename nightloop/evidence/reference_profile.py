"""The reference profile: what the training features looked like, small enough to travel in the bundle.

Per feature: bin edges, how many rows fell in each bin, the share missing, mean and standard deviation, and how far each
single reference night lay from the other ones. The last figure is what makes an honest alarm possible: rows of one night
share yesterday's rates and last evening's weather, so one night never looks like a random sample of the reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class FeatureProfile:
    """One feature of the reference.

    Attributes:
        edges: inner bin edges, ascending; bin i holds edges[i-1] < value <= edges[i], the outer bins are open.
        counts: rows per bin, length len(edges) + 2; the last one counts missing values.
        mean, std: over values that are not missing; None where there are none.
        nightly_psi: ascending, for each reference night its stability index against all other reference nights.
        nightly_shift: ascending, likewise its mean's ``shift`` from theirs; nights without a value are left out.
    """

    name: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    mean: float | None
    std: float | None
    nightly_psi: tuple[float, ...] = ()
    nightly_shift: tuple[float, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of the reference, missing values included."""
        return sum(self.counts)

    @property
    def missing_share(self) -> float:
        """Share of the reference's rows without a value."""
        return self.counts[-1] / self.rows if self.rows else 0.0

    def shift(self, values: Floats) -> float:
        """Return ``((mean of values - mean) / std) ** 2``; 0 where either side has no value or the reference does not vary.

        It has the unit of the stability index: two normal distributions a distance of d standard deviations apart have a PSI
        of d squared.
        """
        known = values[~np.isnan(values)]
        if not len(known) or self.mean is None or not self.std:
            return 0.0
        return float(((np.mean(known) - self.mean) / self.std) ** 2)

    def count(self, values: Floats) -> Counts:
        """Count values (n,) per bin of this feature; NaN goes to the last bin.

        Counts of parts add up to the count of the whole, so a night may be counted in pieces.
        """
        return bin_counts(values, np.asarray(self.edges, dtype=np.float64))


@dataclass(frozen=True)
class Profile:
    """All features of the reference, in the order of the feature matrix."""

    rows: int
    nights: int
    features: tuple[FeatureProfile, ...]

    @classmethod
    def of(cls, names: Sequence[str], values: Floats, nights: NDArray[Any] | None = None) -> Profile:
        """Profile a feature matrix (n, k) with NaN for missing.

        Args:
            names: the k features.
            values: float64 (n, k).
            nights: for each row its night (n,), any sortable type. Without it no nightly distances are kept, and drift is
                judged as if rows were independent.

        Raises:
            ValueError: the shapes do not belong together.
        """
        if values.shape != (len(values), len(names)) or (nights is not None and len(nights) != len(values)):
            raise ValueError(f"{len(names)} names and the nights do not fit values of shape {values.shape}.")
        groups = None if nights is None else np.unique(nights, return_inverse=True)[1]
        features = tuple(_feature(name, values[:, i], groups) for i, name in enumerate(names))
        return cls(len(values), 0 if groups is None or not len(groups) else int(groups.max()) + 1, features)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for reference.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Profile:
        """Read what ``to_json`` wrote."""
        features = tuple(_feature_from_json(feature) for feature in value["features"])
        return cls(int(value["rows"]), int(value["nights"]), features)


def reference_profile(names: Sequence[str], values: Floats, nights: NDArray[Any] | None = None) -> dict[str, Any]:
    """Return the content of the bundle's reference.json for training features (n, k) and the night of each row (n,)."""
    return Profile.of(names, values, nights).to_json()


def bin_edges(values: Floats) -> Floats:
    """Return inner edges from quantiles of the values that are there; fewer than nine where values repeat.

    Where much of the feature sits on its lowest value, that value gets a bin of its own, so that a constant moving down shows
    as well as one moving up.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return np.empty(0, dtype=np.float64)
    edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    if edges[0] == known.min():
        edges = np.concatenate([[np.nextafter(edges[0], -np.inf)], edges])
    return edges


def bin_counts(values: Floats, edges: Floats) -> Counts:
    """Count values (n,) per bin, (len(edges) + 2,): open lower bin, inner bins, open upper bin, missing."""
    missing = np.isnan(values)
    place = np.where(missing, len(edges) + 1, np.searchsorted(edges, values, side="left"))
    return np.bincount(place, minlength=len(edges) + 2).astype(np.int64)


def psi(reference: Counts, sample: Counts) -> Floats:
    """Population stability index of counts (…, b) against counts (…, b), along the last axis.

    ``sum((q - p) * ln(q / p))`` over bins, the symmetric Kullback-Leibler (Jeffreys) divergence. Half a row is added to each
    bin that either side has, so that an empty bin costs much but not infinity. 0 means the same shares.
    """
    used = (reference + sample) > 0
    p = np.where(used, reference + 0.5, 0.0)
    q = np.where(used, sample + 0.5, 0.0)
    p = p / np.maximum(p.sum(axis=-1, keepdims=True), 1.0)
    q = q / np.maximum(q.sum(axis=-1, keepdims=True), 1.0)
    ratio = np.log(np.where(used, q, 1.0) / np.where(used, p, 1.0))
    return np.asarray(((q - p) * ratio).sum(axis=-1), dtype=np.float64)


def _feature_from_json(value: Mapping[str, Any]) -> FeatureProfile:
    return FeatureProfile(
        name=value["name"],
        edges=tuple(value["edges"]),
        counts=tuple(value["counts"]),
        mean=value["mean"],
        std=value["std"],
        nightly_psi=tuple(value["nightly_psi"]),
        nightly_shift=tuple(value["nightly_shift"]),
    )


def _feature(name: str, values: Floats, groups: NDArray[np.intp] | None) -> FeatureProfile:
    edges = bin_edges(values)
    counts = bin_counts(values, edges)
    known = values[~np.isnan(values)]
    return FeatureProfile(
        name,
        tuple(float(edge) for edge in edges),
        tuple(int(count) for count in counts),
        float(np.mean(known)) if len(known) else None,
        float(np.std(known)) if len(known) else None,
        _nightly_psi(values, edges, counts, groups),
        _nightly_shift(values, groups),
    )


def _nightly_psi(values: Floats, edges: Floats, total: Counts, groups: NDArray[np.intp] | None) -> tuple[float, ...]:
    """Distance of each night to the other nights: leave one out, as a new night would be compared."""
    if groups is None or not len(groups):
        return ()
    bins = len(total)
    place = np.where(np.isnan(values), bins - 1, np.searchsorted(edges, values, side="left"))
    by_night = np.bincount(groups * bins + place, minlength=(int(groups.max()) + 1) * bins).reshape(-1, bins)
    return _ascending(psi(total - by_night, by_night))


def _nightly_shift(values: Floats, groups: NDArray[np.intp] | None) -> tuple[float, ...]:
    """Shift of each night's mean from the mean of the other nights, in squared standard deviations of the whole."""
    known = ~np.isnan(values)
    if groups is None or not known.any() or not (spread := float(np.std(values[known]))):
        return ()
    sums, rows = np.bincount(groups[known], weights=values[known]), np.bincount(groups[known])
    judged = (rows > 0) & (rows < rows.sum())
    sums, rows, total, size = sums[judged], rows[judged], sums.sum(), rows.sum()
    return _ascending(((sums / rows - (total - sums) / (size - rows)) / spread) ** 2)


def _ascending(values: Floats) -> tuple[float, ...]:
    return tuple(sorted(round(float(value), 9) for value in values))
