"""<uc>.train: asked for by a decision or a person, train a candidate, judge it, and promote it if all gates pass."""

from airflow.sdk import DAG

from plugins.approval import ApprovalByPerson
from plugins.dag_defaults import dag_settings, midnight, night_field, reason_field, requested_by_field, use_cases
from plugins.training import GATES, TrainOperator

WHY = """
Trains from what was known at the cut-off of the night `as_of`, and nothing later. Every gate is a task of its own: green is a
pass; red is a fail **or no verdict**, with the reason in its log and in the ledger. Only when all are green does `promote` move
the alias `champion`; else the champion stays, and this run ends red. The same training asked for twice registers one version.
"""
STEPS = {
    "assemble": "Join features and matured labels of the nights up to `as_of`; snapshot the training set with DVC.",
    "fit": "Fit the candidate and the linear baseline, calibrate, write the bundle and its card, register it in MLflow.",
    "evaluate": "Measure candidate, baseline and champion on the same validation nights, with intervals.",
}
GATE_DOCS = {
    "data": "The training set is whole: no night cut off, repeated or unlike those before it, no label lost.",
    "performance": "Better than the baseline and not worse than the champion, and not so good that it must be a leak.",
    "calibration": "A probability of 30 % must come true in 30 of 100 cases, within the declared error.",
    "fairness": "The declared groups are treated alike, within every declared limit; the end of the interval counts.",
    "stability": "From every earlier cut-off the recipe was worth the baseline, not only on the newest nights.",
    "slices": "In none of the declared slices is the candidate shown to be worse than the champion by more than the limit.",
    "behaviour": "Answers rise and fall as declared, hang on nothing they must not, and are answers at every extreme too.",
    "privacy": "The bundle holds no key, no row and no rare personal value of the training set.",
    "bundle": "The registered bundle loads in a clean process, gives the same answers, and is small and quick enough.",
}

for use_case in use_cases():
    with DAG(
        **{**dag_settings(use_case, "train", weight=50), "max_active_runs": 1},
        description="Train a candidate as of a night, prove it by every gate, and promote it if all pass.",
        doc_md=f"### {use_case.description}\n{WHY}",
        schedule=None,
        start_date=midnight(use_case, use_case.first_night),
        params={
            "as_of": night_field(use_case, "As of night", "Train from what was known at the end of this night."),
            "reason": reason_field(),
            "requested_by": requested_by_field(),
        },
    ):
        assemble, fit, evaluate = (
            TrainOperator(task_id=step, use_case_name=use_case.use_case, step=step, doc_md=text) for step, text in STEPS.items()
        )
        gates = [
            TrainOperator(
                task_id=f"gate_{gate}", use_case_name=use_case.use_case, step="gate", gate=gate, doc_md=GATE_DOCS[gate]
            )
            for gate in GATES
        ]
        promote = TrainOperator(
            task_id="promote",
            use_case_name=use_case.use_case,
            step="promote",
            doc_md="Move the alias `champion`, and say from which night.",
        )
        assemble >> fit >> evaluate >> gates
        if use_case.risk == "high":
            gates >> ApprovalByPerson(task_id="approval", use_case_name=use_case.use_case) >> promote
        else:
            gates >> promote
