"""Read how the entities of scored nights found their outcomes: near misses by the way a key is written are lost labels."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from nightloop.evidence.verdict import Verdict
from nightloop.features.matching import Match, find_matches, in_words
from nightloop.features.tables import label_revised_within
from nightloop.meaning import meanings_of
from nightloop.meaning.reading import by_meaning
from nightloop.nights import Night, Nights

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.lake import Lake, Snapshot

AT_ONCE = 31
"""Scored nights whose keys are compared at once: a year of keys need not fit in memory."""


def read_matches(lake: Lake, use_case: UseCase, nights: Sequence[Night]) -> list[Match]:
    """Return how the entities of these nights found their outcomes; nothing where the lake lacks the raw tables.

    Args:
        lake: holds the raw tables.
        use_case: declares the label.
        nights: scored nights whose labels are matured, ascending.

    Raises:
        OtherMeaning: a night's keys were taken in by another definition.
    """
    label, entity = use_case.label, use_case.entity.source
    if not all(lake.exists(f"{use_case.use_case}/raw_{source}") for source in (label.source, entity)):
        return []
    reach = timedelta(days=label.matures_after + label_revised_within(use_case))
    matches: list[Match] = []
    for start in range(0, len(nights), AT_ONCE):
        block = nights[start : start + AT_ONCE]
        span = Nights(block[0], block[-1])
        entities = _keys(lake, use_case, entity, span, list(label.join.values()))
        outcomes = _keys(lake, use_case, label.source, Nights(span.first, span.last + reach), list(label.join))
        matches += find_matches(use_case, block, entities, outcomes)
    return matches


def matching_verdict(use_case: UseCase, match: Match | None) -> Verdict:
    """Return whether outcomes that came belong to entities.

    Args:
        use_case: declares the least share.
        match: of the scored night whose outcomes are due; None where each of its entities has its outcome.
    """
    if match is None:
        return Verdict("matching", "pass", "No entity whose outcome is due lacks it.")
    limit = use_case.gates.data.minimum_matched_share
    if not match.has_trouble:
        reason = f"{match.matched} of {match.entities} entities of night {match.scored_night} find a record; no other is near."
        return Verdict("matching", "pass", reason)
    reason = f"{match.share:.0%} find their outcome (limit {limit:.0%}): {in_words(use_case, match)}"
    return Verdict("matching", "fail" if match.share < limit else "pass", reason)


def _keys(lake: Lake, use_case: UseCase, source: str, nights: Nights, columns: Sequence[str]) -> Snapshot:
    meanings = meanings_of(use_case).columns[source]
    snapshot = lake.snapshot(f"{use_case.use_case}/raw_{source}", nights)
    return by_meaning(snapshot, {name: meanings[name] for name in columns})
