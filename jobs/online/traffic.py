"""The command traffic: let a version answer a share of the entities, end it, or show how scored nights were divided."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from typing import Any

import pyarrow.compute as pc

from jobs.console import output
from nightloop.definitions import load_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.evidence.sample_ratio import sample_ratio
from nightloop.model.scoring import ARM
from nightloop.nights import Nights
from nightloop.promotion import traffic
from nightloop.promotion.reversal import check_can_score
from nightloop.promotion.traffic import Split
from nightloop.settings import load_settings
from nightloop.workspace import Workspace


def run(options: argparse.Namespace) -> int:
    """Do what was asked, and print how the entities are divided."""
    workspace = Workspace.open(load_settings())
    use_case = load_use_case(options.use_case, workspace.settings.definitions)
    name, ended = use_case.use_case, None
    by = options.by or os.environ.get("USER") or f"uid {os.getuid()}"
    if options.end:
        ended = traffic.end(workspace.ledger, name, by=by, reason=options.reason)
    elif (version := options.canary or options.compare) is not None:
        _split(use_case, version, workspace, options, by)
    split = traffic.newest(workspace.ledger, name)
    if options.json:
        answer = {"use_case": name, "split": split.as_json() if split else None}
        rows = {"scored": _scored(use_case, split, workspace)} if split else {"ended_from": str(ended) if ended else None}
        print(json.dumps(answer | rows))  # noqa: T201 - the command's answer
        return 0
    for line in _lines(use_case, split, workspace) if split else [f"{name}: every entity is answered by the champion"]:
        output.print(line + (f", from {ended} on" if ended else ""), markup=False, highlight=False)
    return 0


def _split(use_case: UseCase, version: int, workspace: Workspace, options: argparse.Namespace, by: str) -> None:
    check_can_score(use_case, traffic.candidate(workspace.ledger, use_case.use_case, version), workspace)
    is_canary = options.canary is not None
    traffic.split(
        workspace.ledger,
        use_case.use_case,
        version,
        percent=options.share if options.share is not None else 5 if is_canary else 50,
        by=by,
        reason=options.reason,
        arm="canary" if is_canary else "challenger",
    )


def _lines(use_case: UseCase, split: Split, workspace: Workspace) -> list[str]:
    of = split.champion
    head = f"{use_case.use_case}: {split.arm} version {of.version} answers {split.percent:g} % of the entities"
    why = f": {split.reason}" if split.reason else ""
    lines = [f"{head} from {split.effective_from} on", f"  by: {split.by}, {split.recorded_at:%Y-%m-%d %H:%M} UTC{why}"]
    scored = _scored(use_case, split, workspace)
    if not scored["rows"]:
        return [*lines, "  no night is scored so yet"]
    return [*lines, f"  scored so: {scored['nights']} nights; rows: {scored['reason']}", *_warning(scored)]


def _warning(scored: dict[str, Any]) -> list[str]:
    if scored["sample_ratio"] != "fail":
        return []
    return ["  THE ROWS ARE NOT DIVIDED AS DECIDED: something other than chance sorts them; compare no figures of the arms"]


def _scored(use_case: UseCase, split: Split, workspace: Workspace) -> dict[str, Any]:
    """Return how the rows of the nights that were scored under a split are divided, and whether as its shares say."""
    table, first = f"{use_case.use_case}/scores", split.effective_from
    nights = [of for of in workspace.lake.states(table) if of >= first] if workspace.lake.exists(table) else []
    rows: Counter[str] = Counter()
    if nights and ARM in (snapshot := workspace.lake.snapshot(table, Nights(min(nights), max(nights)))).schema.names:
        counts = pc.value_counts(snapshot.read([ARM])[ARM].combine_chunks().drop_null())
        rows.update({item["values"]: item["counts"] for item in counts.to_pylist()})
    verdict = sample_ratio(rows, split.shares())
    return {"nights": len(nights), "rows": dict(rows), "sample_ratio": verdict.outcome, "reason": verdict.reason}
