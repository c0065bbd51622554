"""Names: from whatever a file calls its columns to names a definition may use, and what a name gives away."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from nightloop.definitions.checking.rules import BESIDE_THE_KEY, RESERVED

LONGEST = 40  # of the 63 that are allowed: features are named after columns and say more
LONGEST_WORDS = 80
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i"}
)
"""Letters of Latin alphabets that have no plain one in them, as an accented one has."""
_TAKEN = (*RESERVED, *BESIDE_THE_KEY)

_PERSONAL = (
    r"e_?mail|phone|mobile|(first|last|sur|full|middle)_?name|^name$|address|street|iban|passport|ssn|birth|dob|^ip$|ip_addr"
)
_KEY = r"(^|_)(id|key|uuid|guid|number|nr|no|code|reference|ref)$"
_TIMES = (
    r"(^|_)(time|timestamp|ts|at|epoch|date|datetime|created|updated|day|dt"
    r"|datum|zeit|zeitpunkt|zeitstempel|heure|jour|fecha|hora|dia|giorno|ora|tijd|tid|dato|dag|kuupaev|dzien)(_|$)"
)


def legal_name(original: str, taken: Collection[str], otherwise: str = "column") -> str:
    """Return a name of small letters, digits and underscores that is like ``original`` and not yet taken."""
    plain = unicodedata.normalize("NFKD", original.translate(_LETTERS)).encode("ascii", "ignore").decode()
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain).lower()
    plain = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:LONGEST].rstrip("_") or otherwise
    plain = plain if plain[0].isalpha() else f"c_{plain}"
    plain = f"{plain}_value" if plain in _TAKEN or not reads_as_column(plain) else plain
    name, number = plain, 2
    while name in taken:
        name, number = f"{plain}_{number}", number + 1
    return name


def reads_as_column(name: str) -> bool:
    """Whether an expression takes the bare name for a column: true, null, case and others it does not."""
    import sqlglot

    try:
        read = sqlglot.parse_one(f"{name} = 'x'", read="duckdb")
    except sqlglot.errors.SqlglotError:
        return False
    return isinstance(read, sqlglot.exp.EQ) and isinstance(read.this, sqlglot.exp.Column) and read.this.name == name


def in_words(name: str) -> str:
    """Return a legal name as the beginning of a sentence: order_total -> Order total."""
    return name.replace("_", " ").capitalize()


def words_of(original: str, name: str) -> str:
    """Return a column's name as the beginning of a sentence: in the file's words, where the legal name lost some of them."""
    plain = " ".join("".join(character if character.isprintable() else " " for character in original).split())
    if not plain or re.sub(r"[\s_-]", "", plain).casefold() == name.replace("_", ""):
        return in_words(name)
    words = plain if len(plain) <= LONGEST_WORDS else f"{plain[: LONGEST_WORDS - 1]}…"
    return words[0].upper() + words[1:]


def is_personal(name: str) -> bool:
    """Whether a column of this name is likely data that names or reaches a person."""
    return re.search(_PERSONAL, name) is not None


def is_key(name: str) -> bool:
    """Whether a column of this name likely tells records, or things, apart."""
    return re.search(_KEY, name) is not None


def tells_a_time(name: str) -> bool:
    """Whether a column of this name is likely a time, so that bare digits in it are one."""
    return re.search(_TIMES, name) is not None


def quoted(original: str) -> str:
    """Return a column's name as an identifier of SQL, whatever is in it."""
    return '"' + original.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as a literal of SQL, whatever is in it."""
    return "'" + text.replace("'", "''") + "'"
