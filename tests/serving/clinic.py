"""A clinic's visits: a use case with every type of column and every kind of feature, made from nothing."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from jobs import features
from nightloop.definitions import UseCase, definition_digest
from nightloop.lake import Commit
from nightloop.model import bundle, champions
from nightloop.model.calibration import Calibration
from nightloop.model.conformal import OUTCOMES, ClassSet
from nightloop.model.group_thresholds import GroupThresholds
from nightloop.model.registry import Registry
from nightloop.nights import Nights, one
from nightloop.settings import Settings
from nightloop.workspace import Workspace

NIGHTS = Nights(date(2024, 1, 1), date(2024, 1, 6))
SCORED = Nights(date(2024, 1, 4), date(2024, 1, 5))  # the 6th is published and not scored
CLINICS = ("north", "south", "a|b", "100%")
ROWS = 40

DEFINITION = Path(__file__).with_name("clinic_visits.yaml")


@dataclass(frozen=True)
class Clinic:
    """The use case, in a home of its own."""

    settings: Settings
    use_case: UseCase

    @property
    def workspace(self) -> Workspace:
        return Workspace.open(self.settings)

    def rows(self, night: date) -> list[dict[str, Any]]:
        """The entities of the night, as a caller would send them."""
        table = self.workspace.lake.read("clinic_visits/raw_visits", one(night)).drop_columns(["night", "event_at"])
        return [{name: plain(value) for name, value in row.items()} for row in table.to_pylist()]

    def scores(self, night: date) -> dict[str, dict[str, Any]]:
        return {row["visit_id"]: row for row in self.workspace.lake.read("clinic_visits/scores", one(night)).to_pylist()}


def plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def visits(night: date) -> pa.Table:
    draw = random.Random(f"visits {night}")
    day = night + timedelta(days=1)
    booked = datetime.combine(night, datetime.min.time(), UTC)
    rows = [
        {
            "visit_id": f"{day}/{number}",
            "visit_date": day,
            "clinic": draw.choice(CLINICS),
            "planned_hour": draw.randint(7, 18),
            "price": None if draw.random() < 0.1 else round(draw.uniform(10, 300), 2),
            "is_new": draw.random() < 0.3,
            "patient": None if draw.random() < 0.1 else f"p{draw.randint(1, 30)}",
            "booked_at": booked - timedelta(hours=draw.randint(1, 200)),
            "note": "ja, gerne",
            "event_at": booked,
        }
        for number in range(ROWS)
    ]
    stamp = pa.timestamp("us", "UTC")
    schema = [("visit_id", pa.string()), ("visit_date", pa.date32()), ("clinic", pa.string()), ("planned_hour", pa.int64())]
    schema += [("price", pa.float64()), ("is_new", pa.bool_()), ("patient", pa.string()), ("booked_at", stamp)]
    return pa.Table.from_pylist(rows, schema=pa.schema([*schema, ("note", pa.string()), ("event_at", stamp)]))


def outcomes(night: date) -> pa.Table:
    draw = random.Random(f"outcomes {night}")
    due = datetime.combine(night, datetime.min.time(), UTC) + timedelta(hours=12)
    rows = [
        {
            "visit_id": f"{night}/{n}",
            "clinic": draw.choice(CLINICS),
            "came": draw.random() < 0.8,
            "event_at": due,
            "known_at": due,
        }
        for n in range(ROWS)
    ]
    stamp = pa.timestamp("us", "UTC")
    schema = [
        ("visit_id", pa.string()),
        ("clinic", pa.string()),
        ("came", pa.bool_()),
        ("event_at", stamp),
        ("known_at", stamp),
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema(schema))


def patients(_night: date) -> pa.Table:
    return pa.table({"patient": [f"p{n}" for n in range(1, 26)], "distance": [n * 1.7 for n in range(1, 26)]})


def publish(workspace: Workspace, use_case: UseCase, nights: Nights) -> None:
    """Publish the raw tables of the nights, and what is made from them."""
    for name, make in (("visits", visits), ("outcomes", outcomes), ("patients", patients)):
        commit = Commit(stage="ingest", use_case=use_case.use_case)
        workspace.lake.publish_nights(f"{use_case.use_case}/raw_{name}", {night: make(night) for night in nights}, commit)
    features.run(use_case, nights, workspace)


def trees(use_case: UseCase, seed: int):
    import xgboost

    draw = np.random.default_rng(seed)
    data = np.column_stack(
        [
            *(draw.integers(low, high, 2000) for low, high in ((7, 19), (1, 8))),
            draw.uniform(10, 300, 2000),
            *(draw.integers(low, high, 2000) for low, high in ((0, 2), (5, 15))),
            *(draw.uniform(0, high, 2000) for high in (0.5, 45)),
        ]
    ).astype(float)
    data[draw.random(data.shape) < 0.1] = np.nan
    label = draw.random(2000) < np.nan_to_num(data[:, 5]) + 0.01 * np.nan_to_num(data[:, 6])
    matrix = xgboost.DMatrix(data, label=label, feature_names=list(use_case.features))
    params = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.2, "nthread": 1, "seed": seed}
    return xgboost.train(params, matrix, num_boost_round=60)


def promote(
    workspace: Workspace, use_case: UseCase, as_of: date, folder: Path, *, seed: int, thresholds: GroupThresholds | None = None
) -> champions.Champion:
    """Register a bundle and make it champion."""
    training = bundle.Training(
        as_of=as_of,
        fit=one(NIGHTS.first),
        calibrate=one(NIGHTS.first),
        validate=one(NIGHTS.first),
        definition_digest=definition_digest(use_case),
        code_version="0.1.0",
        data_versions={},
        training_key=f"key-{seed}",
    )
    written = bundle.write(
        folder,
        use_case=use_case,
        model=trees(use_case, seed),
        calibration=Calibration("platt", slope=1.1, intercept=0.2),
        training=training,
        definition=DEFINITION.read_text(),
        reference={"rows": 2000},
        card="# visits\n",
        thresholds=thresholds,
        conformal=ClassSet(0.9, (0.3, 0.3), OUTCOMES),
    )
    registered = Registry.open(workspace.settings).log_candidate(
        use_case.use_case, written, params={}, metrics={}, figures={}, tags={}
    )
    facts = {"bundle_digest": registered.bundle_digest, "run_id": registered.run_id}
    return champions.promote(workspace.ledger, use_case.use_case, registered.version, as_of, facts)
