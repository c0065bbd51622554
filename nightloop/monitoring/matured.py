"""Join the labels that a night made known to the scores they were waiting for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nightloop.features.labels import newest_labels
from nightloop.features.tables import label_revised_within
from nightloop.meaning import meanings_of
from nightloop.meaning.reading import by_meaning
from nightloop.model.conformal import covered, reach_columns
from nightloop.model.use_case_task import label_array, task_for
from nightloop.nights import Night, Nights, one

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.lake import Lake, Snapshot


@dataclass(frozen=True)
class Matured:
    """Scored entities whose outcome is known, one item a row, in the order of night and key.

    Attributes:
        scored_nights: nights whose scores these are, ascending.
        night: datetime64[D] (n,), the night of the score.
        label: (n,) the outcomes, as the task's metric set takes them.
        prediction: (n,) or (n, c), likewise.
        decision: bool (n,), None where nothing is decided.
        model_version: int64 (n,), the version that scored the row.
        group: str (n,), the value of the fairness group's column; '' where the source has none.
        covered: (n,) 1 where the outcome lies within the reach of the answer, else 0; NaN where nothing was promised.
        scored_by_version: how many entities each version scored on those nights, known outcome or not.
        inputs: version of each table that was read.
    """

    scored_nights: tuple[Night, ...]
    night: NDArray[np.datetime64]
    label: NDArray[Any]
    prediction: NDArray[np.float64]
    decision: NDArray[np.bool_] | None
    model_version: NDArray[np.int64]
    group: NDArray[np.str_]
    covered: NDArray[np.float64]
    scored_by_version: Mapping[int, int]
    inputs: dict[str, int]

    @property
    def scored(self) -> int:
        """How many entities were scored on those nights, known outcome or not."""
        return sum(self.scored_by_version.values())

    def of(self, scored_night: Night) -> Matured:
        """Return the rows of one scored night."""
        rows = np.asarray(self.night == np.datetime64(scored_night), dtype=np.bool_)
        return replace(self._rows(rows), scored_nights=(scored_night,))

    def of_version(self, version: int) -> Matured:
        """Return the rows that one version scored, of the nights on which it scored any of them."""
        of = self._rows(self.model_version == version)
        scored_nights = tuple(np.unique(of.night).tolist())
        return replace(of, scored_nights=scored_nights, scored_by_version={version: self.scored_by_version.get(version, 0)})

    def _rows(self, rows: NDArray[np.bool_]) -> Matured:
        return replace(
            self,
            night=self.night[rows],
            label=self.label[rows],
            prediction=self.prediction[rows],
            decision=None if self.decision is None else self.decision[rows],
            model_version=self.model_version[rows],
            group=self.group[rows],
            covered=self.covered[rows],
        )

    def __len__(self) -> int:
        return len(self.label)


def matured_nights(use_case: UseCase, scored_nights: Iterable[Night], night: Night) -> list[Night]:
    """Return the scored nights whose labels matured within the performance window that ends with ``night``."""
    delay = timedelta(days=use_case.label.matures_after)
    newest = night - delay
    oldest = newest - timedelta(days=use_case.monitoring.performance_nights - 1)
    return sorted(scored_night for scored_night in scored_nights if oldest <= scored_night <= newest)


def read_matured(lake: Lake, use_case: UseCase, scored_nights: Sequence[Night], as_known_at: Night | None = None) -> Matured:
    """Read labels and scores of these scored nights, and join them on night and entity key.

    Args:
        lake: holds labels, scores and entities.
        use_case: whose.
        scored_nights: their labels are matured.
        as_known_at: of outcomes that are revised, the newest version by this night counts; None: by the night on which the
            last of the scored nights matured.

    Raises:
        NotReady: labels of a needed night are not published, or, where they are revised, of a night since were made by another
            definition; the message says which command makes them.
    """
    scored_nights = _of_todays_label(lake, use_case, scored_nights)
    if not scored_nights:
        return _as_arrays(use_case, _no_rows(use_case), (), {}, {})
    span, key = Nights(min(scored_nights), max(scored_nights)), ["night", *use_case.entity.key]
    labels = _labels(lake, use_case, scored_nights, as_known_at)
    scores = lake.snapshot(f"{use_case.use_case}/scores", span)
    promised = [name for name in _promised(use_case) if name in scores.schema.names]
    rows = scores.read([*key, *_answer_columns(use_case), *promised, "model_version"])
    rows = rows.filter(pc.is_in(rows["night"], pa.array(scored_nights, pa.date32())))
    label_rows = newest_labels(use_case, labels).rename_columns([*key, "label"])
    joined, group_inputs = _with_group(lake, use_case, rows.join(label_rows, key, join_type="inner"), span)
    ordered = joined.sort_by([(column, "ascending") for column in key])
    inputs = {labels.table: labels.version, scores.table: scores.version, **group_inputs}
    counts = pc.value_counts(rows["model_version"].combine_chunks()).to_pylist()
    scored_by_version = {count["values"]: count["counts"] for count in counts}
    return _as_arrays(use_case, ordered, tuple(sorted(scored_nights)), scored_by_version, inputs)


def _of_todays_label(lake: Lake, use_case: UseCase, scored_nights: Sequence[Night]) -> Sequence[Night]:
    """Return the nights but those whose labels have another meaning than today's: answers to two questions have no mean."""
    published, today = lake.states(f"{use_case.use_case}/labels"), meanings_of(use_case).label
    known_on = timedelta(days=use_case.label.matures_after)

    def is_of_today(night: Night) -> bool:
        state = published.get(night + known_on)
        return state is None or state.meanings.get("label", today) == today

    return [night for night in scored_nights if is_of_today(night)]


def _labels(lake: Lake, use_case: UseCase, scored_nights: Sequence[Night], as_known_at: Night | None) -> Snapshot:
    """Return the labels of scored nights: each is in the partition of the night on which it matured, or changed since."""
    table, known_on = f"{use_case.use_case}/labels", timedelta(days=use_case.label.matures_after)
    nights = [scored_night + known_on for scored_night in scored_nights]
    published, revised = lake.states(table), label_revised_within(use_case) > 0
    if as_known_at and revised:
        nights.append(as_known_at)
    for night in nights:
        if night not in published:
            lake.require(table, one(night))
    labels = lake.snapshot(table, Nights(min(nights), max(nights)))
    return by_meaning(labels, {"label": meanings_of(use_case).label}) if revised else labels


@dataclass(frozen=True)
class Restated:
    """A scored night whose outcomes changed after they matured.

    Attributes:
        scored_night: the night of the scores.
        outcomes: how many were corrected, came late or were withdrawn.
        matured: its scores with the outcomes as they are known now.
    """

    scored_night: Night
    outcomes: int
    matured: Matured


def read_restated(lake: Lake, use_case: UseCase, scored_nights: Iterable[Night], night: Night) -> tuple[Restated, ...]:
    """Return those of the scored nights whose labels changed on this night, the oldest first.

    Raises:
        NotReady: the night's labels, or those of a scored night that changed, are not published.
    """
    matured_before = night - timedelta(days=use_case.label.matures_after)
    earlier = {scored_night for scored_night in scored_nights if scored_night < matured_before}
    if not earlier or not label_revised_within(use_case):
        return ()
    changed = lake.require(f"{use_case.use_case}/labels", one(night)).read(["scored_night"])["scored_night"]
    counts = sorted((count["values"], count["counts"]) for count in pc.value_counts(changed).to_pylist())
    return tuple(
        Restated(scored_night, count, read_matured(lake, use_case, [scored_night], night))
        for scored_night, count in counts
        if scored_night in earlier
    )


def _with_group(lake: Lake, use_case: UseCase, rows: pa.Table, span: Nights) -> tuple[pa.Table, dict[str, int]]:
    """Add the fairness group's column from the entity's own source; it is part of no score."""
    column, key = use_case.gates.fairness.group, ["night", *use_case.entity.key]
    if column is None:
        return rows.append_column("group", pa.array([""] * rows.num_rows, pa.string())), {}
    if column in key:
        return rows.append_column("group", pc.cast(rows[column], pa.string())), {}
    entities = lake.snapshot(f"{use_case.use_case}/raw_{use_case.entity.source}", span)
    groups = entities.read([*key, column])
    groups = groups.set_column(groups.column_names.index(column), "group", pc.cast(groups[column], pa.string()))
    return rows.join(groups, key, join_type="left outer"), {entities.table: entities.version}


def _answer_columns(use_case: UseCase) -> list[str]:
    """Return the columns of a score that are measured: the prediction, and the decision where there is one."""
    task = task_for(use_case)
    return [*task.prediction_columns, *(name for name in task.columns if name == "decision")]


def _promised(use_case: UseCase) -> list[str]:
    """Return the columns of a score that say how far its answer reaches; none where nothing is promised."""
    return list(reach_columns(use_case.model.task)) if use_case.model.conformal else []


def _covered(use_case: UseCase, rows: pa.Table, label: NDArray[Any]) -> NDArray[np.float64]:
    columns = {name: rows[name].to_numpy() for name in _promised(use_case) if name in rows.column_names}
    return covered(columns, label, use_case.model.classes) if columns else np.full(len(label), np.nan)


def _as_arrays(
    use_case: UseCase,
    rows: pa.Table,
    scored_nights: tuple[Night, ...],
    scored_by_version: dict[int, int],
    inputs: dict[str, int],
) -> Matured:
    def column(name: str, of: Any) -> NDArray[Any]:
        return np.asarray(rows[name].to_numpy(), dtype=of)

    predictions = [column(name, np.float64) for name in task_for(use_case).prediction_columns]
    decided = "decision" in rows.column_names and not rows["decision"].null_count
    label = label_array(rows["label"], use_case.model.classes)
    return Matured(
        scored_nights=scored_nights,
        night=column("night", "datetime64[D]"),
        label=label,
        prediction=predictions[0] if len(predictions) == 1 else np.column_stack(predictions),
        decision=column("decision", np.bool_) if decided else None,
        model_version=column("model_version", np.int64),
        group=np.asarray(pc.fill_null(rows["group"], "").to_numpy(), dtype=np.str_),
        covered=_covered(use_case, rows, label),
        scored_by_version=scored_by_version,
        inputs=inputs,
    )


def _no_rows(use_case: UseCase) -> pa.Table:
    label = {"binary": pa.bool_(), "regression": pa.float64(), "multiclass": pa.string()}[use_case.model.task]
    types = {"night": pa.date32(), "label": label, "model_version": pa.int64(), "group": pa.string()}
    answer = {name: pa.bool_() if name == "decision" else pa.float64() for name in _answer_columns(use_case)}
    return pa.schema(list({**types, **answer}.items())).empty_table()
