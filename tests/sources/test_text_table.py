"""Tables of text: names that tell columns apart, and values that are not too large."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloop.errors import SourceDamaged
from nightloop.sources.text_table import MAXIMUM_COLUMNS, check_names, finished, keep_copy


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (["a", "a"], "a"), (["a", "b", "A"], "A, a"), (["ß", "SS"], "SS, ß"), (["=nl:row"], "=nl:row"),
        (["x", "=nl:flaw"], "=nl:flaw"), (["=Nl:dated", "=row"], "=Nl:dated\\."),
        (["b", "b", "a", "a", "c"], "a, b\\."),
    ],
)  # fmt: skip
def test_names_that_sql_does_not_tell_apart_are_refused(names: list[str], named: str) -> None:
    with pytest.raises(SourceDamaged, match=rf"x\.csv: .*repeated or reserved: ({named}).*Give them different"):
        check_names(names, "x.csv", "Mend it.")


@pytest.mark.parametrize(
    ("empty", "said"), [(4, "it seems to be a title"), (3, "it seems to be a title"), (2, "repeated or reserved: ")]
)
def test_a_line_that_names_less_than_half_of_the_columns_is_a_title(empty: int, said: str) -> None:
    with pytest.raises(SourceDamaged, match=said):
        check_names(["Report", "May", "x", "y", "z"][: 5 - empty] + [""] * empty, "x.csv", "Mend it.")


def test_names_that_differ_are_fine_and_as_many_as_there_may_be() -> None:
    check_names(["a", "b", "row", "flaw", ""], "x.csv", "Mend it.")
    check_names([f"c{i}" for i in range(MAXIMUM_COLUMNS)], "x.csv", "Mend it.")
    with pytest.raises(SourceDamaged, match="at most 2000 columns, and there are 2001"):
        check_names([f"c{i}" for i in range(MAXIMUM_COLUMNS + 1)], "x.csv", "Mend it.")


def test_a_record_is_flawed_by_its_first_value_that_is_too_large_in_bytes() -> None:
    table = pa.table({"a": ["123", "1234", None, "ü1", "üü"], "b": ["x", "12345", "1234", None, "123456"]})
    found = finished(table, 3)
    assert found.column_names == ["a", "b", "=nl:row", "=nl:flaw"]
    assert found.column("=nl:row").to_pylist() == [0, 1, 2, 3, 4]
    assert found.column("=nl:flaw").to_pylist() == [
        None,
        "'a' holds 4 bytes; at most 3 are allowed.",
        "'b' holds 4 bytes; at most 3 are allowed.",
        None,
        "'a' holds 4 bytes; at most 3 are allowed.",
    ]
    assert found.select(["a", "b"]).equals(table)


def test_a_table_without_rows_has_the_two_columns_too() -> None:
    found = finished(pa.table({"a": pa.array([], pa.string())}), 3)
    assert (found.num_rows, found.schema.field("=nl:row").type, found.schema.field("=nl:flaw").type) == (
        0,
        pa.int64(),
        pa.string(),
    )


def test_a_copy_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    table = pa.table({"a": ["x", None]})
    keep_copy(table, tmp_path / "new" / "copy.parquet")
    assert pq.read_table(tmp_path / "new" / "copy.parquet").equals(table)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["copy.parquet"]
