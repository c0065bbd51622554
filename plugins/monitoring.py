"""The tasks of <uc>.monitor and <uc>.report: what the decision leads to, who is alerted, and the pages for people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import BaseBranchOperator, BaseOperator, BaseOperatorLink

from nightloop.errors import NotReady, StoreUnavailable
from plugins.alert_text import Alert
from plugins.operators import StageOperator, UseCaseOperator, open_use_case, partition_night, partition_week

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import TaskInstanceKey

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


class PagedStageOperator(StageOperator):
    """A stage that may write an HTML page, named in the detail ``page`` of what it published."""

    operator_extra_links = (ReportLink(),)
    page = ""

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


class KeepOperator(EmptyOperator):
    """The champion stays."""


class DecideOperator(BaseBranchOperator):
    """Take the branch that the night's stored decision names: ``keep`` or ``retrain``."""

    def __init__(self, *, use_case_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.use_case_name = use_case_name

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

    An alert that a configured channel refuses fails this task, so that somebody sees it; it is tried again first.
    """

    ui_color = "#fff1e6"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(retries=3, **kwargs)  # each refusal is an event of the ledger: a few say enough

    def execute(self, context: Context) -> dict[str, dict[str, str]]:
        """Raise what there is to raise, and return alert -> channel -> outcome."""
        from plugins.alerts import raise_alert, run_link

        decision = decision_of(self.use_case_name, context)
        use_case, workspace = open_use_case(self.use_case_name)
        outcomes = {
            alert.key: raise_alert(alert, use_case, workspace.ledger)
            for alert in alerts_of(self.use_case_name, decision, run_link(context["ti"]))
        }
        if not outcomes:
            self.log.info("no alert: no verdict failed, no training was decided")
        refused = [
            f"{channel}: {outcome}"
            for by_channel in outcomes.values()
            for channel, outcome in by_channel.items()
            if not is_delivered(channel, outcome)
        ]
        if refused:
            raise StoreUnavailable(
                f"an alert was not delivered ({'; '.join(refused)}).",
                where=f"{self.use_case_name}.monitor",
                do="Mend the Airflow connection, then clear this task: what was delivered is not sent twice.",
            )
        return outcomes


def is_delivered(channel: str, outcome: str) -> bool:
    """Tell whether an alert reached the channel, or there is no channel to reach."""
    return channel == "none" or outcome.startswith("delivered")


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
            do=f"Run: python -m jobs monitor {use_case_name} {nights}",
        )
    return rows[0]


def alerts_of(use_case_name: str, decision: Mapping[str, Any], link: str) -> list[Alert]:
    """Return the alerts that a row of the decisions table gives cause to."""
    night, reason = decision["night"], str(decision["reason"])
    command = f"python -m jobs monitor {use_case_name} {night}"
    alerts = [
        Alert(
            "verdict_failed",
            use_case_name,
            night,
            key.removesuffix("_verdict"),
            str(decision.get(key.replace("_verdict", "_reason")) or reason),
            "Open the report of this run: it names the features or figures. If the source changed, mend it or the contract; "
            "if the world changed, let the retraining run its course.",
            link=link,
            command=command,
        )
        for key, value in decision.items()
        if key.endswith("_verdict") and value == "fail"
    ]
    if decision["decision"] == "retrain":
        do = f"Nothing, unless you object: {use_case_name}.train runs as of this night, and its gates decide."
        alerts.append(Alert("retrain_decided", use_case_name, night, "retrain", reason, do, link=link, command=command))
    return alerts
