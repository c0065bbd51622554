"""What a caller sends: the entity's columns as the use case declares them, checked field by field.

The models are made from the definition, so that /docs shows its real names, types, units and descriptions.
"""

from __future__ import annotations

import datetime
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, create_model

from nightloop.definitions import UseCase
from nightloop.definitions.use_case import Column
from nightloop.expressions.normal_forms import normal_text
from nightloop.features.group_columns import decision_columns
from nightloop.features.online import OnlineFeatures
from nightloop.nights import Night
from serving.problems import LONGEST_ECHO, MOST_MISTAKES, BadRequest, Mistake, TooLarge, mistakes_of, short

LONGEST_TEXT = 1000
INT64 = 2**63

TYPES: Mapping[str, Any] = {
    "string": Annotated[str, Field(max_length=LONGEST_TEXT)],
    "integer": Annotated[int, Field(ge=-INT64, le=INT64 - 1)],
    "number": Annotated[float, Field(allow_inf_nan=False)],
    "boolean": bool,
    "date": datetime.date,
    "timestamp": AwareDatetime,
}

EXAMPLES: Mapping[str, object] = {
    "string": "AA",
    "integer": 7,
    "number": 1.5,
    "boolean": True,
    "date": "2013-04-02",
    "timestamp": "2013-04-02T11:00:00Z",
}


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        before: set[str] = set()
        twice = next(name for name, _ in pairs if name in before or before.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"'{twice[:LONGEST_ECHO]}' is given twice in one object")
    return values


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _null_where_nan(text: str) -> None:
    if text != "NaN":
        _no_number(text)


_DECODER = json.JSONDecoder(object_pairs_hook=_object_of, parse_constant=_no_number)
_DECODER_WITH_NAN = json.JSONDecoder(object_pairs_hook=_object_of, parse_constant=_null_where_nan)


def entity_columns(use_case: UseCase) -> Mapping[str, Column]:
    """Return the columns of what is scored."""
    return use_case.sources[use_case.entity.source].columns


def needed_columns(use_case: UseCase) -> set[str]:
    """Return the columns a caller must name: the key, all that a feature reads, and a group that decisions may go by."""
    return {*use_case.entity.key, *OnlineFeatures(use_case).columns, *decision_columns(use_case)}


def row_model(use_case: UseCase, allowed: Mapping[str, Any] = MappingProxyType({})) -> type[BaseModel]:
    """Make the model of one row.

    The key must hold a value; what a feature reads must be named (null: not known); the rest may be left out.

    Args:
        use_case: whose rows.
        allowed: column -> a value that its contract allows, for the example.
    """
    needed = needed_columns(use_case)
    fields: dict[str, Any] = {
        name: _field(column, is_key=name in use_case.entity.key, is_needed=name in needed)
        for name, column in entity_columns(use_case).items()
    }
    columns = {name: column for name, column in entity_columns(use_case).items() if name in needed}
    example: Any = {name: allowed.get(name, EXAMPLES[column.type]) for name, column in columns.items()}
    return create_model(
        f"{title_of(use_case)}Row",
        __config__=ConfigDict(extra="forbid", strict=True, json_schema_extra={"example": example}),
        __doc__=use_case.sources[use_case.entity.source].description,
        **fields,
    )


def _field(column: Column, *, is_key: bool, is_needed: bool) -> tuple[Any, Any]:
    text = column.description + (f" Unit: {column.unit}." if column.unit else "")
    kind = TYPES[column.type]
    if column.normal:
        kind = Annotated[kind, AfterValidator(lambda value: normal_text(value, column.normal))]
    if is_key:
        return kind, Field(..., description=f"{text} Part of the key.")
    if is_needed:
        return kind | None, Field(..., description=f"{text} null: not known.")
    return kind | None, Field(None, description=f"{text} No feature reads it.")


def title_of(use_case: UseCase) -> str:
    """Return the use case's name as the names of models begin with it."""
    return "".join(part.capitalize() for part in use_case.use_case.split("_"))


@dataclass(frozen=True)
class Rows:
    """What a body held."""

    rows: list[dict[str, Any]]
    is_batch: bool = False
    night: Night | None = None  # whose aggregates were asked for


@dataclass(frozen=True)
class RowReader:
    """Reads a body: one row, or {"rows": [...]}."""

    use_case: UseCase
    max_rows: int
    allowed: Mapping[str, Any] = field(default_factory=dict)  # of columns, for the example

    @cached_property
    def row(self) -> type[BaseModel]:
        """The model of one row."""
        return row_model(self.use_case, self.allowed)

    @cached_property
    def batch(self) -> type[BaseModel]:
        """The model of several rows."""
        rows: Any = list[self.row]  # type: ignore[name-defined]
        return create_model(
            f"{title_of(self.use_case)}Rows",
            __config__=ConfigDict(extra="forbid", strict=True),
            __doc__="Several rows, answered in their order.",
            rows=(rows, Field(..., min_length=1, max_length=self.max_rows)),
            night=(datetime.date | None, Field(None, description="Same as the parameter night.")),
        )

    def read(self, body: bytes) -> Rows:
        """Read and check the rows.

        Raises:
            BadRequest: not JSON, or a field is missing, unknown or wrong.
            TooLarge: more rows than one request may carry.
        """
        is_batch = self._is_batch(body)
        try:
            checked = (self.batch if is_batch else self.row).model_validate_json(body)
        except ValidationError as error:
            raise self._refusal(error) from error
        if not is_batch:
            return Rows([dict(checked)])
        values = dict(checked)
        return Rows([dict(row) for row in values["rows"]], is_batch=True, night=values["night"])

    def read_rows(self, rows: list[Any]) -> Rows:
        """Check rows that another format held.

        Raises:
            BadRequest: a row is no object, or a field is missing, unknown or wrong.
            TooLarge: more rows than one request may carry.
        """
        self._refuse_rows(rows)
        try:
            checked = dict(self.batch.model_validate_json(json.dumps({"rows": rows}, allow_nan=False)))
        except ValidationError as error:
            raise self._refusal(error) from error
        except ValueError as error:  # infinite: a number as 1e999 is read so
            raise BadRequest("a number is too large.", do="Send finite numbers; null where it is not known.") from error
        return Rows([dict(row) for row in checked["rows"]], is_batch=True)

    def _is_batch(self, body: bytes) -> bool:
        value = self.parse(body)
        if not isinstance(value, dict):
            kind = type(value).__name__
            raise BadRequest(f"the body is a JSON {kind}, not an object.", do='Send one JSON object, or {"rows": [...]}.')
        is_batch = "rows" in value and "rows" not in entity_columns(self.use_case)
        if is_batch and isinstance(value["rows"], list):
            self._refuse_rows(value["rows"])
        else:
            self._refuse_shape(value, "")
        return is_batch

    def _refuse_rows(self, rows: list[Any]) -> None:
        if len(rows) > self.max_rows:
            raise TooLarge(
                f"the request has {len(rows):,} rows; one request may carry {self.max_rows:,}.",
                do="Send fewer rows at a time, or score the night with python -m jobs score.",
            )
        for place, row in enumerate(rows):
            self._refuse_shape(row, f"rows.{place}.")

    def parse(self, body: bytes, *, with_nan: bool = False) -> Any:
        """Parse the body as JSON; a name that is given twice is refused, for whichever counted would be a guess.

        Args:
            body: of a request.
            with_nan: whether NaN, which is no JSON, stands for null: so do clients write a number that is missing.

        Raises:
            BadRequest: not JSON, or of more values than rows can have: parsing them would hold up others.
        """
        most = 2 * self.max_rows * (len(entity_columns(self.use_case)) + MOST_MISTAKES)
        if (values := sum(body.count(sign) for sign in (b",", b"[", b"{"))) > most:
            raise BadRequest(
                f"the body has {values:,} commas and brackets; {self.max_rows:,} rows may have {most:,}.",
                do="Send one value a field, and fewer rows at a time.",
            )
        try:
            return (_DECODER_WITH_NAN if with_nan else _DECODER).decode(body.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"not readable as JSON: {error}.", do='Send one JSON object, or {"rows": [...]}.') from error

    def _refuse_shape(self, row: Any, where: str) -> None:
        """Refuse what would cost seconds to check field by field: far more fields than there are, or a field of many things.

        Raises:
            BadRequest: the row is of such a shape.
        """
        if not isinstance(row, dict):
            return
        columns = entity_columns(self.use_case)
        if len(row) > len(columns) + MOST_MISTAKES:
            unknown = itertools.islice((name for name in row if name not in columns), MOST_MISTAKES)
            raise BadRequest(
                f"a row has {len(row):,} fields; use case '{self.use_case.use_case}' declares {len(columns)}.",
                do="Send the fields that /docs shows.",
                mistakes=[
                    Mistake(where=f"{where}{name}"[:LONGEST_ECHO], what="Not a declared field", read=short(row[name]))
                    for name in unknown
                ],
            )
        for name, value in row.items():
            if isinstance(value, (list, dict)) and len(value) > MOST_MISTAKES:
                raise BadRequest(
                    f"a field holds {len(value):,} values, where one is asked for.",
                    do='Send one value a field; several rows as {"rows": [...]}.',
                    mistakes=[
                        Mistake(where=f"{where}{name}"[:LONGEST_ECHO], what="Input should be one value", read=short(value))
                    ],
                )

    def _refusal(self, error: ValidationError) -> BadRequest:
        count = error.error_count()
        return BadRequest(
            f"{count} {'field is' if count == 1 else 'fields are'} not as use case '{self.use_case.use_case}' declares.",
            do="Correct the fields named in 'mistakes'; /docs shows what each must hold.",
            mistakes=mistakes_of(error),
        )
