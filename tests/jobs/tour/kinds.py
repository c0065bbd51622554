"""Twelve kinds of data that people bring: small, made with a seed, each with one thing that trips an untouched draft."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

NIGHTS, A_NIGHT = 20, 24
START = datetime(2024, 3, 1, 0, 30)  # noqa: DTZ001 - as files write it
Columns = dict[str, Sequence[object]]


@dataclass(frozen=True)
class Kind:
    """Files of one kind: columns by file name, and what a person would type beside them."""

    files: Mapping[str, Columns]
    options: Sequence[str] = ()
    task: str = "binary"
    trained: bool = field(default=True)  # whether a candidate can be made of so little

    def write(self, folder: Path) -> list[str]:
        """Write the files and return their paths."""
        paths = []
        for name, columns in self.files.items():
            path = folder / name
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([list(columns), *zip(*columns.values(), strict=True)])
            paths.append(str(path))
        return paths


def base(seed: int, nights: int = NIGHTS, a_night: int = A_NIGHT) -> Columns:
    """Records with a time, a key, a category, a number, and what drives the label."""
    draw = np.random.default_rng(seed)
    rows = nights * a_night
    return {
        "order_id": [f"R{i:05d}" for i in range(rows)],
        "ordered_at": [(START + timedelta(hours=24 * i / a_night)).strftime("%Y-%m-%d %H:%M:%S") for i in range(rows)],
        "plan": draw.choice(["basic", "plus", "pro"], rows).tolist(),
        "age_of_account": draw.integers(1, 400, rows).tolist(),
        "spend": np.round(draw.normal(100, 20, rows), 2).tolist(),
    }


def binary(columns: Columns, seed: int, share: float = 0.35) -> list[int]:
    """A label that spend and plan drive."""
    draw = np.random.default_rng(seed)
    spend = np.array(columns["spend"], dtype=float)
    drive = -(spend - 100) / 20 + 1.5 * (np.array(columns["plan"]) == "basic") + draw.normal(0, 0.7, len(spend))
    return (drive > np.quantile(drive, 1 - share)).astype(int).tolist()


def no_time() -> Kind:
    columns = base(1)
    del columns["ordered_at"]
    label = binary(columns, 1)
    order = np.argsort(label, kind="stable")  # sorted by what is predicted, as such files often are
    columns = {name: [values[i] for i in order] for name, values in columns.items()}
    return Kind({"flat.csv": {**columns, "churned": sorted(label)}}, ["--label", "churned"])


def two_times() -> Kind:
    columns = base(2)
    shipped = [
        (datetime.fromisoformat(str(at)) + timedelta(hours=5 + i % 40)).strftime("%Y-%m-%d %H:%M:%S")
        for i, at in enumerate(columns["ordered_at"])
    ]
    return Kind({"parcels.csv": {"updated_at": shipped, **columns, "late": binary(columns, 2)}}, ["--label", "late"])


def wide() -> Kind:
    columns = base(3)
    draw = np.random.default_rng(3)
    rows = len(columns["spend"])
    more = {f"v{i:02d}": np.round(draw.normal(0, 1, rows), 3).tolist() for i in range(70)}
    return Kind({"wide.csv": {**columns, **more, "target": binary(columns, 3)}}, ["--label", "target"])


def float_keys() -> Kind:
    columns = base(4)
    columns["order_id"] = [f"{i}.0" for i in range(len(columns["spend"]))]
    return Kind({"floats.csv": {**columns, "churned": binary(columns, 4)}}, ["--label", "churned"])


def many_groups() -> Kind:
    columns = base(5)
    columns["shop"] = [f"shop {i % 157}" for i in range(len(columns["spend"]))]
    return Kind({"shops.csv": {**columns, "churned": binary(columns, 5)}}, ["--label", "churned"])


def rare() -> Kind:
    columns = base(6, a_night=150)
    return Kind({"rare.csv": {**columns, "fraud": binary(columns, 6, share=0.002)}}, ["--label", "fraud"], trained=False)


def empty_columns() -> Kind:
    columns = base(7)
    rows = len(columns["spend"])
    columns |= {"nothing": [""] * rows, "country": ["NL"] * rows, "version": [1] * rows}
    return Kind({"empty.csv": {**columns, "churned": binary(columns, 7)}}, ["--label", "churned"])


def duplicates() -> Kind:
    columns = {**base(8), "churned": binary(base(8), 8)}
    doubled = {name: [*values, *values[::9]] for name, values in columns.items()}
    return Kind({"twice.csv": doubled}, ["--label", "churned"])


def text_labels() -> Kind:
    columns = base(9)
    words = ["Yes, it was" if value else "no" for value in binary(columns, 9)]
    return Kind({"words.csv": {**columns, "outcome": words}}, ["--label", "outcome"])


def three_classes() -> Kind:
    columns = base(10)
    spend = np.array(columns["spend"], dtype=float) + np.random.default_rng(10).normal(0, 8, len(columns["spend"]))
    names = np.array(["Gold!", "silver", "Bronze (low)"])[np.digitize(spend, np.quantile(spend, [0.33, 0.66]))]
    return Kind({"classes.csv": {**columns, "tier": names.tolist()}}, ["--label", "tier"], task="multiclass")


def negative_targets() -> Kind:
    columns = base(11)
    spend = np.array(columns["spend"], dtype=float)
    profit = np.round(-3 * (spend - 90) + np.random.default_rng(11).normal(0, 20, len(spend)), 2)
    return Kind({"profit.csv": {**columns, "profit": profit.tolist()}}, ["--label", "profit"], task="regression")


def two_files() -> Kind:
    columns = base(12)
    label = binary(columns, 12)
    known = np.random.default_rng(12).permutation(len(label))
    outcomes = {"order_id": [columns["order_id"][i] for i in known], "churned": [label[i] for i in known]}
    return Kind({"orders.csv": columns, "outcomes.csv": outcomes}, ["--label", "churned"])


KINDS: Mapping[str, Callable[[], Kind]] = {
    "no time column": no_time,
    "two time columns": two_times,
    "wide": wide,
    "keys as floats": float_keys,
    "many small groups": many_groups,
    "rare positives": rare,
    "all-null and constant columns": empty_columns,
    "duplicates": duplicates,
    "text labels": text_labels,
    "three classes": three_classes,
    "negative targets": negative_targets,
    "two files": two_files,
}
