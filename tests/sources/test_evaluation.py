"""Text becomes the declared columns on DuckDB: record by record, and a wrong expression is shown at its line."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloop.definitions.use_case import Source
from nightloop.errors import DefinitionError, SourceDamaged
from nightloop.sources.connector import Delivery
from nightloop.sources.evaluation import Place, evaluate, expressions, nightly_statement, snapshot_statement
from nightloop.sources.text_table import finished

TEXT = finished(pa.table({"n": ["1", "x", None], "when": ["2024-03-09 04:59:59Z", "2024-03-09 05:00:00Z", "soon"]}), 100)


def source(columns: dict[str, tuple[str, str]], **more: object) -> Source:
    declared = {name: {"type": kind, "expression": sql, "description": "x"} for name, (kind, sql) in columns.items()}
    connector = {"kind": "files", "pattern": "x.csv"}
    return Source.model_validate(
        {"description": "x", "connector": connector, "columns": declared, "key": [*columns][:1], **more}
    )


def place(folder: Path = Path("/nowhere"), text: pa.Table | Path = TEXT) -> Place:
    return Place(folder, "shop", "things", Delivery(text, "x.csv", "Mend it."))


def snapshot(declared: Source, where: Place | None = None) -> list[dict[str, object]]:
    return evaluate(declared, snapshot_statement(declared), where or place()).to_pylist()


def test_every_record_has_its_values_and_says_which_expression_failed_on_it() -> None:
    rows = snapshot(source({"n": ("integer", "n::int"), "doubled": ("number", "n::double * 2")}))
    assert rows == [
        {"=nl:row": 0, "=nl:flaw": None, "n": 1, "!n": False, "doubled": 2.0, "!doubled": False},
        {"=nl:row": 1, "=nl:flaw": None, "n": None, "!n": True, "doubled": None, "!doubled": True},
        {"=nl:row": 2, "=nl:flaw": None, "n": None, "!n": False, "doubled": None, "!doubled": False},
    ]


def test_what_two_expressions_share_fails_on_its_record_only() -> None:
    rows = snapshot(source({"at": ("timestamp", "n"), "day": ("date", "n::timestamp")}))
    assert [(row["!at"], row["!day"]) for row in rows] == [(True, True), (True, True), (False, False)]


@pytest.mark.parametrize(
    ("kind", "sql", "value"),
    [
        ("string", "n", "1"), ("integer", "n", 1), ("number", "n", 1.0), ("boolean", "n = '1'", True),
        ("integer", "'3000000000'", 3_000_000_000), ("integer", "n -- a remark", 1), ("integer", "n /* a remark */", 1),
    ],
)  # fmt: skip
def test_an_expression_gets_the_declared_type(kind: str, sql: str, value: object) -> None:
    assert snapshot(source({"c": (kind, sql)}))[0]["c"] == value


def test_a_column_named_row_or_flaw_is_the_use_case_s() -> None:
    rows = snapshot(source({"row": ("string", "n"), "flaw": ("string", "'x'")}))
    assert (rows[0]["row"], rows[0]["flaw"], rows[0]["=nl:row"]) == ("1", "x", 0)


def test_expressions_are_the_columns_and_clocks_that_are_declared() -> None:
    more = {"event_at": '"when"', "known_at": "n", "night": "n", "revised_within": 2, "withdrawn": "n = '1'"}
    found = expressions(source({"a": ("date", "n")}, **more))
    assert found == {
        "a": ("n", "DATE", ("columns", "a", "expression")),
        "event_at": ('"when"', "TIMESTAMPTZ", ("event_at",)),
        "known_at": ("n", "TIMESTAMPTZ", ("known_at",)),
        "withdrawn": ("n = '1'", "BOOLEAN", ("withdrawn",)),
        "=nl:night": ("n", "DATE", ("night",)),
    }
    assert list(expressions(source({"a": ("string", "n")}))) == ["a"]


def nightly(declared: Source, where: str = "true", zone: str = "America/New_York") -> list[dict[str, object]]:
    return evaluate(declared, nightly_statement(declared, zone, where), place()).to_pylist()


def test_the_night_is_the_local_date_of_the_known_time() -> None:
    declared = source({"n": ("string", "n")}, known_at='"when"::timestamptz')
    rows = nightly(declared)
    assert [(row["=nl:row"], str(row["=nl:night"]), row["!known_at"]) for row in rows] == [
        (2, "None", True), (0, "2024-03-08", False), (1, "2024-03-09", False),
    ]  # fmt: skip
    assert [str(row["=nl:night"]) for row in nightly(declared, zone="UTC")] == ["None", "2024-03-09", "2024-03-09"]
    assert [row["=nl:row"] for row in nightly(declared, "\"=nl:dated\".v = DATE '2024-03-09'")] == [1]


def test_a_declared_night_is_taken_as_it_is() -> None:
    declared = source({"n": ("string", "n")}, known_at='"when"::timestamptz', night="DATE '2024-01-01' + n::int")
    assert [(row["=nl:row"], str(row["=nl:night"])) for row in nightly(declared)] == [
        (1, "None"),
        (2, "None"),
        (0, "2024-01-02"),
    ]
    without = source({"n": ("string", "n")}, night="DATE '2024-01-01'")
    rows = nightly(without)
    assert [row["=nl:row"] for row in rows] == [0, 1, 2]
    assert "known_at" not in rows[0]


def test_a_time_zone_with_a_quote_stays_a_text() -> None:
    declared = source({"n": ("string", "n")}, known_at='"when"::timestamptz')
    assert "timezone('a''b'," in nightly_statement(declared, "a'b", "true")


# --- what does not run -------------------------------------------------------------------------------------------------


def test_a_column_that_the_file_lacks_is_a_damaged_file_that_names_those_it_has() -> None:
    with pytest.raises(SourceDamaged) as caught:
        snapshot(source({"a": ("string", "n"), "b": ("string", "nope")}))
    assert str(caught.value) == (
        "x.csv: the file has no column 'nope', which 'b' is computed from; its columns: n, when. Mend it. "
        "If the file is as it should be, correct the expression of 'b' in feature_defs/."
    )


@pytest.mark.parametrize("wrong", ["n +", "no_such_function(n)", "n::no_such_type"])
def test_a_wrong_expression_is_shown_at_its_line(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "shop.yaml").write_text("use_case: shop\nsources:\n  things:\n    columns:\n      a:\n        expression: x\n")
    with pytest.raises(DefinitionError) as caught:
        snapshot(source({"a": ("string", wrong)}), place(tmp_path))
    assert f"{tmp_path.name}/shop.yaml:6: source 'things': the expression of 'a' is wrong: " in str(caught.value)
    with pytest.raises(DefinitionError, match=r"nowhere/shop\.yaml:1: source 'things': the expression of 'a'"):
        snapshot(source({"a": ("string", wrong)}))


def test_an_expression_sees_no_file_but_the_copy_of_its_own_records(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("x\nsecret\n")
    reads = source({"a": ("string", f"(SELECT x FROM read_csv('{secret}'))")})
    with pytest.raises(DefinitionError, match="is wrong"):
        snapshot(reads)
    copy = tmp_path / "it's here" / "copy.parquet"
    copy.parent.mkdir()
    pq.write_table(TEXT, copy)
    assert snapshot(source({"a": ("string", "n")}), place(text=copy))[0]["a"] == "1"
    with pytest.raises(DefinitionError, match="is wrong"):
        snapshot(reads, place(text=copy))


def test_a_file_in_one_column_is_told_its_separator() -> None:
    text = finished(pa.table({"n;when": ["1;2"]}), 100)
    with pytest.raises(SourceDamaged, match=r"declare csv: \{separator: ';'\}"):
        snapshot(source({"n": ("string", "n")}), place(text=text))
    with pytest.raises(SourceDamaged) as error:
        snapshot(source({"n": ("string", "m")}), place())
    assert "separator" not in str(error.value)


def test_records_come_in_their_order_however_many(tmp_path: Path) -> None:
    chunk = pa.table({"n": [str(place % 10) for place in range(70_000)]})
    records = finished(pa.concat_tables([chunk] * 5), 100)
    pq.write_table(records, tmp_path / "copy.parquet", row_group_size=65_536)
    declared = source({"n": ("integer", "n::int")}, night="date '2024-03-09'")
    for held in (records, tmp_path / "copy.parquet"):
        for statement in (snapshot_statement(declared), nightly_statement(declared, "UTC", None)):
            rows = evaluate(declared, statement, place(text=held))
            assert rows.column("=nl:row").to_pylist() == list(range(350_000))
            assert rows.column("n").to_pylist()[-70_000:] == [place % 10 for place in range(70_000)]
