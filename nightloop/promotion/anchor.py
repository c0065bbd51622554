"""The anchor of a training: the best champion of the year before it, which every candidate of that year is held to.

Best is who was *proved* better, not who measured highest: of several champions that are alike, the one with the luckiest nights
measures highest, and an anchor that follows luck drifts down with the champions. So the anchor is the oldest champion of the
last 365 nights, unless a later one was promoted with an interval of the improvement over it wholly above zero.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from itertools import takewhile, zip_longest
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nightloop.model.champions import Champion, Change
    from nightloop.nights import Night

ANCHOR_NIGHTS = 365
BETTER_THAN = "better_than"  # in a promotion's payload: the versions that the candidate was proved better than


def anchor_of(changes: Sequence[Change], as_of: Night, *, candidate: int, unable: Collection[int] = ()) -> Champion | None:
    """Return the best champion of the year before a training; None where there was none.

    A champion that a person took back, by a roll-back to another or a retirement, is no anchor while that stands: it may have
    been promoted by a mistake that its figures do not show.

    Args:
        changes: every change of champion, in order.
        as_of: night of the training.
        candidate: its version: what came after its promotion does not count.
        unable: versions that cannot answer today's features.
    """
    before = list(takewhile(lambda change: change.kind != "promoted" or change.version != candidate, changes))
    left_out = {*unable, *_taken_back(before)}
    anchor: Champion | None = None
    for champion in _champions_since(before, as_of - timedelta(days=ANCHOR_NIGHTS)):
        if champion.version in left_out:
            continue
        if anchor is None or anchor.version in champion.payload.get(BETTER_THAN, ()):
            anchor = champion
    return anchor


def proved_better(figures: Iterable[dict[str, Any]], *, champion: int | None, anchor: int | None) -> list[int]:
    """Return the versions that a candidate's interval lies wholly above, by the figures of its performance gate.

    Args:
        figures: of the verdict, as plain values.
        champion: version that it was compared with as the champion; None: with none.
        anchor: version that it was compared with as the best of the year; None: with none.
    """
    compared = {"_over_champion": champion, "_over_anchor": anchor}
    better = {
        version
        for item in figures
        for suffix, version in compared.items()
        if version is not None and item["metric"].endswith(suffix) and item["low"] is not None and item["low"] > 0
    }
    return sorted(better)


def _champions_since(changes: Sequence[Change], last: Night) -> list[Champion]:
    """Return the champions that were in force on a night after ``last``, each once, oldest first."""
    in_force: dict[int, Champion] = {}
    for change, following in zip_longest(changes, changes[1:]):
        if change.champion is not None and (following is None or following.effective_from - timedelta(days=1) > last):
            in_force.setdefault(change.version, change.champion)
    return list(in_force.values())


def _taken_back(changes: Sequence[Change]) -> set[int]:
    """Return the versions whose place a person gave to another, or to none, and that did not come back."""
    taken_back: set[int] = set()
    champion: int | None = None
    for change in changes:
        if change.kind != "promoted" and champion is not None:
            taken_back.add(champion)
        champion = change.champion.version if change.champion else None
        taken_back.discard(change.version if change.kind != "retired" else -1)
    return taken_back
