"""The registry's alias ``champion``: it follows the ledger, and is noticed where somebody moved it by hand.

Ledger: ``champion_alias_set`` after each time it followed. So a difference without one is a promotion that was interrupted, and
is finished; one after it is a hand's: ``alias_moved``, once for each such move, and ``alias_reset`` when it was set back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightloop.alerts import raise_alert
from nightloop.errors import UsageError
from nightloop.model import champions
from nightloop.model.registry import CHAMPION
from nightloop.promotion.alerts import alias_moved

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.workspace import Workspace

SET, MOVED, RESET = "champion_alias_set", "alias_moved", "alias_reset"
_NOTHING_SET = -1


@dataclass(frozen=True)
class AliasState:
    """Where the alias points, and where it should.

    Attributes:
        alias: the version that the registry names; None where the alias is missing.
        champion: the version that the ledger names; None before the first promotion and after a retirement.
        is_moved: somebody moved it by hand.
    """

    alias: int | None
    champion: int | None
    is_moved: bool = False

    def in_words(self) -> str:
        """Say what was found, in a sentence."""
        if not self.is_moved:
            return f"The alias '{CHAMPION}' points at {_version(self.champion)}, as the ledger says."
        return (
            f"The registry's alias '{CHAMPION}' points at {_version(self.alias)}; the ledger says {_version(self.champion)}, "
            "and scores by it: moving the alias by hand changes no night."
        )


def follow(use_case: str, workspace: Workspace) -> None:
    """Let the alias follow the ledger, which decides: after a kill between the two, and when another changes it meanwhile."""
    pointed: int | None = _NOTHING_SET
    while pointed != (version := _newest(use_case, workspace)):
        workspace.registry.set_alias(use_case, CHAMPION, version)
        pointed = version
    change = champions.newest_change(workspace.ledger, use_case)
    payload = {"version": version, "change": change.seq if change else None}
    workspace.ledger.record(SET, use_case, subject=str(version), payload=payload, unless_repeated=True)


def check_alias(use_case: UseCase, workspace: Workspace) -> AliasState:
    """Compare the registry's alias with the ledger's newest champion; record where a hand moved it, and alert people, once.

    An alias that only lags behind, for its promotion was interrupted, is moved on. Safe beside promotions, and cheap enough
    for every round: two looks into the ledger, one into the registry.

    Raises:
        StoreUnavailable: ledger or registry do not answer.
    """
    name, ledger = use_case.use_case, workspace.ledger
    while True:
        recorded = champions.changes(ledger, name)
        champion = recorded[-1].champion.version if recorded and recorded[-1].champion else None
        alias = workspace.registry.alias(name, CHAMPION)
        last = _last_set(use_case, workspace)
        if len(champions.changes(ledger, name)) == len(recorded):
            break  # else a promotion came in between: what was read is of two times
    if alias == champion:
        return AliasState(alias, champion)
    before = recorded[-2].champion.version if len(recorded) > 1 and recorded[-2].champion else None
    if recorded and last < recorded[-1].seq and alias == before:
        follow(name, workspace)
        return AliasState(champion, champion)
    moved = AliasState(alias, champion, is_moved=True)
    _record_moved(name, workspace, moved, last)
    return moved


def reset(use_case: UseCase, workspace: Workspace, *, by: str, reason: str) -> AliasState:
    """Set the alias back to what the ledger says, and record who asked for it.

    Raises:
        UsageError: it points there already.
    """
    state = check_alias(use_case, workspace)
    if not state.is_moved:
        raise UsageError(f"nothing is to be set back. {state.in_words()}", where=use_case.use_case)
    workspace.registry.set_alias(use_case.use_case, CHAMPION, state.champion)
    payload = {"from": state.alias, "version": state.champion, "by": by, "reason": reason}
    workspace.ledger.record(RESET, use_case.use_case, subject=str(state.champion), payload=payload)
    return state


def _record_moved(name: str, workspace: Workspace, state: AliasState, last: int) -> None:
    """Record a move and alert people to it, unless this very move is recorded."""
    payload = {"alias": state.alias, "champion": state.champion, "after": last}
    with workspace.ledger.exclusive() as ledger:
        if not any(event.payload == payload for event in ledger.events(name, kind=MOVED)):
            event = ledger.record(MOVED, name, subject=str(state.alias), payload=payload)
            raise_alert(ledger, alias_moved(name, state, run=str(event.seq)))


def _last_set(use_case: UseCase, workspace: Workspace) -> int:
    """Return the number of the event by which we set the alias last; 0 where we never did."""
    events = workspace.ledger.events(use_case.use_case, kind=(SET, RESET))
    return events[-1].seq if events else 0


def _newest(use_case: str, workspace: Workspace) -> int | None:
    champion = champions.newest(workspace.ledger, use_case)
    return champion.version if champion else None


def _version(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"
