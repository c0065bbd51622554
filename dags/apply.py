"""<uc>.apply: asked for by a person after a change of the definition, build again what another definition has made."""

from airflow.sdk import DAG, Param

from plugins.applying import ApplyOperator, PlanOperator
from plugins.dag_defaults import dag_settings, midnight, use_cases

WHY = """
Compares today's definition with what the lake was made by, and builds again the nights whose columns have another meaning
now: raw tables first, the newest nights of each table first. `plan` shows in its log what will be built and why. Where nothing
must be, this run ends **skipped**; where something cannot be had back it **fails** (docs/changing.md).

It may be stopped at any time, and started again: what is built is built, and the next run goes on with what is left. *At most*
spreads a long history over several runs. Nights of the other DAGs go before it.

It wakes no other DAG: scored nights keep their scores. What follows is `train` as of the last night; until its candidate is
promoted, the champion is given the meanings it was trained on, and the coming nights are scored as ever.
"""

for use_case in use_cases():
    with DAG(
        **{**dag_settings(use_case, "apply", weight=5), "max_active_runs": 1},
        description="Build again the nights that were made by another definition than today's.",
        doc_md=f"### {use_case.description}\n{WHY}",
        schedule=None,
        start_date=midnight(use_case, use_case.first_night),
        params={
            "at_most": Param(
                default=None,
                type=["null", "integer"],
                minimum=1,
                title="At most",
                description="How many nights to build in this run, counted once a table; empty: all that the plan names.",
            ),
        },
    ):
        plan = PlanOperator(
            task_id="plan",
            use_case_name=use_case.use_case,
            doc_md="Log what `python -m jobs plan` prints. Skipped: nothing must be built. Red: read the message, for no build "
            "brings back what it names.",
        )
        apply = ApplyOperator(
            task_id="apply",
            use_case_name=use_case.use_case,
            doc_md="Build the nights that the plan names now, and publish each as its stage does. "
            "Cleared, it goes on with the rest.",
        )
        plan >> apply
