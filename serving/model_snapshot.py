"""What an answer is made from: the champion of a night, with that night's aggregates.

The night decides both. So the service gives the batch's predictions of that night, to the last bit, and a promotion reaches the
service with the first night it is effective on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.definitions import UseCase
from nightloop.errors import ChampionMissing, DefinitionError, NotReady
from nightloop.features.online import Aggregates, OnlineFeatures
from nightloop.features.tables import keyed
from nightloop.model import champions
from nightloop.model.champions import Champion
from nightloop.model.predictor import Predictions, Predictor
from nightloop.nights import Night, one
from nightloop.workspace import Workspace


@dataclass(frozen=True)
class Identity:
    """Names a snapshot without loading it; cheap to find, so it is what polling compares."""

    night: Night
    aggregates_version: int  # of the table, when the night was published
    model_version: int
    champion: Champion = field(compare=False)


@dataclass(frozen=True)
class ModelSnapshot:
    """A loaded champion and a night's aggregates. Never changes: a refresh puts another in its place."""

    use_case: UseCase
    identity: Identity
    predictor: Predictor
    online: OnlineFeatures
    aggregates: Aggregates

    @cached_property
    def _columns(self) -> NDArray[np.intp]:
        names = list(self.use_case.features)
        return np.array([names.index(name) for name in self.predictor.spec.features], dtype=np.intp)

    def answers(self, rows: Sequence[Mapping[str, Any]], *, reasons: bool = True) -> list[dict[str, Any]]:
        """Answer rows of entity columns, in their order."""
        features = self.online.compute(list(rows), self.aggregates)[:, self._columns]
        predictions = self.predictor.predict(features, reasons=reasons)
        reasons_by_row = self._reasons(features, predictions)
        shared = {"model_version": self.identity.model_version, "night": self.identity.night}
        key = self.use_case.entity.key
        columns = self.predictor.columns(predictions)
        values = [[None] * len(rows) if column is None else column.tolist() for column in columns.values()]
        answered = zip(rows, zip(*values, strict=True), reasons_by_row, strict=True)
        return [
            {
                "key": {name: row[name] for name in key},
                **dict(zip(columns, answer, strict=True)),
                "reasons": row_reasons,
                **shared,
            }
            for row, answer, row_reasons in answered
        ]

    def _reasons(self, features: NDArray[np.float64], predictions: Predictions) -> list[list[dict[str, Any]]]:
        spec = self.predictor.spec
        values = np.take_along_axis(features, predictions.reason, axis=1).tolist()
        rows = zip(predictions.reason.tolist(), values, predictions.effect.tolist(), strict=True)
        return [
            [
                {"feature": spec.features[index], "description": spec.descriptions[index], "value": value, "effect": effect}
                for index, value, effect in zip(*row, strict=True)
            ]
            for row in rows
        ]


def find(workspace: Workspace, use_case: UseCase, night: Night | None = None) -> Identity:
    """Find what an answer for the night (default: the newest published) is made from.

    Raises:
        NotReady: the night's aggregates, or any, are not published.
        ChampionMissing: no champion is effective on it.
    """
    table = f"{use_case.use_case}/aggregates"
    states = workspace.lake.states(table) if workspace.lake.exists(table) else {}
    newest = night or max(states, default=None)
    if newest is None or newest not in states:
        what = f"the aggregates of night {newest} are not published." if newest else "no night's aggregates are published."
        raise NotReady(what, where=table, do=f"Run: python -m jobs features {use_case.use_case} {newest or 'NIGHT'}")
    champion = champions.effective(workspace.ledger, use_case.use_case, newest)
    if champion is None:
        raise ChampionMissing(
            f"use case '{use_case.use_case}' has no champion effective on night {newest}.",
            do=f"Train one: python -m jobs train {use_case.use_case} {newest}",
        )
    return Identity(newest, states[newest].version, champion.version, champion)


def load(workspace: Workspace, use_case: UseCase, identity: Identity, previous: ModelSnapshot | None = None) -> ModelSnapshot:
    """Load the bundle and the aggregates; takes over the predictor of ``previous`` when the champion is the same."""
    if previous and previous.identity.model_version == identity.model_version:
        predictor = previous.predictor
    else:
        digest = identity.champion.payload.get("bundle_digest")
        predictor = Predictor.load(workspace.registry.fetch(use_case.use_case, identity.model_version, digest))
    undeclared = [name for name in predictor.spec.features if name not in use_case.features]
    if undeclared:
        raise DefinitionError(
            f"version {identity.model_version} reads features that the definition no longer has: {', '.join(undeclared)}.",
            where=f"use case '{use_case.use_case}'",
            do="Bring them back, or train a new version.",
        )
    online = previous.online if previous else OnlineFeatures(use_case)
    return ModelSnapshot(use_case, identity, predictor, online, read_aggregates(workspace, use_case, identity.night, predictor))


def read_aggregates(workspace: Workspace, use_case: UseCase, night: Night, predictor: Predictor) -> Aggregates:
    """Read the night's aggregates, ready to be looked up.

    Raises:
        NotReady: the champion reads a feature that the table was never made with; missing values would be a lie.
    """
    table = f"{use_case.use_case}/aggregates"
    rows = workspace.lake.read(table, one(night))
    missing = [
        feature for feature in predictor.spec.features if feature in keyed(use_case) and feature not in rows.column_names
    ]
    if missing:
        raise NotReady(
            f"the aggregates of night {night} were made without {', '.join(missing)}.",
            where=table,
            do=f"Run: python -m jobs features {use_case.use_case} {night}",
        )
    return Aggregates.of(use_case, rows)
