"""What the service answers, as /docs and openapi.json describe it."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, create_model

from nightloop.definitions import UseCase
from nightloop.model.conformal import HIGH, LOW, SET
from nightloop.model.use_case_task import answer_columns
from nightloop.promotion.ladder import rungs_of
from serving.problems import Mistake

Scalar = str | int | float | bool | datetime.date | datetime.datetime


class Reason(BaseModel):
    """One feature that moved the answer, the strongest for the decision first."""

    feature: str
    description: str
    text: str = Field(
        description="The reason in words, by its direction where the use case declares them; else the description."
    )
    value: float | None = Field(description="The feature's value; null: missing.")
    effect: float = Field(
        description="Contribution in log-odds, positive: towards the label being true; of a number: in its unit; of several "
        "classes: to the margin of the predicted class."
    )


class Answer(BaseModel):
    """The answer to one row."""

    model_config = ConfigDict(protected_namespaces=())

    key: dict[str, Scalar] = Field(description="The entity's key, as it was sent.")
    probability: float = Field(ge=0, le=1, description="Calibrated probability of the label.")
    decision: bool = Field(description="Whether the probability reaches the use case's threshold.")
    reasons: list[Reason]
    model_version: int = Field(description="Version of the champion in the registry.")
    night: datetime.date = Field(description="Night of the aggregates.")


class AnswerByCapacity(Answer):
    """The answer to one row, where a capacity decides on whole nights."""

    threshold: float = Field(description="The least answer that the capacity took of a night, from which on it is positive.")
    threshold_night: datetime.date | None = Field(description="Which night; null: as it usually was in training.")


class Answers(BaseModel):
    """The answers to several rows, in their order."""

    predictions: list[Answer]


COLUMNS: Mapping[str, tuple[Any, Any]] = {
    "prediction": (float, Field(description="Predicted mean of the label, in its unit.")),
    "decision": (bool | None, Field(description="Whether the prediction reaches the threshold; null: none is declared.")),
    "predicted_class": (str, Field(description="The most probable class.")),
    "probability": (float, Field(ge=0, le=1, description="Probability of the predicted class.")),
    LOW: (float | None, Field(description="Lower end of what the promised share of labels lies within; null: none promised.")),
    HIGH: (float | None, Field(description="Upper end of it.")),
    SET: (
        str | None,
        Field(description="Classes, joined by |, of which the promised share of rows has its own; null: none is promised."),
    ),
}


def answer_model(use_case: UseCase, title: str) -> type[BaseModel]:
    """Return the answer's model; with the rung where a ladder is declared, and with warnings where these are."""
    model, more = _answer_model(use_case, title), dict[str, Any]()
    if rungs_of(use_case):
        rung: Any = Literal["champion", "previous", "rule"]
        more["rung"] = (rung, Field(description="Which rung answered; a rule has no version: 0."))
    if warns(use_case):
        more["warnings"] = (
            list[Mistake],
            Field(description="Rules of the contract that the row breaks: a night sets it aside."),
        )
    return create_model(f"{title}Answer", __base__=model, **more) if more else model


def warns(use_case: UseCase) -> bool:
    """Tell whether a row that the contract would set aside is answered, with a warning."""
    return use_case.serving is not None and use_case.serving.broken_contract == "warn"


def _answer_model(use_case: UseCase, title: str) -> type[BaseModel]:
    """Return the model without a rung: ``Answer`` for a binary one, else with the columns of its task and promise."""
    if use_case.model.task == "binary":
        base = Answer if use_case.model.capacity is None else AnswerByCapacity
        promised: dict[str, Any] = {SET: COLUMNS[SET]}
        return create_model(f"{title}Answer", __base__=base, **promised) if use_case.model.conformal else base
    of_class = (float, Field(ge=0, le=1, description="Probability of the class."))
    columns: dict[str, Any] = {name: COLUMNS.get(name, of_class) for name in answer_columns(use_case)}
    shared: dict[str, Any] = {
        name: (field.annotation, field)
        for name, field in Answer.model_fields.items()
        if name in ("reasons", "model_version", "night")
    }
    if use_case.model.capacity is not None:
        more = ("threshold", "threshold_night")
        shared |= {name: (field.annotation, field) for name, field in AnswerByCapacity.model_fields.items() if name in more}
    key: dict[str, Any] = {"key": (dict[str, Scalar], Answer.model_fields["key"])}
    config = ConfigDict(protected_namespaces=())
    return create_model(f"{title}Answer", __config__=config, __doc__=Answer.__doc__, **key, **columns, **shared)


def answers_model(use_case: UseCase, title: str) -> type[BaseModel]:
    """Return the model of several answers."""
    one = answer_model(use_case, title)
    if one is Answer:
        return Answers
    several: Any = list[one]  # type: ignore[valid-type]
    return create_model(f"{title}Answers", __doc__=Answers.__doc__, predictions=(several, ...))


def answers_of(
    use_case: UseCase,
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, NDArray[Any] | None],
    reasons: Iterable[list[dict[str, Any]]],
    shared: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return the answers to rows of entity columns (n,), in their order.

    Args:
        use_case: declares the key.
        rows: what was asked.
        columns: of an answer, in order, with their values (n,); None: null in every row.
        reasons: of each row.
        shared: what all of them say.
    """
    key, values = use_case.entity.key, [[None] * len(rows) if of is None else of.tolist() for of in columns.values()]
    answered = zip(rows, zip(*values, strict=True), reasons, strict=True)
    return [
        {"key": {name: row[name] for name in key}, **dict(zip(columns, answer, strict=True)), "reasons": of_row, **shared}
        for row, answer, of_row in answered
    ]


class FeatureInfo(BaseModel):
    """One feature of a model."""

    name: str
    description: str
    unit: str | None = None


class ModelInfo(BaseModel):
    """What answers for a use case now."""

    use_case: str
    description: str
    owner: str
    ready: bool = Field(description="Whether it answers; the rest is null when not.")
    problem: str | None = Field(None, description="Why it does not answer, or why nothing newer does.")
    version: int | None = Field(None, description="Version of the champion in the registry.")
    kind: str | None = None
    as_of: datetime.date | None = Field(None, description="Night whose cut-off bounded the training data.")
    effective_from: datetime.date | None = Field(None, description="First night the champion scores.")
    night: datetime.date | None = Field(None, description="Night of the aggregates.")
    threshold: float | None = None
    features: list[FeatureInfo] = []


class Models(BaseModel):
    """What answers now."""

    models: list[ModelInfo]


class Health(BaseModel):
    """The process lives."""

    alive: bool = True


class UseCaseReadiness(BaseModel):
    """The status of one use case."""

    model_config = ConfigDict(protected_namespaces=())

    ready: bool
    model_version: int | None = None
    night: datetime.date | None = None
    problem: str | None = Field(None, description="Why it does not answer, or why nothing newer does.")
    checked_at: datetime.datetime | None = Field(None, description="Last look for something newer (UTC).")


class Readiness(BaseModel):
    """Whether the service can answer."""

    ready: bool
    use_cases: dict[str, UseCaseReadiness]
