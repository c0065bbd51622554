"""The models a bundle may hold, each answering rows of features with margins and contributions to them.

A linear model is plain numbers; boosted trees answer from a file, with XGBoost's own runtime and none of its wrappers.
"""

from __future__ import annotations

import importlib
import json
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from nightloop.errors import StoreDamaged

if TYPE_CHECKING:
    from xgboost import Booster

    from nightloop.model.contribution_tables import ContributionTables

Floats = NDArray[np.float64]
Matrix = NDArray[np.float64] | NDArray[np.float32]
_IMPORTING = threading.Lock()
CATEGORIES = "categories"  # attribute of a Booster: the codes it was fitted on, by column, where a feature is a category


@dataclass(frozen=True)
class LinearModel:
    """``margin = intercept + sum(coefficient * (value - mean) / scale)``; a missing value counts as ``fill``.

    Each list has one entry per feature, in the order of the use case. A categorical feature adds the effect of its level
    instead: ``levels`` has what each code 0, 1, … adds, and last what a missing or unknown one adds.
    """

    precision: ClassVar = np.float64
    intercept: float
    coefficients: tuple[float, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    fills: tuple[float, ...]
    levels: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        lists = ("coefficients", "means", "scales", "fills", *(("levels",) if self.levels else ()))
        sizes = {name: len(getattr(self, name)) for name in lists}
        if len(set(sizes.values())) != 1 or not all(self.scales):
            raise StoreDamaged(f"the linear model does not fit together: {sizes}, scales {self.scales}.", do="Train it again.")

    @property
    def feature_count(self) -> int:
        """How many features it takes."""
        return len(self.coefficients)

    @property
    def base(self) -> Floats:
        """The margin of a row whose features contribute nothing, ()."""
        return np.asarray(self.intercept)

    def margins(self, features: Matrix) -> Floats:
        """Return the margins (n,) of rows (n, k): log-odds, or for a number itself.

        Summed column by column, not as a matrix product: BLAS orders its sums by the number of rows, and a row must get the
        same answer alone as in a batch.
        """
        return self.explain(features)[0]

    def explain(self, features: Matrix) -> tuple[Floats, Floats]:
        """Return margins (n,) and contributions (n, k); a row's contributions and the intercept add up to its margin."""
        filled = np.where(np.isnan(features), np.asarray(self.fills), features)
        effects = np.asarray(self.coefficients) * ((filled - np.asarray(self.means)) / np.asarray(self.scales))
        for column, of_level in enumerate(self.levels):
            if of_level:
                effects[:, column] = _level_effects(features[:, column], of_level)
        total = np.full(len(features), self.intercept)
        for column in range(effects.shape[1]):
            total = total + effects[:, column]
        return total, effects

    def as_json(self) -> dict[str, object]:
        """Return plain values; ``from_json`` reads them back."""
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        levels = {"levels": [list(of_level) for of_level in self.levels]} if self.levels else {}
        return {**{key: value for key, value in plain.items() if key != "levels"}, **levels}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> LinearModel:
        """Read what ``as_json`` wrote."""
        lists = {key: tuple(cast("list[float]", values[key])) for key in ("coefficients", "means", "scales", "fills")}
        levels = tuple(tuple(of_level) for of_level in cast("list[list[float]]", values.get("levels", [])))
        return cls(intercept=float(cast("float", values["intercept"])), **lists, levels=levels)

    @property
    def weights(self) -> Floats:
        """How much each feature moves the margins (k,): by one standard deviation, or by that of its levels' effects."""
        spreads = [float(np.std(of_level)) if of_level else 0.0 for of_level in self.levels] or [0.0] * self.feature_count
        return np.asarray(np.abs(self.coefficients) + np.asarray(spreads))


def _level_effects(codes: Matrix, of_level: tuple[float, ...]) -> Floats:
    """Return the effect of each code (n,); of one that is missing or unknown, the last."""
    known = (codes >= 0) & (codes < len(of_level) - 1) & (codes == np.floor(codes))
    return np.asarray(of_level)[np.where(known, codes, len(of_level) - 1).astype(np.int64)]


@dataclass(frozen=True)
class LinearClasses:
    """One linear model a class: the margins of a multinomial regression."""

    precision: ClassVar = np.float64
    models: tuple[LinearModel, ...]

    def __post_init__(self) -> None:
        if len({model.feature_count for model in self.models}) != 1:
            raise StoreDamaged("the classes' linear models take different features.", do="Train it again.")

    @property
    def feature_count(self) -> int:
        """How many features it takes."""
        return self.models[0].feature_count

    @property
    def base(self) -> Floats:
        """The margins of a row whose features contribute nothing, (c,)."""
        return np.array([model.intercept for model in self.models])

    def margins(self, features: Matrix) -> Floats:
        """Return the margins (n, c) of rows (n, k)."""
        return self.explain(features)[0]

    def explain(self, features: Matrix) -> tuple[Floats, Floats]:
        """Return margins (n, c) and contributions (n, c, k)."""
        margins, effects = zip(*(model.explain(features) for model in self.models), strict=True)
        return np.stack(margins, axis=1), np.stack(effects, axis=1)

    def as_json(self) -> dict[str, object]:
        """Return plain values; ``from_json`` reads them back."""
        return {"models": [model.as_json() for model in self.models]}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> LinearClasses:
        """Read what ``as_json`` wrote."""
        return cls(tuple(LinearModel.from_json(item) for item in cast("list[dict[str, object]]", values["models"])))

    @property
    def weights(self) -> Floats:
        """How much each feature moves the margins (k,): see LinearModel; the mean of the classes."""
        return np.asarray(np.mean([model.weights for model in self.models], axis=0))


def linear_from_json(values: Mapping[str, object]) -> LinearModel | LinearClasses:
    """Read either, as it was written."""
    return LinearClasses.from_json(values) if "models" in values else LinearModel.from_json(values)


class Trees:
    """A Booster, as it was fitted or as it is read from model.ubj.

    Features go in as float32, once, for both the margin and the contributions: XGBoost compares in float32. Each row is summed
    tree by tree on its own, so neither the other rows nor the number of threads show in its answer.

    Of a categorical feature the model knows the codes it was fitted on; any other is taken for missing, for XGBoost would let
    it go left in every tree, whatever the trees learned of missing values.
    """

    def __init__(self, booster: Booster, xgboost: ModuleType, threads: int) -> None:
        self.booster = booster
        self._xgboost = xgboost
        self._threads = threads
        self.feature_count: int = booster.num_features()
        codes = json.loads(booster.attr(CATEGORIES) or "{}")
        self._codes = {int(column): np.asarray(known, dtype=np.float64) for column, known in codes.items()}

    @property
    def precision(self) -> type[np.floating[Any]]:
        """In 64 bits where codes of categories are to be known from numbers close to them."""
        return np.float64 if self._codes else np.float32

    @classmethod
    def load(cls, path: Path, *, threads: int, light: bool) -> Trees:
        """Read the file.

        Raises:
            StoreDamaged: XGBoost cannot read it.
        """
        xgboost = import_xgboost(light=light)
        try:
            booster = xgboost.Booster({"nthread": threads}, model_file=bytearray(path.read_bytes()))
        except (FileNotFoundError, xgboost.core.XGBoostError) as error:
            first = str(error).strip().splitlines()[0]
            raise StoreDamaged(
                f"not readable as boosted trees ({first}).", where=str(path), do="Fetch the model again."
            ) from error
        return cls(booster, xgboost, threads)

    def margins(self, features: Matrix) -> Floats:
        """Return the margins (n,) of rows (n, k); (n, c) where the trees tell several classes."""
        margin = self.booster.inplace_predict(self._prepared(features), predict_type="margin", validate_features=False)
        return cast("Floats", margin.astype(np.float64))

    @property
    def base(self) -> Floats:
        """The margin of no feature in particular, () or (c,): what the contributions of a row are added to."""
        nothing = np.full((1, self.feature_count), np.nan)
        return self.contributions(nothing)[0, ..., -1].astype(np.float64)

    def explain(self, features: Matrix) -> tuple[Floats, Floats]:
        """Return margins and exact contributions to them, (n, k) or (n, c, k) (Lundberg et al. 2020, path-dependent TreeSHAP).

        Looked up in tables that are built once, when the first row is explained; worked out by XGBoost, fifty times as slow and
        equal to 1e-5, where there are none.
        """
        margins = self.margins(features)
        if self._tables is None:
            return margins, self.contributions(features)[..., :-1].astype(np.float64)
        effects = self._tables.contributions(self._prepared(features)).astype(np.float64)
        return margins, effects if margins.ndim > 1 else effects[:, 0]

    @cached_property
    def _tables(self) -> ContributionTables | None:
        """None where they would be too large, and beside MLflow's copy of a bundle, which asks for no compiled code."""
        try:
            from nightloop.model.contribution_tables import from_booster
        except ModuleNotFoundError:
            return None
        return from_booster(self.booster)

    def contributions(self, features: Matrix) -> NDArray[np.float32]:
        """Return contributions (n, k + 1) or (n, c, k + 1), the last of them the base."""
        data = self._xgboost.DMatrix(self._prepared(features), nthread=self._threads)
        return cast("NDArray[np.float32]", self.booster.predict(data, pred_contribs=True, validate_features=False))

    @property
    def gains(self) -> dict[str, float]:
        """The mean gain of the splits of each feature that the trees use."""
        return dict(self.booster.get_score(importance_type="gain"))

    def _prepared(self, features: Matrix) -> NDArray[np.float32]:
        prepared = features.astype(np.float32, copy=bool(self._codes))
        for column, known in self._codes.items():
            prepared[~np.isin(features[:, column], known), column] = np.nan
        return prepared


FittedModel = Trees | LinearModel | LinearClasses


def import_xgboost(*, light: bool) -> ModuleType:
    """Import XGBoost; ``light``: without scikit-learn, which takes four fifths of the 2.7 s and answers nothing here.

    XGBoost treats scikit-learn as optional, so the import is made to look as if it were absent. The price: in this process
    XGBoost's scikit-learn classes do not work (Booster and train do). So: only in processes of Nightloop's own.
    """
    with _IMPORTING:
        if light and "xgboost" not in sys.modules and "sklearn" not in sys.modules:
            sys.modules["sklearn"] = cast("ModuleType", None)  # Python's own way to say: importing this fails
            try:
                return importlib.import_module("xgboost")
            finally:
                del sys.modules["sklearn"]
        return importlib.import_module("xgboost")
