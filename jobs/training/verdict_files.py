"""What people read of the verdicts: each as JSON, and all of them as one page; in the MLflow run, and beside the reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from jobs.training.judged_card import write_judged_card
from nightloop.atomic_file import write_atomically
from nightloop.definitions.use_case import UseCase
from nightloop.evidence.gates.gates import GATES
from nightloop.model.registry import RegisteredVersion
from nightloop.model.use_case_task import metric_set_for
from nightloop.nights import Night
from nightloop.promotion.verdicts import FOLDER, PAGE, Judged, judged, page_name
from nightloop.workspace import Workspace


def write_verdicts(use_case: UseCase, as_of: Night, workspace: Workspace, candidate: RegisteredVersion) -> Path:
    """Write what the ledger has by now, the card too, and return the page.

    Gates judge at the same time: who has written reads the ledger again, so the last to write has all of them.

    Raises:
        StoreUnavailable: the registry does not answer.
    """
    from nightloop.reporting.verdict_page import render

    name, version = use_case.use_case, candidate.version
    target = workspace.reports / page_name(name, as_of, version)
    shares = metric_set_for(use_case).answers == "probability"
    written: Sequence[Judged] | None = None
    while written != (verdicts := judged(workspace.ledger, name, version)):
        page = render(use_case, verdicts, version=version, as_of=as_of, gates=GATES, shares=shares)
        if not (target.exists() and target.read_text(encoding="utf-8") == page):
            texts = {f"{verdict.gate}.json": _json(use_case, as_of, version, verdict) for verdict in verdicts}
            workspace.registry.log_texts(candidate.run_id, {**texts, PAGE: page}, FOLDER)
            write_atomically(target, page)
        write_judged_card(use_case, as_of, workspace, candidate)
        written = verdicts
    return target


def _json(use_case: UseCase, as_of: Night, version: int, verdict: Judged) -> str:
    """Return a verdict as the ledger has it: all figures with their limits, what the use case declares, the reason."""
    values = {"use_case": use_case.use_case, "as_of": str(as_of), "version": version, **verdict.as_json()}
    return json.dumps(values, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
