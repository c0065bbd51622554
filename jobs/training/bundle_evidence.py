"""Ask a registered model what the gates of behaviour, privacy and bundle judge it by."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jobs.training.state import trained_on
from nightloop.definitions.use_case import UseCase
from nightloop.errors import UsageError
from nightloop.evidence.gates.behaviour import Answers
from nightloop.evidence.gates.bundle import Package
from nightloop.evidence.gates.privacy import Secrets, rare
from nightloop.evidence.intervals import Bools, Floats
from nightloop.features.group_columns import groups_by
from nightloop.features.labels import SCORED
from nightloop.model import bundle
from nightloop.model.packaging import predict_in_clean_process
from nightloop.model.predictor import LARGEST, Predictions, Predictor
from nightloop.model.registered_model import check_model
from nightloop.model.registry import RegisteredVersion
from nightloop.model.spec import Spec
from nightloop.model.training.training_set import TrainingSet
from nightloop.model.use_case_task import task_for
from nightloop.nights import Nights
from nightloop.workspace import Workspace

SAMPLE = 500  # rows that the clean process answers: explaining a row costs more than answering it
ONE_BY_ONE = 50
Group = NDArray[Any] | None
CHANGED_ROWS, STEPS = 300, 11
SOUGHT_KEYS, SOUGHT_ROWS = 2000, 300
COUNTED_ROWS = 20_000  # of entities, by which it is told how many share a text


def clean_answers(
    use_case: UseCase, workspace: Workspace, candidate: RegisteredVersion, evaluated: TrainingSet
) -> tuple[NDArray[np.int64], Floats, Package]:
    """Return which of the evaluated rows were asked, what a clean process answered, and what the package is like."""
    sampled = _spread(len(evaluated.label), SAMPLE)
    columns = task_for(use_case).prediction_columns
    folder = workspace.registry.fetch(use_case.use_case, candidate.version, candidate.bundle_digest)
    group = _group(use_case, bundle.read_spec(folder), evaluated, sampled)
    with tempfile.TemporaryDirectory(prefix="nightloop-gate-") as temporary:
        model = workspace.registry.download_model(use_case.use_case, candidate.version, Path(temporary))
        if digest := trained_on(use_case, candidate.as_of, workspace, candidate.version).get("model_digest"):
            check_model(model, digest)
        megabytes = sum(file.stat().st_size for file in model.rglob("*") if file.is_file()) / 1e6
        clean = predict_in_clean_process(model, evaluated.matrix[sampled], columns, group)
    service = Predictor.load(folder, light=False)
    rows = evaluated.matrix[sampled[:ONE_BY_ONE]]
    served = [service.predict_undecided(row[None, :]) for row in rows]
    package = Package(np.concatenate(served) if served else np.empty(0), megabytes, clean.milliseconds)
    return sampled, clean.predictions, package


def behaviour_answers(use_case: UseCase, workspace: Workspace, candidate: RegisteredVersion, rows: TrainingSet) -> Answers:
    """Ask the candidate about changed rows of the nights it was validated on; values are those that it was fitted on."""
    gate, names = use_case.gates.behaviour, rows.features
    folder = workspace.registry.fetch(use_case.use_case, candidate.version, candidate.bundle_digest)
    predictor = Predictor.load(folder, light=False)
    spec = predictor.spec.training
    validated, fitted = rows.of(spec.validate), rows.of(spec.fit).matrix
    sampled = _spread(len(validated.matrix), CHANGED_ROWS)
    sample, group = validated.matrix[sampled], _group(use_case, predictor.spec, validated, sampled)
    cases, extreme = _extremes(names, sample)
    return Answers(
        cases=cases,
        extremes=predictor.predict_undecided(extreme),
        increasing={name: _swept(predictor, sample, fitted, names.index(name)) for name in matching(gate.increasing, names)},
        decreasing={name: _swept(predictor, sample, fitted, names.index(name)) for name in matching(gate.decreasing, names)},
        changed={name: _changed(predictor, sample, group, fitted, names.index(name)) for name in gate.invariant_to},
        broken=_broken_by_infinity(predictor, sample),
    )


def _group(use_case: UseCase, spec: Spec, rows: TrainingSet, sampled: NDArray[np.int64]) -> Group:
    """Return the group of each sampled row, where the model decides by one."""
    return groups_by(use_case, rows.table, spec.attribute)[sampled] if spec.attribute else None


def matching(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the names that a pattern matches, in their order."""
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def _swept(predictor: Predictor, rows: Floats, fitted: Floats, place: int) -> Floats:
    """Return the answers (n, g) as one feature moves up over the quantiles of its values."""
    return np.column_stack([predictor.predict_undecided(moved) for moved in _moved(rows, fitted, place)])


def _changed(predictor: Predictor, rows: Floats, group: Group, fitted: Floats, place: int) -> Bools:
    """Mark the rows whose decision another value of the feature changes; where nothing is decided, whose answer."""
    before, changed = predictor.predict(rows, reasons=False, group=group), np.zeros(len(rows), dtype=np.bool_)
    for moved in _moved(rows, fitted, place):
        changed |= _decisions(before) != _decisions(predictor.predict(moved, reasons=False, group=group))
    return changed


def _decisions(predictions: Predictions) -> NDArray[Any]:
    if predictions.decision is not None:
        return predictions.decision
    several = predictions.prediction.ndim > 1
    return np.argmax(predictions.prediction, axis=1) if several else np.round(predictions.prediction, 9)


def _moved(rows: Floats, fitted: Floats, place: int) -> Iterator[Floats]:
    """Yield the rows with each of the quantiles of a feature's values in its place; as they are where it has none."""
    known = fitted[np.isfinite(fitted[:, place]), place]
    if not len(known):
        yield rows
        return
    for value in np.unique(np.quantile(known, np.linspace(0, 1, STEPS), method="nearest")):
        moved = rows.copy()
        moved[:, place] = value
        yield moved


def _extremes(names: Sequence[str], sample: Floats) -> tuple[list[str], Floats]:
    """Return rows at the ends of what the model takes, each with its words: one feature at an end, or all of them, or none."""
    cases, rows = ["all features are missing"], [np.full(len(names), np.nan)]
    for word, value in (("least", -LARGEST), ("largest", LARGEST)):
        cases.append(f"all features are at their {word}")
        rows.append(np.full(len(names), value))
        for place, name in enumerate(names):
            row = sample[0].copy()
            row[place] = value
            cases.append(f"{name} is at its {word}")
            rows.append(row)
    return cases, np.array(rows)


def _broken_by_infinity(predictor: Predictor, sample: Floats) -> str:
    """Say what an infinite number led to, where it was neither refused in words nor answered by numbers."""
    for value in (np.inf, -np.inf):
        row = sample[:1].copy()
        row[0, 0] = value
        try:
            prediction = predictor.predict_undecided(row)
        except UsageError:  # refused, with the feature's name
            continue
        if not np.isfinite(prediction).all():
            return f"{value} is answered by {prediction.ravel()[0]}"
    return ""


def secrets(use_case: UseCase, workspace: Workspace, rows: TrainingSet) -> Secrets:
    """Return what no file of the bundle may hold: keys, personal texts that few rows share, and rows, of a sample."""
    sampled, few = _spread(rows.table.num_rows, SOUGHT_KEYS), _spread(rows.table.num_rows, SOUGHT_ROWS)
    return Secrets(_naming(rows.table, use_case.entity.key, sampled), _personal(use_case, workspace, rows), rows.matrix[few])


def _naming(table: pa.Table, key: Sequence[str], places: NDArray[np.int64]) -> list[str]:
    """Return the texts of the keys of some rows, by which an entity can be named, sorted.

    Times name nobody; and of the other parts of a key, those do that few entities share.
    """
    parts = [name for name in key if not pa.types.is_temporal(table.schema.field(name).type)]
    entities, some = table.select(parts).group_by(parts).aggregate([]) if parts else table.select([]), set[str]()
    for name in parts:
        texts = set(_texts(table[name].take(pa.array(places))))
        some |= texts if len(parts) == 1 else texts & set(rare(_texts(entities[name])))
    return sorted(some)


def _personal(use_case: UseCase, workspace: Workspace, rows: TrainingSet) -> dict[str, list[str]]:
    """Return the texts of the entity's personal columns that few rows of the training set's newest nights share."""
    source = use_case.sources[use_case.entity.source]
    columns = [name for name, column in source.columns.items() if column.personal and column.type in ("string", "date")]
    if not columns or not rows.table.num_rows:
        return {}
    nights = rows.table[SCORED].unique().to_pylist()
    table, counted = f"{use_case.use_case}/raw_{use_case.entity.source}", 0
    states = workspace.lake.states(table)
    first = nights[-1]
    for night in reversed(nights):  # a text that is rare on a night may be frequent
        first, counted = night, counted + states[night].rows
        if counted >= COUNTED_ROWS:
            break
    snapshot = workspace.lake.snapshot(table, Nights(first, nights[-1]))
    held = [name for name in columns if name in snapshot.schema.names]
    entities = snapshot.read(held)
    return {name: rare(_texts(entities[name]))[:SOUGHT_KEYS] for name in held}


def _texts(column: pa.ChunkedArray) -> list[str]:
    texts: list[str] = pc.drop_null(pc.cast(column, pa.string())).to_pylist()
    return texts


def _spread(size: int, most: int) -> NDArray[np.int64]:
    """Return at most so many places, spread evenly."""
    return np.unique(np.linspace(0, size - 1, num=min(most, size)).astype(np.int64)) if size else np.empty(0, dtype=np.int64)
