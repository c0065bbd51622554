"""The code MLflow runs to answer from a registered version: ``mlflow.pyfunc.load_model("models:/…@champion")``.

MLflow copies this file into the model and runs it where the model is loaded ("models from code"), beside the few modules of
``packaging.CODE``. It needs neither Spark, Airflow, a lake, nor the network.
"""

from __future__ import annotations

from typing import Any

import mlflow  # noqa: TID253 - this file is MLflow's, and no module of Nightloop imports it
import numpy as np
import pandas as pd  # MLflow reads the type hints below


class RegisteredModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """A bundle behind MLflow's interface: features in by name, the answer's columns and reasons out."""

    def load_context(self, context: Any) -> None:
        """Load the bundle; with the whole of XGBoost, for this process is not ours."""
        from nightloop.model.predictor import Predictor

        self._predictor = Predictor.load(context.artifacts["bundle"], light=False)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Answer each row; MLflow has checked the columns against the signature."""
        spec = self._predictor.spec
        features = model_input[list(spec.features)].to_numpy(dtype=np.float64)
        group = model_input[spec.attribute].to_numpy(dtype=str) if spec.attribute else None
        predictions = self._predictor.predict(features, group=group)
        answer: dict[str, object] = dict(self._predictor.columns(predictions))
        names = np.array(spec.features, dtype=object)
        for place in range(predictions.reason.shape[1]):
            answer[f"reason_{place + 1}"] = names[predictions.reason[:, place]]
            answer[f"effect_{place + 1}"] = predictions.effect[:, place]
        return pd.DataFrame(answer, index=model_input.index)


mlflow.models.set_model(RegisteredModel())
