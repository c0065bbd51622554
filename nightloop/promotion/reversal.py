"""A champion is taken back: an earlier version scores again, or none does, from a night on and by a person's word.

A night that is scored keeps its champion: what was published stays what it was. Only ``unpin`` takes pins back, and each is
recorded; the scores of such a night stand until it is scored again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nightloop.alerts import raise_alert
from nightloop.errors import DefinitionError, UsageError, command
from nightloop.meaning import meanings_of
from nightloop.meaning.archive import archived
from nightloop.meaning.carrying import Lost, Needed, carrying
from nightloop.meaning.reading import stored_names
from nightloop.model import bundle, champions
from nightloop.model.champions import RETIRED, ROLLED_BACK, UNPINNED, Champion, Change
from nightloop.model.scoring import check_task
from nightloop.model.use_case_task import task_for
from nightloop.nights import Night
from nightloop.promotion.alerts import champion_changed
from nightloop.promotion.alias import follow

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.ledger import Ledger
    from nightloop.model.spec import Spec
    from nightloop.workspace import Workspace


@dataclass(frozen=True)
class Reversal:
    """What a roll-back or a retirement comes to.

    Attributes:
        change: as the ledger has it.
        replaced: the version that was champion; None where none was.
        pinned: nights from ``change.effective_from`` on that keep another champion.
        unpinned: nights whose pins were taken back: to be scored again.
        to_build: published nights whose features lack what the version was trained on: to be built before they are scored.
    """

    change: Change
    replaced: int | None
    pinned: tuple[Night, ...] = ()
    unpinned: tuple[Night, ...] = ()
    to_build: tuple[Night, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return plain values."""
        nights = {"pinned": self.pinned, "unpinned": self.unpinned, "to_build": self.to_build}
        of_nights = {name: [str(night) for night in of] for name, of in nights.items()}
        return {**self.change.as_json(), "replaces": self.replaced, **of_nights}


def roll_back(
    use_case: UseCase,
    workspace: Workspace,
    *,
    by: str,
    reason: str,
    version: int | None = None,
    first: Night | None = None,
    unpin: bool = False,
) -> Reversal:
    """Make a version that was champion before champion again, and let the alias follow.

    Args:
        use_case: whose champion.
        workspace: its stores.
        by: who decides; recorded.
        reason: why; recorded.
        version: which one; default: the one promoted before the champion of now, or the one that was retired.
        first: first night it is effective on; default: the first after the last pinned one.
        unpin: take the pins of other versions back from ``first`` on.

    Raises:
        UsageError: the version was never champion, is champion already, or is to score a night before its training.
        DefinitionError: the version can no longer score; names what is lost.
        StoreUnavailable: the registry does not answer, or does not have its bundle.
    """
    name, ledger = use_case.use_case, workspace.ledger
    promoted = champions.history(ledger, name)
    target = _target(name, promoted, champions.newest_change(ledger, name), version)
    spec = check_can_score(use_case, target, workspace)
    with ledger.exclusive():
        reversal = record_roll_back(ledger, name, target.version, by=by, reason=reason, first=first, unpin=unpin)
        reversal = replace(reversal, to_build=_to_build(use_case, spec, reversal, workspace))
        raise_alert(ledger, champion_changed(name, reversal))
    follow(name, workspace)
    return reversal


def record_roll_back(
    ledger: Ledger, name: str, version: int, *, by: str, reason: str, first: Night | None = None, unpin: bool = False
) -> Reversal:
    """Record a roll-back; see ``roll_back``, which checks first whether the version can still score."""
    with ledger.exclusive():
        promoted = {champion.version: champion for champion in champions.history(ledger, name)}
        before = champions.newest_change(ledger, name)
        target = _target(name, list(promoted.values()), before, version)
        _check_first(name, target, before, first, unpin=unpin)
        effective_from = first or champions.first_unpinned(ledger, name, target.as_of)
        others = {n: v for n, v in champions.pins(ledger, name).items() if n >= effective_from and v != version}
        replaced = before.version if before is not None and before.champion is not None else None
        event = ledger.record(
            ROLLED_BACK,
            name,
            night=effective_from,
            subject=str(version),
            payload={
                "version": version,
                "effective_from": str(effective_from),
                "replaces": replaced,
                "by": by,
                "reason": reason,
                "unpinned_nights": len(others) if unpin else 0,
            },
        )
        for night, pinned in sorted(others.items()) if unpin else ():
            payload = {"version": pinned, "by": by, "reason": reason}
            ledger.record(UNPINNED, name, night=night, subject=str(pinned), payload=payload)
    nights = tuple(sorted(others))
    change = champions.change_of(event, promoted)
    return Reversal(change, replaced, pinned=() if unpin else nights, unpinned=nights if unpin else ())


def retire(use_case: UseCase, workspace: Workspace, *, by: str, reason: str, first: Night | None = None) -> Reversal:
    """Let no champion score from a night on, until another is promoted or rolled back to; the alias goes.

    Args:
        use_case: whose champion.
        workspace: its stores.
        by: who decides; recorded.
        reason: why; recorded.
        first: first night without a champion; default: the first after the last pinned one.

    Raises:
        UsageError: there is no champion.
    """
    name = use_case.use_case
    with workspace.ledger.exclusive() as ledger:
        reversal = record_retirement(ledger, name, by=by, reason=reason, first=first)
        raise_alert(ledger, champion_changed(name, reversal))
    follow(name, workspace)
    return reversal


def record_retirement(ledger: Ledger, name: str, *, by: str, reason: str, first: Night | None = None) -> Reversal:
    """Record a retirement; see ``retire``."""
    with ledger.exclusive():
        champion = champions.newest(ledger, name)
        if champion is None:
            raise UsageError(f"'{name}' has no champion that could be retired.", do=f"See: {command('champion', 'show', name)}")
        effective_from = first or champions.first_unpinned(ledger, name, champion.effective_from)
        payload = {"version": champion.version, "effective_from": str(effective_from), "by": by, "reason": reason}
        event = ledger.record(RETIRED, name, night=effective_from, subject=str(champion.version), payload=payload)
        pinned = tuple(night for night in sorted(champions.pins(ledger, name)) if night >= effective_from)
    return Reversal(champions.change_of(event, {}), champion.version, pinned=pinned)


def lost_features(use_case: UseCase, spec: Spec, version: int, workspace: Workspace) -> list[Lost]:
    """Return the features that a version was trained on and that nights can no longer be given, each with the reason."""
    if not spec.meanings:  # a bundle from before meanings were recorded: its names are all there is
        undeclared = [name for name in spec.features if name not in use_case.features]
        return [Lost(version, name, "the definition no longer has it.") for name in undeclared]
    today = set(meanings_of(use_case).features.values())
    older = {name: digest for name, digest in spec.feature_meanings.items() if digest not in today}
    then = archived(workspace.lake, use_case.use_case, spec.training.definition_digest) if older else None
    if then is None:
        return [Lost(version, name, "the definition it was trained by is not in the lake any more.") for name in older]
    return carrying(use_case, [Needed(version, older, then)])[1]


def _target(name: str, promoted: Sequence[Champion], newest: Change | None, version: int | None) -> Champion:
    """Return the promotion that is to count again.

    Raises:
        UsageError: there is none.
    """
    versions = [champion.version for champion in promoted]
    wanted_version = version
    if wanted_version is None and newest is not None:
        at = versions.index(newest.version) - (0 if newest.champion is None else 1)
        wanted_version = versions[at] if at >= 0 else None
    if wanted_version is None:
        raise UsageError(f"'{name}' had no champion before.", do=f"See: {command('champion', 'history', name)}")
    if wanted_version not in versions:
        were = ", ".join(map(str, versions)) or "none"
        raise UsageError(f"version {wanted_version} of '{name}' was never champion.", do=f"Versions that were: {were}.")
    return promoted[versions.index(wanted_version)]


def _check_first(name: str, target: Champion, newest: Change | None, first: Night | None, *, unpin: bool) -> None:
    """Check the night from which a roll-back is to count.

    Raises:
        UsageError: it is before the version's training, changes nothing, or is missing where pins are to be taken back.
    """
    if first is not None and first < target.as_of:
        raise UsageError(
            f"version {target.version} of '{name}' knows the nights up to {target.as_of}: it cannot score {first}.",
            do=f"Roll back from {target.as_of} on, or to a version that was trained earlier.",
        )
    if unpin and first is None:
        raise UsageError("pins are taken back from a night on, and none was given.", do="Give that night too (--from NIGHT).")
    is_champion = newest is not None and newest.champion is not None and newest.version == target.version
    if newest is not None and is_champion and not unpin and (first is None or first >= newest.effective_from):
        raise UsageError(f"version {target.version} of '{name}' is champion already, from {newest.effective_from} on.")


def check_can_score(use_case: UseCase, champion: Champion, workspace: Workspace) -> Spec:
    """Check that a version that was promoted can score today, and return what its bundle says of it.

    Raises:
        DefinitionError: it cannot; names what is lost.
        StoreUnavailable: the registry does not answer, or does not have its bundle.
    """
    version, spec = champion.version, bundle.read_spec(workspace.registry.fetch_champion(use_case.use_case, champion))
    check_task(spec, task_for(use_case), version)
    if lost := lost_features(use_case, spec, version, workspace):
        raise DefinitionError(
            f"version {version} cannot score any more: " + " ".join(f"{of.feature}: {of.reason}" for of in lost),
            where=f"use case '{use_case.use_case}'",
            do="Bring back what these features are made from, or train a new version.",
        )
    return spec


def _to_build(use_case: UseCase, spec: Spec, reversal: Reversal, workspace: Workspace) -> tuple[Night, ...]:
    table, stays = f"{use_case.use_case}/features", set(reversal.pinned)
    states = workspace.lake.states(table) if workspace.lake.exists(table) else {}
    nights = [night for night in sorted(states) if night >= reversal.change.effective_from and night not in stays]
    return tuple(night for night in nights if stored_names(states[night].meanings, spec.feature_meanings)[1])
