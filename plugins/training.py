"""The tasks of <uc>.train: one a step, one a gate, and the first training. The approval by a person is in approval.py."""

from __future__ import annotations

import importlib
import json
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

from nightloop.errors import NightloopError
from plugins.monitoring import ReportLink, written_page
from plugins.operators import UseCaseOperator, form_night, open_use_case
from plugins.retries import in_words

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nightloop.definitions.use_case import UseCase
    from nightloop.nights import Night
    from nightloop.workspace import Workspace

GATES = ("data", "performance", "calibration", "fairness", "slices", "stability", "behaviour", "privacy", "bundle")
"""One task each. A test holds them equal to jobs.train.GATES, whose module is too expensive to import at parse."""


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
    operator_extra_links = (ReportLink(),)
    page = ""

    def __init__(self, *, step: str, gate: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.gate = gate

    @in_words
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
        try:
            result = train.STEPS[self.step](use_case, night, workspace, **gate)
        finally:
            if self.gate:  # a gate that did not pass has a page too, and its reader needs it more
                self.page = self._page(use_case, night, workspace)
        as_json = json.loads(json.dumps(result, default=json_value))
        self.log.info("%s as of %s: %s", self.task_id, night, in_brief(as_json))
        return as_json

    def _page(self, use_case: UseCase, night: Night, workspace: Workspace) -> str:
        """Return where Airflow shows the verdicts on the candidate, without its host; nothing where there is no page yet."""
        from jobs.training.state import candidate_version
        from nightloop.promotion.verdicts import page_name

        try:
            version = candidate_version(use_case, night, workspace).version
        except NightloopError:  # nothing was judged: the error of the step says why
            return ""
        address = written_page(workspace.reports / page_name(use_case.use_case, night, version), workspace.reports)
        if address:
            self.log.info("verdicts with plots: %s", address)
        return urlsplit(address).path


def in_brief(result: Any) -> str:
    """Say in one line what a step came to: a verdict with its reason; of anything else, its plain values."""
    if not isinstance(result, dict):
        return str(result)
    if "outcome" in result:
        return f"{str(result['outcome']).replace('_', ' ')}. {result.get('reason') or ''}".strip()
    plain = {name: value for name, value in result.items() if not isinstance(value, dict | list)}
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in plain.items()) or "done"


def json_value(value: object) -> object:
    """Write what JSON does not know: a frozen dataclass by its fields, anything else as text."""
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)
