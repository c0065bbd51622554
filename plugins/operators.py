"""Tasks that run a stage: the same function that ``python -m jobs`` calls, for the night that the run carries."""

from __future__ import annotations

import importlib
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from nightloop.errors import BadNight
from nightloop.nights import Nights, one, parse_night
from plugins.retries import in_words

if TYPE_CHECKING:
    from airflow.sdk import Context

    from jobs.published import Published
    from nightloop.definitions.use_case import UseCase
    from nightloop.workspace import Workspace

WEEK = 7
OPTIONS = {"ingest": ("todays_rules", "even_if_unfinished"), "monitor": ("todays_rules",)}
"""What a run's configuration may ask of a stage, with ``true``."""


def partition_night(context: Mapping[str, Any]) -> Nights:
    """Return the night of a run: its partition key, or where a person gave none, the form's field ``night``.

    Raises:
        BadNight: the run has neither, one that is no night, or two that differ.
    """
    key, field = context["dag_run"].partition_key, (context.get("params") or {}).get("night")
    if key and field and key != field:
        raise BadNight(f"the run's partition key is {key}, and its form says {field}.", do="Give one of them, or both alike.")
    return one(parse_night(key or field))


def partition_week(context: Mapping[str, Any]) -> Nights:
    """Return the seven nights of a weekly run, whose key is their Monday."""
    monday = parse_night(context["dag_run"].partition_key)
    if monday.weekday() != 0:
        raise BadNight(f"'{monday}' is no Monday.", do="Give the Monday that begins the week.")
    return Nights(monday, monday + timedelta(days=WEEK - 1))


def form_range(context: Mapping[str, Any]) -> Nights:
    """Return the nights that a person gave in the form."""
    return Nights(parse_night(context["params"]["first_night"]), parse_night(context["params"]["last_night"]))


def form_night(context: Mapping[str, Any]) -> Nights:
    """Return the night ``as_of`` of a triggered run."""
    return one(parse_night(context["params"]["as_of"]))


def asked_by(context: Mapping[str, Any]) -> str:
    """Return the user of Airflow who asked for the run, or for the run that asked for it; "" where no person did."""
    return str(getattr(context.get("dag_run"), "triggering_user_name", None) or "")


def scored_range(context: Mapping[str, Any]) -> Nights | None:
    """Return the nights that the task ``score_range`` of this run scored; None when no champion was effective on any."""
    rows = context["ti"].xcom_pull(task_ids="score_range") or []
    nights = sorted(str(row[key]) for row in rows for key in ("night", "first_night", "last_night") if key in row)
    return Nights(parse_night(nights[0]), parse_night(nights[-1])) if nights else None


def run_options(stage: str, context: Mapping[str, Any]) -> dict[str, bool]:
    """Return what the run's configuration asks of a stage: the flags of its command, by their names."""
    conf = context["dag_run"].conf or {}
    return {name: True for name in OPTIONS.get(stage, ()) if conf.get(name) is True}


def open_use_case(use_case_name: str) -> tuple[UseCase, Workspace]:
    """Load a use case and open the stores that the environment names; expensive imports happen here, not at parse."""
    from nightloop.definitions import load_use_case
    from nightloop.settings import load_settings
    from nightloop.workspace import Workspace
    from plugins.connections import source_connection, with_spark

    settings = load_settings()
    use_case = load_use_case(use_case_name, settings.definitions)
    if (settings.engine or use_case.engine) != "local":
        settings = with_spark(settings)
    return use_case, Workspace.open(settings, connection=source_connection)


class UseCaseOperator(BaseOperator):
    """A task of one use case, which is loaded when the task runs and not when the DAG file is read."""

    def __init__(self, *, use_case_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.use_case_name = use_case_name


class EveryUseCaseOperator(BaseOperator):
    """A task that looks at every use case in turn; one that cannot be looked at does not hide the others."""

    ui_color = "#eeeeee"

    def look_at(self, use_case: UseCase, workspace: Workspace) -> object:
        """Look at one use case, and return what is worth handing on."""
        raise NotImplementedError

    @in_words
    def execute(self, context: Context) -> dict[str, object]:
        """Look at all of them, send the alerts that this raised, and return what each look came to.

        Raises:
            Exception: the first that a look ended with, when every use case had its turn.
        """
        from nightloop.definitions import use_case_names
        from nightloop.workspace import Workspace
        from plugins.alerts import deliver_due_alerts

        self.context, failed = context, []
        workspace, looks = Workspace.open(), {}
        for name in use_case_names(workspace.settings.definitions):
            try:
                looks[name] = self.look_at(*open_use_case(name))
            except Exception as error:  # whatever it is: the others are looked at first
                self.log.exception("%s: not looked at", name)
                failed.append(error)
        deliver_due_alerts(workspace)
        if failed:
            raise failed[0]
        return looks


class PublishingOperator(UseCaseOperator):
    """A task that publishes nights: it logs how far it is and what it published, and may be stopped at any time."""

    ui_color = "#e6f0ff"

    def report(self, published: Sequence[Published], *, in_full: bool) -> list[dict[str, object]]:
        """Log what was published, and return it for the tasks after this one: every partition, or the totals."""
        for line in summary(published):
            self.log.info(line)
        rows = [partition.as_json() for partition in published] if in_full else totals(published)
        as_json: list[dict[str, object]] = json.loads(json.dumps(rows, default=str))
        return as_json

    def on_kill(self) -> None:
        """Stop what runs on Spark. Nothing is half published: a stage's commit is its last act."""
        self.log.warning("Stopped. Nothing is half published; run the task again and it gives the same content.")
        if spark := sys.modules.get("pyspark.sql"):
            session = spark.SparkSession.getActiveSession()
            if session is not None:
                session.interruptAll()

    def _progress(self, doing: str, done: int, total: int) -> None:
        """Log every tenth part of long work."""
        tenth = max(1, total // 10)
        if total > 1 and (done % tenth == 0 or done == total):
            self.log.info("%s: %d of %d", doing, done, total)


class StageOperator(PublishingOperator):
    """Run ``jobs.STAGE.run`` for the nights of the run, and return what was published.

    Args:
        stage: module below jobs/.
        nights: where the nights come from: ``partition_night``, ``partition_week``, ``form_range``, ``scored_range``.
        step: one step of the stage only, where it has several.
    """

    def __init__(
        self,
        *,
        stage: str,
        nights: Callable[[Mapping[str, Any]], Nights | None] = partition_night,
        step: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stage = stage
        self.nights = nights
        self.step = step

    @in_words
    def execute(self, context: Context) -> list[dict[str, object]]:
        """Publish the nights."""
        nights = self.nights(context)
        if nights is None:
            self.log.info("no night to work on: the task before published none")
            return []
        use_case, workspace = open_use_case(self.use_case_name)
        run = importlib.import_module(f"jobs.{self.stage}").run
        options = {**({"step": self.step} if self.step else {}), **run_options(self.stage, context)}
        published: list[Published] = run(use_case, nights, workspace, progress=self._progress, **options)
        rows = self.report(published, in_full=len(nights) <= WEEK)
        self._tell_assets(context, nights, result := result_line(published))
        self.log.info("%s: %s", nights, result)
        return rows

    def _tell_assets(self, context: Context, nights: Nights, result: str) -> None:
        """Write the result into the events of the task's assets, and the night where the run itself carries none."""
        for outlet in self.outlets:
            event = context["outlet_events"][outlet]
            event.extra.update({"night": str(nights), "result": result})
            if not context["dag_run"].partition_key:
                event.add_partitions([str(night) for night in nights])


def summary(published: Sequence[Published]) -> list[str]:
    """Describe in lines what was published: every partition of a few nights, or the totals of a long range."""
    if len({partition.night for partition in published}) > WEEK:
        return [f"published {row['nights']} nights of {row['table']}: {row['rows']} rows" for row in totals(published)]
    return [
        f"published {p.table} night={p.night}: {p.rows} rows, version {p.table_version}, digest {p.content_digest}"
        for p in published
    ] or ["published nothing"]


def result_line(published: Sequence[Published]) -> str:
    """Say in one line what came of a stage: rows and versions of its tables, the champion, verdicts, and the decision."""
    if len({partition.night for partition in published}) > WEEK:
        return "; ".join(summary(published))
    tables = [f"{p.rows:,} rows of {p.table}, version {p.table_version}" for p in published]
    details = published[-1].details if published else {}
    words = [
        f"{name.removesuffix('_verdict').replace('_', ' ')} {str(details[name]).replace('_', ' ')}"
        for name in ("champion_version", "performance_verdict", "drift_verdict", "decision")
        if details.get(name) is not None
    ]
    return "; ".join([*tables, *words]) or "published nothing"


def totals(published: Sequence[Published]) -> list[dict[str, object]]:
    """Sum a long range by table: what a person reads, and what fits between tasks."""
    by_table: dict[str, list[Published]] = defaultdict(list)
    for partition in published:
        by_table[partition.table].append(partition)
    return [
        {
            "table": table,
            "nights": len(partitions),
            "first_night": str(min(p.night for p in partitions)),
            "last_night": str(max(p.night for p in partitions)),
            "rows": sum(p.rows for p in partitions),
        }
        for table, partitions in sorted(by_table.items())
    ]
