"""What must hold of a night's features: a row for each record, values within their range."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.feature_checks import OUTSIDE, check_keys, record_out_of_range
from nightloop.definitions import UseCase
from nightloop.errors import ContractBroken
from nightloop.lake import Snapshot
from nightloop.nights import one
from nightloop.workspace import Workspace
from tests.features.in_memory import NIGHT, ago, shop, window

TODAY = shop({"n": window("count")})

# --- a row for each record ---------------------------------------------------------------------------------------------


def files(folder: Path, *contents: Sequence[Any] | dict[str, Sequence[Any]], name: str = "part") -> list[str]:
    """Write one Parquet file for each content: visit ids, or columns."""
    paths = []
    for i, content in enumerate(contents):
        columns = content if isinstance(content, dict) else {"visit_id": pa.array(content, pa.string())}
        pq.write_table(pa.table(columns), folder / f"{name}{i}.parquet")
        paths.append(str(folder / f"{name}{i}.parquet"))
    return paths


def delivered(folder: Path, *contents: Sequence[Any]) -> dict[str, Snapshot]:
    of_night = {NIGHT: tuple(files(folder, *contents, name="raw")), ago(1): tuple(files(folder, ["other"] * 9, name="other"))}
    return {"raw_visits": Snapshot("shop/raw_visits", 1, pa.schema([("visit_id", pa.string())]), of_night, str(folder))}


@pytest.mark.parametrize(
    ("records", "rows"),
    [
        ([["a", "b"]], [["a", "b"]]),
        ([["a"], ["b", "c"]], [["c", "a"], ["b"]]),
        ([], []),
        ([[]], []),
    ],
)
def test_as_many_keys_as_records_pass(tmp_path: Path, records: list[list[str]], rows: list[list[str]]) -> None:
    check_keys(TODAY, NIGHT, files(tmp_path, *rows), delivered(tmp_path, *records))


@pytest.mark.parametrize(
    ("records", "rows", "n_records", "n_keys"),
    [
        ([["a", "a"]], [["a", "a"]], 2, 1),
        ([["a", "b", "a"]], [["a", "b"], ["a"]], 3, 2),
        ([["a", None]], [["a", None]], 2, 1),
        ([["a"], ["b"]], [["a"]], 2, 1),
        ([["a"]], [], 1, 0),
        ([["a"]], [["a", "b"]], 1, 2),
        ([], [["a"]], 0, 1),
    ],
)
def test_repeated_missing_and_surplus_keys_are_counted(
    tmp_path: Path, records: list[list[str]], rows: list[list[str]], n_records: int, n_keys: int
) -> None:
    counted = rf"{n_records} records of source 'visits' have {n_keys} keys \(visit_id\): some are repeated or missing"
    with pytest.raises(ContractBroken, match=counted) as refused:
        check_keys(TODAY, NIGHT, files(tmp_path, *rows), delivered(tmp_path, *records))
    assert f"shop, night {NIGHT}" in str(refused.value)
    assert "contract of 'visits'" in str(refused.value)


def test_a_key_of_several_columns_is_one_key_and_missing_where_one_of_them_is(tmp_path: Path) -> None:
    use_case = shop({"n": window("count")}, key=("visit_id", "items"))
    columns = {"visit_id": pa.array(["a", "a", "b"]), "items": pa.array([1, 2, 1])}
    check_keys(use_case, NIGHT, files(tmp_path, columns), delivered(tmp_path, ["a", "a", "b"]))
    for spoiled in ([1, 1, 1], [1, None, 1], [None, None, None]):
        rows = files(tmp_path, columns | {"items": pa.array(spoiled, pa.int64())})
        with pytest.raises(ContractBroken, match=r"3 records .* \(visit_id, items\)"):
            check_keys(use_case, NIGHT, rows, delivered(tmp_path, ["a", "a", "b"]))


# --- values within their range -----------------------------------------------------------------------------------------


def ranged(**ranges: tuple[float, float] | None) -> UseCase:
    basket = {"kind": "expression", "expression": "basket"}
    return shop({name: basket | ({"range": limits} if limits else {}) for name, limits in ranges.items()})


def numbers(folder: Path, *contents: dict[str, list[float | None]]) -> list[str]:
    return files(folder, *({name: pa.array(values, pa.float64()) for name, values in each.items()} for each in contents))


def events(workspace: Workspace) -> list[tuple[date | None, object]]:
    return [(event.night, event.payload) for event in workspace.ledger.events("shop", kind=OUTSIDE)]


@pytest.mark.parametrize(
    ("values", "outside"),
    [
        ([0.0, 0.5, 1.0], 0),
        ([-0.001, 0.5], 1),
        ([1.001, 0.5], 1),
        ([-5.0, None, 5.0, 0.0, 1.0], 2),
        ([None, None], 0),
        ([], 0),
    ],
)
def test_values_outside_their_range_are_counted_and_recorded(
    workspace: Workspace, tmp_path: Path, values: list[float | None], outside: int
) -> None:
    found = record_out_of_range(ranged(x=(0.0, 1.0)), NIGHT, numbers(tmp_path, {"x": values}), workspace)
    assert found == ({"out_of_range": {"x": outside}} if outside else {})
    assert events(workspace) == ([(NIGHT, {"values": {"x": outside}})] if outside else [])


def test_counts_are_over_all_files_and_of_each_feature_with_a_range(workspace: Workspace, tmp_path: Path) -> None:
    use_case = ranged(low=(0.0, 9.0), high=(-9.0, 0.0), free=None, fine=(0.0, 9.0), absent=(0.0, 1.0))
    first = {"low": [-1.0, 5.0], "high": [-1.0, -5.0], "free": [1e9, -1e9], "fine": [0.0, 9.0]}
    second = {"low": [-1.0, -2.0], "high": [1.0, 2.0], "free": [0.0, 0.0], "fine": [1.0, 2.0]}
    found = record_out_of_range(use_case, NIGHT, numbers(tmp_path, first, second), workspace)
    assert found == {"out_of_range": {"low": 3, "high": 2}}


def test_files_without_statistics_are_read(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "plain.parquet"
    pq.write_table(pa.table({"x": [0.5, 7.0]}), path, write_statistics=False)
    assert record_out_of_range(ranged(x=(0.0, 1.0)), NIGHT, [str(path)], workspace) == {"out_of_range": {"x": 1}}
    pq.write_table(pa.table({"x": [0.5, 1.0]}), path, write_statistics=False)
    assert record_out_of_range(ranged(x=(0.0, 1.0)), NIGHT, [str(path)], workspace) == {}


def test_every_row_group_of_a_file_is_looked_at(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "groups.parquet"
    pq.write_table(pa.table({"x": [0.5, 0.5, 0.5, 7.0, 7.0, 0.5, 8.0]}), path, row_group_size=2)
    assert record_out_of_range(ranged(x=(0.0, 1.0)), NIGHT, [str(path)], workspace) == {"out_of_range": {"x": 3}}


def test_the_same_counts_of_a_night_are_recorded_once_and_others_again(workspace: Workspace, tmp_path: Path) -> None:
    use_case = ranged(x=(0.0, 1.0))
    for values in ([2.0], [2.0], [2.0, 3.0], [2.0]):
        assert record_out_of_range(use_case, NIGHT, numbers(tmp_path, {"x": values}), workspace)
    record_out_of_range(use_case, ago(1), numbers(tmp_path, {"x": [2.0]}), workspace)
    assert events(workspace) == [
        (NIGHT, {"values": {"x": 1}}),
        (NIGHT, {"values": {"x": 2}}),
        (NIGHT, {"values": {"x": 1}}),
        (ago(1), {"values": {"x": 1}}),
    ]


def test_a_night_in_which_all_is_well_opens_no_ledger(tmp_path: Path) -> None:
    class Closed:
        @property
        def ledger(self) -> object:
            raise AssertionError("SQLAlchemy is dear to import")

    assert record_out_of_range(ranged(x=(0.0, 1.0)), NIGHT, numbers(tmp_path, {"x": [0.5]}), Closed()) == {}  # type: ignore[arg-type]


def test_a_night_without_files_has_nothing_outside(workspace: Workspace) -> None:
    assert record_out_of_range(ranged(x=(0.0, 1.0)), NIGHT, (), workspace) == {}
    assert one(NIGHT).first + timedelta(days=1) == ago(-1)
