"""What each gate is given to judge: read from the training set, the evaluation, and the registered bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np

from jobs.training.bundle_evidence import behaviour_answers, clean_answers, secrets
from jobs.training.rivals import compared_rivals
from jobs.training.state import manifest_of
from nightloop.definitions.use_case import UseCase
from nightloop.errors import StoreDamaged
from nightloop.evidence.evaluation import Evaluation
from nightloop.evidence.gates import gates
from nightloop.evidence.gates.behaviour import judge_behaviour
from nightloop.evidence.gates.privacy import judge_privacy
from nightloop.evidence.gates.sentences import sentence
from nightloop.evidence.gates.slices import judge_slices, parts_of
from nightloop.evidence.gates.stability import judge_stability
from nightloop.evidence.gates.training_data import TrainingRows, judge_data
from nightloop.evidence.verdict import Verdict
from nightloop.features.matching import in_words
from nightloop.model import bundle
from nightloop.model.registry import RegisteredVersion
from nightloop.model.training import evaluation_table, training_snapshot
from nightloop.model.training.training_set import TrainingSet
from nightloop.model.use_case_task import metric_set_for
from nightloop.monitoring.matches import read_matches
from nightloop.nights import Night
from nightloop.workspace import Workspace


def _data(use_case: UseCase, as_of: Night, workspace: Workspace, candidate: RegisteredVersion) -> Verdict:
    """Judge the snapshot that the candidate was fitted on, by the split that its bundle says."""
    rows = _rows(use_case, as_of, workspace)
    folder = workspace.registry.fetch(use_case.use_case, candidate.version, candidate.bundle_digest)
    split = bundle.read_spec(folder).training
    states = workspace.lake.states(f"{use_case.use_case}/features")
    judged = TrainingRows(
        night=rows.night,
        matrix=rows.matrix,
        features=rows.features,
        published={night: state.rows for night, state in states.items()},
        split={"fit": split.fit, "calibrate": split.calibrate, "validate": split.validate},
        last_labelled=as_of - timedelta(days=use_case.label.matures_after),
    )
    return judge_data(replace(judged, matching=_matching(use_case, judged, workspace)), use_case.gates.data)


def _matching(use_case: UseCase, rows: TrainingRows, workspace: Workspace) -> tuple[float, int, str] | None:
    """Return how many entities find their outcome, of the nights of which some rows have no label."""
    nights, labelled = np.unique(rows.night, return_counts=True)
    counts = dict(zip((night.astype(object) for night in nights), labelled.tolist(), strict=True))
    lacking = [night for night, count in counts.items() if count < rows.published.get(night, 0)]
    matches = read_matches(workspace.lake, use_case, lacking)
    if not any(match.near for match in matches):
        return None
    near = sum(match.near for match in matches)
    matched = sum(counts.values()) - sum(counts[night] for night in lacking) + sum(match.matched for match in matches)
    worst = max(matches, key=lambda match: match.near)
    return matched / (matched + near), matched + near, in_words(use_case, worst)


def _performance(use_case: UseCase, as_of: Night, workspace: Workspace, candidate: RegisteredVersion) -> Verdict:
    evaluation = _evaluation(use_case, as_of, workspace, candidate)
    rivals, outdated = compared_rivals(use_case, as_of, workspace, candidate)
    if outdated:
        return Verdict("performance", "not_enough_evidence", sentence([outdated]))
    champion = rivals.incumbent.version if rivals.incumbent else None
    known = replace(evaluation, champion_version=champion, unable=rivals.unable)
    return gates.performance(known, use_case.gates.performance)


def _calibration(use_case: UseCase, as_of: Night, workspace: Workspace, candidate: RegisteredVersion) -> Verdict:
    return gates.calibration(_evaluation(use_case, as_of, workspace, candidate), use_case.gates.calibration)


def _fairness(use_case: UseCase, as_of: Night, workspace: Workspace, candidate: RegisteredVersion) -> Verdict:
    return gates.fairness(_evaluation(use_case, as_of, workspace, candidate), use_case.gates.fairness)


def _slices(use_case: UseCase, as_of: Night, workspace: Workspace, candidate: RegisteredVersion) -> Verdict:
    """Divide the evaluated rows by features as the training set has them, and by columns of the fairness gate."""
    limits, fairness = use_case.gates.slices, use_case.gates.fairness
    evaluation = _evaluation(use_case, as_of, workspace, candidate)
    if limits is None:
        return judge_slices(evaluation, {}, None)
    rows = _rows(use_case, as_of, workspace)
    evaluated, expected = evaluation_table.evaluated_rows(use_case, as_of, candidate.version, workspace.lake, rows=rows)
    if not (np.array_equal(expected, evaluation.candidate, equal_nan=True) and (evaluated.night == evaluation.night).all()):
        raise StoreDamaged("rows and answers are in another order.", do="Run the step 'evaluate' again.")
    divided = {str(fairness.group): evaluation.group, **evaluation.attributes}
    for name in limits.by:
        if name not in divided:
            place = rows.features.index(name)
            divided[name] = parts_of(evaluated.matrix[:, place], rows.matrix[:, place])
    return judge_slices(evaluation, {name: divided[name] for name in limits.by}, limits)


def _stability(use_case: UseCase, as_of: Night, workspace: Workspace, candidate: RegisteredVersion) -> Verdict:
    return judge_stability(_evaluation(use_case, as_of, workspace, candidate), use_case.gates.stability)


def _behaviour(use_case: UseCase, as_of: Night, workspace: Workspace, candidate: RegisteredVersion) -> Verdict:
    rows = _rows(use_case, as_of, workspace)
    answers = behaviour_answers(use_case, workspace, candidate, rows)
    return judge_behaviour(answers, use_case.gates.behaviour, metric_set_for(use_case))


def _privacy(use_case: UseCase, as_of: Night, workspace: Workspace, candidate: RegisteredVersion) -> Verdict:
    folder = workspace.registry.fetch(use_case.use_case, candidate.version, candidate.bundle_digest)
    files = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    return judge_privacy(files, secrets(use_case, workspace, _rows(use_case, as_of, workspace)))


def _bundle(use_case: UseCase, as_of: Night, workspace: Workspace, candidate: RegisteredVersion) -> Verdict:
    """Let the registered model answer rows of the evaluation in a clean process, and one by one as the service would."""
    rows = _rows(use_case, as_of, workspace)
    evaluated, expected = evaluation_table.evaluated_rows(use_case, as_of, candidate.version, workspace.lake, rows=rows)
    sampled, predictions, package = clean_answers(use_case, workspace, candidate, evaluated)
    return gates.bundle(
        expected[sampled],
        predictions,
        answers=metric_set_for(use_case).answers,
        package=package,
        limits=use_case.gates.bundle,
    )


def _evaluation(use_case: UseCase, as_of: Night, workspace: Workspace, candidate: RegisteredVersion) -> Evaluation:
    return evaluation_table.read(use_case, as_of, candidate.version, workspace.lake)


def _rows(use_case: UseCase, as_of: Night, workspace: Workspace) -> TrainingSet:
    return training_snapshot.read(manifest_of(use_case, as_of, workspace), tuple(use_case.features), use_case.model.classes)


JUDGES: dict[str, Callable[[UseCase, Night, Workspace, RegisteredVersion], Verdict]] = {
    "data": _data,
    "performance": _performance,
    "calibration": _calibration,
    "fairness": _fairness,
    "slices": _slices,
    "stability": _stability,
    "behaviour": _behaviour,
    "privacy": _privacy,
    "bundle": _bundle,
}
