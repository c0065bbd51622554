"""Divide rows into groups, and sum each group's means by night: all that comparing groups needs of the rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.intervals import CONFIDENCE, Bools, Floats, student_quantile
from nightloop.evidence.verdict import Figure

CROSS = " x "
GROUP_NIGHTS = 5  # rows of fewer nights tell too little of how a group fares on others


@dataclass(frozen=True)
class Grouping:
    """One way to divide the rows.

    Attributes:
        name: the attribute, or the attributes joined by ``CROSS``.
        groups: (g,) names of the groups, ascending.
        place: (n,) the place of each row's group in ``groups``.
        is_crossing: whether several attributes are taken together.
    """

    name: str
    groups: tuple[str, ...]
    place: NDArray[np.int64]
    is_crossing: bool = False


def grouping(name: str, values: NDArray[Any], *, prefix: str = "") -> Grouping:
    """Divide by the values (n,) of one attribute, read as texts; ``prefix`` stands before each group's name."""
    texts = values.tolist()
    distinct = sorted(set(texts))
    index = {value: place for place, value in enumerate(distinct)}  # a tenth of the time that sorting the texts takes
    place = np.fromiter(map(index.__getitem__, texts), np.int64, len(texts))
    return Grouping(name, tuple(f"{prefix}{value}" for value in distinct), place)


def crossing(parts: Sequence[Grouping]) -> Grouping:
    """Divide by several attributes taken together: one group for each combination that has rows."""
    place = np.zeros(len(parts[0].place), dtype=np.int64)
    for part in parts:
        place = place * len(part.groups) + part.place
    cells = np.flatnonzero(np.bincount(place))
    sizes = tuple(len(part.groups) for part in parts)
    members = zip(*np.unravel_index(cells, sizes), strict=True) if len(cells) else ()
    names = tuple(", ".join(part.groups[of] for part, of in zip(parts, member, strict=True)) for member in members)
    return Grouping(CROSS.join(part.name for part in parts), names, np.searchsorted(cells, place), is_crossing=True)


def groupings(attributes: Mapping[str, NDArray[Any]], crossings: Sequence[Sequence[str]] = ()) -> tuple[Grouping, ...]:
    """Return a grouping for each attribute (n,), then one for each crossing of them.

    Groups of the first attribute are named by their values alone, as pages show them; all others as ``attribute=value``.
    """
    named = {name: grouping(name, values, prefix=f"{name}=") for name, values in attributes.items()}
    first = next(iter(attributes), None)
    singles = [
        Grouping(name, tuple(group.removeprefix(f"{name}=") for group in each.groups), each.place) if name == first else each
        for name, each in named.items()
    ]
    return (*singles, *(crossing([named[name] for name in names]) for names in crossings))


@dataclass(frozen=True)
class Mean:
    """A mean of rows.

    Attributes:
        values: (n,) what is averaged; bool where the mean is a share.
        among: (n,) the rows that count; None: all.
    """

    values: Floats | Bools
    among: Bools | None = None


@dataclass(frozen=True)
class Counts:
    """One mean of each group of a grouping, by night.

    Attributes:
        groups: (g,) names.
        sums, rows: (t, g) sum of the values and number of the rows that count, by night.
        is_share: whether each row adds 0 or 1.
    """

    groups: tuple[str, ...]
    sums: Floats
    rows: Floats
    is_share: bool

    @property
    def values(self) -> Floats:
        """The mean of each group (g,); NaN without rows."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.sums.sum(axis=0) / self.rows.sum(axis=0))

    @property
    def influence(self) -> Floats:
        """What each night adds to the error of each mean (t, g)."""
        with np.errstate(invalid="ignore"):
            return np.asarray((self.sums - self.values * self.rows) / self.rows.sum(axis=0))

    @property
    def covariance(self) -> Floats:
        """Of the means (g, g), with nights as the independent units.

        A share of 0 or 1 shows no variance between nights, and is not certain for that: it gets that of one with half a row
        more on either side.
        """
        nights, sums, rows = len(self.sums), self.sums.sum(axis=0), self.rows.sum(axis=0)
        between = self.influence.T @ self.influence * nights / max(nights - 1, 1)
        added = np.zeros(len(self.groups))
        if self.is_share:
            share = (sums + 0.5) / (rows + 1)
            certain = (sums == 0) | (sums == rows)
            added[certain] = (share * (1 - share) / (rows + 1))[certain]
        return np.asarray(between + np.diag(added))

    def is_small(self, minimum_rows: int, minimum_nights: int) -> Bools:
        """Mark the groups (g,) with fewer rows that count, or rows of fewer nights."""
        few_nights = (self.rows > 0).sum(axis=0) < minimum_nights
        return np.asarray((self.rows.sum(axis=0) < max(minimum_rows, 1)) | few_nights, dtype=np.bool_)

    def of(self, chosen: Bools) -> Counts:
        """Return some of the groups (g,)."""
        names = tuple(name for name, stays in zip(self.groups, chosen, strict=True) if stays)
        return replace(self, groups=names, sums=self.sums[:, chosen], rows=self.rows[:, chosen])

    def pooled(self, small: Bools) -> Counts:
        """Take the marked groups (g,) together as one, which comes last; nothing changes where there are not two."""
        if small.sum() < 2:  # noqa: PLR2004 - one group is no pool
            return self
        rest = self.of(~small)
        name = f"{small.sum()} smaller groups"
        sums, rows = (part[:, small].sum(axis=1, keepdims=True) for part in (self.sums, self.rows))
        return replace(self, groups=(*rest.groups, name), sums=np.hstack([rest.sums, sums]), rows=np.hstack([rest.rows, rows]))

    def figures(self, metric: str) -> tuple[Figure, ...]:
        """Return each group's mean with the interval that is its alone."""
        nights = len(self.sums)
        reach = np.full(len(self.groups), np.nan)
        if nights > 1:
            reach = student_quantile(0.5 + CONFIDENCE / 2, nights - 1) * np.sqrt(np.diag(self.covariance))
        return tuple(
            Figure(metric, float(value), *_ends(float(value), float(half)), int(size), name)
            for name, value, half, size in zip(self.groups, self.values, reach, self.rows.sum(axis=0), strict=True)
        )

    def shrunken(self, metric: str) -> tuple[Figure, ...]:
        """Return each mean pulled towards that of all, the more the larger its error: no verdict looks at it.

        The empirical Bayes estimate, with the variance between groups by the method of moments (DerSimonian and Laird 1986;
        Efron and Morris 1975): of many small groups the extremes are mostly noise.
        """
        if len(self.groups) < 3 or len(self.sums) < 2 or not np.isfinite(self.values).all():  # noqa: PLR2004 - Stein's three
            return ()
        variance = np.maximum(np.diag(self.covariance), np.finfo(float).tiny)
        weight = 1 / variance
        centre = float(np.sum(weight * self.values) / weight.sum())
        excess = float(np.sum(weight * (self.values - centre) ** 2)) - (len(self.groups) - 1)
        between = max(excess / float(weight.sum() - np.sum(weight**2) / weight.sum()), 0.0)
        pulled = centre + between / (between + variance) * (self.values - centre)
        sizes = self.rows.sum(axis=0)
        return tuple(
            Figure(f"{metric}_shrunken", float(value), None, None, int(size), name)
            for name, value, size in zip(self.groups, pulled, sizes, strict=True)
        )


def count(mean: Mean, grouping: Grouping, night: NDArray[Any], nights: int) -> Counts:
    """Sum a mean by night and group; ``night`` (n,) is the place of each row's night among the ``nights``."""
    groups = len(grouping.groups)
    cell, values, shape = night * groups + grouping.place, mean.values.astype(np.float64), (nights, groups)
    if mean.among is not None:
        cell, values = cell[mean.among], values[mean.among]
    rows = np.bincount(cell, minlength=nights * groups).astype(np.float64)
    sums = np.bincount(cell, weights=values, minlength=nights * groups).astype(np.float64)
    return Counts(grouping.groups, sums.reshape(shape), rows.reshape(shape), mean.values.dtype == np.bool_)


def small_groups(counts: Sequence[Counts], minimum_rows: int, minimum_nights: int) -> tuple[str, ...]:
    """Return the groups that are too small for any of the means, each with the least of its rows that count."""
    rows = np.min([each.rows.sum(axis=0) for each in counts], axis=0)
    nights = np.min([(each.rows > 0).sum(axis=0) for each in counts], axis=0)
    small = np.any([each.is_small(minimum_rows, minimum_nights) for each in counts], axis=0)
    return tuple(
        f"{name} ({rows[place]:.0f}{f' of {nights[place]} nights' if rows[place] >= minimum_rows else ''})"
        for place, name in enumerate(counts[0].groups)
        if small[place]
    )


def pool_small(
    counts: Mapping[str, Counts], minimum_rows: int, minimum_nights: int
) -> tuple[dict[str, Counts], tuple[str, ...]]:
    """Take together, in every mean, the groups that are too small for any; return the means, and the names of those groups."""
    small = np.any([each.is_small(minimum_rows, minimum_nights) for each in counts.values()], axis=0)
    names = next(iter(counts.values())).groups
    if small.sum() < 2:  # noqa: PLR2004 - one group is no pool
        return dict(counts), ()
    pooled = tuple(name for name, is_small in zip(names, small, strict=True) if is_small)
    return {name: each.pooled(np.asarray(small, dtype=np.bool_)) for name, each in counts.items()}, pooled


def _ends(value: float, reach: float) -> tuple[float | None, float | None]:
    return (value - reach, value + reach) if np.isfinite(reach) else (None, None)


def check_by_fairlearn(means: Mapping[str, Mean], grouping: Grouping, figures: Sequence[Figure]) -> None:
    """Hold our rates of one grouping against Fairlearn's: two routes to one number.

    Raises:
        ArithmeticError: they differ, so neither may be believed.
    """
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

    rates = {
        "selection_rate": selection_rate,
        "true_positive_rate": true_positive_rate,
        "false_positive_rate": false_positive_rate,
    }
    counted = {(figure.metric, figure.group): figure.value for figure in figures}
    for name, rate in rates.items():
        if name not in means:
            continue
        place, label, selected, weight = _cells(means[name], grouping, is_negative=name == "false_positive_rate")
        frame = MetricFrame(
            metrics=rate,
            y_true=label,
            y_pred=selected,
            sensitive_features=place,
            sample_params={"sample_weight": weight},
        )
        for of, by_fairlearn in frame.by_group.items():
            group = grouping.groups[of]
            value = counted[(name, group)]
            if not (math.isnan(value) or math.isclose(by_fairlearn, value, abs_tol=1e-9)):
                raise ArithmeticError(f"the {name} of {group} is {value} by our count and {by_fairlearn} by Fairlearn's.")


def _cells(
    mean: Mean, grouping: Grouping, *, is_negative: bool
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return group, label, decision and number of the rows that agree in all three: Fairlearn takes seconds for a million."""
    among = np.ones(len(grouping.place), dtype=np.bool_) if mean.among is None else mean.among
    label = ~among if is_negative else among
    rows = np.bincount(grouping.place * 4 + label * 2 + mean.values.astype(np.int64))
    cells = np.flatnonzero(rows)
    return cells // 4, cells // 2 % 2, cells % 2, rows[cells]
