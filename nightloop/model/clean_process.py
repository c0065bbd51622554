"""Load and score a registered model where nothing of Nightloop is at hand but what the model carries.

A process of its own, isolated (`python -I`: no PYTHONPATH, no user packages, not this folder), in an empty folder, without the
settings of this installation: what anybody does who downloads the model.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nightloop.errors import GateFailed

if TYPE_CHECKING:
    from nightloop.model.registry import Registry

Floats = NDArray[np.float64]
TIMEOUT = 300
# A program as text: a file of this repository would bring the repository's folder with it.
PROGRAM = """
import sys
import numpy as np, pandas as pd
import mlflow
model = mlflow.pyfunc.load_model(sys.argv[1])
names = [column.name for column in model.metadata.signature.inputs]
rows = pd.DataFrame(np.load(sys.argv[2]), columns=names)
np.save(sys.argv[3], model.predict(rows)[sys.argv[4].split(",")].to_numpy(dtype=np.float64))
"""


def download(registry: Registry, use_case: str, version: int, into: Path) -> Path:
    """Bring a registered version as MLflow keeps it, code and signature included, and return its folder.

    Raises:
        StoreUnavailable: the registry or its artifacts cannot be reached.
    """
    with registry.session.reach(f"download version {version} of {use_case}"):
        import mlflow

        return Path(mlflow.artifacts.download_artifacts(f"models:/{use_case}/{version}", dst_path=str(into / "model")))


def answers(model: Path, features: Floats, columns: Sequence[str]) -> Floats:
    """Return what the MLflow model in a folder answers for features (n, k) in these columns: (n,), or (n, c) of several.

    Raises:
        GateFailed: it cannot be loaded, does not answer, or takes too long; the message carries its last words.
    """
    with tempfile.TemporaryDirectory(prefix="nightloop-clean-") as folder:
        given, answered = Path(folder) / "rows.npy", Path(folder) / "answers.npy"
        np.save(given, features)
        command = [sys.executable, "-I", "-c", PROGRAM, str(model), str(given), str(answered), ",".join(columns)]
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter and program
                command,
                cwd=folder,
                env={**kept, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"},
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _failed(model, f"gave no answer in {TIMEOUT} s") from error
        if done.returncode or not answered.exists():
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise _failed(model, f"ended with code {done.returncode}: {said}")
        found: Floats = np.load(answered)
        return found[:, 0] if len(columns) == 1 else found


def _failed(model: Path, what: str) -> GateFailed:
    return GateFailed(f"a clean process that loads the registered model {what}.", where=str(model), do="Train again.")
