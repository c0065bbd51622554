"""A use case of every kind of feature, and changes of it: one place, and whether a value changes by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nightloop.definitions import UseCase
from tests.features.in_memory import rate, shop, window

FEATURES: dict[str, dict[str, Any]] = {
    "basket": {"kind": "expression", "expression": "basket"},
    "weekend": {"kind": "expression", "expression": "weekday(day) >= 6"},
    "city_bucket": {"kind": "cross", "columns": ["city", "vip"], "buckets": 16},
    "busy": {"kind": "peers", "by": ["city"]},
    "basket_before": {"kind": "lag", "expression": "basket", "nights": 7},
    "score": {"kind": "lookup", "source": "customers", "by": {"customer": "customer"}, "expression": "score"},
    "card_share": rate(smoothing=2.0),
    "spent": window("sum", "amount"),
    "kinds": window("distinct", "kind"),
    "trend": {"kind": "ratio", "source": "payments", "function": "mean", "of": "amount", "by": ["customer"]}
    | {"nights": 2, "to_nights": 9},
}
USE_CASE = shop(FEATURES)
Change = Callable[[dict[str, Any]], object]


def changed(change: Change, use_case: UseCase = USE_CASE) -> UseCase:
    """Return the use case with a change made to what its file declares."""
    declared = use_case.model_dump(mode="json", by_alias=True, exclude_none=True)
    change(declared)
    return UseCase.model_validate(declared)


def put(path: str, value: object) -> Change:
    """Return the change that puts a value at a path such as ``features.spent.nights``."""
    *folders, last = path.split(".")

    def change(declared: dict[str, Any]) -> None:
        place = declared
        for folder in folders:
            place = place[folder]
        place[last] = value

    return change
