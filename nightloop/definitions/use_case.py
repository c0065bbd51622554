"""What a use case says of itself, typed and checked: one object per file of feature_defs/.

The classes are the schema: feature_defs/schema.json is generated from them, and every reader (Spark, the local
engine, the service, the reports, the documentation) works from these objects.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from nightloop.definitions.connectors import Connector
from nightloop.definitions.features import Expression, Feature
from nightloop.definitions.gates import Gates, Monitoring
from nightloop.definitions.model import Model
from nightloop.definitions.strict import Name, Strict, is_absent, is_empty, same_as
from nightloop.expressions.normal_forms import Form, normal_sql
from nightloop.expressions.types import ColumnType

Rung = Literal["previous", "rule"]

# --- sources -----------------------------------------------------------------------------------------------------------


class Column(Strict):
    """One column of a raw table: how it is read from the record, and as what."""

    type: ColumnType
    expression: Expression = Field(description="DuckDB SQL over the columns of the file as text.")
    description: str
    unit: str | None = None
    personal: bool = False
    normal: list[Form] = Field(
        default_factory=list,
        exclude_if=is_empty,
        description="Forms into which a text is brought, one after the other: a key written in several ways is one key.",
    )

    @property
    def sql(self) -> str:
        """The expression, its text brought into the normal form."""
        return normal_sql(f"cast(({self.expression}\n) as varchar)", self.normal) if self.normal else self.expression


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
    expression: Expression = Field(
        description="Over the label source's columns: a boolean for binary, a number for regression, one of the classes' texts "
        "for multiclass. Where it is null, there is no label."
    )
    matures_after: int = Field(ge=0, description="Nights after which the labels of a night are matured.")


class Retrain(Strict):
    """When the monitor asks for a new training."""

    maximum_age_nights: int = Field(
        30, ge=1, description="Age at which a champion is retrained, unless its realised performance passes."
    )
    calendar: bool = Field(
        False, exclude_if=is_empty, description="Whether a champion of that age is retrained though its performance passes."
    )
    drifted_nights: int = Field(3, ge=1, description="Nights in a row with a failed drift verdict that ask for one.")
    cool_down_nights: int = Field(7, ge=0, description="Nights after a training was asked for in which no other is asked for.")


class Alerts(Strict):
    """Who hears of trouble, where the Airflow connections exist."""

    email: list[str] = Field(default_factory=list)
    smtp_connection: str = "nightloop_smtp"
    slack_connection: str = "nightloop_slack"


class Card(Strict):
    """What only people know of a model, in their words, for its card; what is left out, the card says is not stated."""

    intended_use: str | None = Field(
        None, min_length=1, exclude_if=is_absent, description="What its answers are for, who uses them, and in which decision."
    )
    out_of_scope: str | None = Field(
        None, min_length=1, exclude_if=is_absent, description="What its answers must not be used for, though somebody might."
    )
    limitations: str | None = Field(
        None, min_length=1, exclude_if=is_absent, description="Where it is known to be weak, beside what is measured."
    )
    ethical_considerations: str | None = Field(
        None, min_length=1, exclude_if=is_absent, description="Whom a wrong answer hurts, how, and what is done about it."
    )


class Serving(Strict):
    """How an entity is answered where its champion cannot: by the next rung, and where none is left, not at all."""

    ladder: list[Rung] = Field(
        default_factory=list,
        exclude_if=is_empty,
        description="In this order. previous: the champion before, where the model is missing or damaged. rule: an expression, "
        "also where aggregates are stale or gone, an answer is no number, or the time is up.",
    )
    rule: Expression | None = Field(
        None, exclude_if=is_absent, description="DuckDB SQL over the entity's columns: a number, as the model answers."
    )
    stale_after_nights: int | None = Field(
        None,
        ge=1,
        exclude_if=is_absent,
        description="Age of the newest aggregates, in nights to today, beyond which the service does not answer from them.",
    )
    milliseconds: float | None = Field(
        None, gt=0, exclude_if=is_absent, description="Time in which the service computes an answer, before the rule gives it."
    )
    broken_contract: Literal["refuse", "warn"] = Field(
        "refuse",
        exclude_if=same_as("refuse"),
        description="What the service does with a row that the contract would set aside in a night. warn: its answer says so.",
    )


class Value(Strict):
    """What answers are worth in money, against having no model: gains are positive, costs negative."""

    currency: str = Field(pattern=r"^[A-Z]{3}$", description="Of all amounts, as ISO 4217 writes it: EUR, USD.")
    true_positive: float | None = Field(
        None, exclude_if=is_absent, description="Binary: gain of a positive decision where it happens."
    )
    false_positive: float | None = Field(
        None,
        exclude_if=is_absent,
        description="Binary: gain of a positive decision where it does not happen; a cost is negative.",
    )
    true_negative: float = Field(
        0.0, exclude_if=is_empty, description="Binary: gain of a negative decision where it does not happen."
    )
    false_negative: float = Field(0.0, exclude_if=is_empty, description="Binary: gain of a negative decision where it happens.")
    unit_error: float | None = Field(
        None, gt=0, exclude_if=is_absent, description="Regression: cost of one unit of absolute error."
    )
    without_model: float = Field(
        0.0, exclude_if=is_empty, description="Regression: the number that is used where there is no model."
    )
    training: float = Field(0.0, ge=0, exclude_if=is_empty, description="Cost of a training, with the promotion it may bring.")


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
    # Left out of what is dumped where they are absent: the digests of definitions without them stay as they are.
    ready_by: str | None = Field(
        None,
        exclude_if=is_absent,
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
        description="Time (HH:MM, in the time zone) of the morning after a night by which its scores are there; later is an "
        "alert, whether a run exists or not.",
    )
    card: Card | None = Field(None, exclude_if=is_absent, description="What people write of the model, for its card.")
    serving: Serving | None = Field(
        None, exclude_if=is_absent, description="How an entity is answered where its champion cannot."
    )
    value: Value | None = Field(None, exclude_if=is_absent, description="What answers are worth in money.")
    contracts: Name | None = Field(
        None,
        exclude_if=is_absent,
        description="Use case whose suites guard these sources, where two use cases read the same ones; absent: its own.",
    )

    @property
    def contracts_of(self) -> str:
        """Name of the folder of great_expectations/ that guards the sources."""
        return self.contracts or self.use_case
