"""What a candidate must pass and what is watched, with the limits. A limit is in the unit of the figure it bounds."""

from __future__ import annotations

from itertools import combinations
from typing import Literal

from pydantic import Field

from nightloop.definitions.candidate_gates import BehaviourGate, BundleGate, SlicesGate, StabilityGate
from nightloop.definitions.model import ClassName
from nightloop.definitions.strict import Name, Strict, is_absent, is_empty, same_as

PerformanceMetric = Literal["auc", "mae", "log_loss"]
SuccessionRule = Literal["non_inferior", "superior"]
FairnessMetric = Literal[
    "selection_rate_difference",
    "true_positive_rate_difference",
    "false_positive_rate_difference",
    "mae_difference",
    "mean_prediction_difference",
    "accuracy_difference",
]
FairnessMeasure = Literal[
    "selection_rate_difference",
    "selection_rate_ratio",
    "true_positive_rate_difference",
    "false_positive_rate_difference",
    "equalised_odds_difference",
    "calibration_bias",
    "error_cost_difference",
    "mae_difference",
    "mean_prediction_difference",
    "accuracy_difference",
]


class DataGate(Strict):
    """Each night of a training set is compared with the median of the seven before it."""

    minimum_rows_share: float = Field(0.1, ge=0, le=1, description="Rows of a night, as a share; fewer means it is cut off.")
    minimum_labelled_share: float = Field(
        0.5, ge=0, le=1, description="Share of a night's rows that have a label, as a share; fewer means that labels were lost."
    )
    minimum_matched_share: float = Field(
        0.9,
        ge=0,
        le=1,
        exclude_if=same_as(0.9),
        description="Share of entities that find a record of their key, of those and of the ones that miss it only by how a "
        "key is written.",
    )
    maximum_scale_change: float = Field(
        50, ge=1, description="Times by which the 90 % quantile of a feature's absolute values may grow or shrink."
    )
    maximum_missing_rise: float = Field(
        0.5,
        gt=0,
        le=1,
        description="By how much the share of a feature's values that are missing may be higher in the nights of validation "
        "than in those that are fitted on.",
    )


class PerformanceGate(Strict):
    """The candidate must beat the baseline, and be no worse than the champion and than the best of the year on the same rows.

    The metric follows the task: auc (binary, higher is better), mae (regression) and log_loss (multiclass), lower is better. A
    improvement is positive where the candidate is better, in whichever direction the metric points.
    """

    metric: PerformanceMetric = "auc"
    over_baseline: float = Field(0.0, description="Lower bound of the improvement over the baseline must exceed this.")
    margin_to_champion: float = Field(
        0.01, ge=0, description="Lower bound of the improvement over the champion must exceed minus this."
    )
    rule: SuccessionRule = Field(
        "non_inferior",
        exclude_if=same_as("non_inferior"),
        description="superior: lower bound of the improvement over the champion must exceed 0, whatever the margin.",
    )
    yearly_budget: float | None = Field(
        None,
        ge=0,
        exclude_if=is_absent,
        description="Lower bound of the improvement over the best champion of the last 365 nights must exceed minus this: what "
        "all trainings of a year may lose together. Left out: as much as margin_to_champion.",
    )
    minimum_rows: int = Field(500, ge=1)
    suspicious_above: float = Field(0.95, description="An auc above this means a leak, and fails.")
    suspicious_below: float | None = Field(
        None, gt=0, exclude_if=is_absent, description="An mae or log_loss below this means a leak, and fails."
    )


class CalibrationGate(Strict):
    """Answers must mean what they say: a probability, that of the most probable class, or a mean.

    Regression has no limit that fits every unit: declare both.
    """

    maximum_error: float = Field(
        0.05, gt=0, description="Expected calibration error over ten equal-count bins; the interval's upper end counts."
    )
    maximum_bias: float = Field(0.05, gt=0, description="|mean answer - mean outcome|; both ends of the interval count.")
    maximum_group_bias: float | None = Field(
        None,
        gt=0,
        exclude_if=is_absent,
        description="The same within each fairness group. Left out: as much as maximum_bias.",
    )
    minimum_rows: int = Field(500, ge=1)


class ErrorCosts(Strict):
    """What a wrong decision costs whom it concerns, in any unit."""

    false_positive: float = Field(ge=0)
    false_negative: float = Field(ge=0)


class FairnessGate(Strict):
    """Groups must be treated alike, within declared limits; or a reason why no such gate applies."""

    none_because: str | None = Field(
        None,
        min_length=1,
        exclude_if=is_absent,
        description="Instead of all else: why no fairness gate applies, in words.",
    )
    group: Name | None = Field(None, description="Entity column that names the group; pages show figures by it.")
    metric: FairnessMetric | None = Field(
        None,
        description="Binary: the rates. Regression: mae or mean_prediction, and selection_rate where a decision_threshold is "
        "declared. Multiclass: accuracy, and the rates of one class.",
    )
    of_class: ClassName | None = Field(
        None,
        exclude_if=is_absent,
        description="Multiclass: the class whose rates are compared; to be predicted as it is to be selected.",
    )
    maximum: float | None = Field(
        None, gt=0, description="Largest difference of the metric between groups; the interval's upper end counts."
    )
    minimum_group_rows: int = Field(100, ge=1, description="Least rows of a group, of the kind that a measure counts.")
    attributes: tuple[Name, ...] = Field(
        (), exclude_if=is_empty, description="Further entity columns; every limit holds in each of them."
    )
    crossings: tuple[tuple[Name, ...], ...] | None = Field(
        None,
        exclude_if=is_absent,
        description="Attributes taken together, in which every limit holds too. Left out: every pair of attributes.",
    )
    limits: dict[FairnessMeasure, float] = Field(
        {},
        exclude_if=is_empty,
        description="Further measures: the largest value of each, the least of a ratio. Equal opportunity is "
        "true_positive_rate_difference; calibration_bias is |mean answer - mean outcome| within a group.",
    )
    error_cost: ErrorCosts | None = Field(
        None, exclude_if=is_absent, description="Binary: costs of errors, whose mean by group error_cost_difference compares."
    )

    @property
    def columns(self) -> tuple[str, ...]:
        """All entity columns that rows are divided by, the group first."""
        return tuple(dict.fromkeys([*([self.group] if self.group else []), *self.attributes]))

    @property
    def crossed(self) -> tuple[tuple[str, ...], ...]:
        """The crossings, every pair of attributes where none is declared."""
        return tuple(combinations(self.attributes, 2)) if self.crossings is None else self.crossings

    @property
    def bounds(self) -> dict[str, float]:
        """Every measure that has a limit, the metric first; none where no gate applies."""
        first = {str(self.metric): self.maximum} if self.metric and self.maximum is not None else {}
        return {**first, **{str(measure): limit for measure, limit in self.limits.items()}}

    @property
    def error_costs(self) -> tuple[float, float] | None:
        """Costs of a false positive and of a false negative."""
        return (self.error_cost.false_positive, self.error_cost.false_negative) if self.error_cost else None


class Approval(Strict):
    """How a person decides on a candidate of a use case of high risk, after every gate has passed."""

    deadline_hours: float = Field(48, gt=0, le=8760, description="Hours after the question at which no answer is a rejection.")
    by_another_person: bool = Field(True, description="Whether who asked for the training may not approve its candidate.")


class Gates(Strict):
    """What a candidate must pass, all of it, to become champion."""

    data: DataGate = Field(DataGate(), exclude_if=same_as(DataGate()))
    performance: PerformanceGate = PerformanceGate()
    calibration: CalibrationGate = CalibrationGate()
    fairness: FairnessGate
    slices: SlicesGate | None = Field(None, exclude_if=is_absent)
    stability: StabilityGate | None = Field(None, exclude_if=is_absent)
    behaviour: BehaviourGate = Field(BehaviourGate(), exclude_if=same_as(BehaviourGate()))
    bundle: BundleGate = Field(BundleGate(), exclude_if=same_as(BundleGate()))
    approval: Approval = Field(Approval(), exclude_if=same_as(Approval()), description="Of a use case of high risk.")


class Monitoring(Strict):
    """What is watched each night, and with which limits."""

    psi_limit: float = Field(0.25, gt=0, description="Population stability index above which a feature has drifted.")
    drifted_share_limit: float = Field(0.3, gt=0, le=1, description="Share of drifted features above which the night fails.")
    false_alarms_a_year: float = Field(
        2.0,
        gt=0,
        le=100,
        exclude_if=same_as(2.0),
        description="Drift alarms a year that may be false: two thirds of them of features, one third of scores and outcomes.",
    )
    minimum_rows: int = Field(200, ge=1)
    auc_floor: float = Field(
        0.5, ge=0, le=1, description="Binary: upper end of the realised AUC's interval below this is a failure."
    )
    error_ceiling: float | None = Field(
        None,
        gt=0,
        exclude_if=is_absent,
        description="Regression, multiclass: lower end of the interval of the realised mae (log loss) above this is a failure.",
    )
    performance_nights: int = Field(7, ge=1, description="Nights of matured labels that a performance verdict looks at.")
    html: Literal["always", "when_drift", "never"] = "when_drift"
