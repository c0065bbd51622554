"""What Numba compiles: filling the tables of contributions and looking rows up in them; once, cached beside this file.

No fast mathematics and a fixed order of sums, tree by tree: a row gets the same contributions alone as among others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit  # noqa: TID253 - imported by contribution_tables, when the first row is explained
from numpy.typing import NDArray

Places = NDArray[np.int32]
BLOCK = 512
"""Rows looked up at once: their columns and totals stay in the processor's cache."""


class Leaves(NamedTuple):
    """The leaves that the tables are filled from: as flat arrays, a leaf's own ones from ``…_starts[i]`` to the next.

    Attributes:
        of_group: (groups + 1,) where each group's leaves start.
        value: of each leaf.
        feature_starts: where each leaf's distinct features start in ``share``, ``place`` and ``term_starts``.
        share: of the training weight that follows all comparisons of a feature on the leaf's path.
        place: of the feature among those of the group.
        term_starts, bit, flip: of a feature's comparisons, which bit of the group's pattern tells it, and whether its opposite
            is on the path.
        weights: (d + 1, d + 1) Shapley's weight of a coalition of k among d features.
    """

    of_group: Places
    value: NDArray[np.float64]
    feature_starts: Places
    share: NDArray[np.float64]
    place: Places
    term_starts: Places
    bit: Places
    flip: Places
    weights: NDArray[np.float64]


class Lookup(NamedTuple):
    """What rows are looked up in.

    Attributes:
        tree_class: which margin each tree adds to. split_starts, group_starts: where a tree's splits and groups start.
        feature, threshold, default_left: of each split; ``x < threshold`` goes left.
        category_starts, categories: of a split by categories, which codes go right; no codes: a split by a number.
        bit_starts: where a group's bits start. term_starts, term, flip: of each bit, the splits of the tree that must go left
            (or right, where flipped).
        column_starts, columns: of each group, the features it contributes to.
        offsets: where the table of each group starts: ``table[offset + pattern * columns + column]``.
    """

    tree_class: Places
    split_starts: Places
    group_starts: Places
    feature: Places
    threshold: NDArray[np.float32]
    default_left: NDArray[np.bool_]
    category_starts: Places
    categories: NDArray[np.bool_]
    bit_starts: Places
    term_starts: Places
    term: Places
    flip: NDArray[np.uint8]
    column_starts: Places
    columns: Places
    offsets: NDArray[np.int64]
    table: NDArray[np.float32]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def fill(lookup: Lookup, leaves: Leaves) -> NDArray[np.float64]:
    """Return the table of all groups: each leaf's Shapley values, summed over the leaves of its group."""
    groups, most = len(lookup.offsets), _widest(leaves.feature_starts)
    of_leaf, sums = np.empty((1 << most, most)), np.empty(most + 1)
    last = groups - 1
    table = np.zeros(lookup.offsets[last] + (_width(lookup, last) << _bits(lookup, last)))
    for group in range(groups):
        for leaf in range(leaves.of_group[group], leaves.of_group[group + 1]):
            first, after = leaves.feature_starts[leaf], leaves.feature_starts[leaf + 1]
            _shapley(leaves.value[leaf], leaves.share[first:after], leaves.weights[after - first], of_leaf, sums)
            for pattern in range(1 << _bits(lookup, group)):
                holding = 0
                for feature in range(first, after):
                    holds = 1
                    for term in range(leaves.term_starts[feature], leaves.term_starts[feature + 1]):
                        holds &= ((pattern >> leaves.bit[term]) & 1) ^ leaves.flip[term]
                    holding |= holds << (feature - first)
                row = lookup.offsets[group] + pattern * _width(lookup, group)
                for feature in range(first, after):
                    table[row + leaves.place[feature]] += of_leaf[holding, feature - first]
    return table


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _widest(starts: Places) -> int:
    """Return the size of the largest part."""
    widest = 0
    for part in range(len(starts) - 1):
        widest = max(widest, starts[part + 1] - starts[part])
    return widest


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _bits(lookup: Lookup, group: int) -> int:
    return int(lookup.bit_starts[group + 1] - lookup.bit_starts[group])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _width(lookup: Lookup, group: int) -> int:
    return int(lookup.column_starts[group + 1] - lookup.column_starts[group])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _shapley(
    value: float,
    share: NDArray[np.float64],
    weights: NDArray[np.float64],
    of_leaf: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:
    """Write the Shapley value of each of a leaf's d features, for each pattern of which of them hold: (2^d, d).

    A coalition is worth the leaf's value times the shares of the features outside it if all inside it hold, else nothing. So
    only coalitions of holding features count: ``sums[k]`` adds, over those of size k, the shares of all outside.
    """
    features = len(share)
    for pattern in range(1 << features):
        outside = value
        for feature in range(features):
            if not (pattern >> feature) & 1:
                outside *= share[feature]
        for feature in range(features):
            sums[0], holding = outside, 0
            for other in range(features):
                if other != feature and (pattern >> other) & 1:
                    holding += 1
                    sums[holding] = sums[holding - 1]
                    for size in range(holding - 1, 0, -1):
                        sums[size] = sums[size] * share[other] + sums[size - 1]
                    sums[0] *= share[other]
            total = 0.0
            for size in range(holding + 1):
                total += weights[size] * sums[size]
            of_leaf[pattern, feature] = total * (1.0 - share[feature]) if (pattern >> feature) & 1 else -total


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def look_up(  # noqa: C901, PLR0912 - a helper that takes arrays apart costs more, at every split, than what it does
    rows: NDArray[np.float32], lookup: Lookup, contributions: NDArray[np.float32]
) -> None:
    """Write the contributions (n, c, k) of rows (n, k), a block of them at a time."""
    # Arrays by names of their own: taking one out of the tuple counts a reference, at every split of every tree.
    tree_class, split_starts, group_starts, split_feature, thresholds, default_left = lookup[:6]
    category_starts, categories, bit_starts, term_starts, terms, flips = lookup[6:12]
    column_starts, group_columns, offsets, table = lookup[12:]
    block, features, margins, most = min(len(rows), BLOCK), rows.shape[1], contributions.shape[1], _widest(split_starts)
    left, pattern, hold = np.empty((most, block), np.uint8), np.empty(block, np.uint16), np.empty(block, np.uint8)
    columns, totals = np.empty((features, block), np.float32), np.empty((margins, features, block), np.float32)
    for first in range(0, len(rows), block):
        size = min(block, len(rows) - first)
        totals[:] = 0
        for row in range(size):
            for column in range(features):
                columns[column, row] = rows[first + row, column]
        for tree in range(len(tree_class)):
            first_split, margin = split_starts[tree], tree_class[tree]
            for split in range(first_split, split_starts[tree + 1]):
                place, feature, threshold = split - first_split, split_feature[split], thresholds[split]
                start, end, missing_left = category_starts[split], category_starts[split + 1], default_left[split]
                if start < end:
                    for row in range(size):
                        x = columns[feature, row]
                        to_the_right = 0 <= x < end - start and categories[start + np.int64(x)]
                        left[place, row] = missing_left if np.isnan(x) else not to_the_right
                elif missing_left:
                    for row in range(size):
                        left[place, row] = not columns[feature, row] >= threshold
                else:
                    for row in range(size):
                        left[place, row] = columns[feature, row] < threshold
            for group in range(group_starts[tree], group_starts[tree + 1]):
                first_bit, first_column = bit_starts[group], column_starts[group]
                for row in range(size):
                    pattern[row] = 0
                for bit in range(first_bit, bit_starts[group + 1]):
                    for row in range(size):
                        hold[row] = 1
                    for term in range(term_starts[bit], term_starts[bit + 1]):
                        place, flip = terms[term], flips[term]
                        for row in range(size):
                            hold[row] &= left[place, row] ^ flip
                    for row in range(size):
                        pattern[row] |= np.uint16(hold[row]) << (bit - first_bit)
                width = column_starts[group + 1] - first_column
                for place in range(width):
                    start, column = offsets[group] + place, group_columns[first_column + place]
                    for row in range(size):
                        totals[margin, column, row] += table[start + np.int64(pattern[row]) * width]
        for row in range(size):
            for margin in range(margins):
                for column in range(features):
                    contributions[first + row, margin, column] = totals[margin, column, row]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def look_up_one(row: NDArray[np.float32], lookup: Lookup, contributions: NDArray[np.float32]) -> None:
    """Write the contributions (c, k) of one row (k,): the same sums in the same order as ``look_up``, half as long."""
    tree_class, split_starts, group_starts, split_feature, thresholds, default_left = lookup[:6]
    category_starts, categories, bit_starts, term_starts, terms, flips = lookup[6:12]
    column_starts, group_columns, offsets, table = lookup[12:]
    left = np.empty(_widest(split_starts), np.uint8)
    contributions[:] = 0
    for tree in range(len(tree_class)):
        first_split, margin = split_starts[tree], tree_class[tree]
        for split in range(first_split, split_starts[tree + 1]):
            x, start, end = row[split_feature[split]], category_starts[split], category_starts[split + 1]
            goes_left = (x < thresholds[split]) | (default_left[split] & np.isnan(x))
            if start < end and not np.isnan(x):
                goes_left = not (0 <= x < end - start and categories[start + np.int64(x)])
            left[split - first_split] = goes_left
        for group in range(group_starts[tree], group_starts[tree + 1]):
            first_bit, first_column, pattern = bit_starts[group], column_starts[group], 0
            for bit in range(first_bit, bit_starts[group + 1]):
                hold = np.uint8(1)
                for term in range(term_starts[bit], term_starts[bit + 1]):
                    hold &= left[terms[term]] ^ flips[term]
                pattern |= np.int64(hold) << (bit - first_bit)
            width = column_starts[group + 1] - first_column
            start_of_row = offsets[group] + pattern * width
            for place in range(width):
                contributions[margin, group_columns[first_column + place]] += table[start_of_row + place]
