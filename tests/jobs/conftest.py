"""Published nights of a small use case to train on: features, labels and entities, made in a moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from nightloop.definitions.use_case import UseCase
from nightloop.lake import Commit
from nightloop.nights import Nights
from nightloop.settings import load_settings
from nightloop.workspace import Workspace

FIRST, NIGHTS, ROWS, MATURES = date(2024, 1, 1), 26, 160, 2
AS_OF = FIRST + timedelta(days=NIGHTS - 1)
NAMES = ("income", "debt", "visits")


def definition(**changes: object) -> dict[str, object]:
    columns = {"account": "string", "region": "string"} | dict.fromkeys(NAMES, "number")
    return {
        "use_case": "accounts_late",
        "description": "Will the account be late?",
        "owner": "tests",
        "time_zone": "UTC",
        "first_night": FIRST,
        "engine": "local",
        "sources": {
            "accounts": {
                "description": "One row per account.",
                "connector": {"kind": "files", "pattern": "accounts/{night}.csv"},
                "columns": {name: {"type": of, "expression": name, "description": name} for name, of in columns.items()},
                "key": ["account"],
            }
        },
        "entity": {"source": "accounts", "key": ["account"]},
        "label": {
            "description": "Late.",
            "source": "accounts",
            "join": {"account": "account"},
            "expression": "debt > 0",
            "matures_after": MATURES,
        },
        "features": {name: {"kind": "expression", "expression": name, "description": name} for name in NAMES},
        "model": {
            "task": "binary",
            "split": {"validate_nights": 8, "calibrate_nights": 4, "minimum_fit_nights": 10},
            "xgboost": {"n_estimators": 60, "max_depth": 3, "learning_rate": 0.1},
            "decision_threshold": 0.5,
            "reasons": 2,
        },
        "gates": {
            "performance": {"over_baseline": 0.01, "margin_to_champion": 0.02, "minimum_rows": 500, "suspicious_above": 0.95},
            "calibration": {"maximum_error": 0.12, "maximum_bias": 0.08, "maximum_group_bias": 0.12, "minimum_rows": 500},
            "fairness": {
                "group": "region",
                "metric": "selection_rate_difference",
                "maximum": 0.25,
                "minimum_group_rows": 200,
            },
            "slices": {"by": ["region", "visits"], "maximum_loss": 0.06, "minimum_rows": 200},
        },
        **changes,
    }


@dataclass(frozen=True)
class Loans:
    """The use case, its stores, and how to fill them."""

    use_case: UseCase
    workspace: Workspace

    def with_(self, **changes: object) -> Loans:
        return Loans(UseCase.model_validate(definition(**changes)), self.workspace)

    def publish(
        self,
        nights: Nights | None = None,
        *,
        features: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda features, label: features,
        labels: Callable[[np.ndarray], np.ndarray] = lambda label: label,
    ) -> None:
        """Publish nights; ``features`` and ``labels`` may spoil what is published."""
        name = self.use_case.use_case
        commit = Commit("test", name)
        nights = nights or Nights(FIRST, AS_OF)
        made = {night: _night(night) for night in Nights(FIRST - timedelta(days=MATURES), nights.last)}
        tables: dict[str, dict[date, pa.Table]] = {"features": {}, "labels": {}, "raw_accounts": {}}
        for night in nights:
            key, region, values, label = made[night]
            shown = features(values, label)
            tables["features"][night] = pa.table({"account": key, **{n: shown[:, i] for i, n in enumerate(NAMES)}})
            tables["raw_accounts"][night] = pa.table({"account": key, "region": region})
            scored = night - timedelta(days=MATURES)
            earlier, _, _, known = made[scored]
            kept = earlier if scored >= FIRST else earlier[:0]
            tables["labels"][night] = pa.table(
                {
                    "scored_night": pa.array([scored] * len(kept), pa.date32()),
                    "account": pa.array(kept, pa.string()),
                    "label": pa.array(labels(known)[: len(kept)]),
                }
            )
        for table, by_night in tables.items():
            self.workspace.lake.publish_nights(f"{name}/{table}", by_night, commit)


def _night(night: date) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(night.toordinal())
    values = random.normal(size=(ROWS, len(NAMES)))
    # A product, which trees learn and a line does not.
    margin = 1.2 * values[:, 0] * values[:, 1] + 0.8 * values[:, 2] + random.normal(0, 0.2)
    label = random.random(ROWS) < 1 / (1 + np.exp(-margin))
    values[random.random(values.shape) < 0.05] = np.nan
    key = np.array([f"{night}/{i}" for i in range(ROWS)])
    return key, random.choice(["north", "south"], ROWS), values, label


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Loans:
    """Published nights shared by the tests of a module, which leave them as they are."""
    settings = load_settings(home=tmp_path_factory.mktemp("shared") / "home", engine="local")
    found = Loans(UseCase.model_validate(definition()), Workspace.open(settings))
    found.publish()
    return found


@pytest.fixture
def loans(workspace: Workspace) -> Loans:
    """Twenty-six published nights, enough to train as of the last."""
    found = Loans(UseCase.model_validate(definition()), workspace)
    found.publish()
    return found
