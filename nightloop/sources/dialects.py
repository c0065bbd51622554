"""Guess how a CSV is written from its first bytes: for a draft, and for the message about a file that is not as declared."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator

from nightloop.definitions.connectors import CsvDialect, Encoding, Quote, Separator

HEAD = 2**16
SAME_WIDTH = 0.9
"""Share of the first records that must have as many values as the header."""
MOST_ABOVE, LINES_LOOKED_AT = 10, 100
"""Lines that are looked for above the names of the columns, and in which."""
_SEPARATORS: tuple[Separator, ...] = (",", ";", "\t", "|")
_QUOTES: tuple[Quote, ...] = ('"', "'")
FEWEST_NULS = 4
_OF_NULS = 0.1
"""Share of the 16-bit units of UTF-16 that hold a letter of ASCII at least: separators and line ends are."""


def likely_encoding(content: bytes) -> Encoding:
    """Return the encoding that the bytes are likely in; of those with one byte a letter a Western one, for none can be told."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _byte_order(content):
        return "utf-16"
    head = content[:HEAD]
    for encoding in ("utf-8", "windows-1252"):
        try:
            codecs.getincrementaldecoder(encoding)().decode(head, final=len(content) <= HEAD)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def decoded(content: bytes, encoding: str, errors: str = "strict") -> str:
    """Return the text without its mark; UTF-16 without one is read in the order of bytes that the places of its NULs show.

    Raises:
        UnicodeError: it is of another encoding, and ``errors`` is ``strict``.
    """
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    order = _byte_order(content) if encoding == "utf-16" and not marked else ""
    return content.decode(order or encoding, errors).removeprefix("\ufeff")


def _byte_order(content: bytes) -> str:
    """Return the codec of UTF-16 without a mark: a NUL is the higher byte of every letter of ASCII; "" for all else."""
    head = content[: HEAD if len(content) > HEAD else len(content) & ~1]
    first, second = head[::2].count(0), head[1::2].count(0)
    if max(first, second) < max(_OF_NULS * len(head) / 2, FEWEST_NULS) or min(first, second) > max(first, second) / 10:
        return ""
    return "utf-16-be" if first > second else "utf-16-le"


def likely_dialect(content: bytes) -> CsvDialect:
    """Return how the first records are likely written; commas, double quotes and UTF-8 where nothing else fits better."""
    encoding = likely_encoding(content)
    cut = HEAD - HEAD % 2 if len(content) > HEAD else len(content)
    text = decoded(content[:cut], encoding, "ignore")
    if len(content) > HEAD:
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1] or text
    candidates = [(width, -place, separator, quote) for place, (width, separator, quote) in enumerate(_fitting(text))]
    _, _, separator, quote = max(candidates, default=(1, 0, ",", '"'))
    return CsvDialect(separator=separator, quote=quote, encoding=encoding)


def _fitting(text: str) -> Iterator[tuple[int, Separator, Quote]]:
    """Yield the separators and quotes by which nearly all records have as many values as the header, and how many."""
    for quote in _QUOTES:
        for separator in _SEPARATORS:
            if quote != '"' and f"{separator}{quote}" not in text:
                continue
            try:
                widths = [
                    len(record) for record in csv.reader(io.StringIO(text, newline=""), delimiter=separator, quotechar=quote)
                ]
            except csv.Error:
                continue
            width = widths[0] if widths else 0
            if width > 1 and sum(each == width for each in widths) >= SAME_WIDTH * len(widths):
                yield width, separator, quote


def line_of_names(text: str) -> int:
    """Return the number of the line that likely names the columns, where others stand above it; 0 where it is the first.

    From it on nearly all records have the same number of values, and lines above it have half as many at most.
    """
    lines = text.splitlines()[:LINES_LOOKED_AT]
    for separator in _SEPARATORS:
        records = [next(csv.reader([line], delimiter=separator), []) for line in lines]
        filled = [sum(value != "" for value in record) for record in records]
        for above in range(1, min(MOST_ABOVE + 1, len(records) - 1)):
            widths = [len(record) for record in records[above:]]
            are_names = widths[0] > 1 and not any(value == "" or value.strip()[:1].isdigit() for value in records[above])
            if are_names and 2 * max(filled[:above]) <= widths[0] and widths.count(widths[0]) >= SAME_WIDTH * len(widths):
                return above + 1
    return 0


def near_miss(content: bytes, declared: CsvDialect) -> str:
    """Return what would likely be declared of this file, as the end of a message; nothing where it looks as declared."""
    likely = likely_dialect(content)
    if line := line_of_names(decoded(content[: HEAD - HEAD % 2], likely.encoding, "ignore")):
        return (
            f"; the first line seems to be a title: line {line} looks like the names of the columns; take off what is above it"
        )
    other = {name: value for name, value in likely.model_dump().items() if value != getattr(declared, name)}
    written = ", ".join(f"{name}: {value!r}" for name, value in other.items())
    return f"; it looks like {written}, to be declared as csv: {{{written}}} of the connector" if other else ""
