"""The tasks of <uc>.monitor and <uc>.report: what the decision leads to, who is alerted, and the pages for people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import BaseBranchOperator, BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowSkipException

from nightloop.errors import GateFailed, NotReady, command
from plugins.operators import StageOperator, UseCaseOperator, open_use_case, partition_night, partition_week
from plugins.retries import in_words

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import TaskInstanceKey

    from nightloop.alerts import Alert

PAGES = "/nightloop/reports"


class ReportLink(BaseOperatorLink):
    """The button that opens the page a task wrote."""

    name = "Report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - the signature is Airflow's
        """Return the page's address, or nothing when the task wrote none."""
        return str(getattr(operator, "page", ""))


def page_address(page: Path, reports: Path) -> str:
    """Return where the API server shows a file of the reports folder now, as ``[api] base_url`` says."""
    from airflow.sdk.configuration import conf

    base = (conf.get("api", "base_url", fallback="") or "").rstrip("/")
    return f"{base}{PAGES}/{quote(str((reports / page).resolve().relative_to(reports.resolve())))}"


def written_page(page: Path, reports: Path) -> str:
    """Return the same of a page that this machine has; nothing of one that it has not."""
    return page_address(page, reports) if page.exists() else ""


class PagedStageOperator(StageOperator):
    """A stage that may write an HTML page, named in the detail ``page`` of what it published."""

    operator_extra_links = (ReportLink(),)
    page = ""

    @in_words
    def execute(self, context: Context) -> list[dict[str, object]]:
        """Run the stage, and remember its page for the button."""
        published = super().execute(context)
        _, workspace = open_use_case(self.use_case_name)
        pages = [Path(str(item["page"])) for item in published if item.get("page")]
        if pages:
            address = page_address(pages[-1], workspace.reports)
            self.page = urlsplit(address).path  # kept by Airflow, whose server may move to another host or port
            self.log.info("page for people: %s", address)
        return published


class MonitorOperator(PagedStageOperator):
    """Run the monitor for the night of the run."""

    def __init__(self, *, use_case_name: str, **kwargs: Any) -> None:
        super().__init__(use_case_name=use_case_name, stage="monitor", nights=partition_night, **kwargs)


class ReportOperator(PagedStageOperator):
    """Write the page of the week that the run is keyed by."""

    def __init__(self, *, use_case_name: str, **kwargs: Any) -> None:
        super().__init__(use_case_name=use_case_name, stage="report", nights=partition_week, **kwargs)


class VerdictOperator(UseCaseOperator):
    """Show one verdict of the night as the state of a task: green is a pass, red a fail, pink not enough evidence.

    A red one alerts nobody (the task ``alert`` does) and does not fail the run, which did its work.
    """

    ui_color = "#fff1e6"

    def __init__(self, *, verdict: str, **kwargs: Any) -> None:
        super().__init__(task_id=verdict, retries=0, **{**kwargs, "on_failure_callback": None, "on_success_callback": None})
        self.verdict = verdict

    @in_words
    def execute(self, context: Context) -> str:
        """Return the reason of a pass.

        Raises:
            GateFailed: the verdict is a fail.
            AirflowSkipException: there is not enough evidence for one.
        """
        decision = decision_of(self.use_case_name, context)
        outcome, reason = decision[f"{self.verdict}_verdict"], str(decision[f"{self.verdict}_reason"])
        if outcome == "not_enough_evidence":
            self.log.info("%s of night %s, not enough evidence: %s", self.verdict, decision["night"], reason)
            raise AirflowSkipException(reason)
        if outcome != "pass":
            raise GateFailed(
                f"{self.verdict} of night {decision['night']}: {reason}", do="Read the night's page: task `monitor`."
            )
        self.log.info("%s of night %s: %s", self.verdict, decision["night"], reason)
        return reason


class NoWorkOperator(EmptyOperator):
    """A task that only marks a way through the graph. Without a callback Airflow needs no process to run it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "on_success_callback": None})


class DecideOperator(BaseBranchOperator):
    """Take the branch that the night's stored decision names: ``keep``, ``retrain`` or ``ask``."""

    def __init__(self, *, use_case_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.use_case_name = use_case_name

    @in_words
    def choose_branch(self, context: Context) -> str:
        """Read the decision; its reason goes along to the training that it asks for."""
        decision = decision_of(self.use_case_name, context)
        self.log.info("%s: %s", decision["decision"], decision["reason"])
        context["ti"].xcom_push(key="reason", value=decision["reason"])
        return str(decision["decision"])


class RetrainOperator(TriggerDagRunOperator):
    """Ask <uc>.train for a training as of the night, once: the run's id is the night's."""

    def __init__(self, *, use_case_name: str, **kwargs: Any) -> None:
        super().__init__(
            trigger_dag_id=f"{use_case_name}.train",
            trigger_run_id="monitor__{{ dag_run.partition_key }}",
            logical_date=None,
            conf={
                "as_of": "{{ dag_run.partition_key }}",
                "reason": "{{ ti.xcom_pull(task_ids='decide', key='reason') | truncate(480, true, '…') }}",
                "requested_by": "monitor",
            },
            skip_when_already_exists=True,
            openlineage_inject_parent_info=False,
            **kwargs,
        )


class AlertOperator(UseCaseOperator):
    """Alert people to failed verdicts and to a decided training.

    The outbox holds what a server refuses, and sends it later: no reason for this task to fail.
    """

    ui_color = "#fff1e6"

    @in_words
    def execute(self, context: Context) -> dict[str, dict[str, str]]:
        """Raise what there is to raise, and return alert -> channel -> state."""
        from plugins.alerts import raise_alert
        from plugins.failures import task_link

        decision = decision_of(self.use_case_name, context)
        _, workspace = open_use_case(self.use_case_name)
        alerts = alerts_of(self.use_case_name, decision, task_link(context["ti"]))
        if not alerts:
            self.log.info("no alert: no verdict failed, no training was decided")
        return {alert.headline: raise_alert(alert, workspace) for alert in alerts}


def decision_of(use_case_name: str, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored decision of the run's night.

    Raises:
        NotReady: the night holds none.
    """
    nights = partition_night(context)
    _, workspace = open_use_case(use_case_name)
    workspace.lake.require(f"{use_case_name}/decisions", nights)
    rows: list[dict[str, Any]] = workspace.lake.read(f"{use_case_name}/decisions", nights).to_pylist()
    if not rows:
        raise NotReady(
            f"night {nights} holds no decision.",
            where=f"{use_case_name}/decisions",
            do=f"Run: {command('monitor', use_case_name, nights)}",
        )
    return rows[0]


def alerts_of(use_case_name: str, decision: Mapping[str, Any], link: str) -> list[Alert]:
    """Return the alerts that a row of the decisions table gives cause to."""
    from nightloop.alerts.verdicts import person_asked, retrain_decided, verdict_failed

    night, reason = decision["night"], str(decision["reason"])
    by_hand = command("monitor", use_case_name, night)
    alerts = [
        verdict_failed(use_case_name, night, key.removesuffix("_verdict"), str(figure or reason), link=link, command=by_hand)
        for key, value in decision.items()
        if key.endswith("_verdict") and value == "fail"
        for figure in [decision.get(key.replace("_verdict", "_reason"))]
    ]
    decided = {"retrain": retrain_decided, "ask": person_asked}.get(str(decision["decision"]))
    if decided is not None:
        alerts.append(decided(use_case_name, night, reason, link=link, command=by_hand))
    return alerts
