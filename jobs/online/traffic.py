"""The command traffic: let a version answer a share of the entities, or shadow the champion; end it; show how nights went."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow.compute as pc

from jobs.console import output
from jobs.declaring import by_whom
from nightloop.definitions import load_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.evidence.sample_ratio import sample_ratio
from nightloop.model.scoring import ARM
from nightloop.model.use_case_task import answer_columns
from nightloop.nights import Night, Nights
from nightloop.promotion import traffic
from nightloop.promotion.reversal import check_can_score
from nightloop.promotion.traffic import SHADOW, SHADOW_SCORES, ArmName, Split
from nightloop.settings import load_settings
from nightloop.workspace import Workspace

DECISION = "decision"
SHARES: Mapping[str, tuple[ArmName, float]] = {
    "canary": ("canary", 5),
    "compare": ("challenger", 50),
    "shadow": ("shadow", 100),
}
"""Option of the command -> the arm, and its share (per cent) where none is given."""


def run(options: argparse.Namespace) -> int:
    """Do what was asked, and print how the entities are divided."""
    workspace = Workspace.open(load_settings())
    use_case = load_use_case(options.use_case, workspace.settings.definitions)
    name, ended = use_case.use_case, None
    by = by_whom(options)
    if options.end:
        ended = traffic.end(workspace.ledger, name, by=by, reason=options.reason)
    else:
        _split(use_case, workspace, options, by)
    split = traffic.newest(workspace.ledger, name)
    if options.json:
        answer = {"use_case": name, "split": split.as_json() if split else None}
        rows = {"scored": _scored(use_case, split, workspace)} if split else {"ended_from": str(ended) if ended else None}
        print(json.dumps(answer | rows))  # noqa: T201 - the command's answer
        return 0
    for line in _lines(use_case, split, workspace) if split else [f"{name}: every entity is answered by the champion"]:
        output.print(line + (f", from {ended} on" if ended else ""), markup=False, highlight=False)
    return 0


def _split(use_case: UseCase, workspace: Workspace, options: argparse.Namespace, by: str) -> None:
    """Begin what was asked for; nothing, where only how it goes is asked."""
    asked = next((option for option in SHARES if getattr(options, option) is not None), None)
    if asked is None:
        return
    version, (arm, share) = getattr(options, asked), SHARES[asked]
    check_can_score(use_case, traffic.candidate(workspace.ledger, use_case.use_case, version), workspace)
    traffic.split(
        workspace.ledger,
        use_case.use_case,
        version,
        percent=options.share if options.share is not None else share,
        by=by,
        reason=options.reason,
        arm=arm,
    )


def _lines(use_case: UseCase, split: Split, workspace: Workspace) -> list[str]:
    of = split.champion
    head = f"{use_case.use_case}: {split.arm} version {of.version} answers {split.percent:g} % of the entities"
    why = f": {split.reason}" if split.reason else ""
    lines = [f"{head} from {split.effective_from} on", f"  by: {split.by}, {split.recorded_at:%Y-%m-%d %H:%M} UTC{why}"]
    scored = _scored(use_case, split, workspace)
    if not scored["rows"]:
        return [*lines, "  no night is scored so yet"]
    return [*lines, f"  scored so: {scored['nights']} nights; {scored['reason']}", *_warning(scored)]


def _warning(scored: dict[str, Any]) -> list[str]:
    if scored["sample_ratio"] != "fail":
        return []
    return ["  THE ROWS ARE NOT DIVIDED AS DECIDED: something other than chance sorts them; compare no figures of the arms"]


def _scored(use_case: UseCase, split: Split, workspace: Workspace) -> dict[str, Any]:
    """Return how many rows of the nights that were scored under a split each version has, and what is to be said of them."""
    table = f"{use_case.use_case}/{SHADOW_SCORES if split.arm == SHADOW else 'scores'}"
    nights = [of for of in workspace.lake.states(table) if of >= split.effective_from]
    if split.arm == SHADOW:
        return _shadowed(use_case, nights, workspace)
    rows: Counter[str] = Counter()
    if nights and ARM in (snapshot := workspace.lake.snapshot(table, Nights(min(nights), max(nights)))).schema.names:
        counts = pc.value_counts(snapshot.read([ARM])[ARM].combine_chunks().drop_null())
        rows.update({item["values"]: item["counts"] for item in counts.to_pylist()})
    verdict = sample_ratio(rows, split.shares())
    reason = f"rows: {verdict.reason}"
    return {"nights": len(nights), "rows": dict(rows), "sample_ratio": verdict.outcome, "reason": reason}


def _shadowed(use_case: UseCase, nights: Sequence[Night], workspace: Workspace) -> dict[str, Any]:
    """Return how many rows a shadow has answered, and how many of them it decides otherwise than the nights' scores."""
    name, columns = use_case.use_case, [*use_case.entity.key, "night", DECISION]
    if not nights or DECISION not in answer_columns(use_case):
        rows = sum(workspace.lake.states(f"{name}/{SHADOW_SCORES}")[night].rows for night in nights)
        of_shadow = {"shadow": rows} if nights else {}
        return {"nights": len(nights), "rows": of_shadow, "sample_ratio": None, "reason": f"{rows} rows in its shadow"}
    span = Nights(min(nights), max(nights))
    shadow, scores = (workspace.lake.read(f"{name}/{table}", span, columns) for table in (SHADOW_SCORES, "scores"))
    joined = shadow.join(scores, [*use_case.entity.key, "night"], join_type="inner", right_suffix="_of_champion")
    otherwise = pc.sum(pc.not_equal(joined[DECISION], joined[f"{DECISION}_of_champion"])).as_py() or 0
    reason = f"{shadow.num_rows} rows in its shadow, of which it decides {otherwise} otherwise"
    counts = {"rows": {"shadow": shadow.num_rows}, "decided_otherwise": otherwise}
    return {"nights": len(nights), **counts, "sample_ratio": None, "reason": reason}
