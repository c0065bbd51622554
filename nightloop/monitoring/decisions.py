"""Decide after each night whether the champion stays, a new training is asked for, or a person.

Pure logic: what earlier nights decided comes in as their stored rows, so the same night always decides the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from nightloop.evidence.nights.budget import REPAIR
from nightloop.evidence.verdict import Figure, Verdict
from nightloop.nights import Night
from nightloop.wording import counted

if TYPE_CHECKING:
    from nightloop.definitions.use_case import Retrain
    from nightloop.evidence.drift import NightDrift
    from nightloop.model.champions import Champion
    from nightloop.monitoring.trainings import EarlierTraining

PERFORMANCE, VALUE, DRIFT, AGE = "performance", "value", "drift", "age"
GRAVITY = (PERFORMANCE, VALUE, DRIFT, AGE)
"""Why a training may be due, the gravest first."""


@dataclass(frozen=True)
class EarlierNight:
    """What an earlier night stored: its decision, its drift verdict, and the champion both were about."""

    night: Night
    decision: str
    drift_verdict: str
    champion_version: int
    drift_calls_for: str | None = None  # rows from before it was told have none
    due: str | None = None  # the same

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> EarlierNight:
        """Read a row of the decisions table."""
        verdict, version = row["drift_verdict"], row["champion_version"]
        return cls(row["night"], row["decision"], verdict, version, row.get("drift_calls_for"), row.get("due"))


@dataclass(frozen=True)
class Decision:
    """Keep the champion, retrain, or ask a person; the reason is a sentence for people.

    Attributes:
        due: why a training was due, in one word of ``GRAVITY``; None where none was.
        gain: what a training was expected to gain over keeping the champion, where answers have a value: what was given up
            by the decision, or hoped for.
    """

    decision: Literal["keep", "retrain", "ask"]
    reason: str
    due: str | None = None
    gain: Figure | None = None


@dataclass(frozen=True)
class Due:
    """Why a retrain is due, in words and in one of ``GRAVITY``, and the figures behind it."""

    why: str
    kind: str
    detail: str = ""


@dataclass(frozen=True)
class Trainings:
    """What earlier trainings say of another one: which still runs, and what failed since the champion was trained.

    Attributes:
        running: one that has come to nothing yet.
        failed: those that did not pass, oldest first.
        new_evidence_from: night from which on the gates would judge nights that the last of those was not judged on.
    """

    running: EarlierTraining | None = None
    failed: Sequence[EarlierTraining] = ()
    new_evidence_from: Night | None = None


NO_TRAININGS = Trainings()


def decide(
    rules: Retrain,
    night: Night,
    champion: Champion,
    *,
    drift: NightDrift,
    performance: Verdict,
    earlier: Sequence[EarlierNight],
    trainings: Trainings = NO_TRAININGS,
    gain: Figure | None = None,
    currency: str = "",
) -> Decision:
    """Decide for one night, from its own verdicts, the rows of earlier nights, and what came of earlier trainings.

    A retrain is due when realised performance failed, when what the champion captures has fallen so far that a training pays,
    when drift that calls for no repair failed ``drifted_nights`` nights in a row under the same champion, or when the champion
    has reached its maximum age and nothing shows that it holds (or a calendar is declared). It is asked for unless an earlier
    night within the cool-down asked already, one still runs, or the last one failed its gates on nights that the next would
    be judged on too. Then a person is asked where realised performance fails: a training does not help.
    """
    due = _due(rules, night, champion, drift=drift, performance=performance, earlier=earlier, gain=gain)
    worth = f" A training is expected to gain {_amount(gain, currency)}." if gain is not None else ""
    if due is None:
        age, holds = (night - champion.as_of).days, performance.outcome == "pass"
        beyond = ", and it holds" if age >= rules.maximum_age_nights and holds else ""
        return Decision(
            "keep",
            f"Champion version {champion.version} is {counted(age)} old (at most {rules.maximum_age_nights}){beyond}; "
            f"drift: {_words(drift.verdict)}; realised performance: {_words(performance)}.{worth}",
            gain=gain,
        )
    head = f"A retrain is due ({due.why}), but"
    requested = _last_request(rules, night, earlier)
    if requested is not None:
        until = requested + timedelta(days=rules.cool_down_nights)
        why = f"{head} {requested} asked for one, and the cool-down lasts to {until}.{worth}"
        return Decision("keep", why, due.kind, gain)
    if (runs := trainings.running) is not None:
        why = f"{head} the training as of {runs.as_of}, asked for by {runs.requested_by}, has not ended.{worth}"
        return Decision("keep", why, due.kind, gain)
    if (again := trainings.new_evidence_from) is not None and night < again and not _is_graver(due, trainings, earlier):
        why = f"{head} {_failures(trainings)}; from {again} on its gates judge new nights.{worth}"
        if performance.outcome != "fail":
            return Decision("keep", why, due.kind, gain)
        ask = f"{why} Until then a person decides: repair the data, roll back, or change the model."
        return Decision("ask", ask, due.kind, gain)
    return Decision("retrain", f"{due.why[0].upper()}{due.why[1:]}{due.detail or '.'}{worth}", due.kind, gain)


def _failures(trainings: Trainings) -> str:
    last, count = trainings.failed[-1], len(trainings.failed)
    several = f"{count} trainings failed since the champion's, the last" if count > 1 else "the training"
    return f"{several} as of {last.as_of} ({last.why})"


def _is_graver(due: Due, trainings: Trainings, earlier: Sequence[EarlierNight]) -> bool:
    """Whether a training is due for a graver reason than the last failed one: that is other evidence."""
    asked = next((row.due for row in earlier if row.night == trainings.failed[-1].as_of), None)
    return asked in GRAVITY and GRAVITY.index(due.kind) < GRAVITY.index(asked)


def _amount(gain: Figure, currency: str) -> str:
    return f"{gain.value:,.0f} {currency} ({gain.low:,.0f} to {gain.high:,.0f})"


TEXTS = (
    *("decision", "reason", "due", "drift_verdict", "drift_reason", "drift_calls_for"),
    *("performance_verdict", "performance_reason", "matching_verdict", "matching_reason"),
)
AMOUNTS = ("expected_gain", "expected_gain_low", "expected_gain_high")
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in TEXTS),
        *((name, pa.float64()) for name in AMOUNTS),
        ("champion_version", pa.int64()),
        ("champion_as_of", pa.date32()),
    ]
)
"""Columns of the decisions table, beside the night."""


def as_row(
    decision: Decision, *, champion: Champion, drift: NightDrift, performance: Verdict, matching: Verdict
) -> dict[str, object]:
    """Return the night's row of the decisions table: what was decided, why, and on which verdicts."""
    return {
        "decision": decision.decision,
        "reason": decision.reason,
        "due": decision.due,
        "expected_gain": decision.gain.value if decision.gain else None,
        "expected_gain_low": decision.gain.low if decision.gain else None,
        "expected_gain_high": decision.gain.high if decision.gain else None,
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
    gain: Figure | None,
) -> Due | None:
    """Return why a retrain is due, the gravest reason first; None: it is not."""
    if performance.outcome == "fail":
        return Due("realised performance failed", PERFORMANCE, f": {performance.reason}")
    if gain is not None and gain.low is not None and gain.low > 0:
        return Due("what the champion captures has fallen since its first nights by more than a training costs", VALUE)
    is_moved = drift.verdict.outcome == "fail" and drift.calls_for != REPAIR
    drifted = _drifted_in_a_row(night, champion, earlier) + 1 if is_moved else 0
    if drifted >= rules.drifted_nights:
        return Due(f"features drifted {counted(drifted)} in a row", DRIFT, f": {drift.verdict.reason}")
    age, most = (night - champion.as_of).days, rules.maximum_age_nights
    if age >= most and (rules.calendar or performance.outcome != "pass"):
        doubt = "" if rules.calendar else ", and nothing shows that it holds"
        why = f"champion version {champion.version} was trained as of {champion.as_of}, {counted(age)} ago (at most {most})"
        return Due(f"{why}{doubt}", AGE)
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


def _words(verdict: Verdict) -> str:
    return verdict.outcome.replace("_", " ")
