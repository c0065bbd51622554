"""Fit models that treat groups more alike beside the unmitigated one, measure all of them, and take one by the declared rule.

The choice is made on the calibration nights; the validation nights only show it, so that the gates judge a model that was not
picked for what it does on their rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightloop.definitions.model import BinaryModel, Mitigation
from nightloop.definitions.use_case import UseCase
from nightloop.evidence.fairness.fairness import assess
from nightloop.evidence.fairness.group_counts import GROUP_NIGHTS, groupings
from nightloop.evidence.fairness.mitigation import (
    GROUP_RATES,
    UNMITIGATED,
    Option,
    choose,
    counted_rows,
    equal_rates,
    reweighing,
)
from nightloop.evidence.metrics import figure
from nightloop.evidence.verdict import Figure
from nightloop.features.group_columns import groups_by
from nightloop.model.group_thresholds import GroupThresholds
from nightloop.model.training import trainers
from nightloop.model.training.estimators import boosted_trees
from nightloop.model.training.estimators.mixture import MEMBER, fit_exponentiated_gradient
from nightloop.model.training.evaluation_table import decide_by_capacity
from nightloop.model.training.fitted import Fitted, Mitigated
from nightloop.model.training.training_set import TrainingSet
from nightloop.model.use_case_task import metric_set_for
from nightloop.nights import Night

if TYPE_CHECKING:
    from xgboost import Booster

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Calibrate = Callable[["Booster"], Fitted]


def declared(use_case: UseCase) -> Mitigation | None:
    """Return the mitigation of a use case, where it declares one."""
    return use_case.model.mitigation if isinstance(use_case.model, BinaryModel) else None


def mitigate(
    use_case: UseCase, as_of: Night, learn: TrainingSet, calibrate: TrainingSet, *, unmitigated: Fitted, calibrated: Calibrate
) -> Fitted:
    """Fit every declared method, and return the model that is chosen, which says beside what.

    Args:
        use_case: declares ``model.mitigation``.
        as_of: the night of the training, for the seed.
        learn: rows to fit on.
        calibrate: rows to calibrate on, to find thresholds and to choose by.
        unmitigated: the candidate without any of it.
        calibrated: calibrates trees on the same rows as the candidate.
    """
    mitigation = _declared(use_case)
    fits = {"reweighing": _reweighed, "exponentiated_gradient": _exponentiated_gradient}
    models = {UNMITIGATED: unmitigated}
    for method in mitigation.methods:
        if method == "group_thresholds":
            prediction = unmitigated.predict(calibrate.matrix)
            models[method] = replace(unmitigated, thresholds=_thresholds(use_case, prediction, calibrate))
        else:
            models[method] = calibrated(fits[method](use_case, as_of, learn))
    compared = _compare_by_halves(use_case, models, calibrate)
    chosen, reason = choose(compared, mitigation.maximum_loss)
    return replace(models[chosen], mitigated=Mitigated(models, chosen, reason, compared))


def attribute_of(use_case: UseCase, rows: TrainingSet) -> NDArray[Any]:
    """Return the protected attribute of rows (n,), as text."""
    return groups_by(use_case, rows.table, _attribute(use_case))


def decisions(use_case: UseCase, model: Fitted, prediction: Floats, rows: TrainingSet) -> Bools | None:
    """Return the decisions (n,) of whole nights of rows by predictions for them; None where nothing is decided."""
    if use_case.model.capacity is not None:
        return decide_by_capacity(rows, use_case, prediction)
    if model.thresholds is None:
        return model.task.decide(prediction)
    thresholds = model.thresholds.of(groups_by(use_case, rows.table, model.thresholds.attribute))
    return np.asarray(prediction >= thresholds, dtype=np.bool_)


def _compare_by_halves(use_case: UseCase, models: Mapping[str, Fitted], rows: TrainingSet) -> tuple[Option, ...]:
    """Measure each model on the older and on the newer half of the nights, and return the means of both.

    Group thresholds of one half are found on the other. The gaps are averaged, not the rates: what one half finds too high the
    other finds too low, so that rates over both would be equal whatever the thresholds are worth.
    """
    nights = np.unique(rows.night)
    older = rows.night < nights[(len(nights) + 1) // 2]
    halves = []
    for here, other in ((older, ~older), (~older, older)):
        here_rows, other_rows = _part(rows, here), _part(rows, other)
        halves.append(measure(use_case, _refound(use_case, models, other_rows), here_rows))
    return tuple(_mean_of(one, other) for one, other in zip(*halves, strict=True))


def _refound(use_case: UseCase, models: Mapping[str, Fitted], rows: TrainingSet) -> dict[str, Fitted]:
    """Return the models with the thresholds that other rows give."""
    return {
        name: model
        if model.thresholds is None
        else replace(model, thresholds=_thresholds(use_case, model.predict(rows.matrix), rows))
        for name, model in models.items()
    }


def _mean_of(one: Option, other: Option) -> Option:
    figures = {name: (getattr(one, name), getattr(other, name)) for name in ("metric", "loss", "gap")}
    means = {
        name: Figure(older.metric, (older.value + newer.value) / 2, None, None, older.n + newer.n, older.group)
        for name, (older, newer) in figures.items()
    }
    return Option(one.name, **means)


def measure(use_case: UseCase, models: Mapping[str, Fitted], rows: TrainingSet) -> tuple[Option, ...]:
    """Measure each model on the same rows: the task's metric of what its decisions order rows by, and the gap between groups.

    Args:
        use_case: names the measure.
        models: by name, the unmitigated one first.
        rows: to measure on.
    """
    metric_set, group = metric_set_for(use_case), attribute_of(use_case, rows)
    answers = {name: _answers(model, rows, group) for name, model in models.items()}
    first = answers[UNMITIGATED][0]
    options = []
    for name, (order, decision) in answers.items():
        metric = figure(metric_set.metric, metric_set.estimate(rows.label, order), rows.night, len(order))
        loss = metric_set.improvement(rows.label, first, order)
        gap = _gap(use_case, rows, group, decision)
        options.append(Option(name, metric, figure(f"{metric_set.metric}_lost", loss, rows.night, len(order)), gap))
    return tuple(options)


def _answers(model: Fitted, rows: TrainingSet, group: NDArray[Any]) -> tuple[Floats, Bools]:
    """Return what the decisions order rows by (n,), and the decisions (n,)."""
    prediction = model.predict(rows.matrix)
    if model.thresholds is None:
        return prediction, np.asarray(model.task.decide(prediction))
    return model.thresholds.order(prediction, group), np.asarray(prediction >= model.thresholds.of(group), dtype=np.bool_)


def _part(rows: TrainingSet, chosen: Bools) -> TrainingSet:
    import pyarrow as pa

    return replace(rows, table=rows.table.filter(pa.array(chosen)))


def _gap(use_case: UseCase, rows: TrainingSet, group: NDArray[Any], decision: Bools) -> Figure:
    """Return the gate's measure between groups, of as many rows a night as the gate asks for."""
    name = str(use_case.gates.fairness.metric)
    mean = metric_set_for(use_case).group_mean(GROUP_RATES[name], rows.label, np.zeros(len(group)), decision)
    nights = len(np.unique(rows.night))
    assessment = assess(
        {GROUP_RATES[name]: mean},
        [name],
        groupings({"group": group}),
        rows.night,
        minimum_rows=_minimum_rows(use_case, nights),
        minimum_nights=min(GROUP_NIGHTS, nights),
    )
    return assessment.comparisons[0].gap


def _minimum_rows(use_case: UseCase, nights: int) -> int:
    share = min(nights / use_case.model.split.validate_nights, 1)
    return math.ceil(use_case.gates.fairness.minimum_group_rows * share)


def _thresholds(use_case: UseCase, prediction: Floats, rows: TrainingSet) -> GroupThresholds:
    """Find a threshold for each group on rows that the model was not fitted on."""
    group, gate = attribute_of(use_case, rows), use_case.gates.fairness
    threshold = float(use_case.model.threshold or 0.0)
    thresholds = equal_rates(
        prediction,
        counted_rows(str(gate.metric), rows.label),
        group,
        threshold=threshold,
        minimum_rows=_minimum_rows(use_case, len(np.unique(rows.night))),
    )
    return GroupThresholds(_attribute(use_case), thresholds, threshold)


def _reweighed(use_case: UseCase, as_of: Night, learn: TrainingSet) -> Booster:
    weight = reweighing(attribute_of(use_case, learn), learn.label)
    return _fit(use_case, as_of, learn, weight=weight, objective=boosted_trees.OF_BINARY)


def _exponentiated_gradient(use_case: UseCase, as_of: Night, learn: TrainingSet) -> Booster:
    return fit_exponentiated_gradient(
        lambda label, weight: _fit(use_case, as_of, learn, label=label, weight=weight, objective=MEMBER),
        learn.matrix,
        learn.label,
        attribute_of(use_case, learn),
        measure=str(use_case.gates.fairness.metric),
        threshold=float(use_case.model.threshold or 0.0),
    )


def _fit(
    use_case: UseCase,
    as_of: Night,
    learn: TrainingSet,
    *,
    weight: Floats,
    objective: boosted_trees.Parameters,
    label: Bools | None = None,
) -> Booster:
    """Fit trees as the candidate's are, but for labels, weights and objective."""
    return boosted_trees.fit_trees(
        learn.matrix,
        learn.label if label is None else label,
        names=learn.features,
        parameters=use_case.model.xgboost,
        seed=trainers.seed_of(use_case.use_case, as_of),
        objective=objective,
        weight=weight,
    )


def _attribute(use_case: UseCase) -> str:
    return _declared(use_case).attribute or str(use_case.gates.fairness.group)


def _declared(use_case: UseCase) -> Mitigation:
    mitigation = declared(use_case)
    assert mitigation is not None  # noqa: S101 - asked for before
    return mitigation
