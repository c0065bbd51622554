"""A parcel service that nothing of Nightloop has seen: CSV files, three questions about the same parcels, one a task.

Each question is one YAML file and its contract; the data is made from a seed.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from nightloop.nights import Nights

FIRST, PARCELS = date(2024, 3, 1), 90
NIGHTS = Nights(FIRST, FIRST + timedelta(days=16))
AS_OF = FIRST + timedelta(days=14)
DEPOTS = ("nord", "süd")

USE_CASE = """\
use_case: {name}
description: {question}
owner: parcels
time_zone: Europe/Berlin
first_night: 2024-03-01
engine: local
sources:
  parcels:
    description: One row per parcel handed in on the night's day.
    connector: {{kind: files, pattern: data/parcels.csv}}
    columns:
      parcel: {{type: string, expression: parcel, description: Number of the parcel.}}
      depot: {{type: string, expression: depot, description: Where it was handed in.}}
      weight: {{type: number, expression: "weight::double", unit: kg, description: Weight.}}
      distance: {{type: integer, expression: "distance::int", unit: km, description: Way to go.}}
      fragile: {{type: boolean, expression: "fragile::boolean", description: Whether it is marked as fragile.}}
    key: [parcel]
    event_at: handed_in::timestamp
    known_at: handed_in::timestamp
  deliveries:
    description: One row per parcel that arrived, or was given up.
    connector: {{kind: files, pattern: data/deliveries.csv}}
    columns:
      parcel: {{type: string, expression: parcel, description: Number of the parcel.}}
      depot: {{type: string, expression: depot, description: Where it was handed in.}}
      damaged: {{type: boolean, expression: "damaged::boolean", description: Whether it was damaged.}}
      hours: {{type: number, expression: "hours::double", unit: hour, description: From door to door; missing when given up.}}
      came: {{type: string, expression: came, description: How it ended.}}
    key: [parcel]
    event_at: arrived::timestamp
    known_at: arrived::timestamp
    may_be_empty: true
  depots:
    description: One row per depot; the whole list every night.
    connector: {{kind: files, pattern: data/depots.csv}}
    columns:
      depot: {{type: string, expression: depot, description: Name.}}
      belts: {{type: integer, expression: "belts::int", description: Number of belts.}}
    key: [depot]
entity: {{source: parcels, key: [parcel]}}
label: {{description: "{label}", source: deliveries, join: {{parcel: parcel}}, expression: "{expression}", matures_after: 2}}
features:
  weight: {{kind: expression, expression: weight, unit: kg, description: Weight.}}
  distance: {{kind: expression, expression: distance, unit: km, description: Way to go.}}
  fragile: {{kind: expression, expression: fragile, description: Whether it is marked as fragile.}}
  depot_parcels: {{kind: peers, by: [depot], description: Parcels of the same depot and night.}}
  depot_damaged_5d: {{kind: rate, source: deliveries, of: damaged, by: [depot], nights: 5, smoothing: 5, description: Damaged.}}
  depot_belts: {{kind: lookup, source: depots, by: {{depot: depot}}, expression: belts, description: Belts of the depot.}}
model:
  split: {{validate_nights: 5, calibrate_nights: 3, minimum_fit_nights: 5}}
  xgboost: {{n_estimators: 40, max_depth: 3, learning_rate: 0.15}}
  reasons: 2
  {model}
gates:
  performance: {performance}
  calibration: {calibration}
  fairness: {fairness}
monitoring: {monitoring}
"""

SUITE = """\
name: {source}
meta: {{quarantined_share_limit: 0.1, rows_against_recent_nights: [0.2, 5]}}
expectations:
  - type: {rule}
    kwargs: {{column: {column}}}
    meta: {{on_breach: fail, description: The key is there once.}}
"""


@dataclass(frozen=True)
class Question:
    """What differs from one use case to the next: words of its YAML, and what comes of it."""

    name: str
    words: dict[str, str]
    columns: tuple[str, ...]  # of the table scores
    realised: str  # figure that the monitor tells


QUESTIONS = {
    "binary": Question(
        "parcel_damaged",
        {
            "question": "Will the parcel be damaged?",
            "label": "Damaged.",
            "expression": "damaged",
            "model": "task: binary",
            "performance": "{metric: auc, over_baseline: -0.2, minimum_rows: 200, suspicious_above: 0.99}",
            "calibration": "{maximum_error: 0.2, maximum_bias: 0.2, minimum_rows: 200}",
            "fairness": "{group: depot, metric: selection_rate_difference, maximum: 0.9, minimum_group_rows: 50}",
            "monitoring": "{minimum_rows: 100, auc_floor: 0.6}",
        },
        ("probability", "decision"),
        "realised_auc",
    ),
    "regression": Question(
        "parcel_hours",
        {
            "question": "How long will the parcel take?",
            "label": "Hours from door to door.",
            "expression": "hours",
            "model": "task: regression\n  decision_threshold: 30",
            "performance": "{metric: mae, over_baseline: -2.0, minimum_rows: 200, suspicious_below: 0.1}",
            "calibration": "{maximum_error: 3, maximum_bias: 3, minimum_rows: 200}",
            "fairness": "{group: depot, metric: mae_difference, maximum: 5, minimum_group_rows: 50}",
            "monitoring": "{minimum_rows: 100, error_ceiling: 6}",
        },
        ("prediction", "decision"),
        "realised_mae",
    ),
    "multiclass": Question(
        "parcel_end",
        {
            "question": "How will the parcel's way end?",
            "label": "How it ended.",
            "expression": "came",
            "model": "task: multiclass\n  classes: [in_time, late, lost]",
            "performance": "{metric: log_loss, over_baseline: -0.5, minimum_rows: 200, suspicious_below: 0.01}",
            "calibration": "{maximum_error: 0.25, maximum_bias: 0.2, minimum_rows: 200}",
            "fairness": "{group: depot, metric: selection_rate_difference, of_class: late, maximum: 0.9}",
            "monitoring": "{minimum_rows: 100, error_ceiling: 1.0}",
        },
        ("predicted_class", "probability", "probability_in_time", "probability_late", "probability_lost"),
        "realised_log_loss",
    ),
}


def write_all(folder: Path) -> None:
    """Write the three use cases, their contracts and the data below ``folder``."""
    for question in QUESTIONS.values():
        text = USE_CASE.format(name=question.name, **question.words)
        _write(folder / "feature_defs" / f"{question.name}.yaml", text)
        for source, column in (("parcels", "parcel"), ("deliveries", "parcel"), ("depots", "depot")):
            suite = SUITE.format(source=source, rule="expect_column_values_to_be_unique", column=column)
            _write(folder / "great_expectations" / question.name / f"{source}.yaml", suite)
    parcels, deliveries = _records()
    _write(folder / "data" / "parcels.csv", "parcel,depot,weight,distance,fragile,handed_in\n" + parcels)
    _write(folder / "data" / "deliveries.csv", "parcel,depot,damaged,hours,came,arrived\n" + deliveries)
    _write(folder / "data" / "depots.csv", "depot,belts\nnord,4\nsüd,7\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _records() -> tuple[str, str]:
    draw, parcels, deliveries = random.Random(7), [], []
    for night in NIGHTS:
        for number in range(PARCELS):
            parcel, depot = f"{night}/{number}", draw.choice(DEPOTS)
            weight, distance, fragile = round(draw.uniform(0.1, 30), 1), draw.randint(5, 900), draw.random() < 0.3
            handed_in = datetime.combine(night, datetime.min.time(), UTC) + timedelta(minutes=480 + number)
            parcels.append(f"{parcel},{depot},{weight},{distance},{str(fragile).lower()},{handed_in:%Y-%m-%dT%H:%M:%SZ}")
            odds = 2.5 * fragile + 0.12 * weight - 3 + (0.5 if depot == "nord" else 0.0)
            damaged = draw.random() < 1 / (1 + math.exp(-odds))
            hours = 8 + distance / 40 + (6 if weight > 20 else 0) + draw.gauss(0, 2)
            lost = draw.random() < (0.02 if weight > 5 else 0.3)
            came = "lost" if lost else "late" if hours > 24 else "in_time"
            known = "" if lost else f"{hours:.2f}"
            arrived = handed_in + timedelta(hours=20 if lost else hours)
            deliveries.append(f"{parcel},{depot},{str(damaged).lower()},{known},{came},{arrived:%Y-%m-%dT%H:%M:%SZ}")
    return "\n".join(parcels) + "\n", "\n".join(deliveries) + "\n"
