"""Register candidates, move aliases, and fetch bundles: MLflow 3 behind the few verbs the loop needs.

One registered model per use case, one version per training; a training is registered once, however often it is run.
MLflow takes seconds to import: it is imported when the registry is first asked for something that is not at hand.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nightloop.errors import UsageError
from nightloop.model import bundle
from nightloop.model.mlflow_session import Session
from nightloop.model.packaging import ARTIFACT, log_bundle
from nightloop.model.spec import Spec
from nightloop.nights import Night, parse_night
from nightloop.settings import Settings

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from nightloop.model.champions import Champion

CHALLENGER, CHAMPION = "challenger", "champion"
FIGURES = "figures"  # folder of a run with what people look at
_NOT_IN_NAMES = re.compile(r"[^\w.\- :]")


@dataclass(frozen=True)
class RegisteredVersion:
    """One version of a use case's registered model."""

    version: int
    run_id: str
    as_of: Night
    training_key: str
    bundle_digest: str


@dataclass(frozen=True)
class Registry:
    """The registered models of one installation."""

    settings: Settings
    session: Session

    @classmethod
    def open(cls, settings: Settings) -> Registry:
        """Open without reaching for anything yet."""
        return cls(settings, Session(settings))

    def log_candidate(
        self,
        use_case: str,
        folder: Path,
        *,
        params: Mapping[str, object],
        metrics: Mapping[str, float],
        figures: Mapping[str, Path],
        tags: Mapping[str, str],
    ) -> RegisteredVersion:
        """Log one training as one run, register its bundle as the newest version, and make it the challenger.

        A training that is registered already (same training_key) is returned as it stands. What an interrupted call left
        behind is removed first.

        Args:
            use_case: name of the registered model.
            folder: the bundle.
            params: what the training was given.
            metrics: what came out.
            figures: name -> image or page; kept under figures/ of the run.
            tags: of the run, besides the bundle's own origin.
        """
        spec = bundle.read_spec(folder)
        with self.session.locked(use_case):
            registered = self.find(use_case, spec.training.training_key)
            if registered is None:
                origin = _origin(spec, bundle.digest(folder))
                run_id = self._start_run(use_case, origin, {**tags, **origin})
                self._log_facts(run_id, params, metrics, {**figures, bundle.CARD: folder / bundle.CARD})
                registered = self._register(use_case, folder, spec, run_id, origin)
        # Also for one that stood: an interrupted call may have come this far and no further.
        if registered == self.versions(use_case)[-1]:
            self.set_alias(use_case, CHALLENGER, registered.version)
        return registered

    def find(self, use_case: str, training_key: str) -> RegisteredVersion | None:
        """Return the version of this training, if it is registered."""
        return next((version for version in self.versions(use_case) if version.training_key == training_key), None)

    def versions(self, use_case: str) -> list[RegisteredVersion]:
        """Return all versions that a training registered, oldest first; what people register by hand is left alone."""
        with self.session.reach(f"list the versions of {use_case}") as client:
            versions = client.search_model_versions(f"name = '{use_case}'")
            trained = (_as_version(version) for version in versions if "training_key" in version.tags)
            return sorted(trained, key=lambda version: version.version)

    def fetch_champion(self, use_case: str, champion: Champion) -> Path:
        """Return the folder of a champion's bundle: the one whose digest its promotion recorded on the ledger, and no other.

        Raises:
            StoreDamaged: the promotion recorded no digest, or the artifacts are not what it recorded.
            UsageError, StoreUnavailable: see ``fetch``.
        """
        return self.fetch(use_case, champion.version, champion.bundle_digest, champion.payload.get("bundle_files", {}))

    def fetch(
        self, use_case: str, version: int, digest: str | None = None, files: Mapping[str, str] = MappingProxyType({})
    ) -> Path:
        """Return the folder of a version's bundle, downloaded once and kept in HOME/bundles.

        Args:
            use_case: name of the registered model.
            version: which one.
            digest: the bundle's digest where the caller knows it: a kept bundle that differs is fetched again. Default: what
                MLflow's tag says, which whoever may write there can change.
            files: those of its files, where the caller knows them.

        Raises:
            UsageError: no such version.
            StoreUnavailable: the registry does not answer.
            StoreDamaged: the download is not what was recorded; the message names the files that differ.
        """
        folder = self.settings.home / "bundles" / use_case / str(version)
        if (folder / bundle.SPEC).exists() and digest in (None, bundle.digest(folder)):
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{version}.", dir=folder.parent) as temporary:
            fresh, registered = self._download(use_case, version, Path(temporary))
            recorded = (
                f"version {version} of '{use_case}' was when it was {'recorded on the ledger' if digest else 'registered'}"
            )
            bundle.check(fresh, digest or registered, files=files, recorded=recorded)
            if folder.exists():
                folder.rename(Path(temporary) / "replaced")
            try:
                fresh.rename(folder)
            except OSError:
                if not (folder / bundle.SPEC).exists():  # else: another process has just put the same one there
                    raise
        return folder

    def download_model(self, use_case: str, version: int, into: Path) -> Path:
        """Bring a version as MLflow keeps it, code and signature included, and return its folder.

        Raises:
            StoreUnavailable: the registry or its artifacts cannot be reached.
        """
        with self.session.reach(f"download version {version} of {use_case}"):
            import mlflow

            return Path(mlflow.artifacts.download_artifacts(f"models:/{use_case}/{version}", dst_path=str(into / "model")))

    def log_texts(self, run_id: str, texts: Mapping[str, str], folder: str = FIGURES) -> None:
        """Put texts, such as a card, in place of those of the same name that the run shows; the bundle stays as it is.

        Raises:
            StoreUnavailable: the tracking server does not answer.
        """
        with self.session.reach(f"log {', '.join(texts)} of the run {run_id}") as client:
            for name, text in texts.items():
                client.log_text(run_id, text, f"{folder}/{name}")

    def drawings(self, run_id: str) -> dict[str, bytes]:
        """Return the drawings (PNG) of a training by their names.

        Raises:
            StoreUnavailable: the tracking server does not answer.
        """
        with (
            self.session.reach(f"fetch the drawings of the run {run_id}") as client,
            tempfile.TemporaryDirectory() as temporary,
        ):
            if not client.list_artifacts(run_id, FIGURES):
                return {}
            folder = Path(client.download_artifacts(run_id, FIGURES, temporary))
            return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.png"))}

    def set_alias(self, use_case: str, alias: str, version: int | None) -> None:
        """Let the alias point at the version, or at none."""
        with self.session.reach(f"set the alias {alias} of {use_case}") as client:
            if version is None:
                client.delete_registered_model_alias(use_case, alias)
            else:
                client.set_registered_model_alias(use_case, alias, str(version))

    def alias(self, use_case: str, alias: str) -> int | None:
        """Return the version the alias points at, if there is one."""
        with self.session.reach(f"read the alias {alias} of {use_case}") as client:
            models = client.search_registered_models(f"name = '{use_case}'")
            return int(models[0].aliases[alias]) if models and alias in models[0].aliases else None

    def _start_run(self, use_case: str, origin: Mapping[str, str], tags: Mapping[str, str]) -> str:
        experiment = self.session.experiment(use_case)
        with self.session.reach(f"start a run of {use_case}") as client:
            key = origin["training_key"]
            for left in client.search_runs([experiment], f"tags.training_key = '{key}'"):
                client.delete_run(left.info.run_id)
            return str(client.create_run(experiment, run_name=f"as of {origin['as_of']}", tags=dict(tags)).info.run_id)

    def _log_facts(
        self, run_id: str, params: Mapping[str, object], metrics: Mapping[str, float], files: Mapping[str, Path]
    ) -> None:
        from mlflow.entities import Metric, Param

        with self.session.reach(f"log the run {run_id}") as client, tempfile.TemporaryDirectory() as temporary:
            client.log_batch(
                run_id,
                params=[Param(name, str(value)) for name, value in params.items()],
                metrics=[Metric(_allowed(name), float(value), timestamp=0, step=0) for name, value in metrics.items()],
            )
            for name, path in files.items():
                target = Path(temporary) / (name if Path(name).suffix else f"{name}{path.suffix}")
                shutil.copyfile(path, target)
            client.log_artifacts(run_id, temporary, FIGURES)

    def _register(self, use_case: str, folder: Path, spec: Spec, run_id: str, origin: Mapping[str, str]) -> RegisteredVersion:
        with self.session.reach(f"register a version of {use_case}") as client:
            import mlflow

            with mlflow.start_run(run_id=run_id):
                model = log_bundle(folder, spec)
            if not client.search_registered_models(f"name = '{use_case}'"):
                client.create_registered_model(use_case)
            # Version and tags in one call: a version without its training_key would be registered again.
            return _as_version(
                client.create_model_version(use_case, model.model_uri, run_id, tags=dict(origin), model_id=model.model_id)
            )

    def _download(self, use_case: str, version: int, into: Path) -> tuple[Path, str]:
        """Return where the bundle of a version lies now, and the digest that MLflow's tag says."""
        with self.session.reach(f"fetch version {version} of {use_case}") as client:
            import mlflow

            versions = client.search_model_versions(f"name = '{use_case}' and version_number = {version}")
            if not versions:
                raise UsageError(f"'{use_case}' has no version {version} in the registry {self.settings.mlflow_url}.")
            registered = _as_version(versions[0]).bundle_digest
            path = mlflow.artifacts.download_artifacts(f"models:/{use_case}/{version}/{ARTIFACT}", dst_path=str(into))
            return Path(path), registered


def _origin(spec: Spec, digest: str) -> dict[str, str]:
    training = spec.training
    return {
        "use_case": spec.use_case,
        "kind": spec.kind,
        "as_of": str(training.as_of),
        "training_key": training.training_key,
        "bundle_digest": digest,
        "code_version": training.code_version,
        "definition_digest": training.definition_digest,
        **{f"data_version.{name}": str(version) for name, version in training.data_versions.items()},
    }


def _as_version(version: ModelVersion | Any) -> RegisteredVersion:
    tags = version.tags
    return RegisteredVersion(
        version=int(version.version),
        run_id=str(version.run_id),
        as_of=parse_night(tags.get("as_of")),
        training_key=tags["training_key"],
        bundle_digest=tags["bundle_digest"],
    )


def _allowed(name: str) -> str:
    """Write a metric's name as MLflow takes it: a group may hold any text, such as ``50+``, which becomes ``50_2b_``."""
    return _NOT_IN_NAMES.sub(lambda match: f"_{ord(match[0]):x}_", name)
