"""Answer from a bundle: prediction, decision, reasons. The same object in a batch and in the service.

Knows neither Spark nor HTTP. A row gets the same answer, to the last bit, alone or in a batch, with one thread or many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nightloop.errors import StoreDamaged, UsageError
from nightloop.model import bundle
from nightloop.model.conformal import covered
from nightloop.model.models import Matrix, Trees, linear_from_json
from nightloop.model.spec import TREES, Spec

Floats = NDArray[np.float64]
Decide = Callable[[Floats], NDArray[np.bool_]]
Explained = Callable[[Floats, NDArray[np.bool_] | None], NDArray[np.bool_]]
LARGEST = float(np.finfo(np.float32).max)
NO_FEATURE = -1


def decided(prediction: Floats, decision: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Return which answers are positive decisions: none where nothing is decided."""
    return np.zeros(len(prediction), dtype=np.bool_) if decision is None else decision


def explained_for(reasons_for: str) -> Explained | None:
    """Return which rows get reasons whatever else is asked: None, all, also where only a whole night could tell."""
    return decided if reasons_for == "decided" else None


class Model(Protocol):
    """What answers with margins: log-odds, a number, or one margin a class (see ``tasks``)."""

    @property
    def feature_count(self) -> int:
        """How many features it takes."""

    @property
    def precision(self) -> type[np.floating[Any]]:
        """The numbers in which it compares: of features in these, no more than these tell its answer."""

    @property
    def base(self) -> Floats:
        """What contributions are added to, () or (c,)."""

    def margins(self, features: Matrix) -> Floats:
        """Return the margins, (n,) or (n, c), of rows (n, k)."""

    def explain(self, features: Matrix) -> tuple[Floats, Floats]:
        """Return the margins and each feature's contribution to them, (n, k) or (n, c, k)."""


@dataclass(frozen=True)
class Predictions:
    """Answers to n rows, with r reasons each (r = 0 when none were asked for).

    ``prediction`` is the task's: a probability (n,), a number (n,), or the probability of each class (n, c). ``reason`` (n, r)
    holds indices into ``spec.features``, the strongest for the answer first, or NO_FEATURE in a row that gets none; ``effect``
    (n, r) their contributions: in log-odds, positive towards the label being true; in the label's unit; or to the margin of the
    predicted class. An effect whose sign is against the answer tells that fewer than r features speak for it.
    """

    prediction: Floats
    decision: NDArray[np.bool_] | None
    reason: NDArray[np.int64]
    effect: Floats

    @property
    def probability(self) -> Floats:
        """The prediction of a binary model."""
        return self.prediction


@dataclass(frozen=True)
class Explanations:
    """What made n answers: ``base + effect.sum(axis=1)`` is the margin, to the rounding of 32-bit floats.

    In log-odds as the calibration scales them, in the label's unit, or as margins of the predicted class.
    """

    prediction: Floats  # (n,) or (n, c), see Predictions
    decision: NDArray[np.bool_] | None
    base: Floats  # (n,)
    effect: Floats  # (n, k), of every feature in order
    margin: Floats  # (n,)


@dataclass(frozen=True)
class Predictor:
    """A loaded bundle."""

    spec: Spec
    model: Model

    @classmethod
    def load(cls, folder: Path | str, *, threads: int = 1, light: bool = True) -> Predictor:
        """Read a bundle.

        Args:
            folder: the bundle.
            threads: of one call; 1 suits both Spark workers and a service, which run side by side.
            light: leave scikit-learn out of XGBoost's import: see ``import_xgboost``.

        Raises:
            StoreDamaged: the bundle is not complete, not readable, its parts do not fit together, or its probes are answered
                otherwise than in training.
        """
        folder = Path(folder)
        spec = bundle.read_spec(folder)
        model = _load_model(folder, spec, threads, light)
        if model.feature_count != len(spec.features):
            raise StoreDamaged(
                f"the model takes {model.feature_count} features, {bundle.SPEC} names {len(spec.features)}.",
                where=str(folder),
                do="Fetch or train the model again.",
            )
        predictor = cls(spec, model)
        bundle.check_probes(folder, predictor.predict_undecided)
        return predictor

    def warm_up(self) -> None:
        """Answer rows of nothing, so that no caller's row waits for tables to be built, or for Numba to compile."""
        nothing = np.full((2, len(self.spec.features)), np.nan)
        for rows in (nothing, nothing[:1]) if self.spec.reasons else ():
            self.model.explain(rows)

    def predict(
        self,
        features: Matrix,
        *,
        reasons: bool = True,
        group: NDArray[Any] | None = None,
        decide: Decide | None = None,
        explained: Explained | None = None,
    ) -> Predictions:
        """Answer rows of features (n, k), in the order of ``spec.features``, NaN where missing.

        Args:
            features: of the rows.
            reasons: whether to give them.
            group: (n,) text: what ``spec.attribute`` is of each row, where the model decides by it.
            decide: from predictions (n,) to decisions, where they are rows of a night that a capacity decides on.
            explained: from predictions and decisions to which rows get reasons; None: all.

        Raises:
            UsageError: another number of features, a value too large for the model, or no group where it is needed.
        """
        rows, gives_reasons = self._check(features), reasons and self.spec.reasons > 0
        if gives_reasons and explained is None and len(rows):
            margin, effect = self.model.explain(rows)
        else:
            margin, effect = self._margins(rows), np.empty((len(rows), 0))
        prediction = self.spec.task.predict(self.spec.calibration, margin)
        decision = self._decide(prediction, group) if decide is None else decide(prediction)
        if gives_reasons and explained is not None:
            strongest = self._strongest_of(explained(prediction, decision), rows, prediction, decision)
        else:
            strongest = self._strongest(effect, prediction, decision)
        return Predictions(prediction, decision, *strongest)

    def _strongest_of(
        self, explained: NDArray[np.bool_], rows: Matrix, prediction: Floats, decision: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], Floats]:
        """Return the strongest features of some rows, and of the others none: what is not asked for is not worked out."""
        shape, places = (len(rows), self.spec.reasons), np.flatnonzero(explained)
        reason, effect = np.full(shape, NO_FEATURE, dtype=np.int64), np.full(shape, np.nan)
        if len(places):
            _, effects = self.model.explain(rows[places])
            decided = None if decision is None else decision[places]
            reason[places], effect[places] = self._strongest(effects, prediction[places], decided)
        return reason, effect

    def predict_undecided(self, features: Matrix) -> Floats:
        """Return the predictions of rows alone, for which no group need be known."""
        return self.spec.task.predict(self.spec.calibration, self._margins(self._check(features)))

    def explain(self, features: Matrix) -> Explanations:
        """Answer rows as ``predict`` does, with the contribution of every feature; without decisions where a group decides.

        Raises:
            UsageError: see ``predict``.
        """
        rows, scale = self._check(features), self.spec.calibration.effect_scale
        margin, effect = self.model.explain(rows)
        task, prediction = self.spec.task, self.spec.task.predict(self.spec.calibration, margin)
        base = np.broadcast_to(self.model.base, margin.shape)
        whole = np.concatenate([effect, base[..., None], margin[..., None]], axis=-1) * scale
        attributed, _ = task.attribute(prediction, None, whole)
        decision = None if self.spec.attribute else task.decide(prediction)
        return Explanations(prediction, decision, attributed[:, -2], attributed[:, :-2], attributed[:, -1])

    def columns(self, predictions: Predictions | Explanations) -> Mapping[str, NDArray[Any] | None]:
        """Return the columns of the answers, by name in order; None: null in every row."""
        promise = self.spec.conformal
        values = self.spec.task.column_values(predictions.prediction, predictions.decision)
        return {**values, **(promise.columns(predictions.prediction) if promise else {})}

    def covered(self, predictions: Predictions, label: NDArray[Any]) -> Floats | None:
        """Return 1 where the outcome lies within the reach of the answer, else 0; (n,). None where nothing is promised."""
        promise = self.spec.conformal
        return covered(promise.columns(predictions.prediction), label, self.spec.classes) if promise else None

    def _decide(self, prediction: Floats, group: NDArray[Any] | None) -> NDArray[np.bool_] | None:
        thresholds = self.spec.group_thresholds
        if thresholds is None:
            return self.spec.task.decide(prediction)
        if group is None or len(group) != len(prediction):
            raise UsageError(
                f"the model of '{self.spec.use_case}' decides by '{thresholds.attribute}', which is given of "
                f"{0 if group is None else len(group)} of {len(prediction)} rows.",
                do=f"Give '{thresholds.attribute}' of every row; 'unknown' where it is not known.",
            )
        return np.asarray(prediction >= thresholds.of(group), dtype=np.bool_)

    def _margins(self, rows: Matrix) -> Floats:
        if len(rows):
            return self.model.margins(rows)
        return np.empty((0, len(self.spec.classes)) if self.spec.classes else 0)

    def _strongest(
        self, effect: Floats, prediction: Floats, decision: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], Floats]:
        if not effect.shape[-1]:
            return np.empty((len(prediction), 0), dtype=np.int64), np.empty((len(prediction), 0))
        effect, strength = self.spec.task.attribute(prediction, decision, effect * self.spec.calibration.effect_scale)
        # Stable: of equal effects, the feature that comes first.
        order = np.argsort(-strength, axis=1, kind="stable")[:, : self.spec.reasons]
        return order.astype(np.int64), np.take_along_axis(effect, order, axis=1)

    def _check(self, features: Matrix) -> Matrix:
        exact = self.model.precision if features.dtype == np.float32 else np.float64
        rows: Matrix = np.ascontiguousarray(features, dtype=exact)
        names = self.spec.features
        if rows.ndim != 2 or rows.shape[1] != len(names):  # noqa: PLR2004 - rows and columns
            raise UsageError(
                f"the model of '{self.spec.use_case}' takes {len(names)} features a row, the array has shape {rows.shape}.",
                do=f"Give them in this order: {', '.join(names)}.",
            )
        beyond = np.abs(rows) > LARGEST
        if beyond.any():
            row, column = (int(index) for index in np.argwhere(beyond)[0])
            raise UsageError(
                f"feature '{names[column]}' of row {row} is {rows[row, column]}: no number the model can take.",
                do="Correct it, or leave it missing.",
            )
        return rows


def _load_model(folder: Path, spec: Spec, threads: int, light: bool) -> Model:
    if spec.kind in TREES:
        return Trees.load(folder / bundle.TREES, threads=threads, light=light)
    try:
        return linear_from_json(bundle.read_json(folder, bundle.LINEAR))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreDamaged(
            f"a field is missing or wrong ({type(error).__name__}: {error}).",
            where=str(folder / bundle.LINEAR),
            do="Fetch or train the model again.",
        ) from error
