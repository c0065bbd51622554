"""What the steps of a training read of one another: by the night it is as of, in HOME/training, the registry and the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nightloop.definitions import definition_digest
from nightloop.definitions.use_case import UseCase
from nightloop.errors import NotReady, command
from nightloop.meaning import meanings_of
from nightloop.model import champions
from nightloop.model.champions import Champion
from nightloop.model.predictor import Predictor
from nightloop.model.registry import RegisteredVersion
from nightloop.model.training import training_snapshot
from nightloop.model.training.training_snapshot import Manifest
from nightloop.nights import Night
from nightloop.promotion.verdicts import REGISTERED
from nightloop.workspace import Workspace


def manifest_of(use_case: UseCase, as_of: Night, workspace: Workspace) -> Manifest:
    """Return what ``assemble`` snapshotted.

    Raises:
        NotReady: nothing yet.
    """
    return training_snapshot.read_manifest(workspace.settings.home, use_case.use_case, as_of)


def baseline_path(workspace: Workspace, manifest: Manifest) -> Path:
    """Return the file that holds the baseline of a training, as plain numbers."""
    folder = training_snapshot.folder(workspace.settings.home, manifest.use_case, manifest.as_of)
    return folder / f"baseline-{manifest.training_key[:12]}.json"


def search_journal(workspace: Workspace, manifest: Manifest) -> Path:
    """Return the file of the finished trials of a training's search: other rows, or another definition, search anew."""
    folder = training_snapshot.folder(workspace.settings.home, manifest.use_case, manifest.as_of)
    return folder / f"search-{manifest.training_key[:12]}.jsonl"


def candidate_version(use_case: UseCase, as_of: Night, workspace: Workspace) -> RegisteredVersion:
    """Return the candidate that ``fit`` registered for the training set that stands.

    Raises:
        NotReady: it is not fitted, or its baseline is gone.
    """
    manifest = manifest_of(use_case, as_of, workspace)
    registered = workspace.registry.find(use_case.use_case, manifest.training_key)
    if registered is None or not baseline_path(workspace, manifest).exists():
        raise NotReady(
            f"the candidate of {use_case.use_case} as of {as_of} is not fitted.",
            where=manifest.path,
            do=f"Run the step 'fit', or all of it: {command('train', use_case.use_case, as_of)}",
        )
    return registered


def record_registered(use_case: UseCase, as_of: Night, workspace: Workspace, registered: RegisteredVersion) -> None:
    """Record that a candidate is registered, and what its features and its label mean."""
    meanings = meanings_of(use_case)
    payload = {
        "training_key": registered.training_key,
        "run_id": registered.run_id,
        "bundle_digest": registered.bundle_digest,
        "definition_digest": definition_digest(use_case),
        "meanings": {"features": dict(meanings.features), "label": meanings.label},
    }
    subject = str(registered.version)
    workspace.ledger.record(REGISTERED, use_case.use_case, night=as_of, subject=subject, payload=payload, once=True)


def trained_on(use_case: UseCase, as_of: Night, workspace: Workspace, version: int) -> dict[str, Any]:
    """Return by which definition a version was trained and what its features meant; nothing where it was not recorded."""
    events = workspace.ledger.events(use_case.use_case, kind=REGISTERED, night=as_of, subject=str(version))
    recorded = events[-1].payload if events else {}
    return {name: recorded[name] for name in ("definition_digest", "meanings") if name in recorded}


def champion_before(use_case: UseCase, version: int, workspace: Workspace) -> Champion | None:
    """Return who was champion before this version was promoted, or is now: whom the candidate would replace."""
    before: Champion | None = None
    for change in champions.changes(workspace.ledger, use_case.use_case):
        if change.version == version and change.kind == "promoted":
            break
        before = change.champion
    return before


def predictor_of(use_case: UseCase, version: int, digest: str | None, workspace: Workspace) -> Predictor:
    """Return a registered version, ready to answer; with the whole of XGBoost, for training needs scikit-learn beside it."""
    return Predictor.load(workspace.registry.fetch(use_case.use_case, version, digest), light=False)
