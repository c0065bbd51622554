"""What a simulated loan portfolio declares: its size, its seed, the bias in its labels, and everything that goes wrong in it.

A reader of the use case sees every injected event; monitoring and tests are judged against the same list.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from nightloop.definitions.strict import Name, Strict
from nightloop.errors import suggest

SimulatedTable = Literal["applications", "customers", "repayments", "card_transactions", "bureau", "outcomes"]
Driver = Literal["amount", "income", "spending"]
CATEGORIES = {
    "sex": ("female", "male"),
    "age_group": ("18-24", "25-34", "35-49", "50+"),
    "region": ("east", "north", "south", "west"),
    "purpose": ("electronics", "furniture", "travel", "car_repair", "medical", "café", "other"),
    "channel": ("online", "partner", "branch"),
}
# fmt: off
COLUMNS: dict[SimulatedTable, tuple[str, ...]] = {
    "applications": ("loan_id", "customer_id", "amount", "term", "rate", "purpose", "channel", "months_on_book",
                     "income_stated", "sex", "age_group", "region", "applied_at", "landed_at"),
    "customers": ("customer_id", "sex", "born_on", "region", "employment", "income", "joined_on", "recorded_at"),
    "repayments": ("loan_id", "instalment", "customer_id", "due_on", "amount_due", "amount_paid", "days_late", "settled_at",
                   "landed_at"),
    "card_transactions": ("transaction_id", "customer_id", "amount", "category", "reversed", "booked_at", "landed_at"),
    "bureau": ("customer_id", "reported_on", "score", "external_debt", "inquiries", "status", "reported_at", "landed_at"),
    "outcomes": ("loan_id", "customer_id", "purpose", "channel", "defaulted", "missed_instalment", "observed_until",
                 "recorded_at"),
}
# fmt: on
NUMERIC_COLUMNS = ("amount", "rate", "income_stated", "income", "amount_due", "amount_paid", "score", "external_debt")
Weight = Literal["stress", "ability", "burden", "young", "self_employed", "online_electronics", "travel", "branch"]


class Bias(Strict):
    """History recorded against one group: a share of its loans that were paid back is recorded as defaulted."""

    group: dict[Literal["sex", "age_group", "region"], str] = Field(
        min_length=1, description="Column of applications -> value; several columns are a crossing of groups."
    )
    share: float = Field(gt=0, lt=1, description="Share of the group's loans without default that are recorded as defaulted.")

    @model_validator(mode="after")
    def _group_exists(self) -> Bias:
        for column, value in self.group.items():
            check_is_one_of(value, CATEGORIES[column], f"value of {column}")
        return self


def check_is_one_of(name: str, names: tuple[str, ...], what: str) -> None:
    """Refuse a name that the portfolio does not have.

    Raises:
        ValueError: it does not; near names are listed.
    """
    if name not in names:
        raise ValueError(f"there is no {what} '{name}' in the portfolio. {suggest(name, names, 'There are')}".rstrip("."))


class EventBase(Strict):
    """What every event says of itself."""

    mended: bool = Field(False, description="Whether the sender has mended it: the delivery is then as it should have been.")


class SlowDrift(EventBase):
    """Covariate drift: a driver moves a little every night until it stands at ``factor`` times its level."""

    kind: Literal["slow_drift"]
    driver: Driver
    night: date = Field(description="First night with a moved level.")
    nights: int = Field(ge=2, description="Nights until the whole factor is reached.")
    factor: float = Field(gt=0)


class SuddenDrift(EventBase):
    """Covariate drift: from one night on, a driver is ``factor`` times its level."""

    kind: Literal["sudden_drift"]
    driver: Driver
    night: date
    factor: float = Field(gt=0)


class ConceptDrift(EventBase):
    """From one night on, the same loan defaults with another probability: weights of the log odds change."""

    kind: Literal["concept_drift"]
    night: date
    weights: dict[Weight, float] = Field(min_length=1, description="Added to each weight.")


class InTable(EventBase):
    """An event in what one table delivers."""

    table: SimulatedTable
    night: date
    nights: int = Field(1, ge=1, description="Nights that it lasts.")


class UnitError(InTable):
    """A number is delivered in another unit, for example in cents instead of euros."""

    kind: Literal["unit_error"]
    column: Name
    factor: float = Field(100, gt=0)

    @model_validator(mode="after")
    def _column_exists(self) -> UnitError:
        check_is_one_of(
            self.column, tuple(name for name in COLUMNS[self.table] if name in NUMERIC_COLUMNS), f"number in {self.table},"
        )
        return self


class NullBurst(InTable):
    """A share of a column's values is missing."""

    kind: Literal["null_burst"]
    column: Name
    share: float = Field(gt=0, le=1)

    @model_validator(mode="after")
    def _column_exists(self) -> NullBurst:
        check_is_one_of(self.column, COLUMNS[self.table], f"column of {self.table}")
        return self


class SchemaChange(InTable):
    """A column has another name, or its numbers are written with a decimal comma."""

    kind: Literal["schema_change"]
    column: Name
    renamed: Name | None = Field(None, description="Its new name; absent: the name stays, numbers get a decimal comma.")

    @model_validator(mode="after")
    def _column_exists(self) -> SchemaChange:
        check_is_one_of(self.column, COLUMNS[self.table], f"column of {self.table}")
        return self


class CategoryGone(InTable):
    """A category is delivered no more; records that had it carry another."""

    kind: Literal["category_gone"]
    table: Literal["applications"] = "applications"
    column: Literal["channel", "purpose"]
    category: str
    instead: str

    @model_validator(mode="after")
    def _categories_exist(self) -> CategoryGone:
        for name in (self.category, self.instead):
            check_is_one_of(name, CATEGORIES[self.column], self.column)
        return self


class DuplicateDelivery(EventBase):
    """A night's records are delivered a second time."""

    kind: Literal["duplicate_delivery"]
    table: SimulatedTable
    night: date
    after: int = Field(1, ge=0, le=3, description="Nights after which they come again; 0: twice in the same delivery.")


class LateDelivery(EventBase):
    """A share of a night's records arrives up to ``within`` nights later."""

    kind: Literal["late_delivery"]
    table: Literal["repayments", "card_transactions"]
    night: date
    share: float = Field(gt=0, le=1)
    within: int = Field(3, ge=1, le=3)


Event = Annotated[
    SlowDrift
    | SuddenDrift
    | ConceptDrift
    | UnitError
    | NullBurst
    | SchemaChange
    | CategoryGone
    | DuplicateDelivery
    | LateDelivery,
    Field(discriminator="kind"),
]


class Portfolio(Strict):
    """A portfolio of instalment loans; every table of a use case must be given the same one (a YAML alias does that)."""

    seed: int = Field(ge=0, lt=2**63, description="Another seed is another portfolio.")
    scale: float = Field(gt=0, le=10, description="1 is 50,000 loans a night and 3 million customers.")
    bias: Bias | None = None
    events: tuple[Event, ...] = ()


class SimulatorConnector(Strict):
    """One table of a simulated loan portfolio: any night by itself, the same bytes each time."""

    kind: Literal["simulator"]
    table: SimulatedTable
    portfolio: Portfolio

    @property
    def each_night(self) -> bool:
        """Whether every night is read on its own."""
        return True
