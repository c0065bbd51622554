"""Wrap a bundle as one MLflow model: signature, input example, the code it needs, and nothing inferred.

MLflow would find signature and requirements by itself, by loading and running the model in other processes; that takes
far longer than declaring them. Whether the package is complete is tried as anybody would who downloads it: in a process of its
own, isolated (`python -I`: no PYTHONPATH, no user packages, not this folder), in an empty folder, without the settings of this
installation.
"""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightloop.errors import GateFailed
from nightloop.model.spec import TREES, Spec

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature

PACKAGE = Path(__file__).resolve().parent.parent
# What a prediction imports, and no more: the model answers where the rest of Nightloop and its libraries are not installed.
CODE = (
    "__init__.py",
    "errors.py",
    "nights.py",
    *(f"model/{name}.py" for name in ("__init__", "bundle", "calibration", "conformal", "group_thresholds", "models")),
    *(f"model/{name}.py" for name in ("predictor", "spec", "tasks")),
)
ARTIFACT = "artifacts/bundle"  # where MLflow puts the bundle inside the model
Floats = NDArray[np.float64]
TIMEOUT = 300
# A program as text: a file of this repository would bring the repository's folder with it.
PROGRAM = """
import sys, time
import numpy as np, pandas as pd
import mlflow
model = mlflow.pyfunc.load_model(sys.argv[1])
names = [column.name for column in model.metadata.signature.inputs]
features = np.load(sys.argv[2])
rows = pd.DataFrame(features, columns=names[: features.shape[1]])
for name in names[features.shape[1] :]:
    rows[name] = np.load(sys.argv[5])
np.save(sys.argv[3], model.predict(rows)[sys.argv[4].split(",")].to_numpy(dtype=np.float64))
seconds = []
for _ in range(5):
    began = time.perf_counter()
    model.predict(rows)
    seconds.append(time.perf_counter() - began)
np.save(sys.argv[6], np.median(seconds) / max(len(rows), 1))
"""


@dataclass(frozen=True)
class CleanAnswers:
    """What a model answered in a process of its own.

    Attributes:
        predictions: (n,), or (n, c) of several columns.
        milliseconds: of a row with its reasons: the median of five times all rows.
    """

    predictions: Floats
    milliseconds: float


def log_bundle(folder: Path, spec: Spec) -> Any:
    """Log the bundle to MLflow's active run and return MLflow's ModelInfo."""
    pyfunc = import_pyfunc()
    with tempfile.TemporaryDirectory(prefix="nightloop-model-") as temporary:
        # MLflow names an artifact after its folder: give it the name that readers know.
        bundle = shutil.copytree(folder, Path(temporary) / "bundle")
        code = _copy_code(Path(temporary) / "code" / PACKAGE.name)
        return pyfunc.log_model(
            name="bundle",
            python_model=str(PACKAGE / "model" / "pyfunc.py"),
            artifacts={"bundle": str(bundle)},
            code_paths=[str(code)],
            signature=signature(spec),
            input_example=_example(spec),
            conda_env=_environment(spec),
        )


def import_pyfunc() -> ModuleType:
    """Import mlflow.pyfunc without the warnings it gives of its own type hints."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*type hint.*", category=UserWarning)
        return importlib.import_module("mlflow.pyfunc")


def signature(spec: Spec) -> ModelSignature:
    """Return what MLflow enforces: every feature by name, as a double; NaN where missing; and the group, as text."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    reasons = [
        ColSpec(kind, f"{word}_{place}")
        for place in range(1, spec.reasons + 1)
        for word, kind in (("reason", "string"), ("effect", "double"))
    ]
    group = [ColSpec("string", spec.attribute)] if spec.attribute else []
    return ModelSignature(
        inputs=Schema([*(ColSpec("double", name) for name in spec.features), *group]),
        outputs=Schema([*(ColSpec(kind, name) for name, kind in spec.columns.items()), *reasons]),
    )


def _example(spec: Spec) -> pd.DataFrame:
    import pandas as pd

    group = {spec.attribute: ["unknown"]} if spec.attribute else {}
    return pd.DataFrame({**{name: [1.0] for name in spec.features}, **group})


def _environment(spec: Spec) -> dict[str, object]:
    engine = ["xgboost"] if spec.kind in TREES else []
    needed = [f"{name}=={version(name)}" for name in ("mlflow", "numpy", "pandas", *engine)]
    return {
        "name": "mlflow-env",
        "channels": ["conda-forge"],
        "dependencies": [f"python={platform.python_version()}", "pip", {"pip": needed}],
    }


def _copy_code(target: Path) -> Path:
    for name in CODE:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PACKAGE / name, target / name)
    return target


def predict_in_clean_process(
    model: Path, features: Floats, columns: Sequence[str], group: NDArray[Any] | None = None
) -> CleanAnswers:
    """Return what the MLflow model in a folder predicts for features (n, k) in these columns.

    ``group`` (n,) is the text that it decides by, where it does.

    Raises:
        GateFailed: it cannot be loaded, does not answer, or takes too long; the message carries its last words.
    """
    with tempfile.TemporaryDirectory(prefix="nightloop-clean-") as folder:
        rows, answers, groups, seconds = (Path(folder) / f"{name}.npy" for name in ("rows", "answers", "groups", "seconds"))
        np.save(rows, features)
        np.save(groups, np.array([], dtype=str) if group is None else group)
        _run_program(model, [str(model), str(rows), str(answers), ",".join(columns), str(groups), str(seconds)], Path(folder))
        if not (answers.exists() and seconds.exists()):
            raise _failed(model, "wrote no answers")
        predictions: Floats = np.load(answers)
        return CleanAnswers(predictions[:, 0] if len(columns) == 1 else predictions, 1000 * float(np.load(seconds)))


def _run_program(model: Path, arguments: Sequence[str], folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    try:
        ended = subprocess.run(  # noqa: S603 - our own interpreter and program
            [sys.executable, "-I", "-c", PROGRAM, *arguments],
            cwd=folder,
            env={**environment, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(model, f"gave no answer in {TIMEOUT} s") from error
    if ended.returncode:
        last_words = (ended.stderr.strip().splitlines() or ["no message"])[-1]
        raise _failed(model, f"ended with code {ended.returncode}: {last_words}")


def _failed(model: Path, what: str) -> GateFailed:
    return GateFailed(f"a clean process that loads the registered model {what}.", where=str(model), do="Train again.")
