"""Compare untouched drafts with a tuned XGBoost on columns as they come: the same nights to learn from, the same to judge."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyarrow import csv

from jobs import features, ingest
from nightloop.definitions import load_use_case
from nightloop.drafting import DraftOptions, draft_use_case, save
from nightloop.model.training import candidate, training_set
from nightloop.nights import Nights
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.benchmarks.document import table
from tests.benchmarks.drafted_sets import SETS, RecordSet

TITLE = "Untouched drafts against a tuned XGBoost"
SEEDS, TRIALS = (1, 2), 8
ABOUT = """\
Three made-up sets that no definition was written for ([drafted_sets.py](../tests/benchmarks/drafted_sets.py)): a loan book
of 147 columns, of which 45 matter a little; hourly rentals whose level wanders; card payments with habits and bursts of
fraud. Each is drafted, taken in and trained without an edit. The peer is the best of eight XGBoosts by early stopping on
later nights, on the columns of the file with hour, weekday, month and day, fitted on all nights that the draft's model was
fitted or calibrated on; both are measured on the 14 nights after these. AUC: more is better; MAE: less."""
Floats = NDArray[np.float64]


def measure() -> str:
    """Draft, ingest, build features and train each set; tune XGBoost on its columns; return the section."""
    return section([_line(name, seed, make(seed)) for name, make in SETS.items() for seed in SEEDS])


def section(lines: list[list[object]]) -> str:
    """Return the section of lines as ``_line`` makes them."""
    head = ["set", "seed", "records", "metric", "untouched draft", "tuned XGBoost on the columns"]
    return f"{ABOUT}\n\n{table(head, lines)}"


def _line(name: str, seed: int, records: RecordSet) -> list[object]:
    with tempfile.TemporaryDirectory(prefix="nightloop-bench-") as folder:
        fitted = _trained(name, records, Path(folder))
    draft = _figure(fitted.validation.label, fitted.predictions["xgboost"])
    tuned = _tuned(records, fitted)
    metric = "AUC" if fitted.validation.label.dtype == np.bool_ else "MAE"
    print(name, seed, metric, draft, tuned, flush=True)
    return [name, seed, f"{records.table.num_rows:,}", metric, f"{draft:.4g}", f"{tuned:.4g}"]


def _trained(name: str, records: RecordSet, folder: Path) -> candidate.Candidate:
    """Return the candidate of an untouched draft."""
    definitions, contracts, data = folder / "feature_defs", folder / "contracts", folder / f"{name}.csv"
    csv.write_csv(records.table, data)
    options = DraftOptions(label=records.label, event_at=records.event_at, matures_after=records.matures_after)
    draft = draft_use_case(name, str(data), options, definitions)
    suites = {contracts / name / f"{source}.yaml": text for source, text in draft.contracts.items()}
    save({definitions / f"{name}.yaml": draft.definition, **suites}, force=False)
    settings = load_settings(home=folder / "home", engine="local", definitions=definitions, contracts=contracts)
    use_case, workspace = load_use_case(name, definitions), Workspace.open(settings)
    nights = Nights(use_case.first_night, use_case.last_night)
    ingest.run(use_case, nights, workspace)
    features.run(use_case, nights, workspace)
    rows, _ = training_set.load(use_case, nights.last, workspace.lake)
    return candidate.fit(use_case, nights.last, rows)


def _figure(label: Floats, predictions: Floats) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(label, predictions) if label.dtype == np.bool_ else np.abs(label - predictions).mean())


def _tuned(records: RecordSet, fitted: candidate.Candidate) -> float:
    """Return the figure of the best of some sets of parameters, chosen on the newest nights of those learned from."""
    import pandas as pd
    import xgboost

    frame = records.table.to_pandas()
    at = pd.to_datetime(frame.pop(records.event_at))
    label, day = frame.pop(records.label).to_numpy(dtype=np.float64), at.dt.date.to_numpy()
    texts = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    frame = frame.astype(dict.fromkeys(texts, "category")).drop(columns=[name for name in frame if frame[name].is_unique])
    calendar = {"hour": at.dt.hour, "weekday": at.dt.weekday, "month": at.dt.month, "day": (at - at.min()).dt.days}
    columns = pd.concat([frame, pd.DataFrame(calendar)], axis=1)
    later = (day >= fitted.slices.validate.first) & (day <= fitted.slices.validate.last)
    learned = day <= fitted.slices.calibrate.last
    held_out = learned & (day >= np.unique(day[learned])[-14])
    objective = "binary:logistic" if fitted.validation.label.dtype == np.bool_ else "reg:squarederror"

    def matrix(rows: NDArray[np.bool_]) -> xgboost.DMatrix:
        return xgboost.DMatrix(columns[rows], label[rows], enable_categorical=True)

    random, tried = np.random.default_rng(SEEDS[0]), []
    fit, watched = matrix(learned & ~held_out), matrix(held_out)
    for _ in range(TRIALS):
        parameters = {
            "objective": objective, "nthread": 2, "tree_method": "hist", "seed": SEEDS[0], "learning_rate": 0.08,
            "max_depth": int(random.integers(2, 9)), "min_child_weight": float(np.exp(random.uniform(0, 4))),
            "subsample": random.uniform(0.6, 1), "colsample_bytree": random.uniform(0.3, 1),
        }  # fmt: skip
        trees = xgboost.train(
            parameters, fit, 1000, evals=[(watched, "held_out")], early_stopping_rounds=40, verbose_eval=False
        )
        tried.append((trees.best_score, trees.best_iteration + 1, parameters))
    _, rounds, parameters = min(tried, key=lambda item: item[0])
    predictions = xgboost.train(parameters, matrix(learned), rounds).predict(matrix(later))
    return _figure(label[later].astype(fitted.validation.label.dtype), predictions)
