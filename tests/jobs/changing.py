"""A small shop of CSV files whose definition is changed by tests: things with a price, and whether they were sold."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from jobs import features, ingest
from nightloop.definitions import UseCase, load_use_case
from nightloop.evidence.reference_profile import reference_profile
from nightloop.meaning import meanings_of
from nightloop.meaning.archive import archive
from nightloop.model import bundle, champions
from nightloop.model.calibration import Calibration
from nightloop.model.models import LinearModel
from nightloop.nights import Nights
from nightloop.settings import load_settings
from nightloop.workspace import Workspace

FIRST = date(2024, 3, 1)
NIGHTS = Nights(FIRST, FIRST + timedelta(days=5))
ROWS = 12
SUITE = """\
name: {source}
meta: {{description: What must hold., quarantined_share_limit: 0.5}}
expectations:
  - type: expect_column_values_to_not_be_null
    kwargs: {{column: id}}
    meta: {{on_breach: quarantine, description: Each has a key.}}
"""


def declared() -> dict[str, Any]:
    """Return the definition as its file has it."""
    columns = {"id": ("integer", "id::bigint"), "price": ("number", "price::double"), "part": ("string", "part")}
    clocks = {"event_at": "ts::timestamp", "known_at": "ts::timestamp"}
    things = {"description": "Things.", "connector": {"kind": "files", "pattern": "data/{night}.csv"}, "key": ["id"], **clocks}
    things["columns"] = {name: {"type": of, "expression": sql, "description": name} for name, (of, sql) in columns.items()}
    sold = {"id": columns["id"], "sold": ("boolean", "sold::int = 1")}
    outcomes = {**things, "description": "Outcomes."}
    outcomes["columns"] = {name: {"type": of, "expression": sql, "description": name} for name, (of, sql) in sold.items()}
    by_part = {"source": "things", "by": ["part"], "nights": 3, "description": "Of the part."}
    return {
        "use_case": "things",
        "description": "Will it be sold?",
        "owner": "tests",
        "time_zone": "UTC",
        "first_night": FIRST,
        "engine": "local",
        "sources": {"things": things, "outcomes": outcomes},
        "entity": {"source": "things", "key": ["id"]},
        "label": {"description": "Sold.", "source": "outcomes", "join": {"id": "id"}, "expression": "sold", "matures_after": 0},
        "features": {
            "price": {"kind": "expression", "expression": "price", "description": "Price."},
            "mean_price": {"kind": "window", "function": "mean", "of": "price", **by_part},
        },
        "model": {"task": "binary"},
        "gates": {"fairness": {"group": "part", "metric": "selection_rate_difference", "maximum": 0.5}},
    }


@dataclass
class Things:
    """The use case in a folder of its own, and what its stages made."""

    folder: Path
    definition: dict[str, Any] = field(default_factory=declared)
    engine: str = "local"

    def __post_init__(self) -> None:
        self.settings = load_settings(
            home=self.folder / "home",
            engine=self.engine,
            definitions=self.folder / "feature_defs",
            contracts=self.folder / "great_expectations",
        )
        self.workspace = Workspace.open(self.settings)
        self.write()

    def write(self) -> None:
        """Write definition, contracts and data."""
        for folder in ("feature_defs", "data", "great_expectations/things"):
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        (self.folder / "feature_defs" / "things.yaml").write_text(yaml.safe_dump(self.definition, sort_keys=False))
        for source in self.definition["sources"]:
            suite = SUITE.format(source=source)
            (self.folder / "great_expectations" / "things" / f"{source}.yaml").write_text(suite)
        draw = random.Random(7)
        for night in NIGHTS:
            lines = [
                f"{night.day * 100 + i},{night}T10:00:00Z,{draw.random():.4f},{'AB'[i % 2]},{draw.randint(0, 1)}"
                for i in range(ROWS)
            ]
            (self.folder / "data" / f"{night}.csv").write_text("\n".join(["id,ts,price,part,sold", *lines]) + "\n")

    @property
    def use_case(self) -> UseCase:
        """The use case as its file declares it now."""
        return load_use_case("things", self.folder / "feature_defs")

    def change(self, change: Callable[[dict[str, Any]], object]) -> UseCase:
        """Change the file."""
        change(self.definition)
        (self.folder / "feature_defs" / "things.yaml").write_text(yaml.safe_dump(self.definition, sort_keys=False))
        return self.use_case

    def build(self, nights: Nights = NIGHTS) -> None:
        """Take nights in and make their features."""
        ingest.run(self.use_case, nights, self.workspace)
        features.run(self.use_case, nights, self.workspace)

    def promote(self, as_of: date, version: int = 1) -> UseCase:
        """Make a champion that was trained by today's definition, and return that definition."""
        use_case, k = self.use_case, len(self.use_case.features)
        meanings, digest = meanings_of(use_case), archive(self.workspace.lake, self.use_case)
        folder = bundle.write(
            self.settings.home / "bundles" / "things" / str(version),
            use_case=use_case,
            model=LinearModel(0.1 * version, tuple(float(i + 1) for i in range(k)), (0.5,) * k, (1.0,) * k, (0.0,) * k),
            calibration=Calibration("none"),
            training=bundle.Training(as_of, *(Nights(as_of, as_of),) * 3, digest, "code", {}, "key"),
            definition="use_case: things\n",
            reference=self._reference(use_case),
            card="# Card\n",
        )
        trained_on = {"features": dict(meanings.features), "label": meanings.label}
        payload = {"bundle_digest": bundle.digest(folder), "definition_digest": digest, "meanings": trained_on}
        champions.promote(self.workspace.ledger, "things", version, as_of, payload)
        return use_case

    def _reference(self, use_case: UseCase) -> dict[str, Any]:
        """Return the distribution of each feature over the nights that are there."""
        rows, names = self.workspace.lake.read("things/features"), list(use_case.features)
        values = np.column_stack([rows[name].to_numpy().astype(np.float64) for name in names])
        return reference_profile(names, values, rows["night"].to_numpy())

    def read(self, table: str, night: date) -> pa.Table:
        """Return a night's rows of a table, in the order of the key."""
        rows = self.workspace.lake.read(f"things/{table}", Nights(night, night))
        return rows.sort_by([(name, "ascending") for name in ("id", "by", "key") if name in rows.column_names])
