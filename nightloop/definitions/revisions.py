"""A definition and its contracts as they stand in a file or in a Git revision, beside those of today."""

from __future__ import annotations

import subprocess
from pathlib import Path

from nightloop.definitions import UseCase
from nightloop.definitions.extending import Beside, Document
from nightloop.definitions.loading import beside, parse_use_case
from nightloop.definitions.yaml_lines import read_yaml
from nightloop.errors import UsageError
from nightloop.settings import Settings


def definition_at(use_case: UseCase, settings: Settings, against: str) -> UseCase:
    """Return the use case as a file or a Git revision declares it.

    Raises:
        UsageError: there is no such file or revision.
        DefinitionError: mistakes in it, each at its line.
    """
    if Path(against).is_file():
        path = Path(against)
        return parse_use_case(
            path.read_text(encoding="utf-8"), against, use_case.use_case, beside(path.parent, settings.definitions)
        )
    text = _shown(settings.definitions, against, f"{use_case.use_case}.yaml")
    if text is None:
        raise UsageError(
            f"'{against}' is neither a file nor a Git revision that holds the use case.",
            where=str(settings.definitions),
            do="Give a file, or a revision such as HEAD~1 or main.",
        )

    def as_of_then(name: str) -> Document | None:
        text, file = _shown(settings.definitions, against, f"{name}.yaml"), f"{against}:{name}.yaml"
        return None if text is None else Document(name, text, *read_yaml(text, file))

    return parse_use_case(text, f"{against}:{use_case.use_case}.yaml", use_case.use_case, Beside(as_of_then))


def write_contracts_at(use_case: UseCase, settings: Settings, against: str, folder: Path) -> None:
    """Write the contracts of a revision into a folder; for a file, and where the revision has none, those of today."""
    for source in use_case.sources:
        name = f"{use_case.contracts_of}/{source}.yaml"
        text = None if Path(against).is_file() else _shown(settings.contracts, against, name)
        today = settings.contracts / name
        if text is None and today.is_file():
            text = today.read_text(encoding="utf-8")
        if text is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")


def _shown(folder: Path, revision: str, file: str) -> str | None:
    """Return a file of a folder as a Git revision has it; None where there is no such file or revision."""
    shown = subprocess.run(  # noqa: S603 - no shell; what follows the colon is a path of ours
        ["git", "-C", str(folder), "show", "--end-of-options", f"{revision}:./{file}"],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return shown.stdout if shown.returncode == 0 else None
