"""Two definitions side by side: each builds the same nights in a scratch home, and their columns and models are compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs import features, ingest
from jobs.published import Progress
from nightloop.definitions import UseCase
from nightloop.errors import TrainingRefused
from nightloop.evidence.metrics import figure
from nightloop.evidence.verdict import Figure
from nightloop.features.labels import LABEL, SCORED, newest_labels
from nightloop.features.tables import first_read
from nightloop.meaning import meanings_of
from nightloop.meaning.changes import changes
from nightloop.model.training import candidate, training_set
from nightloop.model.training.training_set import TrainingSet
from nightloop.model.use_case_task import metric_set_for
from nightloop.nights import Nights
from nightloop.settings import Settings, load_settings
from nightloop.workspace import Workspace

QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)


@dataclass(frozen=True)
class Column:
    """What a column holds over the nights.

    Attributes:
        name: of the feature, or ``label``.
        rows, missing: counts.
        mean: of the values that are there; None where none is, or they are texts.
        quantiles: at ``QUANTILES``; empty likewise.
    """

    name: str
    rows: int
    missing: int
    mean: float | None
    quantiles: tuple[float, ...]


@dataclass(frozen=True)
class Pair:
    """A column by either definition; None where a definition has it not.

    ``differ`` counts the rows of both whose value is another: not equal, or missing on one side only. None: the entities are
    other ones, and no row of one is a row of the other.
    """

    before: Column | None
    now: Column | None
    differ: int | None


@dataclass(frozen=True)
class Worth:
    """What a model of either definition is worth on the same later nights, or why that cannot be told.

    Attributes:
        figures: the metric of the model before, of the one now, and by how much the latter is better (paired, over nights).
        nights: on which both were measured, and neither was fitted.
        why_not: a sentence; empty where there are figures.
    """

    figures: tuple[Figure, ...] = ()
    nights: str = ""
    why_not: str = ""


@dataclass(frozen=True)
class Comparison:
    """What differs between two definitions of a use case.

    ``rows_only_before`` and ``rows_only_now`` count the rows without a partner on the other side: set aside by one definition
    only, or by its night. None: the entities are other ones.
    """

    use_case: str
    against: str
    nights: str
    columns: tuple[Pair, ...]
    rows_only_before: int | None
    rows_only_now: int | None
    worth: Worth

    def as_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        figures = [figure.as_json() for figure in self.worth.figures]
        return {**asdict(self), "worth": {**asdict(self.worth), "figures": figures}}


@dataclass(frozen=True)
class Side:
    """A definition, and the scratch home in which it built the nights."""

    use_case: UseCase
    workspace: Workspace
    nights: Nights

    @classmethod
    def build(cls, use_case: UseCase, nights: Nights, settings: Settings, home: Path, progress: Progress) -> Side:
        """Take in and build the nights, from as far back as their windows reach, in a home of their own."""
        start = first_read(use_case, nights)
        matured = max(1, len(nights) - use_case.label.matures_after)
        window = min(matured, use_case.model.window_nights or matured)  # no training reaches back before the nights
        model = use_case.model.model_copy(update={"window_nights": window})
        use_case = use_case.model_copy(update={"first_night": start, "model": model})
        workspace = Workspace.open(scratch_settings(settings, home))
        ingest.run(use_case, Nights(start, nights.last), workspace, progress=progress)
        features.run(use_case, Nights(start, nights.last), workspace, progress=progress)
        return cls(use_case, workspace, nights)

    @cached_property
    def rows(self) -> pa.Table:
        """Key, night, features and label of every row of the nights, in order; the label is null where it is not known."""
        name, key = self.use_case.use_case, self.use_case.entity.key
        rows = self.workspace.lake.read(f"{name}/features", self.nights)
        labels = newest_labels(self.use_case, self.workspace.lake.snapshot(f"{name}/labels"))
        labels = labels.rename_columns({SCORED: "night"})
        joined = rows.select(["night", *key, *self.use_case.features]).join(labels, ["night", *key], join_type="left outer")
        return joined.sort_by([(column, "ascending") for column in ("night", *key)])

    @cached_property
    def training(self) -> TrainingSet:
        """What a training as of the last night learns from."""
        return training_set.load(self.use_case, self.nights.last, self.workspace.lake)[0]

    @cached_property
    def candidate(self) -> candidate.Candidate:
        """The model of this definition."""
        return candidate.fit(self.use_case, self.nights.last, self.training)


def scratch_settings(settings: Settings, home: Path) -> Settings:
    """Return settings whose every store is in a scratch home, whatever the environment names."""
    ours = load_settings(home=home, lake_url="", ledger_url="", mlflow_url="", artifacts_url="")
    stores = ("home", "lake_url", "ledger_url", "mlflow_url", "artifacts_url")
    return settings.model_copy(update={name: getattr(ours, name) for name in stores})


def compare(before: Side, now: Side, against: str) -> Comparison:
    """Compare two sides that built the same nights."""
    is_same_entity = meanings_of(before.use_case).entity == meanings_of(now.use_case).entity
    both = _joined(before, now) if is_same_entity else None
    return Comparison(
        use_case=now.use_case.use_case,
        against=against,
        nights=str(now.nights),
        columns=tuple(_pairs(before, now, both)),
        rows_only_before=None if both is None else before.rows.num_rows - both.num_rows,
        rows_only_now=None if both is None else now.rows.num_rows - both.num_rows,
        worth=_worth(before, now),
    )


def _pairs(before: Side, now: Side, both: pa.Table | None) -> Iterator[Pair]:
    changed = changes(before.use_case, now.use_case)
    renamed = {item.thing: item.detail for item in changed if item.kind == "renamed"}
    new_name = {name: renamed.get(f"feature {name}", f"to {name}").removeprefix("to ") for name in before.use_case.features}
    old_name = {new: old for old, new in new_name.items()}
    for name in [*now.use_case.features, LABEL]:
        old = old_name.get(name, name)
        is_old = old in before.rows.column_names
        differ = _differ(both, old, name) if is_old and both is not None else 0
        yield Pair(_column(before.rows, old) if is_old else None, _column(now.rows, name), None if both is None else differ)
    for old, new in new_name.items():
        if new not in now.use_case.features:
            yield Pair(_column(before.rows, old), None, None if both is None else 0)


def _joined(before: Side, now: Side) -> pa.Table:
    keys = [["night", *side.use_case.entity.key] for side in (before, now)]  # the same columns, by the names of each
    return before.rows.join(now.rows, *keys, join_type="inner", left_suffix=" before", right_suffix=" now")


def _differ(both: pa.Table, old: str, new: str) -> int:
    left = both[f"{old} before"] if f"{old} before" in both.column_names else both[old]
    right = both[f"{new} now"] if f"{new} now" in both.column_names else both[new]
    if left.type != right.type:
        return int(both.num_rows)
    missing = pc.xor(left.is_null(), right.is_null())
    differs = pc.or_(missing, pc.fill_null(pc.not_equal(left, right), False))
    return int(pc.sum(differs).as_py() or 0)


def _column(rows: pa.Table, name: str) -> Column:
    values = rows[name]
    if not pa.types.is_floating(values.type) and not pa.types.is_boolean(values.type):
        return Column(name, len(values), values.null_count, None, ())
    present = values.drop_null().cast(pa.float64()).to_numpy()
    quantiles = tuple(float(value) for value in np.quantile(present, QUANTILES)) if len(present) else ()
    return Column(name, len(values), values.null_count, float(present.mean()) if len(present) else None, quantiles)


def _worth(before: Side, now: Side) -> Worth:
    was, is_now = meanings_of(before.use_case), meanings_of(now.use_case)
    if (was.label, was.entity) != (is_now.label, is_now.entity):
        return Worth(why_not="the label or the entity means something else: two questions have no common measure.")
    if set(was.features.values()) == set(is_now.features.values()) and before.use_case.model == now.use_case.model:
        return Worth(why_not="the features mean the same: there is one model.")
    try:
        sides = [(side.candidate, side.training.of(side.candidate.slices.validate)) for side in (before, now)]
    except TrainingRefused as error:
        return Worth(why_not=f"no model can be trained on these nights: {error.what}")
    return _measured(before.use_case, now.use_case, *sides)


def _measured(
    was: UseCase,
    use_case: UseCase,
    before: tuple[candidate.Candidate, TrainingSet],
    now: tuple[candidate.Candidate, TrainingSet],
) -> Worth:
    """Measure both models on the rows that both have."""
    keys = [
        [tuple(row.values()) for row in rows.table.select([SCORED, *of.entity.key]).to_pylist()]
        for of, (_, rows) in ((was, before), (use_case, now))
    ]
    place = {key: at for at, key in enumerate(keys[0])}
    pairs = np.array([(place[key], at) for at, key in enumerate(keys[1]) if key in place], dtype=np.int64).reshape(-1, 2)
    rows = now[1]
    label, night = rows.label[pairs[:, 1]], rows.night[pairs[:, 1]]
    older = before[0].fitted.predict(before[1].matrix[pairs[:, 0]])
    newer = now[0].fitted.predict(rows.matrix[pairs[:, 1]])
    metrics = metric_set_for(use_case)
    return Worth(
        figures=(
            figure(f"{metrics.metric}_before", metrics.estimate(label, older), night, len(label)),
            figure(f"{metrics.metric}_now", metrics.estimate(label, newer), night, len(label)),
            figure("improvement", metrics.improvement(label, newer, older), night, len(label)),
        ),
        nights=str(now[0].slices.validate),
    )
