"""What the steps of a training read of one another: by the night it is as of, in HOME/training, the registry and the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nightloop.definitions import definition_digest
from nightloop.definitions.use_case import UseCase
from nightloop.errors import NotReady, StoreDamaged, command
from nightloop.meaning import meanings_of
from nightloop.model import bundle, champions
from nightloop.model.champions import Champion
from nightloop.model.predictor import Predictor
from nightloop.model.registered_model import registered_digest
from nightloop.model.registry import RegisteredVersion
from nightloop.model.training import training_snapshot
from nightloop.model.training.training_snapshot import Manifest
from nightloop.nights import Night
from nightloop.promotion.verdicts import REGISTERED
from nightloop.workspace import Workspace

TAKEN_OVER = ("definition_digest", "meanings", "bundle_files", "model_digest")


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
    _check_unchanged(registered, _registered_event(use_case, as_of, workspace, registered.version))
    return registered


def _registered_event(use_case: UseCase, as_of: Night, workspace: Workspace, version: int) -> Mapping[str, Any]:
    """Return what the registration of a version recorded; nothing where it was not recorded."""
    events = workspace.ledger.events(use_case.use_case, kind=REGISTERED, night=as_of, subject=str(version))
    return events[-1].payload if events else {}


def _check_unchanged(registered: RegisteredVersion, recorded: Mapping[str, Any]) -> None:
    """Check that MLflow still says of a candidate what the ledger recorded when it was registered.

    Raises:
        StoreDamaged: it does not: what would be judged or promoted is not what was trained.
    """
    if recorded.get("bundle_digest", registered.bundle_digest) != registered.bundle_digest:
        raise StoreDamaged(
            f"MLflow's tag bundle_digest of version {registered.version} is {registered.bundle_digest[:12]}…, and the ledger "
            f"recorded {recorded['bundle_digest'][:12]}… when it was registered.",
            do="Somebody changed the registry: restore it from a backup, or train again.",
        )


def record_registered(use_case: UseCase, as_of: Night, workspace: Workspace, registered: RegisteredVersion) -> None:
    """Record that a candidate is registered, with the digests of what was, and what its features and its label mean.

    Raises:
        StoreDamaged: it is not what was recorded before.
    """
    name, version = use_case.use_case, registered.version
    if recorded := _registered_event(use_case, as_of, workspace, version):
        _check_unchanged(registered, recorded)
        return
    meanings = meanings_of(use_case)
    payload = {
        "training_key": registered.training_key,
        "run_id": registered.run_id,
        "bundle_digest": registered.bundle_digest,
        "bundle_files": bundle.file_digests(workspace.registry.fetch(name, version, registered.bundle_digest)),
        "model_digest": registered_digest(workspace.registry, name, version),
        "definition_digest": definition_digest(use_case),
        "meanings": {"features": dict(meanings.features), "label": meanings.label},
    }
    workspace.ledger.record(REGISTERED, name, night=as_of, subject=str(version), payload=payload, once=True)


def trained_on(use_case: UseCase, as_of: Night, workspace: Workspace, version: int) -> dict[str, Any]:
    """Return what a promotion takes over of the registration: by which definition a version was trained, what its features
    meant, the digests of what was registered; nothing where it was not recorded."""
    recorded = _registered_event(use_case, as_of, workspace, version)
    return {name: recorded[name] for name in TAKEN_OVER if name in recorded}


def champion_before(use_case: UseCase, version: int, workspace: Workspace) -> Champion | None:
    """Return who was champion before this version was promoted, or is now: whom the candidate would replace."""
    before: Champion | None = None
    for change in champions.changes(workspace.ledger, use_case.use_case):
        if change.version == version and change.kind == "promoted":
            break
        before = change.champion
    return before


def predictor_of(use_case: UseCase, version: int, digest: str, workspace: Workspace) -> Predictor:
    """Return a registered version, ready to answer; with the whole of XGBoost, for training needs scikit-learn beside it."""
    return Predictor.load(workspace.registry.fetch(use_case.use_case, version, digest), light=False)
