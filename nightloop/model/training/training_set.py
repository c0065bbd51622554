"""Join features with the labels that were known, in one order.

One row per entity of a scored night whose outcome was known at the cut-off of ``as_of``, in its newest version by then. The
columns: ``scored_night``, the entity's key, ``label``, ``group`` and ``group-<attribute>`` (of the fairness gate), ``learn``
(whether it may be learned from), ``apart`` (whom it is of, where ``entities_apart`` is declared), and the features in the order
of the use case.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from importlib.metadata import version
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nightloop.definitions import definition_digest
from nightloop.definitions.use_case import UseCase
from nightloop.errors import OtherMeaning, StoreDamaged, TrainingRefused, command
from nightloop.features.group_columns import GROUP, attribute_columns, attributes_of, columns_of
from nightloop.features.labels import LABEL, SCORED, newest_labels
from nightloop.lake import Lake, Snapshot
from nightloop.lake.digest import content_digest
from nightloop.meaning import meanings_of
from nightloop.meaning.digests import ROWS
from nightloop.meaning.reading import by_meaning
from nightloop.model.spec import Spec
from nightloop.model.use_case_task import label_array
from nightloop.nights import Night, Nights
from nightloop.wording import counted

Floats = NDArray[np.float64]

FORMAT = 1  # of trainings: raise it when the same data and definition shall give another model
FORMAT_OF_WEIGHTED = 2  # of those that weigh classes, whose weight is taken off the margins
LIBRARIES = ("numpy", "scikit-learn", "xgboost")
LEARN, APART = "learn", "apart"


@dataclass(frozen=True)
class TrainingSet:
    """Rows to learn from, sorted by scored night and key.

    Attributes:
        table: the columns named above.
        features: names of the feature columns.
        classes: all values of the label, where it is a text.
    """

    table: pa.Table
    features: tuple[str, ...]
    classes: tuple[str, ...] = ()

    @cached_property
    def matrix(self) -> Floats:
        """Features (n, k), NaN where missing."""
        columns = [self.table[name].to_numpy().astype(np.float64) for name in self.features]
        return np.column_stack(columns) if columns else np.empty((len(self.table), 0))

    @cached_property
    def label(self) -> NDArray[Any]:
        """The observed label (n,): bool, float64, or the place of the class."""
        return label_array(self.table[LABEL], self.classes)

    @cached_property
    def night(self) -> NDArray[np.datetime64]:
        """The scored night of each row (n,), in days."""
        return cast("NDArray[np.datetime64]", self.table[SCORED].to_numpy().astype("datetime64[D]"))

    @cached_property
    def group(self) -> NDArray[Any]:
        """The fairness group of each row (n,), as text."""
        return np.array(self.table[GROUP].to_pylist(), dtype=str)

    @cached_property
    def attributes(self) -> dict[str, NDArray[Any]]:
        """What else the fairness gate divides by: name -> (n,) text."""
        return attributes_of(self.table)

    @property
    def to_learn(self) -> TrainingSet:
        """The rows that may be learned from: see ``fit_where_known`` of the use case."""
        return replace(self, table=self.table.filter(self.table[LEARN]))

    def apart_from(self, learned: TrainingSet) -> TrainingSet:
        """Return the rows whose entities are not among those learned from; all, where none are to be apart."""
        if APART not in self.table.column_names:
            return self
        return replace(self, table=self.table.filter(pc.invert(pc.is_in(self.table[APART], learned.table[APART]))))

    def of(self, nights: Nights) -> TrainingSet:
        """Return the rows of these scored nights."""
        within = (self.night >= np.datetime64(nights.first)) & (self.night <= np.datetime64(nights.last))
        return replace(self, table=self.table.filter(pa.array(within)))


def load(use_case: UseCase, as_of: Night, lake: Lake) -> tuple[TrainingSet, dict[str, int]]:
    """Join features and labels as known at the cut-off of ``as_of``; return them with the versions of the tables read.

    Raises:
        TrainingRefused: no night is matured by then.
        NotReady: a night of labels, features or the entity's source was never published; it is named.
    """
    last = as_of - timedelta(days=use_case.label.matures_after)
    if last < use_case.first_night:
        raise TrainingRefused(
            f"no label of {use_case.use_case} is matured by {as_of}: the first night is {use_case.first_night}, "
            f"its labels are known {counted(use_case.label.matures_after)} later.",
            do="Train as of a later night.",
        )
    nights = Nights(_first(use_case, last), last)
    snapshots = _snapshots(use_case, nights, as_of, lake)
    versions = {table: snapshot.version for table, snapshot in snapshots.items()}
    labels, features, entities = snapshots.values()
    label_rows = newest_labels(use_case, labels).filter(pc.field(SCORED) >= nights.first)
    table = _joined(use_case, label_rows, features, entities)
    return TrainingSet(table, tuple(use_case.features), use_case.model.classes), versions


def tables_of(use_case: UseCase) -> tuple[str, str, str]:
    """Return the tables that a training set is joined from: labels, features, entities."""
    return "labels", "features", f"raw_{use_case.entity.source}"


def _snapshots(use_case: UseCase, nights: Nights, as_of: Night, lake: Lake) -> dict[str, Snapshot]:
    """Return labels, features and entities, in this order, each with all the nights that are needed of it."""
    needed = dict(zip(tables_of(use_case), (Nights(use_case.first_night, as_of), nights, nights), strict=True))
    meanings = meanings_of(use_case)
    required = {table: meanings.of_table(table, use_case) for table in needed}
    model = use_case.model
    read = (*use_case.gates.fairness.columns, *model.fit_where_known, *model.split.entities_apart, *use_case.entity.key, ROWS)
    required |= {table: {c: of[c] for c in read if c in of} for table, of in required.items() if table.startswith("raw_")}
    return {
        table: by_meaning(lake.require(f"{use_case.use_case}/{table}", of_table), required[table])
        for table, of_table in needed.items()
    }


def _joined(use_case: UseCase, labels: pa.Table, features: Snapshot, entities: Snapshot) -> pa.Table:
    """Join the three on scored night and key, and sort the rows by both."""
    key = [SCORED, *use_case.entity.key]
    feature_rows = features.read(["night", *key[1:], *use_case.features]).rename_columns({"night": SCORED})
    rows = labels.join(_entities(use_case, entities), key, join_type="inner").join(feature_rows, key, join_type="inner")
    _check_joined(use_case, labels, rows)
    ordered = rows.sort_by([(column, "ascending") for column in key])
    divided = [GROUP, *attribute_columns(use_case)]
    apart = [APART] if use_case.model.split.entities_apart else []
    return ordered.select([*key, LABEL, *divided, LEARN, *apart, *use_case.features]).combine_chunks()


def _entities(use_case: UseCase, entities: Snapshot) -> pa.Table:
    """Return of each entity its key, its group and attributes, and whether it may be learned from."""
    key, gate, needed = use_case.entity.key, use_case.gates.fairness, use_case.model.fit_where_known
    apart = use_case.model.split.entities_apart
    rows = entities.read(list(dict.fromkeys(["night", *key, *gate.columns, *needed, *apart]))).rename_columns({"night": SCORED})
    learn = pa.array(np.ones(rows.num_rows, dtype=np.bool_))
    for column in needed:
        learn = pc.and_(learn, pc.is_valid(rows[column]))
    divided = rows.select([SCORED, *key])
    for name, column in columns_of(use_case, rows).items():
        divided = divided.append_column(name, column)
    if apart:
        texts = [pc.fill_null(rows[column].cast(pa.string()), "") for column in apart]
        divided = divided.append_column(APART, pc.binary_join_element_wise(*texts, "\x1f"))
    return divided.append_column(LEARN, learn)


def _first(use_case: UseCase, last: Night) -> Night:
    if use_case.model.window_nights is None:
        return use_case.first_night
    return max(use_case.first_night, last - timedelta(days=use_case.model.window_nights - 1))


def _check_joined(use_case: UseCase, labels: pa.Table, rows: pa.Table) -> None:
    key = [SCORED, *use_case.entity.key]
    distinct = rows.group_by(key).aggregate([]).num_rows  # a row lost must not be made up by one that came twice
    if not labels.num_rows == rows.num_rows == distinct:
        raise StoreDamaged(
            f"{labels.num_rows} labels joined to {rows.num_rows} feature rows of {distinct} entities: "
            "each label must find exactly one.",
            where=f"{use_case.use_case}/labels, {use_case.use_case}/features",
            do=f"Publish them again from the same raw data: {command('features', use_case.use_case, 'FIRST..LAST')}",
        )


def features_of(spec: Spec, use_case: UseCase, rows: TrainingSet, lake: Lake) -> Floats | None:
    """Return the features (n, k) that another model was trained on, of these rows; None where a night cannot give them.

    A model trained by an earlier definition is judged on what its features meant then.
    """
    today = dict(zip(use_case.features, meanings_of(use_case).features.values(), strict=True))
    if all(name in rows.features and today[name] == spec.feature_meanings.get(name, today[name]) for name in spec.features):
        return rows.matrix[:, [rows.features.index(name) for name in spec.features]]
    nights = Nights(rows.table[SCORED][0].as_py(), rows.table[SCORED][-1].as_py())
    key = [SCORED, *use_case.entity.key]
    try:
        snapshot = by_meaning(lake.require(f"{use_case.use_case}/features", nights), spec.feature_meanings)
    except OtherMeaning:
        return None
    stored = snapshot.read(["night", *key[1:], *spec.features]).rename_columns([*key, *(f"_{name}" for name in spec.features)])
    joined = rows.table.select(key).join(stored, key, join_type="left outer").sort_by([(name, "ascending") for name in key])
    return np.column_stack([joined[f"_{name}"].to_numpy().astype(np.float64) for name in spec.features])


def training_key(use_case: UseCase, as_of: Night, rows: TrainingSet) -> str:
    """Return a digest of all that a model depends on: the rows, the definition, the night, and the code that makes models."""
    parts = {**recipe_parts(use_case, as_of), "content": content_digest(rows.table)}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def recipe_parts(use_case: UseCase, as_of: Night) -> Mapping[str, object]:
    """Return what a model depends on beside the rows, as plain values: definition, night, the code that makes models."""
    libraries = (*LIBRARIES, *(("optuna",) if use_case.model.search else ()))
    return {
        "format": FORMAT_OF_WEIGHTED if use_case.model.weighs_classes else FORMAT,
        "as_of": str(as_of),
        "definition": definition_digest(use_case),
        "libraries": {library: version(library) for library in libraries},
    }
