"""A folder for definitions, contracts and data that nobody has seen before."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from nightloop.drafting import Draft, DraftOptions, draft_use_case

Row = Sequence[object]


@dataclass(frozen=True)
class House:
    """Where a draft is made."""

    folder: Path

    @property
    def definitions(self) -> Path:
        return self.folder / "feature_defs"

    @property
    def contracts(self) -> Path:
        return self.folder / "great_expectations"

    def csv(self, name: str, header: Row, rows: Sequence[Row]) -> Path:
        path = self.folder / "data" / name
        path.parent.mkdir(exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    def draft(self, source: Path | str, name: str = "new_one", **options: object) -> Draft:
        """Draft without a search for features, unless it is asked for."""
        chosen = DraftOptions(**{"search_steps": 0, **options})  # type: ignore[arg-type]
        return draft_use_case(name, str(source), chosen, self.definitions)


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    made.definitions.mkdir()
    made.contracts.mkdir()
    return made


@pytest.fixture
def subscriptions() -> Callable[[int], tuple[list[str], list[list[object]]]]:
    """Header and rows of a table with names and values that are hard on YAML and SQL."""

    def made(count: int) -> tuple[list[str], list[list[object]]]:
        random.seed(1)
        header = [
            "Customer ID",
            "Signed-Up At",
            'Plan: "name" #1',
            "Age",
            "Spend €",
            "Sex",
            "E-Mail",
            "night",
            "Churned?",
            "Left {on}",
        ]
        plans = ["basic", "plus", 'pro, "gold"', "it's"]
        rows: list[list[object]] = []
        for i in range(count):
            at = datetime(2024, 1, 1) + timedelta(hours=i)  # noqa: DTZ001 - as the file writes it
            plan = random.choice(plans)
            left = random.random() < (0.6 if plan == "basic" else 0.1)
            spend = "NA" if i % 9 == 0 else f"{random.gauss(100, 20):.2f}"
            row = [f"C{i:05d}", at, plan, random.randint(18, 80), spend, random.choice("mf"), f"a{i}@x.org"]
            rows.append([*row, random.choice(["true", "false"]), int(left), at.date() if left else ""])
        return header, rows

    return made
