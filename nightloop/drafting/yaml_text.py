"""Write YAML with comments, so that no value and no name from a file can change what the document says."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from textwrap import shorten

import yaml

Value = str | int | float | bool | date | None | Sequence["Value"] | Mapping[str, "Value"]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./ ()+*<>=-]*[A-Za-z0-9_.)]|[A-Za-z_]")
WIDTH = 10**9  # of a line: long texts are not folded
EXACT = 1e15  # below it a double that is whole is written as an integer


def flow(value: Value) -> str:
    """Return a value as YAML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Sequence):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return _number(value) if isinstance(value, int | float) else value.isoformat()


def comment(text: str) -> str:
    """Return a text as a comment: on one line, with nothing that ends it or cannot be printed."""
    plain = "".join(character if character.isprintable() else "·" for character in " ".join(text.split()))
    return f"# {plain}"


def shown(value: object, width: int = 30) -> str:
    """Return a value of the sample, short enough for a comment."""
    return shorten(repr(value) if isinstance(value, str) else str(value), width, placeholder="…")


@lru_cache(maxsize=4096)
def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and yaml.safe_load(text) == text:
        return text
    style = "'" if '"' in text and text.isprintable() else '"'
    return str(yaml.safe_dump(text, default_style=style, allow_unicode=True, width=WIDTH)).rstrip("\n")


def _number(value: float) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: ".inf", -math.inf: "-.inf"}.get(value, ".nan")
    # YAML 1.1 reads 1e+20 as a text: digits of an exponent need a point before them.
    text = repr(int(value) if abs(value) < EXACT and value == int(value) else value)
    return text.replace("e", ".0e", 1) if "e" in text and "." not in text else text
