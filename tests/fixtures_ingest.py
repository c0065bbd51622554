"""A small shop as a use case of its own: orders by known time, visits in a file per night, clerks as a snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from jobs.in_force import InForce, in_force
from nightloop.definitions import UseCase, load_use_case
from nightloop.nights import one, parse_nights
from nightloop.settings import Settings, load_settings
from nightloop.sources import Reading, read_source
from nightloop.workspace import Workspace

SHOP = """\
use_case: shop
description: Will an order be paid?
owner: tests
time_zone: America/New_York
first_night: 2024-03-01
last_night: 2024-04-30
engine: local
sources:
  orders:
    description: One row per order.
    connector: {kind: files, pattern: data/orders.csv}
    columns:
      order_id: {type: string, expression: order_id, description: Number of the order.}
      clerk: {type: string, expression: clerk, description: Who took it.}
      amount: {type: integer, expression: "amount::int", description: Cents.}
      paid: {type: boolean, expression: "paid::boolean", description: Whether it was paid.}
    key: [order_id]
    event_at: ordered_at::timestamp
    known_at: landed_at::timestamp
  visits:
    description: One row per visit.
    connector: {kind: files, pattern: "data/visits/{night}.csv"}
    columns:
      visit_id: {type: integer, expression: "visit_id::int", description: Number of the visit.}
    key: [visit_id]
    known_at: seen_at::timestamp
    may_be_empty: true
  clerks:
    description: One row per clerk.
    connector: {kind: files, pattern: data/clerks.csv}
    columns:
      clerk: {type: string, expression: clerk, description: Code.}
      name: {type: string, expression: name, description: Name.}
    key: [clerk]
entity: {source: orders, key: [order_id]}
label: {description: Paid., source: orders, join: {order_id: order_id}, expression: "coalesce(paid, false)", matures_after: 1}
features:
  amount: {kind: expression, expression: amount, description: Cents.}
model: {task: binary}
gates: {fairness: {group: clerk, metric: selection_rate_difference, maximum: 0.5}}
"""

ORDERS = """\
name: orders
meta: {quarantined_share_limit: 0.5, rows_against_recent_nights: [0.3, 3]}
expectations:
  - type: expect_column_values_to_be_unique
    kwargs: {column: order_id}
    meta: {on_breach: quarantine, description: An order is there once.}
  - type: expect_column_values_to_be_between
    kwargs: {column: amount, min_value: 0}
    meta: {on_breach: quarantine, description: 0 <= amount.}
  - type: expect_table_row_count_to_be_between
    kwargs: {min_value: {$PARAMETER: rows_low}, max_value: {$PARAMETER: rows_high}}
    meta: {on_breach: fail, description: As many as usual.}
"""

VISITS = """\
name: visits
expectations:
  - type: expect_column_values_to_not_be_null
    kwargs: {column: visit_id}
    meta: {on_breach: quarantine, description: A visit has a number.}
"""

CLERKS = """\
name: clerks
expectations:
  - type: expect_column_values_to_be_unique
    kwargs: {column: clerk}
    meta: {on_breach: fail, description: A code stands for one clerk.}
"""


@dataclass
class Shop:
    """The folder of the shop: definitions, contracts and data."""

    folder: Path

    @property
    def settings(self) -> Settings:
        return load_settings(
            home=self.folder / "home",
            engine="local",
            definitions=self.folder / "feature_defs",
            contracts=self.folder / "great_expectations",
        )

    @property
    def workspace(self) -> Workspace:
        return Workspace.open(self.settings)

    @property
    def use_case(self) -> UseCase:
        return load_use_case("shop", self.folder / "feature_defs")

    @property
    def made_by(self) -> InForce:
        """What its nights are made by."""
        return in_force(self.use_case, one(self.use_case.first_night), self.workspace)

    def write(self, path: str, text: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def define(self, old: str, new: str) -> None:
        """Change the use case's file."""
        assert old in SHOP
        self.write("feature_defs/shop.yaml", SHOP.replace(old, new))

    def orders(self, *lines: str) -> Path:
        return self.write("data/orders.csv", "\n".join(["order_id,clerk,amount,paid,ordered_at,landed_at", *lines]) + "\n")

    def read(self, source: str, nights: str) -> Reading:
        cache = self.folder / "home/cache/sources"
        definitions = self.folder / "feature_defs"
        return read_source(source, self.use_case, parse_nights(nights), cache=cache, definitions=definitions)


def order(number: str, landed_at: str, clerk: str = "ada", amount: str = "100", paid: str = "true") -> str:
    """Write a line of orders.csv."""
    return f"{number},{clerk},{amount},{paid},2024-03-01T00:00:00Z,{landed_at}"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.write("feature_defs/shop.yaml", SHOP)
    made.write("great_expectations/shop/orders.yaml", ORDERS)
    made.write("great_expectations/shop/visits.yaml", VISITS)
    made.write("great_expectations/shop/clerks.yaml", CLERKS)
    made.write("data/clerks.csv", "clerk,name\nada,Ada\nbob,Bob\n")
    made.orders(*(order(f"o{day}-{i}", f"2024-03-{day:02d}T12:{i:02d}:00Z") for day in range(1, 11) for i in range(4)))
    return made
