"""Check that each feature's parts exist and fit together."""

from __future__ import annotations

from collections.abc import Mapping

from nightloop.definitions.checking.rules import RESERVED, Path, Rules
from nightloop.definitions.features import (
    CategoryFeature,
    CrossFeature,
    ExpressionFeature,
    Feature,
    LagFeature,
    LookupFeature,
    PeersFeature,
    RateFeature,
    RatioFeature,
    RecordFeature,
    WindowFeature,
)
from nightloop.expressions.types import ColumnType


class FeatureChecks(Rules):
    """The rules of features."""

    def check_feature(self, name: str, feature: Feature) -> None:
        """Note the mistakes of one feature."""
        path: Path = ("features", name)
        if name in (*RESERVED, "by", "key", *self.use_case.entity.key):
            self.problems.add(path, f"the feature name '{name}' is taken by a column of the table.", "Choose another name.")
        self.check_range(feature, path)
        match feature:
            case ExpressionFeature():
                self.check_expression(feature.expression, self.entity, (*path, "expression"), "number", "boolean")
            case LagFeature():
                self.check_expression(feature.expression, self.entity, (*path, "expression"), "number", "boolean")
            case CrossFeature():
                self.check_key(feature.columns, self.entity, (*path, "columns"))
            case CategoryFeature():
                self.check_category(feature, path)
            case PeersFeature():
                self.check_key(feature.by, self.entity, (*path, "by"))
            case LookupFeature():
                self.check_lookup(feature, path)
            case _:
                self.check_records(feature, path)

    def check_category(self, feature: CategoryFeature, path: Path) -> None:
        """The levels are values of the column, each once; a code has no range and no default."""
        for key in {"range", "default"} & feature.model_fields_set:
            self.problems.add((*path, key), f"a category has no {key}: its values are codes.", "Leave it out.")
        if not self.check_names([feature.column], self.entity, (*path, "column"), "Columns of the entity"):
            return
        type_of_column = self.entity[feature.column]
        kinds = {"string": str, "integer": int}
        if type_of_column not in kinds:
            what = f"'{feature.column}' is a {type_of_column} and cannot be a category."
            self.problems.add((*path, "column"), what, "A category is a string or an integer.")
            return
        for place, level in enumerate(feature.levels):
            if not isinstance(level, kinds[type_of_column]):
                what = f"the level {level!r} is no {type_of_column}, as '{feature.column}' is."
                self.problems.add((*path, "levels", place), what, "Write the levels as the column has them.")
            elif level in feature.levels[:place]:
                self.problems.add((*path, "levels", place), f"the level {level!r} stands twice.", "Name each once.")

    def check_range(self, feature: Feature, path: Path) -> None:
        """A range has two ends in order, and a default lies within it."""
        if feature.range is None:
            return
        low, high = feature.range
        if low > high:
            self.problems.add((*path, "range"), f"the range {[low, high]} ends before it begins.", "Write [low, high].")
        elif feature.default is not None and not low <= feature.default <= high:
            self.problems.add(
                (*path, "default"), f"the default {feature.default} is outside the range {[low, high]}.", "Widen the range."
            )

    def check_records(self, feature: RecordFeature, path: Path) -> None:
        """Note the mistakes of a feature made from tiles."""
        if not self.source_exists(feature.source, (*path, "source")):
            return
        types = self.use_case.sources[feature.source].types
        if feature.where is not None:
            self.check_expression(feature.where, types, (*path, "where"), "boolean")
        if self.check_key(feature.by, types, (*path, "by"), f"Columns of {feature.source}"):
            self.check_joins({name: name for name in feature.by}, types, (*path, "by"))
        if isinstance(feature, RateFeature):
            self.check_expression(feature.of, types, (*path, "of"), "boolean")
            return
        self.check_aggregate(feature, types, path)
        if isinstance(feature, RatioFeature) and feature.nights >= feature.to_nights:
            self.problems.add(
                (*path, "to_nights"),
                f"nights {feature.nights} is not shorter than to_nights {feature.to_nights}.",
                "The short window is divided by the long one.",
            )

    def check_aggregate(self, feature: WindowFeature | RatioFeature, types: Mapping[str, ColumnType], path: Path) -> None:
        """What is aggregated fits the function."""
        function, of = feature.function, feature.of
        if "scale" in feature.model_fields_set and function not in ("sum", "mean", "std"):
            self.problems.add((*path, "scale"), f"'{function}' sums nothing that could be rounded.", "Leave out 'scale'.")
        if function in ("count", "time_since"):
            if of is not None:
                self.problems.add(
                    (*path, "of"), f"'{function}' looks at records, not at '{of}'.", "Leave it out; filter with where."
                )
            if function == "time_since" and self.use_case.sources[feature.source].event_at is None:
                self.problems.add(
                    (*path, "source"), f"'{feature.source}' does not say when things happen.", "Give that source an event_at."
                )
            return
        if of is None:
            self.problems.add(path, f"'{function}' needs 'of'.", "Name the number to aggregate, or the column for distinct.")
        elif function == "distinct":
            self.check_key([of], types, (*path, "of"), f"Columns of {feature.source}")
        else:
            self.check_expression(of, types, (*path, "of"), "number")
            if function == "last" and self.use_case.sources[feature.source].event_at is None:
                self.problems.add(
                    (*path, "source"), f"'{feature.source}' does not say when things happen.", "Give that source an event_at."
                )

    def check_lookup(self, feature: LookupFeature, path: Path) -> None:
        """Note the mistakes of a look-up."""
        if not self.source_exists(feature.source, (*path, "source")):
            return
        source = self.use_case.sources[feature.source]
        self.check_expression(feature.expression, {**source.types, "night": "date"}, (*path, "expression"), "number", "boolean")
        if self.check_key(list(feature.by), source.types, (*path, "by"), f"Columns of {feature.source}"):
            self.check_joins(feature.by, source.types, (*path, "by"))
        if feature.latest_by:
            self.check_names([feature.latest_by], source.columns, (*path, "latest_by"), f"Columns of {feature.source}")
        elif feature.within == 1 and not set(source.key) <= set(feature.by):
            self.problems.add(
                path,
                f"one key can have several records: '{feature.source}' is unique by {', '.join(source.key)}.",
                "Name the column that orders them: latest_by.",
            )
