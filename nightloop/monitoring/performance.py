"""Realised performance of the performance window, by the model version that answered: never pooled over versions.

The verdict is on the champion in force, on the rows that it scored. Where none of its rows has matured, the verdict says
what the version before it came to, and gives no evidence: a new champion answers for itself.

Labels are waited for, not taken as they come: those that are early are no random sample (loans that fail at once, flights that
land). A row whose label is missing after it matured is left out, and the verdict says how many are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nightloop.evidence.performance import PerformanceLimits, performance_verdict, pooled_figures
from nightloop.evidence.verdict import Figure, Verdict
from nightloop.model.use_case_task import NO_MODEL, metric_set_for
from nightloop.monitoring.metrics_table import OF_VERSION, Sourced
from nightloop.monitoring.night_metrics import money_figures
from nightloop.nights import Nights

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.monitoring.matured import Matured

NOTABLE = 0.01  # share of rows without an outcome from which on the verdict says so


@dataclass(frozen=True)
class Performance:
    """What the rows of one version came to.

    Attributes:
        version: that scored them; the champion's, unless none of its rows has matured.
        matured: its rows of the window.
        figures: over all of them.
        verdict: on the champion.
        others: the figures of every version of the window, each by itself, where there are several.
    """

    version: int
    matured: Matured
    figures: tuple[Figure, ...]
    verdict: Verdict
    others: tuple[Sourced, ...] = ()


def performance_limits(use_case: UseCase) -> PerformanceLimits:
    """Return what realised figures may be: the monitor's limits of the metric, and of calibration those of its gate."""
    watched, calibration = use_case.monitoring, use_case.gates.calibration
    return PerformanceLimits(
        watched.minimum_rows,
        floor=watched.auc_floor if metric_set_for(use_case).higher_is_better else None,
        ceiling=watched.error_ceiling,
        maximum_bias=calibration.maximum_bias,
        maximum_error=calibration.maximum_error,
    )


def performance_of(use_case: UseCase, matured: Matured, champion: int) -> Performance:
    """Measure and judge the matured rows of the performance window.

    Args:
        use_case: its task and limits.
        matured: rows of all versions.
        champion: the version in force.
    """
    versions = _versions(matured)
    models = [version for version in versions if version != NO_MODEL]
    version = champion if champion in versions or not models else models[-1]
    judged = matured.of_version(version) if len(versions) > 1 or version != champion else matured
    figures = _figures(use_case, judged)
    nights = len(set(judged.night.tolist()))
    verdict = performance_verdict(figures, len(judged), nights, performance_limits(use_case), metric_set_for(use_case))
    verdict = _with_missing(verdict, judged)
    if version != champion:
        reason = f"No outcome of champion version {champion} has matured yet. Of version {version}, before it: {verdict.reason}"
        verdict = replace(verdict, outcome="not_enough_evidence", reason=reason)
    others = tuple(_by_version(use_case, matured, each) for each in versions) if len(versions) > 1 else ()
    return Performance(version, judged, figures, verdict, others)


def _versions(matured: Matured) -> list[int]:
    """Return the versions with matured rows, those with the newest scored nights last, the one with most rows the very last."""
    newest = {version: matured.night[matured.model_version == version] for version in set(matured.model_version.tolist())}
    return sorted(newest, key=lambda version: (newest[version].max(), len(newest[version]), version))


def _figures(use_case: UseCase, matured: Matured) -> tuple[Figure, ...]:
    return pooled_figures(
        matured.label, matured.prediction, matured.decision, matured.night, metric_set=metric_set_for(use_case)
    )


def _by_version(use_case: UseCase, matured: Matured, version: int) -> Sourced:
    rows = matured.of_version(version)
    measured = (*_figures(use_case, rows), *money_figures(use_case, rows, by_night=True))
    figures = tuple(replace(item, metric=f"pooled_{item.metric}", group=f"{OF_VERSION}{version}") for item in measured)
    who = "the rule" if version == NO_MODEL else f"version {version}"
    return Sourced(f"scores of {who} on {Nights(rows.scored_nights[0], rows.scored_nights[-1])}", version, figures)


def _with_missing(verdict: Verdict, matured: Matured) -> Verdict:
    """Add how many of the scored rows have no outcome: those that have one need not be like them."""
    share = 1 - len(matured) / matured.scored if matured.scored and len(matured) else 0.0
    if share < NOTABLE:
        return verdict
    missing = f"{share:.0%} of the {matured.scored:,} scored rows have no outcome, and need not be like those that have one."
    return replace(verdict, reason=f"{verdict.reason} {missing}")
