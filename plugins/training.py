"""The tasks of <uc>.train: one a step, one a gate, an approval by a person where the risk is high, and the first training."""

from __future__ import annotations

import importlib
import json
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

from nightloop.errors import GateFailed
from nightloop.nights import parse_night
from plugins.operators import UseCaseOperator, form_night, open_use_case

if TYPE_CHECKING:
    from airflow.sdk import Context

GATES = ("performance", "calibration", "fairness", "bundle")
"""One task each. A test holds them equal to jobs.train.GATES, whose module is too expensive to import at parse."""


class ApprovalByPerson(ApprovalOperator):
    """Ask a person before a candidate of a high-risk use case is promoted, and record who answered what.

    A refusal fails the task: Airflow's own way skips what follows, and the run would look green.
    """

    def __init__(self, *, use_case_name: str, task_id: str, **kwargs: Any) -> None:
        super().__init__(
            task_id=task_id,
            subject=f"Promote the candidate of {use_case_name}, as of {{{{ params.as_of }}}}?",
            body="Every gate has passed. This use case is declared **high risk**, so a person decides.\n\n"
            "Read the logs of the gates, the model card and the figures of the candidate's MLflow run first.\n\n"
            "- Asked for by: {{ params.requested_by }}\n- Reason: {{ params.reason }}",
            doc_md="Wait for a person's answer (*Required actions*). Rejected: the champion stays and this run ends red.",
            retries=0,
            **kwargs,
        )
        self.use_case_name = use_case_name

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Record the answer; go on only with an approval.

        Raises:
            GateFailed: the person rejected the candidate.
        """
        night = parse_night(context["params"]["as_of"])
        _, workspace = open_use_case(self.use_case_name)
        answer = (event.get("chosen_options") or ["no answer"])[0]
        user = event.get("responded_by_user") or {}
        person = str(user.get("name") or user.get("id") or "unknown") if isinstance(user, dict) else str(user)
        kind = "approval_granted" if answer == self.APPROVE else "approval_refused"
        workspace.ledger.record(
            kind, self.use_case_name, night=night, subject=str(context["run_id"]), payload={"by": person, "answer": answer}
        )
        self.log.info("%s by %s", kind, person)
        if answer != self.APPROVE:
            from nightloop.model import champions

            stays = champions.what_stays(workspace.ledger, self.use_case_name)
            raise GateFailed(
                f"{person} did not approve the candidate as of {night}: {answer}.",
                where=f"{self.use_case_name}.train",
                do=f"{stays} Ask for a new training when the objection is answered.",
            )
        return super().execute_complete(context, event)


class FirstTrainingOperator(TriggerDagRunOperator):
    """Run <uc>.train as of the last night of the form, wait for it, and fail when it fails."""

    def __init__(self, *, use_case_name: str, **kwargs: Any) -> None:
        super().__init__(
            trigger_dag_id=f"{use_case_name}.train",
            trigger_run_id="bootstrap__{{ params.last_night }}__{{ ti.start_date.strftime('%Y%m%dT%H%M%S') }}",
            logical_date=None,
            conf={
                "as_of": "{{ params.last_night }}",
                "reason": "{{ params.reason }}",
                "requested_by": "{{ params.requested_by }}",
            },
            wait_for_completion=True,
            poke_interval=2,
            retries=0,  # a refused candidate is refused again
            openlineage_inject_parent_info=False,
            **kwargs,
        )


class TrainOperator(UseCaseOperator):
    """One step of ``jobs.train``, for the night ``as_of`` of the form. Steps hand on their results by the stores, not here."""

    ui_color = "#eef4e6"

    def __init__(self, *, step: str, gate: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.gate = gate

    def execute(self, context: Context) -> Any:
        """Run the step and return its result.

        Raises:
            GateFailed: the gate did not pass, or gave no verdict.
        """
        night = form_night(context).last
        use_case, workspace = open_use_case(self.use_case_name)
        train = importlib.import_module("jobs.train")
        if self.step == "assemble":
            request = {key: str(context["params"][key]) for key in ("reason", "requested_by")}
            train.record_request(use_case, night, workspace, **request)
            self.log.info("asked for by %s: %s", request["requested_by"], request["reason"])
        gate = {"name": self.gate} if self.gate else {}
        result = train.STEPS[self.step](use_case, night, workspace, **gate)
        as_json = json.loads(json.dumps(result, default=json_value))
        self.log.info("%s as of %s: %s", self.task_id, night, as_json)
        return as_json


def json_value(value: object) -> object:
    """Write what JSON does not know: a frozen dataclass by its fields, anything else as text."""
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)
