"""Make our timetable known to Airflow, under the name by which DAG files import it."""

from airflow.plugins_manager import AirflowPlugin

from plugins.night_timetable import NightTimetable


class NightloopTimetables(AirflowPlugin):
    """The schedules of DAGs."""

    name = "nightloop_timetables"
    timetables = [NightTimetable]  # noqa: RUF012 - Airflow's own form
