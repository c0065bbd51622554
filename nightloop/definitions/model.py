"""How a use case's models are made: one class a task. Each has only what its task can mean."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import Field

from nightloop.definitions.estimators import EarlyStopping, Estimator, Parameters, Search, Weights
from nightloop.definitions.strict import Name, Strict, Task, is_absent, is_empty, same_as

# A class is part of column names (probability_<class>), and engines do not tell capitals apart there.
ClassName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]{0,48}$")]
FitWhereKnown = Annotated[
    list[Name],
    Field(
        default_factory=list,
        description="Entity columns without which a row is scored and judged, but not learned from: what is missing because of "
        "the outcome would tell it.",
    ),
]
Reasons = Annotated[int, Field(ge=0, le=3)]
ALL, DECIDED = "all", "decided"
ReasonsFor: Any = Field(
    ALL,
    pattern=r"^(all|decided|top (100|[1-9][0-9]?(\.[0-9]+)?|0\.[0-9]*[1-9][0-9]*) %)$",
    exclude_if=same_as(ALL),
    description="Whose answers carry reasons. all; decided: those decided positively; top 1 %: that share of a night's "
    "entities, with the highest answers.",
)
MitigationMethod = Literal["reweighing", "exponentiated_gradient", "group_thresholds"]


class Conformal(Strict):
    """How far an answer reaches, so that a promised share of outcomes lies within: an interval, or a set of classes."""

    coverage: float = Field(ge=0.5, le=0.99, description="The share, which every training measures and the monitor watches.")
    each_class: bool = Field(
        default=False, exclude_if=is_empty, description="Whether it is promised of the rows of each class by themselves."
    )


CALIBRATION: Any = Field(
    "shift",
    exclude_if=same_as("shift"),
    description="What turns margins into answers. auto: the simplest that later nights do not show to be worse than the best.",
)


def reasons_share(reasons_for: str) -> Fraction | None:
    """Return the share of a night's entities that get reasons, where one is declared."""
    share = reasons_for.removeprefix("top ").removesuffix(" %")
    return None if share == reasons_for else Fraction(share) / 100


MOST_ORIGINS = 26  # a year of windows of two weeks


class Split(Strict):
    """How the labelled nights are divided by time, newest last: fit | calibrate | validate."""

    validate_nights: int = Field(14, ge=1)
    calibrate_nights: int = Field(7, ge=1)
    minimum_fit_nights: int = Field(28, ge=1)
    origins: int = Field(
        0,
        ge=0,
        le=MOST_ORIGINS,
        exclude_if=is_empty,
        description="Earlier cut-offs from which the recipe is judged too, each on validate_nights; 0: the newest alone.",
    )
    entities_apart: list[Name] = Field(
        default_factory=list,
        exclude_if=is_empty,
        description="Entity columns, a customer for example: rows whose values a model has learned from are not judged on.",
    )

    @property
    def judged_nights(self) -> int:
        """On how many nights a candidate is compared with others."""
        return self.validate_nights * (1 + self.origins)


class Mitigation(Strict):
    """Models that treat groups more alike, fitted beside the unmitigated one; one of all is taken.

    That of the least gap between groups, in the metric of gates > fairness, among those that lose at most ``maximum_loss``.
    """

    methods: tuple[MitigationMethod, ...] = Field(
        min_length=1,
        description="reweighing: rows weighed so that group and label are independent. exponentiated_gradient: fitted under a "
        "constraint on the decisions. group_thresholds: a threshold for each group; the group must be known of what is scored.",
    )
    attribute: Name | None = Field(
        None,
        exclude_if=is_absent,
        description="Column of gates > fairness whose groups are to be treated alike. Left out: the group.",
    )
    maximum_loss: float = Field(
        0.01, ge=0, description="Largest loss of the metric of gates > performance against the unmitigated model."
    )


class DecisionCosts(Strict):
    """What a wrong decision costs, in any unit: the threshold is where both cost the same."""

    false_positive: float = Field(gt=0)
    false_negative: float = Field(gt=0)

    @property
    def threshold(self) -> float:
        """The probability from which on a positive decision costs less than a negative one (Elkan 2001)."""
        return self.false_positive / (self.false_positive + self.false_negative)


class Decision(Strict):
    """How an answer becomes a decision, in place of decision_threshold: by what errors cost, or how many can be dealt with."""

    costs: DecisionCosts | None = Field(
        None, exclude_if=is_absent, description="Binary: the threshold is false_positive / (false_positive + false_negative)."
    )
    capacity: int | None = Field(
        None,
        ge=1,
        exclude_if=is_absent,
        description="So many of a night's entities are decided positively: those with the highest answers.",
    )


class ModelOfAnyTask(Strict):
    """What every task declares."""

    task: Task
    split: Split = Split()
    window_nights: int | None = Field(None, ge=1, description="Train on the newest so many nights only; absent: all.")
    xgboost: Parameters = Field(
        default_factory=dict,
        description="Parameters over the defaults. increasing_in, decreasing_in: features with which the answer only rises, or "
        "only falls.",
    )
    conformal: Conformal | None = Field(
        None, exclude_if=is_absent, description="What is promised of every answer: an interval, or a set of classes."
    )
    # Left out of what is dumped where they are absent: the digests of definitions without them stay as they are.
    estimator: Estimator | None = Field(None, exclude_if=is_absent, description="Fitted in place of XGBoost's trees.")
    early_stopping: EarlyStopping | None = Field(None, exclude_if=is_absent)
    weights: Weights | None = Field(None, exclude_if=is_absent)
    search: Search | None = Field(None, exclude_if=is_absent)

    @property
    def weighs_classes(self) -> bool:
        """Whether candidate or baseline weighs one class more than another."""
        _, of_baseline = self.baseline
        return not {"scale_pos_weight", "class_weight"}.isdisjoint({*self.candidate[1], *of_baseline})

    @property
    def baseline(self) -> tuple[str, Parameters]:
        """Name and parameters of what the candidate must beat."""
        raise NotImplementedError

    @property
    def candidate(self) -> tuple[str, Parameters]:
        """Name and parameters of what is fitted."""
        return (self.estimator.kind, self.estimator.parameters) if self.estimator else ("xgboost", self.xgboost)


class BinaryModel(ModelOfAnyTask):
    """The label is true or false; the model says the probability that it is true."""

    task: Literal["binary"]
    logistic_regression: Parameters = Field(default_factory=dict, description="Parameters of the baseline.")
    fit_where_known: FitWhereKnown
    calibration: Literal["shift", "platt", "beta", "isotonic", "auto"] = CALIBRATION
    decision_threshold: float = Field(0.5, gt=0, lt=1)
    decision: Decision | None = Field(None, exclude_if=is_absent, description="In place of decision_threshold.")
    mitigation: Mitigation | None = Field(
        None, exclude_if=is_absent, description="Methods that make groups be treated more alike; absent: none is tried."
    )
    reasons: Reasons = 3
    reasons_for: str = ReasonsFor

    @property
    def classes(self) -> tuple[str, ...]:
        """No classes are named: there is true and false."""
        return ()

    @property
    def baseline(self) -> tuple[str, Parameters]:
        """Name and parameters of what the candidate must beat."""
        return "logistic_regression", self.logistic_regression

    @property
    def threshold(self) -> float:
        """The declared threshold; with a capacity another is found in training, for answers outside of a night."""
        return self.decision.costs.threshold if self.decision and self.decision.costs else self.decision_threshold

    @property
    def capacity(self) -> int | None:
        """How many of a night are decided positively, where that is declared."""
        return self.decision.capacity if self.decision else None


class RegressionModel(ModelOfAnyTask):
    """The label is a number; the model says its mean."""

    task: Literal["regression"]
    ridge: Parameters = Field(default_factory=dict, description="Parameters of the baseline.")
    fit_where_known: FitWhereKnown
    calibration: Literal["shift", "isotonic", "auto"] = CALIBRATION
    decision_threshold: float | None = Field(
        None, description="A prediction at or above it is a positive decision; absent: nothing is decided."
    )
    decision: Decision | None = Field(None, exclude_if=is_absent, description="In place of decision_threshold: a capacity.")
    reasons: Reasons = 3
    reasons_for: str = ReasonsFor

    @property
    def classes(self) -> tuple[str, ...]:
        """There are none."""
        return ()

    @property
    def baseline(self) -> tuple[str, Parameters]:
        """Name and parameters of what the candidate must beat."""
        return "ridge", self.ridge

    @property
    def threshold(self) -> float | None:
        """The declared threshold; with a capacity another is found in training, for answers outside of a night."""
        return self.decision_threshold

    @property
    def capacity(self) -> int | None:
        """How many of a night are decided positively, where that is declared."""
        return self.decision.capacity if self.decision else None

    @property
    def decides(self) -> bool:
        """Whether anything is decided."""
        return self.threshold is not None or self.capacity is not None


class MulticlassModel(ModelOfAnyTask):
    """The label is one of several texts; the model says the probability of each."""

    task: Literal["multiclass"]
    classes: tuple[ClassName, ...] = Field(
        min_length=2, max_length=50, description="All values of the label, in the order they are reported in."
    )
    logistic_regression: Parameters = Field(default_factory=dict, description="Parameters of the baseline.")
    fit_where_known: FitWhereKnown
    calibration: Literal["shift", "temperature", "auto"] = CALIBRATION
    reasons: Reasons = 3

    @property
    def reasons_for(self) -> str:
        """Nothing is decided, and no class is the one that answers are high of."""
        return ALL

    @property
    def threshold(self) -> float | None:
        """Nothing is decided by a threshold: the most probable class is told."""
        return None

    @property
    def capacity(self) -> int | None:
        """Nor by a number of entities."""
        return None

    @property
    def baseline(self) -> tuple[str, Parameters]:
        """Name and parameters of what the candidate must beat."""
        return "logistic_regression", self.logistic_regression


Model = Annotated[BinaryModel | RegressionModel | MulticlassModel, Field(discriminator="task")]
