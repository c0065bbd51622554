"""Read every definition and contract and tell every mistake; touches no data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from jobs.commands.console import errors, output
from nightloop.contracts.mistakes import contract_mistakes
from nightloop.definitions import load_use_case, use_case_names
from nightloop.errors import DefinitionError, NightloopError, UnknownUseCase
from nightloop.settings import load_settings

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
class Checked:
    """What was found of one use case."""

    use_case: str
    sources: int
    features: int
    rules: int
    mistakes: tuple[Mistake, ...]


def show(name: str | None, *, as_json: bool = False) -> int:
    """Check one use case, or all; return 0, or 3 when there is a mistake.

    Raises:
        UnknownUseCase: no such file.
    """
    settings = load_settings()
    found = [
        check(item, settings.definitions, settings.contracts)
        for item in ([name] if name else use_case_names(settings.definitions))
    ]
    if as_json:
        print(json.dumps({"use_cases": [asdict(item) for item in found]}, ensure_ascii=False))  # noqa: T201 - the answer
    else:
        for item in found:
            _tell(item)
    return MISTAKES if any(item.mistakes for item in found) else 0


def check(name: str, definitions: Path, contracts: Path) -> Checked:
    """Return every mistake of a use case: of its definition, or, where that has none, of its contracts.

    Raises:
        UnknownUseCase: no such file.
    """
    try:
        use_case = load_use_case(name, definitions)
    except UnknownUseCase:
        raise
    except NightloopError as error:
        return Checked(name, 0, 0, 0, tuple(_mistakes(error)))
    rules, wrong = contract_mistakes(use_case, contracts)
    mistakes = (mistake for error in wrong for mistake in _mistakes(error))
    return Checked(name, len(use_case.sources), len(use_case.features), rules, tuple(mistakes))


def _mistakes(error: NightloopError) -> Iterator[Mistake]:
    several = error.mistakes if isinstance(error, DefinitionError) else ()
    for where, what, do in several or ((error.where or "", error.what, error.do or ""),):
        yield Mistake(where, what, do)


def _tell(found: Checked) -> None:
    for mistake in found.mistakes:
        errors.print(str(mistake), markup=False)
    if not found.mistakes:
        counts = f"{found.sources} sources, {found.features} features, {found.rules} contract rules"
        output.print(f"{found.use_case}: {counts}, no mistake found")
