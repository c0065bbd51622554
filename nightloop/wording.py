"""How counts and names are written for people."""

from __future__ import annotations

import re


def counted(nights: int) -> str:
    """Return 1 night, or 7 nights."""
    return f"{nights} night" if nights == 1 else f"{nights} nights"


def natural_order(text: str) -> list[tuple[bool, int, str]]:
    """Return what texts are sorted by as people count: 0-9, 10-19, 100-109; not 0-9, 100-109, 10-19."""
    parts = re.split(r"(\d+)", text)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
