"""A use case of four features and models of it, made in a moment: for tests that need a bundle, not a training."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from nightloop.definitions.use_case import UseCase
from nightloop.model import bundle
from nightloop.model.calibration import Calibration
from nightloop.model.models import LinearModel
from nightloop.nights import Nights

NAMES = ("age", "balance", "late_rate", "visits")
DEFINITION = """\
use_case: tiny
description: Will the account be late?
owner: tests
time_zone: UTC
first_night: 2024-01-01
engine: local
"""


def _feature(name: str) -> dict[str, object]:
    return {"kind": "expression", "expression": name, "description": f"The {name} of the account.", "personal": name == "age"}


@pytest.fixture(scope="session")
def tiny() -> UseCase:
    """Accounts, told by four numbers."""
    source = {
        "description": "One row per account.",
        "connector": {"kind": "files", "pattern": "accounts/{night}.csv"},
        "columns": {"account": {"type": "string", "expression": "account", "description": "Account."}}
        | {name: {"type": "number", "expression": name, "description": name} for name in NAMES},
        "key": ["account"],
    }
    return UseCase.model_validate(
        {
            "use_case": "tiny",
            "description": "Will the account be late?",
            "owner": "tests",
            "time_zone": "UTC",
            "first_night": date(2024, 1, 1),
            "engine": "local",
            "sources": {"accounts": source},
            "entity": {"source": "accounts", "key": ["account"]},
            "label": {
                "description": "Late.",
                "source": "accounts",
                "join": {"account": "account"},
                "expression": "balance > 0",
                "matures_after": 1,
            },
            "features": {name: _feature(name) for name in NAMES},
            "model": {"task": "binary", "decision_threshold": 0.4, "reasons": 3},
            "gates": {"fairness": {"group": "account", "metric": "selection_rate_difference", "maximum": 0.5}},
        }
    )


def with_capacity(use_case: UseCase, capacity: int) -> UseCase:
    """Return the use case with a capacity in place of its threshold."""
    declared = use_case.model_dump(mode="json", by_alias=True)
    del declared["model"]["decision_threshold"]
    declared["model"]["decision"] = {"capacity": capacity}
    return UseCase.model_validate(declared)


def tiny_rows(count: int = 400, seed: int = 7) -> np.ndarray:
    """Return features (n, 4), one in ten missing."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, len(NAMES)))
    rows[random.random(rows.shape) < 0.1] = np.nan
    return rows


def tiny_features(night: date, rows: int = 300) -> pa.Table:
    """Return a night's table of features: other rows every night, one value in ten missing."""
    values = tiny_rows(rows, seed=night.toordinal())
    columns = {name: pa.array(values[:, place], from_pandas=True) for place, name in enumerate(NAMES)}
    return pa.table({"account": [f"{night}/{row}" for row in range(rows)], **columns})


def tiny_trees(seed: int = 1):
    """Return forty boosted trees over the four features."""
    import xgboost

    rows = tiny_rows(2000, seed)
    label = np.nan_to_num(rows) @ [1.0, -2.0, 0.5, 0.0] + np.random.default_rng(seed).logistic(size=2000) > 0.5
    data = xgboost.DMatrix(rows, label=label, feature_names=list(NAMES))
    params = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.2, "nthread": 1, "seed": seed}
    return xgboost.train(params, data, num_boost_round=40)


TINY_LINEAR = LinearModel(
    intercept=-0.5,
    coefficients=(0.5, 0.5, -1.0, 0.0),
    means=(1.0, 1.0, 0.0, 2.0),
    scales=(2.0, 2.0, 1.0, 1.0),
    fills=(1.0, 1.0, 0.0, 2.0),
)


def tiny_training(key: str = "key-1", as_of: date = date(2024, 3, 1)) -> bundle.Training:
    """Return where the model is said to come from."""
    return bundle.Training(
        as_of=as_of,
        fit=Nights(date(2024, 1, 1), date(2024, 2, 1)),
        calibrate=Nights(date(2024, 2, 2), date(2024, 2, 8)),
        validate=Nights(date(2024, 2, 9), date(2024, 2, 22)),
        definition_digest="d" * 64,
        code_version="0.1.0",
        data_versions={"tiny/features": 5, "tiny/labels": 6},
        training_key=key,
    )


@pytest.fixture(scope="session")
def write_bundle(tiny: UseCase) -> Callable[..., Path]:
    """Write a bundle of the tiny use case; what a test does not care about is filled in."""

    def write(folder: Path, **given) -> Path:
        parts = {
            "use_case": tiny,
            "calibration": Calibration("platt", slope=1.2, intercept=0.1),
            "training": tiny_training(given.pop("key", "key-1"), given.pop("as_of", date(2024, 3, 1))),
            "definition": DEFINITION,
            "reference": {"rows": 2000},
            "card": "# tiny\n",
        } | given
        if "model" not in parts:
            parts["model"] = tiny_trees()
        return bundle.write(folder, **parts)

    return write


@pytest.fixture(scope="session")
def trees_bundle(write_bundle: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of boosted trees. Not to be changed."""
    return write_bundle(tmp_path_factory.mktemp("trees") / "bundle")


@pytest.fixture(scope="session")
def linear_bundle(write_bundle: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a linear model. Not to be changed."""
    return write_bundle(tmp_path_factory.mktemp("linear") / "bundle", model=TINY_LINEAR)
