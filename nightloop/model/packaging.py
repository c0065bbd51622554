"""Wrap a bundle as one MLflow model: signature, input example, the code it needs, and nothing inferred.

MLflow would find signature and requirements by itself, by loading and running the model in other processes; that takes
far longer than declaring them.
"""

from __future__ import annotations

import importlib
import platform
import shutil
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from nightloop.model.spec import Spec

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature

PACKAGE = Path(__file__).resolve().parent.parent
# What a prediction imports, and no more: the model answers where the rest of Nightloop and its libraries are not installed.
CODE = (
    "__init__.py",
    "errors.py",
    "nights.py",
    *(f"model/{name}.py" for name in ("__init__", "bundle", "calibration", "linear", "predictor", "spec", "tasks", "trees")),
)
ARTIFACT = "artifacts/bundle"  # where MLflow puts the bundle inside the model


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
    """Return what MLflow enforces: every feature by name, as a double; NaN where missing."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    reasons = [
        ColSpec(kind, f"{word}_{place}")
        for place in range(1, spec.reasons + 1)
        for word, kind in (("reason", "string"), ("effect", "double"))
    ]
    return ModelSignature(
        inputs=Schema([ColSpec("double", name) for name in spec.features]),
        outputs=Schema([*(ColSpec(kind, name) for name, kind in spec.task.columns.items()), *reasons]),
    )


def _example(spec: Spec) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([[1.0] * len(spec.features)], columns=list(spec.features))


def _environment(spec: Spec) -> dict[str, object]:
    engine = ["xgboost"] if spec.kind == "xgboost" else []
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
