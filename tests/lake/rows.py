"""Small tables to publish."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa

from nightloop.lake import Commit, Lake
from nightloop.lake.sweeping import Swept, sweep

COMMIT = Commit("features", "uc", definition_digest="d1", inputs={"uc/raw_x": 3})
TABLE = "uc/features"
FIRST, SECOND, THIRD = date(2013, 1, 1), date(2013, 1, 2), date(2013, 1, 3)


def flights(count: int = 3, start: int = 0) -> pa.Table:
    """Rows with every type a table may have."""
    numbers = range(start, start + count)
    return pa.table(
        {
            "flight_id": pa.array([f"AA{number}" for number in numbers], pa.string()),
            "seats": pa.array([None if number % 5 == 4 else number for number in numbers], pa.int64()),
            "late_rate": pa.array([number / 7 for number in numbers], pa.float64()),
            "late": pa.array([number % 2 == 0 for number in numbers], pa.bool_()),
            "flight_date": pa.array([date(2013, 1, 1 + number % 28) for number in numbers], pa.date32()),
            "known_at": pa.array(
                [datetime(2013, 1, 1, number % 24, 30, 0, 123456, tzinfo=UTC) for number in numbers],
                pa.timestamp("us", "UTC"),
            ),
            "price": pa.array([Decimal(number) / 4 for number in numbers], pa.decimal128(38, 4)),
        }
    )


def sweep_now(lake: Lake, *, retention: timedelta = timedelta(days=30), dry_run: bool = False) -> dict[str, Swept]:
    """Sweep every table, with no grace for files without a commit."""
    now = datetime.now(UTC) + timedelta(seconds=1)
    return sweep(lake, lake.tables(), now=now, retention=retention, grace=timedelta(0), dry_run=dry_run)
