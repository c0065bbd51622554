"""Train a registered version again, on the very rows that it was trained on, and compare what comes out."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nightloop.definitions import UseCase
from nightloop.errors import StoreDamaged, UsageError
from nightloop.meaning.archive import definition_of
from nightloop.model import bundle
from nightloop.model.spec import Training
from nightloop.model.training import candidate, training_set, training_snapshot
from nightloop.model.training.environment import other
from nightloop.model.training.training_snapshot import Manifest
from nightloop.workspace import Workspace

MODEL_FILES = (bundle.TREES, bundle.LINEAR)
DVC = "dvc"


@dataclass(frozen=True)
class Reproduction:
    """What came of it.

    Attributes:
        files: file of the bundle -> whether it has the same bytes.
        key: the training's key as it would be now; another one where libraries, or the code that makes models, changed.
        training: where the registered version comes from.
        code_version: of what trained it again.
        libraries: that it was trained again with, see ``environment``.
    """

    use_case: str
    version: int
    files: Mapping[str, bool]
    key: str
    training: Training
    code_version: str
    libraries: Mapping[str, str]

    @property
    def same_model(self) -> bool:
        """Whether the model itself has the same bytes."""
        return all(same for name, same in self.files.items() if name in MODEL_FILES)

    def lines(self) -> list[str]:
        """Say it in words."""
        model = "the same bytes of the model" if self.same_model else "ANOTHER model"
        differing = [name for name, same in self.files.items() if not same]
        lines = [
            f"{self.use_case}, version {self.version}, as of {self.training.as_of}: {model}",
            f"  fitted on {self.training.fit}, calibrated on {self.training.calibrate}",
            f"  rows: {self.training.data_versions[DVC]} (DVC)",
            f"  equal: {', '.join(name for name, same in self.files.items() if same) or 'nothing'}",
        ]
        if differing:
            lines.append(f"  different: {', '.join(differing)}")
        return [*lines, *(f"  {cause}" for cause in self._causes())]

    def _causes(self) -> list[str]:
        """Say what is another now than then; of another model without any, where to look."""
        causes = []
        if self.key != self.training.training_key:
            causes.append("libraries, or the code that makes models, are others than then")
        causes += self.other_versions
        if self.code_version != self.training.code_version:
            causes.append(f"code then {self.training.code_version}, now {self.code_version}")
        if not self.same_model and not causes:
            causes.append("neither code nor libraries differ: compare the machines, their processors and numbers of threads")
        return causes

    @property
    def other_versions(self) -> list[str]:
        """What it was made with that is another version now; nothing of bundles that do not say."""
        return other(self.training.libraries, self.libraries) if self.training.libraries else []

    def as_json(self) -> dict[str, object]:
        """Return plain values for ``--json``."""
        return {
            "use_case": self.use_case,
            "version": self.version,
            "as_of": str(self.training.as_of),
            "same_model": self.same_model,
            "files": dict(self.files),
            "same_training_key": self.key == self.training.training_key,
            "code_version": {"then": self.training.code_version, "now": self.code_version},
            "libraries": {"then": dict(self.training.libraries), "now": dict(self.libraries)},
        }


def reproduce(use_case: UseCase, version: int, workspace: Workspace) -> Reproduction:
    """Train a version again, by the definition and on the rows of then; nothing is registered.

    Raises:
        UsageError: there is no such version.
        StoreDamaged: its training set, or its definition, is gone or is not what it was.
    """
    name = use_case.use_case
    registered = {item.version: item for item in workspace.registry.versions(name)}.get(version)
    if registered is None:
        registered_versions = ", ".join(str(item.version) for item in workspace.registry.versions(name)) or "none"
        raise UsageError(f"there is no version {version} of {name}.", do=f"Registered are: {registered_versions}.")
    folder = workspace.registry.fetch(name, version, registered.bundle_digest)
    training = bundle.read_spec(folder).training
    of_then = _definition(use_case, training.definition_digest, workspace)
    digest = str(training.data_versions[DVC])
    path = training_snapshot.held_by_dvc(workspace.settings.home, digest, remote=workspace.settings.dvc_remote)
    tables = {table: int(number) for table, number in training.data_versions.items() if table != DVC}
    manifest = Manifest(name, training.as_of, str(path), digest, 0, "", tables, training.training_key)
    rows = training_snapshot.read(manifest, tuple(of_then.features), of_then.model.classes)
    again = candidate.fit(of_then, training.as_of, rows)
    definition = (folder / bundle.DEFINITION).read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="nightloop-reproduce-") as temporary:
        bundle_again = Path(temporary) / "bundle"
        candidate.write_bundle(bundle_again, of_then, manifest, rows, candidate=again, definition=definition)
        files = {file.name: _same(file, bundle_again / file.name) for file in sorted(folder.iterdir())}
        now = bundle.read_spec(bundle_again).training
    key = training_set.training_key(of_then, training.as_of, rows)
    return Reproduction(name, version, files, key, training, now.code_version, now.libraries)


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()


def _definition(use_case: UseCase, digest: str, workspace: Workspace) -> UseCase:
    """Return the definition of then: today's, or the one that the lake holds."""
    held = definition_of(workspace.lake, use_case, digest)
    if held is None:
        raise StoreDamaged(
            f"the definition {digest[:12]}, by which it was trained, is not in the lake.",
            where=use_case.use_case,
            do="Restore the lake's folder of documents from a backup.",
        )
    return held
