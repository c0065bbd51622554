"""The forms in which files write values, most particular first; the first that fits a column is its type."""

from __future__ import annotations

from dataclasses import dataclass

from nightloop.expressions.types import ColumnType

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "none", "-", "?", "\\N", "#N/A")
"""How files write a value that is not there."""
NEVER_WORDS = ("", "NA", "N/A", "#N/A", "NULL", "\\N")
"""Those of them that are no value even among words."""

_DAY = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"\d{2}:\d{2}(:\d{2}([.,]\d+)?)?"


@dataclass(frozen=True)
class Form:
    """How a value is written.

    Attributes:
        type: of the column.
        pattern: what every value looks like, a regular expression of DuckDB.
        sql: DuckDB SQL of the value; {} stands for the column.
        needs_a_time_name: whether the column's name must say that it is a time.
        is_local: whether it is a clock on a wall, of a zone the file does not tell.
        note: what a person has to look at.
    """

    type: ColumnType
    pattern: str
    sql: str
    needs_a_time_name: bool = False
    is_local: bool = False
    note: str = ""


def _times(*formats: str) -> str:
    return "strptime({}, [" + ", ".join(f"'{each}'" for each in formats) + "])"


def _slashed(first: str, second: str, note: str) -> list[Form]:
    day = f"%{first}/%{second}/%Y"
    clocks = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
    shape = r"\d{1,2}/\d{1,2}/\d{4}"
    return [
        Form("date", shape, f"strptime({{}}, '{day}')::date", note=note),
        Form(
            "timestamp",
            shape + r" \d{1,2}:\d{2}(:\d{2})?( [AaPp][Mm])?",
            _times(*(f"{day} {clock}" for clock in clocks)),
            is_local=True,
            note=note,
        ),
    ]


FORMS: tuple[Form, ...] = (
    Form("boolean", "(?i)true|false", "{}::boolean"),
    Form("date", r"(19|20)\d{6}", "strptime({}, '%Y%m%d')::date", needs_a_time_name=True),
    Form("timestamp", r"1\d{9}", "to_timestamp({}::bigint)", needs_a_time_name=True, note="read as seconds since 1970"),
    Form("timestamp", r"1\d{12}", "epoch_ms({}::bigint)", needs_a_time_name=True, note="read as milliseconds since 1970"),
    Form("integer", r"[+-]?(0|[1-9]\d{0,17})", "{}::bigint"),
    Form("number", r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", "{}::double"),
    Form("number", r"[+-]?\d{1,3}(,\d{3})*(\.\d+)?", "replace({}, ',', '')::double", note="read with commas between thousands"),
    Form("number", r"[+-]?\d+(,\d+)?", "replace({}, ',', '.')::double", note="read with a comma before the decimals"),
    Form("date", _DAY, "{}::date"),
    Form("timestamp", rf"{_DAY}[T ]{_CLOCK} ?(Z|[+-]\d{{2}}(:?\d{{2}})?)", "{}::timestamptz"),
    Form("timestamp", rf"{_DAY}[T ]{_CLOCK}", "{}::timestamp", is_local=True),
    Form("date", r"\d{4}/\d{1,2}/\d{1,2}", "strptime({}, '%Y/%m/%d')::date"),
    Form("date", r"\d{1,2}\.\d{1,2}\.\d{4}", "strptime({}, '%d.%m.%Y')::date"),
    Form(
        "timestamp",
        r"\d{1,2}\.\d{1,2}\.\d{4} \d{1,2}:\d{2}(:\d{2})?",
        _times("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M"),
        is_local=True,
    ),
    *_slashed("m", "d", "read with the month before the day"),
    *_slashed("d", "m", "read with the day before the month"),
)
