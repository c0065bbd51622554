"""The bytes of one file as columns: CSV to the letter, Parquet piece by piece, and what is damaged is named."""

from __future__ import annotations

import gzip
import io
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.errors import SourceDamaged
from nightloop.sources.casts.stored import as_text
from nightloop.sources.formats import KINDS, PARQUET_ROWS, FileReading, parquet_records, records_of
from nightloop.sources.reader import Files, cached, read
from nightloop.sources.unpacking import Allowance, TooLarge


def text(content: bytes, name: str = "x.csv", null: str = "", maximum: int = 10**9) -> pa.Table:
    return records_of(content, FileReading(name, null, "Mend it.", Allowance(maximum)))


def refusal(content: bytes, name: str = "x.csv", **more: int) -> str:
    with pytest.raises(SourceDamaged) as caught:
        text(content, name, **more)
    assert str(caught.value).startswith(f"{name}: the source is damaged: ")
    assert "Mend it." in str(caught.value) or "Give them different names" in str(caught.value)
    return str(caught.value)


# --- CSV ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"a,b\n1,2\n", [("1", "2")]),
        (b"a,b\n1,2", [("1", "2")]),
        (b"a,b\r\n1,2\r\n", [("1", "2")]),
        (b"\xef\xbb\xbfa,b\n1,2\n", [("1", "2")]),
        (b'"a",b\n1,2\n', [("1", "2")]),
        (b"a,b\n 1,2 \n", [(" 1", "2 ")]),
        (b"a,b\n007,1.50\n", [("007", "1.50")]),
        (b'a,b\n"x,y","say ""hi"""\n', [("x,y", 'say "hi"')]),
        (b'a,b\n"two\nlines",2\n', [("two\nlines", "2")]),
        (b'a,b\n5" pipe,2\n', [('5" pipe', "2")]),
        (b'a,b\n,""\n', [(None, "")]),  # a quoted empty value is one, an empty place is none
        (b"a,b\nNA,null\n", [("NA", "null")]),
        (b"a,b\n", []),
    ],
)
def test_a_csv_is_read_to_the_letter(content: bytes, rows: list[tuple[str | None, str | None]]) -> None:
    table = text(content)
    assert table.schema == pa.schema([("a", pa.string()), ("b", pa.string())])
    assert [tuple(row.values()) for row in table.to_pylist()] == rows


def test_what_is_missing_is_written_as_declared() -> None:
    assert text(b'a,b\nNA,"NA"\n', null="NA").to_pylist() == [{"a": None, "b": "NA"}]
    assert text(b"a,b\n,NA\n", null="NA").to_pylist() == [{"a": "", "b": None}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "first line with the names of the columns, and it is empty"),
        (b"\n1,2\n", "first line with the names of the columns, and it is empty"),
        (b",\n1,2\n", "first line with the names of the columns, and it is empty"),
        (b"a,a\n1,2\n", "repeated or reserved: a"),
        (b"a,\xff\n1,2\n", "expected a CSV in UTF-8, and its first line is not"),
        (b"a,b\n1,\xff\n", "expected a CSV in UTF-8 with 2 columns"),
        (b"a,b\n1\n", "expected a CSV in UTF-8 with 2 columns"),
        (b"a,b\n1,2,3\n", "expected a CSV in UTF-8 with 2 columns"),
        (b'a,b\n"1,2\n3,4\n', "a quoted value begins in line 2 and does not end"),
        (b'a,b\n1,2\n"3"x,4\n', "a quoted value begins in line 3 and does not end"),
        (b'a,b\n1,2\n3,"4\n5,6\n', "a quoted value begins in line 3 and does not end"),
        (b'a,b\n"x"y,2\n"z",3\n', "a quoted value begins in line 2 and does not end"),
    ],
)
def test_a_damaged_csv_is_named(content: bytes, said: str) -> None:
    assert said in refusal(content)


def test_a_record_longer_than_a_block_is_read() -> None:
    long = "y" * (3 << 20)
    table = text(f'a,b\n1,"{long}"\n2,z\n'.encode())
    assert table.column("a").to_pylist() == ["1", "2"]
    assert table.column("b").to_pylist() == [long, "z"]


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6)


@settings(deadline=None)
@given(st.lists(st.tuples(cells, cells), max_size=5))
def test_a_csv_that_python_writes_comes_back(rows: list[tuple[str, str]]) -> None:
    import csv

    written = io.StringIO(newline="")
    writer = csv.writer(written, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b"), *rows])
    assert [tuple(row.values()) for row in text(written.getvalue().encode()).to_pylist()] == rows


# --- kinds of files, and how much they may hold ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.txt", "x", "csv", "x.csv.bz2", "x.jsonl.zip", "x.parquet.zip"])
def test_a_file_of_an_unknown_kind_is_refused_with_the_known_ones(name: str) -> None:
    message = refusal(b"a\n1\n", name)
    assert all(kind in message for kind in KINDS)


@pytest.mark.parametrize("name", ["X.CSV", "a.b.Csv.GZ"])
def test_capitals_of_an_ending_do_not_matter(name: str) -> None:
    content = b"a\n1\n"
    assert text(gzip.compress(content) if name.endswith("GZ") else content, name).to_pylist() == [{"a": "1"}]


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
def test_a_file_of_exactly_the_bytes_allowed_is_read(name: str) -> None:
    content = b"a\n12345678\n"
    packed = gzip.compress(content) if name.endswith("gz") else content
    assert text(packed, name, maximum=len(content)).num_rows == 1
    assert "more than the 10 bytes" in refusal(packed, name, maximum=len(content) - 1)


def test_a_damaged_archive_and_damaged_json_are_named() -> None:
    assert "expected a gzip file" in refusal(b"a\n1\n", "x.csv.gz")
    assert "expected a zip" in refusal(b"a\n1\n", "x.csv.zip")
    assert "expected JSON Lines in UTF-8 (line 1: it is no object)" in refusal(b"5\n", "x.jsonl")
    assert "repeated or reserved: A, a" in refusal(b'{"a": 1, "A": 2}\n', "x.ndjson")


# --- Parquet -----------------------------------------------------------------------------------------------------------


def parquet(table: pa.Table) -> bytes:
    content = io.BytesIO()
    pq.write_table(table, content)
    return content.getvalue()


def test_values_of_parquet_are_as_stored_until_their_text_is_asked_for() -> None:
    table = pa.table(
        {
            "t": ["é", None], "l": pa.array(["x", None], pa.large_string()), "b": pa.array([b"raw", None]),
            "i": pa.array([2**53 + 1, None]), "f": pa.array([0.1, None]), "d": pa.array([date(2024, 3, 9), None]),
            "y": pa.array([True, None]),
        }
    )  # fmt: skip
    read = text(parquet(table), "x.parquet")
    assert [field.type for field in read.schema] == [
        pa.string(), pa.string(), pa.string(), pa.int64(), pa.float64(), pa.date32(), pa.bool_(),
    ]  # fmt: skip
    assert as_text(read).to_pylist() == [
        {"t": "é", "l": "x", "b": "raw", "i": "9007199254740993", "f": "0.1", "d": "2024-03-09", "y": "true"},
        dict.fromkeys("tlbifdy"),
    ]


def test_parquet_of_several_pieces_keeps_every_row_in_order() -> None:
    table = pa.table({"i": range(PARQUET_ROWS + 3)})
    found = text(parquet(table), "x.parquet").column("i")
    assert (len(found), found[0].as_py(), found[-1].as_py()) == (PARQUET_ROWS + 3, 0, PARQUET_ROWS + 2)


def test_repeated_texts_count_as_often_as_they_occur() -> None:
    content = parquet(pa.table({"t": ["x" * 1000] * 1000}))
    assert len(content) < 5000, "a small file"
    for maximum, fits in ((1_000_000, True), (999_999, False)):
        allowance = Allowance(maximum)
        if fits:
            assert parquet_records(content, lambda _: None, allowance).num_rows == 1000
            assert allowance.taken == 1_000_000
        else:
            with pytest.raises(TooLarge):
                parquet_records(content, lambda _: None, allowance)


def test_numbers_count_by_their_size() -> None:
    allowance = Allowance(10**6)
    parquet_records(parquet(pa.table({"i": range(1000)})), lambda _: None, allowance)
    assert allowance.taken == 8000 + 125, "eight bytes a number, one bit for whether it is there"


@pytest.mark.parametrize(
    "content",
    [b"", b"PAR1", parquet(pa.table({"a": ["x"]}))[:-8], parquet(pa.table({"a": [[1]]})), parquet(pa.table({"a": [b"\xff"]}))],
)
def test_damaged_or_nested_parquet_is_named(content: bytes) -> None:
    assert "expected Parquet with flat columns" in refusal(content, "x.parquet")


def test_repeated_names_of_parquet_are_refused_before_anything_is_read() -> None:
    table = pa.table([["x"], ["y"]], names=["a", "A"])
    assert "repeated or reserved: A, a" in refusal(parquet(table), "x.parquet")


# --- several files, and the cache --------------------------------------------------------------------------------------


def files(folder: object, **contents: str) -> Files:
    paths = []
    for name, content in contents.items():
        path = folder / f"{name}.csv"  # type: ignore[operator]
        path.write_text(content)
        paths.append(str(path))
    return Files(tuple(paths), "", "Mend it.", 100, 20)


def test_files_of_a_delivery_are_joined_by_the_names_of_their_columns(tmp_path) -> None:
    table = read(files(tmp_path, one="a,b\n1,2\n", two="b,a\n4,3\n"))
    assert table.select(["a", "b", "=nl:row"]).to_pylist() == [
        {"a": "1", "b": "2", "=nl:row": 0},
        {"a": "3", "b": "4", "=nl:row": 1},
    ]
    with pytest.raises(SourceDamaged, match=r"two\.csv: .*its columns differ from those of .*one\.csv"):
        read(files(tmp_path, one="a,b\n1,2\n", two="a,c\n1,2\n"))
    assert files(tmp_path, one="a\n", two="a\n", three="a\n").origin.endswith("one.csv and 2 more")
    assert files(tmp_path, one="a\n").origin.endswith("one.csv")


def test_files_together_and_each_alone_hold_at_most_what_is_allowed(tmp_path) -> None:
    half = "a\n" + "1" * 47 + "\n"
    assert read(files(tmp_path, one=half, two=half)).num_rows == 2
    with pytest.raises(SourceDamaged, match="more than the 100 bytes"):
        read(files(tmp_path, one=half, two=half + "\n"))
    whole = "a\n" + "1" * 97 + "\n"
    assert read(files(tmp_path, one=whole)).num_rows == 1
    with pytest.raises(SourceDamaged, match=r"one\.csv: .*the file has 101 bytes; at most 100 are allowed"):
        read(files(tmp_path, one=whole + "\n"))


def test_a_copy_is_made_once_for_the_same_bytes_read_the_same_way(tmp_path) -> None:
    cache = tmp_path / "cache"
    given_ = files(tmp_path, one="a\n1\n")
    copy = cached(given_, cache)
    assert pq.read_table(copy).column("a").to_pylist() == ["1"]
    copy.write_bytes(b"not read again")
    assert cached(given_, cache).read_bytes() == b"not read again"
    other = [
        Files(given_.paths, "NA", "Mend it.", 100, 20),
        Files(given_.paths, "", "Mend it.", 99, 20),
        Files(given_.paths, "", "Mend it.", 100, 19),
        files(tmp_path, two="a\n1\n"),
        files(tmp_path, one="a\n2\n"),
    ]
    assert len({copy, *(cached(each, cache) for each in other)}) == 6


def test_a_file_that_is_not_there_is_damaged(tmp_path) -> None:
    with pytest.raises(SourceDamaged, match=r"gone\.csv: .*it cannot be read .*No such file"):
        read(Files((str(tmp_path / "gone.csv"),), "", "Mend it.", 100, 20))
