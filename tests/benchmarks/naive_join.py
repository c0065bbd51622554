"""What a join without known times promises: flight_delay with honest features, and with those a careless join would have made.

Same flights, same model, same features by name. Only the rates differ, by which flights they count.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np

from jobs import features, ingest
from nightloop.definitions import load_use_case
from nightloop.definitions.features import RateFeature
from nightloop.definitions.use_case import UseCase
from nightloop.evidence import metrics
from nightloop.evidence.verdict import Figure
from nightloop.model.training import candidate, training_set
from nightloop.model.training.training_set import TrainingSet
from nightloop.nights import Nights
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.benchmarks.document import table

TITLE = "What a naive join would have shown: flight_delay, April 2013"
NIGHTS = Nights(date(2013, 1, 1), date(2013, 5, 2))
LEARNED = Nights(NIGHTS.first, date(2013, 3, 29))
SHOWN = Nights(date(2013, 4, 1), date(2013, 4, 30))


@dataclass(frozen=True)
class Join:
    """Which flights a rate of a night counts: those whose ``day`` is in the window that ends ``shift`` days after the night."""

    name: str
    day: str
    shift: int = 0


FLOWN = "timezone('America/New_York', event_at)::date"
HONEST = Join("known at the cut-off (Nightloop)", "night")
NAIVE = (
    Join("by day of flight, those in the air at the cut-off too", FLOWN),
    Join("by day of flight, up to the day of the flight itself", FLOWN, shift=1),
)


def measure() -> str:
    """Take in four months, learn from three with each join, and compare what April would show with what it would bring."""
    with tempfile.TemporaryDirectory(prefix="nightloop-naive-") as home:
        workspace = Workspace.open(load_settings(home=Path(home), engine="local"))
        use_case = load_use_case("flight_delay", workspace.settings.definitions)
        ingest.run(use_case, NIGHTS, workspace)
        features.run(use_case, NIGHTS, workspace)
        honest, _ = training_set.load(use_case, NIGHTS.last, workspace.lake)
        flights = _Flights(use_case, workspace, honest)
        again = flights.joined(HONEST)
        assert np.allclose(again.matrix, honest.matrix, rtol=1e-12, equal_nan=True), "the join by known night is Nightloop's"
        rows = [_row(use_case, HONEST, honest, honest)]
        rows += [_row(use_case, join, flights.joined(join), honest) for join in NAIVE]
    head = [
        "the rates count flights",
        "AUC shown offline (95 %, by night)",
        "AUC brought",
        "AUC promised too much",
        "Brier shown",
        "Brier brought",
    ]
    late = honest.of(SHOWN).label.mean()
    base = late * (1 - late)
    told = (
        f"Learned from flights scored {LEARNED.first} to {LEARNED.last}. Shown: the rows of {SHOWN.first:%B} made by the same "
        "join, as an offline evaluation would have them. Brought: the same model on what is known at each cut-off, all that it "
        f"can get in service. A Brier score of {base:.3f} is that of the month's base rate."
    )
    return f"{told}\n\n{table(head, rows)}"


class _Flights:
    """The raw tables of all nights, as a person with no thought of time would join them."""

    def __init__(self, use_case: UseCase, workspace: Workspace, honest: TrainingSet) -> None:
        self.use_case, self.honest = use_case, honest
        self.database = duckdb.connect()
        self.database.execute("set TimeZone = 'UTC'")
        held = {
            "outcomes": workspace.lake.read("flight_delay/raw_outcomes"),
            "schedule": workspace.lake.read("flight_delay/raw_schedule").drop_columns(["night"]),
            "learned": honest.table.select(["scored_night", "flight_id"]),
        }
        for name, rows in held.items():
            self.database.register(name, rows)
        self.database.execute(
            "create table flights as select scored_night, schedule.*, place from "
            "(select *, row_number() over () as place from learned) join schedule using (flight_id)"
        )

    def joined(self, join: Join) -> TrainingSet:
        """Return the training set with every rate made by this join."""
        rows = self.honest.table
        for name, feature in self.use_case.features.items():
            if isinstance(feature, RateFeature):
                values = self.database.sql(_rate_sql(feature, join)).to_arrow_table()["value"]
                rows = rows.set_column(rows.schema.get_field_index(name), name, values)
        return replace(self.honest, table=rows)


def _rate_sql(feature: RateFeature, join: Join) -> str:
    key, s = ", ".join(feature.by), feature.smoothing
    return f"""
        with daily as (
            select {key}, {join.day} as day, count(*) as n, sum(({feature.of})::int) as late from outcomes group by all),
        counted as (
            select {key}, scored_night, sum(n) as n, sum(late) as late
            from daily join (select distinct scored_night from flights)
              on day > scored_night + {join.shift - feature.nights} and day <= scored_night + {join.shift} group by all),
        prior as (select scored_night, sum(late) / sum(n) as rate from counted group by all)
        select (coalesce(late, 0) + {s} * rate) / (coalesce(n, 0) + {s}) as value
        from flights left join counted using (scored_night, {key}) join prior using (scored_night) order by place"""


def _row(use_case: UseCase, join: Join, made: TrainingSet, honest: TrainingSet) -> list[object]:
    model = candidate.fit(use_case, LEARNED.last, made.of(LEARNED)).fitted
    (shown, error_shown), (brought, error) = (_figures(rows.of(SHOWN), model) for rows in (made, honest))
    too_much = f"{shown.value - brought.value:.3f}"
    return [join.name, _told(shown), _told(brought), too_much, f"{error_shown.value:.3f}", f"{error.value:.3f}"]


def _figures(rows: TrainingSet, model: candidate.Fitted) -> tuple[Figure, Figure]:
    prediction = model.predict(rows.matrix)
    return metrics.auc(rows.label, prediction, rows.night), metrics.brier(rows.label, prediction, rows.night)


def _told(figure: Figure) -> str:
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


if __name__ == "__main__":
    print(measure())
