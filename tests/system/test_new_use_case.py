"""A use case given as one YAML and its contract over CSV files never seen before goes through the whole loop, once a task."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs import features, ingest, monitor, report, score, train
from nightloop.definitions import load_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.errors import DefinitionError
from nightloop.nights import Nights, one
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from serving.app import Options, create_app
from tests.serving.conftest import running, wait_for
from tests.system import parcels
from tests.system.parcels import AS_OF, NIGHTS, QUESTIONS

SCORED = Nights(AS_OF, NIGHTS.last)
TASKS = tuple(QUESTIONS)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The parcel service: three definitions, their contracts, the data, and an empty home."""
    folder = tmp_path_factory.mktemp("parcels")
    parcels.write_all(folder)
    named = {"definitions": folder / "feature_defs", "contracts": folder / "great_expectations"}
    return Workspace.open(load_settings(home=folder / "home", engine="local", **named))


@pytest.fixture(scope="module")
def said(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Every question taken through the loop: what each stage said last, by task and stage."""
    return {task: _turn(use_case_of(task, workspace), workspace) for task in TASKS}


def use_case_of(task: str, workspace: Workspace) -> UseCase:
    return load_use_case(QUESTIONS[task].name, workspace.settings.definitions)


def _turn(use_case: UseCase, workspace: Workspace) -> dict[str, Any]:
    ingest.run(use_case, NIGHTS, workspace)
    features.run(use_case, NIGHTS, workspace)
    stages = {
        "train": train.run(use_case, AS_OF, workspace),
        "score": score.run(use_case, SCORED, workspace),
        "monitor": monitor.run(use_case, SCORED, workspace),
    }
    return {stage: published[-1].details for stage, published in stages.items()}


def scores(task: str, workspace: Workspace, nights: Nights = SCORED) -> pa.Table:
    return workspace.lake.read(f"{QUESTIONS[task].name}/scores", nights).sort_by("parcel")


@pytest.mark.parametrize("task", TASKS)
def test_a_use_case_never_seen_goes_from_csv_to_a_watched_night_without_code(
    task: str, workspace: Workspace, said: dict[str, dict[str, Any]]
) -> None:
    found = said[task]
    assert found["train"]["promoted"]
    # The last nights scored are too young to be known: the monitor has the realised figure of the first one's labels.
    assert found["monitor"]["performance_verdict"] in ("pass", "not_enough_evidence")
    assert math.isfinite(found["monitor"][QUESTIONS[task].realised])
    table = scores(task, workspace)
    beside = {"night", "parcel", "model_version", "reason_1", "reason_2", "effect_1", "effect_2"}
    assert set(table.column_names) == {*beside, *QUESTIONS[task].columns}
    assert table.num_rows == len(SCORED) * parcels.PARCELS
    assert not any(table[column].null_count for column in table.column_names)


def test_a_prediction_is_near_what_came_and_decides_by_the_declared_number(
    workspace: Workspace, said: dict[str, dict[str, Any]]
) -> None:
    assert said["regression"]["monitor"]["realised_mae"] < 4
    table = scores("regression", workspace)
    assert table["decision"].to_pylist() == [value >= 30 for value in table["prediction"].to_pylist()]


def test_the_class_that_is_told_is_the_most_probable_one(workspace: Workspace, said: dict[str, dict[str, Any]]) -> None:
    assert said["multiclass"]["score"]["model_version"] == 1
    classes = use_case_of("multiclass", workspace).model.classes
    for row in scores("multiclass", workspace).to_pylist():
        each = {name: row[f"probability_{name}"] for name in classes}
        assert math.isclose(sum(each.values()), 1.0, abs_tol=1e-12)
        assert row["probability"] == each[row["predicted_class"]] == max(each.values())


def test_a_night_scored_and_watched_again_is_the_same(workspace: Workspace, said: dict[str, dict[str, Any]]) -> None:
    assert set(said) == set(TASKS)
    for task in TASKS:
        use_case, name = use_case_of(task, workspace), QUESTIONS[task].name
        tables = [f"{name}/{table}" for table in ("scores", "metrics", "decisions")]
        before = [workspace.lake.states(table)[SCORED.last].content_digest for table in tables]
        score.run(use_case, one(SCORED.last), workspace)
        monitor.run(use_case, one(SCORED.last), workspace)
        assert [workspace.lake.states(table)[SCORED.last].content_digest for table in tables] == before


def with_model(use_case: UseCase, **model: object) -> UseCase:
    """Return the use case with another model declared."""
    declared = use_case.model_dump()
    return UseCase.model_validate({**declared, "model": {**declared["model"], **model}})


def test_a_label_that_is_none_of_the_classes_stops_the_training_and_is_named(
    workspace: Workspace, said: dict[str, dict[str, Any]]
) -> None:
    assert "multiclass" in said
    fewer = with_model(use_case_of("multiclass", workspace), classes=("in_time", "late"))
    with pytest.raises(DefinitionError, match=r"labels are none of the declared classes: lost\. .*model\.classes"):
        train.assemble(fewer, AS_OF, workspace)


def test_a_champion_of_other_classes_scores_no_night(workspace: Workspace, said: dict[str, dict[str, Any]]) -> None:
    assert "multiclass" in said
    more = with_model(use_case_of("multiclass", workspace), classes=("in_time", "late", "lost", "sent_back"))
    before = workspace.lake.states("parcel_end/scores")[SCORED.last]
    with pytest.raises(DefinitionError, match=r"the definition's task answers .*probability_sent_back.* Train a new champion"):
        score.run(more, one(SCORED.last), workspace)
    assert workspace.lake.states("parcel_end/scores")[SCORED.last] == before


@pytest.mark.parametrize(("task", "words"), [("binary", "AUC"), ("regression", "MAE"), ("multiclass", "log loss")])
def test_the_weekly_page_speaks_of_the_task_s_own_figures(
    task: str, words: str, workspace: Workspace, said: dict[str, dict[str, Any]]
) -> None:
    assert task in said
    published = report.run(use_case_of(task, workspace), one(SCORED.last), workspace)
    page = Path(str(published[-1].details["page"])).read_text(encoding="utf-8")
    assert f"realised {words}" in page
    assert ("realised AUC" in page) == (task == "binary")
    assert "Calibration of the pooled scores" in page and "By depot" in page


def test_the_service_says_what_the_batch_says_to_the_last_bit(workspace: Workspace, said: dict[str, dict[str, Any]]) -> None:
    assert set(said) == set(TASKS)
    use_cases = [use_case_of(task, workspace) for task in TASKS]
    with running(create_app(workspace, use_cases, Options())) as client:
        wait_for(lambda: client.get("/readyz").status_code == 200)
        for task, use_case in zip(TASKS, use_cases, strict=True):
            raw = workspace.lake.read(f"{use_case.use_case}/raw_parcels", one(SCORED.last))
            columns = list(use_case.sources["parcels"].columns)
            rows = raw.sort_by("parcel").select(columns).to_pylist()
            answers = client.post(f"/v1/{use_case.use_case}/predict", json={"rows": rows}).json()["predictions"]
            stored = scores(task, workspace, one(SCORED.last)).to_pylist()
            assert [answer["key"]["parcel"] for answer in answers] == [row["parcel"] for row in stored]
            for answer, row in zip(answers, stored, strict=True):
                assert {name: answer[name] for name in QUESTIONS[task].columns} == {
                    name: row[name] for name in QUESTIONS[task].columns
                }
                told = [(reason["feature"], reason["effect"]) for reason in answer["reasons"]]
                assert told == [(row[f"reason_{place}"], row[f"effect_{place}"]) for place in (1, 2)]
