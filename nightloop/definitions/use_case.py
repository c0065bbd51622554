"""What a use case says of itself, typed and checked: one object per file of feature_defs/.

The classes are the schema: feature_defs/schema.json is generated from them, and every reader (Spark, the local
engine, the service, the reports, the documentation) works from these objects.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from nightloop.definitions.connectors import Connector, Name, Strict
from nightloop.definitions.features import Expression, Feature

ColumnType = Literal["string", "integer", "number", "boolean", "date", "timestamp"]


# --- sources -----------------------------------------------------------------------------------------------------------


class Column(Strict):
    """One column of a raw table: how it is read from the record, and as what."""

    type: ColumnType
    expression: Expression = Field(description="DuckDB SQL over the columns of the file as text.")
    description: str
    unit: str | None = None
    personal: bool = False


class Source(Strict):
    """One raw table: a slice of records per night."""

    description: str = Field(description="Grain and content: 'one row per …'.")
    connector: Connector
    columns: dict[Name, Column]
    key: list[Name] = Field(min_length=1)
    event_at: Expression | None = Field(None, description="When it happened (UTC timestamp). Absent for snapshots.")
    known_at: Expression | None = Field(
        None,
        description="When the platform first could have seen it (UTC timestamp). Absent for snapshots.",
    )
    night: Expression | None = Field(
        None, description="Night a record arrives with (date). Default: the local date of known_at. Snapshots: every night."
    )
    may_be_empty: bool = Field(False, description="Whether a night without a record is normal.")
    revised_within: int = Field(
        0,
        ge=0,
        le=366,
        description="Nights after its event in which a record may come late, be corrected (the same key again) or withdrawn. "
        "0: each record comes once and counts on the night it was known.",
    )
    withdrawn: Expression | None = Field(
        None, description="DuckDB SQL, boolean: the record says that its key is withdrawn. Needs revised_within."
    )

    @property
    def types(self) -> dict[str, ColumnType]:
        """The declared type of each column, in the order of the file."""
        return {name: column.type for name, column in self.columns.items()}

    @property
    def is_snapshot(self) -> bool:
        """Whether every night carries the whole table."""
        return self.known_at is None and self.night is None


# --- the rest of the loop ----------------------------------------------------------------------------------------------


class Entity(Strict):
    """What is scored: the rows of one source, as of the night."""

    source: Name
    key: list[Name] = Field(min_length=1)


class Label(Strict):
    """What is predicted, and when it is known."""

    description: str
    source: Name
    join: dict[Name, Name] = Field(min_length=1, description="Label source column -> entity column.")
    expression: Expression = Field(description="Boolean over the label source's columns; never null.")
    matures_after: int = Field(ge=0, description="Nights after which the labels of a night are matured.")


class Split(Strict):
    """How the labelled nights are divided by time, newest last: fit | calibrate | validate."""

    validate_nights: int = Field(14, ge=1)
    calibrate_nights: int = Field(7, ge=1)
    minimum_fit_nights: int = Field(28, ge=1)


class Model(Strict):
    """How candidates are made."""

    task: Literal["binary"]
    split: Split = Split()
    window_nights: int | None = Field(None, ge=1, description="Train on the newest so many nights only; absent: all.")
    xgboost: dict[str, float | int | str] = Field(
        default_factory=dict,
        description="Parameters over the defaults. increasing_in: features with which the probability only rises.",
    )
    logistic_regression: dict[str, float | int | str] = Field(default_factory=dict)
    fit_where_known: list[Name] = Field(
        default_factory=list,
        description="Entity columns without which a row is scored and judged, but not learned from: what is missing because of "
        "the outcome would tell it.",
    )
    decision_threshold: float = Field(0.5, gt=0, lt=1)
    reasons: int = Field(3, ge=0, le=3)


class PerformanceGate(Strict):
    """The candidate must beat the baseline, and not be worse than the champion on the same rows."""

    metric: Literal["auc"] = "auc"
    over_baseline: float = Field(0.0, description="Lower bound of (candidate - baseline) must exceed this.")
    margin_to_champion: float = Field(0.01, ge=0, description="Lower bound of (candidate - champion) must exceed minus this.")
    minimum_rows: int = Field(500, ge=1)
    suspicious_above: float = Field(0.95, description="A figure above this means a leak, and fails.")


class CalibrationGate(Strict):
    """Probabilities must mean what they say."""

    maximum_error: float = Field(0.05, gt=0, description="Expected calibration error over ten equal-count bins.")
    maximum_bias: float = Field(0.05, gt=0, description="|mean probability - mean label|.")
    minimum_rows: int = Field(500, ge=1)


class FairnessGate(Strict):
    """Groups must be treated alike, within declared limits."""

    group: Name = Field(description="Entity column that names the group.")
    metric: Literal["selection_rate_difference", "true_positive_rate_difference", "false_positive_rate_difference"]
    maximum: float = Field(gt=0, le=1, description="Largest difference between groups; the interval's upper end counts.")
    minimum_group_rows: int = Field(100, ge=1)


class Gates(Strict):
    """What a candidate must pass, all of it, to become champion."""

    performance: PerformanceGate = PerformanceGate()
    calibration: CalibrationGate = CalibrationGate()
    fairness: FairnessGate


class Monitoring(Strict):
    """What is watched each night, and with which limits."""

    psi_limit: float = Field(0.25, gt=0, description="Population stability index above which a feature has drifted.")
    drifted_share_limit: float = Field(0.3, gt=0, le=1, description="Share of drifted features above which the night fails.")
    minimum_rows: int = Field(200, ge=1)
    auc_floor: float = Field(0.5, ge=0, le=1, description="Upper end of the realised AUC's interval below this is a failure.")
    performance_nights: int = Field(7, ge=1, description="Nights of matured labels that a performance verdict looks at.")
    html: Literal["always", "when_drift", "never"] = "when_drift"


class Retrain(Strict):
    """When the monitor asks for a new training."""

    maximum_age_nights: int = Field(30, ge=1, description="Age of the champion at which the calendar asks for a retrain.")
    drifted_nights: int = Field(3, ge=1, description="Nights in a row with a failed drift verdict that ask for one.")
    cool_down_nights: int = Field(7, ge=0, description="Nights after a training was asked for in which no other is asked for.")


class Alerts(Strict):
    """Who hears of trouble, where the Airflow connections exist."""

    email: list[str] = Field(default_factory=list)
    smtp_connection: str = "nightloop_smtp"
    slack_connection: str = "nightloop_slack"


class UseCase(Strict):
    """One model's whole life, declared."""

    use_case: Name
    description: str
    owner: str
    time_zone: str
    first_night: date
    last_night: date | None = Field(None, description="Last night with data; absent for a living source.")
    schedule: str = Field("0 2 * * *", description="Cron line, in the time zone; it takes in the night before.")
    risk: Literal["low", "medium", "high"] = "low"
    engine: Literal["spark", "local", "auto"] = Field(
        "spark", description="Where set-based work runs; auto: local for small inputs, spark for large ones."
    )
    sources: dict[Name, Source]
    entity: Entity
    label: Label
    features: dict[Name, Feature] = Field(min_length=1)
    model: Model
    gates: Gates
    monitoring: Monitoring = Monitoring()
    retrain: Retrain = Retrain()
    alerts: Alerts = Alerts()
