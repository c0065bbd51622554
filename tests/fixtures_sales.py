"""Shops that sell items: a use case with a key of two columns and labels two nights later, and its tables night by night.

What happened is a list of dicts, so a test can pick from it by plain Python what a stage must find in the tables.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from nightloop.definitions.use_case import UseCase
from nightloop.lake import Commit, Lake

FIRST, MATURES = date(2024, 1, 1), 2
FEATURES = ("stock", "price")  # in the order of the definition, which is not that of the alphabet
SPLIT = {"minimum_fit_nights": 3, "calibrate_nights": 2, "validate_nights": 1}
COLUMNS = {"shop": "string", "item": "integer", "region": "string", "checked": "string", "stock": "number", "price": "number"}
Row = dict[str, Any]


def night(number: int) -> date:
    """The night so many nights after the first."""
    return FIRST + timedelta(days=number)


def definition(*, group: str = "region", first_night: date = FIRST, **model: object) -> UseCase:
    source = {
        "description": "One row per shop and item.",
        "connector": {"kind": "files", "pattern": "sales/{night}.csv"},
        "columns": {name: {"type": kind, "expression": name, "description": name} for name, kind in COLUMNS.items()},
        "key": ["shop", "item"],
    }
    expression = {"regression": "price", "multiclass": "region"}.get(str(model.get("task")), "price > 0")
    fairness = {"metric": "mae_difference"} if model.get("task") == "regression" else {"metric": "selection_rate_difference"}
    if model.get("task") == "multiclass":
        fairness |= {"of_class": "no"}
    return UseCase.model_validate(
        {
            "use_case": "sales",
            "description": "Will it sell?",
            "owner": "tests",
            "time_zone": "UTC",
            "first_night": first_night,
            "engine": "local",
            "sources": {"sales": source},
            "entity": {"source": "sales", "key": ["shop", "item"]},
            "label": {
                "description": "Sold.",
                "source": "sales",
                "join": {"shop": "shop", "item": "item"},
                "expression": expression,
                "matures_after": MATURES,
            },
            "features": {name: {"kind": "expression", "expression": name, "description": name} for name in FEATURES},
            "model": {"task": "binary", "split": SPLIT, "reasons": 1, **model},
            "gates": {"fairness": {"group": group, "maximum": 0.5, **fairness}},
        }
    )


def sales(nights: int = 8, seed: int = 1) -> list[Row]:
    """What happened: four shop items a night, whose numbers tell night and entity apart."""
    return [
        {
            "night": night(number),
            "shop": shop,
            "item": item,
            "region": "north" if shop == "a" else "south",
            "checked": "yes",
            "stock": 100.0 * number + 10 * (shop == "b") + item,
            "price": -1.0 * number,
            "label": (number + item + (shop == "b")) % 2 == 0,
        }
        for number in range(nights)
        for shop in ("a", "b")
        for item in (1, 2)
    ]


def publish(
    lake: Lake,
    rows: Sequence[Row],
    last: int,
    *,
    first: int = 0,
    tables: Sequence[str] = ("features", "raw_sales", "labels"),
    without: tuple[str, date] | None = None,
    meanings: Mapping[str, str] | None = None,
) -> None:
    """Publish what each night made known, its rows in any order: the labels of a night come two nights later."""
    commit, shuffled = Commit("test", "sales", meanings=meanings or {}), random.Random(5).sample(list(rows), len(rows))
    nights = [night(number) for number in range(first, last + 1)]
    key = ("shop", "item")
    for table, columns, lag in (
        ("features", (*key, *FEATURES), 0),
        ("raw_sales", (*key, "region", "checked"), 0),
        ("labels", ("scored_night", *key, "label"), MATURES),
    ):
        types = {"item": pa.int64(), "scored_night": pa.date32(), "label": pa.bool_()}
        types |= dict.fromkeys(FEATURES, pa.float64())
        schema = pa.schema([(name, types.get(name, pa.string())) for name in columns])
        parts = {
            of: pa.Table.from_pylist(
                [
                    {name: row.get(name) for name in columns} | ({"scored_night": row["night"]} if lag else {})
                    for row in shuffled
                    if row["night"] == of - timedelta(days=lag)
                ],
                schema=schema,
            )
            for of in nights
            if (table, of) != without
        }
        if table in tables:
            lake.publish_nights(f"sales/{table}", parts, commit)
