"""The content digest by a second route: plain Python, a value at a time, from the description in docs/lake.md and the module.

Slow, and without NumPy or Arrow, so that neither's habits can hide in both.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

WORD = 2**64
NULL = 0xA5A5F00DBAADCAFE
NAN = 0x7FF8000000000000


def mix(bits: int) -> int:
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 % WORD
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB % WORD
    return bits ^ bits >> 31


def name_bits(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def text_bits(text: str) -> int:
    data = text.encode()
    if len(data) > 256:
        return name_bits(text)
    bits = mix((len(data) * 0xBF58476D1CE4E5B9 + 0x9E3779B97F4A7C15) % WORD)
    for start in range(0, len(data), 8):
        word = int.from_bytes(data[start : start + 8], "little")
        bits = mix(bits ^ mix((word + 0x94D049BB133111EB) % WORD))
    return bits


def decimal_text(value: Decimal) -> str:
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def kind_and_bits(value: object) -> tuple[str, int]:  # noqa: PLR0911 - one line a type
    if isinstance(value, bool):
        return "boolean", int(value)
    if isinstance(value, int):
        return "integer", value % WORD
    if isinstance(value, float):
        number = 0.0 if value == 0 else value
        return "number", NAN if math.isnan(number) else int(struct.unpack("<Q", struct.pack("<d", number))[0])
    if isinstance(value, datetime):
        since = value.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        return "timestamp", (since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds) % WORD
    if isinstance(value, date):
        return "date", (value - date(1970, 1, 1)).days % WORD
    if isinstance(value, Decimal):
        return "decimal", text_bits(decimal_text(value))
    assert isinstance(value, str)
    return "string", text_bits(value)


def digest_by_hand(columns: Mapping[str, Sequence[object]]) -> str:
    """Return the digest of a table given as columns of plain values."""
    count = len(next(iter(columns.values()), []))
    rows, names = [0x9E3779B97F4A7C15] * count, []
    for name in sorted(columns):
        values = columns[name]
        kinds = {kind_and_bits(value)[0] for value in values if value is not None}
        if not kinds:
            continue
        [kind] = kinds
        names.append(f"{name}:{kind}")
        for at, value in enumerate(values):
            bits = NULL if value is None else kind_and_bits(value)[1]
            rows[at] = mix((rows[at] * 0xBF58476D1CE4E5B9 + mix(bits ^ name_bits(names[-1]))) % WORD)
    digest = hashlib.sha256(f"{count}|{'|'.join(names)}|".encode())
    for row in sorted(rows):
        digest.update(row.to_bytes(8, "little"))
    return digest.hexdigest()
