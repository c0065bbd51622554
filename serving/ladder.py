"""The rungs below the champion: the champion before it, and a rule over the columns of a row, where no model can answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.contracts.single_rows import RowRule
from nightloop.definitions import UseCase
from nightloop.errors import NightloopError
from nightloop.model.champions import Champion
from nightloop.model.use_case_task import NO_MODEL, answer_columns
from nightloop.nights import Night
from nightloop.promotion.ladder import PREVIOUS, RULE, RUNG, first_usable, rule_columns, rungs_of
from nightloop.workspace import Workspace
from serving import model_snapshot
from serving.answers import answers_of
from serving.model_snapshot import Identity, ModelSnapshot


def load_usable(
    workspace: Workspace, use_case: UseCase, identity: Identity, loaded: ModelSnapshot | None = None
) -> tuple[ModelSnapshot | None, NightloopError | None]:
    """Load what an identity names, or the rung below that can be loaded; with the problem of what cannot.

    Args:
        workspace: its stores.
        use_case: declares the rungs.
        identity: what should answer.
        loaded: what answers now, whose parts are taken over.

    Returns:
        No snapshot where the rule is left to answer.

    Raises:
        NightloopError: of the champion, where no rung is left.
    """

    def of(champion: Champion) -> ModelSnapshot:
        if champion.version == identity.model_version:
            return model_snapshot.load(workspace, use_case, identity, loaded)
        below = replace(identity, model_version=champion.version, champion=champion, split=None, rung=PREVIOUS)
        return loaded if loaded and loaded.identity == below else model_snapshot.load(workspace, use_case, below, loaded)

    usable = first_usable(use_case, identity.champion, workspace.ledger, of, (NightloopError,))
    return usable.loaded, usable.problem


def has_rule(use_case: UseCase) -> bool:
    """Tell whether a rule answers where no model can."""
    return RULE in rungs_of(use_case)


@dataclass(frozen=True)
class RuleSnapshot:
    """Answers as a ``ModelSnapshot`` does, by the rule that the use case declares.

    Attributes:
        use_case: declares it.
        night: the last night that has ended.
        rules: of the contract.
    """

    use_case: UseCase
    night: Night
    rules: tuple[RowRule, ...] = ()
    tried: None = None
    feature_names: tuple[str, ...] = ()

    @property
    def identity(self) -> Identity:
        """Names what answers: no version, no aggregates."""
        return Identity(self.night, 0, NO_MODEL, Champion(NO_MODEL, self.night, self.night, {}), rung=RULE)

    def features(self, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
        """Return the features (n, 0): there are none."""
        return np.empty((len(rows), 0))

    def answers(
        self,
        rows: Sequence[Mapping[str, Any]],
        *,
        reasons: bool = True,  # noqa: ARG002 - a rule gives none
        features: NDArray[np.float64] | None = None,  # noqa: ARG002
    ) -> list[dict[str, Any]]:
        """Answer rows of entity columns, in their order.

        Raises:
            DefinitionError: the rule gives one of them no answer.
        """
        given = {**rule_columns(self.use_case, rows), RUNG: np.full(len(rows), RULE)}
        columns = {name: given.get(name) for name in (*answer_columns(self.use_case), RUNG)}
        return answers_of(self.use_case, rows, columns, [[] for _ in rows], {"model_version": NO_MODEL, "night": self.night})
