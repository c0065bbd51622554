"""What a card says of a model by its definition alone: purpose, metrics, features, oversight, what is watched, limits."""

from __future__ import annotations

from nightloop.definitions.use_case import Card, Source, UseCase
from nightloop.model.training.card_text import items, stated, table
from nightloop.model.use_case_task import metric_set_for

LIMITS = (
    "A {answer} is meant for rows like those of the nights named here; the monitor tells when they no longer are.",
    "A reason names what moved this model's answer, not what causes the outcome.",
)


def intended_use(use_case: UseCase) -> str:
    """Return what it is for: in the owner's words, and what it answers."""
    entity, answers = use_case.entity, metric_set_for(use_case).answers
    return "\n\n".join(
        [
            stated(_words(use_case).intended_use),
            items(
                [
                    f"Question: {use_case.description}",
                    f"Asked of: {' '.join(use_case.sources[entity.source].description.split())}",
                    f"Answer: a {answers} each night, for {use_case.label.description}",
                    f"Decision: {decision(use_case)}",
                ]
            ),
        ]
    )


def out_of_scope(use_case: UseCase) -> str:
    """Return what it is not for."""
    return stated(_words(use_case).out_of_scope)


def decision(use_case: UseCase) -> str:
    """Return how an answer becomes a decision, in words."""
    model = use_case.model
    if model.capacity is not None:
        return f"positive for the {model.capacity:,} highest answers of a night"
    if model.task == "multiclass":
        return f"none; the most probable of {', '.join(model.classes)} is told"
    if model.threshold is None:
        return "none; the prediction is told"
    answer = "probability" if model.task == "binary" else "prediction"
    costs = model.decision.costs if model.task == "binary" and model.decision else None
    because = f": an error costs {costs.false_positive:g} or {costs.false_negative:g}" if costs else ""
    return f"positive from a {answer} of {model.threshold:g} on{because}"


def sources(use_case: UseCase) -> str:
    """Return which tables it learns from, and by which rule a record counts as known."""
    lines = [(name, " ".join(of.description.split()), known_by(of)) for name, of in use_case.sources.items()]
    return table(("source", "what it holds", "a record is known"), lines)


def known_by(source: Source) -> str:
    """Return from when on a record of the source may be used, in words."""
    if source.known_at is None:
        known = "the whole table, each night" if source.is_snapshot else "in the night it arrives with"
    else:
        known = f"at {' '.join(source.known_at.split())}"
    revised = f"; may come late or be corrected for {source.revised_within} nights" if source.revised_within else ""
    return known + revised


def metrics(use_case: UseCase) -> str:
    """Return what is measured, why, and where the limits are."""
    gates, metric_set = use_case.gates, metric_set_for(use_case)
    why = {
        "auc": "how often a positive row is put before a negative one; it does not depend on how rare they are",
        "mae": "the mean error in the label's own unit",
        "log_loss": "what was given to the class that came; it punishes certainty that was wrong",
    }[metric_set.metric]
    direction = "more" if metric_set.higher_is_better else "less"
    lines = [
        f"{metric_set.title} decides: {why}; {direction} is better.",
        f"Calibration is judged beside it: an error of at most {gates.calibration.maximum_error:g} and a bias of at most "
        f"{gates.calibration.maximum_bias:g}, so that a {metric_set.answers} means what it says.",
        "Intervals are 95 %, over nights: rows of one night share what that night was like.",
        f"Compared on the same rows with {use_case.model.baseline[0].replace('_', ' ')} and with the simplest answers.",
    ]
    return items(lines)


def features(use_case: UseCase) -> str:
    """Return each feature with its unit, range and meaning."""
    lines = [
        (
            name,
            feature.unit or "",
            f"{feature.range[0]:g} to {feature.range[1]:g}" if feature.range else "",
            feature.description
            + (" Personal data." if feature.personal else "")
            + (" Specially protected." if feature.sensitive else ""),
        )
        for name, feature in use_case.features.items()
    ]
    return table(("feature", "unit", "range", "what it is"), lines)


def oversight(use_case: UseCase) -> str:
    """Return who decides beside the gates."""
    if use_case.risk != "high":
        return (
            f"Risk is declared {use_case.risk}: the gates promote, and a person can roll back or retire a champion at any time."
        )
    rule = use_case.gates.approval
    others = "anybody but who asked for the training" if rule.by_another_person else "anybody"
    return (
        f"Risk is declared high: after every gate has passed, {others} has to approve within {rule.deadline_hours:g} hours, "
        "else the candidate is rejected. A person can roll back or retire a champion at any time."
    )


def margin(use_case: UseCase) -> str:
    """Return what a candidate may lose, to its champion and over a year."""
    gate = use_case.gates.performance
    budget = gate.margin_to_champion if gate.yearly_budget is None else gate.yearly_budget
    rule = (
        "must be proved better than the champion"
        if gate.rule == "superior"
        else (f"may be worse than the champion by {gate.margin_to_champion:g} {gate.metric} at most")
    )
    return f"A candidate {rule}; all trainings of a year together may lose {budget:g} to its best champion."


def monitoring(use_case: UseCase) -> str:
    """Return what is watched each night, and by which limits."""
    watched, retrain, metric_set = use_case.monitoring, use_case.retrain, metric_set_for(use_case)
    limit = watched.auc_floor if metric_set.higher_is_better else watched.error_ceiling
    bound = "no limit is declared" if limit is None else f"{'at least' if metric_set.higher_is_better else 'at most'} {limit:g}"
    unless = "" if retrain.calendar else ", unless its realised performance passes"
    window, gate = f"{watched.performance_nights} nights of matured labels", use_case.gates.calibration
    lines = [
        (f"realised {metric_set.title}", window, bound),
        ("realised bias and calibration error", window, f"at most {gate.maximum_bias:g} and {gate.maximum_error:g}"),
        (f"realised {metric_set.skill[1]}", window, "at least as good as the best constant answer to the same rows"),
        ("drift of a feature", "each night, against the nights it was fitted on", f"PSI above {watched.psi_limit:g}"),
        ("share of drifted features", "each night", f"above {watched.drifted_share_limit:.0%} the night fails"),
        ("rows of a night", "each night", f"no verdict on fewer than {watched.minimum_rows}"),
        ("age of the champion", "each night", f"a training is asked for at {retrain.maximum_age_nights} nights{unless}"),
        ("nights of failed drift in a row", "each night", f"{retrain.drifted_nights} ask for a training"),
    ]
    hears = ", ".join(use_case.alerts.email) or "no e-mail address is declared"
    return (
        f"{table(('what is watched', 'when', 'limit'), lines)}\n\nWho hears of it: {hears}; and Slack, where it is connected."
    )


def ethics(use_case: UseCase) -> str:
    """Return what the owner considered, and which features are of people."""
    personal = [name for name, feature in use_case.features.items() if feature.personal]
    sensitive = [name for name, feature in use_case.features.items() if feature.sensitive]
    lines = [
        f"Features made of personal data: {', '.join(personal) or 'none is declared'}.",
        f"Features made of specially protected data: {', '.join(sensitive) or 'none is declared'}.",
    ]
    return f"{stated(_words(use_case).ethical_considerations)}\n\n{items(lines)}"


def limits(use_case: UseCase, others: tuple[str, ...]) -> str:
    """Return what a reader must know: in the owner's words, and what holds for every model."""
    answer = "prediction" if use_case.model.task == "regression" else "probability"
    every = (limit.format(answer=answer) for limit in LIMITS)
    return f"{stated(_words(use_case).limitations)}\n\n{items([*every, *others])}"


def _words(use_case: UseCase) -> Card:
    return use_case.card or Card()
