"""A training set: every label known by a night with its features, in one order, divided by time without an overlap.

The second route: the world is a list of dicts, and what must come out is picked from it by a few lines of plain Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.errors import DefinitionError, NotReady, OtherMeaning, StoreDamaged, TrainingRefused
from nightloop.lake import Commit, Lake
from nightloop.meaning import meanings_of
from nightloop.meaning.digests import ROWS
from nightloop.model.training import training_set
from nightloop.model.training.slices import Slices, divide
from nightloop.model.training.training_set import TrainingSet, features_of, load, training_key
from nightloop.nights import Nights
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.fixtures_sales import FEATURES, FIRST, MATURES, Row, definition, night, publish, sales

MIXED = [True, False]


def as_loaded(rows: Iterable[Row]) -> list[Row]:
    """The rows as a training set holds them."""
    columns = ("shop", "item", "label", "group", "learn", *FEATURES)
    return [
        {"scored_night": row["night"]} | {name: row[name] for name in columns}
        for row in sorted(
            ({**row, "group": row["region"] or "unknown", "learn": row.get("learn", True)} for row in rows),
            key=lambda row: (row["night"], row["shop"], row["item"]),
        )
    ]


@pytest.fixture
def lake(workspace: Workspace) -> Lake:
    return workspace.lake


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Seven published nights. Not to be written to."""
    lake = Workspace.open(load_settings(home=tmp_path_factory.mktemp("sales") / "home", engine="local")).lake
    publish(lake, sales(), 6)
    return lake


def made(labels: Sequence[Sequence[object]], *, learn: Sequence[Sequence[bool]] | None = None, skip: int = 0) -> TrainingSet:
    """A training set of some nights, given the labels of each; ``skip`` leaves so many nights without rows in between."""
    of = [number * (skip + 1) for number, of_night in enumerate(labels) for _ in of_night]
    flat = [label for of_night in labels for label in of_night]
    learns = [True] * len(flat) if learn is None else [item for of_night in learn for item in of_night]
    classes = tuple(sorted({str(label) for label in flat})) if flat and isinstance(flat[0], str) else ()
    table = pa.table(
        {
            "scored_night": pa.array([night(number) for number in of], pa.date32()),
            "label": pa.array(flat),
            "group": ["north"] * len(flat),
            "learn": pa.array(learns, pa.bool_()),
            "stock": [float(place) for place in range(len(flat))],
        }
    )
    return TrainingSet(table, ("stock",), classes)


# --- the join ---------------------------------------------------------------------------------------------------------


def test_every_label_known_by_the_night_is_there_once_with_its_own_features_in_one_order(shared: Lake) -> None:
    world = sales()
    rows, _ = load(definition(), night(6), shared)
    assert rows.table.to_pylist() == as_loaded(row for row in world if row["night"] <= night(4))
    assert rows.table.column_names == ["scored_night", "shop", "item", "label", "group", "learn", *FEATURES]
    assert rows.features == FEATURES and rows.classes == ()
    assert rows.table.column(0).num_chunks == 1


@pytest.mark.parametrize("as_of", [2, 3, 6])
def test_what_is_known_at_a_night_ends_with_the_night_whose_labels_matured_on_it(shared: Lake, as_of: int) -> None:
    rows, _ = load(definition(), night(as_of), shared)
    assert sorted(set(rows.table["scored_night"].to_pylist())) == [night(number) for number in range(as_of - MATURES + 1)]


def test_what_was_published_later_changes_nothing(lake: Lake) -> None:
    publish(lake, sales(), 5)
    before, _ = load(definition(), night(5), lake)
    publish(lake, sales(), 7, first=6)
    after, _ = load(definition(), night(5), lake)
    assert after.table.equals(before.table)


@pytest.mark.parametrize("as_of", [-1, 0, 1])
def test_before_the_first_labels_mature_there_is_no_training(shared: Lake, as_of: int) -> None:
    with pytest.raises(TrainingRefused) as refused:
        load(definition(), night(as_of), shared)
    assert refused.value.what == (
        f"no label of sales is matured by {night(as_of)}: the first night is 2024-01-01, its labels are known 2 nights later."
    )
    assert refused.value.do == "Train as of a later night."


@pytest.mark.parametrize(("window", "first"), [(1, 4), (2, 3), (4, 1), (5, 0), (6, 0), (None, 0)])
def test_a_window_keeps_the_newest_nights_and_never_goes_before_the_first(shared: Lake, window: int | None, first: int) -> None:
    world = sales()
    rows, _ = load(definition(window_nights=window), night(6), shared)
    assert rows.table.to_pylist() == as_loaded(row for row in world if night(first) <= row["night"] <= night(4))


def test_nights_before_the_window_need_no_features(lake: Lake) -> None:
    publish(lake, sales(), 2, tables=("labels",))
    publish(lake, sales(), 6, first=3)
    assert load(definition(window_nights=2), night(6), lake)[0].table.num_rows == 8
    with pytest.raises(NotReady, match=str(night(2))):
        load(definition(window_nights=3), night(6), lake)


def test_rows_are_joined_on_the_whole_key_and_the_night(shared: Lake) -> None:
    """Each number tells shop, item and night: a join that left one out would give a row the numbers of another, or twice."""
    rows, _ = load(definition(), night(6), shared)
    for row in rows.table.to_pylist():
        number = (row["scored_night"] - FIRST).days
        assert row["stock"] == 100.0 * number + 10 * (row["shop"] == "b") + row["item"]
        assert row["price"] == -number
        assert row["group"] == ("north" if row["shop"] == "a" else "south")
        assert row["label"] == ((number + row["item"] + (row["shop"] == "b")) % 2 == 0)


def test_an_entity_without_a_label_is_left_out(lake: Lake) -> None:
    world = sales()
    publish(lake, world, 6)
    labelled = [row for row in world if (row["night"], row["shop"], row["item"]) != (night(2), "a", 2)]
    commit = Commit("test", "sales")
    lake.publish(
        "sales/labels",
        night(4),
        pa.table(
            {
                "scored_night": pa.array([night(2)] * 3, pa.date32()),
                "shop": ["a", "b", "b"],
                "item": [1, 1, 2],
                "label": [row["label"] for row in labelled if row["night"] == night(2)],
            }
        ),
        commit,
    )
    rows, _ = load(definition(), night(6), lake)
    assert rows.table.to_pylist() == as_loaded(row for row in labelled if row["night"] <= night(4))


@pytest.mark.parametrize("table", ["features", "raw_sales"])
def test_a_label_that_finds_no_row_is_a_damaged_store_and_not_a_smaller_training_set(lake: Lake, table: str) -> None:
    world = sales()
    publish(lake, world, 6)
    rows = lake.read(f"sales/{table}", Nights(night(1), night(1))).drop_columns(["night"])
    lake.publish(f"sales/{table}", night(1), rows.slice(1), Commit("test", "sales"))
    with pytest.raises(
        StoreDamaged, match="20 labels joined to 19 feature rows of 19 entities: each label must find exactly one"
    ) as damaged:
        load(definition(), night(6), lake)
    assert damaged.value.where == "sales/labels, sales/features"
    assert damaged.value.do.endswith("features sales FIRST..LAST")


def test_a_label_that_finds_two_rows_is_a_damaged_store(lake: Lake) -> None:
    publish(lake, sales(), 6)
    rows = lake.read("sales/features", Nights(night(1), night(1))).drop_columns(["night"])
    lake.publish("sales/features", night(1), pa.concat_tables([rows, rows.slice(0, 1)]), Commit("test", "sales"))
    with pytest.raises(StoreDamaged, match="20 labels joined to 21 feature rows of 20 entities"):
        load(definition(), night(6), lake)


def test_a_row_lost_is_not_made_up_by_a_row_doubled(lake: Lake) -> None:
    publish(lake, sales(), 6)
    rows = lake.read("sales/features", Nights(night(1), night(1))).drop_columns(["night"])
    doubled = pa.concat_tables([rows.slice(1), rows.slice(1, 1)])
    lake.publish("sales/features", night(1), doubled, Commit("test", "sales"))
    with pytest.raises(StoreDamaged, match="20 labels joined to 20 feature rows of 19 entities"):
        load(definition(), night(6), lake)


@pytest.mark.parametrize(("table", "of"), [("labels", 6), ("labels", 0), ("features", 4), ("features", 0), ("raw_sales", 4)])
def test_a_night_that_was_never_published_is_named(lake: Lake, table: str, of: int) -> None:
    publish(lake, sales(), 6, without=(table, night(of)))
    with pytest.raises(NotReady, match=str(night(of))) as missing:
        load(definition(), night(6), lake)
    assert missing.value.where is not None and f"sales/{table}" in str(missing.value)


def test_nights_that_cannot_be_part_of_it_may_be_missing(lake: Lake) -> None:
    """Features of nights whose labels are not known yet, and of nights before the window."""
    publish(lake, sales(), 4)
    publish(lake, sales(), 6, first=5, tables=("labels",))
    assert load(definition(), night(6), lake)[0].table.num_rows == 20


def test_the_versions_are_those_of_the_tables_that_were_read(lake: Lake) -> None:
    publish(lake, sales(), 6)
    for _ in range(2):
        part = lake.read("sales/features", Nights(night(3), night(3))).drop_columns(["night"])
        lake.publish("sales/features", night(3), part.slice(0, 3), Commit("test", "sales"))
        lake.publish("sales/features", night(3), part, Commit("test", "sales"))
    _, versions = load(definition(), night(6), lake)
    expected = {name: lake.snapshot(f"sales/{name}").version for name in ("labels", "features", "raw_sales")}
    assert versions == expected and versions["features"] > versions["labels"]


# --- what was made by another definition ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "column"),
    [("features", "stock"), ("labels", "label"), ("raw_sales", "region"), ("raw_sales", "item"), ("raw_sales", ROWS)],
)
def test_a_night_of_another_meaning_is_not_learned_from(lake: Lake, table: str, column: str) -> None:
    recorded = meanings_of(definition()).of_table(table, definition())
    publish(lake, sales(), 6)
    publish(lake, sales(), 3, first=3, tables=(table,), meanings={**recorded, column: "of another definition"})
    named = "its rows" if column == ROWS else column
    with pytest.raises(OtherMeaning, match=f"{table} of {night(3)} has {re.escape(named)} by another"):
        load(definition(), night(6), lake)


def test_a_column_that_training_does_not_read_may_have_another_meaning(lake: Lake) -> None:
    recorded = meanings_of(definition()).of_table("raw_sales", definition())
    publish(lake, sales(), 6)
    publish(lake, sales(), 3, first=3, tables=("raw_sales",), meanings={**recorded, "price": "of another definition"})
    assert load(definition(), night(6), lake)[0].table.num_rows == 20


def spec_of(**meanings: str) -> Any:
    return SimpleNamespace(features=("price", "stock"), feature_meanings=meanings)


def test_another_model_of_the_same_features_is_judged_on_the_rows_at_hand(shared: Lake) -> None:
    rows, _ = load(definition(), night(6), shared)
    for spec in (spec_of(), spec_of(**meanings_of(definition()).features)):
        assert features_of(spec, definition(), rows, lake=None).tolist() == rows.matrix[:, [1, 0]].tolist()  # type: ignore[arg-type]


def test_a_model_of_older_features_is_judged_on_what_they_meant_then(lake: Lake) -> None:
    publish(lake, sales(), 6)
    older = sales()
    for row in older:
        row["stock"] += 0.25
    rows, _ = load(definition(), night(6), lake)
    publish(lake, older, 6, tables=("features",), meanings={"stock": "then", "price": "p"})
    found = features_of(spec_of(stock="then", price="p"), definition(), rows, lake)
    assert found is not None and found.tolist() == (rows.matrix[:, [1, 0]] + [0.0, 0.25]).tolist()
    assert features_of(spec_of(stock="before then", price="p"), definition(), rows, lake) is None
    today = meanings_of(definition()).features
    publish(lake, older, 6, tables=("features",), meanings={"stock": "then", "price": today["price"]})
    one_of_two = features_of(spec_of(stock="then", price=today["price"]), definition(), rows, lake)
    assert one_of_two is not None and one_of_two.tolist() == found.tolist()
    gone = SimpleNamespace(features=("weight",), feature_meanings={"weight": "then"})
    assert features_of(gone, definition(), rows, lake)[:, 0].tolist() == found[:, 1].tolist()  # type: ignore[arg-type, index]


# --- groups, and what may be learned from --------------------------------------------------------------------------


def test_an_entity_whose_group_is_missing_is_in_the_group_unknown(lake: Lake) -> None:
    world = [{**row, "region": None if row["shop"] == "a" else row["region"]} for row in sales()]
    publish(lake, world, 6)
    rows, _ = load(definition(), night(6), lake)
    assert rows.group.tolist() == ["unknown" if row["shop"] == "a" else "south" for row in rows.table.to_pylist()]


def test_a_group_may_be_a_key_or_a_number_and_is_text_all_the_same(shared: Lake) -> None:
    by_shop, _ = load(definition(group="shop"), night(6), shared)
    by_item, _ = load(definition(group="item"), night(6), shared)
    assert by_shop.group.tolist() == by_shop.table["shop"].to_pylist()
    assert by_item.group.tolist() == [str(item) for item in by_item.table["item"].to_pylist()]


@pytest.mark.parametrize(
    ("needed", "learn"),
    [((), "1111"), (("checked",), "0111"), (("region",), "1011"), (("checked", "region"), "0011")],
)
def test_rows_are_learned_from_where_every_needed_column_is_known(lake: Lake, needed: tuple[str, ...], learn: str) -> None:
    world = sales()
    world[0] |= {"checked": None, "learn": learn[0] == "1"}
    world[1] |= {"region": None, "learn": learn[1] == "1"}
    publish(lake, world, 6)
    rows, _ = load(definition(fit_where_known=list(needed)), night(6), lake)
    assert rows.table.to_pylist() == as_loaded(row for row in world if row["night"] <= night(4))
    assert rows.to_learn.table.num_rows == 16 + learn.count("1")
    assert rows.to_learn.table.equals(rows.table.filter(rows.table["learn"]))


# --- as arrays -----------------------------------------------------------------------------------------------------


def test_the_matrix_has_the_features_in_the_order_of_the_definition_and_nan_where_missing() -> None:
    table = pa.table({"price": [1.0, None], "label": [True, False], "stock": pa.array([3, 4], pa.int32())})
    rows = TrainingSet(table, FEATURES)
    np.testing.assert_array_equal(rows.matrix, [[3.0, 1.0], [4.0, np.nan]])
    assert rows.matrix.dtype == np.float64
    assert TrainingSet(table, ()).matrix.shape == (2, 0)


def test_labels_are_as_the_task_takes_them() -> None:
    assert made([[True, False]]).label.dtype == np.bool_
    assert made([[1.5, 2.0]]).label.tolist() == [1.5, 2.0]
    rows = TrainingSet(pa.table({"label": ["c", "a", "b"]}), (), classes=("b", "c", "a"))
    assert rows.label.tolist() == [1, 2, 0]
    with pytest.raises(DefinitionError, match="1 labels are none of the declared classes: a"):
        _ = TrainingSet(pa.table({"label": ["c", "a"]}), (), classes=("b", "c")).label


def test_nights_and_groups_are_those_of_the_rows() -> None:
    rows = made([MIXED, MIXED])
    assert rows.night.dtype == np.dtype("datetime64[D]")
    assert rows.night.astype(str).tolist() == ["2024-01-01", "2024-01-01", "2024-01-02", "2024-01-02"]
    assert rows.group.tolist() == ["north"] * 4


@pytest.mark.parametrize(("first", "last", "places"), [(1, 2, [2, 3, 4, 5]), (0, 0, [0, 1]), (3, 9, [6, 7]), (8, 9, [])])
def test_the_rows_of_some_nights_are_those_between_both_ends(first: int, last: int, places: list[int]) -> None:
    rows = made([MIXED] * 4).of(Nights(night(first), night(last)))
    assert rows.table["stock"].to_pylist() == places
    assert rows.features == ("stock",)


def test_a_part_keeps_the_classes() -> None:
    rows = made([["a", "b"], ["b", "c"]])
    assert rows.of(Nights(FIRST, FIRST)).classes == rows.to_learn.classes == ("a", "b", "c")


# --- the split -----------------------------------------------------------------------------------------------------


def test_the_newest_nights_validate_those_before_them_calibrate_the_rest_is_fitted_on() -> None:
    assert divide(definition(), made([MIXED] * 8)) == Slices(
        fit=Nights(night(0), night(4)), calibrate=Nights(night(5), night(6)), validate=Nights(night(7), night(7))
    )


@settings(max_examples=30)
@given(
    fit=st.integers(1, 5),
    calibrate=st.integers(1, 4),
    validate=st.integers(1, 4),
    extra=st.integers(0, 5),
    skip=st.integers(0, 2),
)
def test_the_parts_share_no_night_leave_none_out_and_keep_the_order_of_time(
    fit: int, calibrate: int, validate: int, extra: int, skip: int
) -> None:
    split = {"minimum_fit_nights": fit, "calibrate_nights": calibrate, "validate_nights": validate}
    count = fit + calibrate + validate + extra
    rows = made([MIXED] * count, skip=skip)
    slices = divide(definition(split=split), rows)
    parts = [rows.of(part) for part in (slices.fit, slices.calibrate, slices.validate)]
    assert [len(np.unique(part.night)) for part in parts] == [fit + extra, calibrate, validate]
    assert [place for part in parts for place in part.table["stock"].to_pylist()] == rows.table["stock"].to_pylist()
    assert slices.fit.last < slices.calibrate.first and slices.calibrate.last < slices.validate.first


@pytest.mark.parametrize("count", [4, 5])
def test_too_few_nights_are_refused_with_the_count_of_each_part(count: int) -> None:
    with pytest.raises(TrainingRefused) as refused:
        divide(definition(), made([MIXED] * count))
    assert refused.value.what == (
        f"{count} nights hold labelled rows ({2 * count} rows); 6 are needed: 3 to fit, 2 to calibrate, 1 to validate."
    )
    assert refused.value.where == "sales"


@pytest.mark.parametrize("count", [6, 7])
def test_just_enough_nights_are_enough(count: int) -> None:
    slices = divide(definition(), made([MIXED] * count))
    assert (slices.fit.first, slices.fit.last) == (night(0), night(count - 4))


def test_nights_without_rows_do_not_count() -> None:
    assert len(divide(definition(), made([MIXED] * 6, skip=3)).calibrate) == 5  # two nights with rows, three without between
    with pytest.raises(TrainingRefused, match="5 nights hold"):
        divide(definition(), made([MIXED] * 5, skip=3))


@pytest.mark.parametrize(
    ("place", "label", "part"),
    [
        (slice(0, 3), True, "of the 6 rows of 2024-01-01..2024-01-03, 6 are positive"),
        (slice(0, 3), False, "of the 6 rows of 2024-01-01..2024-01-03, 0 are positive"),
        (slice(3, 5), True, "of the 4 rows of 2024-01-04..2024-01-05, 4 are positive"),
        (slice(3, 5), False, "of the 4 rows of 2024-01-04..2024-01-05, 0 are positive"),
        (slice(5, 6), True, "of the 2 rows of 2024-01-06, 2 are positive"),
        (slice(5, 6), False, "of the 2 rows of 2024-01-06, 0 are positive"),
    ],
)
def test_a_part_whose_labels_are_constant_is_refused(place: slice, label: bool, part: str) -> None:
    labels: list[list[object]] = [list(MIXED) for _ in range(6)]
    labels[place] = [[label, label] for _ in labels[place]]
    with pytest.raises(TrainingRefused) as refused:
        divide(definition(), made(labels))
    assert refused.value.what == f"{part}: there is nothing to tell apart."
    assert refused.value.where == "sales" and "outcomes of these nights" in refused.value.do


def test_one_other_label_in_each_part_is_enough() -> None:
    labels = [[True, False], [True, True], [True, True], [False, True], [True, True], [True, False]]
    assert divide(definition(), made(labels)).validate == Nights(night(5), night(5))


def test_only_rows_that_may_be_learned_from_count_for_the_fit() -> None:
    labels = [[True, False]] + [[True, True]] * 2 + [MIXED] * 3
    learn = [[True, False]] + [[True, True]] * 5
    with pytest.raises(TrainingRefused, match=r"of the 5 rows of 2024-01-01..2024-01-03, 5 are positive"):
        divide(definition(), made(labels, learn=learn))
    assert divide(definition(), made(labels)).fit.last == night(2)


def test_rows_that_may_not_be_learned_from_still_calibrate_and_validate() -> None:
    learn = [[True, True]] * 3 + [[False, False]] * 3
    assert len(divide(definition(), made([MIXED] * 6, learn=learn)).validate) == 1


def test_no_row_to_learn_from_is_refused() -> None:
    learn = [[False, False]] * 3 + [[True, True]] * 3
    with pytest.raises(TrainingRefused, match=r"of the 0 rows of 2024-01-01..2024-01-03, 0 are positive"):
        divide(definition(), made([MIXED] * 6, learn=learn))


def test_a_number_that_never_changes_is_refused_with_the_number() -> None:
    regression = definition(task="regression")
    with pytest.raises(TrainingRefused, match=r"the labels of the 2 rows of 2024-01-06 are all 2\.?.*: there is nothing"):
        divide(regression, made([[1.0, 2.0]] * 5 + [[2.0, 2.0]]))
    assert divide(regression, made([[1.0, 2.0]] * 6)).validate == Nights(night(5), night(5))


def test_a_class_that_the_fit_lacks_is_refused_by_its_name() -> None:
    multiclass = definition(task="multiclass", classes=["maybe", "no", "yes"])
    labels = [["yes", "no"]] * 3 + [["maybe", "no"]] * 3
    with pytest.raises(TrainingRefused) as refused:
        divide(multiclass, made(labels))
    assert refused.value.what == "none of the 6 rows of 2024-01-01..2024-01-03 to learn from is maybe."
    assert refused.value.where == "sales"
    labels[2] = ["maybe", "no"]
    assert divide(multiclass, made(labels)).fit.last == night(2)


def test_every_class_that_the_fit_lacks_is_named() -> None:
    multiclass = definition(task="multiclass", classes=["maybe", "never", "no", "yes"])
    labels = [["yes", "no"]] * 3 + [["maybe", "never"]] * 3
    with pytest.raises(TrainingRefused, match="is maybe or never"):
        divide(multiclass, made(labels))


def test_a_class_that_only_rows_not_learned_from_have_is_missing() -> None:
    multiclass = definition(task="multiclass", classes=["maybe", "no", "yes"])
    labels = [["yes", "no"], ["maybe", "no"], ["yes", "no"]] + [["maybe", "no"]] * 3
    learn = [[True, True], [False, True], [True, True]] + [[True, True]] * 3
    with pytest.raises(TrainingRefused, match=r"none of the 5 rows .* is maybe"):
        divide(multiclass, made(labels, learn=learn))


# --- the key of a training -----------------------------------------------------------------------------------------


def test_equal_trainings_have_one_key_whatever_the_order_of_the_rows() -> None:
    rows = made([MIXED] * 3)
    turned = TrainingSet(rows.table.take([5, 0, 3, 1, 4, 2]), rows.features)
    assert training_key(definition(), night(5), rows) == training_key(definition(), night(5), turned)
    assert len(training_key(definition(), night(5), rows)) == 64


def test_other_rows_another_night_definition_format_or_library_is_another_training(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = made([MIXED] * 3)
    keys = [
        training_key(definition(), night(5), rows),
        training_key(definition(), night(6), rows),
        training_key(definition(reasons=2), night(5), rows),
        training_key(definition(), night(5), made([MIXED] * 2)),
    ]
    with monkeypatch.context() as patch:
        patch.setattr(training_set, "FORMAT", 2)
        keys.append(training_key(definition(), night(5), rows))
    for library in ("numpy", "scikit-learn", "xgboost"):
        with monkeypatch.context() as patch:
            patch.setattr(training_set, "version", lambda name, of=library: "next" if name == of else version(name))
            keys.append(training_key(definition(), night(5), rows))
    assert len(set(keys)) == len(keys)
    assert training_key(definition(), night(5), rows) == keys[0]
