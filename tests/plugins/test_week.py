"""Seven judged nights make one week, and its key is the Monday."""

from __future__ import annotations

import importlib.util
from datetime import date, timedelta

from airflow.partition_mappers.base import RollupMapper
from airflow.partition_mappers.temporal import StartOfWeekMapper
from airflow.partition_mappers.window import WeekWindow

from nightloop.settings import REPOSITORY


def test_the_keys_of_a_week_roll_up_to_its_monday_and_back():
    mapper = RollupMapper(
        upstream_mapper=StartOfWeekMapper(input_format="%Y-%m-%d", output_format="%Y-%m-%d"), window=WeekWindow()
    )
    week = [str(date(2013, 4, 1) + timedelta(days=days)) for days in range(7)]
    assert {mapper.to_downstream(night) for night in week} == {"2013-04-01"}
    assert set(mapper.to_upstream("2013-04-01")) == set(week)


def test_the_report_is_scheduled_by_that_roll_up():
    spec = importlib.util.spec_from_file_location("report_dags", REPOSITORY / "dags" / "report.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.WEEK.upstream_mapper.input_format == module.WEEK.upstream_mapper.output_format == "%Y-%m-%d"
