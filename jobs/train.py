"""Stage train: a candidate from what was known at a night's cut-off, judged by every gate, promoted if all of them pass.

The steps, each a task of its own; each may be killed and run again, for what it made stands in the lake, the registry, the
ledger, or HOME/training:

    assemble    features joined with matured labels, snapshotted by DVC
    fit         candidate, baseline, calibration; bundle and card; registered in MLflow, once per training
    evaluate    candidate, baseline, champion and the best champion of the year on the same validation rows: table evaluation
    gate        one of GATES; its verdict goes to the ledger, and anything but a pass raises
    promote     every verdict stands as a pass: the champion changes, and the alias moves. Nowhere else.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from jobs.published import Progress, Published, silent
from jobs.training.datasheet import datasheet_files, write_datasheet
from jobs.training.evaluation import evaluated
from jobs.training.gates import GATES, gate, promote, refusal
from jobs.training.state import (
    baseline_path,
    candidate_version,
    manifest_of,
    record_registered,
    search_journal,
)
from jobs.training.tracked import params
from nightloop.atomic_file import write_atomically
from nightloop.definitions import UseCase, definition_digest, use_case_names
from nightloop.definitions.loading import definition_text
from nightloop.errors import GateFailed, UsageError
from nightloop.lake import Commit
from nightloop.lake.digest import content_digest
from nightloop.meaning.archive import archive
from nightloop.model.registry import RegisteredVersion
from nightloop.model.training import candidate as candidates
from nightloop.model.training import evaluation_table, plots, training_set, training_snapshot
from nightloop.model.training.fitted import baseline_json
from nightloop.model.training.slices import divide
from nightloop.model.training.training_snapshot import Manifest
from nightloop.nights import Night, Nights
from nightloop.workspace import Workspace

__all__ = ["GATES", "STEPS", "assemble", "evaluate", "fit", "gate", "promote", "record_request", "run"]

STAGE = "train"
Details = dict[str, Any]


def run(
    use_case: UseCase,
    nights: Nights | Night,
    workspace: Workspace,
    *,
    reason: str = "",
    requested_by: str = "",
    build: bool = False,
    progress: Progress = silent,
) -> list[Published]:
    """Do all steps as of one night, judging every gate even when one has failed, and return the evaluation as published.

    Args:
        use_case: whose model.
        nights: the night ``as_of``.
        workspace: its stores.
        reason: why it was asked for; recorded.
        requested_by: who asked; recorded.
        build: first build what was made by another definition than today's, instead of naming it.
        progress: called before each step, and at the end.

    Raises:
        UsageError, NotReady, TrainingRefused: more than one night; see ``assemble``.
        GateFailed: not promoted; every gate's reason is in the message, and its verdict in the ledger.
    """
    as_of = _one(nights)
    if build:
        from jobs.upkeep.apply import apply  # ingest and its contracts, which no training needs

        apply(use_case, workspace, progress=progress)
    record_request(use_case, as_of, workspace, reason=reason, requested_by=requested_by)
    total = 3 + len(GATES) + 1
    for done, step in enumerate((assemble, fit, evaluate)):
        progress(step.__name__, done, total)
        step(use_case, as_of, workspace)
    failed: list[str] = []
    for done, name in enumerate(GATES, start=3):
        progress(f"gate {name}", done, total)
        try:
            gate(use_case, as_of, workspace, name=name)
        except GateFailed as error:
            failed.append(error.what)
    if failed:
        raise refusal(use_case, as_of, workspace, " ".join(failed))
    progress("promote", total - 1, total)
    promoted = promote(use_case, as_of, workspace)
    progress("promote", total, total)
    state = workspace.lake.states(evaluation_table.table_name(use_case))[as_of]
    return [Published.of(use_case.use_case, evaluation_table.table_name(use_case), state, promoted)]


def record_request(use_case: UseCase, as_of: Night, workspace: Workspace, *, reason: str, requested_by: str) -> None:
    """Record who asked for a training and why: each request once, however often its task is tried."""
    payload, kind = {"reason": reason, "requested_by": requested_by}, "training_requested"
    recorded = workspace.ledger.events(use_case.use_case, kind=kind, night=as_of, subject=requested_by)
    if not any(event.payload == payload for event in recorded):
        workspace.ledger.record(kind, use_case.use_case, night=as_of, subject=requested_by, payload=payload)


def assemble(use_case: UseCase, as_of: Night, workspace: Workspace, *, progress: Progress = silent) -> Details:
    """Join features and labels known by the night, snapshot them by DVC, and return what identifies the training.

    Raises:
        NotReady: a night of labels or features was never published; it is named.
        TrainingRefused: too little data; the message counts it.
        StoreUnavailable: the disk or DVC refuses.
    """
    progress("joining features and labels", 0, 2)
    archive(workspace.lake, use_case)
    rows, versions = training_set.load(use_case, as_of, workspace.lake)
    slices = divide(use_case, rows)
    home = workspace.settings.home
    progress("snapshotting by DVC", 1, 2)
    path, md5 = training_snapshot.write(home, use_case.use_case, as_of, rows, remote=workspace.settings.dvc_remote)
    manifest = Manifest(
        use_case=use_case.use_case,
        as_of=as_of,
        path=str(path),
        dvc_md5=md5,
        rows=rows.table.num_rows,
        content_digest=content_digest(rows.table),
        table_versions=versions,
        training_key=training_set.training_key(use_case, as_of, rows),
    )
    write_datasheet(use_case, manifest, rows, slices, workspace)
    training_snapshot.write_manifest(home, manifest)
    progress("snapshotting by DVC", 2, 2)
    return {**manifest.as_json(), "nights": {name: str(getattr(slices, name)) for name in ("fit", "calibrate", "validate")}}


def fit(use_case: UseCase, as_of: Night, workspace: Workspace, *, progress: Progress = silent) -> Details:
    """Fit candidate and baseline, and register the candidate; a training that is registered already is not registered twice.

    Raises:
        NotReady: the training set is not assembled.
        TrainingRefused, DefinitionError: nothing can be learned, or a parameter is refused.
        StoreUnavailable: the registry does not answer.
    """
    manifest = manifest_of(use_case, as_of, workspace)
    registered = workspace.registry.find(use_case.use_case, manifest.training_key)
    baseline = baseline_path(workspace, manifest)
    if registered is None or not baseline.exists():
        progress("fitting", 0, 2)
        rows = training_snapshot.read(manifest, tuple(use_case.features), use_case.model.classes)
        candidate = candidates.fit(use_case, as_of, rows, journal=search_journal(workspace, manifest))
        write_atomically(baseline, baseline_json(candidate.baseline))
        progress("registering", 1, 2)
        registered = registered or _register(use_case, manifest, workspace, rows=rows, candidate=candidate)
    record_registered(use_case, as_of, workspace, registered)
    progress("registering", 2, 2)
    return {
        "version": registered.version,
        "training_key": registered.training_key,
        "run_id": registered.run_id,
        "bundle_digest": registered.bundle_digest,
    }


def _register(
    use_case: UseCase,
    manifest: Manifest,
    workspace: Workspace,
    *,
    rows: training_set.TrainingSet,
    candidate: candidates.Candidate,
) -> RegisteredVersion:
    name, definitions = use_case.use_case, workspace.settings.definitions
    is_declared = name in use_case_names(definitions)
    definition = definition_text(name, definitions) if is_declared else use_case.model_dump_json(indent=1)
    with tempfile.TemporaryDirectory(prefix="nightloop-train-") as temporary:
        folder = candidates.write_bundle(
            Path(temporary) / "bundle", use_case, manifest, rows, candidate=candidate, definition=definition
        )
        drawn = plots.draw(Path(temporary) / "plots", use_case, candidate)
        drawn |= {"search.jsonl": search_journal(workspace, manifest)} if candidate.searched else {}
        return workspace.registry.log_candidate(
            use_case.use_case,
            folder,
            params=params(use_case, candidate),
            metrics=candidate.metrics,
            figures={**drawn, "baseline.json": baseline_path(workspace, manifest), **datasheet_files(manifest, workspace)},
            tags={"content_digest": manifest.content_digest, "dvc_md5": manifest.dvc_md5},
        )


def evaluate(use_case: UseCase, as_of: Night, workspace: Workspace, *, progress: Progress = silent) -> Details:
    """Let candidate, baseline, champion and the best of the year predict the same rows, and publish them as table evaluation.

    Beside the newest nights, those of earlier origins: see ``jobs.training.evaluation``.

    Raises:
        NotReady: the candidate is not fitted.
    """
    manifest = manifest_of(use_case, as_of, workspace)
    candidate = candidate_version(use_case, as_of, workspace)
    progress("evaluating", 0, 1)
    evaluation = evaluated(use_case, manifest, workspace, candidate, progress)
    commit = Commit(STAGE, use_case.use_case, definition_digest(use_case), dict(manifest.table_versions))
    state = workspace.lake.publish(evaluation_table.table_name(use_case), as_of, evaluation.table, commit)
    progress("evaluating", 1, 1)
    champion, anchor = evaluation.rivals.versions
    left_out = {str(origin): why for origin, why in evaluation.left_out.items()}
    details = {"version": candidate.version, "champion": champion, "anchor": anchor, "origins_left_out": left_out}
    return Published.of(use_case.use_case, evaluation_table.table_name(use_case), state, details).as_json()


def _one(nights: Nights | Night) -> Night:
    if isinstance(nights, Night):
        return nights
    if len(nights) > 1:
        raise UsageError(
            f"a training is as of one night, {nights} are {len(nights)}.", do=f"Give the last of them: {nights.last}."
        )
    return nights.last


STEPS = {"assemble": assemble, "fit": fit, "evaluate": evaluate, "gate": gate, "promote": promote}
"""Every step by its name: ``(use_case, as_of, workspace, *, progress)``; ``gate`` takes ``name`` too."""
