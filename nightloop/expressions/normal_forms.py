"""Normal forms of text: how one key is written that senders write in several ways, as SQL of DuckDB and in Python."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

Form = Literal["trim", "nfc", "lower", "whole"]

_SPACE = r"[\s\p{Z}]"
_SPACES = "\t\n\f\r \xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
_WHOLE = r"[+-]?\d{1,30}(\.0*)?"
_AS_SQL: Mapping[Form, str] = {
    "trim": rf"regexp_replace({{text}}, '^{_SPACE}+|{_SPACE}+$', '', 'g')",
    "nfc": "nfc_normalize({text})",
    "lower": "lower({text})",
    "whole": rf"case when regexp_full_match({{text}}, '{_WHOLE}') "
    r"then cast(cast(regexp_replace({text}, '\.0*$', '') as hugeint) as varchar) else {text} end",
}


def _whole(text: str) -> str:
    return str(int(text.partition(".")[0])) if re.fullmatch(_WHOLE, text, re.ASCII) else text


def _lower(text: str) -> str:
    """Each letter by itself, as DuckDB does: no final sigma, no letter that becomes two."""
    return "".join(letter.lower()[0] for letter in text)


_IN_PYTHON: Mapping[Form, Callable[[str], str]] = {
    "trim": lambda text: text.strip(_SPACES),
    "nfc": lambda text: unicodedata.normalize("NFC", text),
    "lower": _lower,
    "whole": _whole,
}
FORMS: tuple[Form, ...] = tuple(_AS_SQL)


def normal_sql(sql: str, forms: Iterable[Form]) -> str:
    """Return the SQL of a text brought into these forms, one after the other."""
    for form in forms:
        sql = _AS_SQL[form].replace("{text}", f"({sql})")
    return sql


def normal_text(text: str, forms: Iterable[Form]) -> str:
    """Return a text brought into these forms, one after the other."""
    for form in forms:
        text = _IN_PYTHON[form](text)
    return text


def forms_needed(one: str, other: str) -> tuple[Form, ...]:
    """Return the forms without which two texts that are the same in all of them would differ."""
    return tuple(
        form for form in FORMS if normal_text(one, rest := [each for each in FORMS if each != form]) != normal_text(other, rest)
    )
