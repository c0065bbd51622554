"""Earlier origins: what a recipe would have predicted on earlier nights, and what of it counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from jobs import train
from jobs.training import evaluation
from nightloop.definitions.use_case import UseCase
from nightloop.errors import TrainingRefused
from nightloop.lake import Commit
from nightloop.model.training import candidate, evaluation_table, origins, training_set
from nightloop.model.training.origins import Origin
from nightloop.nights import Nights, one
from nightloop.workspace import Workspace

from .conftest import FIRST, Loans, definition

SPLIT = {"validate_nights": 5, "calibrate_nights": 3, "minimum_fit_nights": 6, "origins": 3}
AS_OF = FIRST + timedelta(days=45)


@pytest.fixture
def loans(workspace: Workspace) -> Loans:
    """Forty-six published nights."""
    published = Loans(UseCase.model_validate(definition()), workspace)
    published.publish(Nights(FIRST, AS_OF))
    return published


def judged_from_origins(loans: Loans, **split: Any) -> Loans:
    gates = {
        "performance": {"over_baseline": -0.05, "margin_to_champion": 0.1, "minimum_rows": 300},
        "calibration": {"maximum_error": 0.5, "maximum_bias": 0.5},
        "fairness": {"none_because": "a test"},
    }
    return loans.with_(model={**definition()["model"], "split": {**SPLIT, **split}}, gates=gates)  # type: ignore[dict-item]


def evaluate(loans: Loans) -> evaluation_table.Evaluation:
    for step in (train.assemble, train.fit, train.evaluate):
        step(loans.use_case, AS_OF, loans.workspace)
    version = loans.workspace.registry.versions("accounts_late")[-1].version
    return evaluation_table.read(loans.use_case, AS_OF, version, loans.workspace.lake)


def test_windows_lie_on_one_grid_whole_before_the_newest_nights(loans: Loans) -> None:
    use_case = judged_from_origins(loans).use_case
    for day in range(8):
        night = date(2024, 3, 1) + timedelta(days=day)
        windows = [origin.window for origin in origins.origins_before(night, use_case)]
        assert all(len(window) == 5 and window.first.toordinal() % 5 == 0 for window in windows)
        assert windows[0].last < night <= windows[0].last + timedelta(days=5)
        assert [windows[0].first - window.first for window in windows] == [timedelta(days=5 * step) for step in range(3)]
    assert origins.origins_before(night, judged_from_origins(loans, origins=0).use_case) == []


def test_each_origin_predicts_its_window_by_a_model_of_what_was_known_before_it(loans: Loans) -> None:
    on = judged_from_origins(loans)
    evaluated = evaluate(on)
    assert evaluated.nights == 5 and [part.nights for part in evaluated.earlier] == [5, 5, 5]
    assert evaluated.everything.nights == 20 and len(evaluated.everything.label) == 20 * 160
    origin = origins.origins_before(evaluated.night.min().astype(date), on.use_case)[0]
    model = origins.model_of(on.use_case, origin, on.workspace.lake, on.workspace.settings.home)
    trained = model.predictor.spec.training
    assert trained.calibrate.last == origin.as_of - timedelta(days=2)  # the gap is the label's delay
    assert trained.as_of == origin.window.first - timedelta(days=1)
    newest = evaluated.earlier[-1]
    assert newest.night.min() == np.datetime64(origin.window.first)
    by_hand, _ = training_set.load(on.use_case, origin.as_of, on.workspace.lake)
    fitted = candidate.fit_recipe(on.use_case, origin.as_of, by_hand.of(trained.fit), by_hand.of(trained.calibrate))
    rows = training_set.load(on.use_case, AS_OF, on.workspace.lake)[0].of(origin.window)
    assert np.array_equal(fitted["xgboost"].predict(rows.matrix), newest.candidate)
    assert np.array_equal(fitted["logistic_regression"].predict(rows.matrix), newest.baseline)


def test_models_of_earlier_trainings_are_found_again_and_made_anew_where_a_night_changed(
    loans: Loans, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = judged_from_origins(loans)
    first = evaluate(on)
    with monkeypatch.context() as patch:
        patch.setattr(candidate, "fit_recipe", lambda *_: pytest.fail("made again"))
        train.evaluate(on.use_case, AS_OF, on.workspace)
    name, lake = "accounts_late/features", on.workspace.lake
    rows = lake.read(name, one(FIRST)).drop_columns(["night"])
    lake.publish(name, FIRST, rows.set_column(1, "income", rows["debt"]), Commit("test", "accounts_late"))
    again = evaluate(on)
    assert not np.array_equal(first.earlier[0].candidate, again.earlier[0].candidate)


def test_an_origin_before_the_history_is_left_out_with_its_reason(loans: Loans) -> None:
    on = judged_from_origins(loans, origins=7)
    assert len(evaluate(on).earlier) == 5
    details = train.evaluate(on.use_case, AS_OF, on.workspace)
    assert len(details["origins_left_out"]) == 2
    assert all("are needed: 6 to fit, 3 to calibrate." in why for why in details["origins_left_out"].values())


def test_a_champion_answers_nights_it_has_not_seen_itself_and_others_by_its_recipe_as_old_as_it_is_now(loans: Loans) -> None:
    on = judged_from_origins(loans)
    train.run(on.use_case, AS_OF, on.workspace)
    later = AS_OF + timedelta(days=5)
    on.publish(Nights(FIRST, later))
    for step in (train.assemble, train.fit, train.evaluate):
        step(on.use_case, later, on.workspace)
    evaluated = evaluation_table.read(on.use_case, later, 2, on.workspace.lake)
    rows = training_set.load(on.use_case, later, on.workspace.lake)[0]
    champion = on.workspace.registry.fetch("accounts_late", 1)
    predictor = origins.Predictor.load(champion, light=False)
    for part in (*evaluated.earlier, evaluated):
        window = Nights(part.night.min().astype(date), part.night.max().astype(date))
        matrix, champion_part = rows.of(window).matrix, part.champion
        unseen = part.night > np.datetime64(predictor.spec.training.calibrate.last)
        assert champion_part is not None
        assert np.array_equal(champion_part[unseen], predictor.predict(matrix[unseen]).prediction)
        if unseen.all():
            continue
        older = Origin(window).earlier(1)  # the champion is five nights older than the candidate: one window
        try:
            stand_in = origins.model_of(on.use_case, older, on.workspace.lake, on.workspace.settings.home).predictor
        except TrainingRefused:
            assert np.isnan(champion_part[~unseen]).all()
            continue
        assert np.array_equal(champion_part[~unseen], stand_in.predict(matrix[~unseen]).prediction)
        assert not np.array_equal(champion_part, part.candidate)


def test_a_champion_whose_definition_is_gone_is_compared_with_where_it_answers_itself(
    loans: Loans, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = judged_from_origins(loans)
    train.run(on.use_case, AS_OF, on.workspace)
    on.publish(Nights(FIRST, AS_OF + timedelta(days=5)))
    monkeypatch.setattr(evaluation, "definition_of", lambda *_: None)
    for step in (train.assemble, train.fit, train.evaluate):
        step(on.use_case, AS_OF + timedelta(days=5), on.workspace)
    evaluated = evaluation_table.read(on.use_case, AS_OF + timedelta(days=5), 2, on.workspace.lake)
    assert np.isfinite(evaluated.champion).all()  # type: ignore[arg-type]
    assert np.isnan(evaluated.earlier[0].champion).all()  # type: ignore[arg-type]


def test_rows_of_entities_that_were_learned_from_are_not_judged_on(loans: Loans) -> None:
    """Regions are two, so that in every later night all of them were learned from."""
    with pytest.raises(TrainingRefused, match=r"entity that was learned from \(model.split.entities_apart\)"):
        evaluate(judged_from_origins(loans, entities_apart=["region"]))
    apart = judged_from_origins(loans, entities_apart=["account"])  # each account comes once
    assert evaluate(apart).everything.nights == 20


def test_only_the_entities_of_the_nights_learned_from_are_left_out(loans: Loans) -> None:
    use_case = judged_from_origins(loans, entities_apart=["region"]).use_case
    rows, _ = training_set.load(use_case, AS_OF, loans.workspace.lake)
    north = replace(rows, table=rows.table.filter(rows.table["apart"].to_numpy() == "north"))
    assert set(rows.apart_from(north).table["apart"].to_pylist()) == {"south"}


def test_a_sliding_window_is_no_limit_to_how_far_back_origins_are_judged(loans: Loans) -> None:
    sliding = loans.with_(model={**definition()["model"], "split": SPLIT, "window_nights": 13})  # type: ignore[dict-item]
    rows, _ = training_set.load(sliding.use_case, AS_OF, loans.workspace.lake)
    assert len(np.unique(rows.night)) == 13
    everything = origins.rows_of_origins(sliding.use_case, rows, AS_OF, loans.workspace.lake)
    assert len(np.unique(everything.night)) == 25
    origin = origins.origins_before(date(2024, 2, 9), sliding.use_case)[0]
    model = origins.model_of(sliding.use_case, origin, loans.workspace.lake, loans.workspace.settings.home)
    assert len(model.predictor.spec.training.learned) == 13
