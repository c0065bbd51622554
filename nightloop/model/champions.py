"""Which model version scores which night: promotions and pins, read from the ledger and nothing else.

A promotion takes effect from the first night, not before the one its training knew, that no scoring has pinned yet. The
first scoring of a night pins its champion; a re-run uses the pin. So no promotion changes a night already scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from nightloop.errors import ChampionMissing, command
from nightloop.ledger import Event, Ledger
from nightloop.nights import Night

PROMOTED = "champion_promoted"
PINNED = "champion_pinned"


@dataclass(frozen=True)
class Champion:
    """A promoted version.

    Attributes:
        version: the registered version.
        as_of: night at whose cut-off its training data was known.
        effective_from: first night it may score.
        payload: what the promotion recorded beside these (bundle location, run).
    """

    version: int
    as_of: Night
    effective_from: Night
    payload: Mapping[str, Any]


def promote(ledger: Ledger, use_case: str, version: int, as_of: Night, payload: Mapping[str, Any]) -> Champion:
    """Make the version champion from ``max(as_of, last pinned night + 1)`` on.

    Promoting the same version again returns its first promotion.
    """
    with ledger.exclusive():
        promoted = [champion for champion in history(ledger, use_case) if champion.version == version]
        if promoted:
            return promoted[0]
        pinned = [event.night for event in ledger.events(use_case, kind=PINNED) if event.night is not None]
        effective_from = max(as_of, max(pinned) + timedelta(days=1)) if pinned else as_of
        facts = {"version": version, "as_of": str(as_of), "effective_from": str(effective_from)}
        event = ledger.record(PROMOTED, use_case, night=as_of, subject=str(version), payload={**payload, **facts})
        return _champion(event)


def effective(ledger: Ledger, use_case: str, night: Night) -> Champion | None:
    """Return the champion of a night: its pin if it has one, else the latest promotion effective by then."""
    champions = history(ledger, use_case)
    pins = ledger.events(use_case, kind=PINNED, night=night)
    if pins:
        return next(champion for champion in champions if champion.version == pins[0].payload["version"])
    return next((champion for champion in reversed(champions) if champion.effective_from <= night), None)


def since(ledger: Ledger, use_case: str, night: Night) -> list[Champion]:
    """Return the champions that score this night or a later one, each once, oldest promotion first."""
    promoted = history(ledger, use_case)
    if not promoted:
        return []
    in_force = effective(ledger, use_case, night)
    pins = ledger.events(use_case, kind=PINNED)
    versions = {event.payload["version"] for event in pins if event.night is not None and event.night >= night}
    versions |= {in_force.version} if in_force else set()
    return [champion for champion in promoted if champion.version in versions or champion.effective_from > night]


def pin(ledger: Ledger, use_case: str, night: Night) -> Champion:
    """Return the champion of the night, and pin it: no later promotion changes it.

    Raises:
        ChampionMissing: no promotion is effective on the night.
    """
    with ledger.exclusive():
        champion = effective(ledger, use_case, night)
        if champion is None:
            raise _missing(ledger, use_case, night)
        if not ledger.events(use_case, kind=PINNED, night=night):
            payload = {"version": champion.version, "as_of": str(champion.as_of)}
            ledger.record(PINNED, use_case, night=night, subject=str(champion.version), payload=payload)
        return champion


def history(ledger: Ledger, use_case: str) -> list[Champion]:
    """Return every promotion, in order."""
    return [_champion(event) for event in ledger.events(use_case, kind=PROMOTED)]


def _champion(event: Event) -> Champion:
    payload = event.payload
    return Champion(
        version=int(payload["version"]),
        as_of=Night.fromisoformat(payload["as_of"]),
        effective_from=Night.fromisoformat(payload["effective_from"]),
        payload={key: value for key, value in payload.items() if key not in {"version", "as_of", "effective_from"}},
    )


def _missing(ledger: Ledger, use_case: str, night: Night) -> ChampionMissing:
    champions = history(ledger, use_case)
    if not champions:
        do = f"Train one: {command('train', use_case, night)}"
    else:
        first = min(champion.effective_from for champion in champions)
        do = f"Score from {first} on, or train one as of an earlier night: {command('train', use_case, night)}"
    return ChampionMissing("no champion is effective.", where=f"{use_case}, night {night}", do=do)
