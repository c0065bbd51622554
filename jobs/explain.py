"""Explain one answer of a scored night: the contribution of every feature, in the words declared for it, added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nightloop.definitions.use_case import UseCase
from nightloop.errors import StoreDamaged, UsageError
from nightloop.lake import Snapshot
from nightloop.meaning.reading import by_meaning
from nightloop.model.champions import promotion_of
from nightloop.model.predictor import Predictor
from nightloop.model.training.explanations import unit_of
from nightloop.nights import Night, one
from nightloop.promotion.ladder import RULE
from nightloop.workspace import Workspace

ROUNDING = 1e-4  # of XGBoost's contributions, which are sums of 32-bit floats, in log-odds or as a share of the margin
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Contribution:
    """What one feature added to the margin; ``value`` is None where the feature is missing."""

    feature: str
    value: float | None
    effect: float
    text: str


@dataclass(frozen=True)
class Explanation:
    """One answer and what made it.

    Attributes:
        use_case, night, entity: whose answer: key column -> value.
        version: of the model that scored the night.
        answer: the columns of the scores table.
        unit: of base, contributions and margin.
        base: what they are added to.
        margin: what the model itself says.
        contributions: of every feature, the largest first.
    """

    use_case: str
    night: Night
    entity: dict[str, str]
    version: int
    answer: dict[str, Any]
    unit: str
    base: float
    margin: float
    contributions: tuple[Contribution, ...]

    @property
    def total(self) -> float:
        """Base and contributions added up."""
        return self.base + sum(item.effect for item in self.contributions)

    @property
    def adds_up(self) -> bool:
        """Whether they give the margin, to the rounding of the contributions."""
        return abs(self.total - self.margin) <= ROUNDING * max(1.0, abs(self.margin))

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "use_case": self.use_case,
            "night": str(self.night),
            "entity": self.entity,
            "model_version": self.version,
            "answer": self.answer,
            "unit": self.unit,
            "base": self.base,
            "margin": self.margin,
            "adds_up": self.adds_up,
            "contributions": [vars(item) for item in self.contributions],
        }


@dataclass(frozen=True)
class ScoredRow:
    """One scored row: its model, its features, what was published of it, and the features of the night it stands among.

    Attributes:
        entity: key column -> value.
        predictor: the version that scored it.
        version: its number.
        features: (1, k), NaN where missing.
        night_features: (n, k) of every row of the night.
        answer: the columns of the scores table.
    """

    entity: dict[str, str]
    predictor: Predictor
    version: int
    features: Floats
    night_features: Floats
    answer: dict[str, Any]


def scored_row(use_case: UseCase, night: Night, entity: Sequence[str], workspace: Workspace) -> ScoredRow:
    """Find a scored row, and the model that scored it.

    Args:
        use_case: whose.
        night: the scored night.
        entity: a value for each column of the entity's key, in their order.
        workspace: its stores.

    Raises:
        UsageError: another number of values than the key has columns, or no such row.
        NotReady: the night is not scored.
        OtherMeaning: its features were made anew by another definition since.
    """
    key = use_case.entity.key
    if len(entity) != len(key):
        raise UsageError(f"an entity is known by {', '.join(key)}; {len(entity)} values are given.", do="Give one for each.")
    name, key_values = use_case.use_case, dict(zip(key, entity, strict=True))
    scores = workspace.lake.require(f"{name}/scores", one(night))
    [answer] = _rows(scores.read(), key_values, scores).to_pylist()
    version = int(answer["model_version"])
    if answer.get("rung") == RULE:
        raise UsageError("no model answered this row but the rule of the ladder.", where=f"{name}/scores, night {night}")
    predictor = Predictor.load(workspace.registry.fetch_champion(name, promotion_of(workspace.ledger, name, version)))
    spec = predictor.spec
    features = by_meaning(workspace.lake.require(f"{name}/features", one(night)), spec.feature_meanings)
    table = features.read([*key, *spec.features])
    row = _matrix(_rows(table, key_values, features), spec.features)
    return ScoredRow(key_values, predictor, version, row, _matrix(table, spec.features), answer)


def explain(use_case: UseCase, night: Night, row: ScoredRow) -> Explanation:
    """Return what made one answer of a scored night.

    Raises:
        StoreDamaged: the model gives another answer for the row than was published.
    """
    spec, explained = row.predictor.spec, row.predictor.explain(row.features)
    _check_same(row, explained.prediction, f"{use_case.use_case}/scores, night {night}")
    effects, values = explained.effect[0], row.features[0]
    contributions = tuple(
        Contribution(
            spec.features[place],
            None if np.isnan(values[place]) else float(values[place]),
            float(effects[place]),
            spec.reason_text(spec.features[place], float(effects[place])),
        )
        for place in np.argsort(-np.abs(effects), kind="stable")
    )
    columns = {name: row.answer[name] for name in spec.task.columns}
    base, margin = float(explained.base[0]), float(explained.margin[0])
    unit = unit_of(spec.task)
    return Explanation(use_case.use_case, night, row.entity, row.version, columns, unit, base, margin, contributions)


def _check_same(row: ScoredRow, prediction: Floats, where: str) -> None:
    published = [row.answer[name] for name in row.predictor.spec.task.prediction_columns]
    if published != np.atleast_1d(prediction[0]).tolist():
        raise StoreDamaged(
            f"version {row.version} answers {prediction[0]} for this row, and {published} was published.",
            where=where,
            do="The features of the night were published anew since: score it again, or explain another night.",
        )


def _rows(table: pa.Table, key_values: dict[str, str], snapshot: Snapshot) -> pa.Table:
    """Return the one row of a key."""
    rows = table
    for column, value in key_values.items():
        rows = rows.filter(pc.equal(pc.cast(rows[column], pa.string()), value))
    if rows.num_rows != 1:
        given = ", ".join(f"{column} = {value}" for column, value in key_values.items())
        example = " ".join(str(table[column][0]) for column in key_values) if table.num_rows else "none"
        raise UsageError(
            f"the night has {rows.num_rows} rows with {given}.",
            where=snapshot.table,
            do=f"It has {table.num_rows:,} rows, for example {example}.",
        )
    return rows


def _matrix(table: pa.Table, names: Sequence[str]) -> Floats:
    columns = [table[name].cast(pa.float64()).to_numpy(zero_copy_only=False) for name in names]
    return np.column_stack(columns).astype(np.float64)
