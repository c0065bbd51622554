"""Run the jobs that score nights: where a capacity decides or reasons are for a share, a night's answers are ranked first."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict

import numpy as np

from nightloop.definitions.model import reasons_share
from nightloop.engine import Engine
from nightloop.model.capacity import cut_of, ends_of
from nightloop.nights import Night
from nightloop.promotion import ladder
from nightloop.promotion.bundles import Bundles

WORKER, RANKER = "nightloop.model.scoring:score_file", "nightloop.model.scoring:rank_file"

Jobs = list[dict[str, str]]
Progress = Callable[[str, int, int], None]


def scored_files(
    jobs: Jobs, bundles: Bundles, rows: Mapping[str, int], engine: Engine, progress: Progress
) -> dict[Night, list[str]]:
    """Score by models and rules, and return the files that the jobs wrote, by night.

    Args:
        jobs: of ``score_file``, or of ``score_by_rule`` where their rung is the rule.
        bundles: say what the models decide by.
        rows: how many each night has.
        engine: runs the jobs of models.
        progress: told how many are done.
    """
    use_case, lake = bundles.use_case, bundles.workspace.lake
    by_rule = [job for job in jobs if job.get("rung") == ladder.RULE]
    by_model = [job for job in jobs if job.get("rung") != ladder.RULE]
    share = reasons_share(use_case.model.reasons_for)
    ends = {job["night"]: ends_of(bundles.capacity(job), share, rows[job["night"]]) for job in reversed(by_model)}
    files = _score(_cut(by_model, ends, engine, progress), engine, progress)
    for job in by_rule:
        files.setdefault(Night.fromisoformat(job["night"]), []).append(ladder.score_by_rule(use_case, job, lake))
    return files


def _cut(jobs: Jobs, ends: Mapping[str, Mapping[str, int]], engine: Engine, progress: Progress) -> Jobs:
    """Return the jobs with the last answers that each night's ``ends`` count, by their names; its rows are ranked first."""
    ranked = [{**job, "ranked": str(max(of.values()))} for job in jobs if (of := ends[job["night"]])]
    if not ranked:
        return jobs
    progress("ranking", 0, len(ranked))
    first: dict[str, list[list[float | int]]] = {}
    for answer in engine.map_files(RANKER, ranked, lambda done, total: progress("ranking", done, total)):
        prediction, tie = first.setdefault(answer["night"], [[], []])
        prediction += answer["highest"][0]
        tie += answer["highest"][1]
    cuts: dict[str, dict[str, str]] = {}
    for night, (prediction, tie) in first.items():
        for name, count in ends[night].items():
            cut = cut_of(np.array(prediction), np.array(tie, dtype=np.int64), count)
            if cut is not None:
                cuts.setdefault(night, {})[name] = json.dumps(asdict(cut))
    return [{**job, **cuts.get(job["night"], {})} for job in jobs]


def _score(jobs: Jobs, engine: Engine, progress: Progress) -> dict[Night, list[str]]:
    files: dict[Night, list[str]] = {}
    if not jobs:
        return files
    progress("scoring", 0, len(jobs))
    for answer in engine.map_files(WORKER, jobs, lambda done, total: progress("scoring", done, total)):
        files.setdefault(Night.fromisoformat(answer["night"]), []).append(answer["file"])
    return files
