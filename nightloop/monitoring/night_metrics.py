"""The rows a monitored night adds to the metrics table, each with the source it stands on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.coverage import coverage_by_class
from nightloop.evidence.money import Cells, value_figures, value_of_decisions, value_of_predictions
from nightloop.evidence.realised import calibration_figures, group_figures, realised_figures
from nightloop.evidence.verdict import Figure
from nightloop.model.scoring import LABELS
from nightloop.model.use_case_task import metric_set_for, promised_classes, task_for
from nightloop.monitoring import metrics_table
from nightloop.monitoring.metrics_table import Sourced
from nightloop.nights import Night

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.features.matching import Match
    from nightloop.lake import Lake, Snapshot
    from nightloop.model.champions import Champion
    from nightloop.monitoring.matured import Matured, Restated


def night_figures(use_case: UseCase, night: Night, matured: Matured) -> list[Sourced]:
    """Measure the one scored night whose labels matured with this night."""
    scored_night = night - timedelta(days=use_case.label.matures_after)
    if scored_night not in matured.scored_nights:
        return []
    rows = matured.of(scored_night)
    figures = realised_figures(rows.label, rows.prediction, rows.decision, metric_set=metric_set_for(use_case))
    source = f"scores of {scored_night} with the labels known on {night}"
    more = (*coverage_figures(use_case, rows), *money_figures(use_case, rows, by_night=False))
    return [Sourced(source, _version(rows.model_version), (*figures, *more))]


def money_figures(use_case: UseCase, matured: Matured, *, by_night: bool) -> tuple[Figure, ...]:
    """Return what rows were worth, in the currency of the use case; nothing where no value is declared, or nothing decided.

    Args:
        use_case: says what answers are worth.
        matured: rows with their outcomes.
        by_night: whether the interval takes nights as the units; else rows.
    """
    of_rows = row_values(use_case, matured)
    return () if of_rows is None else value_figures(*of_rows, matured.night if by_night else None)


def row_values(use_case: UseCase, matured: Matured) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return what each row (n,) was worth, and what a perfect answer would have been.

    None where no value is declared, or nothing is decided.
    """
    value, label, decision = use_case.value, matured.label, matured.decision
    if value is None:
        return None
    if (cost := value.unit_error) is not None:

        def worth(prediction: NDArray[np.float64]) -> NDArray[np.float64]:
            return value_of_predictions(label, prediction, unit_error=cost, without_model=value.without_model)

        return worth(matured.prediction), worth(label)
    if decision is None or value.true_positive is None or value.false_positive is None:
        return None
    cells = Cells(value.true_positive, value.false_positive, value.true_negative, value.false_negative)
    return value_of_decisions(label, decision, cells), value_of_decisions(label, label, cells)


def coverage_figures(use_case: UseCase, matured: Matured) -> tuple[Figure, ...]:
    """Return ``coverage``, the share of outcomes within the reach of their answers; nothing where nothing was promised."""
    if np.isnan(matured.covered).all():
        return ()
    return coverage_by_class(matured.covered, matured.night, matured.label, promised_classes(use_case))


def restated_figures(use_case: UseCase, night: Night, restated: Sequence[Restated]) -> list[Sourced]:
    """Measure again the scored nights whose outcomes changed with this night: ``restated_…``, group ``night=…``."""
    return [_restated(use_case, night, item) for item in restated]


def _restated(use_case: UseCase, night: Night, restated: Restated) -> Sourced:
    rows, group = restated.matured, f"{metrics_table.OF_NIGHT}{restated.scored_night}"
    measured = (
        Figure("outcomes", restated.outcomes, None, None, len(rows)),
        *realised_figures(rows.label, rows.prediction, rows.decision, metric_set=metric_set_for(use_case)),
        *coverage_figures(use_case, rows),
        *money_figures(use_case, rows, by_night=False),
    )
    figures = tuple(replace(each, metric=f"{metrics_table.RESTATED}{each.metric}", group=group) for each in measured)
    source = f"scores of {restated.scored_night} with the labels known on {night}"
    return Sourced(source, _version(rows.model_version), figures)


def restatement(night: Night, restated: Restated) -> str:
    """Say that the outcomes of a scored night changed."""
    outcomes = "1 outcome" if restated.outcomes == 1 else f"{restated.outcomes:,} outcomes"
    return f"{outcomes} of night {restated.scored_night} corrected on {night}"


def overall_value(sourced: Sequence[Sourced], metric: str) -> float | None:
    """Return a figure of all rows, if it was measured."""
    figures = (figure for part in sourced for figure in part.figures)
    return next((figure.value for figure in figures if (figure.metric, figure.group) == (metric, "all")), None)


def pooled_figures(use_case: UseCase, matured: Matured, figures: tuple[Figure, ...]) -> list[Sourced]:
    """Name the figures over all nights of the performance window apart from the night's own."""
    if not matured.scored_nights:
        return []
    metric_set = metric_set_for(use_case)
    column = use_case.gates.fairness.group
    groups = (
        ()
        if column is None
        else group_figures(
            matured.label,
            matured.prediction,
            matured.decision,
            matured.night,
            group=matured.group,
            column=column,
            metric_set=metric_set,
        )
    )
    measured = (
        Figure("matured_share", len(matured) / matured.scored if matured.scored else 0.0, None, None, matured.scored),
        *figures,
        *groups,
        *coverage_figures(use_case, matured),
        *money_figures(use_case, matured, by_night=True),
        *calibration_figures(matured.label, matured.prediction, matured.night, metric_set),
    )
    source = f"scores of {matured.scored_nights[0]}..{matured.scored_nights[-1]} with the labels matured since"
    version = _version(matured.model_version)
    return [Sourced(source, version, tuple(replace(figure, metric=f"pooled_{figure.metric}") for figure in measured))]


def matching_figures(match: Match | None) -> list[Sourced]:
    """Return the share of entities that find their outcome, where some miss it by how a key is written, or all do."""
    if match is None or (not match.near and match.share > 0):
        return []
    figure = Figure(metrics_table.MATCHED, match.share, None, None, match.matched + match.near or match.entities)
    return [Sourced(f"entities of {match.scored_night} and the keys of their outcomes", None, (figure,))]


def score_counts(use_case: UseCase, night: Night, champion: Champion, scores: Snapshot) -> Sourced:
    """Count what the night scored, and what share of it was selected, or predicted to be of each class."""
    column = next(iter(task_for(use_case).columns)) if use_case.model.classes else "decision"
    answers = scores.read([column])[column]
    n = len(answers)
    figures = [Figure("rows_scored", n, None, None, n)]
    if n and use_case.model.classes:
        counts = Counter(answers.to_pylist())
        figures += [Figure("told_share", counts[c] / n, None, None, n, f"class={c}") for c in use_case.model.classes]
    elif n and not answers.null_count:
        selected = int(np.count_nonzero(answers.to_numpy()))
        figures.append(Figure("selected_share", selected / n, None, None, n))
    return Sourced(f"scores of {night}", champion.version, (*figures, *_shares_of_answers(scores)))


def _shares_of_answers(scores: Snapshot) -> list[Figure]:
    """Count the rows of each arm of a split night, and of each rung that stood in for a model: ``arm=…``, ``rung=…``."""
    labelled = [name for name in LABELS if name in scores.schema.names]
    rows = scores.read(labelled) if labelled else None
    counts = [(name, Counter(rows[name].drop_null().to_pylist())) for name in labelled] if rows is not None else []
    return [
        Figure("rows_scored", count, None, None, rows.num_rows, f"{name}={value}")
        for name, of in counts
        if rows is not None
        for value, count in sorted(of.items())
    ]


def row_counts(use_case: UseCase, night: Night, lake: Lake) -> list[Sourced]:
    """Count what came in, from the tables' own logs."""
    counts = []
    for source in use_case.sources:
        raw = lake.states(f"{use_case.use_case}/raw_{source}").get(night)
        if raw is not None:
            rows_in = Figure("rows_in", raw.rows, None, None, raw.rows, f"source={source}")
            counts.append(Sourced(f"raw_{source} of {night}", None, (rows_in,)))
    quarantine = lake.states(f"{use_case.use_case}/quarantine").get(night)
    if quarantine is not None:
        quarantined = Figure("rows_quarantined", quarantine.rows, None, None, quarantine.rows)
        counts.append(Sourced(f"quarantine of {night}", None, (quarantined,)))
    return counts


def _version(versions: NDArray[np.int64]) -> int | None:
    """Return the version that scored the rows, or None where there were several."""
    return int(versions[0]) if len(versions) and (versions == versions[0]).all() else None
