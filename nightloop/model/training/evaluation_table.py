"""The table evaluation: what candidate, baseline, champion and anchor predicted for the same rows, by night of training.

Partition: the night ``as_of`` of the training; ``origin`` names the earlier cut-off that a row was predicted from, null where
the candidate itself did. Gates read it, so a gate can be run again without training again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nightloop.definitions.use_case import UseCase
from nightloop.errors import NotReady
from nightloop.evidence.evaluation import Evaluation
from nightloop.features.group_columns import ATTRIBUTE, GROUP, attribute_columns, attributes_of, groups_by
from nightloop.features.labels import LABEL, SCORED
from nightloop.lake import Lake
from nightloop.model.capacity import decide_by_night
from nightloop.model.predictor import Predictions, Predictor
from nightloop.model.tasks import Task
from nightloop.model.training.training_set import TrainingSet
from nightloop.model.use_case_task import label_array, metric_set_for, promised_classes
from nightloop.nights import Night, one

Floats = NDArray[np.float64]
ORIGIN = "origin"


def table_name(use_case: UseCase) -> str:
    """Return the name of the table."""
    return f"{use_case.use_case}/evaluation"


def candidate_predictions(use_case: UseCase, candidate: Predictor, rows: TrainingSet) -> Predictions:
    """Return what the candidate predicts and decides for rows, without reasons."""
    attribute = candidate.spec.attribute
    group = groups_by(use_case, rows.table, attribute) if attribute else None
    by_capacity = partial(decide_by_capacity, rows, use_case) if candidate.spec.capacity is not None else None
    return candidate.predict(rows.matrix, reasons=False, group=group, decide=by_capacity)


def decide_by_capacity(rows: TrainingSet, use_case: UseCase, prediction: Floats) -> NDArray[np.bool_]:
    """Return the decisions (n,) of whole nights of rows, by the declared capacity."""
    keys = list(zip(*(rows.table[name].to_pylist() for name in use_case.entity.key), strict=True))
    return decide_by_night(use_case.use_case, rows.night, keys, prediction, int(use_case.model.capacity or 0))


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
        predictions[fresh] = champion.predict_undecided(matrix[fresh]).reshape(-1, predictions.shape[1])
    return predictions[:, 0] if predictions.shape[1] == 1 else predictions


def as_table(
    rows: TrainingSet,
    key: list[str],
    *,
    version: int,
    decision: NDArray[np.bool_] | None,
    predictions: Mapping[str, Floats],
    rivals: Mapping[str, tuple[int | None, Floats | None]],
    unable: Sequence[int],
    origin: Night | None = None,
    covered: Floats | None = None,
) -> pa.Table:
    """Return one row per validation row: key, label, groups, what every model predicted, and the candidate's decision.

    A prediction has one column a model (candidate), or one a class (candidate_probability_<class>).

    Args:
        rows: the validation rows.
        key: columns of the entity's key.
        version: the candidate's.
        decision: the candidate's, (n,).
        predictions: of candidate and baseline.
        rivals: of champion and anchor: their version and what they predicted, both None where there is none.
        covered: (n,) whether each outcome lay within the reach of the candidate's answer; None where nothing is promised.
        unable: versions that would have been compared with, and cannot answer.
        origin: as of which night the candidate's recipe made what predicted; None: the candidate itself did.
    """
    size, shape = len(rows.label), predictions["candidate"].shape
    columns = {
        **_columns("candidate", predictions["candidate"], rows.classes),
        "decision": pa.nulls(size, pa.bool_()) if decision is None else pa.array(decision),
        **_columns("baseline", predictions["baseline"], rows.classes),
        ORIGIN: pa.array([origin] * size, pa.date32()),
        "version": pa.array([version] * size, pa.int64()),
        "unable_versions": pa.array([" ".join(map(str, sorted(unable)))] * size, pa.string()),
    }
    if covered is not None:
        columns["covered"] = pa.array(covered)
    for role, (rival, predicted) in rivals.items():
        columns |= _columns(role, np.full(shape, np.nan) if predicted is None else predicted, rows.classes)
        columns[f"{role}_version"] = pa.array([rival] * size, pa.int64())
    divided = [GROUP, *(name for name in rows.table.column_names if name.startswith(ATTRIBUTE))]
    table = rows.table.select([SCORED, *key, LABEL, *divided])
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table


def read(use_case: UseCase, as_of: Night, version: int, lake: Lake) -> Evaluation:
    """Return the evaluation of a candidate.

    Raises:
        NotReady: there is none for this night, it is of another candidate, or it lacks an attribute of today's fairness gate.
    """
    rows = _rows(use_case, as_of, version, lake)
    absent = [name for name in attribute_columns(use_case) if name not in rows.column_names or rows[name].null_count]
    if absent:
        raise _stale(use_case, as_of, f"without {', '.join(name.removeprefix(ATTRIBUTE) for name in absent)}")
    of_origins = (rows.filter(pc.field(ORIGIN) == origin) for origin in pc.unique(rows[ORIGIN].drop_null()).sort())
    earlier = tuple(_evaluation(use_case, part) for part in of_origins)
    newest = _evaluation(use_case, _newest(rows))
    if use_case.model.conformal and newest.covered is None:
        raise _stale(use_case, as_of, "without what the candidate promises")
    return replace(newest, earlier=earlier)


def _evaluation(use_case: UseCase, rows: pa.Table) -> Evaluation:
    promise = use_case.model.conformal
    has_promise = promise and "covered" in rows.column_names and not rows["covered"].null_count
    classes = use_case.model.classes
    champion, anchor = _versions(rows)
    return Evaluation(
        night=rows[SCORED].to_numpy().astype("datetime64[D]"),
        label=label_array(rows[LABEL], classes),
        candidate=_predictions(rows, "candidate", classes),
        baseline=_predictions(rows, "baseline", classes),
        champion=None if champion is None else _predictions(rows, "champion", classes),
        group=np.array(rows[GROUP].to_pylist(), dtype=str),
        decision=None if rows["decision"].null_count else rows["decision"].to_numpy().astype(np.bool_),
        metric_set=metric_set_for(use_case),
        anchor=None if anchor is None else _predictions(rows, "anchor", classes),
        champion_version=champion,
        anchor_version=anchor,
        attributes=attributes_of(rows.select(attribute_columns(use_case))),
        covered=rows["covered"].to_numpy() if has_promise else None,
        promised=promise.coverage if promise else None,
        promised_classes=promised_classes(use_case),
    )


def _newest(rows: pa.Table) -> pa.Table:
    """Return the rows of the newest nights, which the candidate itself predicted."""
    return rows.filter(pc.field(ORIGIN).is_null())


def compared_versions(
    use_case: UseCase, as_of: Night, version: int, lake: Lake
) -> tuple[int | None, int | None, tuple[int, ...]]:
    """Return the versions of champion and anchor that the candidate was compared with, None where there was none.

    The third are the versions that could not answer.

    Raises:
        NotReady: there is no evaluation of this candidate.
    """
    rows = _rows(use_case, as_of, version, lake)
    return *_versions(rows), tuple(int(unable) for unable in rows["unable_versions"][0].as_py().split())


def evaluated_rows(
    use_case: UseCase, as_of: Night, version: int, lake: Lake, *, rows: TrainingSet
) -> tuple[TrainingSet, Floats]:
    """Return the rows of the training set that were evaluated, and what the candidate predicted for each.

    Raises:
        NotReady: there is no evaluation of this candidate, or it is of another training set.
    """
    columns = [SCORED, *use_case.entity.key]
    evaluation = _newest(_rows(use_case, as_of, version, lake)).sort_by([(column, "ascending") for column in columns])
    is_evaluated = rows.table.join(evaluation.select(columns), columns, join_type="left semi")
    evaluated = replace(rows, table=is_evaluated.sort_by([(column, "ascending") for column in columns]))
    if any(evaluated.table[column].to_pylist() != evaluation[column].to_pylist() for column in columns):
        raise _stale(use_case, as_of, "of another training set")
    return evaluated, _predictions(evaluation, "candidate", use_case.model.classes)


def _versions(rows: pa.Table) -> tuple[int | None, int | None]:
    return rows["champion_version"][0].as_py(), rows["anchor_version"][0].as_py()


def _columns(model: str, prediction: Floats, classes: tuple[str, ...]) -> dict[str, pa.Array]:
    columns = {model: prediction}
    if classes:
        columns = {f"{model}_probability_{name}": prediction[:, place] for place, name in enumerate(classes)}
    # Where a champion predicts nothing the table holds nothing; a candidate that predicts NaN is caught by the gates.
    return {name: pa.array(values, from_pandas=model in ("champion", "anchor")) for name, values in columns.items()}


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
    if ORIGIN not in rows.column_names:  # of a release before there were any
        raise _stale(use_case, as_of, "without earlier origins")
    return rows


def _stale(use_case: UseCase, as_of: Night, what: str) -> NotReady:
    return NotReady(f"the evaluation as of {as_of} is {what}.", where=table_name(use_case), do="Run the step 'evaluate' again.")
