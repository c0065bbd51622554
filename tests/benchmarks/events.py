"""Made-up events for the benchmarks of windows: a year of nights, keys of 200,000 entities and of 200 groups."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nightloop.definitions import UseCase, load_use_case
from nightloop.engine.protocol import written_files
from nightloop.lake import Commit
from nightloop.nights import Night, Nights
from nightloop.workspace import Workspace

YEAR = Nights(date(2024, 1, 1), date(2024, 12, 30))  # 365 nights
ENTITIES, GROUPS = 200_000, 200
WINDOWS = (1, 7, 30, 90)
FUNCTIONS = ("count", "sum", "mean", "max")

_DEFINITION = """
use_case: {name}
description: Windows by {by}.
owner: benchmarks
time_zone: UTC
first_night: 2024-01-01
engine: local
sources:
  events:
    description: One row per event.
    connector: {{kind: files, pattern: "events/{{night}}.parquet"}}
    columns:
      event_id: {{type: integer, expression: event_id::bigint, description: Event.}}
      entity: {{type: integer, expression: entity::bigint, description: One of many.}}
      member: {{type: integer, expression: member::bigint, description: One of few.}}
      amount: {{type: number, expression: amount::double, description: Worth.}}
    key: [event_id]
    event_at: event_at::timestamp
    known_at: event_at::timestamp
entity: {{source: events, key: [event_id]}}
label: {{description: Big., source: events, join: {{event_id: event_id}}, expression: amount > 50, matures_after: 1}}
features:
{features}
model: {{task: binary}}
gates: {{fairness: {{group: member, metric: selection_rate_difference, maximum: 0.5}}}}
"""


def declared(folder: Path, by: str) -> UseCase:
    """Write and load a use case with four aggregates over four windows by one key."""
    lines = [
        f"  {function}_{nights}: {{kind: window, source: events, function: {function}, "
        f"{'' if function == 'count' else 'of: amount, '}by: [{by}], nights: {nights}, description: One.}}"
        for nights in WINDOWS
        for function in FUNCTIONS
    ]
    name = f"by_{by}"
    (folder / f"{name}.yaml").write_text(_DEFINITION.format(name=name, by=by, features="\n".join(lines)))
    return load_use_case(name, folder)


@dataclass(frozen=True)
class Events:
    """So many events, spread evenly over the year."""

    total: int

    def of(self, night: Night) -> pa.Table:
        """Return the events of one night: the same every time."""
        at = (night - YEAR.first).days
        first, last = (self.total * step // len(YEAR) for step in (at, at + 1))
        draw = np.random.default_rng([self.total, at])
        n = last - first
        begin = int(datetime.combine(night, time.min, tzinfo=UTC).timestamp()) * 1_000_000
        moment = pa.array(begin + np.sort(draw.integers(0, 86_400_000_000, n))).cast(pa.timestamp("us", "UTC"))
        return pa.table(
            {
                "event_id": np.arange(first, last),
                "entity": draw.integers(0, ENTITIES, n),
                "member": draw.integers(0, GROUPS, n),
                "amount": np.round(draw.gamma(2.0, 20.0, n), 2),
                "event_at": moment,
                "known_at": moment,
            }
        )


def publish(events: Events, use_case: str, workspace: Workspace, nights: Nights = YEAR) -> None:
    """Publish the raw table of these nights, as files of one row group, like an engine's."""
    table = f"{use_case}/raw_events"
    for night in nights:
        folder = Path(workspace.lake.new_folder(table)) / f"night={night}"
        folder.mkdir()
        pq.write_table(events.of(night), folder / "part.parquet", compression="zstd")
        files = written_files(str(folder.parent))
        workspace.lake.adopt_nights(table, {night: files[night]}, Commit("ingest", use_case))


def direct_sql(by: str, night: Night, relation: str, *, day: str) -> str:
    """Return the query a person would write over the raw files: sixteen aggregates, one pass over ninety nights."""
    chosen = []
    for nights in WINDOWS:
        inside = f"{day} > date '{night - timedelta(days=nights)}'"
        held = f"case when {inside} then amount end"
        chosen += [
            f"count(case when {inside} then 1 end) as count_{nights}",
            f"sum({held}) as sum_{nights}",
            f"avg({held}) as mean_{nights}",
            f"max({held}) as max_{nights}",
        ]
    since = night - timedelta(days=max(WINDOWS))
    where = f"{day} > date '{since}' and {day} <= date '{night}'"
    return f"select {by}, {', '.join(chosen)} from {relation} where {where} group by {by}"
