"""The table evaluation: what candidate, baseline and champion predicted for the same validation rows, by night of training.

Partition: the night ``as_of`` of the training. Gates read it, so a gate can be run again without training again.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nightloop.definitions.use_case import UseCase
from nightloop.errors import NotReady
from nightloop.evidence.gates import Evaluation
from nightloop.features.labels import LABEL, SCORED
from nightloop.lake import Lake
from nightloop.model.predictor import Predictor
from nightloop.model.tasks import Task
from nightloop.model.training_set import GROUP, TrainingSet
from nightloop.model.use_case_task import label_array, metric_set_for
from nightloop.nights import Night, Nights, one

Floats = NDArray[np.float64]


def table_name(use_case: UseCase) -> str:
    """Return the name of the table."""
    return f"{use_case.use_case}/evaluation"


def champion_predictions(champion: Predictor, rows: TrainingSet, task: Task, matrix: Floats | None) -> Floats | None:
    """Return the champion's predictions, (n,) or (n, c): NaN where it was fitted or calibrated; None where it cannot predict.

    Args:
        champion: the model.
        rows: the rows to predict.
        task: of today's definition; a champion of another task, or of other classes, cannot answer.
        matrix: what the champion's features are in these rows, (n, k); None: they cannot be made any more.
    """
    spec = champion.spec
    if matrix is None or spec.task.columns != task.columns:
        return None
    predictions = np.full((len(rows.label), len(task.prediction_columns)), np.nan)
    fresh = rows.night > np.datetime64(spec.training.calibrate.last)
    if fresh.any():
        predictions[fresh] = champion.predict(matrix[fresh], reasons=False).prediction.reshape(-1, predictions.shape[1])
    return predictions[:, 0] if predictions.shape[1] == 1 else predictions


def as_table(
    rows: TrainingSet,
    key: list[str],
    *,
    version: int,
    candidate: Floats,
    decision: NDArray[np.bool_] | None,
    baseline: Floats,
    champion: Floats | None,
    champion_version: int | None,
) -> pa.Table:
    """Return one row per validation row: key, label, group, what every model predicted, the candidate's decision.

    A prediction has one column a model (candidate), or one a class (candidate_probability_<class>).
    """
    size = len(rows.label)
    of_champion = np.full(candidate.shape, np.nan) if champion is None else champion
    columns = {
        **_columns("candidate", candidate, rows.classes),
        "decision": pa.nulls(size, pa.bool_()) if decision is None else pa.array(decision),
        **_columns("baseline", baseline, rows.classes),
        **_columns("champion", of_champion, rows.classes),
        "version": pa.array([version] * size, pa.int64()),
        "champion_version": pa.array([champion_version] * size, pa.int64()),
    }
    table = rows.table.select([SCORED, *key, LABEL, GROUP])
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table


def read(use_case: UseCase, as_of: Night, version: int, lake: Lake) -> Evaluation:
    """Return the evaluation of a candidate.

    Raises:
        NotReady: there is none for this night, or it is of another candidate.
    """
    rows = _rows(use_case, as_of, version, lake)
    classes = use_case.model.classes
    return Evaluation(
        night=rows[SCORED].to_numpy().astype("datetime64[D]"),
        label=label_array(rows[LABEL], classes),
        candidate=_predictions(rows, "candidate", classes),
        baseline=_predictions(rows, "baseline", classes),
        champion=_predictions(rows, "champion", classes) if rows["champion_version"].null_count < rows.num_rows else None,
        group=np.array(rows[GROUP].to_pylist(), dtype=str),
        decision=None if rows["decision"].null_count else rows["decision"].to_numpy().astype(np.bool_),
        metric_set=metric_set_for(use_case),
    )


def compared_champion(use_case: UseCase, as_of: Night, version: int, lake: Lake) -> int | None:
    """Return the version that the candidate was compared with, None when there was no champion.

    Raises:
        NotReady: there is no evaluation of this candidate.
    """
    champion_version: int | None = _rows(use_case, as_of, version, lake)["champion_version"][0].as_py()
    return champion_version


def evaluated_rows(
    use_case: UseCase, as_of: Night, version: int, lake: Lake, *, rows: TrainingSet
) -> tuple[TrainingSet, Floats]:
    """Return the rows of the training set that were evaluated, and what the candidate predicted for each.

    Raises:
        NotReady: there is no evaluation of this candidate, or it is of another training set.
    """
    columns = [SCORED, *use_case.entity.key]
    evaluation = _rows(use_case, as_of, version, lake).sort_by([(column, "ascending") for column in columns])
    nights = sorted(set(evaluation[SCORED].to_pylist()))
    evaluated = rows.of(Nights(nights[0], nights[-1]))
    if any(evaluated.table[column].to_pylist() != evaluation[column].to_pylist() for column in columns):
        raise _stale(use_case, as_of, "of another training set")
    return evaluated, _predictions(evaluation, "candidate", use_case.model.classes)


def _columns(model: str, prediction: Floats, classes: tuple[str, ...]) -> dict[str, pa.Array]:
    columns = {model: prediction}
    if classes:
        columns = {f"{model}_probability_{name}": prediction[:, place] for place, name in enumerate(classes)}
    # Where the champion predicts nothing the table holds nothing; a candidate that predicts NaN is caught by the gates.
    return {name: pa.array(values, from_pandas=model == "champion") for name, values in columns.items()}


def _predictions(rows: pa.Table, model: str, classes: tuple[str, ...]) -> Floats:
    """Return what a model predicted, NaN where it did not."""
    if not classes:
        return np.asarray(rows[model].to_numpy(), dtype=np.float64)
    columns = [rows[f"{model}_probability_{name}"].to_numpy() for name in classes]
    return np.column_stack(columns).astype(np.float64)


def _rows(use_case: UseCase, as_of: Night, version: int, lake: Lake) -> pa.Table:
    table = table_name(use_case)
    lake.require(table, one(as_of))
    rows = lake.read(table, one(as_of))
    versions = set(rows["version"].to_pylist())
    if versions != {version}:
        raise _stale(use_case, as_of, f"of version {sorted(versions)}, not of {version}")
    return rows


def _stale(use_case: UseCase, as_of: Night, what: str) -> NotReady:
    return NotReady(f"the evaluation as of {as_of} is {what}.", where=table_name(use_case), do="Run the step 'evaluate' again.")
