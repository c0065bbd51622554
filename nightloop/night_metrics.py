"""The rows a monitored night adds to the metrics table, each with the source it stands on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.realised import calibration_figures, group_figures, realised_figures
from nightloop.evidence.verdict import Figure
from nightloop.metrics_table import Sourced
from nightloop.nights import Night

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.lake import Lake, Snapshot
    from nightloop.matured import Matured
    from nightloop.model.champions import Champion


def of_night(use_case: UseCase, night: Night, matured: Matured) -> list[Sourced]:
    """Measure the one scored night whose labels matured with this night."""
    scored_night = night - timedelta(days=use_case.label.matures_after)
    if scored_night not in matured.scored_nights:
        return []
    rows = matured.of(scored_night)
    figures = realised_figures(matured.label[rows], matured.probability[rows], matured.decision[rows])
    return [
        Sourced(f"scores of {scored_night} with the labels known on {night}", _version(matured.model_version[rows]), figures)
    ]


def pooled(use_case: UseCase, matured: Matured, figures: tuple[Figure, ...]) -> list[Sourced]:
    """Name the figures over all nights of the performance window apart from the night's own."""
    if not matured.scored_nights:
        return []
    column = use_case.gates.fairness.group
    groups = group_figures(
        matured.label, matured.probability, matured.decision, matured.night, group=matured.group, column=column
    )
    measured = (
        Figure("matured_share", len(matured) / matured.scored if matured.scored else 0.0, None, None, matured.scored),
        *figures,
        *groups,
        *calibration_figures(matured.label, matured.probability, matured.night),
    )
    source = f"scores of {matured.scored_nights[0]}..{matured.scored_nights[-1]} with the labels matured since"
    version = _version(matured.model_version)
    return [Sourced(source, version, tuple(replace(figure, metric=f"pooled_{figure.metric}") for figure in measured))]


def scored(night: Night, champion: Champion, scores: Snapshot) -> Sourced:
    """Count what the night scored, and what share of it was selected."""
    rows = scores.read(["probability", "decision"])
    n = rows.num_rows
    figures = [Figure("rows_scored", n, None, None, n)]
    if n:
        selected = int(np.count_nonzero(rows["decision"].to_numpy()))
        figures.append(Figure("selected_share", selected / n, None, None, n))
    return Sourced(f"scores of {night}", champion.version, tuple(figures))


def volumes(use_case: UseCase, night: Night, lake: Lake) -> list[Sourced]:
    """Count what came in, from the tables' own logs."""
    name, parts = use_case.use_case, []
    for source in use_case.sources:
        state = lake.states(f"{name}/raw_{source}").get(night)
        if state is not None:
            figure = Figure("rows_in", state.rows, None, None, state.rows, f"source={source}")
            parts.append(Sourced(f"raw_{source} of {night}", None, (figure,)))
    aside = lake.states(f"{name}/quarantine").get(night)
    if aside is not None:
        parts.append(Sourced(f"quarantine of {night}", None, (Figure("rows_quarantined", aside.rows, None, None, aside.rows),)))
    return parts


def _version(versions: NDArray[np.int64]) -> int | None:
    """Return the version that scored the rows, or None where there were several."""
    return int(versions[0]) if len(versions) and (versions == versions[0]).all() else None
