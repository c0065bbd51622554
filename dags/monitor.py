"""<uc>.monitor: when a night is scored, measure, judge, and decide whether to train anew."""

from airflow.sdk import DAG, PartitionedAssetTimetable

from plugins.dag_defaults import asset, dag_settings, midnight, use_cases
from plugins.monitoring import AlertOperator, DecideOperator, MonitorOperator, NoWorkOperator, RetrainOperator, VerdictOperator

WHY = """
Joins matured labels to the scores of their night, measures realised performance with intervals and the drift of every feature
against the champion's reference, and decides: **keep**, **retrain**, or **ask** a person, where performance fails and trainings
do not help. The graph shows which: branches that were not taken are skipped. Too little data is a verdict of its own, never a
pass.

The tasks `performance` and `drift` show the verdicts: green is a pass, **red a fail**, pink too little data. A red one alerts,
and may decide a training; the run itself has done its work and stays green.

Nights go in order: what a night decides depends on the nights before it, so a night waits for the one before.
The button *Report* (tab *Details* of the task `monitor`) opens the drift page, on the nights that have one.
"""

for use_case in use_cases():
    with DAG(
        **dag_settings(use_case, "monitor", weight=40),
        description="Realised performance, drift, a verdict with its figures, and the decision: keep, retrain, or ask.",
        doc_md=f"### {use_case.description}\n{WHY}",
        schedule=PartitionedAssetTimetable(assets=asset(use_case, "scores")),
        start_date=midnight(use_case, use_case.first_night),
    ):
        monitor = MonitorOperator(
            task_id="monitor",
            use_case_name=use_case.use_case,
            outlets=[asset(use_case, "verdicts")],
            doc_md="Publish the night's metrics and verdicts, and record the decision in the ledger.",
        )
        decide = DecideOperator(
            task_id="decide", use_case_name=use_case.use_case, doc_md="Follow the decision that the ledger holds for the night."
        )
        keep = NoWorkOperator(task_id="keep", doc_md="The champion stays; the reason is in the log of `decide`.")
        ask = NoWorkOperator(task_id="ask", doc_md="A person decides: the alert of the task `alert` says on what.")
        verdicts = [
            VerdictOperator(
                verdict=verdict, use_case_name=use_case.use_case, doc_md=f"The night's verdict on {words}, with its figures."
            )
            for verdict, words in {"performance": "realised performance", "drift": "drift"}.items()
        ]
        judged = NoWorkOperator(
            task_id="judged", trigger_rule="all_done", doc_md="The night is judged: a red verdict does not fail the run."
        )
        retrain = RetrainOperator(
            task_id="retrain",
            use_case_name=use_case.use_case,
            doc_md=f"Ask `{use_case.use_case}.train` for a training as of this night; monitored again, for nothing new.",
        )
        alert = AlertOperator(
            task_id="alert",
            use_case_name=use_case.use_case,
            doc_md="Tell of a failed verdict or a decision other than keep, by e-mail and Slack where they exist; else say so.",
        )
        monitor >> decide >> [keep, retrain, ask]
        monitor >> alert
        monitor >> verdicts >> judged
