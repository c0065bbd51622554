"""Score one file: what runs in an engine's workers, on Parquet and a bundle and nothing else."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nightloop.errors import DefinitionError, NotReady
from nightloop.features.group_columns import group_texts
from nightloop.lake import filesystem
from nightloop.model import bundle
from nightloop.model.capacity import Cut, highest, ties
from nightloop.model.entity_hash import in_share
from nightloop.model.models import Matrix
from nightloop.model.predictor import LARGEST, NO_FEATURE, Decide, Explained, Predictions, Predictor, explained_for
from nightloop.model.spec import Spec
from nightloop.model.tasks import ColumnKind, Task
from nightloop.nights import Night

ROWS_AT_ONCE = 65_536
ARM = "arm"  # column of the scores of a night that is split
LABELS = (ARM, "rung")  # columns of rows that not the champion of the night answered, or not all of them

ARROW: Mapping[str, pa.DataType] = {"double": pa.float64(), "boolean": pa.bool_(), "string": pa.string()}


def score_schema(entity: pa.Schema, reasons: int, columns: Mapping[str, ColumnKind], labels: Collection[str] = ()) -> pa.Schema:
    """Return the columns of a scores table: the entity's key, those of the answer, and the given ones of ``LABELS``."""
    pairs = [(f"reason_{place}", f"effect_{place}") for place in range(1, reasons + 1)]
    return pa.schema(
        [
            *entity,
            *(pa.field(name, ARROW[kind]) for name, kind in columns.items()),
            pa.field("model_version", pa.int64()),
            *(pa.field(name, pa.string()) for name in LABELS if name in labels),
            *(pa.field(reason, pa.string()) for reason, _ in pairs),
            *(pa.field(effect, pa.float64()) for _, effect in pairs),
        ]
    )


def score_file(job: Mapping[str, str]) -> dict[str, Any]:
    """Score some row groups of a features file into a Parquet file of their own.

    Args:
        job: ``night``, ``source`` (features), ``row_groups`` (JSON list), ``target`` (scores), ``bundle`` (folder),
            ``bundle_digest``, ``model_version``, ``key`` (JSON list of the entity's key columns), ``reasons`` (how many the
            table has room for),
            ``columns`` (JSON object: features that the file holds under another name), ``answer`` (JSON object: the columns of
            an answer; absent: those that the bundle answers), ``entities`` (JSON object, where the model decides by a group:
            ``files`` of the night's entities, ``names`` of key and group in them), ``cut`` (JSON object, where a capacity
            decides: the last that it takes of the night), ``reasons_for`` (as the definition says), ``last_explained`` (as
            ``cut``, where reasons are for a share of the night), ``arm`` (JSON object, where the night is split: its ``name``,
            ``salt`` and ``percent`` of the entities that are tried, ``is_tried``: whether it is of these or of the others),
            ``rung`` (where another version stands in for the one that should score: of the ladder).

    Raises:
        DefinitionError: the file lacks a feature of the model.
        NotReady: an entity is not among the night's.
    """
    predictor = _predictor(job["bundle"], job["bundle_digest"])
    key, reasons, version = json.loads(job["key"]), int(job["reasons"]), int(job["model_version"])
    renamed = json.loads(job.get("columns", "{}"))
    answer = json.loads(job["answer"]) if "answer" in job else predictor.spec.columns
    features = tuple(renamed.get(name, name) for name in predictor.spec.features)
    source_filesystem, source = filesystem(job["source"])
    target_filesystem, target = filesystem(job["target"])
    rows = 0
    with source_filesystem.open_input_file(source) as opened:
        file = pq.ParquetFile(opened)
        check_features(predictor.spec, file.schema_arrow, version, job["night"], where=job["source"], renamed=renamed)
        entity = pa.schema([file.schema_arrow.field(name) for name in key])
        schema = score_schema(entity, reasons, answer, labels=job)
        with (
            target_filesystem.open_output_stream(target) as stream,
            pq.ParquetWriter(stream, schema, compression="zstd", use_dictionary=_repeating(schema)) as writer,
        ):
            for batch in _batches(file, job, key, features):
                group = _groups(batch, key, predictor.spec.attribute, job.get("entities", ""))
                keys, matrix = batch.select(key), _matrix(batch, features, predictor)
                decide, explained = _decide(keys, predictor.spec, job), _explained(keys, predictor.spec, job)
                predictions = predictor.predict(matrix, reasons=reasons > 0, group=group, decide=decide, explained=explained)
                writer.write_batch(_answers(keys, predictor, predictions, schema, job))
                rows += batch.num_rows
    return {"night": job["night"], "file": job["target"], "rows": rows}


def rank_file(job: Mapping[str, str]) -> dict[str, Any]:
    """Return the highest answers of some row groups: pairs of answer and hash.

    Args:
        job: as of ``score_file``, and ``ranked``: how many of a night are asked for.
    """
    predictor = _predictor(job["bundle"], job["bundle_digest"])
    key, ranked = json.loads(job["key"]), int(job["ranked"])
    renamed = json.loads(job.get("columns", "{}"))
    features = tuple(renamed.get(name, name) for name in predictor.spec.features)
    prediction, tie = np.empty(0), np.empty(0, dtype=np.int64)
    store, source = filesystem(job["source"])
    with store.open_input_file(source) as opened:
        for batch in _batches(pq.ParquetFile(opened), job, key, features):
            prediction = np.append(prediction, predictor.predict_undecided(_matrix(batch, features, predictor)))
            tie = np.append(tie, _ties(batch.select(key), predictor.spec, job))
            first = highest(prediction, tie, ranked)
            prediction, tie = prediction[first], tie[first]
    return {"night": job["night"], "highest": [prediction.tolist(), tie.tolist()]}


def label_columns(job: Mapping[str, str], rows: int) -> dict[str, NDArray[Any]]:
    """Return the columns of ``LABELS`` that the job's rows have."""
    values = {"rung": job.get("rung"), ARM: json.loads(job["arm"])["name"] if "arm" in job else None}
    return {name: np.full(rows, value) for name, value in values.items() if value is not None}


def of_arm(batches: Iterable[pa.RecordBatch], key: list[str], job: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of each batch that are of the job's arm: all, where the night is not split."""
    arm = json.loads(job["arm"]) if "arm" in job else None
    for batch in batches:
        if arm is None:
            yield batch
        else:
            tried = in_share(arm["salt"], _keys(batch.select(key)), arm["percent"])
            yield batch.filter(pa.array(tried == arm["is_tried"]))


def _batches(file: pq.ParquetFile, job: Mapping[str, str], key: list[str], features: Iterable[str]) -> Iterator[pa.RecordBatch]:
    """Return the rows of a job; read in its own thread, for the other cores have jobs of their own."""
    groups, columns = json.loads(job["row_groups"]), list(dict.fromkeys([*key, *features]))
    return of_arm(file.iter_batches(ROWS_AT_ONCE, row_groups=groups, columns=columns, use_threads=False), key, job)


def _keys(keys: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in keys.columns), strict=True)


def _ties(keys: pa.RecordBatch, spec: Spec, job: Mapping[str, str]) -> NDArray[np.int64]:
    return ties(spec.use_case, Night.fromisoformat(job["night"]), _keys(keys))


def _decide(keys: pa.RecordBatch, spec: Spec, job: Mapping[str, str]) -> Decide | None:
    """Return how a capacity decides on the rows of a batch; None where none does."""
    if "cut" not in job:
        return None
    cut, tie = Cut(**json.loads(job["cut"])), _ties(keys, spec, job)
    return lambda prediction: cut.decide(prediction, tie)


def _explained(keys: pa.RecordBatch, spec: Spec, job: Mapping[str, str]) -> Explained | None:
    """Return which rows of a batch get reasons; None where all do."""
    if "last_explained" not in job:
        return explained_for(job["reasons_for"])
    cut, tie = Cut(**json.loads(job["last_explained"])), _ties(keys, spec, job)
    return lambda prediction, _: cut.decide(prediction, tie)


def _groups(batch: pa.RecordBatch, key: list[str], attribute: str, entities: str) -> NDArray[Any] | None:
    """Return the group (n,) of each row of a batch by its entity, as text; None where the model decides by none.

    Raises:
        NotReady: an entity is not among the night's.
    """
    if not attribute:
        return None
    placed = pa.Table.from_batches([batch.select(key)]).append_column("place", pa.array(np.arange(batch.num_rows)))
    joined = placed.join(_entities(entities, attribute), key, join_type="left outer").sort_by("place")
    groups = joined["group"]
    if groups.null_count or len(groups) != batch.num_rows:
        raise NotReady(
            f"'{attribute}' is not known of {max(groups.null_count, 1)} of {batch.num_rows} rows: the features are of other "
            "entities than the night has.",
            where=entities,
            do="Build the features of the night again.",
        )
    return np.array(groups.to_pylist(), dtype=str)


@lru_cache(maxsize=2)
def _entities(entities: str, attribute: str) -> pa.Table:
    """Return the key and the group of each entity of a night."""
    read, tables = json.loads(entities), []
    names = {name: stored for name, stored in read["names"].items() if name != attribute}
    for file in read["files"]:
        store, path = filesystem(file)
        rows = pq.read_table(path, filesystem=store, columns=list(dict.fromkeys(read["names"].values())))
        columns = {name: rows[stored] for name, stored in names.items()}
        tables.append(pa.table({**columns, "group": group_texts(rows[read["names"][attribute]])}))
    return pa.concat_tables(tables)


@lru_cache(maxsize=4)
def _predictor(folder: str, digest: str) -> Predictor:
    bundle.check(Path(folder), digest, recorded="was promoted, by the ledger")
    return Predictor.load(folder)


def check_features(
    spec: Spec, schema: pa.Schema, version: int, night: str, *, where: str, renamed: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Check that a features file of the night has every column that the version needs.

    Raises:
        DefinitionError: names those it lacks.
    """
    missing = [name for name in spec.features if renamed.get(name, name) not in schema.names]
    if missing:
        raise DefinitionError(
            f"version {version} of '{spec.use_case}' needs {', '.join(missing)}, which night {night} does not have.",
            where=where,
            do="Build the features of the night with the definition the model was trained on, or train a new champion.",
        )


def check_task(spec: Spec, task: Task, version: int) -> None:
    """Check that a version answers in the columns that the definition's task has.

    Raises:
        DefinitionError: it was trained for another task, or for other classes.
    """
    if spec.task.columns != task.columns:
        raise DefinitionError(
            f"version {version} of '{spec.use_case}' answers {', '.join(spec.task.columns)}; "
            f"the definition's task answers {', '.join(task.columns)}.",
            do="Train a new champion, or score with the definition the model was trained on.",
        )


def _matrix(batch: pa.RecordBatch, names: tuple[str, ...], predictor: Predictor) -> Matrix:
    """Return features (n, k) as one block, in the precision in which the model compares; a missing value is NaN.

    A value that may be too large for 32 bits is left to the predictor to judge, in 64.
    """
    block = np.empty((batch.num_rows, len(names)), predictor.model.precision)
    with np.errstate(over="ignore"):
        for place, name in enumerate(names):
            block[:, place] = _doubles(batch.column(name))
    if block.dtype == np.float32 and (np.abs(block) >= LARGEST).any():
        return np.column_stack([_doubles(batch.column(name)) for name in names])
    return block


def _doubles(column: pa.Array) -> NDArray[np.float64]:
    doubles: NDArray[np.float64] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return doubles


def _repeating(schema: pa.Schema) -> list[str]:
    """Return the columns whose values repeat: for the others, looking for repetitions costs as much as all else of writing."""
    return [field.name for field in schema if not pa.types.is_floating(field.type)]


def _answers(
    entity: pa.RecordBatch, predictor: Predictor, predictions: Predictions, schema: pa.Schema, job: Mapping[str, str]
) -> pa.RecordBatch:
    rows, reasons = predictions.reason.shape
    names = pa.array(predictor.spec.features, pa.string())
    columns = {name: values for name, values in predictor.columns(predictions).items() if values is not None}
    answer: dict[str, object] = {**columns, "model_version": np.full(rows, int(job["model_version"]))}
    answer |= label_columns(job, rows)
    for place in range(reasons):
        places, none = predictions.reason[:, place], predictions.reason[:, place] == NO_FEATURE
        answer[f"reason_{place + 1}"] = pa.DictionaryArray.from_arrays(pa.array(places, mask=none), names).cast(pa.string())
        answer[f"effect_{place + 1}"] = pa.array(predictions.effect[:, place], mask=none)
    arrays = [
        entity.column(field.name)
        if field.name in entity.schema.names
        else pa.array(answer[field.name], field.type)
        if field.name in answer
        else pa.nulls(rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
