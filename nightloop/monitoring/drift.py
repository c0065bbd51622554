"""Drift of a night: its features, answers and outcomes against the reference in the champion's bundle.

What is compared is counted once, on the grids of the reference, and stored: later nights read the counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.drift import NightDrift, night_drift
from nightloop.evidence.nights.budget import MATTER, REPAIR, TRAINING, Answer, judge_nights
from nightloop.evidence.nights.profiles import ColumnProfile
from nightloop.evidence.nights.reference import LABELS, SCORES, Column
from nightloop.evidence.reference_profile import Profile
from nightloop.meaning.reading import by_meaning
from nightloop.model import bundle
from nightloop.monitoring.profiles import earlier_profiles
from nightloop.nights import Night

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.lake import Snapshot
    from nightloop.model.champions import Champion
    from nightloop.monitoring.matured import Matured
    from nightloop.workspace import Workspace

FEATURES = "columns"  # of reference.json
SHARES = {FEATURES: 2 / 3, SCORES: 1 / 6, LABELS: 1 / 6}  # of the budget of false alarms

Floats = NDArray[np.float64]
Profiles = dict[str, ColumnProfile]


@dataclass(frozen=True)
class Watching:
    """What a night is compared by: its features, its scores, and the outcomes that matured with it."""

    features: Snapshot
    scores: Snapshot
    matured: Matured


def drift_of(
    use_case: UseCase, night: Night, workspace: Workspace, champion: Champion, watching: Watching
) -> tuple[NightDrift, Profiles]:
    """Judge a night against the champion's reference; return what it was counted to, by column."""
    folder = workspace.registry.fetch_champion(use_case.use_case, champion)
    reference = bundle.reference_profile(folder)
    profile = Profile.from_json(reference)
    names = [feature.name for feature in profile.features]
    features = by_meaning(watching.features, bundle.read_spec(folder).feature_meanings)
    # Sums of floats depend on the order of the rows: the key gives it, not the files.
    rows = features.read([*use_case.entity.key, *names]).sort_by([(key, "ascending") for key in use_case.entity.key])
    values: Floats = np.column_stack([rows[name].to_numpy().astype(np.float64) for name in names])
    monitoring = use_case.monitoring
    drift = night_drift(
        profile,
        names,
        values,
        psi_limit=monitoring.psi_limit,
        share_limit=monitoring.drifted_share_limit,
        minimum_rows=monitoring.minimum_rows,
        calendar={name for name, feature in use_case.features.items() if feature.calendar},
    )
    columns = {part: _columns(reference, part) for part in (FEATURES, SCORES, LABELS)}
    counted = {
        FEATURES: _count(columns[FEATURES], dict(zip(names, values.T, strict=True))),
        SCORES: _count(columns[SCORES], _answers(watching.scores, columns[SCORES])),
        LABELS: _count(columns[LABELS], _outcomes(use_case, night, watching.matured, columns[LABELS])),
    }
    watched = {feature.name for feature in drift.features if feature.watched}
    columns[FEATURES] = [column for column in columns[FEATURES] if column.name in watched]
    ask = _Asker(use_case, night, workspace, champion.version)
    answer = ask(columns[FEATURES], counted[FEATURES], SHARES[FEATURES])
    for part in (SCORES, LABELS):
        later = ask(columns[part], counted[part], SHARES[part])
        if answer is not None and later is not None:
            answer += later.as_what_matters
    profiles = {name: item for part in counted.values() for name, item in part.items()}
    return _with_answer(drift, answer, is_score_watched=bool(columns[SCORES])), profiles


@dataclass(frozen=True)
class _Asker:
    """Asks of columns what earlier nights and this one tell."""

    use_case: UseCase
    night: Night
    workspace: Workspace
    version: int

    def __call__(self, columns: Sequence[Column], counted: Mapping[str, ColumnProfile], share: float) -> Answer | None:
        if not columns or not counted:
            return None
        names = [column.name for column in columns]
        earlier = earlier_profiles(self.workspace.lake, self.use_case.use_case, self.night, self.version, names)
        profiles = {**earlier, self.night.toordinal(): [counted[name] for name in names]}
        late = self.use_case.label.matures_after if names == [LABELS] else 0  # outcomes are of an earlier night
        return judge_nights(
            columns,
            {night - late: of for night, of in profiles.items()},
            windows=[int(getattr(self.use_case.features.get(name), "nights", 0)) for name in names],
            false_alarms_a_year=self.use_case.monitoring.false_alarms_a_year * share,
        )


def _columns(reference: Mapping[str, object], part: str) -> list[Column]:
    """Return a part of the reference by nights; nothing in bundles from before it was in them."""
    stored = reference.get(part, ())
    assert isinstance(stored, list | tuple)  # noqa: S101 - as it was written
    return [Column.from_json(column) for column in stored]


def _count(columns: Sequence[Column], values: Mapping[str, Floats]) -> Profiles:
    return {column.name: column.grid.count(values[column.name]) for column in columns if column.name in values}


def _answers(scores: Snapshot, columns: Sequence[Column]) -> dict[str, Floats]:
    """Return the night's answers by the names of their columns in the reference."""
    names = {column.name: column.name.removeprefix(f"{SCORES} ") for column in columns}
    rows = scores.read(list(names.values())) if names else None
    return {} if rows is None else {name: rows[of].to_numpy().astype(np.float64) for name, of in names.items()}


def _outcomes(use_case: UseCase, night: Night, matured: Matured, columns: Sequence[Column]) -> dict[str, Floats]:
    """Return the outcomes of the one scored night whose labels matured with this night, if it has any."""
    scored = night - timedelta(days=use_case.label.matures_after)
    if not columns or scored not in matured.scored_nights:
        return {}
    return {LABELS: matured.of(scored).label.astype(np.float64)}


def _with_answer(drift: NightDrift, answer: Answer | None, *, is_score_watched: bool) -> NightDrift:
    """Return the verdict with what the nights before tell: it fails by the share of drifted features, or within the budget."""
    verdict = drift.verdict
    if answer is None or verdict.outcome == "not_enough_evidence":
        return drift
    calls_for = TRAINING if verdict.outcome == "fail" else answer.calls_for
    is_still = answer.alarms and is_score_watched and not any(alarm.question == MATTER for alarm in answer.alarms)
    parts = [
        verdict.reason,
        answer.sentence,
        "The scores have not moved with it." if is_still else "",
        "It calls for a repair of the data, not for a training." if calls_for == REPAIR else "",
    ]
    return replace(
        drift,
        calls_for=calls_for,
        verdict=replace(
            verdict,
            outcome="fail" if answer.alarms else verdict.outcome,
            reason=" ".join(filter(None, parts)),
            figures=(*verdict.figures, *answer.figures),
        ),
    )
