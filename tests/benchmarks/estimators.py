"""Compare estimators on flight_delay: each trained at every month's end, from March on, and measured on the month that follows.

NIGHTLOOP_REPLAY_HOME keeps the nights between runs, as for replay_year; NIGHTLOOP_TRAINING_SET names a file of rows instead.
"""

from __future__ import annotations

import json
import os
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from nightloop.definitions import load_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.evidence import metrics
from nightloop.model.training import candidate
from nightloop.model.training.training_set import TrainingSet
from nightloop.nights import Nights
from nightloop.settings import REPOSITORY, load_settings
from nightloop.workspace import Workspace
from tests.benchmarks.document import table

TITLE = "Estimators on flight_delay"
PAGE = REPOSITORY / "docs" / "training.md"
AS_OF = [date(2013, month + 1, 1) - timedelta(days=1) for month in range(3, 10)]  # month's ends, March to September
LAST = date(2013, 10, 29)
HISTOGRAM = {"max_iter": 150, "learning_rate": 0.05, "max_depth": 3, "min_samples_leaf": 300, "max_features": 0.5}
SPACE = {
    "max_depth": [2, 6],
    "learning_rate": [0.01, 0.2, "log"],
    "min_child_weight": [10.0, 500.0, "log"],
    "colsample_bytree": [0.3, 1.0],
}


def measure() -> str:
    """Train and measure each, and return the section."""
    use_case = load_use_case("flight_delay", REPOSITORY / "feature_defs")
    rows = _rows(use_case)
    lines = [_line(name, variant, rows) for name, variant in _variants(use_case).items()]
    head = ["candidate", "AUC (95 % interval)", "Brier", "bias (95 % interval)", "seconds a training"]
    scored = int((rows.night > np.datetime64(AS_OF[0])).sum())
    return (
        f"Trained as of the last night of March to September 2013, measured on the nights until the next training: {scored:,} "
        "rows. Seconds are of fit, calibration, baselines and figures together, mean of seven trainings.\n\n"
        + table(head, lines)
    )


def _rows(use_case: UseCase) -> TrainingSet:
    file = os.environ.get("NIGHTLOOP_TRAINING_SET")
    if file:
        whole = TrainingSet(pq.read_table(Path(file)), tuple(use_case.features))
    else:
        from tests.benchmarks import replay_year

        with replay_year._home() as home:
            workspace = Workspace.open(load_settings(home=home, engine="local"))
            replay_year._publish(use_case, workspace)
            whole = replay_year._year(use_case, workspace.lake).rows
    return whole.of(Nights(use_case.first_night, LAST))


def _variants(use_case: UseCase) -> dict[str, UseCase]:
    declared, trees = use_case.model.model_dump(mode="json", exclude={"xgboost"}), use_case.model.xgboost
    without = {name: value for name, value in trees.items() if name not in SPACE}
    histogram = {**HISTOGRAM, "increasing_in": trees["increasing_in"]}
    search = {"trials": 20, "folds": 2, "nights": 7, "space": SPACE}

    def of(**more: Any) -> UseCase:
        changed = {**use_case.model_dump(mode="json"), "model": {**declared, **more}}
        return UseCase.model_validate_json(json.dumps(changed))

    return {
        "`xgboost` as declared": of(xgboost=trees),
        "the same, early stopping of at most 600 trees": of(
            xgboost={**trees, "n_estimators": 600}, early_stopping={"nights": 7}
        ),
        "the same, `half_life_nights: 60`": of(xgboost=trees, weights={"half_life_nights": 60}),
        "the same, `scale_pos_weight: 4`": of(xgboost={**trees, "scale_pos_weight": 4}),
        "the same, a search of 20 trials": of(xgboost=without, search=search),
        "`hist_gradient_boosting`, alike": of(estimator={"kind": "hist_gradient_boosting", "parameters": histogram}),
        "`logistic_regression`": of(estimator={"kind": "logistic_regression"}),
    }


def _line(name: str, use_case: UseCase, rows: TrainingSet) -> list[object]:
    answers, seconds = np.full(len(rows.label), np.nan), []
    for as_of, until in zip(AS_OF, [*AS_OF[1:], LAST], strict=True):
        known = Nights(use_case.first_night, as_of - timedelta(days=use_case.label.matures_after))
        began = time.perf_counter()
        fitted = candidate.fit(use_case, as_of, rows.of(known)).fitted
        seconds.append(time.perf_counter() - began)
        scored = (rows.night > np.datetime64(as_of)) & (rows.night <= np.datetime64(until))
        answers[scored] = fitted.predict(rows.matrix[scored])
    scored = ~np.isnan(answers)
    label, night, answers = rows.label[scored], rows.night[scored], answers[scored]
    area, error, bias = (figure(label, answers, night) for figure in (metrics.auc, metrics.brier, metrics.calibration_bias))
    print(name, area.value, np.mean(seconds), flush=True)
    return [
        name,
        f"{area.value:.4f} ({area.low:.3f} to {area.high:.3f})",
        f"{error.value:.4f}",
        f"{bias.value:+.3f} ({bias.low:+.3f} to {bias.high:+.3f})",
        f"{np.mean(seconds):.1f}",
    ]
