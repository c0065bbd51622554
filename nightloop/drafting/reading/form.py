"""What a form of values is: how they look, and the SQL that reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nightloop.expressions.types import ColumnType

Need = Literal["time name", "time name or many", "two words", "few or key", ""]


@dataclass(frozen=True)
class Form:
    """How a value is written.

    Attributes:
        type: of the column.
        pattern: what every value looks like, a regular expression (RE2).
        sql: DuckDB SQL of the value; {0} stands for the column. It fails on what is of another form.
        need: what else must hold: that the column's name says it is a time (or its values are so many that no other numbers
            would all look like it), that both words of a pair are there, or that the values are few or those of a key: by its
            name, or because none repeats.
        is_local: whether it is a clock on a wall, of a zone the file does not tell.
        is_certain: whether all that looks like it is of the type.
        other: the pattern's other reading, where day and month may change places.
        note: what a person has to look at.
    """

    type: ColumnType
    pattern: str
    sql: str
    need: Need = ""
    is_local: bool = False
    is_certain: bool = False
    other: str = ""
    note: str = ""
