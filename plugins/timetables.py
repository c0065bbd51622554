"""Make our timetable known to Airflow, under the name by which DAG files import it, and let each run say its night."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

from plugins.night_timetable import NightTimetable

if TYPE_CHECKING:
    from airflow.models import DagRun


class NightNotes:
    """Give a run that a night woke the night as its note, for its id is the instant of waking and says nothing."""

    @hookimpl
    def on_dag_run_running(self, dag_run: DagRun, msg: str) -> None:  # noqa: ARG002 - the signature is Airflow's
        """Write the note into the scheduler's own transaction; a note that is there stays."""
        if dag_run.partition_key and not dag_run.note:
            dag_run.note = f"night {dag_run.partition_key}"


class NightloopTimetables(AirflowPlugin):
    """The schedules of DAGs, and the notes of their runs."""

    name = "nightloop_timetables"
    timetables = [NightTimetable]  # noqa: RUF012 - Airflow's own form
    listeners = [NightNotes()]  # noqa: RUF012
