"""A bundle that decides by a threshold for each group: what it asks for, what it answers, and what it writes down."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nightloop.errors import UsageError
from nightloop.model import bundle
from nightloop.model.group_thresholds import GroupThresholds
from nightloop.model.packaging import predict_in_clean_process
from nightloop.model.predictor import Predictor
from nightloop.model.registry import Registry
from nightloop.settings import load_settings
from tests.fixtures_models import TINY_LINEAR, tiny_rows

BY_AGE = GroupThresholds("account", {"young": 0.3, "old": 0.6}, otherwise=0.4)
GROUPS = np.array(["young", "old", "unknown", "young"])


@pytest.fixture(scope="module")
def folder(write_bundle: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("groups") / "bundle", model=TINY_LINEAR, thresholds=BY_AGE)


def test_each_row_is_decided_by_the_threshold_of_its_group(folder: Path) -> None:
    predictor, rows = Predictor.load(folder), tiny_rows(200)
    group = np.resize(GROUPS, 200)
    answers = predictor.predict(rows, group=group)
    limits = np.select([group == "young", group == "old"], [0.3, 0.6], 0.4)
    assert answers.decision is not None
    assert answers.decision.tolist() == (answers.probability >= limits).tolist()
    assert (answers.decision != (answers.probability >= 0.4)).any()
    assert predictor.predict_undecided(rows).tobytes() == answers.probability.tobytes()


def test_an_answer_at_the_threshold_is_positive() -> None:
    assert BY_AGE.of(np.array(["old"])).tolist() == [0.6]
    order = BY_AGE.order(np.array([0.6, np.nextafter(0.6, 0), 0.0, 1.0]), np.array(["old"] * 4))
    assert order[0] == 0 and order[1] < 0 and np.isfinite(order).all()


def test_the_reasons_speak_for_the_decision_that_was_made(folder: Path) -> None:
    predictor, rows = Predictor.load(folder), tiny_rows(200)
    young, old = (predictor.predict(rows, group=np.array([name] * 200)) for name in ("young", "old"))
    assert young.decision is not None and old.decision is not None
    differ = np.flatnonzero(young.decision & ~old.decision)
    assert len(differ)
    assert (young.effect[differ, 0] >= old.effect[differ, 0]).all() and (young.effect[differ, 0] > old.effect[differ, 0]).any()


@pytest.mark.parametrize("group", [None, GROUPS[:3]])
def test_without_the_group_of_every_row_nothing_is_decided(folder: Path, group: np.ndarray | None) -> None:
    with pytest.raises(UsageError, match=r"decides by 'account', which is given of . of 4 rows"):
        Predictor.load(folder).predict(tiny_rows(4), group=group)


def test_it_has_a_format_that_older_readers_refuse_and_a_model_of_one_threshold_keeps_its_own(
    folder: Path, linear_bundle: Path
) -> None:
    written = json.loads((folder / bundle.SPEC).read_text())
    assert (written["format"], written["group_thresholds"]["attribute"]) == (3, "account")
    assert bundle.read_spec(folder).group_thresholds == BY_AGE
    plain = json.loads((linear_bundle / bundle.SPEC).read_text())
    assert plain["format"] == 1 and "group_thresholds" not in plain
    assert bundle.read_spec(linear_bundle).attribute == ""


def test_mlflow_s_copy_asks_for_the_group_and_decides_by_it(folder: Path, tmp_path: Path) -> None:
    registry = Registry.open(load_settings(home=tmp_path / "home", engine="local"))
    registered = registry.log_candidate("tiny", folder, params={}, metrics={}, tags={}, figures={})
    model = registry.download_model("tiny", registered.version, tmp_path / "model")
    rows = tiny_rows(4)
    decided = predict_in_clean_process(model, rows, ["decision"], GROUPS).predictions
    assert decided.tolist() == Predictor.load(folder).predict(rows, group=GROUPS).decision.tolist()  # type: ignore[union-attr]
