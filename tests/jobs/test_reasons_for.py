"""Reasons only where they are asked for: the same to the last bit as for all, and null elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from jobs import score
from nightloop.definitions.loading import definition_digest
from nightloop.definitions.use_case import UseCase
from nightloop.engine.local import LocalEngine
from nightloop.lake import Commit
from nightloop.model import bundle, champions
from nightloop.nights import one
from nightloop.workspace import Workspace
from tests.fixtures_models import tiny_features, with_capacity

NIGHT = date(2024, 3, 1)
ROWS = 101
REASONS = [f"{name}_{place}" for name in ("reason", "effect") for place in (1, 2, 3)]


def having(use_case: UseCase, reasons_for: str) -> UseCase:
    declared = use_case.model_dump(mode="json", by_alias=True)
    return UseCase.model_validate({**declared, "model": {**declared["model"], "reasons_for": reasons_for}})


@pytest.fixture
def scored(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """Score a night in row groups of 30 rows by a bundle, and return its rows, the highest answer first."""
    write = pq.write_table
    monkeypatch.setattr(pq, "write_table", lambda *given, **named: write(*given, **{**named, "row_group_size": 30}))
    workspace.lake.publish("tiny/features", NIGHT, tiny_features(NIGHT, ROWS), Commit("features", "tiny"))

    def run(use_case: UseCase, folder: Path) -> list[dict[str, Any]]:
        target = workspace.settings.home / "bundles" / "tiny" / "1"
        if not target.exists():
            target.parent.mkdir(parents=True)
            target.symlink_to(folder)
            champions.promote(workspace.ledger, "tiny", 1, NIGHT, {"bundle_digest": bundle.digest(folder)})
        score.run(use_case, one(NIGHT), workspace)
        return sorted(workspace.lake.read("tiny/scores").to_pylist(), key=lambda row: (-row["probability"], row["account"]))

    return run


def check(rows: list[dict[str, Any]], of_all: list[dict[str, Any]], explained: list[bool]) -> None:
    """Compare rows with those that all have reasons: the same where they are explained, null where they are not."""
    expected = [row if has else row | dict.fromkeys(REASONS) for row, has in zip(of_all, explained, strict=True)]
    assert rows == expected and any(explained) and not all(explained)


@pytest.mark.parametrize("which", ["trees_bundle", "linear_bundle"])
def test_positive_decisions_alone_get_reasons(
    scored: Callable[..., Any], tiny: UseCase, which: str, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(which)
    of_all = scored(tiny, folder)
    check(scored(having(tiny, "decided"), folder), of_all, [row["decision"] for row in of_all])


@pytest.mark.parametrize(("asked", "count"), [("top 1 %", 2), ("top 9.9 %", 10), ("top 10 %", 11), ("top 0.5 %", 1)])
def test_the_highest_answers_of_the_night_get_reasons(
    scored: Callable[..., Any], tiny: UseCase, trees_bundle: Path, asked: str, count: int
) -> None:
    of_all = scored(tiny, trees_bundle)
    rows = scored(having(tiny, asked), trees_bundle)
    cut = of_all[count - 1]["probability"]
    explained = [row["reason_1"] is not None for row in rows]
    assert sum(explained) == count
    assert all(has for row, has in zip(rows, explained, strict=True) if row["probability"] > cut)
    check(rows, of_all, explained)


def test_all_of_a_night_is_all(scored: Callable[..., Any], tiny: UseCase, trees_bundle: Path) -> None:
    of_all = scored(tiny, trees_bundle)
    assert scored(having(tiny, "top 100 %"), trees_bundle) == of_all and of_all[-1]["reason_1"] is not None


def test_a_capacity_and_a_share_are_cut_by_one_ranking(
    scored: Callable[..., Any],
    tiny: UseCase,
    write_bundle: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limited = with_capacity(tiny, 30)
    folder = write_bundle(tmp_path / "bundle", use_case=limited, threshold=0.5)
    of_all = scored(limited, folder)
    functions: list[str] = []
    real = LocalEngine.map_files
    monkeypatch.setattr(LocalEngine, "map_files", lambda self, of, *more: functions.append(of) or real(self, of, *more))
    rows = scored(having(limited, "top 5 %"), folder)
    check(rows, of_all, [row["reason_1"] is not None for row in rows])
    assert sum(row["reason_1"] is not None for row in rows) == 6 and sum(row["decision"] for row in rows) == 30
    assert [of.partition(":")[2] for of in functions] == ["rank_file", "score_file"]
    check(scored(having(limited, "decided"), folder), of_all, [row["decision"] for row in of_all])


def test_an_empty_night_has_no_highest_answers(
    workspace: Workspace, scored: Callable[..., Any], tiny: UseCase, trees_bundle: Path
) -> None:
    workspace.lake.publish("tiny/features", NIGHT, tiny_features(NIGHT, 0), Commit("features", "tiny"))
    assert scored(having(tiny, "top 1 %"), trees_bundle) == []


def test_what_is_the_default_changes_no_digest(tiny: UseCase) -> None:
    assert definition_digest(having(tiny, "all")) == definition_digest(tiny) != definition_digest(having(tiny, "decided"))


@pytest.mark.parametrize(
    "asked", ["top 0 %", "top 0.0 %", "top 101 %", "top 100.5 %", "top 1%", "1 %", "top -1 %", "none", "Decided"]
)
def test_anything_else_is_refused(tiny: UseCase, asked: str) -> None:
    with pytest.raises(ValueError, match="reasons_for"):
        having(tiny, asked)
