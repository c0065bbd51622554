"""What a use case says of its estimators beside their parameters: another kind, early stopping, weights, a search."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nightloop.definitions.strict import Strict

Parameters = dict[str, float | int | str]


class Estimator(Strict):
    """What is fitted in place of XGBoost's trees."""

    kind: Literal["hist_gradient_boosting", "logistic_regression", "ridge"]
    parameters: Parameters = Field(default_factory=dict, description="scikit-learn's parameters, over the defaults.")


class EarlyStopping(Strict):
    """The number of XGBoost's trees, chosen on the newest nights of the fit slice; then all its nights are fitted."""

    nights: int = Field(7, ge=1, description="How many of the newest nights are held out.")
    rounds: int = Field(20, ge=1, description="Trees without a gain on them after which no more are tried.")


class Weights(Strict):
    """How much each row counts in the fit."""

    half_life_nights: float = Field(gt=0, description="Nights after which a row counts half as much as one of the newest.")


class Search(Strict):
    """A search for parameters of the candidate, on later nights of the fit slice."""

    trials: int = Field(30, ge=1, le=10_000, description="How many sets of parameters are tried.")
    minutes: float | None = Field(
        None,
        gt=0,
        description="Stop after the trial that reaches them; absent: all trials, so that the same rows give the same model.",
    )
    folds: int = Field(3, ge=1, le=50, description="How many times later nights are measured on.")
    nights: int = Field(7, ge=1, description="Nights of a fold.")
    space: dict[str, list[float | int | str]] = Field(
        min_length=1, description="Parameter -> [low, high], [low, high, log], or the texts to choose from."
    )
