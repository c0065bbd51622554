"""Write the page of a use case: python -m jobs docs USE_CASE."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from jobs.console import errors, output
from nightloop.contracts import load_contract
from nightloop.definitions import load_use_case, use_case_names
from nightloop.errors import DefinitionError
from nightloop.reporting.use_case_page import use_case_page
from nightloop.settings import REPOSITORY, load_settings
from nightloop.sources import raw_schema

FOLDER = REPOSITORY / "docs" / "use_cases"


def run(options: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    return write(options.use_case, to=options.to, only_check=options.check, as_json=options.json)


def write(use_case_name: str | None, *, to: str | None = None, only_check: bool = False, as_json: bool = False) -> int:
    """Write the pages of one use case or all, or only report which are out of date; return 0, or 3 when one is.

    Raises:
        UnknownUseCase: no such file.
        DefinitionError: a definition or a contract has mistakes.
    """
    settings = load_settings()
    folder, stale, written = Path(to) if to else FOLDER, list[str](), list[str]()
    for name in [use_case_name] if use_case_name else use_case_names(settings.definitions):
        for file, text in pages(name, settings.definitions, settings.contracts).items():
            path = folder / file
            if path.is_file() and path.read_text(encoding="utf-8") == text:
                continue
            if only_check:
                stale.append(str(path))
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                written.append(str(path))
    if as_json:
        print(json.dumps({"written": written, "out_of_date": stale}))  # noqa: T201 - the command's answer
    else:
        _print(written, stale)
    return DefinitionError.exit_code if stale else 0


def pages(use_case_name: str, definitions: Path, contracts: Path) -> dict[str, str]:
    """Return the text of each file that documents a use case, by its name."""
    use_case = load_use_case(use_case_name, definitions)
    suites = {
        source: load_contract(contracts, use_case.contracts_of, source, raw_schema(declared).names)
        for source, declared in use_case.sources.items()
    }
    return {f"{use_case.use_case}.md": use_case_page(use_case, suites)}


def _print(written: list[str], stale: list[str]) -> None:
    for path in stale:
        errors.print(f"{path} is out of date: run python -m jobs docs", markup=False)
    for path in written:
        output.print(f"wrote {path}", markup=False)
    if not written and not stale:
        output.print("every page is up to date")
