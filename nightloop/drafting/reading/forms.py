"""The forms in which files write values, most particular first; the first that fits a column is its type."""

from __future__ import annotations

from nightloop.drafting.reading.form import Form
from nightloop.drafting.reading.times import CALENDAR, DIGITS
from nightloop.sources.casts.strict import CURRENCY

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "none", "-", "?", "\\N", "#N/A")
"""How files write a value that is not there."""
NEVER_WORDS = ("", "NA", "N/A", "#N/A", "NULL", "\\N")
"""Those of them that are no value even among words."""


def _words(true: str, false: str) -> Form:
    cases = f"case lower({{0}}) when '{true}' then true when '{false}' then false else {{0}}::boolean end"
    return Form("boolean", f"(?i){true}|{false}", cases, "two words", note=f"'{true}' is read as true, '{false}' as false")


def _separated(thousands: str, decimals: str, note: str) -> Form:
    """Numbers with separators; at least one value must have one of them, or a plain form would have fitted."""
    between, before = (f"[{separator}]" for separator in (thousands, decimals))
    pattern = rf"[+-]?(\d{{1,3}}({between}\d{{3}})+|\d+)({before}\d+)?"
    quoted = thousands.replace("'", "''")
    return Form("number", pattern, f"number_in({{0}}, '{quoted}', '{decimals}')", is_certain=True, note=note)


def _amounts(thousands: str, decimals: str) -> Form:
    """Numbers with the sign of a currency, or with brackets or a minus behind where they are negative."""
    number = rf"(\d{{1,3}}([{thousands}]\d{{3}})+|\d+)([{decimals}]\d+)?"
    before, behind = f"({CURRENCY})? ?", f" ?({CURRENCY})?"
    pattern = rf"-?{before}-?{number}-?{behind}|\({before}{number}{behind}\)"
    note = "read as amounts: without the sign of the currency, in brackets negative"
    return Form("number", pattern, f"amount_in({{0}}, '{thousands}', '{decimals}')", is_certain=True, note=note)


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
    *DIGITS,
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
    _amounts(",", "."),
    _amounts(".", ","),
    *CALENDAR,
)  # fmt: skip
