"""Who is champion, since when, by whose word, how good and how old: what a person asks before anything is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nightloop.model import bundle, champions
from nightloop.model.champions import Change
from nightloop.nights import Night
from nightloop.promotion.verdicts import Judged, judged

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.ledger import Ledger
    from nightloop.model.spec import Training
    from nightloop.workspace import Workspace


@dataclass(frozen=True)
class Overview:
    """Where a use case stands with its champion.

    Attributes:
        use_case: its name.
        night: the next night to be scored, for which this holds; None where nobody was ever promoted.
        change: what decides that night; it has no champion after a retirement, and is None before the first promotion.
        coming: changes that take effect on a later night.
        training: what the champion was trained on.
        verdicts: of the gates on the champion, with their figures.
        age: nights from the one its training knew to the newest that is scored.
        retrain_from: night on which it reaches its maximum age.
        scored: nights that the champion has scored.
    """

    use_case: str
    night: Night | None
    change: Change | None
    coming: tuple[Change, ...] = ()
    training: Training | None = None
    verdicts: tuple[Judged, ...] = ()
    age: int | None = None
    retrain_from: Night | None = None
    scored: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "use_case": self.use_case,
            "night": self.night,
            "champion": self.change.as_json() if self.change else None,
            "trained_on": self.training.as_json() if self.training else None,
            "gates": [verdict.as_json() for verdict in self.verdicts],
            "age_nights": self.age,
            "scored_nights": self.scored,
            "retrain_from": self.retrain_from,
            "next": [change.as_json() for change in self.coming],
        }


def overview(use_case: UseCase, workspace: Workspace) -> Overview:
    """Return where the use case stands.

    Raises:
        StoreUnavailable: the ledger does not answer, or the registry does not give the champion's bundle.
    """
    name, ledger = use_case.use_case, workspace.ledger
    changes = champions.changes(ledger, name)
    if not changes:
        return Overview(name, None, None)
    pins = champions.pins(ledger, name)
    night = max(pins) + timedelta(days=1) if pins else changes[-1].effective_from
    change = champions.in_force(changes, night)
    coming = tuple(later for later in changes if later.effective_from > night and _counts(later, changes))
    if change is None or change.champion is None:
        return Overview(name, night, change, coming)
    champion = change.champion
    folder = workspace.registry.fetch_champion(name, champion)
    return Overview(
        use_case=name,
        night=night,
        change=change,
        coming=coming,
        training=bundle.read_spec(folder).training,
        verdicts=tuple(judged(ledger, name, champion.version)),
        age=((max(pins) if pins else champion.as_of) - champion.as_of).days,
        retrain_from=champion.as_of + timedelta(days=use_case.retrain.maximum_age_nights),
        scored=sum(version == champion.version for version in pins.values()),
    )


def scored_nights(ledger: Ledger, use_case: str) -> Counter[int]:
    """Return how many nights each version has scored."""
    return Counter(champions.pins(ledger, use_case).values())


def _counts(change: Change, changes: Sequence[Change]) -> bool:
    """Whether a change still decides the first night it was made for."""
    return champions.in_force(list(changes), change.effective_from) == change
