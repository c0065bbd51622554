"""The task of <uc>.champion, which does what ``python -m jobs champion`` does, and the look at the registry's aliases."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from nightloop.errors import UsageError
from plugins.alerts import deliver_due_alerts
from plugins.operators import EveryUseCaseOperator, UseCaseOperator, asked_by, open_use_case
from plugins.retries import in_words

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nightloop.definitions import UseCase
    from nightloop.workspace import Workspace

ACTIONS = ("show", "history", "rollback", "retire", "adopt", "reset-alias")
CHANGING = ACTIONS[2:]


class ChampionOperator(UseCaseOperator):
    """Do what the form asks; who decides is the user who triggered the run, and not what a form says."""

    ui_color = "#eef4e6"

    @in_words
    def execute(self, context: Context) -> dict[str, Any]:
        """Do it, log it line by line, and return it.

        Raises:
            UsageError: no user of Airflow triggered the run, or the form asks for what cannot be.
            DefinitionError: the version can no longer score; names what is lost.
            GateFailed: a version to adopt did not pass its gates.
        """
        from jobs.commands.champion import act

        form, person = context["params"], asked_by(context)
        if form["action"] in CHANGING and not person:
            raise UsageError("nobody triggered this run: a person decides who is champion.", do="Trigger it with its form.")
        if form["action"] in CHANGING and not form["reason"]:
            raise UsageError("the form has no reason, and the ledger is to say why.", do="Trigger it again with one.")
        use_case, workspace = open_use_case(self.use_case_name)
        options = argparse.Namespace(
            action=form["action"],
            to=form["version"],
            first=form["from_night"],
            unpin=form["unpin"],
            by=person,
            reason=form["reason"],
        )
        answer, lines = act(use_case, workspace, options)
        for line in lines:
            self.log.info(line)
        if form["action"] in CHANGING:
            deliver_due_alerts(workspace)
        return answer


class AliasesOperator(EveryUseCaseOperator):
    """Compare the registry's alias of every use case with the ledger; alert people once where a hand moved it."""

    def look_at(self, use_case: UseCase, workspace: Workspace) -> str:
        """Say where the alias of a use case points."""
        from nightloop.promotion.alias import check_alias

        words = check_alias(use_case, workspace).in_words()
        self.log.info("%s: %s", use_case.use_case, words)
        return words
