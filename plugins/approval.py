"""The task ``approval`` of <uc>.train: ask a person, with the figures, by a deadline, and count the answer for what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param
from airflow.sdk.configuration import conf

from nightloop.errors import GateFailed
from plugins.alerts import raise_alert
from plugins.monitoring import written_page
from plugins.operators import asked_by, form_night, open_use_case
from plugins.retries import in_words

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nightloop.model.registry import RegisteredVersion
    from nightloop.promotion.answers import Answer
    from nightloop.promotion.approval import Question
    from nightloop.workspace import Workspace

WHY = "why"  # the form's field; the DAG's own form has a reason already
ONE_USER = "This Airflow knows one user only, so whoever asked for it may approve it; the ledger says that nobody else could."


class ApprovalByPerson(ApprovalOperator):
    """Ask a person before a candidate of a high-risk use case is promoted, and record who answered what.

    No answer by the deadline is a rejection, and so is the approval of who asked for the training. A rejection fails the task:
    Airflow's own way skips what follows, and the run would look green.
    """

    def __init__(self, *, use_case_name: str, task_id: str, **kwargs: Any) -> None:
        kwargs.pop("params", None)  # those of the DAG's form, which Airflow hands down: the question has a form of its own
        super().__init__(
            task_id=task_id,
            subject=f"Promote the candidate of {use_case_name}, as of {{{{ params.as_of }}}}?",
            body="What the gates found stands here as soon as the question is asked.",
            params={
                WHY: Param(
                    "",
                    source="task",
                    type="string",
                    maxLength=500,
                    title="Why",
                    description="Why you approve or reject, in a sentence: who asked for the training reads it.",
                )
            },
            doc_md="Wait for a person's answer (*Required actions*), who sees the gates' figures there. Rejected, or not "
            "answered by the deadline: the champion stays and this run ends red.",
            retries=0,
            **kwargs,
        )
        self.use_case_name = use_case_name

    @in_words
    def execute(self, context: Context) -> Any:
        """Gather what the answer can rest on, tell people that it is waited for, and wait.

        Raises:
            StoreUnavailable: the registry does not answer: clear the task to ask again.
        """
        question = self._question(context)
        self.subject, self.body = question.title, question.as_markdown()
        if only_user():
            self.body += f"\n\n{ONE_USER}"
        self.response_timeout = question.deadline - datetime.now(UTC)
        for line in question.in_lines():
            self.log.info(line)
        self._alert(context, question)
        return super().execute(context)

    def _alert(self, context: Context, question: Question) -> None:
        """Alert people, with a link to the page on which they answer."""
        from nightloop.promotion.alerts import approval_asked

        _, workspace = open_use_case(self.use_case_name)
        link = self.generate_link_to_ui(task_instance=context["ti"])
        raise_alert(approval_asked(question, link=link, run=f"{context['run_id']} {question.deadline.isoformat()}"), workspace)

    def _question(self, context: Context) -> Question:
        from jobs.training.state import candidate_version, champion_before
        from nightloop.promotion.approval import question

        use_case, workspace = open_use_case(self.use_case_name)
        night, rule, asker = form_night(context).last, use_case.gates.approval, asked_by(context)
        candidate = candidate_version(use_case, night, workspace)
        asked = question(
            use_case,
            candidate,
            champion_before(use_case, candidate.version, workspace),
            workspace,
            asked_by=asker,
            requested_by=str(context["params"]["requested_by"]),
            reason=str(context["params"]["reason"]),
            deadline=datetime.now(UTC) + timedelta(hours=rule.deadline_hours),
            others_only=rule.by_another_person and bool(asker) and not only_user(),
        )
        payload = {"version": candidate.version, "asked_by": asker, "deadline": asked.deadline.isoformat(timespec="seconds")}
        workspace.ledger.record(
            "approval_asked", use_case.use_case, night=night, subject=str(context["run_id"]), payload=payload
        )
        return replace(asked, links=_with_pages(asked.links, use_case.use_case, candidate, workspace))

    @in_words
    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Record the answer; go on only with an approval.

        Raises:
            GateFailed: rejected, not answered in time, or approved by who asked.
        """
        night = form_night(context).last
        use_case, workspace = open_use_case(self.use_case_name)
        answer = self._answer(context, event)
        workspace.ledger.record(
            answer.kind, use_case.use_case, night=night, subject=str(context["run_id"]), payload=answer.payload
        )
        self.log.info("%s by %s", answer.kind, answer.payload["by"])
        what, do = answer.refusal
        if what:
            raise GateFailed(f"the candidate as of {night} is not approved: {what}", where=f"{self.use_case_name}.train", do=do)
        return super().execute_complete(context, event)

    def _answer(self, context: Context, event: Mapping[str, Any]) -> Answer:
        from jobs.training.state import candidate_version
        from nightloop.model import champions
        from nightloop.promotion.answers import NOBODY, answer

        use_case, workspace = open_use_case(self.use_case_name)
        candidate = candidate_version(use_case, form_night(context).last, workspace)
        timed_out = event.get("error_type") == "timeout"
        return answer(
            use_case.gates.approval,
            approved=list(event.get("chosen_options") or ()) == [self.APPROVE],
            by=NOBODY if timed_out else person(event.get("responded_by_user")),
            asked_by=asked_by(context),
            why=str((event.get("params_input") or {}).get(WHY) or "").strip(),
            only_user=bool(only_user()),
            version=candidate.version,
            stays=champions.what_stays(workspace.ledger, use_case.use_case),
        )


def _with_pages(links: Mapping[str, str], use_case: str, candidate: RegisteredVersion, workspace: Workspace) -> dict[str, str]:
    """Return the links with the pages of card and verdicts where Airflow shows them, if this machine has them."""
    from jobs.training.judged_card import page_path
    from nightloop.promotion.approval import VERDICTS
    from nightloop.promotion.verdicts import page_name

    reports = workspace.reports
    card = written_page(page_path(workspace, use_case, candidate.version), reports)
    verdicts = written_page(reports / page_name(use_case, candidate.as_of, candidate.version), reports)
    return {**({"Model card as a page": card} if card else {}), **links, **({VERDICTS: verdicts} if verdicts else {})}


def person(user: object) -> str:
    """Return the name under which Airflow knows who answered."""
    if isinstance(user, Mapping):
        return str(user.get("name") or user.get("id") or "unknown")
    return str(getattr(user, "name", None) or user or "unknown")


def only_user() -> str:
    """Return the name of the only user of Airflow who may answer, or "" where there are others: then nobody else could approve.

    A viewer may not answer, and so is nobody else.
    """
    if not conf.get("core", "auth_manager", fallback="").endswith(".SimpleAuthManager"):
        return ""
    if conf.getboolean("core", "simple_auth_manager_all_admins", fallback=False):
        return "Anonymous"
    users = [user.strip().split(":") for user in conf.get("core", "simple_auth_manager_users", fallback="").split(",") if user]
    may_answer = [name for name, *role in users if [word.lower() for word in role[:1]] != ["viewer"]]
    return may_answer[0] if len(may_answer) == 1 else ""
