"""The gate of privacy: does the bundle, which travels farther than the data, hold anything of a single person?

A bundle is to hold sums over many rows. What may not be in it are keys of entities, values of personal columns that few rows
share, and rows: as text, or as the bytes of their numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nightloop.evidence.gates.sentences import fail, sentence
from nightloop.evidence.intervals import Floats
from nightloop.evidence.verdict import Figure, Verdict

GATE = "privacy"
SHARED_BY = 10  # rows that a value must be shared by, so that it names nobody
SHORTEST = 5  # characters below which a text is in any file by chance
NEIGHBOURS = 3  # features of a row, side by side, whose exact values name it

NOTHING_NAMES = (
    f"nothing of the training set would name anybody in a file: its keys have fewer than {SHORTEST} characters, "
    f"and no row has {NEIGHBOURS} features side by side that are not whole numbers"
)


@dataclass(frozen=True)
class Secrets:
    """What no file of a bundle may hold.

    Attributes:
        keys: values of the entity's key, of some rows of the training set.
        personal: column -> texts of personal columns that few rows share.
        rows: (n, k) features of some rows.
    """

    keys: Sequence[str]
    personal: Mapping[str, Sequence[str]]
    rows: Floats


def rare(values: Sequence[str]) -> list[str]:
    """Return the texts that fewer than ten rows share and that are long enough to be no chance, sorted."""
    return sorted(text for text, rows in Counter(values).items() if rows < SHARED_BY and len(text) >= SHORTEST)


def judge_privacy(files: Mapping[str, bytes], secrets: Secrets) -> Verdict:
    """Look for what no file may hold in all of them: name -> content."""
    keys = [_Text(key) for key in secrets.keys if len(key) >= SHORTEST]
    personal = {column: [_Text(text) for text in texts] for column, texts in secrets.personal.items()}
    rows = [marks for row in secrets.rows if (marks := list(_marks(row)))]
    if not secrets.keys and not len(secrets.rows):
        return Verdict(GATE, "not_enough_evidence", "Neither keys nor rows of the training set to look for in the bundle.")
    problems, counts = list[str](), Counter[str]()
    for name, content in sorted(files.items()):
        dense = re.sub(rb"\s+", b"", content)
        held = {
            "keys": sum(key.is_in(content) for key in keys),
            "rows": sum(any(m in dense or m in content for m in row) for row in rows),
        }
        held |= {f"values of {column}": sum(text.is_in(content) for text in texts) for column, texts in personal.items()}
        counts.update(held)
        problems += [
            f"the file {name} holds {_counted(count, what)} of the training set" for what, count in held.items() if count
        ]
    sizes = {"keys": len(keys), "rows": len(rows), **{f"values of {column}": len(of) for column, of in personal.items()}}
    figures = [Figure("held", float(counts[what]), None, None, size, what, most=0.0) for what, size in sizes.items()]
    if problems:
        return fail(GATE, problems, figures)
    sought = ", ".join(_counted(size, what) for what, size in sizes.items() if size)
    words = f"none of {sought} is in any of the {len(files)} files" if sought else NOTHING_NAMES
    return Verdict(GATE, "pass", sentence([words]), tuple(figures))


class _Text:
    """A text to look for, whole: not a part of a longer word, or of the digits of another number."""

    def __init__(self, text: str) -> None:
        self._bytes = text.encode()
        self._whole = re.compile(rb"(?<![\w.])" + re.escape(self._bytes) + rb"(?!\w|\.\d*[1-9])")

    def is_in(self, content: bytes) -> bool:
        return self._bytes in content and self._whole.search(content) is not None


def _counted(count: int, what: str) -> str:
    """Return 1 key, 2 keys, 1 value of band, 2 values of band."""
    noun, of, rest = what.partition(" of ")
    return f"{count} {noun.removesuffix('s') if count == 1 else noun}{of}{rest}"


def _marks(row: Floats) -> Iterator[bytes]:
    """Yield how a row would show: neighbouring values as text and as bytes. Whole numbers and missing ones name nobody."""
    for start in range(len(row) - NEIGHBOURS + 1):
        values = row[start : start + NEIGHBOURS]
        if np.isfinite(values).all() and not np.any(values == np.round(values)):
            yield ",".join(repr(float(value)) for value in values).encode()
            yield values.astype("<f8").tobytes()
            yield values.astype("<f4").tobytes()
            return
