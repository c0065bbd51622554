"""Whom a candidate is compared with: the champion it would replace, and the best champion of the year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.training.state import champion_before, predictor_of
from nightloop.definitions.use_case import UseCase
from nightloop.model import champions
from nightloop.model.champions import Champion
from nightloop.model.predictor import Predictor
from nightloop.model.registry import RegisteredVersion
from nightloop.model.training import evaluation_table, training_set
from nightloop.model.training.training_set import TrainingSet
from nightloop.model.use_case_task import task_for
from nightloop.nights import Night
from nightloop.promotion.anchor import anchor_of
from nightloop.workspace import Workspace

NOT_COMPARABLE = "champion_not_comparable"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rivals:
    """Whom a candidate is compared with.

    Attributes:
        incumbent: whom it would replace, whether or not that one can answer; None where there is no champion.
        anchor: the best champion of the year that can answer.
        unable: versions that cannot answer today's features, or are of another task.
    """

    incumbent: Champion | None
    anchor: Champion | None
    unable: tuple[int, ...] = ()

    @property
    def champion(self) -> Champion | None:
        """Whom it would replace, where that one can answer."""
        return None if self.incumbent is None or self.incumbent.version in self.unable else self.incumbent

    @property
    def versions(self) -> tuple[int | None, int | None]:
        """The versions of champion and anchor."""
        return tuple(rival.version if rival else None for rival in (self.champion, self.anchor))  # type: ignore[return-value]


@dataclass(frozen=True)
class Answers:
    """What a rival that can answer says.

    Attributes:
        predictor: its model.
        newest: (n,) or (n, c), its predictions for the newest nights; NaN for rows that it has seen.
    """

    predictor: Predictor
    newest: Floats


def rivals_of(use_case: UseCase, as_of: Night, candidate: int, workspace: Workspace, *, unable: tuple[int, ...] = ()) -> Rivals:
    """Return whom a candidate is to be compared with, by the ledger as it stands."""
    changes = champions.changes(workspace.ledger, use_case.use_case)
    incumbent = champion_before(use_case, candidate, workspace)
    return Rivals(incumbent, anchor_of(changes, as_of, candidate=candidate, unable=unable), unable)


def rivals_answers(
    use_case: UseCase, as_of: Night, workspace: Workspace, *, candidate: int, validation: TrainingSet
) -> tuple[Rivals, Mapping[int, Answers]]:
    """Let champion and anchor predict the validation rows; return them, and their answers by version.

    One that cannot answer today's features, or has another task, is recorded as such, and the next best takes its place as the
    anchor.
    """
    answers: dict[int, Answers] = {}
    rivals = rivals_of(use_case, as_of, candidate, workspace)
    while asked := [of for of in (rivals.champion, rivals.anchor) if of is not None and of.version not in answers]:
        rival = asked[0]
        predictor = predictor_of(use_case, rival.version, rival.bundle_digest, workspace)
        predictions = predictions_of(predictor, use_case, validation, workspace)
        if predictions is None:
            payload = {"version": candidate, "champion_version": rival.version}
            _record_not_comparable(use_case, as_of, workspace, payload)
            rivals = rivals_of(use_case, as_of, candidate, workspace, unable=(*rivals.unable, rival.version))
        else:
            answers[rival.version] = Answers(predictor, predictions)
    return rivals, answers


def compared_rivals(use_case: UseCase, as_of: Night, workspace: Workspace, candidate: RegisteredVersion) -> tuple[Rivals, str]:
    """Return whom the candidate is to be compared with now, and what is wrong where its evaluation is of others.

    Raises:
        NotReady: there is no evaluation of this candidate.
    """
    *compared, unable = evaluation_table.compared_versions(use_case, as_of, candidate.version, workspace.lake)
    rivals = rivals_of(use_case, as_of, candidate.version, workspace, unable=unable)
    if tuple(compared) == rivals.versions:
        return rivals, ""
    against = f"version {compared[0]}" if compared[0] is not None else "no champion"
    if compared[0] == rivals.versions[0]:
        against = f"version {compared[1]} as the best of the year" if compared[1] is not None else "no best of the year"
        now = f"it is version {rivals.versions[1]} now" if rivals.anchor else "there is none now"
    else:
        now = f"version {rivals.incumbent.version} is champion now" if rivals.incumbent else "there is none now"
    return rivals, f"it was judged against {against}, but {now}: evaluate again, then judge again"


def predictions_of(predictor: Predictor, use_case: UseCase, rows: TrainingSet, workspace: Workspace) -> Floats | None:
    """Return what another model predicts for rows, NaN for those that it has seen; None where it cannot answer."""
    matrix = training_set.features_of(predictor.spec, use_case, rows, workspace.lake)
    return evaluation_table.champion_predictions(predictor, rows, task_for(use_case), matrix)


def _record_not_comparable(use_case: UseCase, as_of: Night, workspace: Workspace, payload: Mapping[str, int]) -> None:
    """Record, once for each champion, that it cannot be compared with: a candidate is judged without it."""
    subject = str(payload["version"])
    with workspace.ledger.exclusive() as ledger:
        recorded = ledger.events(use_case.use_case, kind=NOT_COMPARABLE, night=as_of, subject=subject)
        if not any(event.payload == payload for event in recorded):
            ledger.record(NOT_COMPARABLE, use_case.use_case, night=as_of, subject=subject, payload=payload)
