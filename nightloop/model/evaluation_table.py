"""The table evaluation: what candidate, baseline and champion said of the same validation rows, night by night of training.

Partition: the night ``as_of`` of the training. Gates read it, so a gate can be run again without training again.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nightloop.definitions.use_case import UseCase
from nightloop.errors import NotReady
from nightloop.evidence.gates import Evaluation
from nightloop.lake import Lake
from nightloop.model.predictor import Predictor
from nightloop.model.tasks import Task
from nightloop.model.training_set import GROUP, LABEL, SCORED, TrainingSet
from nightloop.model.use_case_task import label_array, metric_set_for
from nightloop.nights import Night, Nights, one

Floats = NDArray[np.float64]


def table_name(use_case: UseCase) -> str:
    """Return the name of the table."""
    return f"{use_case.use_case}/evaluation"


def champion_answers(champion: Predictor, rows: TrainingSet, task: Task) -> Floats:
    """Return the champion's answers, (n,) or (n, c): NaN on nights it was fitted or calibrated on, and where it cannot answer.

    The rows carry the features of today's definition; a champion that needs others, or has another task or other classes,
    cannot answer them.
    """
    spec = champion.spec
    answers = np.full((len(rows.label), len(task.said)), np.nan)
    fresh = rows.night > np.datetime64(spec.training.calibrate.last)
    if spec.task.columns == task.columns and set(spec.features) <= set(rows.features) and fresh.any():
        matrix = rows.matrix[:, [rows.features.index(name) for name in spec.features]]
        answers[fresh] = champion.predict(matrix[fresh], reasons=False).said.reshape(-1, len(task.said))
    return answers[:, 0] if len(task.said) == 1 else answers


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
    """Return one row per validation row: key, label, group, what every model said, the candidate's decision.

    What was said has one column a model (candidate), or one a class (candidate_probability_<class>).
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
    answered = rows["champion_version"].null_count < rows.num_rows
    classes = use_case.model.classes
    return Evaluation(
        night=rows[SCORED].to_numpy().astype("datetime64[D]"),
        label=label_array(rows[LABEL], classes),
        candidate=_said(rows, "candidate", classes),
        baseline=_said(rows, "baseline", classes),
        champion=_said(rows, "champion", classes) if answered else None,
        group=np.array(rows[GROUP].to_pylist(), dtype=str),
        decision=None if rows["decision"].null_count else rows["decision"].to_numpy().astype(np.bool_),
        metric_set=metric_set_for(use_case),
    )


def champion_judged(use_case: UseCase, as_of: Night, version: int, lake: Lake) -> int | None:
    """Return the version that the candidate was compared with, None when there was no champion.

    Raises:
        NotReady: there is no evaluation of this candidate.
    """
    found: int | None = _rows(use_case, as_of, version, lake)["champion_version"][0].as_py()
    return found


def judged(use_case: UseCase, as_of: Night, version: int, lake: Lake, *, rows: TrainingSet) -> tuple[TrainingSet, Floats]:
    """Return the rows of the training set that were evaluated, and what the candidate said of each.

    Raises:
        NotReady: there is no evaluation of this candidate, or it is of another training set.
    """
    found = _rows(use_case, as_of, version, lake)
    columns = [SCORED, *use_case.entity.key]
    ordered = found.sort_by([(column, "ascending") for column in columns])
    nights = sorted(set(ordered[SCORED].to_pylist()))
    held = rows.of(Nights(nights[0], nights[-1]))
    if any(held.table[column].to_pylist() != ordered[column].to_pylist() for column in columns):
        raise _stale(use_case, as_of, "of another training set")
    return held, _said(ordered, "candidate", use_case.model.classes)


def _columns(model: str, said: Floats, classes: tuple[str, ...]) -> dict[str, pa.Array]:
    named = {model: said} if not classes else {f"{model}_probability_{name}": said[:, i] for i, name in enumerate(classes)}
    # Where the champion said nothing the table holds nothing; a candidate that says NaN is caught by the gates.
    return {name: pa.array(values, from_pandas=model == "champion") for name, values in named.items()}


def _said(rows: pa.Table, model: str, classes: tuple[str, ...]) -> Floats:
    """Return what a model said, NaN where it did not."""
    if not classes:
        return np.asarray(rows[model].to_numpy(), dtype=np.float64)
    columns = [rows[f"{model}_probability_{name}"].to_numpy() for name in classes]
    return np.column_stack(columns).astype(np.float64)


def _rows(use_case: UseCase, as_of: Night, version: int, lake: Lake) -> pa.Table:
    name = table_name(use_case)
    lake.require(name, one(as_of))
    rows = lake.read(name, one(as_of))
    found = set(rows["version"].to_pylist())
    if found != {version}:
        raise _stale(use_case, as_of, f"of version {sorted(found)}, not of {version}")
    return rows


def _stale(use_case: UseCase, as_of: Night, what: str) -> NotReady:
    return NotReady(f"the evaluation as of {as_of} is {what}.", where=table_name(use_case), do="Run the step 'evaluate' again.")
