"""Scored nights of a small use case in a lake and a ledger of the test's own: what the monitor and the report read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from nightloop.definitions.use_case import UseCase
from nightloop.evidence.nights.reference import answer_columns, night_columns
from nightloop.evidence.reference_profile import reference_profile
from nightloop.lake import Commit
from nightloop.model import bundle, champions
from nightloop.model.calibration import Calibration
from nightloop.model.models import LinearModel
from nightloop.nights import Nights
from nightloop.workspace import Workspace

NUMBERS = ("income", "debt", "visits", "late_rate")
NAMES = (*NUMBERS, "month")
REFERENCE = Nights(date(2024, 1, 1), date(2024, 2, 4))
FIRST = date(2024, 2, 5)  # a Monday
ROWS = 300
COMMIT = Commit("test", "loans")


def _definition() -> dict[str, object]:
    columns = {"account": "string", "region": "string"} | dict.fromkeys(NAMES, "number")
    return {
        "use_case": "loans",
        "description": "Will the account be late?",
        "owner": "tests",
        "time_zone": "UTC",
        "first_night": REFERENCE.first,
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
            "matures_after": 2,
        },
        "features": {
            name: {"kind": "expression", "expression": name, "description": name, "calendar": name == "month"} for name in NAMES
        },
        "model": {"task": "binary", "decision_threshold": 0.5, "reasons": 1},
        "gates": {"fairness": {"group": "region", "metric": "selection_rate_difference", "maximum": 0.5}},
        "monitoring": {
            "minimum_rows": 200,
            "auc_floor": 0.6,
            "performance_nights": 7,
            "drifted_share_limit": 0.4,
            "html": "never",
        },
        "retrain": {"maximum_age_nights": 14, "calendar": True, "drifted_nights": 3, "cool_down_nights": 7},
    }


@dataclass(frozen=True)
class Watched:
    """A use case with a champion in force, and a way to publish nights it has scored."""

    use_case: UseCase
    workspace: Workspace

    def features(self, night: date, shift: float = 0.0) -> np.ndarray:
        """Return the night's features; each night has a level of its own, as real ones do."""
        random = np.random.default_rng(night.toordinal())
        numbers = random.normal(size=len(NUMBERS)) * 0.5 + random.normal(size=(ROWS, len(NUMBERS))) + shift
        return np.column_stack([numbers, np.full(ROWS, float(night.month))])

    def publish_features(self, night: date, shift: float = 0.0) -> np.ndarray:
        """Publish the night's raw rows and features."""
        values = self.features(night, shift)
        key = pa.array([f"a{i:04d}" for i in range(ROWS)])
        region = pa.array(["north" if i % 3 else "south <&>" for i in range(ROWS)])
        lake = self.workspace.lake
        lake.publish("loans/raw_accounts", night, pa.table({"account": key, "region": region}), COMMIT)
        columns = {name: values[:, i] for i, name in enumerate(NAMES)}
        lake.publish("loans/features", night, pa.table({"account": key, **columns}), COMMIT)
        return values

    def publish(self, night: date, *, shift: float = 0.0, worthless: bool = False, labels: bool = True) -> None:
        """Publish a night: features, scores by its pinned champion, and the labels of two nights before.

        ``worthless`` scores the night in the wrong order.
        """
        champion = champions.pin(self.workspace.ledger, "loans", night)
        probability = _probability(self.publish_features(night, shift))
        said = 1 - probability if worthless else probability
        scores = {
            "account": [f"a{i:04d}" for i in range(ROWS)],
            "probability": said,
            "decision": said >= 0.5,
            "model_version": np.full(ROWS, champion.version),
        }
        self.workspace.lake.publish("loans/scores", night, pa.table(scores), COMMIT)
        if labels:
            self.publish_labels(night)

    def publish_labels(self, night: date) -> None:
        """Publish what the night made known: outcomes of the accounts of two nights before, nine in ten of them."""
        scored = night - timedelta(days=2)
        happened = np.random.default_rng(scored.toordinal() + 1).random(ROWS) < _probability(self.features(scored))
        labels = {
            "scored_night": pa.array([scored] * ROWS, pa.date32()),
            "account": pa.array([f"a{i:04d}" for i in range(ROWS)]),
            "label": pa.array(happened),
        }
        self.workspace.lake.publish("loans/labels", night, pa.table(labels).slice(0, ROWS * 9 // 10), COMMIT)

    def publish_nights(self, nights: Nights, **how: bool | float) -> None:
        """Publish several nights alike."""
        for night in nights:
            self.publish(night, **how)  # type: ignore[arg-type]


def _probability(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-(values[:, 0] - 1.5 * values[:, 1])))


def _outcomes(values: np.ndarray) -> np.ndarray:
    return np.random.default_rng(1).random(len(values)) < _probability(values)


@pytest.fixture
def watched(workspace: Workspace) -> Watched:
    """A champion as of 4 February 2024, trained on the 35 nights before; no night scored yet."""
    return champion_in_force(workspace)


@pytest.fixture
def make_watched() -> Callable[[Workspace], Watched]:
    """Make the same in another home."""
    return champion_in_force


def champion_in_force(workspace: Workspace, **monitoring: object) -> Watched:
    """Write the champion's bundle where the registry keeps it, and promote it; publish its nights if a page may need them."""
    definition = _definition()
    definition["monitoring"] = {**definition["monitoring"], **monitoring}  # type: ignore[dict-item]
    watched = Watched(UseCase.model_validate(definition), workspace)
    features = watched.features if watched.use_case.monitoring.html == "never" else watched.publish_features
    values = np.concatenate([features(night) for night in REFERENCE])
    nights = np.repeat(np.array(list(REFERENCE), dtype="datetime64[D]"), ROWS)
    k = len(NAMES)
    folder = bundle.write(
        workspace.settings.home / "bundles" / "loans" / "1",
        use_case=watched.use_case,
        model=LinearModel(0.0, (1.0, -1.5, 0.0, 0.0, 0.0), (0.0,) * k, (1.0,) * k, (0.0,) * k),
        calibration=Calibration("none"),
        training=bundle.Training(REFERENCE.last, REFERENCE, REFERENCE, REFERENCE, "digest", "code", {}, "key"),
        definition="use_case: loans\n",
        reference={
            **reference_profile(NAMES, values, nights),
            **night_columns(NAMES, values, nights),
            **answer_columns(["probability"], _probability(values), nights, _outcomes(values), nights),
        },
        card="# Card\n",
    )
    champions.promote(workspace.ledger, "loans", 1, REFERENCE.last, {"bundle_digest": bundle.digest(folder)})
    return watched
