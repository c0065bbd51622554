"""Outcomes that change after they matured: realised figures stand on the newest, and say so; no earlier night is touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from jobs import monitor, night_status
from nightloop.control_room.reading import _realised
from nightloop.definitions.use_case import UseCase
from nightloop.errors import NotReady, OtherMeaning
from nightloop.lake import Commit
from nightloop.monitoring.judging import measure
from nightloop.nights import Nights, one
from tests.fixtures_watched import COMMIT, FIRST, ROWS, Watched

LABELLED = ROWS * 9 // 10
REACH = 5


def after(nights: int) -> date:
    return FIRST + timedelta(days=nights)


def revised(use_case: UseCase) -> UseCase:
    source = use_case.sources["accounts"].model_copy(update={"revised_within": REACH})
    return use_case.model_copy(update={"sources": {"accounts": source}})


@pytest.fixture
def loans(watched: Watched) -> Watched:
    """Nine nights scored; labels mature two nights later and may change for five."""
    loans = replace(watched, use_case=revised(watched.use_case))
    loans.publish_nights(Nights(FIRST, after(8)))
    return loans


def labels_of(loans: Watched, scored: date) -> pa.Table:
    """The labels of a scored night as they matured."""
    rows = loans.workspace.lake.read("loans/labels", one(scored + timedelta(days=2))).drop_columns(["night"])
    return rows.filter(pc.equal(rows["scored_night"], scored))


def correct(loans: Watched, scored: date, on: date, outcomes: int, *, withdrawn: bool = False) -> None:
    """Add to the labels of a night the opposite outcomes of the first accounts of an earlier one, or none."""
    rows = labels_of(loans, scored).slice(0, outcomes)
    other = pa.nulls(outcomes, pa.bool_()) if withdrawn else pc.invert(rows["label"])
    rows = rows.set_column(rows.column_names.index("label"), "label", other)
    there = loans.workspace.lake.read("loans/labels", one(on)).drop_columns(["night"])
    loans.workspace.lake.publish("loans/labels", on, pa.concat_tables([there, rows]), COMMIT)


def run(loans: Watched, nights: Nights) -> list[Any]:
    return monitor.run(loans.use_case, nights, loans.workspace)


def metrics(loans: Watched, night: date) -> dict[tuple[str, str], dict[str, Any]]:
    rows = loans.workspace.lake.read("loans/metrics", one(night)).to_pylist()
    return {(row["metric"], row["group"]): row for row in rows}


def brier(loans: Watched, scored: date, corrected: int, withdrawn: int = 0) -> float:
    """The Brier score of a night with the outcomes of its first accounts turned round, or of all but the first."""
    scores = loans.workspace.lake.read("loans/scores", one(scored)).sort_by("account")["probability"].to_numpy()[:LABELLED]
    label = labels_of(loans, scored).sort_by("account")["label"].to_numpy(zero_copy_only=False)[:LABELLED].copy()
    label[:corrected] = ~label[:corrected]
    return float(np.mean((scores[withdrawn:] - label[withdrawn:]) ** 2))


def test_figures_of_a_night_whose_outcomes_are_corrected_are_restated_on_the_night_of_the_correction(loans: Watched) -> None:
    correct(loans, after(1), after(5), 120)
    published = run(loans, Nights(FIRST, after(6)))
    restated = metrics(loans, after(5))
    group = f"night={after(1)}"
    assert restated["restated_outcomes", group]["value"] == 120
    assert restated["restated_brier", group]["value"] == pytest.approx(brier(loans, after(1), 120))
    assert restated["restated_brier", group]["n"] == LABELLED
    assert restated["restated_auc", group]["source"] == f"scores of {after(1)} with the labels known on {after(5)}"
    assert metrics(loans, after(3))["brier", "all"]["value"] == pytest.approx(brier(loans, after(1), 0)), "as known then"
    told = {item.night: item.details.get("restated") for item in published if item.table == "loans/decisions"}
    assert told == dict.fromkeys(Nights(FIRST, after(6)), None) | {
        after(5): f"120 outcomes of night {after(1)} corrected on {after(5)}"
    }


def test_pooled_figures_stand_on_the_newest_outcomes_from_the_night_they_were_known(loans: Watched) -> None:
    run(loans, Nights(FIRST, after(6)))
    before = {night: metrics(loans, night)["pooled_brier", "all"]["value"] for night in Nights(after(4), after(6))}
    correct(loans, after(1), after(5), 120)
    run(loans, Nights(FIRST, after(6)))
    now = {night: metrics(loans, night)["pooled_brier", "all"]["value"] for night in Nights(after(4), after(6))}
    assert now[after(4)] == before[after(4)]
    for night, scored in ((after(5), Nights(FIRST, after(3))), (after(6), Nights(FIRST, after(4)))):
        by_hand = np.mean([brier(loans, of, 120 if of == after(1) else 0) for of in scored])
        assert now[night] == pytest.approx(by_hand) and now[night] != before[night]


def test_withdrawn_outcomes_are_no_rows_any_more(loans: Watched) -> None:
    correct(loans, after(1), after(4), 20, withdrawn=True)
    run(loans, Nights(FIRST, after(4)))
    restated = metrics(loans, after(4))["restated_brier", f"night={after(1)}"]
    assert (restated["n"], restated["value"]) == (LABELLED - 20, pytest.approx(brier(loans, after(1), 0, withdrawn=20)))
    assert metrics(loans, after(4))["pooled_matured_share", "all"]["value"] == pytest.approx((3 * LABELLED - 20) / (3 * ROWS))


def test_two_corrections_of_one_night_restate_it_twice_and_the_newest_counts(loans: Watched) -> None:
    correct(loans, after(1), after(4), 60)
    correct(loans, after(1), after(5), 1)
    correct(loans, after(2), after(5), 30)
    run(loans, Nights(FIRST, after(5)))
    first, second = metrics(loans, after(4)), metrics(loans, after(5))
    assert first["restated_brier", f"night={after(1)}"]["value"] == pytest.approx(brier(loans, after(1), 60))
    assert second["restated_brier", f"night={after(1)}"]["value"] == pytest.approx(brier(loans, after(1), 60))
    assert {group: row["value"] for (metric, group), row in second.items() if metric == "restated_outcomes"} == {
        f"night={after(1)}": 1,
        f"night={after(2)}": 30,
    }


def test_a_few_corrections_ask_for_nothing_and_alarm_nobody(loans: Watched) -> None:
    run(loans, Nights(FIRST, after(6)))
    events = len(loans.workspace.ledger.events("loans"))
    correct(loans, after(1), after(5), 3)
    run(loans, Nights(FIRST, after(6)))
    rows = loans.workspace.lake.read("loans/decisions").to_pylist()
    assert {(row["decision"], row["drift_verdict"]) for row in rows} == {("keep", "pass")}
    assert not loans.workspace.ledger.events("loans", kind="alert_raised")
    assert len(loans.workspace.ledger.events("loans")) == events


def test_the_newest_outcomes_count_where_the_newest_matured_night_was_not_scored(watched: Watched) -> None:
    loans = replace(watched, use_case=revised(watched.use_case))
    for number in (0, 1, 2, 5):
        loans.publish(after(number))
    for number in (3, 4):
        loans.publish_labels(after(number))
    correct(loans, after(1), after(5), 120)
    scores = loans.workspace.lake.require("loans/scores", one(after(5)))
    matured = measure(loans.use_case, after(5), loans.workspace, scores).matured
    assert matured.scored_nights == (after(0), after(1), after(2))
    of_night = matured.of(after(1))
    assert np.mean((of_night.prediction - of_night.label) ** 2) == pytest.approx(brier(loans, after(1), 120))


def test_status_and_control_room_show_the_restated_figure(loans: Watched) -> None:
    run(loans, Nights(FIRST, after(5)))
    before = {line.night: line.realised for line in night_status.collect(loans.use_case, loans.workspace)}
    correct(loans, after(1), after(5), 120)
    run(loans, one(after(5)))
    restated = metrics(loans, after(5))["restated_auc", f"night={after(1)}"]["value"]
    now = {line.night: line.realised for line in night_status.collect(loans.use_case, loans.workspace)}
    assert now == before | {after(1): restated} and restated != before[after(1)]
    shown = _realised(loans.use_case, loans.workspace, loans.workspace.lake.states("loans/metrics"))
    assert {night: value.value for night, value in shown.values} == {night: of for night, of in now.items() if of is not None}


def test_a_night_waits_for_its_own_labels_where_outcomes_are_revised(loans: Watched) -> None:
    loans.publish(after(9), labels=False)
    run(loans, Nights(FIRST, after(8)))
    with pytest.raises(NotReady, match=str(after(9))):
        run(loans, one(after(9)))


def test_a_correction_of_another_question_is_refused(loans: Watched) -> None:
    run(loans, Nights(FIRST, after(4)))
    there = loans.workspace.lake.read("loans/labels", one(after(4))).drop_columns(["night"])
    loans.workspace.lake.publish("loans/labels", after(4), there, Commit("test", "loans", meanings={"label": "other"}))
    with pytest.raises(OtherMeaning, match="label"):
        run(loans, one(after(5)))


def test_without_revisions_nothing_is_restated(watched: Watched) -> None:
    watched.publish_nights(Nights(FIRST, after(5)))
    run(watched, Nights(FIRST, after(5)))
    assert not [metric for metric, _ in metrics(watched, after(5)) if metric.startswith("restated")]
