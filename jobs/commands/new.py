"""Draft a use case and its contracts from a sample of data: python -m jobs new USE_CASE --from FILE_OR_TABLE.

At a terminal it asks what it would guess; elsewhere, and with --json, it takes what the flags say and guesses the rest.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from jobs.asking import asked, is_terminal
from jobs.console import ProgressBars, output
from jobs.tour.arguments import draft_options
from jobs.training.impossible_verdicts import AtHand, impossible_verdicts
from jobs.training.margin_advice import margin_advice
from nightloop.drafting import Draft, draft_use_case, save
from nightloop.drafting.plan import Plan
from nightloop.model.models import import_xgboost
from nightloop.settings import load_settings
from nightloop.wording import counted

SHOWN = 12  # guesses shown on the terminal; all are in the file


def run(options: argparse.Namespace) -> int:
    """Draft, write both kinds of files, and print what was proposed and what to do next."""
    settings = load_settings()
    given = draft_options(options)
    if is_terminal() and not options.json:
        given = asked(options.source, given, settings.definitions, input, _show)
    import_xgboost(light=True)  # first, for it imports XGBoost without scikit-learn: a second less
    with ProgressBars(in_turn=True) as progress:
        draft = draft_use_case(options.use_case, options.source, given, settings.definitions, progress)
    definition = settings.definitions / f"{options.use_case}.yaml"
    suites = {settings.contracts / options.use_case / f"{name}.yaml": text for name, text in draft.contracts.items()}
    save({definition: draft.definition, **suites}, force=options.force)
    if options.json:
        print(json.dumps(_as_json(draft, [definition, *suites])))  # noqa: T201 - the command's answer
    else:
        _print(draft, [definition, *suites])
    return 0


def _show(line: str) -> None:
    output.print(line, markup=False)


def _as_json(draft: Draft, files: list[Path]) -> dict[str, object]:
    use_case, plan = draft.use_case, draft.plan
    return {
        "use_case": use_case.use_case,
        "files": [str(path) for path in files],
        "records": plan.rows,
        "read": draft.read,
        "refused": draft.refused,
        "first_night": str(use_case.first_night),
        "last_night": str(use_case.last_night),
        "task": use_case.model.task,
        "label": plan.label.column.original,
        "key": list(plan.key),
        "event_at": plan.time.column.original,
        "features": list(use_case.features),
        "afterwards": list(plan.afterwards),
        "doubted": list(plan.doubted),
        "advice": _advice(draft).strip(),
        "checks": [{"line": line, "check": text} for line, text in draft.checks],
    }


def _advice(draft: Draft) -> str:
    """Say what the drafted limits can prove with the rows of the sample's nights."""
    rows = draft.plan.rows / max(draft.plan.nights, 1)
    impossible = impossible_verdicts(draft.use_case, AtHand(rows, rows))
    return "\n".join(line for line in (margin_advice(draft.use_case, rows=rows), *impossible) if line)


def _afterwards(plan: Plan) -> str:
    """Say which columns look as if they were known only after the event."""
    parts = [f"kept with the outcome: {', '.join(plan.afterwards)}"] * bool(plan.afterwards)
    parts += [f"known then too? as yet features: {', '.join(plan.doubted)}"] * bool(plan.doubted)
    return "; ".join(parts)


def _print(draft: Draft, files: list[Path]) -> None:
    use_case, plan = draft.use_case, draft.plan
    lines = [
        f"{use_case.use_case}: drafted from {plan.rows:,} records, {use_case.first_night} to {use_case.last_night}",
        f"  predicts   {plan.label.column.original} ({use_case.model.task}), known {counted(plan.matures_after)} after",
        f"  key        {', '.join(plan.key)}",
        f"  happens at {plan.time.column.original}",
        f"  features   {len(use_case.features)}, of {len(plan.fields)} columns and their history",
        *([f"  afterwards {afterwards}"] if (afterwards := _afterwards(plan)) else []),
        f"  records    {draft.read:,} read as drafted, {draft.refused:,} would be set aside",
        *(f"  wrote      {path}" for path in files),
        *([advice] if (advice := _advice(draft)) else []),
        f"{len(draft.checks)} guesses to look at:",
        *(f"  {files[0].name}:{line}: {text}" for line, text in draft.checks[:SHOWN]),
        *([f"  … and {len(draft.checks) - SHOWN} more, marked 'check:'"] if len(draft.checks) > SHOWN else []),
        "next:",
        f"  python -m jobs check {use_case.use_case}",
        f"  python -m jobs ingest {use_case.use_case} {use_case.first_night}..{use_case.last_night}",
    ]
    output.print("\n".join(lines), markup=False)
