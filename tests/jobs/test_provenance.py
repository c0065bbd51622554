"""Every partition tells what it was made from: stage, use case, definition, and the version of each table that was read."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs import monitor, score
from jobs.published import Published, silent
from nightloop.definitions import definition_digest
from nightloop.definitions.use_case import UseCase
from nightloop.lake import Commit, NightState
from nightloop.lake.commits import code_version
from nightloop.model import bundle, champions
from nightloop.nights import Nights, one
from nightloop.workspace import Workspace
from tests.fixtures_models import TINY_LINEAR, tiny_features
from tests.fixtures_watched import FIRST, Watched

MARCH = date(2024, 3, 1)


def promote(workspace: Workspace, folder: Path, version: int, as_of: date, **payload: str) -> None:
    target = workspace.settings.home / "bundles" / "tiny" / str(version)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(folder)
    champions.promote(workspace.ledger, "tiny", version, as_of, {"bundle_digest": bundle.digest(folder), **payload})


@pytest.fixture
def ready(workspace: Workspace, linear_bundle: Path) -> Workspace:
    """Three nights of features, published over and over so that versions differ, and a champion from the first on."""
    nights = Nights(MARCH, MARCH + timedelta(days=2))
    for _ in range(2):
        tables = {night: tiny_features(night, rows=20) for night in nights}
        workspace.lake.publish_nights("tiny/features", tables, Commit("features", "tiny"))
    promote(workspace, linear_bundle, 1, MARCH, bundle_digest=bundle.digest(linear_bundle))
    return workspace


def test_scores_record_their_features_and_definition(ready: Workspace, tiny: UseCase) -> None:
    features = ready.lake.snapshot("tiny/features")
    score.run(tiny, one(MARCH), ready)
    state = ready.lake.states("tiny/scores")[MARCH]
    assert state.inputs == {"tiny/features": features.version}
    assert (state.stage, state.definition_digest, state.code_version) == ("score", definition_digest(tiny), code_version())


def test_scores_made_again_from_newer_features_record_the_newer_version(ready: Workspace, tiny: UseCase) -> None:
    score.run(tiny, one(MARCH), ready)
    before = ready.lake.states("tiny/scores")[MARCH].inputs["tiny/features"]
    ready.lake.publish("tiny/features", MARCH, tiny_features(MARCH, rows=10), Commit("features", "tiny"))
    [published] = score.run(tiny, one(MARCH), ready)
    state = ready.lake.states("tiny/scores")[MARCH]
    assert state.inputs["tiny/features"] > before
    assert (published.rows, published.table_version, published.content_digest) == (10, state.version, state.content_digest)


def test_what_is_reported_of_scores_is_the_champion_the_engine_and_the_partition(ready: Workspace, tiny: UseCase) -> None:
    [published] = score.run(tiny, one(MARCH), ready)
    assert published.details == {"model_version": 1, "model_as_of": str(MARCH), "engine": "local"}
    assert (published.use_case, published.night, published.stage, published.table) == ("tiny", MARCH, "score", "tiny/scores")


def test_the_engine_gets_one_job_for_each_row_group_with_the_champion_of_its_night(
    ready: Workspace, tiny: UseCase, write_bundle: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    from nightloop.engine.local import LocalEngine

    jobs: list[dict[str, str]] = []
    map_files = LocalEngine.map_files

    def recorded(engine: LocalEngine, worker: str, given: list[dict[str, str]], *rest: Any) -> Any:
        assert worker == "nightloop.model.scoring:score_file"
        jobs.extend(given)
        return map_files(engine, worker, given, *rest)

    monkeypatch.setattr(LocalEngine, "map_files", recorded)
    second, third = MARCH + timedelta(days=1), MARCH + timedelta(days=2)
    pq.write_table(tiny_features(second, rows=20), tmp_path / "parts.parquet", row_group_size=8)
    ready.lake.adopt_nights("tiny/features", {second: [str(tmp_path / "parts.parquet")]}, Commit("features", "tiny"))
    champions.pin(ready.ledger, "tiny", second)
    folder = write_bundle(tmp_path / "next", model=TINY_LINEAR, key="key-2")
    promote(ready, folder, 2, MARCH)  # its digest is not recorded: it is taken from the bundle
    features = ready.lake.snapshot("tiny/features")
    score.run(tiny, Nights(MARCH, third), ready)
    assert [(job["night"], job["row_groups"], job["model_version"]) for job in jobs] == [
        (str(MARCH), "[0]", "1"),
        (str(second), "[0]", "1"),
        (str(second), "[1]", "1"),
        (str(second), "[2]", "1"),
        (str(third), "[0]", "2"),
    ]
    assert all(job["source"] == features.files[date.fromisoformat(job["night"])][0] for job in jobs)
    assert len({job["target"] for job in jobs}) == 5
    bundles = ready.settings.home / "bundles" / "tiny"
    assert {(job["bundle"], job["bundle_digest"]) for job in jobs} == {
        (str(bundles / version), bundle.digest(bundles / version)) for version in ("1", "2")
    }
    assert {(json.loads(job["key"])[0], job["reasons"]) for job in jobs} == {("account", "3")}
    scores = ready.lake.read("tiny/scores")
    assert scores.num_rows == 60 and set(scores["model_version"].to_pylist()) == {1, 2}


def test_progress_of_scoring_ends_with_every_night(ready: Workspace, tiny: UseCase) -> None:
    steps: list[tuple[str, int, int]] = []
    score.run(tiny, Nights(MARCH, MARCH + timedelta(days=2)), ready, progress=lambda *step: steps.append(step))
    assert steps[0] == ("scoring", 0, 3)
    assert steps[-3:] == [("publishing tiny/scores", done, 3) for done in (1, 2, 3)]


def test_metrics_and_decision_record_all_that_was_read(watched: Watched) -> None:
    nights = Nights(FIRST, FIRST + timedelta(days=3))
    watched.publish_nights(nights)
    lake, last = watched.workspace.lake, nights.last
    tables = [f"loans/{name}" for name in ("features", "labels", "raw_accounts", "scores")]
    versions = {table: lake.snapshot(table).version for table in tables}
    monitor.run(watched.use_case, nights, watched.workspace)
    for table in ("metrics", "decisions"):
        state = lake.states(f"loans/{table}")[last]
        assert state.inputs == versions
        assert (state.stage, state.definition_digest) == ("monitor", definition_digest(watched.use_case))
    first = lake.states("loans/decisions")[FIRST]
    assert set(first.inputs) == {"loans/features", "loans/scores"}  # nothing had matured


def test_the_decision_in_the_ledger_is_the_one_published(watched: Watched) -> None:
    watched.publish(FIRST)
    metrics, decisions = monitor.run(watched.use_case, one(FIRST), watched.workspace)
    [event] = watched.workspace.ledger.events("loans", kind="decision_made")
    [row] = watched.workspace.lake.read("loans/decisions").to_pylist()
    assert (event.night, event.subject) == (FIRST, row["decision"])
    assert event.payload == {
        "reason": row["reason"],
        "drift": row["drift_verdict"],
        "performance": row["performance_verdict"],
        "champion_version": row["champion_version"],
        "limits_digest": watched.workspace.lake.states("loans/decisions")[FIRST].rules,
    }
    assert metrics.details == {}
    assert decisions.details == {
        "champion_version": 1,
        "realised_auc": None,
        "drift_verdict": row["drift_verdict"],
        "performance_verdict": row["performance_verdict"],
        "decision": row["decision"],
        "reason": row["reason"],
    }


def test_a_published_partition_is_reported_as_the_lake_committed_it() -> None:
    state = NightState(MARCH, 4, 12, "content", "score", "code", "definition", {"tiny/features": 3})
    published = Published.of("tiny", "tiny/scores", state, {"engine": "local", "rows": "hidden", "night": "hidden"})
    assert published.as_json() == {
        "engine": "local",
        "use_case": "tiny",
        "night": "2024-03-01",
        "stage": "score",
        "table": "tiny/scores",
        "table_version": 4,
        "rows": 12,
        "content_digest": "content",
    }
    assert Published.of("tiny", "tiny/scores", state).details == {}
    silent("nothing", 0, 0)
