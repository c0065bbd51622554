"""A share of the entities is answered by another version than the champion: a canary, or one side of a comparison; or by both,
and nobody sees the other: a shadow.

The split is on the ledger, and by night, as the champion is: it is effective from the first night that is not scored yet, so a
night that is scored again is split as it was. Who is in the share is a salted hash of the entity's key: batch and service
agree, and who is in it stays in it while it grows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nightloop.errors import UsageError, command
from nightloop.ledger import Event, Ledger
from nightloop.model import champions
from nightloop.model.champions import Champion
from nightloop.model.entity_hash import in_share
from nightloop.nights import Night

SPLIT, ENDED = "traffic_split", "traffic_split_ended"
CHAMPION = "champion"  # the arm of the others
SHADOW = "shadow"  # the arm of answers that nobody sees, beside the champion's
SHADOW_SCORES = "shadow_scores"  # the table of them
ArmName = Literal["canary", "challenger", "shadow"]


@dataclass(frozen=True)
class Split:
    """A version that answers a share of the entities from a night on.

    Attributes:
        arm: what those entities are called: of a canary, or of a comparison (``challenger``); the others are ``champion``. Of
            a ``shadow`` they are the champion's too, and answered once more.
        champion: the promotion of the version that is tried.
        percent: the share of the entities, above 0 and below 100; of a shadow also 100.
        effective_from: first night that is split so.
        salt: of the hash; the same as long as the version is tried.
        by: who decided.
        reason: why.
        recorded_at: when it was recorded (UTC).
    """

    arm: ArmName
    champion: Champion
    percent: float
    effective_from: Night
    salt: str
    by: str
    reason: str
    recorded_at: datetime

    def is_tried(self, keys: Iterable[Sequence[Any]]) -> NDArray[np.bool_]:
        """Return which entities (n,), by the values of their key's columns, are answered by the version that is tried."""
        return in_share(self.salt, keys, self.percent)

    def shares(self) -> dict[str, float]:
        """Return the share of each arm; together 1. A shadow divides nothing."""
        return {CHAMPION: 1 - self.percent / 100, self.arm: self.percent / 100}

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "arm": self.arm,
            "version": self.champion.version,
            "percent": self.percent,
            "effective_from": str(self.effective_from),
            "by": self.by,
            "reason": self.reason,
            "recorded_at": self.recorded_at.isoformat(timespec="seconds"),
        }


@dataclass(frozen=True)
class Scorer:
    """A version that scores a night, or its share of it.

    Attributes:
        night: the night.
        champion: the promotion of the version.
        arm: of a night that is split, what a job of ``score_file`` needs to know of the share; else None.
        rung: which rung of the ladder stands in for the version that should score; None: it does itself.
    """

    night: Night
    champion: Champion
    arm: Mapping[str, Any] | None = None
    rung: str | None = None

    @property
    def labels(self) -> dict[str, str]:
        """The parts of a job of ``score_file`` that label its rows."""
        arm = {"arm": json.dumps(self.arm)} if self.arm else {}
        return {**arm, "rung": self.rung} if self.rung else arm


def split(
    ledger: Ledger, use_case: str, version: int, *, percent: float, by: str, reason: str = "", arm: ArmName = "canary"
) -> Split:
    """Let a version answer a share of the entities, from the first night that is not scored yet.

    Raises:
        UsageError: the share is none of the entities, or all of them; else see ``candidate``.
    """
    if not (0 < percent < 100 or (arm == SHADOW and percent == 100)):  # noqa: PLR2004 - per cent
        raise UsageError(
            f"a share of {percent:g} per cent divides nothing.", do="Give more than 0 and less than 100, or --end it."
        )
    with ledger.exclusive():
        tried = candidate(ledger, use_case, version)
        effective_from = champions.first_unpinned(ledger, use_case, tried.as_of)
        payload = {
            "version": version,
            "arm": arm,
            "percent": percent,
            "effective_from": str(effective_from),
            "salt": f"{use_case}/traffic/{version}",
            "by": by,
            "reason": reason,
        }
        return _split(
            ledger.record(SPLIT, use_case, night=effective_from, subject=str(version), payload=payload), {version: tried}
        )


def candidate(ledger: Ledger, use_case: str, version: int) -> Champion:
    """Return the promotion of a version that may be tried beside the champion.

    Raises:
        UsageError: it was never champion, and so has not passed the gates; or it is the champion, or there is none.
    """
    promoted = {champion.version: champion for champion in champions.history(ledger, use_case)}
    if version not in promoted:
        raise UsageError(
            f"version {version} of '{use_case}' was never promoted: who has not passed the gates decides about nobody.",
            do=f"Versions that were: {', '.join(map(str, promoted)) or 'none'}.",
        )
    champion = champions.newest(ledger, use_case)
    if champion is None or champion.version == version:
        what = "there is no champion" if champion is None else f"version {version} is the champion"
        do = f"Roll back first, then try it: {command('champion', 'rollback', use_case)}"
        raise UsageError(f"{what}: '{use_case}' has nothing to compare.", do=do)
    return promoted[version]


def end(ledger: Ledger, use_case: str, *, by: str, reason: str = "") -> Night:
    """Let the champion answer all entities again, and return the first night on which it does.

    Raises:
        UsageError: nothing is split.
    """
    with ledger.exclusive():
        running = newest(ledger, use_case)
        if running is None:
            raise UsageError(f"no share of '{use_case}' goes to another version than its champion.")
        effective_from = champions.first_unpinned(ledger, use_case, running.effective_from)
        payload = {"version": running.champion.version, "effective_from": str(effective_from), "by": by, "reason": reason}
        ledger.record(ENDED, use_case, night=effective_from, subject=str(running.champion.version), payload=payload)
        return effective_from


def newest(ledger: Ledger, use_case: str) -> Split | None:
    """Return what was decided last; None where nothing is split, or the split was ended."""
    return next(reversed(_decided(ledger, use_case)), (None, None))[1]


def effective(ledger: Ledger, use_case: str, champion_of: Mapping[Night, Champion]) -> dict[Night, Split]:
    """Return how each of the nights is split whose entities are not all answered by its champion.

    Args:
        ledger: holds what was decided.
        use_case: whose nights.
        champion_of: their champions; a version that has become champion of a night is not tried on it.
    """
    decided = _decided(ledger, use_case)
    splits: dict[Night, Split] = {}
    for night, champion in champion_of.items():
        in_force = next((one for first, one in reversed(decided) if first <= night), None)
        if in_force is not None and in_force.champion.version != champion.version:
            splits[night] = in_force
    return splits


def scorers(ledger: Ledger, use_case: str, champion_of: Mapping[Night, Champion]) -> list[Scorer]:
    """Return who scores each night: its champion, and where the night is split, then the version that is tried."""
    splits = effective(ledger, use_case, champion_of)
    all_scorers = []
    for night, champion in champion_of.items():
        if night not in splits or splits[night].arm == SHADOW:
            all_scorers.append(Scorer(night, champion))
            continue
        tried = splits[night]
        all_scorers += [
            _scorer(night, version, tried, arm) for version, arm in ((champion, CHAMPION), (tried.champion, tried.arm))
        ]
    return all_scorers


def shadows(ledger: Ledger, use_case: str, champion_of: Mapping[Night, Champion]) -> list[Scorer]:
    """Return who scores the nights, or their shares, beside those who answer."""
    splits = effective(ledger, use_case, champion_of)
    return [_scorer(night, of.champion, of, SHADOW) for night, of in splits.items() if of.arm == SHADOW]


def _scorer(night: Night, version: Champion, split: Split, arm: str) -> Scorer:
    of_arm = {"name": arm, "salt": split.salt, "percent": split.percent, "is_tried": arm != CHAMPION}
    return Scorer(night, version, of_arm)


def _decided(ledger: Ledger, use_case: str) -> list[tuple[Night, Split | None]]:
    """Return each decision in order: from which night on, and the split, or None where it was ended."""
    events = ledger.events(use_case, kind=(SPLIT, ENDED))
    promoted = {champion.version: champion for champion in champions.history(ledger, use_case)} if events else {}
    return [
        (Night.fromisoformat(event.payload["effective_from"]), _split(event, promoted) if event.kind == SPLIT else None)
        for event in events
    ]


def _split(event: Event, promoted: Mapping[int, Champion]) -> Split:
    payload = event.payload
    return Split(
        arm=payload["arm"],
        champion=promoted[int(payload["version"])],
        percent=float(payload["percent"]),
        effective_from=Night.fromisoformat(payload["effective_from"]),
        salt=payload["salt"],
        by=payload["by"],
        reason=payload["reason"],
        recorded_at=event.recorded_at,
    )
