"""The schedule of <uc>.ingest: one run a local day, keyed by the night before, across every change of the clocks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pendulum
from airflow.timetables.base import DagRunInfo
from airflow.timetables.trigger import CronPartitionTimetable

from nightloop.daily import DAY, Daily
from nightloop.nights import Night, instant_of

if TYPE_CHECKING:
    from pendulum import DateTime

KEY_FORMAT = "%Y-%m-%d"
INSTANT = timedelta(microseconds=1)


class NightTimetable(CronPartitionTimetable):
    """Airflow's own timetable with partitions, but for which instant has which night.

    Airflow's steps back from a run to the tick before it, and loses a night where the clocks leap over that tick; it also takes
    the key of a backfilled run from the tick itself, a day later than its schedule does. Here both ask ``nightloop.daily``, and
    a night's partition date is its own midnight, so a backfill's dates are nights.
    """

    def __init__(self, schedule: str, *, time_zone: str) -> None:
        super().__init__(schedule, timezone=time_zone, key_format=KEY_FORMAT)
        self._daily = Daily.of(schedule, time_zone)

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> NightTimetable:
        """Read what ``serialize`` wrote."""
        return cls(data["schedule"], time_zone=data["time_zone"])

    def serialize(self) -> dict[str, Any]:
        """Return the two texts that say all."""
        return {"schedule": self._expression, "time_zone": self._daily.time_zone}

    def _get_next(self, current: DateTime) -> DateTime:
        run = self._daily.run_of(newest := self._daily.newest(current))
        return _utc(run if run > current else self._daily.run_of(self._daily.next_day(newest)))

    def _get_prev(self, current: DateTime) -> DateTime:
        newest = self._daily.newest(current)
        run = self._daily.run_of(newest)
        return _utc(run if run < current else self._daily.run_of(self._daily.newest(run - INSTANT)))

    def _get_partition_info(self, run_date: DateTime) -> tuple[DateTime, str]:
        night = self._daily.newest(run_date)
        return self._midnight(night), night.isoformat()

    def iter_partition_dagrun_infos(self, *, earliest: datetime, latest: datetime) -> Iterable[DagRunInfo]:
        """Yield a run for each night whose midnight lies between two wall-clock times, both included."""
        first = earliest.date() if earliest.time() == time.min else earliest.date() + DAY
        for night in self._daily.nights(first, latest.date()):
            midnight = self._midnight(night)
            yield DagRunInfo(run_after=midnight, data_interval=None, partition_date=midnight, partition_key=night.isoformat())

    def _midnight(self, night: Night) -> DateTime:
        return _utc(instant_of(night, time.min, self._daily.time_zone))

    def _decode_partition_date(self, partition_key: str) -> datetime:
        return self._midnight(super()._decode_partition_date(partition_key).astimezone(ZoneInfo(self._daily.time_zone)).date())


def _utc(instant: datetime) -> DateTime:
    return pendulum.instance(instant)
