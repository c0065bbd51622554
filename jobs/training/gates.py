"""The gates of a training, and the promotion behind them: no verdict, an error, too little data are no pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.published import Progress, silent
from jobs.training.judged_card import write_judged_card
from jobs.training.judges import JUDGES
from jobs.training.rivals import compared_rivals
from jobs.training.state import candidate_version, trained_on
from jobs.training.verdict_files import write_verdicts
from nightloop.definitions.use_case import UseCase
from nightloop.errors import GateFailed, NightloopError, TryAgain, UsageError, command
from nightloop.evidence.gates.bundle import MILLISECONDS
from nightloop.evidence.gates.gates import GATES
from nightloop.evidence.verdict import Verdict
from nightloop.ledger import Event
from nightloop.model import bundle, champions
from nightloop.model.registry import RegisteredVersion
from nightloop.model.training import evaluation_table
from nightloop.nights import Night
from nightloop.promotion import reversal
from nightloop.promotion.alias import check_alias, follow
from nightloop.promotion.anchor import BETTER_THAN, proved_better
from nightloop.promotion.verdicts import GRANTED, JUDGED, REFUSED, last_verdict
from nightloop.workspace import Workspace

__all__ = ["GATES", "adopt", "gate", "promote"]

StepResult = dict[str, Any]  # what a step of the training tells the next one, as plain values


def gate(use_case: UseCase, as_of: Night, workspace: Workspace, *, name: str, progress: Progress = silent) -> StepResult:
    """Judge the candidate by one gate, record the verdict, and return it.

    Raises:
        GateFailed: anything but a pass, after the verdict is recorded; what broke while judging counts as a fail.
        NotReady, StoreUnavailable: there is nothing to judge yet, or a store does not answer: no verdict is recorded.
        UsageError: no such gate.
    """
    if name not in GATES:
        raise UsageError(f"there is no gate '{name}'.", do=f"The gates are {', '.join(GATES)}.")
    candidate = candidate_version(use_case, as_of, workspace)
    progress(f"judging {name}", 0, 1)
    broken: Exception | None = None
    try:
        verdict = JUDGES[name](use_case, as_of, workspace, candidate)
    except TryAgain:
        raise
    except Exception as error:  # whatever it is: a gate that could not judge is a gate that did not pass
        broken = error
        verdict = Verdict(name, "fail", f"The gate broke while judging: {type(error).__name__}: {error}")
    _record(use_case, as_of, workspace, candidate=candidate, verdict=verdict)
    page = write_verdicts(use_case, as_of, workspace, candidate)
    progress(f"judging {name}", 1, 1)
    if not verdict.passed:
        what = f"gate {name}, version {candidate.version}: {verdict.outcome.replace('_', ' ')}. {verdict.reason}"
        raise refusal(use_case, as_of, workspace, what) from broken
    return {
        "version": candidate.version,
        "gate": name,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "page": str(page),
    }


def refusal(use_case: UseCase, as_of: Night, workspace: Workspace, what: str) -> GateFailed:
    """Return the error of a training that promotes nobody: it says who scores then."""
    stays = champions.what_stays(workspace.ledger, use_case.use_case)
    return GateFailed(
        what, where=f"{use_case.use_case}, as of {as_of}", do=f"{stays}{_by_features_of_then(use_case, workspace)}"
    )


def _by_features_of_then(use_case: UseCase, workspace: Workspace) -> str:
    """Name what the champion answers by and the definition no longer has; no candidate may reach one that leans on a leak."""
    champion = champions.newest(workspace.ledger, use_case.use_case)
    digest = champion.payload.get("bundle_digest") if champion else None
    if champion is None or digest is None:
        return ""
    try:
        folder = workspace.registry.fetch(use_case.use_case, champion.version, digest)
        gone = [name for name in bundle.read_spec(folder).features if name not in use_case.features]
    except NightloopError:  # the refusal is what is to be told; what keeps a bundle from being read is told where it is needed
        return ""
    if not gone:
        return ""
    retire = command("champion", "retire", use_case.use_case)
    return (
        f" It answers by features that the definition no longer has ({', '.join(gone)}), as long as their columns come. "
        f"If they should never have been used, as a leak should not, end it: {retire} --help."
    )


def promote(use_case: UseCase, as_of: Night, workspace: Workspace, *, progress: Progress = silent) -> StepResult:
    """Make the candidate champion if every gate's verdict stands as a pass, and let the alias follow.

    Raises:
        GateFailed: a gate did not pass or gave no verdict on what stands, or a person's approval is missing.
        NotReady: nothing is fitted or evaluated.
    """
    candidate = candidate_version(use_case, as_of, workspace)
    ledger = workspace.ledger
    progress("promoting", 0, 1)
    with ledger.exclusive():
        promoted_versions = {champion.version for champion in champions.history(ledger, use_case.use_case)}
        if candidate.version in promoted_versions:
            _check_not_taken_back(use_case, candidate.version, workspace)
        verdicts = {} if candidate.version in promoted_versions else _passed_verdicts(use_case, as_of, workspace, candidate)
        answer = _last_answer(use_case, as_of, workspace, list(verdicts.values()))
        payload = {
            "by": f"the gates and {answer.payload.get('by')}" if answer and use_case.risk == "high" else "the gates",
            **trained_on(use_case, as_of, workspace, candidate.version),
            "run_id": candidate.run_id,
            "training_key": candidate.training_key,
            "bundle_digest": candidate.bundle_digest,
            "verdicts": {gate: event.seq for gate, event in verdicts.items()},
            BETTER_THAN: _proved_better(use_case, as_of, workspace, candidate, verdicts),
        }
        promoted = champions.promote(ledger, use_case.use_case, candidate.version, as_of, payload)
    follow(use_case.use_case, workspace)
    write_judged_card(use_case, as_of, workspace, candidate)
    progress("promoting", 1, 1)
    return {"version": promoted.version, "promoted": True, "effective_from": str(promoted.effective_from)}


def _check_not_taken_back(use_case: UseCase, version: int, workspace: Workspace) -> None:
    """Check of a version that was promoted before that no person has put another, or none, in its place since.

    Raises:
        GateFailed: the same training run again does not bring it back.
    """
    change = champions.newest_change(workspace.ledger, use_case.use_case)
    if change is None or change.kind == "promoted" or (change.champion and change.version == version):
        return
    done = "retired" if change.kind == "retired" else "rolled back to"
    raise GateFailed(
        f"version {version} was champion before, and {change.by} has {done} version {change.version} since ({change.reason}).",
        where=use_case.use_case,
        do=f"If it is to come back: {command('champion', 'rollback', use_case.use_case, '--to', version)}",
    )


def adopt(use_case: UseCase, workspace: Workspace, *, by: str, reason: str) -> StepResult:
    """Make the version champion that the alias was moved to by hand, through the checks of a promotion or of a roll-back.

    Raises:
        UsageError: the alias was not moved, or to no version that a training registered.
        GateFailed: a gate never passed the version, or not on what stands now; or a person's approval is missing.
        NotReady: its evaluation is not there any more.
    """
    name, state = use_case.use_case, check_alias(use_case, workspace)
    back = f"Set it back: {command('champion', 'reset-alias', name)}"
    if not state.is_moved:
        raise UsageError(f"there is nothing to adopt. {state.in_words()}", where=name)
    registered = {version.version: version for version in workspace.registry.versions(name)}.get(state.alias or 0)
    if registered is None:
        raise UsageError(f"no training registered what the alias points at. {state.in_words()}", where=name, do=back)
    if registered.version in {champion.version for champion in champions.history(workspace.ledger, name)}:
        change = reversal.roll_back(use_case, workspace, version=registered.version, by=by, reason=reason).change
        return {"version": change.version, "effective_from": str(change.effective_from)}
    if candidate_version(use_case, registered.as_of, workspace).version != registered.version:
        what = f"version {registered.version} is not the candidate of {registered.as_of} any more: no verdict on it stands."
        raise GateFailed(what, where=name, do=back)
    promoted = promote(use_case, registered.as_of, workspace)
    payload = {"version": registered.version, "by": by, "reason": reason}
    workspace.ledger.record("alias_adopted", name, subject=str(registered.version), payload=payload)
    return {"version": promoted["version"], "effective_from": promoted["effective_from"]}


def _passed_verdicts(use_case: UseCase, as_of: Night, workspace: Workspace, candidate: RegisteredVersion) -> dict[str, Event]:
    _, outdated = compared_rivals(use_case, as_of, workspace, candidate)
    digest = workspace.lake.states(evaluation_table.table_name(use_case))[as_of].content_digest
    problems, verdicts = [outdated] if outdated else [], {}
    for name in GATES:
        event = last_verdict(workspace.ledger, use_case.use_case, candidate.version, name)
        if event is None or event.payload["evaluation"] != digest:
            problems.append(f"{name} gave no verdict")
        elif event.payload.get("limits") != _limits(use_case, name):
            problems.append(f"{name} gave its verdict by other limits than those of today: judge again")
        elif event.payload["outcome"] != "pass":
            problems.append(f"{name}: {event.payload['reason']}")
        else:
            verdicts[name] = event
    if not problems and use_case.risk == "high":
        answer = _last_answer(use_case, as_of, workspace, list(verdicts.values()))
        if answer is None or answer.kind != GRANTED:
            problems.append("it waits for approval by a person, for the use case is of high risk")
    if problems:
        what = f"version {candidate.version} is not promoted: {'; '.join(problem.rstrip('.') for problem in problems)}."
        raise refusal(use_case, as_of, workspace, what)
    return verdicts


def _proved_better(
    use_case: UseCase, as_of: Night, workspace: Workspace, candidate: RegisteredVersion, verdicts: dict[str, Event]
) -> list[int]:
    """Return the earlier champions that the verdict of the performance gate puts the candidate wholly above."""
    if "performance" not in verdicts:
        return []
    champion, anchor, _ = evaluation_table.compared_versions(use_case, as_of, candidate.version, workspace.lake)
    return proved_better(verdicts["performance"].payload["figures"], champion=champion, anchor=anchor)


def _last_answer(use_case: UseCase, as_of: Night, workspace: Workspace, verdicts: list[Event]) -> Event | None:
    """Return the last answer of a person since the last verdict."""
    judged = max((event.seq for event in verdicts), default=0)
    answers = workspace.ledger.events(use_case.use_case, kind=(GRANTED, REFUSED), night=as_of)
    return next((event for event in reversed(answers) if event.seq > judged), None)


def _record(use_case: UseCase, as_of: Night, workspace: Workspace, *, candidate: RegisteredVersion, verdict: Verdict) -> None:
    """Append the verdict, unless the last one is the same of the same evaluation."""
    payload = {
        "version": candidate.version,
        "gate": verdict.gate,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "figures": [figure.as_json() for figure in verdict.figures],
        "limits": _limits(use_case, verdict.gate),
        "evaluation": workspace.lake.states(evaluation_table.table_name(use_case))[as_of].content_digest,
    }
    with workspace.ledger.exclusive() as ledger:
        last = last_verdict(ledger, use_case.use_case, candidate.version, verdict.gate)
        if last is None or _untimed(last.payload) != _untimed(payload):
            ledger.record(
                JUDGED, use_case.use_case, night=as_of, subject=f"{candidate.version}/{verdict.gate}", payload=payload
            )


def _untimed(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a verdict but for the time that its gate measured, which is another each time."""
    return {**payload, "figures": [figure for figure in payload["figures"] if figure["metric"] != MILLISECONDS]}


def _limits(use_case: UseCase, gate: str) -> dict[str, Any]:
    """Return what the use case declares for the gate; a gate without limits has none."""
    declared = getattr(use_case.gates, gate, None)
    return {} if declared is None else dict(declared.model_dump(mode="json"))
