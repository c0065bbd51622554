"""Watch a night: realised performance of matured scores, drift of the features, two verdicts, and one decision.

Everything a verdict needs is a stored row: scores, labels and features of the lake, the reference in the champion's bundle, and
what earlier nights decided. So a night monitored again comes out the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.published import Progress, Published, silent
from nightloop.definitions import definition_digest
from nightloop.definitions.use_case import UseCase
from nightloop.errors import ChampionMissing, NotReady
from nightloop.evidence.drift import NightDrift, night_drift
from nightloop.evidence.realised import performance_verdict, realised_figures
from nightloop.evidence.reference_profile import Profile
from nightloop.evidence.verdict import Verdict
from nightloop.lake import Commit, Snapshot
from nightloop.model import bundle, champions
from nightloop.model.champions import Champion
from nightloop.model.use_case_task import metric_set_for
from nightloop.monitoring import metrics_table, night_metrics
from nightloop.monitoring.decisions import Decision, EarlierNight, as_row, decide
from nightloop.monitoring.matured import matured_nights, read_matured
from nightloop.monitoring.metrics_table import Sourced
from nightloop.nights import Night, Nights, one
from nightloop.workspace import Workspace

STAGE = "monitor"
WINDOW = timedelta(days=31)  # how far back earlier decisions can matter, cool-downs longer than that aside

Features = NDArray[np.float64]


@dataclass(frozen=True)
class Judgement:
    """What a night came to."""

    champion: Champion
    drift: NightDrift
    performance: Verdict
    decision: Decision
    metrics: pa.Table
    realised: Mapping[str, float | None]  # the task's metric of the night, by its name
    inputs: Mapping[str, int]


def run(
    use_case: UseCase, nights: Nights, workspace: Workspace, *, html: bool = False, progress: Progress = silent
) -> list[Published]:
    """Monitor nights in order; publish the metrics and the decision of each.

    Args:
        use_case: names the label, the limits and the retrain rules.
        nights: scored nights; each needs the decision of the night before it.
        workspace: lake, ledger and registry.
        html: write the drift page for people whatever the verdict.
        progress: told after each night.

    Raises:
        NotReady: a night is not scored, its matured labels are not published, or the night before has no decision yet.
    """
    published: list[Published] = []
    for done, night in enumerate(nights, start=1):
        published += _monitor(use_case, night, workspace, html=html)
        progress(f"monitoring {use_case.use_case}", done, len(nights))
    return published


def _monitor(use_case: UseCase, night: Night, workspace: Workspace, *, html: bool) -> list[Published]:
    name, lake = use_case.use_case, workspace.lake
    scores = lake.require(f"{name}/scores", one(night))
    require_order(use_case, night, workspace)
    judgement = judge(use_case, night, workspace, scores)
    commit = Commit(STAGE, name, definition_digest(use_case), judgement.inputs)
    metrics = lake.publish(f"{name}/metrics", night, judgement.metrics, commit)
    decided = lake.publish(f"{name}/decisions", night, _decision_table(judgement), commit)
    wanted = use_case.monitoring.html
    page = None
    if html or wanted == "always" or (wanted == "when_drift" and judgement.drift.verdict.outcome == "fail"):
        page = _write_page(use_case, night, workspace, judgement)
    _record(use_case, night, workspace, judgement, page)
    details = _details(judgement, page)
    return [
        Published.of(name, f"{name}/metrics", metrics),
        Published.of(name, f"{name}/decisions", decided, details),
    ]


def require_order(use_case: UseCase, night: Night, workspace: Workspace) -> None:
    """Check that the night before, if it was to be scored, has its decision: cool-downs and runs of drift build on it.

    A night that got no features because its data broke the contract or could not be taken in is stepped over: it may never
    come, and a person has been told.

    Raises:
        NotReady: names the night that comes first.
    """
    name = use_case.use_case
    pinned = {event.night for event in workspace.ledger.events(name, kind=champions.PINNED) if event.night is not None}
    lost = _lost_nights(name, workspace)
    first, before = min(pinned, default=night), night - timedelta(days=1)
    while before > first and before in lost:
        before -= timedelta(days=1)
    if before >= first and before not in workspace.lake.states(f"{name}/decisions"):
        raise NotReady(
            f"night {night} decides after night {before}, which has no decision yet.",
            where=f"{name}/decisions",
            do=f"Run: python -m jobs monitor {name} {before}",
        )


def _lost_nights(name: str, workspace: Workspace) -> set[Night]:
    failed = [event for event in workspace.ledger.events(name, kind="stage_failed") if event.subject.startswith("ingest")]
    broken = workspace.ledger.events(name, kind="contract_broken")
    nights = {event.night for event in (*failed, *broken) if event.night is not None}
    return nights - workspace.lake.states(f"{name}/features").keys()


def judge(use_case: UseCase, night: Night, workspace: Workspace, scores: Snapshot) -> Judgement:
    """Measure and judge a night, and decide; publishes nothing."""
    name, lake = use_case.use_case, workspace.lake
    champion = champions.effective(workspace.ledger, name, night)
    if champion is None:
        raise ChampionMissing(
            "the night is scored but no champion is pinned.", where=f"{name}, night {night}", do="Score it again."
        )
    matured = read_matured(lake, use_case, matured_nights(use_case, list(lake.states(f"{name}/scores")), night))
    features = lake.require(f"{name}/features", one(night))
    drift = _drift(use_case, workspace, champion, features)
    metric_set = metric_set_for(use_case)
    pooled = realised_figures(matured.label, matured.said, matured.decision, matured.night, metric_set)
    performance = performance_verdict(
        pooled,
        len(matured),
        len(set(matured.night.tolist())),
        minimum_rows=use_case.monitoring.minimum_rows,
        auc_floor=use_case.monitoring.auc_floor,
        error_ceiling=use_case.monitoring.error_ceiling,
        metric_set=metric_set,
    )
    of_night = night_metrics.of_night(use_case, night, matured)
    rows = [
        *of_night,
        *night_metrics.pooled(use_case, matured, pooled),
        Sourced(
            f"features of {night} against the reference of version {champion.version}", champion.version, drift.verdict.figures
        ),
        night_metrics.scored(use_case, night, champion, scores),
        *night_metrics.volumes(use_case, night, lake),
    ]
    return Judgement(
        champion=champion,
        drift=drift,
        performance=performance,
        decision=decide(
            use_case.retrain,
            night,
            champion,
            drift=drift.verdict,
            performance=performance,
            earlier=_earlier(use_case, night, workspace),
        ),
        metrics=metrics_table.as_table(name, rows),
        realised={f"realised_{metric_set.metric}": night_metrics.of_all(of_night, metric_set.metric)},
        inputs={**matured.inputs, scores.table: scores.version, features.table: features.version},
    )


def _decision_table(judgement: Judgement) -> pa.Table:
    row = as_row(
        judgement.decision, champion=judgement.champion, drift=judgement.drift.verdict, performance=judgement.performance
    )
    return pa.Table.from_pylist([row])


def _earlier(use_case: UseCase, night: Night, workspace: Workspace) -> list[EarlierNight]:
    table = f"{use_case.use_case}/decisions"
    if not workspace.lake.exists(table):
        return []
    window = max(WINDOW, timedelta(days=use_case.retrain.cool_down_nights + 1))
    rows = workspace.lake.read(table, Nights(night - window, night - timedelta(days=1))).to_pylist()
    return [EarlierNight.of(row) for row in rows]


def _drift(use_case: UseCase, workspace: Workspace, champion: Champion, features: Snapshot) -> NightDrift:
    digest: Any = champion.payload.get("bundle_digest")
    folder = workspace.registry.fetch(use_case.use_case, champion.version, digest)
    profile = Profile.from_json(bundle.reference_profile(folder))
    names = [feature.name for feature in profile.features]
    # Sums of floats depend on the order of the rows: the key gives it, not the files.
    rows = features.read([*use_case.entity.key, *names]).sort_by([(key, "ascending") for key in use_case.entity.key])
    values: Features = np.column_stack([rows[name].to_numpy().astype(np.float64) for name in names])
    limits = use_case.monitoring
    return night_drift(
        profile,
        names,
        values,
        psi_limit=limits.psi_limit,
        share_limit=limits.drifted_share_limit,
        minimum_rows=limits.minimum_rows,
        calendar={name for name, feature in use_case.features.items() if feature.calendar},
    )


def _write_page(use_case: UseCase, night: Night, workspace: Workspace, judgement: Judgement) -> Path:
    from nightloop.reporting.drift_page import write_drift_page

    return write_drift_page(use_case, night, workspace, judgement.champion, judgement.drift)


def _record(use_case: UseCase, night: Night, workspace: Workspace, judgement: Judgement, page: Path | None) -> None:
    """Log the decision: a night monitored again adds nothing, unless it decides otherwise or for another reason."""
    payload = {
        "reason": judgement.decision.reason,
        "drift": judgement.drift.verdict.outcome,
        "performance": judgement.performance.outcome,
        "champion_version": judgement.champion.version,
    }
    decision = judgement.decision.decision
    with workspace.ledger.exclusive() as ledger:
        standing = ledger.events(use_case.use_case, kind="decision_made", night=night)
        if not standing or (standing[-1].subject, standing[-1].payload) != (decision, payload):
            ledger.record("decision_made", use_case.use_case, night=night, subject=decision, payload=payload)
    if page:
        where = str(page.relative_to(workspace.reports))
        workspace.ledger.record("page_written", use_case.use_case, night=night, subject=where, once=True)


def _details(judgement: Judgement, page: Path | None) -> dict[str, object]:
    said: dict[str, object] = {
        "champion_version": judgement.champion.version,
        **judgement.realised,
        "drift_verdict": judgement.drift.verdict.outcome,
        "performance_verdict": judgement.performance.outcome,
        "decision": judgement.decision.decision,
        "reason": judgement.decision.reason,
    }
    return {**said, "page": str(page)} if page else said
