"""Read every definition and contract and tell every mistake; touches no data."""

from __future__ import annotations

from jobs.console import errors, output
from nightloop.contracts import check_contracts
from nightloop.definitions import load_use_case, use_case_names
from nightloop.errors import NightloopError
from nightloop.settings import load_settings


def show(name: str | None) -> int:
    """Check one use case, or all; return 0, or the exit code of the first mistake."""
    settings = load_settings()
    code = 0
    for item in [name] if name else use_case_names(settings.definitions):
        try:
            use_case = load_use_case(item, settings.definitions)
            rules = check_contracts(use_case, settings.contracts)
        except NightloopError as error:
            errors.print(str(error), markup=False)
            code = code or error.exit_code
        else:
            counts = f"{len(use_case.sources)} sources, {len(use_case.features)} features, {rules} contract rules"
            output.print(f"{item}: {counts}, no mistake found")
    return code
