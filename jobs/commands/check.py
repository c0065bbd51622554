"""Read every definition and contract, print every mistake, and what differs from what the lake was made by.

Touches no data: python -m jobs check [USE_CASE].
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.console import errors, output
from nightloop.contracts.mistakes import contract_mistakes
from nightloop.definitions import UseCase, load_use_case, use_case_names
from nightloop.definitions.loading import place_in_definition
from nightloop.definitions.parameters import COUPLED
from nightloop.definitions.use_case import Card
from nightloop.errors import DefinitionError, NightloopError, UnknownUseCase
from nightloop.settings import Settings, load_settings
from nightloop.sources.binding import expression_mistakes

if TYPE_CHECKING:
    from nightloop.workspace import Workspace

MISTAKES = DefinitionError.exit_code


@dataclass(frozen=True)
class Mistake:
    """One mistake: where it stands (file:line), what was read, and how to mend it."""

    where: str
    what: str
    do: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} {self.do}"


@dataclass(frozen=True)
class CheckResult:
    """Sizes and mistakes of one use case."""

    use_case: str
    sources: int
    features: int
    rules: int
    mistakes: tuple[Mistake, ...]
    notes: tuple[str, ...] = ()  # what may be meant, and has a price
    plan: tuple[str, ...] = ()  # what the definition means for the lake of this HOME, in lines; nothing where nothing changes
    advice: tuple[str, ...] = ()  # what the margin can prove, and verdicts whose outcome limits decide beforehand


def run(options: argparse.Namespace) -> int:
    """Check one use case, or all; return 0, or 3 when there is a mistake.

    Raises:
        UnknownUseCase: no such file.
    """
    settings = load_settings()
    names = [options.use_case] if options.use_case else use_case_names(settings.definitions)
    results = [check(name, settings.definitions, settings.contracts) for name in names]
    results = [result if result.mistakes else _with_lake(result, settings) for result in results]
    if options.json:
        print(json.dumps({"use_cases": [asdict(result) for result in results]}, ensure_ascii=False))  # noqa: T201 - the answer
    else:
        for result in results:
            _print(result)
    return MISTAKES if any(result.mistakes for result in results) else 0


def check(use_case_name: str, definitions: Path, contracts: Path) -> CheckResult:
    """Return every mistake of a use case: of its definition, or, where that has none, of its contracts.

    Raises:
        UnknownUseCase: no such file.
    """
    try:
        use_case = load_use_case(use_case_name, definitions)
    except UnknownUseCase:
        raise
    except NightloopError as error:
        return CheckResult(use_case_name, 0, 0, 0, tuple(_mistakes(error)))
    rules, errors_of_contracts, notes_of_contracts = contract_mistakes(use_case, contracts)
    all_errors = (*_linear_mistakes(use_case, definitions), *expression_mistakes(use_case, definitions), *errors_of_contracts)
    mistakes = (mistake for error in all_errors for mistake in _mistakes(error))
    sizes = len(use_case.sources), len(use_case.features), rules
    notes = (*_notes(use_case, definitions), *notes_of_contracts)
    return CheckResult(use_case_name, *sizes, tuple(mistakes), notes)


def _linear_mistakes(use_case: UseCase, definitions: Path) -> Iterator[DefinitionError]:
    """Yield why parameters of a linear model do not go together, where some of them do not go with every other."""
    model, (baseline, of_baseline) = use_case.model, use_case.model.baseline
    declared = {("model", baseline): of_baseline}
    if model.estimator is not None and model.estimator.kind == baseline:
        declared["model", "estimator"] = model.estimator.parameters
    for path, parameters in declared.items():
        if set(parameters).isdisjoint(COUPLED):
            continue  # scikit-learn need not be imported
        from nightloop.model.training.trainers import try_linear

        try:
            try_linear(model, parameters)
        except DefinitionError as error:
            yield DefinitionError(error.what, where=place_in_definition(use_case.use_case, definitions, path), do=error.do)


def _notes(use_case: UseCase, definitions: Path) -> Iterator[str]:
    """Say that outcomes may still be revised when their label matures, and what the card lacks."""
    yield from _unstated(use_case, definitions)
    label, reach = use_case.label, use_case.sources[use_case.label.source].revised_within
    if label.matures_after < reach:
        where = place_in_definition(use_case.use_case, definitions, ("label", "matures_after"))
        yield (
            f"{where}: note: matures_after is {label.matures_after}, and records of "
            f"'{label.source}' may be revised for {reach} (revised_within): a training learns from outcomes that may still "
            f"change, and realised figures are restated. Write matures_after: {reach} to wait until they are final."
        )


def _unstated(use_case: UseCase, definitions: Path) -> Iterator[str]:
    """Say what the model card will have to say is not stated."""
    absent = [f"card.{name}" for name in Card.model_fields if not getattr(use_case.card or Card(), name)]
    if absent:
        where = place_in_definition(use_case.use_case, definitions, ("card",) if use_case.card else ("use_case",))
        yield f"{where}: note: the model card will say 'not stated by the owner' for {', '.join(absent)}: write them."


def _with_lake(result: CheckResult, settings: Settings) -> CheckResult:
    """Add what the definition means for what was made already, and what its margin can prove."""
    from jobs.training.impossible_verdicts import AtHand, at_hand, impossible_verdicts
    from jobs.training.margin_advice import bias_advice, floor_advice, margin_advice, typical_rows

    use_case = load_use_case(result.use_case, settings.definitions)
    if "://" not in settings.lake_url and not Path(settings.lake_url, result.use_case).exists():
        # Nothing was made yet: the libraries that read a lake need not be imported.
        return replace(result, advice=_lines(margin_advice(use_case), *impossible_verdicts(use_case, AtHand())))
    from nightloop.monitoring.joins import keys_written_otherwise
    from nightloop.workspace import Workspace

    workspace = Workspace.open(settings)
    try:
        ledger = workspace.ledger
        margin = margin_advice(use_case, ledger=ledger, rows=typical_rows(use_case, workspace.lake))
        impossible = impossible_verdicts(use_case, at_hand(use_case, workspace.lake))
        keys = keys_written_otherwise(use_case, workspace.lake)
        advice = _lines(margin, bias_advice(use_case, ledger), floor_advice(use_case, ledger), *impossible, *keys)
    except NightloopError as error:
        advice = (f"  the stores could not be asked what the limits prove: {error}",)
    return replace(result, plan=_plan(use_case, workspace), advice=advice)


def _lines(*advice: str) -> tuple[str, ...]:
    return tuple(line for line in advice if line)


def _plan(use_case: UseCase, workspace: Workspace) -> tuple[str, ...]:
    """Return the lines of the plan where the lake was made by another definition; a lake that cannot be asked says why."""
    from jobs.upkeep.plan import NOTHING, make_plan

    try:
        plan = make_plan(use_case, workspace)
    except NightloopError as error:
        return (f"  the lake could not be asked what this changes: {error}",)
    return tuple(plan.lines()) if plan.exit_code != NOTHING else ()


def _mistakes(error: NightloopError) -> Iterator[Mistake]:
    several = error.mistakes if isinstance(error, DefinitionError) else ()
    for where, what, do in several or ((error.where or "", error.what, error.do or ""),):
        yield Mistake(where, what, do)


def _print(result: CheckResult) -> None:
    for mistake in result.mistakes:
        errors.print(str(mistake), markup=False)
    for note in result.notes:
        output.print(note, markup=False)
    if not result.mistakes:
        counts = f"{result.sources} sources, {result.features} features, {result.rules} contract rules"
        output.print(f"{result.use_case}: {counts}, no mistake found")
    for line in (*result.plan, *result.advice):
        output.print(line, markup=False)
