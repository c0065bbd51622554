"""What candidate, baseline and rivals predict: on the candidate's newest nights, and on earlier ones by their recipes.

On the nights of an earlier origin (``nightloop.model.training.origins``) the candidate's part is taken by what its recipe makes
of what was known before them. A champion answers itself where it has not seen them; where it has, its recipe answers with a
model that was as old on those nights as the champion is now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.published import Progress
from jobs.training.rivals import Answers, Rivals, predictions_of, rivals_answers
from jobs.training.state import baseline_path, predictor_of
from nightloop.definitions import definition_digest
from nightloop.definitions.use_case import UseCase
from nightloop.errors import TrainingRefused
from nightloop.meaning.archive import definition_of
from nightloop.model.predictor import Predictor
from nightloop.model.registry import RegisteredVersion
from nightloop.model.training import evaluation_table, origins, training_snapshot
from nightloop.model.training.fitted import read_baseline
from nightloop.model.training.origins import UNAVAILABLE, Origin, OriginModel
from nightloop.model.training.training_set import TrainingSet
from nightloop.model.training.training_snapshot import Manifest
from nightloop.model.use_case_task import task_for
from nightloop.nights import Night
from nightloop.workspace import Workspace

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Evaluated:
    """An evaluation.

    Attributes:
        table: one row per row that was predicted.
        rivals: whom the candidate is compared with.
        left_out: origin -> why nothing could be predicted from there.
    """

    table: pa.Table
    rivals: Rivals
    left_out: Mapping[Night, str]


def evaluated(
    use_case: UseCase, manifest: Manifest, workspace: Workspace, candidate: RegisteredVersion, progress: Progress
) -> Evaluated:
    """Return what each model predicts for the validation rows of the training, and for those of its earlier origins."""
    predictor = predictor_of(use_case, candidate.version, candidate.bundle_digest, workspace)
    rows = training_snapshot.read(manifest, tuple(use_case.features), use_case.model.classes)
    trained = predictor.spec.training
    validation = rows.of(trained.validate).apart_from(rows.of(trained.learned))
    baseline = read_baseline(baseline_path(workspace, manifest).read_bytes(), task_for(use_case))
    rivals, answers = rivals_answers(use_case, manifest.as_of, workspace, candidate=candidate.version, validation=validation)
    compared = _Compared(use_case, manifest.as_of, workspace, candidate.version, rivals, answers)
    newest = {version: of.newest for version, of in answers.items()}
    parts = [compared.part(validation, OriginModel(predictor, baseline), newest)]
    everything = origins.rows_of_origins(use_case, rows, manifest.as_of, workspace.lake)
    asked, left_out = origins.origins_before(trained.validate.first, use_case), {}
    for done, origin in enumerate(asked, start=1):
        progress(f"evaluating as of {origin.as_of}", done, len(asked) + 1)
        try:
            parts.append(compared.part_of(origin, everything))
        except UNAVAILABLE as error:
            left_out[origin.as_of] = error.what
    return Evaluated(pa.concat_tables(parts, promote_options="default"), rivals, left_out)


@dataclass(frozen=True)
class _Compared:
    """A candidate and those that it is compared with."""

    use_case: UseCase
    as_of: Night
    workspace: Workspace
    candidate: int
    rivals: Rivals
    answers: Mapping[int, Answers]

    def part_of(self, origin: Origin, everything: TrainingSet) -> pa.Table:
        """Return the evaluation of the nights after an origin.

        Raises:
            NotReady, TrainingRefused: nothing can be predicted from there.
        """
        model = origins.model_of(self.use_case, origin, self.workspace.lake, self.workspace.settings.home)
        rows = everything.of(origin.window).apart_from(everything.of(model.predictor.spec.training.learned))
        if not len(rows.label):
            raise TrainingRefused(f"no labelled row of {origin.window} to judge on.", where=self.use_case.use_case)
        of_rivals = {version: self._rival_on(origin, answers, rows) for version, answers in self.answers.items()}
        return self.part(rows, model, of_rivals, origin=origin.as_of)

    def part(
        self, rows: TrainingSet, model: OriginModel, of_rivals: Mapping[int, Floats], *, origin: Night | None = None
    ) -> pa.Table:
        """Return the rows of the table evaluation, given the model that takes the candidate's part."""
        predictions = evaluation_table.candidate_predictions(self.use_case, model.predictor, rows)
        roles = zip(("champion", "anchor"), self.rivals.versions, strict=True)
        return evaluation_table.as_table(
            rows,
            list(self.use_case.entity.key),
            version=self.candidate,
            decision=predictions.decision,
            predictions={"candidate": predictions.prediction, "baseline": model.baseline.predict(rows.matrix)},
            rivals={role: (version, of_rivals.get(version or 0)) for role, version in roles},
            unable=self.rivals.unable,
            covered=model.predictor.covered(predictions, rows.label),
            origin=origin,
        )

    def _rival_on(self, origin: Origin, answers: Answers, rows: TrainingSet) -> Floats:
        """Return what a rival predicts; of rows that it has seen, what its recipe predicts; NaN where neither can."""
        predictions = predictions_of(answers.predictor, self.use_case, rows, self.workspace)
        if predictions is None:  # it can answer the newest nights, but not these: another definition made them
            predictions = np.full(np.shape(rows.label) + np.shape(answers.newest)[1:], np.nan)
        is_missing = np.isnan(predictions)
        stand_in = self._stand_in(origin, answers) if is_missing.any() else None
        by_recipe = None if stand_in is None else predictions_of(stand_in, self.use_case, rows, self.workspace)
        return predictions if by_recipe is None else np.where(is_missing, by_recipe, predictions)

    def _stand_in(self, origin: Origin, answers: Answers) -> Predictor | None:
        """Return a model of the rival's recipe, as many windows older than the origin as the rival is than the candidate.

        At least one, where the recipe is the candidate's: the same model would only say that it is no worse than itself.
        """
        trained = answers.predictor.spec.training
        definition = definition_of(self.workspace.lake, self.use_case, trained.definition_digest)
        if definition is None:
            return None
        is_same = trained.definition_digest == definition_digest(self.use_case)
        age = max((self.as_of - trained.as_of).days, 0)
        older = origin.earlier(max(round(age / len(origin.window)), 1 if is_same else 0))
        try:
            return origins.model_of(definition, older, self.workspace.lake, self.workspace.settings.home).predictor
        except UNAVAILABLE:
            return None
