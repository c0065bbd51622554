"""Which labels a night made known, and the score that waited for each.

The second route: scores and labels are dicts by night and key, and what must come out is looked up one by one.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from nightloop.definitions.gates import FairnessGate
from nightloop.definitions.use_case import UseCase
from nightloop.errors import DefinitionError, NotReady
from nightloop.lake import Commit, Lake
from nightloop.meaning import meanings_of
from nightloop.monitoring.matured import Matured, matured_nights, read_matured
from nightloop.monitoring.night_metrics import pooled_figures
from nightloop.nights import Nights, one
from nightloop.workspace import Workspace
from tests.fixtures_sales import FIRST, MATURES, Row, definition, night

COMMIT = Commit("test", "sales")
KEYS = [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


def monitored(**changes: object) -> UseCase:
    use_case = definition()
    return use_case.model_copy(update={"monitoring": use_case.monitoring.model_copy(update=changes)})


def score(number: int, shop: str, item: int) -> float:
    """A number that tells night and entity apart, between 0 and 1."""
    return 0.01 * number + 0.1 * item + 0.4 * (shop == "b")


def scores(number: int, keys: Sequence[tuple[str, int]] = KEYS, version: int = 1) -> list[Row]:
    return [
        {
            "shop": shop,
            "item": item,
            "probability": score(number, shop, item),
            "decision": score(number, shop, item) >= 0.5,
            "model_version": version,
        }
        for shop, item in keys
    ]


def labels(number: int, keys: Sequence[tuple[str, int]] = KEYS) -> list[Row]:
    """The labels of the night so many nights after the first."""
    return [
        {"scored_night": night(number), "shop": shop, "item": item, "label": (number + item + (shop == "b")) % 2 == 0}
        for shop, item in keys
    ]


def publish(
    lake: Lake, table: str, of: date, rows: Sequence[Row], schema: pa.Schema | None = None, *, commit: Commit = COMMIT
) -> None:
    """Publish the rows of a night in any order."""
    shuffled = random.Random(3).sample(list(rows), len(rows))
    lake.publish(f"sales/{table}", of, pa.Table.from_pylist(shuffled, schema=schema), commit)


def publish_night(lake: Lake, number: int, *, version: int = 1, region: str | None = "north") -> None:
    """Publish a scored night, and on the night they mature, its labels."""
    publish(lake, "scores", night(number), scores(number, version=version))
    publish(lake, "labels", night(number + MATURES), labels(number))
    raw = [{"shop": shop, "item": item, "region": region if shop == "a" else "south"} for shop, item in KEYS]
    publish(lake, "raw_sales", night(number), raw)


@pytest.fixture
def lake(workspace: Workspace) -> Lake:
    return workspace.lake


# --- which nights --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "of", "expected"),
    [
        (1, 5, [3]),
        (2, 5, [2, 3]),
        (3, 5, [1, 2, 3]),
        (9, 5, [0, 1, 2, 3]),
        (9, 2, [0]),
        (9, 1, []),
        (1, 2, [0]),
        (1, 11, [9]),
        (1, 12, []),
    ],
)
def test_the_newest_matured_night_is_the_delay_before_and_the_window_ends_there(
    window: int, of: int, expected: list[int]
) -> None:
    scored = [night(number) for number in range(10)]
    found = matured_nights(monitored(performance_nights=window), scored, night(of))
    assert found == [night(number) for number in expected]


def test_nights_come_in_order_and_those_not_scored_are_not_there() -> None:
    scored = [night(number) for number in (4, 1, 3)]
    assert matured_nights(monitored(performance_nights=5), scored, night(6)) == [night(1), night(3), night(4)]


def test_without_a_delay_a_night_matures_by_itself() -> None:
    use_case = monitored(performance_nights=1)
    prompt = use_case.model_copy(update={"label": use_case.label.model_copy(update={"matures_after": 0})})
    assert matured_nights(prompt, [night(3), night(4), night(5)], night(4)) == [night(4)]


def test_a_night_whose_labels_answer_another_question_is_left_out(lake: Lake) -> None:
    today = meanings_of(definition()).label
    for number in range(4):
        publish_night(lake, number)
    for number, meaning in ((1, "of another question"), (2, today)):
        commit = replace(COMMIT, meanings={"label": meaning})
        publish(lake, "labels", night(number + MATURES), labels(number), commit=commit)
    nights = [night(number) for number in range(4)]
    assert read_matured(lake, definition(), nights).scored_nights == (night(0), night(2), night(3))
    assert len(read_matured(lake, definition(), [night(1)])) == 0


# --- the join ------------------------------------------------------------------------------------------------------


def test_each_label_meets_the_score_of_its_own_night_and_key(lake: Lake) -> None:
    for number in range(4):
        publish_night(lake, number)
    matured = read_matured(lake, definition(), [night(1), night(2)])
    expected = [(number, shop, item) for number in (1, 2) for shop, item in KEYS]
    assert matured.night.astype(str).tolist() == [str(night(number)) for number, _, _ in expected]
    assert matured.prediction.tolist() == [score(*key) for key in expected]
    assert matured.label.tolist() == [(number + item + (shop == "b")) % 2 == 0 for number, shop, item in expected]
    assert matured.decision is not None and matured.decision.tolist() == [score(*key) >= 0.5 for key in expected]
    assert matured.group.tolist() == ["north" if shop == "a" else "south" for _, shop, _ in expected]
    assert matured.model_version.tolist() == [1] * 8
    assert (matured.scored_nights, matured.scored, len(matured)) == ((night(1), night(2)), 8, 8)
    assert [array.dtype for array in (matured.night, matured.label, matured.decision, matured.model_version)] == [
        np.dtype("datetime64[D]"), np.bool_, np.bool_, np.int64,
    ]  # fmt: skip


def test_nights_between_that_were_not_asked_for_are_left_out(lake: Lake) -> None:
    for number in range(4):
        publish_night(lake, number, version=number)
    matured = read_matured(lake, definition(), [night(3), night(1)])
    assert matured.scored_nights == (night(1), night(3))
    assert matured.model_version.tolist() == [1] * 4 + [3] * 4
    assert matured.scored == 8


def test_a_night_between_that_was_not_asked_for_needs_no_labels(lake: Lake) -> None:
    for number in (1, 3):
        publish_night(lake, number)
    publish(lake, "scores", night(2), scores(2))
    assert len(read_matured(lake, definition(), [night(1), night(3)])) == 8


def test_an_entity_whose_outcome_is_not_known_is_counted_as_scored_but_not_measured(lake: Lake) -> None:
    publish_night(lake, 1)
    publish(lake, "labels", night(3), labels(1, KEYS[:3]))
    matured = read_matured(lake, definition(), [night(1)])
    assert matured.prediction.tolist() == [score(1, *key) for key in KEYS[:3]]
    assert (len(matured), matured.scored) == (3, 4)


def test_a_label_of_an_entity_that_was_not_scored_is_left_out(lake: Lake) -> None:
    publish_night(lake, 1)
    publish(lake, "scores", night(1), scores(1, KEYS[1:]))
    matured = read_matured(lake, definition(), [night(1)])
    assert matured.prediction.tolist() == [score(1, *key) for key in KEYS[1:]]
    assert (len(matured), matured.scored) == (3, 3)


def test_no_nights_are_no_rows_and_read_nothing(lake: Lake) -> None:
    matured = read_matured(lake, definition(), [])
    assert (len(matured), matured.scored, matured.scored_nights, matured.inputs) == (0, 0, (), {})
    assert matured.label.dtype == np.bool_ and matured.prediction.shape == matured.group.shape == (0,)


def test_an_empty_night_of_labels_is_no_row(lake: Lake) -> None:
    publish_night(lake, 1)
    publish(lake, "labels", night(3), [], lake.snapshot("sales/labels").schema)
    matured = read_matured(lake, definition(), [night(1)])
    assert (len(matured), matured.scored, matured.scored_nights) == (0, 4, (night(1),))


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_labels_that_should_be_known_but_are_not_published_are_named(lake: Lake, missing: int) -> None:
    for number in (1, 2, 3):
        publish(lake, "scores", night(number), scores(number))
        if number != missing:
            publish(lake, "labels", night(number + MATURES), labels(number))
    with pytest.raises(NotReady, match=str(night(missing + MATURES))) as error:
        read_matured(lake, definition(), [night(1), night(2), night(3)])
    assert error.value.where is not None and "sales/labels" in str(error.value)


def test_the_inputs_are_the_versions_that_were_read(lake: Lake) -> None:
    for number in range(3):
        publish_night(lake, number)
    publish(lake, "scores", night(0), scores(0))
    matured = read_matured(lake, definition(), [night(0), night(1)])
    assert matured.inputs == {
        f"sales/{table}": lake.snapshot(f"sales/{table}").version for table in ("labels", "scores", "raw_sales")
    }
    assert matured.inputs["sales/scores"] == matured.inputs["sales/labels"] + 1


# --- groups --------------------------------------------------------------------------------------------------------


def test_a_missing_group_is_an_empty_text(lake: Lake) -> None:
    publish_night(lake, 1, region=None)
    assert read_matured(lake, definition(), [night(1)]).group.tolist() == ["", "", "south", "south"]


def test_an_entity_that_its_source_no_longer_has_keeps_its_score(lake: Lake) -> None:
    publish_night(lake, 1)
    publish(lake, "raw_sales", night(1), [{"shop": "a", "item": 2, "region": "north"}])
    matured = read_matured(lake, definition(), [night(1)])
    assert matured.group.tolist() == ["", "north", "", ""] and len(matured) == 4


def test_the_group_is_that_of_the_same_night(lake: Lake) -> None:
    publish_night(lake, 1, region="north")
    publish_night(lake, 2, region="west")
    matured = read_matured(lake, definition(), [night(1), night(2)])
    assert matured.group.tolist() == ["north", "north", "south", "south", "west", "west", "south", "south"]


@pytest.mark.parametrize(("group", "expected"), [("shop", ["a", "a", "b", "b"]), ("item", ["1", "2", "1", "2"])])
def test_a_group_that_is_a_key_needs_no_source(lake: Lake, group: str, expected: list[str]) -> None:
    publish(lake, "scores", night(1), scores(1))
    publish(lake, "labels", night(3), labels(1))
    matured = read_matured(lake, definition(group=group), [night(1)])
    assert matured.group.tolist() == expected
    assert set(matured.inputs) == {"sales/labels", "sales/scores"}


def test_without_a_fairness_gate_all_are_one_group_that_needs_no_source(lake: Lake) -> None:
    publish(lake, "scores", night(1), scores(1))
    publish(lake, "labels", night(3), labels(1))
    gates = definition().gates.model_copy(update={"fairness": FairnessGate(none_because="Shelves.")})
    declined = definition().model_copy(update={"gates": gates})
    matured = read_matured(lake, declined, [night(1)])
    assert matured.group.tolist() == [""] * 4 and set(matured.inputs) == {"sales/labels", "sales/scores"}
    assert not [figure for part in pooled_figures(declined, matured, ()) for figure in part.figures if "=" in figure.group]


# --- other tasks ---------------------------------------------------------------------------------------------------


def answers(lake: Lake, given: Mapping[str, Sequence[Any]], label: Sequence[Any]) -> None:
    keys = {"shop": [shop for shop, _ in KEYS], "item": [item for _, item in KEYS]}
    lake.publish("sales/scores", night(1), pa.table({**keys, **given, "model_version": [4] * 4}), COMMIT)
    known = pa.table({"scored_night": pa.array([night(1)] * 4, pa.date32()), **keys, "label": label})
    lake.publish("sales/labels", night(3), known, COMMIT)


@pytest.mark.parametrize(
    ("decision", "expected"), [([None] * 4, None), ([True, False, True, False], [True, False, True, False])]
)
def test_a_number_is_measured_as_a_number_and_decides_where_a_threshold_is_declared(
    lake: Lake, decision: list[bool | None], expected: list[bool] | None
) -> None:
    answers(lake, {"prediction": [1.5, 2.0, 3.0, -1.0], "decision": pa.array(decision, pa.bool_())}, [1.0, 2.5, 3.0, 0.0])
    matured = read_matured(lake, definition(task="regression", group="shop"), [night(1)])
    assert matured.prediction.tolist() == [1.5, 2.0, 3.0, -1.0]
    assert matured.label.tolist() == [1.0, 2.5, 3.0, 0.0] and matured.label.dtype == np.float64
    assert (None if matured.decision is None else matured.decision.tolist()) == expected


CLASSES = ["no", "yes", "maybe"]
CHANCES = {
    "probability_no": [0.2, 0.5, 0.1, 0.3],
    "probability_yes": [0.7, 0.3, 0.1, 0.3],
    "probability_maybe": [0.1, 0.2, 0.8, 0.4],
}


def test_classes_are_measured_by_the_probability_of_each_in_the_order_declared(lake: Lake) -> None:
    answers(lake, CHANCES, ["yes", "no", "maybe", "no"])
    matured = read_matured(lake, definition(task="multiclass", classes=CLASSES, group="shop"), [night(1)])
    assert matured.prediction.T.tolist() == [CHANCES[f"probability_{name}"] for name in CLASSES]
    assert matured.label.tolist() == [1, 0, 2, 0]
    assert matured.decision is None


def test_a_label_of_no_declared_class_is_a_mistake(lake: Lake) -> None:
    answers(lake, CHANCES, ["yes", "no", "perhaps", "no"])
    with pytest.raises(DefinitionError, match="perhaps"):
        read_matured(lake, definition(task="multiclass", classes=CLASSES, group="shop"), [night(1)])


@pytest.mark.parametrize(("task", "shape"), [("regression", (0,)), ("multiclass", (0, 3))])
def test_no_nights_of_any_task_are_no_rows(lake: Lake, task: str, shape: tuple[int, ...]) -> None:
    given = {"classes": CLASSES} if task == "multiclass" else {}
    matured = read_matured(lake, definition(task=task, **given), [])
    assert matured.prediction.shape == shape and len(matured.label) == 0


# --- one night of several ------------------------------------------------------------------------------------------


def several(decision: np.ndarray | None) -> Matured:
    return Matured(
        scored_nights=(night(1), night(2)),
        night=np.array([night(1), night(1), night(2)], dtype="datetime64[D]"),
        label=np.array([True, False, True]),
        prediction=np.array([0.1, 0.2, 0.3]),
        decision=decision,
        model_version=np.array([1, 1, 2]),
        group=np.array(["n", "s", "e"]),
        covered=np.array([1.0, 0.0, np.nan]),
        scored_by_version={1: 9},
        inputs={"sales/labels": 3},
    )


def test_the_rows_of_one_night_are_picked_from_every_array() -> None:
    part = several(np.array([False, True, True])).of(night(1))
    assert part.scored_nights == (night(1),)
    assert part.decision is not None
    assert [array.tolist() for array in (part.label, part.prediction, part.decision, part.model_version, part.group)] == [
        [True, False], [0.1, 0.2], [False, True], [1, 1], ["n", "s"],
    ]  # fmt: skip
    assert part.night.astype(str).tolist() == [str(night(1))] * 2
    assert several(None).of(night(2)).decision is None
    assert several(None).of(night(2)).label.tolist() == [True]


def test_the_fixture_knows_what_night_labels_are_published_on(lake: Lake) -> None:
    publish_night(lake, 1)
    assert FIRST + timedelta(days=3) == night(3)
    assert set(lake.read("sales/labels", one(night(3)))["scored_night"].to_pylist()) == {night(1)}
    assert lake.snapshot("sales/labels", Nights(night(3), night(3))).files.keys() == {night(3)}


# --- what was promised -----------------------------------------------------------------------------------------------


def test_whether_an_outcome_lay_within_its_set_is_known_of_the_scores_that_have_one(lake: Lake) -> None:
    promising = definition(conformal={"coverage": 0.9})
    publish_night(lake, 0)
    assert np.isnan(read_matured(lake, promising, [night(0)]).covered).all(), "no night of the table promised anything"
    sets = dict(zip(KEYS, ("true", "true", "false|true", "true"), strict=True))
    publish_night(lake, 1)
    with_sets = [{**row, "prediction_set": sets[row["shop"], row["item"]]} for row in scores(1)]
    publish(lake, "scores", night(1), with_sets)
    matured = read_matured(lake, promising, [night(0), night(1)])
    happened = {(row["shop"], row["item"]): row["label"] for row in labels(1)}
    assert np.isnan(matured.covered[:4]).all()
    assert matured.covered[4:].tolist() == [float(str(happened[key]).lower() in sets[key]) for key in KEYS] == [1, 0, 1, 1]
    assert matured.of(night(1)).covered.tolist() == matured.covered[4:].tolist()
    assert np.isnan(read_matured(lake, definition(), [night(1)]).covered).all(), "today's definition promises nothing"


def test_whether_a_number_lay_between_its_ends_is_known(lake: Lake) -> None:
    promising = definition(task="regression", conformal={"coverage": 0.9})
    ends = [(9.0, 11.0), (10.0, 12.0), (10.5, 12.0), (None, None)]
    rows = [
        {"shop": shop, "item": item, "prediction": 10.0, "decision": None, "model_version": 1, "prediction_low": low}
        | {"prediction_high": high}
        for (shop, item), (low, high) in zip(KEYS, ends, strict=True)
    ]
    publish(lake, "scores", night(0), rows)
    publish(lake, "labels", night(MATURES), [{**row, "label": 10.0} for row in labels(0)])
    publish(lake, "raw_sales", night(0), [{"shop": shop, "item": item, "region": "north"} for shop, item in KEYS])
    covered = read_matured(lake, promising, [night(0)]).covered
    assert covered[:3].tolist() == [1.0, 1.0, 0.0] and np.isnan(covered[3])
