"""Which model version scores which night: promotions, roll-backs, retirements and pins, read from the ledger and nothing else.

The newest change that is effective by a night decides, and a night that was scored keeps its champion: the first scoring pins
it, a re-run uses the pin. So no change reaches a night already scored, unless a person takes its pin back, which is recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from nightloop.errors import ChampionMissing, StoreDamaged, command
from nightloop.ledger import Event, Ledger
from nightloop.nights import Night

PROMOTED, ROLLED_BACK, RETIRED = "champion_promoted", "champion_rolled_back", "champion_retired"
PINNED, UNPINNED = "champion_pinned", "champion_unpinned"
ChangeKind = Literal["promoted", "rolled_back", "retired"]
_KINDS: Mapping[str, ChangeKind] = {PROMOTED: "promoted", ROLLED_BACK: "rolled_back", RETIRED: "retired"}


@dataclass(frozen=True)
class Champion:
    """A version that is to score.

    Attributes:
        version: the registered version.
        as_of: night at whose cut-off its training data was known.
        effective_from: first night it may score.
        payload: what its promotion recorded beside these (bundle location, run).
    """

    version: int
    as_of: Night
    effective_from: Night
    payload: Mapping[str, Any]

    @property
    def bundle_digest(self) -> str:
        """Digest of the bundle that was promoted: what MLflow or a folder holds counts only where it has this one.

        Raises:
            StoreDamaged: the promotion recorded none.
        """
        if digest := self.payload.get("bundle_digest"):
            return str(digest)
        what = f"the promotion of version {self.version} recorded no digest of its bundle: any other could stand in its place."
        raise StoreDamaged(what, where="the ledger", do="Train and promote a version again.")


@dataclass(frozen=True)
class Change:
    """One decision about who scores from a night on.

    Attributes:
        kind: promoted, rolled_back or retired.
        version: the version that it is about.
        champion: who scores from then on; None after a retirement.
        effective_from: first night it is effective on.
        seq: number of its event in the ledger.
        recorded_at: when it was recorded (UTC).
        by: who decided; a training's gates where it is a promotion.
        reason: why, where a person said so.
    """

    kind: ChangeKind
    version: int
    champion: Champion | None
    effective_from: Night
    seq: int
    recorded_at: datetime
    by: str
    reason: str

    def as_json(self) -> dict[str, object]:
        """Return plain values."""
        return {
            "version": self.version,
            "kind": self.kind,
            "as_of": str(self.champion.as_of) if self.champion else None,
            "effective_from": str(self.effective_from),
            "recorded_at": self.recorded_at.isoformat(timespec="seconds"),
            "by": self.by,
            "reason": self.reason,
        }


def promote(ledger: Ledger, use_case: str, version: int, as_of: Night, payload: Mapping[str, Any]) -> Champion:
    """Make the version champion from ``max(as_of, last pinned night + 1)`` on.

    Promoting the same version again returns its first promotion.
    """
    with ledger.exclusive():
        promoted = [champion for champion in history(ledger, use_case) if champion.version == version]
        if promoted:
            return promoted[0]
        effective_from = first_unpinned(ledger, use_case, as_of)
        facts = {"version": version, "as_of": str(as_of), "effective_from": str(effective_from)}
        event = ledger.record(PROMOTED, use_case, night=as_of, subject=str(version), payload={**payload, **facts})
        return _champion(event)


def effective(ledger: Ledger, use_case: str, night: Night) -> Champion | None:
    """Return the champion of a night: its pin if it has one, else that of the newest change effective by then."""
    return _effective(changes(ledger, use_case), _pin_event(ledger, use_case, night), night)


def effective_nights(ledger: Ledger, use_case: str, nights: Iterable[Night]) -> dict[Night, Champion]:
    """Return the champion of each night that has one, with two looks into the ledger for all of them."""
    recorded = changes(ledger, use_case)
    pinned = {event.night: event for event in ledger.events(use_case, kind=(PINNED, UNPINNED))}  # the newest of each night
    pinned = {night: event for night, event in pinned.items() if event.kind == PINNED}
    champions = {night: _effective(recorded, pinned.get(night), night) for night in nights}
    return {night: champion for night, champion in champions.items() if champion is not None}


def _effective(recorded: list[Change], pinned: Event | None, night: Night) -> Champion | None:
    """Return the champion of a night, given all changes and the event that pinned it."""
    if pinned is None:
        change = in_force(recorded, night)
        return change.champion if change else None
    version = int(pinned.payload["version"])
    before = (change for change in reversed(recorded) if change.seq < pinned.seq and change.champion is not None)
    champion = next((change.champion for change in before if change.version == version), None)
    if champion is None:
        raise _not_promoted(version, f"event {pinned.seq} pins the night {night} to it")
    return champion


def since(ledger: Ledger, use_case: str, night: Night) -> list[Champion]:
    """Return the champions that score this night or a later one, each once, oldest promotion first."""
    recorded = changes(ledger, use_case)
    versions = {version for pinned_night, version in pins(ledger, use_case).items() if pinned_night >= night}
    versions |= {change.version for change in recorded if change.champion is not None and change.effective_from > night}
    champion = effective(ledger, use_case, night)
    versions |= {champion.version} if champion else set()
    return [promoted for promoted in history(ledger, use_case) if promoted.version in versions]


def pin(ledger: Ledger, use_case: str, night: Night) -> Champion:
    """Return the champion of the night, and pin it: no later change reaches it.

    Raises:
        ChampionMissing: no champion is effective on the night.
    """
    with ledger.exclusive():
        champion = effective(ledger, use_case, night)
        if champion is None:
            raise missing(ledger, use_case, night)
        if _pin_event(ledger, use_case, night) is None:
            payload = {"version": champion.version, "as_of": str(champion.as_of)}
            ledger.record(PINNED, use_case, night=night, subject=str(champion.version), payload=payload)
        return champion


def pins(ledger: Ledger, use_case: str) -> dict[Night, int]:
    """Return night -> version of every night that is pinned now."""
    pinned: dict[Night, int] = {}
    for event in ledger.events(use_case, kind=(PINNED, UNPINNED)):
        if event.night is not None and event.kind == PINNED:
            pinned.setdefault(event.night, int(event.payload["version"]))
        elif event.night is not None:
            pinned.pop(event.night, None)
    return pinned


def unpinned(ledger: Ledger, use_case: str) -> dict[Night, int]:
    """Return night -> version whose pin was taken back, of the nights that were not scored again since."""
    undone = {event.night: int(event.payload["version"]) for event in ledger.events(use_case, kind=UNPINNED)}
    pinned = pins(ledger, use_case) if undone else {}
    return {night: version for night, version in undone.items() if night is not None and night not in pinned}


def history(ledger: Ledger, use_case: str) -> list[Champion]:
    """Return every promotion, in order."""
    return [_champion(event) for event in ledger.events(use_case, kind=PROMOTED)]


def changes(ledger: Ledger, use_case: str) -> list[Change]:
    """Return every promotion, roll-back and retirement, in order."""
    events = ledger.events(use_case, kind=tuple(_KINDS))
    promoted = {int(event.payload["version"]): _champion(event) for event in events if event.kind == PROMOTED}
    return [change_of(event, promoted) for event in events]


def newest_change(ledger: Ledger, use_case: str) -> Change | None:
    """Return the newest change, if there was one."""
    return next(reversed(changes(ledger, use_case)), None)


def newest(ledger: Ledger, use_case: str) -> Champion | None:
    """Return whom the newest change made champion; None before the first promotion and after a retirement."""
    change = newest_change(ledger, use_case)
    return change.champion if change else None


def what_stays(ledger: Ledger, use_case: str) -> str:
    """Say in a sentence who scores where a training promotes nobody: the champion, or no one."""
    champion = newest(ledger, use_case)
    if champion is None:
        return "There is no champion: no night is scored until a training passes every gate."
    return f"The champion stays as it is: version {champion.version}, trained as of {champion.as_of}."


def in_force(recorded: list[Change], night: Night) -> Change | None:
    """Return the change that decides a night without a pin: of those effective by then, the newest."""
    return next((change for change in reversed(recorded) if change.effective_from <= night), None)


def first_unpinned(ledger: Ledger, use_case: str, earliest: Night) -> Night:
    """Return the first night after the last pinned one, but none before ``earliest``."""
    pinned = pins(ledger, use_case)
    return max(earliest, max(pinned) + timedelta(days=1)) if pinned else earliest


def missing(ledger: Ledger, use_case: str, night: Night) -> ChampionMissing:
    """Return the error of a night on which no champion is effective: it says why, and what to do."""
    recorded, where = changes(ledger, use_case), f"{use_case}, night {night}"
    train = command("train", use_case, night)
    if (retired := in_force(recorded, night)) is not None:
        what = f"no champion is effective: {retired.by} retired version {retired.version} from {retired.effective_from} on"
        do = f"To have one again: {command('champion', 'rollback', use_case)}, or train one: {train}"
        return ChampionMissing(f"{what} ({retired.reason.rstrip('.')}).", where=where, do=do)
    firsts = [change.effective_from for change in recorded if change.champion is not None]
    do = f"Score from {min(firsts)} on, or train one as of an earlier night: {train}" if firsts else f"Train one: {train}"
    return ChampionMissing("no champion is effective.", where=where, do=do)


def change_of(event: Event, promoted: Mapping[int, Champion]) -> Change:
    """Return the change that an event records.

    Args:
        event: of a kind that changes who scores.
        promoted: version -> its promotion; StoreDamaged where a champion has none.
    """
    payload, kind = event.payload, _KINDS[event.kind]
    version, effective_from = int(payload["version"]), Night.fromisoformat(payload["effective_from"])
    if kind != "retired" and version not in promoted:
        raise _not_promoted(version, f"event {event.seq} makes it champion again")
    return Change(
        kind=kind,
        version=version,
        champion=None if kind == "retired" else replace(promoted[version], effective_from=effective_from),
        effective_from=effective_from,
        seq=event.seq,
        recorded_at=event.recorded_at,
        by=payload.get("by", "the gates"),
        reason=payload.get("reason", ""),
    )


def promotion_of(ledger: Ledger, use_case: str, version: int) -> Champion:
    """Return the promotion of a version that scored; StoreDamaged where the ledger has none."""
    for champion in history(ledger, use_case):
        if champion.version == version:
            return champion
    raise _not_promoted(version, f"{use_case} has scores of it")


def _not_promoted(version: int, use: str) -> StoreDamaged:
    do = f"Look whether it is whole: {command('ledger', 'verify')}; restore it from its backup where it is not."
    return StoreDamaged(f"the promotion of version {version} is not on the ledger, and {use}.", where="the ledger", do=do)


def _pin_event(ledger: Ledger, use_case: str, night: Night) -> Event | None:
    """Return the event that pinned the night, unless the pin was taken back since."""
    newest_event = next(reversed(ledger.events(use_case, kind=(PINNED, UNPINNED), night=night)), None)
    return newest_event if newest_event is not None and newest_event.kind == PINNED else None


def _champion(event: Event) -> Champion:
    payload = event.payload
    return Champion(
        version=int(payload["version"]),
        as_of=Night.fromisoformat(payload["as_of"]),
        effective_from=Night.fromisoformat(payload["effective_from"]),
        payload={key: value for key, value in payload.items() if key not in {"version", "as_of", "effective_from"}},
    )
