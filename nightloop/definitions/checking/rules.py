"""The rules that the parts of a use case share: names exist, keys join, expressions fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nightloop.definitions.problems import Problems
from nightloop.definitions.use_case import UseCase
from nightloop.definitions.yaml_lines import Key
from nightloop.errors import DefinitionError, suggest
from nightloop.expressions import compile_expression
from nightloop.expressions.types import KEY_TYPES, ColumnType, ValueType

RESERVED = ("night", "event_at", "known_at", "event_night", "withdrawn")
# An entity's key stands beside these in the tables labels and scores.
BESIDE_THE_KEY = ("scored_night", "label", "probability", "prediction", "predicted_class", "decision", "model_version")
Path = Sequence[Key]


class Rules:
    """Notes each mistake in ``problems``; a rule answers whether it holds, where others build on it."""

    def __init__(self, use_case: UseCase, problems: Problems) -> None:
        self.use_case = use_case
        self.problems = problems
        entity = use_case.sources.get(use_case.entity.source)
        self.entity: dict[str, ColumnType] = entity.types if entity else {}

    def source_exists(self, name: str, path: Path) -> bool:
        """Note a source that is not declared."""
        if name in self.use_case.sources:
            return True
        self.problems.add(path, f"unknown source '{name}'.", suggest(name, self.use_case.sources, "Sources"))
        return False

    def check_names(self, names: Iterable[str], allowed: Iterable[str], path: Path, kind: str) -> bool:
        """Note each name that is not allowed here."""
        unknown = [name for name in names if name not in allowed]
        for name in unknown:
            self.problems.add(path, f"unknown column '{name}' in '{path[-1]}'.", suggest(name, allowed, kind))
        return not unknown

    def check_key(
        self, names: Sequence[str], types: Mapping[str, ColumnType], path: Path, kind: str = "Columns of the entity"
    ) -> bool:
        """Note what cannot be part of a key."""
        if not self.check_names(names, types, path, kind):
            return False
        invalid = [name for name in names if types[name] not in KEY_TYPES]
        for name in invalid:
            self.problems.add(path, f"'{name}' is a {types[name]} and cannot be a key.", f"A key is a {', '.join(KEY_TYPES)}.")
        return not invalid

    def check_joins(self, pairs: Mapping[str, str], types: Mapping[str, ColumnType], path: Path) -> None:
        """Each column of the source must have a column of the entity of the same type."""
        if not self.check_names(pairs.values(), self.entity, path, "Columns of the entity"):
            return
        for source_column, entity_column in pairs.items():
            in_source, in_entity = types[source_column], self.entity[entity_column]
            if in_source != in_entity:
                what = f"'{source_column}' is of type {in_source} in the source, '{entity_column}' of type {in_entity}"
                self.problems.add(path, f"{what} in the entity.", "Declare both as the same type.")

    def check_expression(self, text: str, types: Mapping[str, ColumnType], path: Path, *must_be: ValueType) -> None:
        """Note an expression that does not parse, does not fit the columns, or yields something else."""
        try:
            compile_expression(text, types, must_be=must_be)
        except DefinitionError as error:
            self.problems.add(path, error.what, error.do or "")
