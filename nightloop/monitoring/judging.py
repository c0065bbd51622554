"""Measure a night and judge it: realised performance of matured scores, drift of the features, and the decision.

Everything a verdict needs is a stored row: scores, labels and features of the lake, the reference in the champion's bundle, and
what earlier nights decided. So a night judged again comes out the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from nightloop.errors import ChampionMissing
from nightloop.evidence.drift import NightDrift
from nightloop.evidence.nights.profiles import ColumnProfile
from nightloop.evidence.verdict import Verdict
from nightloop.features.matching import Match
from nightloop.model import champions
from nightloop.monitoring import night_metrics
from nightloop.monitoring.decisions import Decision, EarlierNight, Trainings, as_row, decide
from nightloop.monitoring.drift import Watching, drift_of
from nightloop.monitoring.expected import gain_of_training
from nightloop.monitoring.matches import matching_verdict, read_matches
from nightloop.monitoring.matured import Matured, Restated, matured_nights, read_matured, read_restated
from nightloop.monitoring.metrics_table import Sourced
from nightloop.monitoring.performance import Performance, performance_of
from nightloop.monitoring.trainings import earlier_trainings, failed_since, new_evidence_from, running
from nightloop.nights import Night, Nights, one

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.lake import Snapshot
    from nightloop.model.champions import Champion
    from nightloop.workspace import Workspace

WINDOW = timedelta(days=31)  # how far back earlier decisions can matter, cool-downs longer than that aside


@dataclass(frozen=True)
class Measured:
    """What a night is judged on, and what was read for it."""

    champion: Champion
    scores: Snapshot
    features: Snapshot
    matured: Matured
    restated: tuple[Restated, ...]
    performance: Performance  # over the performance window
    drift: NightDrift
    profiles: Mapping[str, ColumnProfile]  # of features and answers, on the grids of the champion's reference
    match: Match | None  # of the scored night whose labels matured with this night; None where no entity lacks its label

    @property
    def inputs(self) -> dict[str, int]:
        """The version of each table that was read."""
        return {
            **{table: version for restated in self.restated for table, version in restated.matured.inputs.items()},
            **self.matured.inputs,
            self.scores.table: self.scores.version,
            self.features.table: self.features.version,
        }


@dataclass(frozen=True)
class Judgement:
    """The verdicts on a night, and the decision that follows."""

    champion: Champion
    drift: NightDrift
    performance: Verdict
    matching: Verdict
    decision: Decision

    def as_row(self) -> dict[str, object]:
        """Return the night's row of the decisions table."""
        drift, performance, matching = self.drift, self.performance, self.matching
        return as_row(self.decision, champion=self.champion, drift=drift, performance=performance, matching=matching)


def measure(use_case: UseCase, night: Night, workspace: Workspace, scores: Snapshot) -> Measured:
    """Read what the night is judged on: the scores that matured with it, and its features against the reference."""
    champion = champions.effective(workspace.ledger, use_case.use_case, night)
    if champion is None:
        raise ChampionMissing(
            "the night is scored but no champion is pinned.", where=f"{use_case.use_case}, night {night}", do="Score it again."
        )
    scored_nights = workspace.lake.states(f"{use_case.use_case}/scores")
    matured = read_matured(workspace.lake, use_case, matured_nights(use_case, scored_nights, night), night)
    features = workspace.lake.require(f"{use_case.use_case}/features", one(night))
    drift, profiles = drift_of(use_case, night, workspace, champion, Watching(features, scores, matured))
    return Measured(
        champion=champion,
        scores=scores,
        features=features,
        matured=matured,
        restated=read_restated(workspace.lake, use_case, scored_nights, night),
        performance=performance_of(use_case, matured, champion.version),
        drift=drift,
        profiles=profiles,
        match=_match(use_case, night, workspace, matured),
    )


def _match(use_case: UseCase, night: Night, workspace: Workspace, matured: Matured) -> Match | None:
    scored_night = night - timedelta(days=use_case.label.matures_after)
    if scored_night not in matured.scored_nights or len(matured) == matured.scored:
        return None
    return next(iter(read_matches(workspace.lake, use_case, [scored_night])), None)


def judge(use_case: UseCase, night: Night, workspace: Workspace, measured: Measured) -> Judgement:
    """Give the verdicts on a night, and decide."""
    performance = measured.performance.verdict
    decision = decide(
        use_case.retrain,
        night,
        measured.champion,
        drift=measured.drift,
        performance=performance,
        earlier=_earlier(use_case, night, workspace),
        trainings=_trainings(use_case, night, workspace, measured.champion),
        gain=gain_of_training(use_case, night, workspace.lake, measured.champion, measured.performance),
        currency=use_case.value.currency if use_case.value else "",
    )
    matching = matching_verdict(use_case, measured.match)
    return Judgement(measured.champion, measured.drift, performance, matching, decision)


def other_figures(use_case: UseCase, night: Night, workspace: Workspace, measured: Measured) -> list[Sourced]:
    """Return the figures of the metrics table besides those of the scores that matured with this night."""
    version = measured.champion.version
    drift_source = f"features of {night} against the reference of version {version}"
    return [
        *night_metrics.restated_figures(use_case, night, measured.restated),
        *night_metrics.pooled_figures(use_case, measured.performance.matured, measured.performance.figures),
        *measured.performance.others,
        Sourced(drift_source, version, measured.drift.verdict.figures),
        *night_metrics.matching_figures(measured.match),
        night_metrics.score_counts(use_case, night, measured.champion, measured.scores),
        *night_metrics.row_counts(use_case, night, workspace.lake),
    ]


def _trainings(use_case: UseCase, night: Night, workspace: Workspace, champion: Champion) -> Trainings:
    earlier = earlier_trainings(workspace.ledger, use_case.use_case, night)
    failed = failed_since(earlier, champion.as_of)
    again = new_evidence_from(failed, use_case.model.split.validate_nights) if failed else None
    return Trainings(running(earlier, night, use_case.retrain.cool_down_nights), failed, again)


def _earlier(use_case: UseCase, night: Night, workspace: Workspace) -> list[EarlierNight]:
    table = f"{use_case.use_case}/decisions"
    if not workspace.lake.exists(table):
        return []
    window = max(WINDOW, timedelta(days=use_case.retrain.cool_down_nights + 1))
    rows = workspace.lake.read(table, Nights(night - window, night - timedelta(days=1))).to_pylist()
    return [EarlierNight.of(row) for row in rows]
