"""<uc>.bootstrap: begin a use case with a RANGE of nights, one job a stage, then a first champion."""

from airflow.sdk import DAG

from plugins.dag_defaults import dag_settings, midnight, night_field, reason_field, requested_by_field, use_cases
from plugins.operators import StageOperator, form_range, scored_range
from plugins.training import FirstTrainingOperator

WHY = """
Takes in the nights from the first to the last as one job per stage, trains as of the last night, and scores and monitors the
nights for which that champion is effective. Days of history in minutes; the nightly cascade goes on from there.

It wakes no other DAG, and may be run again over the same nights: it publishes the same content, and registers nothing twice.
If the first training passes no gate there is no champion, and this run ends red.
"""
RANGES = {
    "ingest_range": ("ingest", None, form_range, "Every source's slices of all the nights, held to their contracts."),
    "tiles_range": ("features", "tiles", form_range, "Daily partial aggregates of all the nights."),
    "aggregates_range": (
        "features",
        "aggregates",
        form_range,
        "Sums of the windows and newest known look-up values, as of every night.",
    ),
    "features_range": ("features", "features", form_range, "One row per entity and night, from what was known at its cut-off."),
    "labels_range": ("features", "labels", form_range, "The outcomes that matured by each night, joined to their entities."),
    "score_range": (
        "score",
        None,
        form_range,
        "Score the nights that have an effective champion; the others are skipped, and named.",
    ),
    "monitor_range": ("monitor", None, scored_range, "Measure and judge the scored nights, in order."),
}

for use_case in use_cases():
    with DAG(
        **{**dag_settings(use_case, "bootstrap", weight=60), "max_active_runs": 1},
        description="First run: a range of nights through every stage in one job each, then the first champion.",
        doc_md=f"### {use_case.description}\n{WHY}",
        schedule=None,
        start_date=midnight(use_case, use_case.first_night),
        params={
            "first_night": night_field(use_case, "First night", "The range begins with this night."),
            "last_night": night_field(use_case, "Last night", "The range ends with this night, and training is as of it."),
            "reason": reason_field(),
            "requested_by": requested_by_field(),
        },
    ):
        ingest, tiles, aggregates, features, labels, score, monitor = (
            StageOperator(task_id=task, use_case_name=use_case.use_case, stage=stage, step=step, nights=nights, doc_md=text)
            for task, (stage, step, nights, text) in RANGES.items()
        )
        train = FirstTrainingOperator(
            task_id="train",
            use_case_name=use_case.use_case,
            doc_md=f"Run `{use_case.use_case}.train` as of the last night, and wait for it.",
        )
        ingest >> tiles >> aggregates >> features >> train
        ingest >> labels >> train
        train >> score >> monitor
