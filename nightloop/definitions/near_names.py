"""What a person may have meant by a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggest(name: str, allowed: Iterable[str], kind: str) -> str:
    """Return a sentence that lists what is allowed and, where one is near, the likely name."""
    names = sorted(allowed)
    near = get_close_matches(name, names, n=2, cutoff=0.6)
    meant = f"Did you mean {' or '.join(repr(n) for n in near)}? " if near else ""
    return f"{meant}{kind}: {', '.join(names) or 'none'}."
