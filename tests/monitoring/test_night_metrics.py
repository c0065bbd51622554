"""What a monitored night adds to the metrics table, counted by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import stdtrit

from nightloop.definitions.use_case import UseCase, Value
from nightloop.evidence.verdict import Figure
from nightloop.lake import Commit, Lake
from nightloop.model.champions import Champion
from nightloop.monitoring.matured import Matured
from nightloop.monitoring.metrics_table import Sourced
from nightloop.monitoring.night_metrics import (
    night_figures,
    overall_value,
    pooled_figures,
    row_counts,
    row_values,
    score_counts,
)
from nightloop.nights import one
from nightloop.workspace import Workspace
from tests.fixtures_sales import definition, night

COMMIT = Commit("test", "sales")
CHAMPION = Champion(5, night(0), night(0), {})
LABEL = [True, False, True, False, True, True, False, False]
PREDICTION = [0.9, 0.2, 0.6, 0.4, 0.7, 0.3, 0.8, 0.1]


def matured(**changes: object) -> Matured:
    """Eight rows of two scored nights, of ten that were scored."""
    of = np.repeat(np.array([night(1), night(2)], dtype="datetime64[D]"), 4)
    return replace(
        Matured(
            scored_nights=(night(1), night(2)),
            night=of,
            label=np.array(LABEL),
            prediction=np.array(PREDICTION),
            decision=np.array(PREDICTION) >= 0.5,
            model_version=np.full(8, 5),
            group=np.array(["north", "south"] * 4),
            covered=np.full(8, np.nan),
            scored_by_version={5: 10},
            inputs={},
        ),
        **changes,  # type: ignore[arg-type]
    )


def named(sourced: list[Sourced]) -> dict[tuple[str, str], Figure]:
    return {(figure.metric, figure.group): figure for part in sourced for figure in part.figures}


# --- the night that matured --------------------------------------------------------------------------------------------


def test_the_night_that_matured_is_measured_on_its_own_rows() -> None:
    [part] = night_figures(definition(), night(4), matured())
    assert part.source == f"scores of {night(2)} with the labels known on {night(4)}"
    assert part.model_version == 5
    figures = named([part])
    errors = [(probability - label) ** 2 for probability, label in zip(PREDICTION[4:], LABEL[4:], strict=True)]
    assert figures["brier", "all"].value == pytest.approx(np.mean(errors)) and figures["brier", "all"].n == 4
    pairs = [(p > q) for p, a in zip(PREDICTION[4:], LABEL[4:], strict=True) if a
             for q, b in zip(PREDICTION[4:], LABEL[4:], strict=True) if not b]  # fmt: skip
    assert figures["auc", "all"].value == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize("of", [0, 1, 2, 5, 6])
def test_a_night_on_which_nothing_scored_matured_has_no_figures_of_its_own(of: int) -> None:
    assert night_figures(definition(), night(of), matured()) == []


def test_the_night_before_matures_a_night_before() -> None:
    [part] = night_figures(definition(), night(3), matured())
    assert part.source == f"scores of {night(1)} with the labels known on {night(3)}"


def test_rows_of_several_versions_belong_to_none() -> None:
    versions = np.array([5, 5, 5, 5, 5, 5, 5, 6])
    assert [part.model_version for part in night_figures(definition(), night(3), matured(model_version=versions))] == [5]
    assert [part.model_version for part in night_figures(definition(), night(4), matured(model_version=versions))] == [None]
    assert [part.model_version for part in pooled_figures(definition(), matured(model_version=versions), ())] == [None]


def test_a_matured_night_without_a_known_label_has_no_figures_and_no_version() -> None:
    nothing = matured(scored_nights=(night(1), night(2), night(3)))
    [part] = night_figures(definition(), night(5), nothing)
    assert (part.figures, part.model_version) == ((), None)


def test_the_figure_of_all_rows_is_found_by_its_name() -> None:
    figures = (Figure("auc", 0.1, None, None, 1, "region=north"), Figure("brier", 0.2, None, None, 1))
    sourced = [
        Sourced("a", 1, figures),
        Sourced("b", 1, (Figure("auc", 0.3, None, None, 1), Figure("auc", 0.4, None, None, 1))),
    ]
    assert overall_value(sourced, "auc") == 0.3
    assert overall_value(sourced, "brier") == 0.2
    assert overall_value(sourced, "mae") is None and overall_value([], "auc") is None


# --- money -------------------------------------------------------------------------------------------------------------

VALUE = Value(currency="EUR", true_positive=100.0, false_positive=-30.0)
NUMBERS = Value(currency="EUR", unit_error=10.0, without_model=0.5)


def valued(value: Value) -> UseCase:
    return definition().model_copy(update={"value": value})


def test_what_a_night_was_worth_stands_on_its_rows() -> None:
    """Of the second night two events are decided, 0.7 and not 0.3, and one false alarm, 0.8."""
    figures = named(night_figures(valued(VALUE), night(4), matured()))
    assert (figures["value", "all"].value, figures["value", "all"].n) == (70.0, 4)
    assert figures["value_per_row", "all"].value == 17.5
    assert figures["value_captured", "all"].value == 0.35, "two events were worth 200"
    assert ("value", "all") not in named(night_figures(definition(), night(4), matured())), "nothing is declared"


def test_what_the_window_was_worth_has_nights_as_its_units() -> None:
    pooled = named(pooled_figures(valued(VALUE), matured(), ()))["pooled_value", "all"]
    by_night = [200.0, 70.0]  # 0.9 and 0.6 of the first
    reach = float(stdtrit(1, 0.975)) * abs(by_night[0] - by_night[1])
    assert (pooled.value, pooled.n) == (270.0, 8)
    assert (pooled.low, pooled.high) == (pytest.approx(270 - reach), pytest.approx(270 + reach))


def test_rows_of_which_nothing_was_decided_have_no_value() -> None:
    undecided = matured(decision=None)
    assert row_values(valued(VALUE), undecided) is None
    numbers = row_values(valued(NUMBERS), matured(label=np.full(8, 1.0), decision=None))
    assert numbers is not None and numbers[0].tolist() == pytest.approx([10 * (0.5 - (1 - p)) for p in PREDICTION])
    assert numbers[1].tolist() == [5.0] * 8


# --- the performance window --------------------------------------------------------------------------------------------


def test_figures_of_the_window_are_named_pooled_with_the_share_that_matured() -> None:
    [part] = pooled_figures(definition(), matured(), (Figure("auc", 0.7, 0.6, 0.8, 8),))
    assert part.source == f"scores of {night(1)}..{night(2)} with the labels matured since"
    assert part.model_version == 5
    assert part.figures[0] == Figure("pooled_matured_share", 0.8, None, None, 10)
    assert part.figures[1] == Figure("pooled_auc", 0.7, 0.6, 0.8, 8)
    assert {figure.metric.startswith("pooled_") for figure in part.figures} == {True}


def test_each_group_of_the_window_is_measured_on_its_own_rows() -> None:
    figures = named(pooled_figures(definition(), matured(), ()))
    for group, places in (("north", [0, 2, 4, 6]), ("south", [1, 3, 5, 7])):
        errors = [(PREDICTION[place] - LABEL[place]) ** 2 for place in places]
        figure = figures["pooled_brier", f"region={group}"]
        assert (figure.value, figure.n) == (pytest.approx(np.mean(errors)), 4)
    assert ("pooled_brier", "all") not in figures


def test_calibration_of_the_window_compares_predicted_and_observed() -> None:
    figures = named(pooled_figures(definition(), matured(), ()))
    order = np.argsort(PREDICTION)
    for place in range(8):
        tenth = f"tenth {place + 1}"
        assert figures["pooled_calibration_said", tenth].value == PREDICTION[order[place]]
        assert figures["pooled_calibration_seen", tenth].value == float(LABEL[order[place]])


def test_a_window_without_a_scored_night_has_no_figures() -> None:
    assert pooled_figures(definition(), matured(scored_nights=()), ()) == []


def test_nights_that_scored_nobody_have_a_share_of_nothing() -> None:
    empty = matured(scored_by_version={}).of(date(2020, 1, 1))
    [part] = pooled_figures(definition(), empty, ())
    assert part.figures == (Figure("pooled_matured_share", 0.0, None, None, 0),)


# --- counts ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def lake(workspace: Workspace) -> Lake:
    return workspace.lake


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        ([True, False, True, False], [("rows_scored", 4, 4), ("selected_share", 0.5, 4)]),
        ([False, False, False, True], [("rows_scored", 4, 4), ("selected_share", 0.25, 4)]),
        ([None, None], [("rows_scored", 2, 2)]),
        ([], [("rows_scored", 0, 0)]),
    ],
)
def test_a_night_s_scores_are_counted_and_the_selected_among_them(
    lake: Lake, decision: list[bool | None], expected: list[tuple[str, float, int]]
) -> None:
    lake.publish("sales/scores", night(1), pa.table({"decision": pa.array(decision, pa.bool_())}), COMMIT)
    part = score_counts(definition(), night(1), CHAMPION, lake.snapshot("sales/scores", one(night(1))))
    assert (part.source, part.model_version) == (f"scores of {night(1)}", 5)
    assert [(figure.metric, figure.value, figure.n) for figure in part.figures] == expected


def test_each_arm_of_a_split_and_each_rung_is_counted(lake: Lake) -> None:
    arms, rungs = ["canary", "champion", "champion", "champion"], [None, None, "rule", None]
    scores = pa.table({"decision": [True, False, True, False], "arm": arms, "rung": pa.array(rungs, pa.string())})
    lake.publish("sales/scores", night(1), scores, COMMIT)
    part = score_counts(definition(), night(1), CHAMPION, lake.snapshot("sales/scores", one(night(1))))
    assert [(figure.group, figure.value, figure.n) for figure in part.figures if figure.metric == "rows_scored"] == [
        ("all", 4, 4), ("arm=canary", 1, 4), ("arm=champion", 3, 4), ("rung=rule", 1, 4),
    ]  # fmt: skip


def test_of_several_classes_the_share_predicted_to_be_of_each_is_counted(lake: Lake) -> None:
    table = pa.table({"predicted_class": ["yes", "no", "yes", "yes"], "probability": [0.5] * 4})
    lake.publish("sales/scores", night(1), table, COMMIT)
    use_case = definition(task="multiclass", classes=["no", "yes", "maybe"])
    part = score_counts(use_case, night(1), CHAMPION, lake.snapshot("sales/scores", one(night(1))))
    assert [(figure.metric, figure.group, figure.value, figure.n) for figure in part.figures] == [
        ("rows_scored", "all", 4, 4),
        ("told_share", "class=no", 0.25, 4),
        ("told_share", "class=yes", 0.75, 4),
        ("told_share", "class=maybe", 0.0, 4),
    ]
    lake.publish("sales/scores", night(1), table.slice(0, 0), COMMIT)
    part = score_counts(use_case, night(1), CHAMPION, lake.snapshot("sales/scores", one(night(1))))
    assert [figure.metric for figure in part.figures] == ["rows_scored"]


def test_rows_that_came_in_are_counted_for_the_night_from_the_tables_logs(lake: Lake) -> None:
    lake.publish("sales/raw_sales", night(1), pa.table({"shop": ["a", "b", "c"]}), COMMIT)
    lake.publish("sales/raw_sales", night(2), pa.table({"shop": ["a"]}), COMMIT)
    lake.publish("sales/quarantine", night(2), pa.table({"reason": ["no key", "no key"]}), COMMIT)
    [rows_in] = row_counts(definition(), night(1), lake)
    assert rows_in == Sourced(f"raw_sales of {night(1)}", None, (Figure("rows_in", 3, None, None, 3, "source=sales"),))
    counts = row_counts(definition(), night(2), lake)
    assert [(part.source, part.figures[0].metric, part.figures[0].value, part.figures[0].n) for part in counts] == [
        (f"raw_sales of {night(2)}", "rows_in", 1, 1),
        (f"quarantine of {night(2)}", "rows_quarantined", 2, 2),
    ]
    assert row_counts(definition(), night(3), lake) == []


# --- what was promised ------------------------------------------------------------------------------------------------


def test_the_coverage_of_what_was_promised_is_a_figure_of_the_night_and_of_all_nights() -> None:
    of_rows = matured(covered=np.array([1.0, 1.0, 1.0, 0.0, 1.0, 0.0, np.nan, np.nan]))
    one = named(night_figures(definition(), night(4), of_rows))["coverage", "all"]
    assert (one.value, one.n) == (0.5, 2)
    pooled = named(pooled_figures(definition(), of_rows, ()))["pooled_coverage", "all"]
    assert (pooled.value, pooled.n) == (0.625, 6)
    assert ("coverage", "all") not in named(night_figures(definition(), night(4), matured()))
