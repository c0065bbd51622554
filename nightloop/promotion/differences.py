"""What differs between the definitions that made two versions, in lines for a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nightloop.meaning.archive import archived
from nightloop.meaning.changes import Change, changes

if TYPE_CHECKING:
    from nightloop.lake import Lake
    from nightloop.model.spec import Training

CHANGES_SHOWN = 15


def differences(name: str, before: Training, now: Training, lake: Lake) -> Iterator[str]:
    """Yield what differs between the definitions that made the two; nothing where they are one."""
    if before.definition_digest == now.definition_digest:
        return
    of_before, of_now = (archived(lake, name, of.definition_digest) for of in (before, now))
    if of_before is None or of_now is None:
        yield "the definition, but the lake does not hold what it was"
        return
    lines = [_in_words(change) for change in changes(of_before, of_now)]
    yield from lines[:CHANGES_SHOWN]
    if len(lines) > CHANGES_SHOWN:
        yield f"{len(lines) - CHANGES_SHOWN} more"


def _in_words(change: Change) -> str:
    kind = "" if change.kind in ("rule", "words") else f" {change.kind}"  # of those the path says what it is
    return f"{change.thing}{kind}" + (f": {change.detail}" if change.detail else "")
