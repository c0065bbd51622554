"""A capacity decides on whole nights: in the batch over all row groups, in a training night by night."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from jobs import score, train
from nightloop.definitions.use_case import UseCase
from nightloop.lake import Commit
from nightloop.model import bundle, champions
from nightloop.model.training import evaluation_table
from nightloop.nights import one
from nightloop.workspace import Workspace
from tests.fixtures_models import tiny_features, with_capacity

from .conftest import AS_OF, Loans, definition

NIGHT = date(2024, 3, 1)


@pytest.fixture
def small_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write features in groups of 70 rows, so that the night is ranked by several jobs."""
    write = pq.write_table
    monkeypatch.setattr(pq, "write_table", lambda *given, **named: write(*given, **{**named, "row_group_size": 70}))


def scored(workspace: Workspace, use_case: UseCase, folder: Path) -> list[dict[str, Any]]:
    """Score one night, and return its rows, the highest answer first."""
    target = workspace.settings.home / "bundles" / "tiny" / "1"
    if not target.exists():
        workspace.lake.publish("tiny/features", NIGHT, tiny_features(NIGHT), Commit("features", "tiny"))
        target.parent.mkdir(parents=True)
        target.symlink_to(folder)
        champions.promote(workspace.ledger, "tiny", 1, NIGHT, {"bundle_digest": bundle.digest(folder)})
    score.run(use_case, one(NIGHT), workspace)
    rows = workspace.lake.read("tiny/scores").to_pylist()
    return sorted(rows, key=lambda row: (-row["probability"], not row["decision"], row["account"]))


@pytest.mark.usefixtures("small_row_groups")
def test_the_highest_answers_of_the_night_are_positive_over_all_row_groups(
    workspace: Workspace, tiny: UseCase, write_bundle: Callable[..., Path], tmp_path: Path
) -> None:
    limited = with_capacity(tiny, 40)
    rows = scored(workspace, limited, write_bundle(tmp_path / "bundle", use_case=limited, threshold=0.5))
    assert [row["decision"] for row in rows] == [True] * 40 + [False] * 260
    against = [row for row in rows[:40] if row["probability"] < 0.5]
    speaking = [row["effect_1"] for row in rows[:40]]
    assert all(effect > 0 for effect in speaking) or against, "reasons speak for the decision"
    before = workspace.lake.states("tiny/scores")[NIGHT].content_digest
    assert scored(workspace, limited, tmp_path / "bundle") == rows
    assert workspace.lake.states("tiny/scores")[NIGHT].content_digest == before


def test_a_night_of_fewer_entities_than_the_capacity_is_positive_throughout(
    workspace: Workspace, tiny: UseCase, write_bundle: Callable[..., Path], tmp_path: Path
) -> None:
    limited = with_capacity(tiny, 301)
    rows = scored(workspace, limited, write_bundle(tmp_path / "bundle", use_case=limited, threshold=0.5))
    assert len(rows) == 300 and all(row["decision"] for row in rows)


def decided_by(decision: dict[str, Any]) -> dict[str, Any]:
    model: Any = dict(definition()["model"])  # type: ignore[call-overload]
    del model["decision_threshold"]
    return {**model, "decision": decision}


def test_a_training_judges_the_decisions_that_the_capacity_would_make(loans: Loans) -> None:
    limited = loans.with_(model=decided_by({"capacity": 30}))
    for step in (train.assemble, train.fit, train.evaluate):
        step(limited.use_case, AS_OF, limited.workspace)
    train.gate(limited.use_case, AS_OF, limited.workspace, name="fairness")
    evaluation = evaluation_table.read(limited.use_case, AS_OF, 1, limited.workspace.lake)
    assert evaluation.decision is not None
    nights, place = np.unique(evaluation.night, return_inverse=True)
    assert np.bincount(place, weights=evaluation.decision).tolist() == [30] * len(nights)
    folder = limited.workspace.registry.fetch("accounts_late", 1)
    spec = bundle.read_spec(folder)
    assert spec.capacity == 30 and spec.threshold is not None and 0.5 < spec.threshold < 1
    assert "positive for the 30 highest answers of a night" in (folder / "card.md").read_text()


def test_costs_make_the_threshold_of_the_bundle(loans: Loans) -> None:
    costed = loans.with_(model=decided_by({"costs": {"false_positive": 1, "false_negative": 4}}))
    for step in (train.assemble, train.fit):
        step(costed.use_case, AS_OF, costed.workspace)
    folder = costed.workspace.registry.fetch("accounts_late", 1)
    spec = bundle.read_spec(folder)
    assert (spec.threshold, spec.capacity) == (0.2, None)
    assert "positive from a probability of 0.2 on: an error costs 1 or 4" in (folder / "card.md").read_text()
