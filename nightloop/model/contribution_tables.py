"""Exact contributions to the margins of boosted trees, looked up in tables instead of worked out row by row.

The path-dependent Shapley values of a leaf (Lundberg et al. 2020) depend on a row only by which comparisons on the leaf's path
hold: one table a leaf holds them all (Yang 2021, "Fast TreeSHAP", v2). Ours take neighbouring leaves together: the leaves below
a node share the comparisons above it, so one pattern of at most PATTERN_BITS bits tells all of them, and one look-up a feature
adds what four leaves or more contribute. Fewer look-ups and smaller tables than by leaf, and no instruction of one processor.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nightloop.model.contribution_kernels import Lookup

PATTERN_BITS = 8
LARGEST = 256 << 20
"""Bytes that the tables of a model may take: beyond, its contributions are worked out row by row."""
MOST_STEPS = 4e9
"""Additions that filling them may take, some ten seconds: trees whose leaves lie below many different features need more."""
LEAF = -1


@dataclass(frozen=True)
class ContributionTables:
    """The tables of one model."""

    lookup: Lookup
    margins: int

    def contributions(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what each feature contributes to each margin, (n, c, k), of rows (n, k); NaN where missing."""
        from nightloop.model import contribution_kernels as kernels

        effects = np.empty((len(rows), self.margins, rows.shape[1]), np.float32)
        if len(rows) == 1:
            kernels.look_up_one(rows[0], self.lookup, effects[0])
        else:
            kernels.look_up(rows, self.lookup, effects)
        return effects


def contribution_tables(model: Mapping[str, Any]) -> ContributionTables | None:
    """Build the tables of a model that XGBoost wrote as JSON; None where they would be too large, or it is no sum of trees."""
    booster, learner = model["learner"]["gradient_booster"], model["learner"]["learner_model_param"]
    if booster["name"] != "gbtree":
        return None
    trees, margins = booster["model"]["trees"], booster["model"]["tree_info"]
    if any(int(tree["tree_param"].get("size_leaf_vector", 1)) > 1 for tree in trees):
        return None
    flat = _Flat()
    for tree, margin in zip(trees, margins, strict=True):
        if not _Tree(tree).add_to(flat, margin):
            return None
    return ContributionTables(flat.filled(), max(int(learner["num_class"]), 1)) if flat.tree_class else None


@dataclass
class _Flat:
    """Arrays of all trees as they grow; see ``contribution_kernels`` for what each holds."""

    tree_class: list[int] = field(default_factory=list)
    split_starts: list[int] = field(default_factory=lambda: [0])
    group_starts: list[int] = field(default_factory=lambda: [0])
    feature: list[int] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)
    default_left: list[bool] = field(default_factory=list)
    category_starts: list[int] = field(default_factory=lambda: [0])
    categories: list[bool] = field(default_factory=list)
    bit_starts: list[int] = field(default_factory=lambda: [0])
    term_starts: list[int] = field(default_factory=lambda: [0])
    term: list[int] = field(default_factory=list)
    flip: list[int] = field(default_factory=list)
    column_starts: list[int] = field(default_factory=lambda: [0])
    columns: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    entries: int = 0
    steps: float = 0
    leaves_of_group: list[int] = field(default_factory=lambda: [0])
    leaf_value: list[float] = field(default_factory=list)
    leaf_features: list[int] = field(default_factory=lambda: [0])
    leaf_share: list[float] = field(default_factory=list)
    leaf_place: list[int] = field(default_factory=list)
    leaf_terms: list[int] = field(default_factory=lambda: [0])
    leaf_bit: list[int] = field(default_factory=list)
    leaf_flip: list[int] = field(default_factory=list)

    @property
    def fits(self) -> bool:
        """Whether the tables so far may be filled."""
        return 4 * self.entries <= LARGEST and self.steps <= MOST_STEPS

    def filled(self) -> Lookup:
        """Return what rows are looked up in."""
        from nightloop.model import contribution_kernels as kernels

        lookup = kernels.Lookup(
            tree_class=_places(self.tree_class),
            split_starts=_places(self.split_starts),
            group_starts=_places(self.group_starts),
            feature=_places(self.feature),
            threshold=np.array(self.threshold, dtype=np.float32),
            default_left=np.array(self.default_left, dtype=np.bool_),
            category_starts=_places(self.category_starts),
            categories=np.array(self.categories, dtype=np.bool_),
            bit_starts=_places(self.bit_starts),
            term_starts=_places(self.term_starts),
            term=_places(self.term),
            flip=np.array(self.flip, dtype=np.uint8),
            column_starts=_places(self.column_starts),
            columns=_places(self.columns),
            offsets=np.array(self.offsets, dtype=np.int64),
            table=np.empty(0, dtype=np.float32),
        )
        leaves = kernels.Leaves(
            of_group=_places(self.leaves_of_group),
            value=np.array(self.leaf_value, dtype=np.float64),
            feature_starts=_places(self.leaf_features),
            share=np.array(self.leaf_share, dtype=np.float64),
            place=_places(self.leaf_place),
            term_starts=_places(self.leaf_terms),
            bit=_places(self.leaf_bit),
            flip=_places(self.leaf_flip),
            weights=_weights(int(np.diff(self.leaf_features).max())),
        )
        return lookup._replace(table=kernels.fill(lookup, leaves).astype(np.float32))


def _places(values: Sequence[int]) -> NDArray[np.int32]:
    return np.array(values, dtype=np.int32)


def _weights(most: int) -> NDArray[np.float64]:
    """Return Shapley's weights: of a coalition of k among d features, k! (d - k - 1)! / d!."""
    weights = np.zeros((most + 1, most + 1))
    for features in range(1, most + 1):
        for size in range(features):
            weights[features, size] = 1 / (features * math.comb(features - 1, size))
    return weights


_Comparison = tuple[int, bool]  # a node, and whether the path goes left of it


@dataclass(frozen=True)
class _OfFeature:
    """The comparisons of one feature on a leaf's path: the share of weight that follows them, and the bits that tell them."""

    share: float
    terms: tuple[tuple[int, int], ...]

    def and_also(self, share: float, bit: int, flip: int) -> _OfFeature:
        return _OfFeature(self.share * share, (*self.terms, (bit, flip)))


_NOTHING = _OfFeature(1.0, ())


class _Tree:
    """A tree of the model, by its arrays of nodes."""

    def __init__(self, tree: Mapping[str, Any]) -> None:
        self._left: list[int] = tree["left_children"]
        self._right: list[int] = tree["right_children"]
        self._feature: list[int] = tree["split_indices"]
        self._value: list[float] = tree["split_conditions"]  # a threshold, or what a leaf adds
        self._default_left: list[int] = tree["default_left"]
        self._weight: list[float] = tree["sum_hessian"]
        sizes = zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True)
        self._categories = {node: tree["categories"][start : start + size] for node, start, size in sizes}
        self._order = self._from_the_root()
        self._splits_below = dict.fromkeys(self._order, 0)
        for node in reversed(self._order):
            if self._left[node] != LEAF:
                below = self._splits_below[self._left[node]] + self._splits_below[self._right[node]]
                self._splits_below[node] = 1 + below
        splits = (node for node in self._order if self._left[node] != LEAF)
        self._place = {node: place for place, node in enumerate(splits)}

    def _from_the_root(self) -> list[int]:
        order, waiting = [], [0]
        while waiting:
            node = waiting.pop()
            order.append(node)
            if self._left[node] != LEAF:
                waiting += [self._right[node], self._left[node]]
        return order

    def add_to(self, flat: _Flat, margin: int) -> bool:
        """Add the tree to the arrays, and tell whether it could be: all weights positive, and the tables not too large."""
        if any(self._weight[node] <= 0 for node in self._place):
            return False
        flat.tree_class.append(margin)
        for node in self._place:
            codes = self._categories.get(node)
            flat.feature.append(self._feature[node])
            flat.threshold.append(self._value[node])
            flat.default_left.append(bool(self._default_left[node]))
            flat.categories += [] if codes is None else np.isin(np.arange(max(codes) + 1), codes).tolist()
            flat.category_starts.append(len(flat.categories))
        flat.split_starts.append(len(flat.feature))
        waiting: list[tuple[int, tuple[_Comparison, ...]]] = [(0, ())]
        while waiting and flat.fits:
            node, path = waiting.pop()
            above = {self._feature[passed] for passed, _ in path}
            if self._left[node] != LEAF and len(above) + self._splits_below[node] > PATTERN_BITS:
                waiting += [(self._right[node], (*path, (node, False))), (self._left[node], (*path, (node, True)))]
            else:
                self._add_group(flat, node, path)
        flat.group_starts.append(len(flat.offsets))
        return flat.fits

    def _add_group(self, flat: _Flat, root: int, path: Sequence[_Comparison]) -> None:
        """Add the leaves below a node: a bit for each feature above it and for each split below."""
        above: dict[int, _OfFeature] = {}
        for feature in dict.fromkeys(self._feature[node] for node, _ in path):
            passed = [(node, left) for node, left in path if self._feature[node] == feature]
            flat.term += [self._place[node] for node, _ in passed]
            flat.flip += [int(not left) for _, left in passed]
            flat.term_starts.append(len(flat.term))
            above[feature] = _OfFeature(math.prod(self._share(*each) for each in passed), ((len(above), 0),))
        bits: dict[int, int] = {}
        waiting, leaves = [(root, above)], []
        while waiting:
            node, held = waiting.pop()
            if self._left[node] == LEAF:
                leaves.append((self._value[node], held))
                continue
            bits[node] = len(above) + len(bits)
            flat.term.append(self._place[node])
            flat.flip.append(0)
            flat.term_starts.append(len(flat.term))
            feature = self._feature[node]
            for child, left in ((self._right[node], False), (self._left[node], True)):
                both = held.get(feature, _NOTHING).and_also(self._share(node, left), bits[node], int(not left))
                waiting.append((child, {**held, feature: both}))
        columns = list(dict.fromkeys([*above, *(self._feature[node] for node in bits)]))
        count = len(above) + len(bits)
        flat.bit_starts.append(flat.bit_starts[-1] + count)
        flat.columns += columns
        flat.column_starts.append(len(flat.columns))
        flat.offsets.append(flat.entries)
        flat.entries += len(columns) << count
        for value, held in leaves:
            flat.steps += 2.0 ** len(held) * len(held) ** 3
            flat.leaf_value.append(value)
            for feature, of_feature in held.items():
                flat.leaf_share.append(of_feature.share)
                flat.leaf_place.append(columns.index(feature))
                flat.leaf_bit += [bit for bit, _ in of_feature.terms]
                flat.leaf_flip += [flip for _, flip in of_feature.terms]
                flat.leaf_terms.append(len(flat.leaf_bit))
            flat.leaf_features.append(len(flat.leaf_share))
        flat.leaves_of_group.append(len(flat.leaf_value))

    def _share(self, node: int, left: bool) -> float:
        """Return the share of a node's training weight that goes to one side."""
        return self._weight[self._left[node] if left else self._right[node]] / self._weight[node]


def from_booster(booster: Any) -> ContributionTables | None:
    """Build the tables of XGBoost's Booster; None: see ``contribution_tables``."""
    return contribution_tables(json.loads(booster.save_raw(raw_format="json")))
