"""What a person may have meant by a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggest(name: str, allowed: Iterable[str], kind: str) -> str:
    """Return a sentence that lists what is allowed and, where one is near, the likely name."""
    names = sorted(allowed)
    return f"{meant(name, names)}{kind}: {', '.join(names) or 'none'}."


def meant(name: str, allowed: Iterable[str]) -> str:
    """Return a question for the likely names, with a space after it; nothing where none is near."""
    near = get_close_matches(name, sorted(allowed), n=2, cutoff=0.6)
    return f"Did you mean {' or '.join(repr(n) for n in near)}? " if near else ""
