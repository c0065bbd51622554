"""Answer again what was answered: from the line of the audit and the bundle it names, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from fastapi import FastAPI, Request, Response

from nightloop.access.keys import DECISIONS
from nightloop.audit.answers_table import shipped_line
from nightloop.audit.segments import line_of
from nightloop.definitions import UseCase
from nightloop.errors import StoreDamaged, UsageError
from nightloop.model.champions import promotion_of
from nightloop.model.predictor import Predictor, decided
from nightloop.nights import Night, parse_night
from nightloop.promotion.ladder import CHAMPION, RULE, RUNG
from nightloop.workspace import Workspace
from serving.access.gate import require
from serving.ladder import RuleSnapshot
from serving.model_snapshot import Identity, ModelSnapshot, NightThreshold
from serving.problems import GUARDED, Problem
from serving.threads import in_thread

NOT_OF_THE_TASK = {"key", "reasons", "model_version", "night", "threshold", "threshold_night", "warnings"}


class UnknownDecision(UsageError):
    """No line of the audit has this id."""

    http_status = 404


def stored_answer(workspace: Workspace, decision: str, use_case_names: Iterable[str]) -> dict[str, Any]:
    """Return the line of an answer by its id: from the audit of this HOME, or where the lake has it.

    Raises:
        UnknownDecision: neither has one that is whole.
    """
    line = line_of(workspace.settings.home, decision)
    shipped = (shipped_line(workspace.lake, name, decision) for name in use_case_names)
    if line is None and (line := next((of for of in shipped if of is not None), None)) is None:
        raise UnknownDecision(
            f"no line has the id '{decision[:60]}'.",
            where="the service's audit",
            do="Give the X-Decision-Id of an answer: its line is on the machine whose service gave it within the window, and "
            "in the lake when its night is shipped.",
        )
    return line


def explained(workspace: Workspace, use_case: UseCase, decision: str) -> dict[str, Any]:
    """Return ``made_again`` of an answer of a use case, by its id.

    Raises:
        UnknownDecision: there is none of this use case.
        StoreDamaged: the bundle is not the one that answered.
    """
    stored = stored_answer(workspace, decision, [use_case.use_case])
    if stored["use_case"] != use_case.use_case:
        raise UnknownDecision(
            f"use case '{use_case.use_case}' has no decision '{decision}'.", do="Ask the use case that answered."
        )
    return made_again(workspace, use_case, stored)


def made_again(workspace: Workspace, use_case: UseCase, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line of the audit, with what the bundle that it names answers to its features now, and whether that is the same.

    Raises:
        StoreDamaged: the bundle is not the one that answered.
    """
    answers = stored["answers"].get("predictions", [stored["answers"]])
    again = _answer_again(workspace, use_case, stored, answers)
    for answer, given in zip(again, answers, strict=True):
        answer |= {name: given[name] for name in ("warnings",) if name in given}  # of the contract of then, not of the model
    features = [dict(zip(stored["names"], row, strict=True)) for row in stored["features"]]
    is_same = orjson.dumps(again) == orjson.dumps(answers)
    return {**stored, "features": features, "answers": answers, "rebuilt": again, "is_rebuilt_to_the_last_bit": is_same}


def _answer_again(
    workspace: Workspace, use_case: UseCase, stored: Mapping[str, Any], answers: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    name, version, night = use_case.use_case, int(stored["model_version"]), Night.fromisoformat(stored["night"])
    if stored.get(RUNG) == RULE:
        return RuleSnapshot(use_case, night).answers(stored["rows"])
    champion = promotion_of(workspace.ledger, name, version)
    if champion.bundle_digest != stored["bundle_digest"]:
        raise StoreDamaged(
            f"the decision was made by the bundle {stored['bundle_digest']}, and the ledger has {champion.bundle_digest} as "
            f"version {version}.",
            where="the service's audit",
            do="One of the two was changed: compare them with their backups.",
        )
    predictor, first = Predictor.load(workspace.registry.fetch_champion(name, champion)), answers[0]
    snapshot = ModelSnapshot(
        use_case,
        Identity(night, stored["aggregates_version"], version, champion, rung=stored.get(RUNG, CHAMPION)),
        predictor,
        online=None,
        aggregates=None,
        columns=tuple(column for column in first if column not in NOT_OF_THE_TASK),
        threshold=_threshold(first),
        explained=decided if any(not answer["reasons"] for answer in answers) else None,
    )
    features = np.array(stored["features"], dtype=np.float64)  # null: missing
    return snapshot.answers(stored["rows"], reasons=any(answer["reasons"] for answer in answers), features=features)


def _threshold(answer: Mapping[str, Any]) -> NightThreshold | None:
    if "threshold" not in answer:
        return None
    night = answer["threshold_night"]
    return NightThreshold(answer["threshold"], None if night is None else parse_night(night))


def add_decision_routes(app: FastAPI, workspace: Workspace, use_cases: Sequence[UseCase], protected: Sequence[Any]) -> None:
    """Add a route a use case, which shows a decision by its id."""
    for use_case in use_cases:
        _add_route(app, workspace, use_case, protected)


def _add_route(app: FastAPI, workspace: Workspace, use_case: UseCase, protected: Sequence[Any]) -> None:
    @app.get(
        f"/v1/{use_case.use_case}/decisions/{{decision}}",
        operation_id=f"decision_{use_case.use_case}",
        summary="An answer that was given, and the same made again",
        tags=["decisions"],
        dependencies=list(protected),
        responses={
            **GUARDED,
            404: {"model": Problem, "description": "No such decision."},
            500: {"model": Problem, "description": "The bundle is not the one that answered."},
            503: {"model": Problem, "description": "The registry does not answer."},
        },
    )
    async def decisions(request: Request, decision: str) -> Response:
        require(request, DECISIONS, use_case.use_case)
        content = orjson.dumps(await in_thread(explained, workspace, use_case, decision))
        return Response(content, media_type="application/json")
