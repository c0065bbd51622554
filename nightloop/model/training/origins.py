"""Rolling origins: what a recipe would have predicted on earlier nights, each by a model of what was known before them.

The newest nights alone prove little: docs/gates.md. So the recipe (definition, parameters, seeds) is judged on earlier windows
of nights too (rolling-origin evaluation: Tashman 2000, International Journal of Forecasting 16). Each window has an origin, the
night before it; its model is made from the training set as of that night, whose labels had matured by then, so that the gap
between what it learned from and what it is judged on is the label's delay. Windows lie on one grid of the calendar, whatever
the night of the training, so that a later training finds the models of an earlier one: HOME/training/<use case>/origins/<key>/.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from nightloop.atomic_file import write_atomically
from nightloop.definitions import definition_digest
from nightloop.definitions.use_case import UseCase
from nightloop.errors import NotReady, TrainingRefused
from nightloop.lake import Lake
from nightloop.lake.commits import code_version
from nightloop.model import bundle
from nightloop.model.predictor import Predictor
from nightloop.model.spec import Training
from nightloop.model.training import candidate, trainers, training_set
from nightloop.model.training.fitted import Fitted, baseline_json, read_baseline
from nightloop.model.training.slices import divide_to_learn
from nightloop.model.training.training_set import TrainingSet
from nightloop.model.use_case_task import task_for
from nightloop.nights import Night, Nights

BASELINE = "baseline.json"
UNAVAILABLE = (NotReady, TrainingRefused)  # a history too short, or made by another definition: no fault


@dataclass(frozen=True)
class Origin:
    """A cut-off of the past, and the nights after it on which a recipe is judged."""

    window: Nights

    @property
    def as_of(self) -> Night:
        """The night by whose cut-off everything was known that the model is made of."""
        return self.window.first - timedelta(days=1)

    def earlier(self, steps: int) -> Origin:
        """Return the origin so many windows before."""
        back = timedelta(days=steps * len(self.window))
        return Origin(Nights(self.window.first - back, self.window.last - back))


@dataclass(frozen=True)
class OriginModel:
    """What a recipe made as of an origin: its model, as a bundle, and its baseline."""

    predictor: Predictor
    baseline: Fitted


def origins_before(night: Night, use_case: UseCase) -> list[Origin]:
    """Return the origins that the recipe is judged from beside the newest nights, newest first.

    Args:
        night: the first of the newest nights, on which the candidate itself is judged.
        use_case: how many origins, and how many nights each.
    """
    split = use_case.model.split
    first = night.toordinal() // split.validate_nights * split.validate_nights  # of the window that the night lies in
    window = Nights(Night.fromordinal(first), Night.fromordinal(first + split.validate_nights - 1))
    return [Origin(window).earlier(steps) for steps in range(1, split.origins + 1)]


def rows_of_origins(use_case: UseCase, rows: TrainingSet, as_of: Night, lake: Lake) -> TrainingSet:
    """Return the rows to judge origins on: those of the training, or more where its window leaves the older ones out."""
    window, split = use_case.model.window_nights, use_case.model.split
    needed = (split.origins + 2) * split.validate_nights
    if window is None or window >= needed:
        return rows
    model = use_case.model.model_copy(update={"window_nights": needed})
    try:
        return training_set.load(use_case.model_copy(update={"model": model}), as_of, lake)[0]
    except UNAVAILABLE:
        return rows


def model_of(use_case: UseCase, origin: Origin, lake: Lake, home: Path) -> OriginModel:
    """Return what the recipe makes as of an origin: made before, or made now.

    Raises:
        NotReady, TrainingRefused: no model can be made: see ``UNAVAILABLE``.
    """
    folder = home / "training" / use_case.use_case / "origins" / _key(use_case, origin, lake)[:32]
    if not (folder / BASELINE).exists():
        _make(use_case, origin, lake, folder)
    baseline = read_baseline((folder / BASELINE).read_bytes(), task_for(use_case))
    return OriginModel(Predictor.load(folder, light=False), baseline)


def _make(use_case: UseCase, origin: Origin, lake: Lake, folder: Path) -> None:
    rows, versions = training_set.load(use_case, origin.as_of, lake)
    fit, calibrate = divide_to_learn(use_case, rows)
    learn = rows.of(fit).to_learn
    # The search is a part of the recipe: one on later nights would have seen those that this model is judged on.
    searched = trainers.search_for(use_case, origin.as_of, learn, folder.with_name(f"{folder.name}.jsonl"))
    best = searched.best.parameters if searched else candidate.NOTHING
    fitted = candidate.fit_recipe(use_case, origin.as_of, learn, rows.of(calibrate), best)
    judged = fitted[candidate.candidate_name(use_case)]
    training = Training(
        as_of=origin.as_of,
        fit=fit,
        calibrate=calibrate,
        validate=origin.window,
        definition_digest=definition_digest(use_case),
        code_version=code_version(),
        data_versions=versions,
        training_key=training_set.training_key(use_case, origin.as_of, rows),
    )
    bundle.write(
        folder,
        use_case=use_case,
        **judged.bundle_parts,
        training=training,
        definition=use_case.model_dump_json(),
        reference={},
        card="",
    )
    write_atomically(folder / BASELINE, baseline_json(fitted[use_case.model.baseline[0]]))


def _key(use_case: UseCase, origin: Origin, lake: Lake) -> str:
    """Return a digest of all that the model as of an origin depends on, without reading a row of it."""
    parts: dict[str, Any] = {"training": training_set.recipe_parts(use_case, origin.as_of)}
    parts["tables"] = dict(_contents(use_case, origin.as_of, lake))
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _contents(use_case: UseCase, as_of: Night, lake: Lake) -> Iterator[tuple[str, list[str]]]:
    """Yield the contents of each table's nights up to the origin."""
    for table in training_set.tables_of(use_case):
        name = f"{use_case.use_case}/{table}"
        states = lake.states(name) if lake.exists(name) else {}
        yield table, [states[night].content_digest for night in sorted(states) if night <= as_of]
