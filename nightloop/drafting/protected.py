"""Tell columns that are likely about what the law protects people for: by words in their names, and by their values.

Such a column is proposed as a group to watch and is no feature until a person says so. A wrong mark costs a person one look, a
missed one may cost a customer his loan: in doubt a column is marked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from nightloop.drafting.column_profile import ColumnProfile
from nightloop.drafting.protected_words import NAMES, VALUES, WHOLE

LONG = 6
"""Letters of a word that may stand inside of another."""
_AGE = "age"
_CODES = ({"1", "2"}, {"1", "2", "9"}, {"0", "1", "2"})
"""How registers write sex in figures (ISO 5218)."""


def marked(columns: Sequence[ColumnProfile]) -> list[ColumnProfile]:
    """Return the columns with the kind of what is protected, and how it was told, where one is likely."""
    named = [replace(item, protected=_by_name(item.original)) for item in columns]
    about_people = any(item.protected or item.personal for item in named)
    with_ages = any(item.protected.startswith(_AGE) for item in named)
    return [item if item.protected else replace(item, protected=_by_values(item, about_people, with_ages)) for item in named]


def _by_name(original: str) -> str:
    words, plain = _words(original), "".join(_words(original))
    for kind, known in _names().items():
        for word in known:
            inside = (len(word) >= LONG and word not in WHOLE) or not word.isascii()
            if word in words or (inside and word in plain):
                return f"{kind} by its name"
    return ""


def _words(original: str) -> list[str]:
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", original)
    letters = unicodedata.normalize("NFKD", parted.replace("ß", "ss").replace("ø", "o").replace("ı", "i").replace("ł", "l"))
    plain = "".join(character for character in letters if not unicodedata.combining(character)).casefold()
    return re.findall(r"[^\W\d_]+", plain)


@cache
def _names() -> dict[str, tuple[str, ...]]:
    return {kind: tuple(word.replace("_", "") for word in text.split()) for kind, text in NAMES.items()}


def _by_values(column: ColumnProfile, about_people: bool, with_ages: bool) -> str:
    values = {"-".join(_words(str(value))) or str(value) for value in column.values if str(value).strip()}
    if with_ages and column.is_category and values in _CODES and not _counts(column):
        return "sex or gender by its values, 1 and 2 beside ages"
    if column.type != "string" or len(values) < 2:  # noqa: PLR2004 - one value tells no groups apart
        return ""
    for kind, lines in VALUES.items():
        for line in lines:
            known = set(line.split())
            is_pair = len(known) == 2  # noqa: PLR2004 - of a pair both are needed
            if _are(values, known) and (not is_pair or known <= values) and (about_people or not kind.startswith("nation")):
                return f"{kind} by its values, such as {', '.join(sorted(map(str, column.values[:2])))}"
    return ""


def _are(values: set[str], known: set[str]) -> bool:
    """Whether the values are of these words, but for what stands for a rest."""
    rest = {
        "other",
        "others",
        "unknown",
        "x",
        "d",
        "diverse",
        "divers",
        "unspecified",
        "not-specified",
        "autre",
        "otro",
        "andere",
    }
    named = values - rest
    return len(named) > 1 and named <= known


def _counts(column: ColumnProfile) -> bool:
    """Whether the name says that figures are amounts of something."""
    return (
        re.search(r"(^|_)(n|num|number|count|qty|children|kids|rooms|persons|level|class|grade|rank)(_|$)", column.name)
        is not None
    )
