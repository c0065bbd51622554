"""<uc>.features: when a night's raw tables are there, build its features and the labels that have matured."""

from airflow.sdk import DAG, PartitionedAssetTimetable

from plugins.dag_defaults import asset, dag_settings, midnight, use_cases
from plugins.operators import StageOperator

WHY = """
One row per entity to score, from what was known at the night's cut-off and nothing later. Window features are sums of daily
tiles, so a night costs one day of data however long the window is.

A night whose window holds a night that is not published yet waits for it (orange, *up for retry*), then fails and names it.
When it is done, the asset `features` wakes the scoring.
"""
STEPS = {
    "tiles": "Partial aggregates of the night's records, by key: what window features are summed from.",
    "aggregates": "Sum the tiles of each window, and look up the newest known values: what scoring and the service both read.",
    "features": "Join the aggregates to the entities of the night: one row each.",
    "labels": "Outcomes that have matured by the night's cut-off, joined to the entities they belong to.",
}

for use_case in use_cases():
    with DAG(
        **dag_settings(use_case, "features", weight=20),
        description=f"Build {len(use_case.features)} features per entity, as known at the cut-off; and the matured labels.",
        doc_md=f"### {use_case.description}\n{WHY}",
        schedule=PartitionedAssetTimetable(assets=asset(use_case, "raw")),
        start_date=midnight(use_case, use_case.first_night),
    ):
        outlets = {"features": [asset(use_case, "features")]}
        tiles, aggregates, features, _labels = (
            StageOperator(
                task_id=step,
                use_case_name=use_case.use_case,
                stage="features",
                step=step,
                outlets=outlets.get(step, []),
                doc_md=text,
            )
            for step, text in STEPS.items()
        )
        tiles >> aggregates >> features
        # `labels` stands beside them: an outcome needs no feature.
