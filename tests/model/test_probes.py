"""A bundle whose probes are answered otherwise than in training does not load, wherever it is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nightloop.errors import StoreDamaged
from nightloop.model import bundle
from nightloop.model.models import Trees
from nightloop.model.predictor import Predictor
from tests.fixtures_models import NAMES, TINY_LINEAR, tiny_rows


@pytest.fixture
def probed(write_bundle: Callable[..., Path], tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundle", model=TINY_LINEAR, probed=tiny_rows())


def probes(folder: Path) -> dict[str, list[object]]:
    return json.loads((folder / bundle.PROBES).read_text())


def test_probes_are_quantiles_and_a_row_of_nothing_with_the_models_own_answers(probed: Path) -> None:
    stored, features = probes(probed), tiny_rows()
    rows = np.array(stored["features"], dtype=np.float64)
    assert rows.shape == (7, len(NAMES)) and np.isnan(rows[-1]).all() and not np.isnan(rows[:-1]).any()
    assert rows[2] == pytest.approx(np.nanmedian(features, axis=0), abs=0.02)
    people = {tuple(row) for row in features.tolist()}
    assert not people & {tuple(row) for row in rows.tolist()}, "no row of the training"
    assert Predictor.load(probed).predict_undecided(rows).tolist() == stored["answers"]


@pytest.mark.parametrize(("change", "loads"), [(0.0, True), (5e-10, True), (5e-9, False), (0.01, False)])
def test_an_answer_that_differs_by_more_than_rounding_refuses_the_bundle(probed: Path, change: float, loads: bool) -> None:
    stored = probes(probed)
    answers = [float(answer) for answer in stored["answers"]]  # type: ignore[arg-type]
    stored["answers"] = [*answers[:3], answers[3] + change, *answers[4:]]
    (probed / bundle.PROBES).write_text(json.dumps(stored))
    if loads:
        Predictor.load(probed)
    else:
        with pytest.raises(StoreDamaged, match=r"1 of 7 probes are answered otherwise than in training: probe 3 by"):
            Predictor.load(probed)


def test_other_code_that_prepares_features_otherwise_is_noticed_at_the_load(
    write_bundle: Callable[..., Path], trees_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees = Predictor.load(trees_bundle).model
    assert isinstance(trees, Trees)
    folder = write_bundle(tmp_path / "trees", model=trees, probed=tiny_rows())
    Predictor.load(folder)
    margins = Trees.margins
    monkeypatch.setattr(Trees, "margins", lambda self, rows: margins(self, np.nan_to_num(rows)))
    with pytest.raises(StoreDamaged, match=r"of 7 probes are answered otherwise"):
        Predictor.load(folder)
    Predictor.load(trees_bundle)  # without probes, as from before
