"""Divide the rows of a request among the versions that answer for a night."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nightloop.promotion.traffic import CHAMPION, SHADOW
from serving.ladder import RuleSnapshot
from serving.model_snapshot import ModelSnapshot


@dataclass(frozen=True)
class Part:
    """The rows of a request that one version answers.

    Attributes:
        snapshot: what they are answered from.
        arm: which arm of the split they are; None where the night is not split.
        places: of the rows in the request.
        rows: the rows.
    """

    snapshot: ModelSnapshot | RuleSnapshot
    arm: str | None
    places: Sequence[int]
    rows: list[dict[str, Any]]


def divided(snapshot: ModelSnapshot | RuleSnapshot, rows: list[dict[str, Any]]) -> list[Part]:
    """Return the parts of a request that have rows: one, where the night is not split, or only shadowed."""
    tried = snapshot.tried
    if tried is None or (split := snapshot.identity.split) is None or split.arm == SHADOW:
        return [Part(snapshot, None, range(len(rows)), rows)]
    key = snapshot.use_case.entity.key
    is_tried = split.is_tried([row[name] for name in key] for row in rows).tolist()
    parts = []
    for of, arm in ((snapshot, CHAMPION), (tried, split.arm)):
        places = [place for place, tried_row in enumerate(is_tried) if tried_row == (arm != CHAMPION)]
        if places:
            parts.append(Part(of, arm, places, [rows[place] for place in places]))
    return parts


def in_order(parts: Sequence[Part], answers: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the answers of the parts in the order of the request's rows."""
    if len(parts) == 1:
        return answers[0]
    placed = [pair for part, of in zip(parts, answers, strict=True) for pair in zip(part.places, of, strict=True)]
    return [answer for _, answer in sorted(placed, key=lambda pair: pair[0])]
