"""Write the draft of feature_defs/<use case>.yaml: every guess has a comment that says so and why."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from nightloop.definitions.connectors import Connector, FilesConnector
from nightloop.drafting.fields import Field, classes, label_expression
from nightloop.drafting.plan import Plan
from nightloop.drafting.sample import all_files
from nightloop.drafting.selection import Selection
from nightloop.drafting.yaml_text import Value, comment, flow, shown
from nightloop.evidence.evaluation import MINIMUM_NIGHTS

FEW_ROWS: Mapping[str, Value] = {"n_estimators": 100, "max_depth": 3, "learning_rate": 0.05, "min_child_weight": 5}
SLOW: Mapping[str, Value] = {"n_estimators": 2000, "learning_rate": 0.04}
SEVERAL = 4  # nights: a sample of fewer cannot be divided by time


def definition_text(name: str, source: str, connector: Connector, selection: Selection) -> str:
    """Return the whole file.

    Args:
        name: of the use case.
        source: what ``--from`` named, for the comment at the top.
        connector: of both sources.
        selection: what the sample shows, and the features and trees that were chosen.
    """
    plan = selection.plan
    parts = (
        _head(name, source, plan),
        _sources(connector, plan),
        _target(plan),
        _features(selection),
        _model(selection),
        _gates(plan),
    )
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _line(key: str, value: Value, why: str = "", indent: int = 0) -> str:
    return f"{' ' * indent}{flow(key)}: {flow(value)}{f'  {comment(why)}' if why else ''}"


def _head(name: str, source: str, plan: Plan) -> Iterator[str]:
    yield "# yaml-language-server: $schema=schema.json"
    yield comment(f"Drafted from {plan.rows:,} records of {shown(source, 90)}.")
    yield "# Lines with 'check:' are guesses: look at each, correct it, and take the mark away."
    yield _line("use_case", name)
    yield _line("description", f"{plan.label.column.words}: what will it be?", "check: say the question it answers")
    yield _line("owner", "nobody-yet", "check: who answers for it")
    local = "check: local times and nights are of this zone" if plan.time_zone == "UTC" else ""
    yield _line("time_zone", plan.time_zone, local)
    yield _line("first_night", plan.first_night, "of the first record in the sample")
    yield _line("last_night", plan.last_night, "of the last record; check: take this line away when data goes on arriving")
    yield _line("schedule", "0 2 * * *")
    yield _line("risk", "low", "check: what harm does a wrong answer do? high asks for an approval before a promotion")
    yield _line("engine", "local", "spark, for what outgrows one machine")


def _sources(connector: Connector, plan: Plan) -> Iterator[str]:
    yield "sources:"
    yield f"  {flow(plan.entity)}:"
    yield _line("description", "One row per record, with what is known when it appears.", "check: one row per what?", 4)
    yield from _records(connector, plan, plan.fields)
    yield _line("known_at", plan.event_at, "check: when could the platform first see it? taken to be at once", 4)
    if plan.has_gaps:
        yield _line("may_be_empty", True, f"{plan.nights} nights of the span have records", 4)
    yield ""
    yield f"  {flow(plan.outcomes)}:"
    yield _line("description", "One row per record whose outcome is known.", "", 4)
    yield from _records(all_files(connector), plan, plan.outcome_fields)
    hours = 24 * plan.nights_to_outcome
    known = f"({plan.event_at}) + to_hours({hours})"
    yield _line("known_at", known, f"check: the outcome is taken to be known {hours} hours later", 4)
    yield _line("may_be_empty", True, "no outcome is known on the first night", 4)


def _records(connector: Connector, plan: Plan, fields: tuple[Field, ...]) -> Iterator[str]:
    declared: dict[str, Value] = connector.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    western = isinstance(connector, FilesConnector) and connector.csv.encoding in ("latin-1", "windows-1252")
    why = "check: which encoding it is cannot be told from letters of one byte" if western else ""
    yield _line("connector", {"kind": connector.kind, **declared}, why, 4)
    yield "    columns:"
    for item in fields:
        declaration: dict[str, Value] = {"type": item.type, "expression": item.sql, "description": item.description}
        why = item.comment
        if item.profile and (item.profile.personal or item.profile.sensitive):
            declaration |= {"personal": True}
            why += (
                f"; check: protected? {item.profile.protected}" if item.profile.sensitive else "; check: personal by its name"
            )
        yield _line(item.name, declaration, why, 6)
    yield _line("key", list(plan.key), plan.key_note, 4)
    yield _line("event_at", plan.event_at, plan.time.note, 4)


def _target(plan: Plan) -> Iterator[str]:
    label = plan.label
    yield _line("entity", {"source": plan.entity, "key": list(plan.key)})
    yield ""
    yield "label:"
    meaning = "" if label.positive is None or label.column.type == "boolean" else f" is {label.positive}"
    yield _line("description", f"{label.column.words}{meaning}.", label.note, 2)
    yield _line("source", plan.outcomes, indent=2)
    yield _line("join", {name: name for name in plan.key}, indent=2)
    yield _line("expression", label_expression(plan.label), indent=2)
    yield _line("matures_after", plan.matures_after, "nights; check: as long as outcomes can take", 2)


def _features(selection: Selection) -> Iterator[str]:
    for name in selection.plan.left_out:
        yield comment(f"Left out: the column {shown(name)}, a name that SQL cannot say.")
    yield from _search(selection)
    yield "features:"
    for item in selection.features:
        yield _line(item.name, item.declaration, item.comment, 2)
    yield from _left_out(selection)


def _search(selection: Selection) -> Iterator[str]:
    """Say how the features were chosen."""
    choice = selection.choice
    if choice is None:
        yield comment(
            "Not chosen by what they bring on later nights: the sample has too few nights or records, or no step was asked for."
        )
        return
    before, after = choice.measured(choice.nothing), choice.measured(choice.score)
    count = len(choice.joined) + len(choice.left_out) + len(choice.same_as)
    yield comment(
        f"Chosen from {count} candidates by what they bring on later nights of the sample, in {choice.steps} steps of a small "
        f"model, in the order they joined: {before} with none, {after} with these."
    )


def _left_out(selection: Selection) -> Iterator[str]:
    """List the candidates that did not join, the most useful first; those without use in one line."""
    choice = selection.choice
    if choice is None or not (choice.left_out or choice.same_as or selection.running):
        return
    yield comment("Left out, with what a model of all candidates loses on later nights without what it adds:")
    useful = {name: loss for name, loss in choice.left_out.items() if loss is not None and loss > 0}
    for name, loss in useful.items():
        yield comment(f"{name}: {choice.gained(loss)}")
    for name in selection.running:
        yield comment(f"{name}: it only grows or falls with time, so every later night is beyond what was learned")
    for name, other in choice.same_as.items():
        yield comment(f"{name}: says what {other} says")
    if useless := [name for name in choice.left_out if name not in useful]:
        yield comment(f"nothing is lost without: {', '.join(useless)}")


def split_of(plan: Plan) -> dict[str, int]:
    """Return how the nights with outcomes are divided."""
    nights = _labelled(plan)
    validate, calibrate = _validate_nights(nights), max(min(7, nights // 10), 1)
    return {"validate_nights": validate, "calibrate_nights": calibrate, "minimum_fit_nights": max(min(28, nights // 3), 1)}


def _labelled(plan: Plan) -> int:
    """Return the nights whose outcomes a training on the last of them would know."""
    until_known = (plan.last_night - plan.first_night).days + 1 - plan.matures_after
    return min(until_known, plan.labelled_nights)


def _model(selection: Selection) -> Iterator[str]:
    plan, nights = selection.plan, _labelled(selection.plan)
    yield "model:"
    yield _line("task", plan.label.task, indent=2)
    if plan.label.task == "multiclass":
        yield _line("classes", list(classes(plan.label).values()), "as the column of the outcome names them", 2)
    few = f"check: only {nights} nights have outcomes; train on more" if nights < SEVERAL else ""
    split: dict[str, Value] = {**split_of(plan)}
    yield _line("split", split, few or f"check: of {nights} nights with outcomes in the sample", 2)
    yield from _trees(selection)
    if plan.label.task == "binary":
        yield _line("decision_threshold", 0.5, "check: above which probability something is done", 2)


def _trees(selection: Selection) -> Iterator[str]:
    """Write the parameters of the trees, and how their number is chosen."""
    trees = selection.trees
    if trees is None:
        yield _line("xgboost", dict(FEW_ROWS), "shallow trees: the sample is too small to try parameters", 2)
        return
    why = f"the best of {trees.tried} sets on later nights; n_estimators is the most that early_stopping may take"
    yield _line("xgboost", {**SLOW, **trees.parameters}, why, 2)
    fit = _labelled(selection.plan) - sum(list(split_of(selection.plan).values())[:2])
    stopping: dict[str, Value] = {"nights": max(min(14, fit // 5), 1), "rounds": 50}
    yield _line("early_stopping", stopping, "trees are added until the newest nights of those fitted on gain no more", 2)


def _gates(plan: Plan) -> Iterator[str]:
    a_night, judged = plan.rows / max(plan.nights, 1), _judged_rows(plan)
    rows = max(10, min(2000, int(a_night * 7), int(judged * 0.7)))  # of some nights that are taken together
    metric = {"binary": "auc", "regression": "mae", "multiclass": "log_loss"}[plan.label.task]
    yield "gates:"
    margin = _rounded(plan.spread / 10)
    performance: dict[str, Value] = {
        "metric": metric,
        "over_baseline": -margin,
        "margin_to_champion": margin,
        "minimum_rows": rows,
    }
    yield _line(
        "performance", performance, "check: how far below zero the improvement may seem on so few nights, and the rows", 2
    )
    errors, why = _errors(plan, judged)
    limits = {"maximum_error": errors, "maximum_bias": errors, "minimum_rows": rows}
    yield _line("calibration", limits, why, 2)
    yield _fairness(plan, judged)
    yield ""
    yield _monitoring(plan, metric, max(5, min(rows, int(a_night / 2))))


def _monitoring(plan: Plan, metric: str, rows: int) -> str:
    limits: dict[str, Value] = {"psi_limit": 0.25, "minimum_rows": rows}
    if plan.label.task == "binary":
        return _line("monitoring", limits, "the rows are of a night")
    why = f"check: error_ceiling is the highest {metric} to bear; the same answer for every record has this much"
    return _line("monitoring", {**limits, "error_ceiling": _rounded(plan.guessing)}, why)


def _fairness(plan: Plan, judged: float) -> str:
    """Return the gate over the watched groups, each of which has rows enough in the nights that judge."""
    if not plan.watched:
        why = "check: whom can the answers treat unfairly? name the column of the groups, or say why there are none"
        return _line("fairness", {"none_because": "No column of the draft is known to divide people."}, why, 2)
    compared = {"binary": "selection_rate_difference", "regression": "mae_difference", "multiclass": "accuracy_difference"}
    first, *others = plan.watched
    gate: dict[str, Value] = {
        "group": first.field.name,
        "metric": compared[plan.label.task],
        "maximum": _rounded(plan.spread / 4) if plan.label.task == "regression" else 0.2,
        "minimum_group_rows": max(int(min(item.share for item in plan.watched) * judged / 2), 10),
    }
    if others:
        gate |= {"attributes": [item.field.name for item in others], "crossings": []}
    reasons = "; ".join(f"{item.field.name}: {item.why}" for item in plan.watched)
    return _line("fairness", gate, f"check: the limit; these look protected and are no features ({reasons})", 2)


def _judged_rows(plan: Plan) -> float:
    """Return the records of the nights that a candidate will be judged on."""
    nights = (plan.last_night - plan.first_night).days + 1 - plan.matures_after
    return plan.rows / max(plan.nights, 1) * _validate_nights(nights)


def _validate_nights(nights: int) -> int:
    """Return on how many nights a candidate is judged: five at least, where there are three times as many, for a verdict."""
    return max(1, min(14, max(MINIMUM_NIGHTS, nights // 5), nights // 3))


def _errors(plan: Plan, rows: float) -> tuple[float, str]:
    """Return the limit of calibration errors, and why: what no number of rows like these could show would never pass."""
    limit = plan.spread / 5 if plan.label.task == "regression" else 0.1
    shown = 3 * plan.spread / math.sqrt(max(rows, 1))
    if shown <= limit:
        return _rounded(limit), "check: how far the answers may be off"
    return _rounded(shown), f"check: how far the answers may be off; less than this cannot be shown on {rows:,.0f} rows"


def _rounded(value: float) -> float:
    """Return a limit with two digits that is never zero."""
    return float(f"{value:.2g}") or 1e-6
