"""Seven judged nights make one week, and its key is the Monday."""

from __future__ import annotations

import importlib.util
from datetime import date, timedelta

from airflow.partition_mappers.base import RollupMapper
from airflow.partition_mappers.temporal import StartOfWeekMapper
from airflow.partition_mappers.window import WeekWindow

from nightloop.settings import REPOSITORY
from plugins.monitoring import ReportLink, ReportOperator
from plugins.operators import StageOperator


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


def test_the_button_of_a_page_is_a_path_so_that_it_outlives_a_move_of_the_server(monkeypatch, settings):
    monkeypatch.setenv("NIGHTLOOP_HOME", str(settings.home))
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://127.0.0.1:8080/airflow")
    page = settings.home / "reports" / "flight_delay" / "week-2013-04-01.html"
    monkeypatch.setattr(StageOperator, "execute", lambda *_: [{"page": str(page)}])
    task = ReportOperator(task_id="report", use_case_name="flight_delay")
    task.execute({})  # type: ignore[typeddict-item]
    path = "/airflow/nightloop/reports/flight_delay/week-2013-04-01.html"
    assert ReportLink().get_link(task, ti_key=None) == path  # type: ignore[arg-type]
