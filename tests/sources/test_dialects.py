"""How a CSV is written is guessed for a draft, and a file that is not as declared is told what it looks like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightloop.definitions.connectors import PLAIN, CsvDialect
from nightloop.errors import SourceDamaged
from nightloop.sources.dialects import HEAD, likely_dialect, likely_encoding, line_of_names, near_miss
from nightloop.sources.formats import FileReading, csv_bytes, records_of
from nightloop.sources.unpacking import Allowance

ROWS = [("1", "Zoë"), ("2", "x;y")]


def read(content: bytes, dialect: CsvDialect, name: str = "x.csv") -> list[tuple[str | None, ...]]:
    table = records_of(content, FileReading(name, "", "Mend it.", Allowance(10**9), dialect))
    assert table.column_names == ["a", "Größe"]
    return [tuple(row.values()) for row in table.to_pylist()]


def written(dialect: CsvDialect, end: str = "\n", mark: str = "") -> bytes:
    quoted = [[f"{dialect.quote}{value}{dialect.quote}" if ";" in value else value for value in row] for row in ROWS]
    text = end.join(dialect.separator.join(row) for row in [["a", "Größe"], *quoted]) + end
    return (mark + text).encode(dialect.encoding)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "windows-1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_file_is_read_as_declared_and_recognised(separator: str, quote: str, encoding: str, end: str) -> None:
    dialect = CsvDialect.model_validate({"separator": separator, "quote": quote, "encoding": encoding})
    content = written(dialect, end)
    assert read(content, dialect) == ROWS
    likely = likely_dialect(content)
    assert (likely.separator, likely.encoding) == (separator, encoding)
    if separator == ";":
        assert likely.quote == quote


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(encoding: str) -> None:
    dialect = CsvDialect.model_validate({"encoding": encoding})
    assert read(written(dialect, mark="\ufeff"), dialect) == ROWS


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("names", ["a,Größe", "氏名,年齢"])
def test_utf_16_without_a_mark_is_told_by_its_nuls(order: str, names: str) -> None:
    content = f"{names}\n1,Zoë\n2,x;y\n".encode(order)
    assert likely_dialect(content) == CsvDialect(encoding="utf-16")
    table = records_of(content, FileReading("x.csv", "", "", Allowance(10**9), CsvDialect(encoding="utf-16")))
    assert table.column_names == names.split(",") and [tuple(row.values()) for row in table.to_pylist()] == ROWS


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"a,b\0\n1,2\n", b"\0" * 40, b"", b"a"])
def test_nuls_here_and_there_are_no_utf_16(content: bytes) -> None:
    assert likely_encoding(content) == "utf-8"


@pytest.mark.parametrize("encoding", ["latin-1", "windows-1252", "windows-1250", "utf-16"])
def test_letters_come_out_as_they_were_written(encoding: str) -> None:
    dialect = CsvDialect.model_validate({"separator": "\t", "encoding": encoding})
    assert read(written(dialect), dialect, "x.tsv") == ROWS


def test_without_quotes_a_quote_is_a_letter() -> None:
    dialect = CsvDialect.model_validate({"quote": ""})
    assert read('a,Größe\n5",6\n'.encode(), dialect) == [('5"', "6")]


def test_a_quoted_value_ends_before_its_separator() -> None:
    dialect = CsvDialect.model_validate({"separator": ";"})
    with pytest.raises(SourceDamaged, match="line 2 and does not end before ';' or an end of line"):
        read('a;Größe\n"x"y;1\n'.encode(), dialect)


@pytest.mark.parametrize(
    ("content", "dialect", "near"),
    [
        (b"a;b\n1;2\n", PLAIN, "separator: ';'"),
        ("a,Größe\n1,2\n".encode("windows-1252"), PLAIN, "encoding: 'windows-1252'"),
        ("a,b\n1,2\n".encode("utf-16"), PLAIN, "encoding: 'utf-16'"),
        (b"a,b\n1,2\n", PLAIN, ""),
        (b"a,b\n1,2\n", CsvDialect(separator=";"), "separator: ','"),
    ],
)
def test_the_near_miss_is_named(content: bytes, dialect: CsvDialect, near: str) -> None:
    told = near_miss(content, dialect)
    assert near in told and bool(told) == bool(near)


@pytest.mark.parametrize("encoding", ["utf-16", "windows-1252"])
def test_a_file_in_another_encoding_is_refused_with_what_it_looks_like(encoding: str) -> None:
    with pytest.raises(SourceDamaged, match=f"csv: {{encoding: '{encoding}'}} of the connector"):
        read(written(CsvDialect.model_validate({"encoding": encoding})), PLAIN)


def test_what_is_not_of_the_declared_encoding_is_refused() -> None:
    with pytest.raises(SourceDamaged, match="expected a CSV in utf-16"):
        read(b"a,b", CsvDialect(encoding="utf-16"))


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_a_letter_at_the_end_of_the_head_is_no_fault(extra: int) -> None:
    content = b"a,b\n" + b"x" * (HEAD - 5 + extra) + "ö,1\n".encode()
    assert likely_encoding(content) == "utf-8"


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("Report of January;;;;\n\nid,at,a,b", 3), ("Report\nid,at,a,b", 2), ("Report\tMay\nid\tat\ta\tb", 2),
        ("id,at,a,b", 0),
        ("\n" * 9 + "Report\nid,at,a,b", 11), ("\n" * 10 + "Report\nid,at,a,b", 0), ("id,at,a", 0),
        ("Report,May,2024\nid,at,a,b", 0),
        ("Report\nid,at,,b", 0), ("Report\nid,at,2024,b", 0),
    ],
)  # fmt: skip
def test_lines_above_the_names_of_the_columns_are_told(head: str, line: int) -> None:
    mark = "\t" if "\t" in head else ","
    content = (head + "\n" + "".join(f"k{i}{mark}{i}{mark}{mark}\n" for i in range(30))).encode()
    assert line_of_names(content.decode()) == line
    if head.startswith("Report") and line:
        with pytest.raises(SourceDamaged, match=f"seems to be a title: line {line} looks like the names"):
            read(content, CsvDialect.model_validate({"separator": mark}))


def test_decimal_commas_do_not_hide_the_separator() -> None:
    assert likely_dialect(b"a;b;c\n1,5;2,5;3,5\n4,5;5;6\n").separator == ";"


def test_one_column_is_in_commas() -> None:
    assert likely_dialect(b"a\n1\n2\n") == PLAIN


def test_only_a_csv_has_bytes_of_a_csv() -> None:
    reading = FileReading("x.jsonl.gz", "", "", Allowance(100))
    assert csv_bytes(b"", reading) is None
    assert csv_bytes(b"a,b", FileReading("x.CSV", "", "", Allowance(100))) == b"a,b"


@given(st.binary(max_size=200))
def test_any_bytes_have_a_likely_dialect(content: bytes) -> None:
    assert likely_dialect(content).separator in (",", ";", "\t", "|")
