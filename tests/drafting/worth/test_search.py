"""Features are judged on later nights, and join a draft where those gain by them."""

from __future__ import annotations

import numpy as np
import pytest

from nightloop.definitions.model import BinaryModel, MulticlassModel, RegressionModel
from nightloop.drafting.worth.groupings import FEWEST_RECORDS, best_groupings, gathers
from nightloop.drafting.worth.judge import FEWEST_EVENTS, FEWEST_NIGHTS, FEWEST_ROWS, Trial, judge_of
from nightloop.drafting.worth.search import Candidates, search_forward
from nightloop.drafting.worth.trees import BEGIN, QUICK, ROUNDS, TRIED, choose_trees

BINARY = BinaryModel(task="binary")
NIGHTS, A_NIGHT = 30, 100
ROWS = NIGHTS * A_NIGHT
NIGHT_NUMBER = np.repeat(np.arange(NIGHTS), A_NIGHT)
NIGHT = NIGHT_NUMBER.astype("datetime64[D]")
HELD_BACK = NIGHT_NUMBER > NIGHTS - 6
NIGHT_BEFORE = NIGHT_NUMBER == NIGHTS - 6


def silent(_doing, _done, _total):
    """Tell nobody."""


def sample(seed=1, noise=6):
    """Two columns that tell the outcome, a twin of the first, one that never changes, and noise."""
    random = np.random.default_rng(seed)
    strong, weak = random.normal(size=(2, ROWS))
    label = random.random(ROWS) < 1 / (1 + np.exp(-1.5 * strong - 0.7 * weak))
    others = random.normal(size=(ROWS, noise))
    values = np.column_stack([others, strong, np.exp(strong), weak, np.ones(ROWS)])
    names = (*(f"noise_{i}" for i in range(noise)), "strong", "twin", "weak", "constant")
    return Candidates(names, values, {}, {}), label


def judged(label, night=NIGHT, model=BINARY, gap=1, held_back=5):
    return judge_of(model, label, night, gap=gap, held_back=held_back)


def test_features_join_in_the_order_of_what_they_tell():
    candidates, label = sample()
    choice = search_forward(candidates, judged(label), steps=40, progress=silent)
    assert list(choice.joined)[:2] == ["strong", "weak"]
    assert choice.joined["strong"].gain > choice.joined["weak"].gain > 0
    assert choice.score > choice.nothing == 0.5


def test_a_twin_is_left_out_and_named():
    candidates, label = sample()
    choice = search_forward(candidates, judged(label), steps=40, progress=silent)
    assert choice.same_as == {"twin": "strong"}
    assert choice.left_out["constant"] is None
    assert {*choice.joined, *choice.left_out, *choice.same_as} == {*candidates.names}


def test_many_weak_columns_count_together():
    random = np.random.default_rng(3)
    values = random.normal(size=(ROWS, 40))
    label = random.random(ROWS) < 1 / (1 + np.exp(-0.18 * values.sum(axis=1)))
    names = tuple(f"column_{i}" for i in range(40))
    judge = judged(label)
    choice = search_forward(Candidates(names, values, {}, dict.fromkeys(names, 0.0)), judge, steps=40, progress=silent)
    assert choice.score >= judge.score(values, {}) - 0.005


def test_the_same_sample_gives_the_same_features():
    candidates, label = sample()
    one, other = (search_forward(candidates, judged(label), steps=40, progress=silent) for _ in range(2))
    assert one == other


@pytest.mark.parametrize("steps", [3, 4, 12])
def test_no_more_steps_are_made_than_asked_for(steps):
    candidates, label = sample(noise=20)
    told = []
    choice = search_forward(candidates, judged(label), steps=steps, progress=lambda *of: told.append(of))
    assert choice.steps <= steps
    assert told[-1][1] <= told[-1][2] == steps


def test_nothing_is_looked_at_of_the_nights_held_back():
    candidates, label = sample()
    other = label.copy()
    other[HELD_BACK] ^= True
    values = candidates.values.copy()
    values[HELD_BACK] = -values[HELD_BACK]
    one, two = judged(label), judged(other)
    assert one.score(candidates.values, {}) == two.score(values, {})
    other[NIGHT_BEFORE] ^= True
    assert one.score(candidates.values, {}) != judged(other).score(values, {})


def test_between_fit_and_measure_lie_the_nights_whose_outcomes_were_not_known():
    _, label = sample()
    for fold in judged(label, gap=4).folds:
        assert NIGHT[fold.later].min() - NIGHT[fold.fit].max() == np.timedelta64(5, "D")


@pytest.mark.parametrize(
    ("nights", "is_judged"), [(FEWEST_NIGHTS - 1, False), (FEWEST_NIGHTS, True), (FEWEST_NIGHTS + 1, True)]
)
def test_few_nights_tell_nothing(nights, is_judged):
    _, label = sample()
    count = nights * A_NIGHT
    assert (judged(label[:count], NIGHT[:count], held_back=0) is not None) == is_judged


@pytest.mark.parametrize(("rows", "is_judged"), [(FEWEST_ROWS - 1, False), (FEWEST_ROWS, True), (FEWEST_ROWS + 1, True)])
def test_few_rows_tell_nothing(rows, is_judged):
    night = np.repeat(np.arange(FEWEST_NIGHTS), rows).astype("datetime64[D]")
    label = np.arange(len(night)) % 2 == 0
    assert (judged(label, night, held_back=0, gap=0) is not None) == is_judged


@pytest.mark.parametrize(("events", "is_judged"), [(FEWEST_EVENTS - 1, False), (FEWEST_EVENTS, True)])
def test_few_events_tell_nothing(events, is_judged):
    night = np.repeat(np.arange(FEWEST_NIGHTS), 200).astype("datetime64[D]")
    label = np.tile(np.arange(200) < events, FEWEST_NIGHTS)
    assert (judged(label, night, held_back=0, gap=0) is not None) == is_judged


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_numbers_and_classes_are_judged_by_their_own_metric(task):
    candidates, _ = sample()
    strong = candidates.values[:, candidates.names.index("strong")]
    model = (
        RegressionModel(task="regression")
        if task == "regression"
        else MulticlassModel(task="multiclass", classes=("a", "b", "c"))
    )
    label = 3 * strong if task == "regression" else np.digitize(strong, [-0.5, 0.5])
    choice = search_forward(candidates, judged(label, model=model), steps=12, progress=silent)
    assert next(iter(choice.joined)) == "strong"
    assert choice.measured(choice.nothing).startswith("MAE 2." if task == "regression" else "log loss 1.")
    assert choice.gained(choice.joined["strong"].gain).split()[-1].startswith("-")


def test_a_category_is_split_by_its_levels():
    random = np.random.default_rng(2)
    code = random.integers(0, 30, ROWS).astype(float)
    label = random.random(ROWS) < np.where(np.isin(code, [1, 7, 12, 20, 28]), 0.9, 0.2)
    judge = judged(label)
    assert judge.score(code[:, None], {0: 30}) > 0.7  # 0.72 is all that can be known


def test_parameters_of_the_trees_are_those_of_the_best_trial():
    candidates, label = sample()
    judge = judged(label)
    chosen = choose_trees(judge, candidates.values, {}, silent)
    assert chosen.score == judge.trial(candidates.values, {}, {**QUICK, **chosen.parameters}, ROUNDS).score
    others = [{**BEGIN, name: value} for name, values in TRIED.items() for value in values]
    trials = [judge.trial(candidates.values, {}, {**QUICK, **other}, ROUNDS) for other in (BEGIN, *others)]
    best = max(trials, key=lambda trial: trial.score)
    assert not best.beats(Trial(chosen.score, *[chosen.score] * 2), 0.005 * (best.score - judge.nothing))
    assert chosen.tried == len(trials)
    assert chosen == choose_trees(judge, candidates.values, {}, silent)


@pytest.mark.parametrize(
    ("other", "better"),
    [
        (Trial(0.76, 0.71, 0.81), True),
        (Trial(0.75, 0.71, 0.81), False),  # by no more than what chance brings
        (Trial(0.78, 0.70, 0.88), False),
        (Trial(0.78, 0.88, 0.80), False),
    ],
)
def test_other_parameters_are_better_where_both_halves_of_the_later_rows_gain(other, better):
    assert other.beats(Trial(0.5, 0.70, 0.80), 0.25) == better


@pytest.mark.parametrize(
    ("records", "is_history"), [(FEWEST_RECORDS - 1, False), (FEWEST_RECORDS, True), (FEWEST_RECORDS + 1, True)]
)
def test_a_group_of_few_records_has_no_history(records, is_history):
    assert gathers(np.repeat(np.arange(50), records)) == is_history


def test_a_pair_has_a_history_where_it_tells_more_than_its_columns():
    random = np.random.default_rng(4)
    hour, day, other = random.integers(0, 6, ROWS), random.integers(0, 2, ROWS), random.integers(0, 6, ROWS)
    outcome = np.where(day == 1, hour, 5 - hour) + hour * 0.2 + day + random.normal(size=ROWS)
    codes = {"hour": hour, "day": day, "other": other}
    groupings = best_groupings(codes, outcome, always=["other"])
    assert groupings[0] == ("other",)
    assert ("hour", "day") in groupings or ("day", "hour") in groupings
    assert not [pair for pair in groupings if len(pair) == 2 and "other" in pair]
