"""Check what the shape alone cannot show: that every name exists, every expression fits, and every key joins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

from nightloop.definitions.connectors import Connector, FilesConnector, TableConnector
from nightloop.definitions.expression_tree import ValueType
from nightloop.definitions.expressions import compile_expression
from nightloop.definitions.features import ExpressionFeature, Feature, LookupFeature, PeersFeature, RateFeature
from nightloop.definitions.keys import KEY_TYPES
from nightloop.definitions.near_names import suggest
from nightloop.definitions.patterns import fault_of
from nightloop.definitions.problems import Problems
from nightloop.definitions.use_case import ColumnType, Source, UseCase
from nightloop.definitions.yaml_lines import Key
from nightloop.errors import DefinitionError

RESERVED = ("night", "event_at", "known_at")
# An entity's key stands beside these in the tables labels and scores.
BESIDE_THE_KEY = ("scored_night", "label", "probability", "decision", "model_version")
_CRON = re.compile(r"\S+( \S+){4}")
Path = Sequence[Key]


def check_use_case(use_case: UseCase, problems: Problems) -> None:
    """Note every mistake of meaning in ``problems``."""
    _Check(use_case, problems).all()


class _Check:
    def __init__(self, use_case: UseCase, problems: Problems) -> None:
        self.use_case = use_case
        self.problems = problems
        entity = use_case.sources.get(use_case.entity.source)
        self.entity: dict[str, ColumnType] = entity.types if entity else {}

    def all(self) -> None:
        self.calendar()
        for name, source in self.use_case.sources.items():
            self.source(source, ("sources", name))
        if self.source_exists(self.use_case.entity.source, ("entity", "source")):
            self.names(self.use_case.entity.key, self.entity, ("entity", "key"), "Columns of the entity")
            self.names(
                [self.use_case.gates.fairness.group], self.entity, ("gates", "fairness", "group"), "Columns of the entity"
            )
            needed = self.use_case.model.fit_where_known
            self.names(needed, self.entity, ("model", "fit_where_known"), "Columns of the entity")
            for name, feature in self.use_case.features.items():
                self.feature(name, feature)
            self.label()

    def calendar(self) -> None:
        use_case = self.use_case
        try:
            ZoneInfo(use_case.time_zone)
        except (KeyError, ValueError, OSError):
            self.problems.add(
                ("time_zone",), f"'{use_case.time_zone}' is no time zone.", "Write one like America/New_York or UTC."
            )
        if use_case.last_night and use_case.last_night < use_case.first_night:
            self.problems.add(
                ("last_night",), f"last_night {use_case.last_night} is before first_night.", "Write the later night last."
            )
        if not _CRON.fullmatch(use_case.schedule.strip()):
            self.problems.add(
                ("schedule",), f"'{use_case.schedule}' is no cron line.", "Write five fields, for example '0 2 * * *'."
            )

    def source(self, source: Source, path: Path) -> None:
        self.names(source.key, source.columns, (*path, "key"), "Columns")
        self.connector(source.connector, (*path, "connector"))
        for name, column in source.columns.items():
            if name in RESERVED:
                self.problems.add(
                    (*path, "columns", name), f"the column name '{name}' is taken by the table itself.", "Choose another name."
                )
            self.reads_as_sql(column.expression, (*path, "columns", name, "expression"))
        for part in ("event_at", "known_at", "night"):
            if text := getattr(source, part):
                self.reads_as_sql(text, (*path, part))

    def connector(self, connector: Connector, path: Path) -> None:
        """A pattern stays in its folder, and no use case waits for itself."""
        if isinstance(connector, FilesConnector) and (fault := fault_of(connector)):
            self.problems.add((*path, "pattern"), *fault)
        if isinstance(connector, TableConnector) and connector.use_case == self.use_case.use_case:
            self.problems.add(
                (*path, "use_case"),
                f"'{connector.use_case}' would have to be run before itself.",
                "Name another use case; a feature may look up an own source.",
            )

    def reads_as_sql(self, text: str, path: Path) -> None:
        """Columns of a source are DuckDB SQL over a file that is not here yet: only its grammar can be checked."""
        from sqlglot import parse_one
        from sqlglot.errors import SqlglotError

        try:
            parse_one(text, dialect="duckdb")
        except SqlglotError:
            self.problems.add(
                path, f"'{text}' cannot be read as SQL.", "Write one DuckDB expression over the columns of the file."
            )

    def feature(self, name: str, feature: Feature) -> None:
        path: Path = ("features", name)
        if name in (*RESERVED, *self.use_case.entity.key):
            self.problems.add(path, f"the feature name '{name}' is taken by a column of the table.", "Choose another name.")
        if feature.range and feature.range[0] > feature.range[1]:
            self.problems.add((*path, "range"), f"the range {list(feature.range)} ends before it begins.", "Write [low, high].")
        match feature:
            case ExpressionFeature():
                self.expression(feature.expression, self.entity, (*path, "expression"), "number", "boolean")
            case PeersFeature():
                self.key(feature.by, self.entity, (*path, "by"))
            case RateFeature():
                self.rate(feature, path)
            case LookupFeature():
                self.lookup(feature, path)

    def rate(self, feature: RateFeature, path: Path) -> None:
        if not self.source_exists(feature.source, (*path, "source")):
            return
        types = self.use_case.sources[feature.source].types
        self.expression(feature.of, types, (*path, "of"), "boolean")
        if self.key(feature.by, types, (*path, "by"), f"Columns of {feature.source}"):
            self.joins({name: name for name in feature.by}, types, (*path, "by"))

    def lookup(self, feature: LookupFeature, path: Path) -> None:
        if not self.source_exists(feature.source, (*path, "source")):
            return
        source = self.use_case.sources[feature.source]
        self.expression(feature.expression, {**source.types, "night": "date"}, (*path, "expression"), "number", "boolean")
        if self.key(list(feature.by), source.types, (*path, "by"), f"Columns of {feature.source}"):
            self.joins(feature.by, source.types, (*path, "by"))
        if feature.latest_by:
            self.names([feature.latest_by], source.columns, (*path, "latest_by"), f"Columns of {feature.source}")
        elif not set(source.key) <= set(feature.by):
            self.problems.add(
                path,
                f"one key can have several records: '{feature.source}' is unique by {', '.join(source.key)}.",
                "Name the column that orders them: latest_by.",
            )

    def label(self) -> None:
        label, path = self.use_case.label, ("label",)
        if not self.source_exists(label.source, (*path, "source")):
            return
        source = self.use_case.sources[label.source]
        self.expression(label.expression, source.types, (*path, "expression"), "boolean")
        if self.key(list(label.join), source.types, (*path, "join"), f"Columns of {label.source}"):
            self.joins(label.join, source.types, (*path, "join"))
        if source.known_at is None:
            self.problems.add(
                (*path, "source"), f"'{label.source}' does not say when its records are known.", "Give that source a known_at."
            )

    # --- the rules that several parts share

    def source_exists(self, name: str, path: Path) -> bool:
        if name in self.use_case.sources:
            return True
        self.problems.add(path, f"unknown source '{name}'.", suggest(name, self.use_case.sources, "Sources"))
        return False

    def names(self, names: Iterable[str], allowed: Iterable[str], path: Path, kind: str) -> bool:
        unknown = [name for name in names if name not in allowed]
        for name in unknown:
            self.problems.add(path, f"unknown column '{name}' in '{path[-1]}'.", suggest(name, allowed, kind))
        return not unknown

    def key(
        self, names: Sequence[str], types: Mapping[str, ColumnType], path: Path, kind: str = "Columns of the entity"
    ) -> bool:
        if not self.names(names, types, path, kind):
            return False
        unfit = [name for name in names if types[name] not in KEY_TYPES]
        for name in unfit:
            self.problems.add(path, f"'{name}' is a {types[name]} and cannot be a key.", f"A key is a {', '.join(KEY_TYPES)}.")
        return not unfit

    def joins(self, pairs: Mapping[str, str], types: Mapping[str, ColumnType], path: Path) -> None:
        """Each column of the source must have a column of the entity of the same type."""
        if not self.names(pairs.values(), self.entity, path, "Columns of the entity"):
            return
        for theirs, ours in pairs.items():
            if types[theirs] != self.entity[ours]:
                self.problems.add(
                    path,
                    f"'{theirs}' is of type {types[theirs]} in the source, '{ours}' of type {self.entity[ours]} in the entity.",
                    "Declare both as the same type.",
                )

    def expression(self, text: str, types: Mapping[str, ColumnType], path: Path, *must_be: ValueType) -> None:
        try:
            compile_expression(text, types, must_be=must_be)
        except DefinitionError as error:
            self.problems.add(path, error.what, error.do or "")
