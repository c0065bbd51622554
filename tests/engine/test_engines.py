"""Both engines do the same: one SQL text, equal rows, equal types, equal digests."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloop.engine import Engine, local, open_engine, spark
from nightloop.engine.local import LocalEngine
from nightloop.engine.spark import SparkEngine
from nightloop.errors import DefinitionError, EmptyNight, StoreDamaged, UsageError
from nightloop.lake import Lake
from nightloop.lake.digest import content_digest
from nightloop.lake.files import FILE_GROUPS, ROW_GROUP
from nightloop.nights import Nights
from nightloop.settings import load_settings
from tests.engine.conftest import FIRST, NIGHTS
from tests.lake.rows import COMMIT, TABLE, flights

QUERIES = {
    "all": "SELECT * FROM f",
    "sums": "SELECT night, late, sum(seats) AS seats, count(*) AS n, sum(price) AS price FROM f GROUP BY night, late",
    "casts": "SELECT night, seats::int AS seats, late::int AS late, late_rate::float::double AS rate, NULL AS nothing FROM f",
    "time": "SELECT flight_id, known_at, year(night) AS y, month(flight_date) AS m, hour(known_at) AS h, night + 1 AS d FROM f",
    "window": "SELECT flight_id, row_number() OVER (PARTITION BY night ORDER BY flight_id) AS place FROM f",
    "join": "SELECT flight_id, b.n FROM f a LEFT JOIN (SELECT night, count(*) AS n FROM f GROUP BY 1) b ON a.night = b.night",
    "zero": "SELECT flight_id, seats / (seats - 2) AS ratio, seats % (seats - 2) AS rest FROM f",
    "filter": "SELECT night, count(*) FILTER (WHERE late) AS late, coalesce(max(seats), -1) AS most FROM f GROUP BY 1",
    "order": "WITH new AS (SELECT * FROM f WHERE night >= DATE '2013-01-03') SELECT flight_id FROM new ORDER BY 1 DESC LIMIT 4",
}


@pytest.mark.parametrize("name", QUERIES)
def test_the_same_sql_gives_the_same_digest_on_both_engines(
    lake: Lake, local: LocalEngine, spark: SparkEngine, name: str
) -> None:
    inputs = {"f": lake.snapshot(TABLE)}
    ours, theirs = local.query(QUERIES[name], inputs), spark.query(QUERIES[name], inputs)
    assert ours.schema == theirs.schema and ours.num_rows == theirs.num_rows > 0
    assert content_digest(ours) == content_digest(theirs)


def test_an_input_is_its_rows_with_their_night(lake: Lake, engine: Engine) -> None:
    rows = engine.query("SELECT * FROM f", {"f": lake.snapshot(TABLE)})
    assert rows.schema == lake.snapshot(TABLE).columns
    assert content_digest(rows) == content_digest(lake.read(TABLE))


def test_an_input_holds_the_nights_that_were_asked_for(lake: Lake, engine: Engine) -> None:
    some = lake.snapshot(TABLE, Nights(NIGHTS[0], NIGHTS[2]))
    rows = engine.query("SELECT night, count(*) AS n FROM f GROUP BY night ORDER BY night", {"f": some})
    assert rows.to_pylist() == [{"night": NIGHTS[0], "n": 10}, {"night": NIGHTS[2], "n": 12}]


def test_an_input_without_a_file_is_an_empty_view_of_the_same_columns(lake: Lake, engine: Engine) -> None:
    empty = lake.snapshot(TABLE, Nights(NIGHTS[1], NIGHTS[1]))
    rows = engine.query("SELECT * FROM f", {"f": empty})
    assert rows.num_rows == 0 and rows.schema == lake.snapshot(TABLE).columns


def test_an_older_file_reads_a_newer_column_as_null(lake: Lake, engine: Engine) -> None:
    old = lake.snapshot(TABLE, Nights(NIGHTS[0], NIGHTS[0]))
    assert set(engine.query("SELECT price FROM f", {"f": old})["price"].to_pylist()) == {None}


def test_written_nights_are_adopted_and_equal_what_was_read(lake: Lake, engine: Engine) -> None:
    table = f"uc/copy_{engine.name}"
    written = engine.write("SELECT * FROM f", {"f": lake.snapshot(TABLE)}, lake.new_folder(table))
    assert list(written) == [night for night in NIGHTS if night != NIGHTS[1]], "a night without rows is absent"
    assert all(len(files) == 1 for files in written.values())
    originals = lake.states(TABLE)
    for night, files in written.items():
        assert lake.adopt_nights(table, {night: files}, COMMIT)[0].content_digest == originals[night].content_digest
    assert not any((Path(lake.root) / table / "_staging").rglob("*.*"))


def test_many_nights_are_written_in_one_go(lake: Lake, engine: Engine, tmp_path: Path) -> None:
    sql = "SELECT night + n::int AS night, flight_id FROM f, (SELECT unnest(range(0, 90, 5)) AS n) AS days"
    written = engine.write(sql, {"f": lake.snapshot(TABLE)}, str(tmp_path / "out"))
    assert len(written) == 4 * 18 and all(len(files) == 1 for files in written.values())


@pytest.mark.parametrize("nights", ["one", "several"])
def test_a_large_night_is_written_in_groups_that_workers_share_out(
    lake: Lake, engine: Engine, tmp_path: Path, nights: str
) -> None:
    numbers = f"(SELECT unnest(range(0, {ROW_GROUP // 10 + 1})) AS n) AS numbers"
    sql = f"SELECT DATE '2013-01-01' AS night, flight_id, n FROM f, {numbers} WHERE night = DATE '2013-01-01'"
    one = {"night": NIGHTS[0]} if nights == "one" else {}
    ((file,),) = engine.write(sql, {"f": lake.snapshot(TABLE)}, str(tmp_path / "out"), **one).values()
    written = pq.ParquetFile(file).metadata
    groups = [written.row_group(number).num_rows for number in range(written.num_row_groups)]
    assert sum(groups) == ROW_GROUP // 10 * 10 + 10 and len(groups) > 1 and max(groups) <= ROW_GROUP


@pytest.mark.parametrize("nights", ["one", "several"])
def test_a_big_night_is_written_as_several_files(
    lake: Lake, engine: Engine, tmp_path: Path, nights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark, "FILE_GROUPS", 1)
    monkeypatch.setattr(local, "_PARQUET", local._PARQUET.replace(f"PER_FILE {FILE_GROUPS}", "PER_FILE 1"))
    numbers = f"(SELECT unnest(range(0, {ROW_GROUP // 5})) AS n) AS numbers"
    sql = f"SELECT DATE '2013-01-01' AS night, flight_id, n FROM f, {numbers} WHERE night = DATE '2013-01-01'"
    one = {"night": NIGHTS[0]} if nights == "one" else {}
    [(night, files)] = engine.write(sql, {"f": lake.snapshot(TABLE)}, str(tmp_path / "out"), **one).items()
    rows = [pq.read_metadata(file).num_rows for file in files]
    assert night == NIGHTS[0] and len(files) > 1 and sum(rows) == ROW_GROUP // 5 * 10 and max(rows) <= ROW_GROUP


def test_a_result_without_a_night_is_refused(lake: Lake, engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no column 'night'"):
        engine.write("SELECT seats FROM f", {"f": lake.snapshot(TABLE)}, str(tmp_path / "out"))
    with pytest.raises(UsageError, match="rows without a night"):
        engine.write("SELECT seats, NULL::date AS night FROM f", {"f": lake.snapshot(TABLE)}, str(tmp_path / "out"))


@pytest.mark.parametrize("sql", ["SELECT nope FROM f", "SELECT (", "SELECT flight_id::int FROM f"])
def test_a_query_that_is_refused_says_where(lake: Lake, engine: Engine, sql: str) -> None:
    with pytest.raises(DefinitionError, match=f"engine {engine.name}: the query") as told:
        engine.query(sql, {"f": lake.snapshot(TABLE)})
    assert "stacktrace" not in str(told.value) and len(str(told.value)) < 900


def test_a_damaged_input_is_named_with_its_night(engine: Engine, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"), tmp_path / "staging")
    lake.publish(TABLE, FIRST, flights(), COMMIT)
    snapshot = lake.snapshot(TABLE)
    Path(snapshot.paths[0]).unlink()
    with pytest.raises(StoreDamaged, match=r"night 2013-01-01 of table uc/features .* is missing"):
        engine.query("SELECT * FROM f", {"f": snapshot})


def test_jobs_are_done_in_workers_and_answered_in_order(engine: Engine) -> None:
    told: list[tuple[int, int]] = []
    jobs = [{"number": str(number)} for number in range(9)]
    answers = engine.map_files("tests.engine.jobs:doubled", jobs, lambda done, total: told.append((done, total)))
    assert [answer["twice"] for answer in answers] == [2 * number for number in range(9)]
    assert told == [(done, 9) for done in range(1, 10)]
    assert engine.map_files("tests.engine.jobs:doubled", []) == []


def test_a_jobs_error_is_raised_in_the_caller_with_its_class(engine: Engine) -> None:
    jobs = [{"number": str(number)} for number in range(4)]
    with pytest.raises(EmptyNight, match=r"job 2: nothing there\. Look elsewhere\."):
        engine.map_files("tests.engine.jobs:empty", jobs)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        engine.map_files("tests.engine.jobs:broken", jobs)
    with pytest.raises(UsageError, match=r"'tests\.engine\.jobs:nope' is no function"):
        engine.map_files("tests.engine.jobs:nope", jobs)


def test_an_unknown_engine_names_those_that_are() -> None:
    with pytest.raises(UsageError, match="Engines are: spark, local"):
        open_engine("ray", load_settings())


def test_the_local_engine_reads_a_lake_on_s3(s3_lake: str, local: LocalEngine, tmp_path: Path) -> None:
    lake = Lake(s3_lake, tmp_path)
    for night in NIGHTS[:2]:
        lake.publish(TABLE, night, flights(4), COMMIT)
    written = local.write("SELECT * FROM f WHERE late", {"f": lake.snapshot(TABLE)}, lake.new_folder("uc/late"))
    for night, files in written.items():
        lake.adopt_nights("uc/late", {night: files}, COMMIT)
    rows = lake.read("uc/late")
    assert rows["night"].to_pylist() == [date(2013, 1, 1)] * 2 + [date(2013, 1, 2)] * 2
    assert pa.types.is_date32(rows.schema.field("night").type)
