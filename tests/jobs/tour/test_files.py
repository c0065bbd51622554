"""Files of a tour: put together, or given an order where no column tells the time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.tour.files import LEAST_DATES, MADE_UP, MOST_DATES, ROWS_A_DATE, in_a_made_up_order, together
from nightloop.errors import UsageError


def written(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def joined(folder: Path, *texts: str) -> list[dict[str, str | None]]:
    paths = [written(folder, f"f{i}.csv", text) for i, text in enumerate(texts)]
    return together(paths, folder / "feature_defs")[0].to_pylist()


def test_files_of_the_same_columns_stand_one_below_the_other(tmp_path: Path) -> None:
    rows = joined(tmp_path, "a,b\n1,x\n2,y\n", "b,a\nz,3\n", "a,b\n4,w\n")
    assert [(row["a"], row["b"]) for row in rows] == [("1", "x"), ("2", "y"), ("3", "z"), ("4", "w")]


def test_another_file_is_joined_by_the_column_that_both_have(tmp_path: Path) -> None:
    rows = joined(tmp_path, "k,a\n3,c\n1,a\n2,b\n1,d\n", "y,k\nno,2\nyes,1\n")
    assert rows == [
        {"k": "3", "a": "c", "y": None},
        {"k": "1", "a": "a", "y": "yes"},
        {"k": "2", "a": "b", "y": "no"},
        {"k": "1", "a": "d", "y": "yes"},
    ]


def test_the_file_whose_records_are_told_apart_is_joined_to_the_other(tmp_path: Path) -> None:
    rows = joined(tmp_path, "k,a\n1,a\n2,b\n", "k,y\n1,p\n2,q\n1,r\n")
    assert [(row["k"], row["a"], row["y"]) for row in rows] == [("1", "a", "p"), ("2", "b", "q"), ("1", "a", "r")]


def test_columns_that_are_no_key_but_in_both_files_are_those_of_the_records(tmp_path: Path) -> None:
    rows = joined(tmp_path, "k,city\n1,x\n1,y\n", "k,city,y\n1,z,yes\n")
    assert rows == [{"k": "1", "city": "x", "y": "yes"}, {"k": "1", "city": "y", "y": "yes"}]


def test_a_key_that_one_file_only_writes_otherwise_is_the_same_and_told(tmp_path: Path) -> None:
    first = written(tmp_path, "first.csv", "k,a\n123,p\n7,q\n5,r\n,s\nb,t\n")
    second = written(tmp_path, "second.csv", "k,y\n123.0,yes\n 7,no\n5,maybe\nB,one\nB ,other\n")
    table, notes = together([first, second], tmp_path / "feature_defs")
    assert [row["y"] for row in table.to_pylist()] == ["yes", "no", "maybe", None, None], (
        "which of B and 'B ' it is cannot be told"
    )
    assert notes == [
        "2 values of 'k' are only written otherwise in one of the files ('123' and '123.0'): they were taken as the same."
    ]


def test_several_columns_join_where_one_does_not_tell_apart(tmp_path: Path) -> None:
    rows = joined(tmp_path, "d,s,a\n1,n,p\n1,m,q\n", "d,s,y\n1,n,yes\n1,m,no\n2,n,no\n2,m,no\n")
    assert [row["y"] for row in rows] == ["yes", "no"]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("a,b\n1,2\n", "c,d\n1,2\n", "no column in common"),
        ("k,a\n1,x\n1,y\n", "k,b\n1,x\n1,y\n", "neither file's records are told apart"),
        ("k,a\n1,x\n2,y\n", "k,b\n10,x\n20,y\n", "'1' here, '10' there"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path: Path, first: str, second: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        joined(tmp_path, first, second)


@pytest.mark.parametrize(
    ("rows", "dates"),
    [
        (LEAST_DATES * ROWS_A_DATE - 1, LEAST_DATES),
        (LEAST_DATES * ROWS_A_DATE, LEAST_DATES),
        ((LEAST_DATES + 1) * ROWS_A_DATE, LEAST_DATES + 1),
        (MOST_DATES * ROWS_A_DATE, MOST_DATES),
        (MOST_DATES * ROWS_A_DATE * 3, MOST_DATES),
    ],
)
def test_made_up_dates_hold_as_many_records_each(rows: int, dates: int) -> None:
    table = pa.table({"n": [str(i) for i in range(rows)]})
    ordered = in_a_made_up_order(table)
    counts = Counter(ordered.column(MADE_UP).to_pylist())
    assert len(counts) == dates
    assert max(counts.values()) - min(counts.values()) <= 1
    assert sorted(ordered.column("n").to_pylist()) == sorted(table.column("n").to_pylist())
    assert ordered.equals(in_a_made_up_order(table))


def test_a_sorted_file_is_shuffled_so_that_every_date_has_both_ends() -> None:
    ordered = in_a_made_up_order(pa.table({"y": ["0"] * 300 + ["1"] * 300}))
    by_date = Counter(zip(ordered.column(MADE_UP).to_pylist(), ordered.column("y").to_pylist(), strict=True))
    assert len(by_date) == 2 * len(set(ordered.column(MADE_UP).to_pylist()))


def test_a_column_of_the_made_up_name_stays() -> None:
    ordered = in_a_made_up_order(pa.table({MADE_UP: ["x"] * 5}))
    assert ordered.column_names == [MADE_UP, f"{MADE_UP}_"]
    assert ordered.column(MADE_UP).to_pylist() == ["x"] * 5
