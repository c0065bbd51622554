"""Load a champion as MLflow keeps it, once all of it is what the ledger recorded: MLflow runs the code that lies in the model.

``mlflow.pyfunc.load_model("models:/…@champion")`` asks nobody: it runs what the artifact store holds. Here the whole folder,
code and all, is compared with the digest that was recorded when the model was registered, before any of it is imported.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from nightloop.errors import StoreDamaged
from nightloop.model import bundle
from nightloop.model.champions import Champion
from nightloop.model.packaging import import_pyfunc
from nightloop.model.registry import Registry

WRITTEN_BY_DOWNLOADS = "registered_model_meta"  # MLflow adds it to what it downloads


def model_digest(folder: Path) -> str:
    """Return the digest of a model as MLflow keeps it: of the code, the environment, the signature and the bundle."""
    files = bundle.file_digests(folder)
    return bundle.digest_of({name: of for name, of in files.items() if name != WRITTEN_BY_DOWNLOADS})


def registered_digest(registry: Registry, use_case: str, version: int) -> str:
    """Return the digest of what the registry holds of a version now.

    Raises:
        StoreUnavailable: the registry or its artifacts cannot be reached.
    """
    with tempfile.TemporaryDirectory(prefix="nightloop-model-") as temporary:
        return model_digest(registry.download_model(use_case, version, Path(temporary)))


def check_model(folder: Path, digest: str) -> None:
    """Check that a downloaded model is the one whose digest was recorded.

    Raises:
        StoreDamaged: it is another one, or none was recorded.
    """
    if not digest or (held := model_digest(folder)) != digest:
        raise StoreDamaged(
            f"the model that MLflow holds is not what was registered: its digest is {held[:12]}…, the ledger recorded "
            f"{digest[:12]}…."
            if digest
            else "the ledger recorded no digest of the model that MLflow holds.",
            where=str(folder),
            do="Nothing of it was run. Load the bundle alone (Predictor.load), restore the artifacts, or train again.",
        )


def load_champion(registry: Registry, use_case: str, champion: Champion) -> Any:
    """Return the champion as MLflow's PyFuncModel, from a folder in HOME/models whose digest was compared with the ledger's.

    Raises:
        StoreDamaged: the folder is not what was registered; nothing of it was run.
        StoreUnavailable: the registry or its artifacts cannot be reached.
    """
    cached = registry.settings.home / "models" / use_case / str(champion.version)
    folder = cached / "model"
    if not folder.exists():
        cached.mkdir(parents=True, exist_ok=True)
        folder = registry.download_model(use_case, champion.version, cached)
    check_model(folder, str(champion.payload.get("model_digest", "")))
    return import_pyfunc().load_model(str(folder))
