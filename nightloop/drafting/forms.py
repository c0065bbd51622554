"""The forms in which files write values, most particular first; the first that fits a column is its type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nightloop.expressions.types import ColumnType

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "none", "-", "?", "\\N", "#N/A")
"""How files write a value that is not there."""
NEVER_WORDS = ("", "NA", "N/A", "#N/A", "NULL", "\\N")
"""Those of them that are no value even among words."""

Need = Literal["time name", "two words", "few or key", ""]

_CLOCK = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?"


@dataclass(frozen=True)
class Form:
    """How a value is written.

    Attributes:
        type: of the column.
        pattern: what every value looks like, a regular expression (RE2).
        sql: DuckDB SQL of the value; {0} stands for the column. It fails on what is of another form.
        need: what else must hold: that the column's name says it is a time, that both words of a pair are there, or that the
            values are few or the name is that of a key.
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


def _words(true: str, false: str) -> Form:
    cases = f"case lower({{0}}) when '{true}' then true when '{false}' then false else {{0}}::boolean end"
    return Form("boolean", f"(?i){true}|{false}", cases, "two words", note=f"'{true}' is read as true, '{false}' as false")


def _separated(thousands: str, decimals: str, note: str) -> Form:
    """Numbers with separators; at least one value must have one of them, or a plain form would have fitted."""
    between, before = (f"[{separator}]" for separator in (thousands, decimals))
    pattern = rf"[+-]?(\d{{1,3}}({between}\d{{3}})+|\d+)({before}\d+)?"
    quoted = thousands.replace("'", "''")
    return Form("number", pattern, f"number_in({{0}}, '{quoted}', '{decimals}')", is_certain=True, note=note)


def _days(shape: str, day: str, *, note: str = "", other: str = "") -> list[Form]:
    """A day in one order, alone and with a clock."""
    clocks = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%g", "%I:%M:%S %p", "%I:%M %p")
    times = ", ".join(f"'{day} {clock}'" for clock in clocks)
    clock = rf" {_CLOCK}( [AaPp][Mm])?"
    return [
        Form("date", shape, f"strptime({{0}}, '{day}')::date", other=other, note=note),
        Form("timestamp", shape + clock, f"strptime({{0}}, [{times}])", is_local=True, other=other, note=note),
    ]


def _day_and_month(separator: str, *, month_first: bool) -> list[Form]:
    """Both orders of day and month, the likelier one first."""
    mark = separator.replace(".", r"\.")
    orders = [("%m", "%d", "the month before the day"), ("%d", "%m", "the day before the month")]
    forms: list[Form] = []
    for year, digits in (("%Y", 4), ("%y", 2)):
        shape = rf"\d{{1,2}}{mark}\d{{1,2}}{mark}\d{{{digits}}}"
        for first, second, words in orders if month_first else orders[::-1]:
            other = separator.join((second, first, year))
            forms += _days(shape, separator.join((first, second, year)), note=f"read with {words}", other=other)
    return forms


_DAY = r"\d{4}-\d{2}-\d{2}"
_ZONE = r" ?(Z|UTC|[+-]\d{2}(:?\d{2})?)"
_SINCE_1970 = "read as {} since 1970"
_EXCEL = "read as day numbers of Excel"

FORMS: tuple[Form, ...] = (
    Form("boolean", "(?i)true|false", "{0}::boolean", is_certain=True),
    _words("yes", "no"),
    _words("y", "n"),
    _words("t", "f"),
    _words("on", "off"),
    _words("ja", "nein"),
    _words("ja", "nee"),
    _words("ja", "nej"),
    _words("oui", "non"),
    _words("si", "no"),
    _words("sí", "no"),
    _words("sì", "no"),
    _words("sim", "não"),
    _words("tak", "nie"),
    _words("evet", "hayır"),
    _words("да", "нет"),
    Form("date", r"(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])", "strptime({0}, '%Y%m%d')::date", "time name"),
    Form("timestamp", r"1\d{9}", "to_timestamp({0}::bigint)", "time name", note=_SINCE_1970.format("seconds")),
    Form("timestamp", r"1\d{9}\.\d+", "to_timestamp({0}::double)", "time name", note=_SINCE_1970.format("seconds")),
    Form("timestamp", r"1\d{12}", "epoch_ms({0}::bigint)", "time name", note=_SINCE_1970.format("milliseconds")),
    Form("timestamp", r"1\d{15}", "make_timestamp({0}::bigint)", "time name", note=_SINCE_1970.format("microseconds")),
    Form("date", r"[2-5]\d{4}(\.0+)?", "date '1899-12-30' + {0}::int", "time name", note=_EXCEL),
    Form(
        "timestamp",
        r"[2-5]\d{4}(\.\d+)?",
        "timestamp '1899-12-30' + to_seconds(round({0}::double * 86400))",
        "time name",
        is_local=True,
        note=_EXCEL,
    ),
    Form("integer", r"[+-]?(0|[1-9]\d{0,17})", "{0}::bigint", is_certain=True),
    Form(
        "integer",
        r"[+-]?(0|[1-9]\d{0,14})(\.0+)?",
        "{0}::bigint",
        "few or key",
        is_certain=True,
        note="whole numbers written as 1.0",
    ),
    Form("number", r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", "{0}::double", is_certain=True),
    _separated(",", ".", "read with commas between thousands"),
    _separated(".", ",", "read with a comma before the decimals"),
    _separated(" \u00a0\u202f", ",.", "read with spaces between thousands"),
    _separated("'’", ".", "read with apostrophes between thousands"),
    Form("number", r"[+-]?\d+([.,]\d+)? ?%", "number_in(rtrim({0}, '% '), ' ', ',.')", is_certain=True, note="read as percent"),
    Form(
        "number",
        r"-?[$€£¥] ?-?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?",
        "number_in(regexp_replace({0}, '[$€£¥] ?', ''), ',', '.')",
        is_certain=True,
        note="read without the sign of the currency",
    ),
    Form("date", _DAY, "{0}::date"),
    Form("timestamp", rf"{_DAY}[T ]{_CLOCK}{_ZONE}", "{0}::timestamptz"),
    Form("timestamp", rf"{_DAY}[T ]{_CLOCK}", "{0}::timestamp", is_local=True),
    *_days(r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    *_days(r"\d{4}\.\d{1,2}\.\d{1,2}", "%Y.%m.%d"),
    *_days(r"\d{1,2}\.\d{1,2}\.\d{4}", "%d.%m.%Y"),
    *_days(r"\d{1,2}\.\d{1,2}\.\d{2}", "%d.%m.%y"),
    *_day_and_month("/", month_first=True),
    *_day_and_month("-", month_first=False),
    *(form for sign in (" ", "-") for form in _days(rf"\d{{1,2}}{sign}[A-Za-z]{{3}}{sign}\d{{4}}", f"%d{sign}%b{sign}%Y")),
    *_days(r"\d{1,2} [A-Za-z]{3,9} \d{4}", "%d %B %Y"),
    *_days(r"[A-Za-z]{3} \d{1,2},? \d{4}", "%b %d, %Y"),
    *_days(r"[A-Za-z]{3,9} \d{1,2}, \d{4}", "%B %d, %Y"),
)  # fmt: skip
