"""What an answer is made from: the champion of a night, with that night's aggregates.

The night decides both. So the service gives the batch's predictions of that night, to the last bit, and a promotion reaches the
service with the first night it is effective on.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nightloop.contracts.single_rows import RowRule
from nightloop.definitions import UseCase
from nightloop.errors import DefinitionError, NightloopError, NotReady, UsageError
from nightloop.features.group_columns import decision_columns, group_texts
from nightloop.features.online import Aggregates, OnlineFeatures
from nightloop.features.published_aggregates import check_published
from nightloop.features.tables import keyed
from nightloop.lake import NightState
from nightloop.meaning import meanings_of
from nightloop.meaning.archive import archived
from nightloop.meaning.reading import by_meaning, stored_groupings
from nightloop.model import champions
from nightloop.model.champions import Champion
from nightloop.model.predictor import NO_FEATURE, Explained, Predictions, Predictor, explained_for
from nightloop.model.spec import Spec
from nightloop.model.use_case_task import answer_columns
from nightloop.nights import Night, one
from nightloop.promotion import traffic
from nightloop.promotion.ladder import CHAMPION, RUNG, rungs_of
from nightloop.promotion.traffic import Split
from nightloop.workspace import Workspace
from serving.answers import answers_of
from serving.row_contract import contract_rules

log = logging.getLogger("serving")


@dataclass(frozen=True)
class Identity:
    """Names a snapshot without loading it; cheap to find, so it is what polling compares."""

    night: Night
    aggregates_version: int  # of the table, when the night was published
    model_version: int
    champion: Champion = field(compare=False)
    scores_version: int = 0  # of the table, where a capacity decides: the night's threshold is read from it
    split: Split | None = field(default=None, hash=False)
    rung: str = CHAMPION  # of the ladder


@dataclass(frozen=True)
class NightThreshold:
    """The least answer that a capacity took of a scored night; of no night: what it usually was in training."""

    value: float
    night: Night | None

    def decide(self, prediction: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return the decisions of rows (n,)."""
        return np.asarray(prediction >= self.value, dtype=np.bool_)


@dataclass(frozen=True)
class ModelSnapshot:
    """A loaded champion and a night's aggregates. Never changes: a refresh puts another in its place.

    ``use_case`` is the definition of the champion's features, ``columns`` are those of an answer by today's definition.
    """

    use_case: UseCase
    identity: Identity
    predictor: Predictor
    online: OnlineFeatures | None  # None, as the aggregates: it answers features only
    aggregates: Aggregates | None
    columns: tuple[str, ...]
    threshold: NightThreshold | None = None
    rules: tuple[RowRule, ...] = ()
    tried: ModelSnapshot | None = None  # where the night is split: of the version that answers a share
    explained: Explained | None = None  # which rows get reasons; None: all

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features, in the order of the model."""
        return tuple(self.predictor.spec.features)

    @cached_property
    def _columns(self) -> NDArray[np.intp]:
        names = list(self.use_case.features)
        return np.array([names.index(name) for name in self.predictor.spec.features], dtype=np.intp)

    def features(self, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
        """Return the features (n, k) of rows of entity columns, in the order of the model; NaN where missing."""
        if self.online is None or self.aggregates is None:
            raise UsageError("a snapshot without aggregates computes no features.", do="Give it the features.")
        return self.online.compute(list(rows), self.aggregates)[:, self._columns]

    def answers(
        self, rows: Sequence[Mapping[str, Any]], *, reasons: bool = True, features: NDArray[np.float64] | None = None
    ) -> list[dict[str, Any]]:
        """Answer rows of entity columns, in their order, by their features where they are at hand."""
        features = self.features(rows) if features is None else features
        decide = self.threshold.decide if self.threshold else None
        predictions = self.predictor.predict(
            features, reasons=reasons, group=self._groups(rows), decide=decide, explained=self.explained
        )
        reasons_by_row = self._reasons(features, predictions)
        shared: dict[str, Any] = {"model_version": self.identity.model_version, "night": self.identity.night}
        if self.threshold:
            shared |= {"threshold": self.threshold.value, "threshold_night": self.threshold.night}
        given = dict(self.predictor.columns(predictions))
        if RUNG in self.columns:
            given[RUNG] = np.full(len(rows), self.identity.rung)
        return answers_of(self.use_case, rows, {name: given.get(name) for name in self.columns}, reasons_by_row, shared)

    def _groups(self, rows: Sequence[Mapping[str, Any]]) -> NDArray[Any] | None:
        """Return the group of each row where the champion decides by it; None where it does not.

        Raises:
            UsageError: a row does not name it, and today's definition does not ask for it.
        """
        attribute = self.predictor.spec.attribute
        if not attribute:
            return None
        absent = [place for place, row in enumerate(rows) if row.get(attribute) is None]
        if absent and attribute not in decision_columns(self.use_case):
            raise UsageError(
                f"row {absent[0]} does not name '{attribute}', by which version {self.identity.model_version} decides.",
                where=f"use case '{self.use_case.use_case}'",
                do="Send it, or train a champion of today's definition.",
            )
        return np.array(group_texts(pa.array([row[attribute] for row in rows])).to_pylist(), dtype=str)

    def _reasons(self, features: NDArray[np.float64], predictions: Predictions) -> list[list[dict[str, Any]]]:
        spec = self.predictor.spec
        values = np.take_along_axis(features, predictions.reason, axis=1).tolist()
        rows = zip(predictions.reason.tolist(), values, predictions.effect.tolist(), strict=True)
        return [[spec.reason(*of) for of in zip(*row, strict=True) if of[0] != NO_FEATURE] for row in rows]


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
        raise champions.missing(workspace.ledger, use_case.use_case, newest)
    scored = newest_scored(workspace, use_case, newest) if use_case.model.capacity is not None else None
    split = traffic.effective(workspace.ledger, use_case.use_case, {newest: champion}).get(newest)
    return Identity(newest, states[newest].version, champion.version, champion, scored.version if scored else 0, split)


def load(workspace: Workspace, use_case: UseCase, identity: Identity, previous: ModelSnapshot | None = None) -> ModelSnapshot:
    """Load the bundle and the aggregates, and those of a version that is tried; takes over predictors of ``previous``."""
    tried = _load_tried(workspace, use_case, identity, identity.split, previous) if identity.split else None
    if previous and previous.tried and previous.identity.model_version != identity.model_version:
        previous = previous.tried
    if previous and previous.identity.model_version == identity.model_version:
        predictor = previous.predictor
    else:
        predictor = Predictor.load(workspace.registry.fetch_champion(use_case.use_case, identity.champion))
        predictor.warm_up()
    meant = _as_trained(workspace, use_case, identity, predictor.spec)
    online = previous.online if previous and previous.online and previous.use_case is meant else OnlineFeatures(meant)
    aggregates, threshold = read_aggregates(workspace, meant, identity.night, predictor), None
    if predictor.spec.capacity is not None:
        threshold = night_threshold(workspace, use_case, identity, predictor.spec)
    rules = contract_rules(workspace, use_case, identity.night)
    columns = (*answer_columns(use_case), *([RUNG] if rungs_of(use_case) else ()))
    explained = explained_for(use_case.model.reasons_for)
    return ModelSnapshot(meant, identity, predictor, online, aggregates, columns, threshold, rules, tried, explained)


def _load_tried(
    workspace: Workspace, use_case: UseCase, identity: Identity, split: Split, previous: ModelSnapshot | None
) -> ModelSnapshot | None:
    """Load the version that is tried beside the champion; None where a shadow cannot be, for nobody sees its answers."""
    of = split.champion
    try:
        return load(workspace, use_case, replace(identity, model_version=of.version, champion=of, split=None), previous)
    except NightloopError as error:
        if split.arm != traffic.SHADOW:
            raise
        log.error("%s: version %d is no shadow, for: %s", use_case.use_case, of.version, error)
        return None


def newest_scored(workspace: Workspace, use_case: UseCase, night: Night) -> NightState | None:
    """Return the newest scored night that is not after a night; None where there is none."""
    table = f"{use_case.use_case}/scores"
    states = workspace.lake.states(table) if workspace.lake.exists(table) else {}
    return max((state for of, state in states.items() if of <= night), key=lambda state: state.night, default=None)


def night_threshold(workspace: Workspace, use_case: UseCase, identity: Identity, spec: Spec) -> NightThreshold:
    """Return the least answer that was decided positively on the newest scored night, where the same version scored it."""
    scored = newest_scored(workspace, use_case, identity.night)
    if scored is not None:
        column = spec.task.prediction_columns[0]
        rows = workspace.lake.read(f"{use_case.use_case}/scores", one(scored.night), ["model_version", "decision", column])
        positive = rows.filter(pc.and_(rows["decision"], pc.equal(rows["model_version"], identity.model_version)))
        if positive.num_rows:
            return NightThreshold(float(pc.min(positive[column]).as_py()), scored.night)
    return NightThreshold(float(spec.threshold or 0.0), None)


def _as_trained(workspace: Workspace, use_case: UseCase, identity: Identity, spec: Spec) -> UseCase:
    """Return the definition whose features are those the champion was trained on: today's, or that of its training.

    Raises:
        DefinitionError: it reads features, or columns of a row, that today's definition no longer has.
    """
    today = meanings_of(use_case).features
    if all(today.get(name) == spec.feature_meanings.get(name, today.get(name, "")) for name in spec.features):
        return use_case
    then = archived(workspace.lake, use_case.use_case, spec.training.definition_digest) if spec.meanings else None
    if then is None:
        undeclared = ", ".join(name for name in spec.features if name not in use_case.features)
        what = f"features that the definition no longer has: {undeclared}" if undeclared else "another meaning of its features"
        raise _cannot_answer(use_case, identity, what)
    columns = use_case.sources[use_case.entity.source].types
    gone = [name for name, kind in OnlineFeatures(then).columns.items() if columns.get(name) != kind]
    if gone:
        raise _cannot_answer(use_case, identity, f"columns of a row that are gone, or of another type now: {', '.join(gone)}")
    return then


def _cannot_answer(use_case: UseCase, identity: Identity, what: str) -> DefinitionError:
    return DefinitionError(
        f"version {identity.model_version} reads {what}.",
        where=f"use case '{use_case.use_case}'",
        do="Bring them back, or train a new version.",
    )


def read_aggregates(workspace: Workspace, use_case: UseCase, night: Night, predictor: Predictor) -> Aggregates:
    """Read the night's aggregates, ready to be looked up.

    Raises:
        NotReady: the champion reads a feature that the table was never made with, or not in the meaning it was trained on;
            missing values would be a lie.
        StoreDamaged: the aggregates are not those whose digest the ledger has.
    """
    table = f"{use_case.use_case}/aggregates"
    of_champion = {name: digest for name, digest in predictor.spec.feature_meanings.items() if name in keyed(use_case)}
    snapshot = workspace.lake.snapshot(table, one(night))
    stored = snapshot.read()
    check_published(workspace.ledger, use_case.use_case, night, stored, snapshot.meanings.get(night, {}))
    meant = by_meaning(snapshot, of_champion)
    rows = pa.table({name: stored[meant.stored_name(night, name)] for name in meant.schema.names})
    missing = [
        feature for feature in predictor.spec.features if feature in keyed(use_case) and feature not in rows.column_names
    ]
    if missing:
        raise NotReady(
            f"the aggregates of night {night} were made without {', '.join(missing)}.",
            where=table,
            do=f"Run: python -m jobs features {use_case.use_case} {night}",
        )
    groupings = stored_groupings(snapshot.meanings.get(night, {}), meanings_of(use_case).of_table("aggregates", use_case))
    return Aggregates.of(use_case, rows, groupings)
