"""Decide after each night whether the champion stays or a new training is asked for.

Pure logic: what earlier nights decided comes in as their stored rows, so the same night always decides the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from nightloop.evidence.nights.budget import REPAIR
from nightloop.evidence.verdict import Verdict
from nightloop.nights import Night

if TYPE_CHECKING:
    from nightloop.definitions.use_case import Retrain
    from nightloop.evidence.drift import NightDrift
    from nightloop.model.champions import Champion


@dataclass(frozen=True)
class EarlierNight:
    """What an earlier night stored: its decision, its drift verdict, and the champion both were about."""

    night: Night
    decision: str
    drift_verdict: str
    champion_version: int
    drift_calls_for: str | None = None  # rows from before it was told have none

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> EarlierNight:
        """Read a row of the decisions table."""
        return cls(row["night"], row["decision"], row["drift_verdict"], row["champion_version"], row.get("drift_calls_for"))


@dataclass(frozen=True)
class Decision:
    """Keep the champion, or retrain; the reason is a sentence for people."""

    decision: Literal["keep", "retrain"]
    reason: str


@dataclass(frozen=True)
class Due:
    """Why a retrain is due, and the figures behind it."""

    why: str
    detail: str = ""


def decide(
    rules: Retrain,
    night: Night,
    champion: Champion,
    *,
    drift: NightDrift,
    performance: Verdict,
    earlier: Sequence[EarlierNight],
) -> Decision:
    """Decide for one night, from its own verdicts and the rows of earlier nights.

    A retrain is due when realised performance failed, when drift that calls for no repair failed ``drifted_nights`` nights in a
    row under the same champion, or when the champion has reached its maximum age. It is asked for unless an earlier night
    within the cool-down asked already.
    """
    due = _due(rules, night, champion, drift=drift, performance=performance, earlier=earlier)
    if due is None:
        age = (night - champion.as_of).days
        return Decision(
            "keep",
            f"Champion version {champion.version} is {_nights(age)} old (at most {rules.maximum_age_nights}); "
            f"drift: {_words(drift.verdict)}; realised performance: {_words(performance)}.",
        )
    requested = _last_request(rules, night, earlier)
    if requested is not None:
        until = requested + timedelta(days=rules.cool_down_nights)
        return Decision(
            "keep", f"A retrain is due ({due.why}), but {requested} asked for one, and the cool-down lasts to {until}."
        )
    return Decision("retrain", f"{due.why[0].upper()}{due.why[1:]}{due.detail or '.'}")


def as_row(
    decision: Decision, *, champion: Champion, drift: NightDrift, performance: Verdict, matching: Verdict
) -> dict[str, object]:
    """Return the night's row of the decisions table: what was decided, why, and on which verdicts."""
    return {
        "decision": decision.decision,
        "reason": decision.reason,
        "drift_verdict": drift.verdict.outcome,
        "drift_reason": drift.verdict.reason,
        "drift_calls_for": drift.calls_for,
        "performance_verdict": performance.outcome,
        "performance_reason": performance.reason,
        "matching_verdict": matching.outcome,
        "matching_reason": matching.reason,
        "champion_version": champion.version,
        "champion_as_of": champion.as_of,
    }


def _due(
    rules: Retrain,
    night: Night,
    champion: Champion,
    *,
    drift: NightDrift,
    performance: Verdict,
    earlier: Sequence[EarlierNight],
) -> Due | None:
    """Return why a retrain is due, the gravest reason first; None: it is not."""
    if performance.outcome == "fail":
        return Due("realised performance failed", f": {performance.reason}")
    is_moved = drift.verdict.outcome == "fail" and drift.calls_for != REPAIR
    drifted = _drifted_in_a_row(night, champion, earlier) + 1 if is_moved else 0
    if drifted >= rules.drifted_nights:
        return Due(f"features drifted {_nights(drifted)} in a row", f": {drift.verdict.reason}")
    age = (night - champion.as_of).days
    if age >= rules.maximum_age_nights:
        most = rules.maximum_age_nights
        return Due(
            f"champion version {champion.version} was trained as of {champion.as_of}, {_nights(age)} ago (at most {most})"
        )
    return None


def _drifted_in_a_row(night: Night, champion: Champion, earlier: Sequence[EarlierNight]) -> int:
    """Count the nights just before this one whose drift failed against the same champion's reference, and not for a repair.

    A night that was never decided (its data was quarantined) neither counts nor ends the run.
    """
    count = 0
    for row in sorted((row for row in earlier if row.night < night), key=lambda row: row.night, reverse=True):
        is_moved = row.drift_verdict == "fail" and row.drift_calls_for != REPAIR
        if not is_moved or row.champion_version != champion.version:
            break
        count += 1
    return count


def _last_request(rules: Retrain, night: Night, earlier: Sequence[EarlierNight]) -> Night | None:
    first = night - timedelta(days=rules.cool_down_nights)
    requests = [row.night for row in earlier if row.decision == "retrain" and first <= row.night < night]
    return max(requests, default=None)


def _nights(count: int) -> str:
    return "1 night" if count == 1 else f"{count} nights"


def _words(verdict: Verdict) -> str:
    return verdict.outcome.replace("_", " ")
