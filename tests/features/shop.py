"""A use case with every kind of feature over records that come late, are corrected and withdrawn; and a random history for it.

The history is what arrived, night by night. ``reference.py`` computes its features slowly, in plain Python.
"""

# ruff: noqa: E501 - one feature a line

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa

from nightloop.definitions import UseCase, load_use_case
from nightloop.lake import Commit
from nightloop.nights import Nights
from nightloop.sources import raw_schema
from nightloop.workspace import Workspace

ZONE = ZoneInfo("America/New_York")
REVISED_WITHIN = 3

DEFINITION = """
use_case: shop
description: Will the visit end in a purchase?
owner: tests
time_zone: America/New_York
first_night: {first}
sources:
  visits:
    description: One row per visit planned for the next day.
    connector: {{kind: files, pattern: "visits/{{night}}.csv"}}
    columns:
      visit_id: {{type: string, expression: visit_id, description: Visit.}}
      customer: {{type: string, expression: customer, description: Customer.}}
      city: {{type: string, expression: city, description: City.}}
      day: {{type: date, expression: day::date, description: Day of the visit.}}
      basket: {{type: number, expression: basket::double, description: Planned worth.}}
    key: [visit_id]
  payments:
    description: One row per payment and change of it.
    connector: {{kind: files, pattern: "payments/{{night}}.csv"}}
    columns:
      payment_id: {{type: integer, expression: payment_id::bigint, description: Payment.}}
      customer: {{type: string, expression: customer, description: Customer.}}
      city: {{type: string, expression: city, description: City.}}
      kind: {{type: string, expression: kind, description: Kind of goods.}}
      amount: {{type: number, expression: amount::double, description: Worth.}}
      by_card: {{type: boolean, expression: by_card::boolean, description: Paid by card.}}
    key: [payment_id]
    event_at: event_at::timestamp
    known_at: known_at::timestamp
    revised_within: {revised}
    withdrawn: withdrawn::boolean
    may_be_empty: true
  clicks:
    description: One row per click; it comes once.
    connector: {{kind: files, pattern: "clicks/{{night}}.csv"}}
    columns:
      click_id: {{type: integer, expression: click_id::bigint, description: Click.}}
      customer: {{type: string, expression: customer, description: Customer.}}
      seconds: {{type: number, expression: seconds::double, description: How long.}}
    key: [click_id]
    event_at: event_at::timestamp
    known_at: known_at::timestamp
    may_be_empty: true
  customers:
    description: One row per change of a customer.
    connector: {{kind: files, pattern: "customers/{{night}}.csv"}}
    columns:
      customer: {{type: string, expression: customer, description: Customer.}}
      score: {{type: number, expression: score::double, description: Score.}}
    key: [customer]
    event_at: event_at::timestamp
    known_at: known_at::timestamp
    revised_within: {revised}
    may_be_empty: true
entity: {{source: visits, key: [visit_id]}}
label: {{description: Bought., source: payments, join: {{customer: customer}}, expression: "coalesce(by_card, false)", matures_after: 2}}
features:
  basket_per_ten: {{kind: expression, expression: basket / 10, description: Tenth.}}
  city_customer: {{kind: cross, columns: [city, customer], buckets: 97, description: Both.}}
  city_code: {{kind: category, column: city, levels: ["It's", Zürich, ""], description: Which city.}}
  same_city: {{kind: peers, by: [city], description: Peers.}}
  basket_before: {{kind: lag, expression: basket, nights: 2, description: Two nights ago.}}
  score: {{kind: lookup, source: customers, by: {{customer: customer}}, expression: score + 1, within: 5, default: -7, description: Newest score.}}
  payments_3: {{kind: window, source: payments, function: count, by: [customer], nights: 3, description: Count.}}
  card_payments_3: {{kind: window, source: payments, function: count, where: by_card, by: [customer], nights: 3, description: Count of some.}}
  spent_1: {{kind: window, source: payments, function: sum, of: amount, by: [customer], nights: 1, description: Sum.}}
  spent_4: {{kind: window, source: payments, function: sum, of: amount, by: [customer], nights: 4, scale: 3, description: Sum.}}
  mean_4: {{kind: window, source: payments, function: mean, of: amount, by: [city], nights: 4, description: Mean.}}
  std_4: {{kind: window, source: payments, function: std, of: amount, by: [city], nights: 4, description: Spread.}}
  least_2: {{kind: window, source: payments, function: min, of: amount * 2, by: [customer, city], nights: 2, description: Least.}}
  most_4: {{kind: window, source: payments, function: max, of: amount, where: "kind = 'né'", by: [customer], nights: 4, description: Most.}}
  kinds_4: {{kind: window, source: payments, function: distinct, of: kind, by: [customer], nights: 4, description: Kinds.}}
  card_kinds_2: {{kind: window, source: payments, function: distinct, of: kind, where: by_card, by: [city], nights: 2, description: Kinds.}}
  last_amount: {{kind: window, source: payments, function: last, of: amount, by: [customer], nights: 4, description: Newest.}}
  since: {{kind: window, source: payments, function: time_since, by: [customer], nights: 4, unit: hour, description: Hours.}}
  card_rate_3: {{kind: rate, source: payments, of: "coalesce(by_card, false)", by: [city], nights: 3, smoothing: 5, description: Rate.}}
  big_rate_2: {{kind: rate, source: payments, of: "coalesce(amount > 10, false)", where: "kind <> 'x'", by: [customer], nights: 2, smoothing: 0.5, description: Rate.}}
  spent_ratio: {{kind: ratio, source: payments, function: sum, of: amount, by: [customer], nights: 1, to_nights: 4, description: Ratio.}}
  count_ratio: {{kind: ratio, source: payments, function: count, by: [city], nights: 2, to_nights: 4, description: Ratio.}}
  mean_ratio: {{kind: ratio, source: clicks, function: mean, of: seconds, by: [customer], nights: 1, to_nights: 3, description: Ratio.}}
  clicks_2: {{kind: window, source: clicks, function: count, by: [customer], nights: 2, default: 99, description: Clicks.}}
  last_click: {{kind: window, source: clicks, function: last, of: seconds, by: [customer], nights: 3, description: Newest.}}
model: {{task: binary}}
gates: {{fairness: {{group: city, metric: selection_rate_difference, maximum: 0.5}}}}
"""

CUSTOMERS = ["Ada", "Łukasz", "李", "", "a|b", "a%b", None, "once"]
CITIES = ["Zürich", "İzmir", "", None]
KINDS = ["né", "x", "y|", "", None]
AMOUNTS = [0.005, 1.005, 2.675, -0.0, 0.0, -1.125, 10.0, 12.345, 1e-9, 99999.995, None]


@dataclass(frozen=True)
class Version:
    """One record as it arrived: a source's columns, both clocks, the night it arrived with."""

    source: str
    night: date
    event_at: datetime
    known_at: datetime
    columns: dict
    withdrawn: bool = False

    @property
    def event_night(self) -> date:
        return min(self.event_at.astimezone(ZONE).date(), self.night)


@dataclass
class History:
    """What arrived in some nights."""

    nights: Nights
    visits: dict[date, list[dict]]
    versions: list[Version] = field(default_factory=list)

    def of(self, source: str) -> list[Version]:
        return [version for version in self.versions if version.source == source]


def use_case(first: date, folder) -> UseCase:
    (folder / "shop.yaml").write_text(DEFINITION.format(first=first, revised=REVISED_WITHIN))
    return load_use_case("shop", folder)


def moment(draw: random.Random, night: date) -> datetime:
    """Some instant of the local day; ties and the edges of the day are likely."""
    hour, minute = draw.choice([(0, 0), (1, 30), (2, 30), (12, 0), (12, 0), (23, 59)])
    return datetime.combine(night, time(hour, minute, draw.choice([0, 0, 59])), tzinfo=ZONE).astimezone(UTC)


def draw_history(seed: int, nights: Nights, size: int = 12) -> History:
    """Draw a history: each record comes late or not, may be corrected (its event may move too) and withdrawn."""
    draw = random.Random(seed)
    history = History(nights, {night: _visits(draw, night, size) for night in nights})
    for number in range(size * len(nights)):
        _payment(draw, history, number)
        _click(draw, history, number)
    for night in nights:
        for customer in draw.sample([name for name in CUSTOMERS if name is not None], k=2):
            _customer(draw, history, customer, night)
    return history


def _visits(draw: random.Random, night: date, size: int) -> list[dict]:
    return [
        {
            "visit_id": f"v{i}" if draw.random() < 0.7 else f"{night}/{i}",
            "customer": draw.choice(CUSTOMERS),
            "city": draw.choice(CITIES),
            "day": night + timedelta(days=1),
            "basket": draw.choice([None, 0.1, 7.0, 1e6]),
        }
        for i in range(size)
    ]


def _some_night(draw: random.Random, nights: Nights) -> date:
    return nights.first + timedelta(days=draw.randrange(len(nights)))


def _payment(draw: random.Random, history: History, number: int) -> None:
    event = _some_night(draw, history.nights)
    first = Version("payments", event, moment(draw, event), moment(draw, event), {"payment_id": number, **_paid(draw)})
    delays = sorted(draw.sample(range(REVISED_WITHIN + 1), k=draw.choice([1, 1, 1, 2, 3])))
    if draw.random() < 0.7:
        delays[0] = 0
    version = first
    for place, delay in enumerate(delays):
        night = event + timedelta(days=delay)
        if night not in history.nights:
            return
        if place:
            changed = draw.random()
            version = replace(version, columns={**version.columns, **_paid(draw)}) if changed < 0.7 else version
            if changed > 0.6:  # the event moves, never out of reach
                moved = event + timedelta(days=draw.randrange(delay + 1))
                version = replace(version, event_at=moment(draw, moved))
        version = replace(version, night=night, known_at=moment(draw, night), withdrawn=bool(place) and draw.random() < 0.3)
        history.versions.append(version)


def _paid(draw: random.Random) -> dict:
    return {
        "customer": draw.choice(CUSTOMERS[:-1]),
        "city": draw.choice(CITIES),
        "kind": draw.choice(KINDS),
        "amount": draw.choice(AMOUNTS),
        "by_card": draw.choice([True, False, None]),
    }


def _click(draw: random.Random, history: History, number: int) -> None:
    night = _some_night(draw, history.nights)
    columns = {"click_id": number, "customer": draw.choice(CUSTOMERS), "seconds": draw.choice([None, 1.5, 30.25])}
    history.versions.append(Version("clicks", night, moment(draw, night), moment(draw, night), columns))


def _customer(draw: random.Random, history: History, customer: str, night: date) -> None:
    event = night - timedelta(days=draw.choice([0, 0, 1, REVISED_WITHIN]))
    columns = {"customer": customer, "score": draw.choice([None, 1.0, 2.0, 3.5])}
    history.versions.append(Version("customers", night, moment(draw, event), moment(draw, night), columns))


def publish(history: History, declared: UseCase, workspace: Workspace) -> None:
    """Publish the raw tables as ingest would."""
    for night in history.nights:
        schema = raw_schema(declared.sources["visits"])
        stamps = {"known_at": datetime.combine(night, time(23), tzinfo=ZONE)}
        rows = [
            {**visit, **{name: value for name, value in stamps.items() if name in schema.names}}
            for visit in history.visits[night]
        ]
        workspace.lake.publish("shop/raw_visits", night, pa.Table.from_pylist(rows, schema), Commit("ingest", "shop"))
    for source in ("payments", "clicks", "customers"):
        schema = raw_schema(declared.sources[source])
        for night in history.nights:
            rows = [
                {
                    **version.columns,
                    **{
                        name: getattr(version, name)
                        for name in ("event_at", "known_at", "event_night", "withdrawn")
                        if name in schema.names
                    },
                }
                for version in history.of(source)
                if version.night == night
            ]
            workspace.lake.publish(f"shop/raw_{source}", night, pa.Table.from_pylist(rows, schema), Commit("ingest", "shop"))
