"""The command champion: who it is, and what a person may do about it."""

from __future__ import annotations

import argparse
import json
from typing import Any

from jobs.console import output
from nightloop.alerts import deliver_due
from nightloop.alerts.addresses import channels_of, from_settings
from nightloop.definitions import load_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.model import champions
from nightloop.nights import parse_night
from nightloop.promotion import alias, reversal
from nightloop.promotion.overview import overview, scored_nights
from nightloop.promotion.words import history_line, overview_lines, reversal_lines
from nightloop.settings import load_settings
from nightloop.workspace import Workspace

Answer = tuple[dict[str, Any], list[str]]  # as JSON, and as lines for a person


def run(options: argparse.Namespace) -> int:
    """Do what was asked, and print what came of it."""
    workspace = Workspace.open(load_settings())
    use_case = load_use_case(options.use_case, workspace.settings.definitions)
    answer, lines = act(use_case, workspace, options)
    if options.json:
        print(json.dumps({"use_case": use_case.use_case, **answer}, default=str))  # noqa: T201 - the command's answer
    else:
        for line in lines:
            output.print(line, markup=False, highlight=False)
    if options.action not in ("show", "history"):
        settings = workspace.settings
        deliver_due(workspace.ledger, channels_of(settings.definitions, from_settings(settings)))
    return 0


def act(use_case: UseCase, workspace: Workspace, options: argparse.Namespace) -> Answer:
    """Do what was asked, and return what came of it.

    Args:
        use_case: whose champion.
        workspace: its stores.
        options: ``action`` and what it takes, as the command line names it: to, first, unpin, by, reason.
    """
    return _ACTIONS[options.action](use_case, workspace, options)


def _show(use_case: UseCase, workspace: Workspace, _options: argparse.Namespace) -> Answer:
    stands = overview(use_case, workspace)
    return stands.as_json(), overview_lines(stands)


def _history(use_case: UseCase, workspace: Workspace, _options: argparse.Namespace) -> Answer:
    scored = scored_nights(workspace.ledger, use_case.use_case)
    changes = champions.changes(workspace.ledger, use_case.use_case)
    lines = [history_line(change, scored[change.version]) for change in changes]
    rows = [{**change.as_json(), "scored_nights": scored[change.version]} for change in changes]
    return {"changes": rows}, lines or [f"{use_case.use_case}: nobody was champion yet"]


def _roll_back(use_case: UseCase, workspace: Workspace, options: argparse.Namespace) -> Answer:
    outcome = reversal.roll_back(
        use_case,
        workspace,
        by=options.by,
        reason=options.reason,
        version=options.to,
        first=parse_night(options.first) if options.first else None,
        unpin=options.unpin,
    )
    return outcome.as_json(), reversal_lines(use_case.use_case, outcome)


def _retire(use_case: UseCase, workspace: Workspace, options: argparse.Namespace) -> Answer:
    first = parse_night(options.first) if options.first else None
    outcome = reversal.retire(use_case, workspace, by=options.by, reason=options.reason, first=first)
    return outcome.as_json(), reversal_lines(use_case.use_case, outcome)


def _adopt(use_case: UseCase, workspace: Workspace, options: argparse.Namespace) -> Answer:
    from jobs.training.gates import adopt  # and with it NumPy and the gates, which nothing else here needs

    adopted = adopt(use_case, workspace, by=options.by, reason=options.reason)
    line = f"{use_case.use_case}: version {adopted['version']} is champion from {adopted['effective_from']} on"
    return adopted, [line]


def _reset_alias(use_case: UseCase, workspace: Workspace, options: argparse.Namespace) -> Answer:
    state = alias.reset(use_case, workspace, by=options.by, reason=options.reason)
    was, is_now = (f"version {version}" if version else "no version" for version in (state.alias, state.champion))
    line = f"{use_case.use_case}: the alias 'champion' points at {is_now} again, not at {was}"
    return {"alias": state.champion, "was": state.alias}, [line]


_ACTIONS = {
    "show": _show,
    "history": _history,
    "rollback": _roll_back,
    "retire": _retire,
    "adopt": _adopt,
    "reset-alias": _reset_alias,
}
