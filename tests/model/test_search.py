"""The search for parameters: a function of rows, definition and seed, which goes on where it was killed, within its budget."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nightloop.definitions.estimators import Search
from nightloop.errors import TrainingRefused
from nightloop.model.calibration import sigmoid
from nightloop.model.training.estimators import search as searching
from nightloop.model.training.estimators.boosted_trees import OF_BINARY, XGBoostTrainer
from nightloop.model.training.estimators.fit_rows import FitRows
from nightloop.model.training.estimators.linear import LinearTrainer
from nightloop.settings import REPOSITORY

SPACE: dict[str, Any] = {
    "max_depth": [1, 4],
    "learning_rate": [0.01, 0.3, "log"],
    "grow_policy": ["depthwise", "lossguide"],
}
TRAINER = XGBoostTrainer(OF_BINARY)


def rows(nights: int = 24, a_night: int = 40) -> FitRows:
    random = np.random.default_rng(4)
    count = nights * a_night
    features = random.normal(size=(count, 3))
    label = random.random(count) < sigmoid(2 * features[:, 0] * features[:, 1] + features[:, 2])
    night = np.repeat(np.datetime64("2024-01-01", "D") + np.arange(nights), a_night)
    return FitRows(features, label, night, ("a", "b", "c"))


def run(journal: Path | None = None, **more: Any) -> searching.Searched:
    given = {"trials": 14, "folds": 2, "nights": 4, "space": SPACE, **more}
    clock = {"clock": given.pop("clock")} if "clock" in given else {}
    return searching.search(
        rows(),
        trainer=TRAINER,
        parameters={"n_estimators": 15},
        space=Search(**given),
        gap=2,
        seed=11,
        journal=journal,
        **clock,
    )


def results(searched: searching.Searched) -> list[tuple[dict[str, Any], float]]:
    return [(trial.parameters, trial.loss) for trial in searched.trials]


@pytest.fixture(scope="module")
def whole() -> searching.Searched:
    """The search that nothing interrupts."""
    return run()


def test_it_is_the_same_twice_stays_in_its_space_and_ends_better_than_the_defaults(whole: searching.Searched) -> None:
    assert results(run()) == results(whole)
    for parameters, _ in results(whole):
        assert 1 <= parameters["max_depth"] <= 4 and isinstance(parameters["max_depth"], int)
        assert 0.01 <= parameters["learning_rate"] <= 0.3
        assert parameters["grow_policy"] in SPACE["grow_policy"]
    assert len({json.dumps(parameters) for parameters, _ in results(whole)}) > 10
    assert whole.best.loss == min(loss for _, loss in results(whole)) < whole.declared_loss
    assert "14 of 14 trials" in whole.in_words and "Stopped" not in whole.in_words


def test_the_loss_is_that_of_later_nights_by_hand(whole: searching.Searched) -> None:
    """Two folds of four nights; between fit and fold the two nights whose labels would not have been known."""
    learned, first = rows(), np.datetime64("2024-01-01", "D")
    losses = []
    for begin in (16, 20):
        fit_on = learned.where(learned.night < first + (begin - 2))
        held = learned.where((learned.night >= first + begin) & (learned.night < first + begin + 4))
        model = TRAINER.fit(fit_on, {"n_estimators": 15, **whole.trials[3].parameters}, 11)
        probability = sigmoid(model.margins(held.features))
        losses.append(-np.log(np.where(held.label, probability, 1 - probability)))
    assert np.mean(np.concatenate(losses)) == pytest.approx(whole.trials[3].loss, abs=1e-12)


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.model import test_search
def slow():
    time.sleep(0.1)
    return time.monotonic()
test_search.run(Path(sys.argv[1]), clock=slow)
"""


def test_killed_in_the_middle_it_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path, whole: searching.Searched) -> None:
    journal = tmp_path / "training" / "search.jsonl"
    command = [sys.executable, "-c", KILLED, str(journal), str(REPOSITORY)]
    process = subprocess.Popen(command, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(REPOSITORY)})
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and (not journal.exists() or len(journal.read_text().splitlines()) < 3):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = len(journal.read_text().splitlines())
    assert 3 <= finished < 14, "it was to be killed between two trials"
    assert results(run(journal)) == results(whole)
    assert len(journal.read_text().splitlines()) == 14
    before = journal.read_bytes()
    assert results(run(journal)) == results(whole)
    assert journal.read_bytes() == before, "a finished search is not run again"


def test_minutes_stop_it_after_the_trial_that_reaches_them_and_it_says_so(tmp_path: Path, whole: searching.Searched) -> None:
    ticks = iter(range(0, 10_000, 20))  # each trial takes twenty seconds
    stopped = run(tmp_path / "j", minutes=1, clock=lambda: float(next(ticks)))
    assert results(stopped) == results(whole)[:3]
    assert "3 of 14 trials" in stopped.in_words and "Stopped by the limit of 1 minutes" in stopped.in_words
    again = run(tmp_path / "j", minutes=1)
    assert again.trials == stopped.trials, "the seconds of the journal count"
    assert results(run(minutes=1e9)) == results(whole)


def test_a_fold_that_leaves_too_little_is_refused() -> None:
    with pytest.raises(TrainingRefused, match=r"search\.folds"):
        run(folds=6, nights=4)


def test_the_best_trials_stand_on_the_card(whole: searching.Searched) -> None:
    words, _, head, _, best, *others = whole.as_markdown().splitlines()
    assert words == whole.in_words and head == "| trial | parameters | loss |" and len(others) == 9
    assert best.endswith(f"| {whole.best.loss:.5f} |") and "max_depth" in best


def test_several_classes_and_numbers_have_a_loss_of_their_own() -> None:
    base = rows()
    trainer, space = LinearTrainer("ridge"), Search(trials=3, folds=1, nights=4, space={"alpha": [0.1, 100.0, "log"]})
    number = FitRows(base.features, base.features[:, 0] * 2, base.night, base.names)
    found = searching.search(number, trainer=trainer, parameters={}, space=space, gap=0, seed=1)
    assert found.best.loss < 0.1 and found.best.parameters["alpha"] == min(trial.parameters["alpha"] for trial in found.trials)
    classes = FitRows(base.features, np.digitize(base.features[:, 0], [-0.5, 0.5]), base.night, base.names)
    several = LinearTrainer("logistic_regression", 3)
    space = Search(trials=3, folds=1, nights=4, space={"C": [1e-4, 10.0, "log"]})
    found = searching.search(classes, trainer=several, parameters={}, space=space, gap=0, seed=1)
    assert found.best.loss < np.log(3) and found.best.parameters["C"] == max(trial.parameters["C"] for trial in found.trials)
