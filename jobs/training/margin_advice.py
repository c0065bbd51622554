"""Say what the limits of a use case can prove with its nights and rows, and propose nights or a limit where it is little."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from nightloop.definitions.model import MOST_ORIGINS
from nightloop.definitions.use_case import UseCase
from nightloop.evidence.gates.power import (
    PROMISED,
    least_limit,
    least_margin,
    least_nights,
    night_deviation_of_auc,
    promoted_share,
    shown_within_share,
    standard_error,
)
from nightloop.evidence.performance import BIASES
from nightloop.evidence.verdict import Figure, with_interval
from nightloop.promotion.verdicts import JUDGED

if TYPE_CHECKING:
    from nightloop.lake import Lake
    from nightloop.ledger import Ledger

NEWEST = 5  # evaluations whose standard errors count


def margin_advice(use_case: UseCase, *, ledger: Ledger | None = None, rows: float | None = None) -> str:
    """Return a line on what ``margin_to_champion`` proves; nothing where neither an evaluation nor a formula tells.

    Args:
        use_case: its margin, rule and nights.
        ledger: where the verdicts of earlier trainings stand; None: there are none.
        rows: of a typical night; None: not known, and then no formula tells.
    """
    gate, nights = use_case.gates.performance, use_case.model.split.judged_nights
    metrics = [f"{gate.metric}_over_{rival}" for rival in ("champion", "baseline")]
    errors = [] if ledger is None else _standard_errors(use_case, ledger, "performance", metrics, nights)
    if errors:
        error, source = median(errors), f"measured in the newest {len(errors)}" if len(errors) > 1 else "measured in one"
        source = f"{source} of its evaluations"
    elif gate.metric == "auc" and nights > 1 and rows is not None:
        error = night_deviation_of_auc(rows) / math.sqrt(nights)
        source = "by the formula of docs/gates.md, for nothing is measured yet"
    else:
        return ""
    margin = gate.margin_to_champion
    share = promoted_share(error, nights, margin, rule=gate.rule)
    needed = "" if share >= PROMISED or gate.rule == "superior" else _proposal(use_case, error, margin)
    asked = "rule superior" if gate.rule == "superior" else f"margin_to_champion {margin:g}"
    apart = f"{nights} nights tell two models apart by a standard error of {error:.2g} {gate.metric} ({source})"
    equal = f"a candidate equal to the champion is promoted in {share:.0%} of trainings"
    return f"  what {asked} proves: {apart}; {equal}{needed}"


def bias_advice(use_case: UseCase, ledger: Ledger) -> str:
    """Return a line on what ``maximum_bias`` proves; nothing before the first verdict of the calibration gate."""
    limit, nights = use_case.gates.calibration.maximum_bias, use_case.model.split.judged_nights
    newest = _standard_errors(use_case, ledger, "calibration", BIASES, nights)
    if not newest:
        return ""
    error, share = median(newest), shown_within_share(median(newest), nights, limit)
    more = "" if share >= PROMISED else f". For {PROMISED:.0%}: maximum_bias {least_limit(error, nights):.2g}, or more nights"
    measured = f"{nights} nights measure a bias to a standard error of {error:.2g} (the newest {len(newest)} evaluations)"
    shown = f"a candidate without any is shown to be within in {share:.0%} of trainings"
    return f"  what maximum_bias {limit:g} proves: {measured}; {shown}{more}"


def floor_advice(use_case: UseCase, ledger: Ledger) -> str:
    """Return a line on what the monitor's floor (ceiling) lets pass of what the gates measured; nothing where it lets nothing.

    The proposal is the nearer end of the newest candidate's interval, less what one training may lose.
    """
    from nightloop.model.use_case_task import metric_set_for  # reads tables: not needed where nothing is judged yet

    metric_set, gate, watched = metric_set_for(use_case), use_case.gates.performance, use_case.monitoring
    name, limit, sign = "error_ceiling", watched.error_ceiling, -1
    if metric_set.higher_is_better:
        name, limit, sign = "auc_floor", watched.auc_floor, 1
    newest = [event for event in ledger.events(use_case.use_case, kind=JUDGED) if event.subject.endswith("/performance")][-1:]
    measured = [
        Figure.from_json(item)
        for event in newest
        for item in event.payload.get("figures", ())
        if (item["metric"], item["group"]) == (metric_set.metric, "all")
    ]
    end = (measured[0].low if sign > 0 else measured[0].high) if measured else None
    if end is None or limit is None:
        return ""
    item, proposal = measured[0], end - sign * gate.margin_to_champion
    if sign * (proposal - limit) <= 0:
        return ""
    head = f"  what {name} {limit:g} lets pass: the newest gate measured {metric_set.title} {with_interval(item)}"
    return f"{head}; its nearer end less margin_to_champion: {name} {proposal:.3g}"


def typical_rows(use_case: UseCase, lake: Lake) -> float | None:
    """Return how many labels the newest nights hold, in the middle of them; None where there are none."""
    table = f"{use_case.use_case}/labels"
    states = lake.states(table) if lake.exists(table) else {}
    newest = sorted(states)[-use_case.model.split.validate_nights :]
    return median(states[night].rows for night in newest) if newest else None


def _proposal(use_case: UseCase, error: float, margin: float) -> str:
    split = use_case.model.split
    nights = split.judged_nights
    more = least_nights(error * math.sqrt(nights), margin)
    origins = math.ceil(more / split.validate_nights) - 1 if more else MOST_ORIGINS + 1
    by_nights = f", or model.split.origins {origins}" if origins <= MOST_ORIGINS else ""
    return f". For {PROMISED:.0%}: margin_to_champion {least_margin(error, nights):.2g}{by_nights}"


def _standard_errors(use_case: UseCase, ledger: Ledger, gate: str, metrics: Sequence[str], nights: int) -> list[float]:
    """Return the standard errors of the newest verdicts of a gate, of the first of the metrics that each measured.

    They are of as many nights as are declared now.
    """
    errors: dict[str, float] = {}
    for event in ledger.events(use_case.use_case, kind=JUDGED):
        if not event.subject.endswith(f"/{gate}"):
            continue
        figures = {item["metric"]: item for item in event.payload.get("figures", ()) if item["group"] == "all"}
        measured = next((figures[metric] for metric in metrics if metric in figures), None)
        if measured and measured["low"] is not None and measured["high"] > measured["low"] and nights > 1:
            errors[event.subject] = standard_error(measured["low"], measured["high"], nights)
    return list(errors.values())[-NEWEST:]
