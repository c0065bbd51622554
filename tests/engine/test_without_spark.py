"""The parts of both engines that need no server: files of a result, SQL in two dialects, workers, types, refusals."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloop import errors
from nightloop.engine import engine_name, open_engine, processes, spark_sql, worker
from nightloop.engine.local import LocalEngine, _lake_type
from nightloop.engine.ports import LOOPBACK, Ports, is_taken
from nightloop.engine.processes import Servers, signal_group, tail
from nightloop.engine.protocol import folder_of, no_night, refused, written_files
from nightloop.errors import DefinitionError, EmptyNight, NotReady, SetupError, StoreDamaged, StoreUnavailable, UsageError
from nightloop.lake import Lake
from nightloop.nights import Nights
from nightloop.settings import load_settings
from tests.engine.conftest import FIRST, NIGHTS
from tests.lake.rows import TABLE

NIGHT = date(2013, 4, 1)


# --- which engine ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "engine"), [(29, "spark"), (30, "local"), (31, "local")])
def test_auto_adds_the_bytes_of_all_inputs_and_is_local_up_to_the_limit(limit: int, engine: str) -> None:
    assert engine_name("auto", [SimpleNamespace(size=10), SimpleNamespace(size=20)], limit) == engine


def test_engines_are_found_by_name(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    assert [open_engine(name, settings).name for name in ("local", "spark")] == ["local", "spark"]
    for name in ("auto", "", "Spark"):
        with pytest.raises(UsageError, match=f"no engine '{name}'"):
            open_engine(name, settings)


# --- files of a result ----------------------------------------------------------------------------------------------------


def part(folder: Path, name: str) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"a": [1]}), path)
    return str(path)


def test_written_files_are_listed_by_night_in_order_and_markers_are_removed(tmp_path: Path) -> None:
    wanted = [part(tmp_path, f"night={night}/{name}.parquet") for night in ("2013-04-01", "2013-04-02") for name in "ab"]
    for name in ("_SUCCESS", ".part.crc", "night=2013-04-01/.a.parquet.crc", "night=2013-04-01/_note"):
        (tmp_path / name).write_text("")
    part(tmp_path, "elsewhere.parquet")
    (tmp_path / "night=2013-04-01" / "notes.txt").write_text("no Parquet")
    assert written_files(str(tmp_path)) == {NIGHT: wanted[:2], date(2013, 4, 2): wanted[2:]}
    assert not [*tmp_path.rglob("_*"), *tmp_path.rglob(".*")]
    assert folder_of(str(tmp_path), NIGHT) == tmp_path / "night=2013-04-01"


@pytest.mark.parametrize("name", ["night=__HIVE_DEFAULT_PARTITION__", "night=", "night=null"])
def test_rows_without_a_night_are_refused(tmp_path: Path, name: str) -> None:
    part(tmp_path, f"{name}/a.parquet")
    with pytest.raises(UsageError, match=r"rows without a night.*Give every row a night"):
        written_files(str(tmp_path))
    assert "no column 'night'" in str(no_night())


def test_a_refused_query_says_which_inputs_and_the_first_of_what_the_engine_said(lake: Lake) -> None:
    inputs = {name: lake.snapshot(TABLE) for name in "ba"}
    error = refused("spark", ValueError(f"what  is\nthis {'x' * 700} JVM stacktrace: at java"), inputs)
    assert error.what.startswith("the query over a, b was refused: what is this xxx") and error.where == "engine spark"
    assert "JVM" not in error.what and len(error.what.partition("refused: ")[2]) == 600
    assert "over nothing was refused" in refused("local", ValueError("no"), {}).what


def test_a_full_disk_is_told_as_one_and_not_as_a_mistake_in_the_expressions() -> None:
    import duckdb

    with pytest.raises(duckdb.Error) as full:
        duckdb.sql("COPY (SELECT range AS a FROM range(10)) TO '/dev/full' (FORMAT parquet)")
    error = refused("local", full.value, {})
    assert isinstance(error, StoreUnavailable) and error.what == "the disk is full."


def test_a_refused_query_over_a_damaged_file_names_the_file_instead(tmp_path: Path) -> None:
    path = Path(part(tmp_path, "a.parquet"))
    path.write_bytes(b"not Parquet")
    from nightloop.lake import Snapshot

    snapshot = Snapshot("uc/t", 1, pa.schema([("a", pa.int64())]), {NIGHT: (str(path),)}, str(tmp_path))
    with pytest.raises(StoreDamaged, match="is unreadable"):
        refused("local", ValueError("no"), {"a": snapshot})


# --- SQL for Spark --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "spark"),
    [
        ("SELECT a / b AS x FROM f", "SELECT a / NULLIF(b, 0) AS x FROM f"),
        ("SELECT a % b AS x FROM f", "SELECT a % NULLIF(b, 0) AS x FROM f"),
        ("SELECT a // (b + 1) AS x FROM f", r"NULLIF\(\(?b \+ 1\)?, 0\)"),
        ("SELECT 1 / a / b AS x", r"NULLIF\(a, 0\).*NULLIF\(b, 0\)"),
        ("SELECT a * b - c AS x FROM f", "SELECT a * b - c AS x FROM f"),
        ("SELECT count(*) FILTER (WHERE late) AS n FROM f", r"(?i)filter\s*\(where late\)"),
        ('SELECT "order" FROM f', "`order`"),
    ],
)
def test_a_query_is_written_in_sparks_dialect_and_a_division_by_zero_is_null(sql: str, spark: str) -> None:
    text = spark_sql.reading(sql)
    assert text == spark or re.search(spark, text), text


def test_what_is_no_sql_is_a_mistake_of_the_definition() -> None:
    with pytest.raises(DefinitionError, match=r"engine spark: the query is no SQL: .*Check the use case's expressions"):
        spark_sql.reading("SELECT FROM WHERE (")


@pytest.mark.parametrize(
    ("of", "name"),
    [
        (pa.bool_(), "boolean"),
        (pa.int64(), "bigint"),
        (pa.float64(), "double"),
        (pa.string(), "string"),
        (pa.date32(), "date"),
        (pa.timestamp("us", "UTC"), "timestamp"),
        (pa.decimal128(38, 4), "decimal(38,4)"),
    ],
)
def test_each_type_of_the_lake_has_a_name_in_spark(of: pa.DataType, name: str) -> None:
    assert spark_sql.type_name(of) == name
    assert spark_sql.typed(pa.schema([("a b", of)])) == [f"CAST(`a b` AS {name}) AS `a b`"]


def field(name: str, of: str) -> SimpleNamespace:
    return SimpleNamespace(name=name, dataType=SimpleNamespace(simpleString=lambda: of))


@pytest.mark.parametrize(
    ("of", "stored"),
    [
        *[(of, "bigint") for of in ("tinyint", "smallint", "int", "bigint")],
        *[(of, "double") for of in ("float", "double")],
        *[(of, "string") for of in ("string", "void", "varchar(3)", "char(3)")],
        *[(of, "timestamp") for of in ("timestamp", "timestamp_ntz")],
        ("boolean", "boolean"),
        ("date", "date"),
        ("decimal(10,2)", "decimal(38,2)"),
    ],
)
def test_each_type_of_spark_is_cast_to_one_of_the_lake(of: str, stored: str) -> None:
    assert spark_sql.typed_columns([field("a", of)]) == [f"CAST(`a` AS {stored}) AS `a`"]
    assert spark_sql.typed_columns([field("night", of)]) == ["CAST(`night` AS date) AS `night`"]


@pytest.mark.parametrize("of", ["array<int>", "struct<a:int>", "binary", "interval day"])
def test_a_nested_column_of_spark_is_refused_by_name(of: str) -> None:
    with pytest.raises(UsageError, match=r"column 'a' is .*flat"):
        spark_sql.typed_columns([field("a", of)])


# --- workers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["tests.engine.jobs:nothing", "tests.engine.nowhere:doubled", "doubled", "", ":doubled", "os:"]
)
def test_a_function_that_cannot_be_imported_is_refused_by_name(name: str) -> None:
    with pytest.raises(UsageError, match=rf"'{name}' is no function a worker can import.*module:name"):
        worker.find(name)


def test_a_job_says_how_it_went_in_plain_values_and_its_error_comes_back_as_what_it_was() -> None:
    assert worker.result(worker.run("tests.engine.jobs:doubled", {"number": "4"}))["twice"] == 8
    failed = worker.run("tests.engine.jobs:empty", {"number": "2"})
    assert set(failed) == {"failed"} and set(failed["failed"]) == {"kind", "traceback", "what", "where", "do"}
    with pytest.raises(EmptyNight) as raised:
        worker.result(failed)
    assert (raised.value.what, raised.value.where, raised.value.do) == ("nothing there.", "job 2", "Look elsewhere.")
    broken = worker.run("tests.engine.jobs:broken", {"number": "7"})
    with pytest.raises(RuntimeError, match=r"(?s)a worker failed:.*jobs\.py.*ZeroDivisionError: 7"):
        worker.result(broken)


@pytest.mark.parametrize("kind", ["command", "ValueError", "annotations", "NoSuchError"])
def test_only_errors_of_ours_are_raised_by_name(kind: str) -> None:
    told = {"failed": {"kind": kind, "traceback": "the trace", "what": "w", "where": "x", "do": "d"}}
    with pytest.raises(RuntimeError, match="the trace"):
        worker.result(told)


def test_every_error_of_ours_survives_the_way_from_a_worker() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.NightloopError)]
    for kind in kinds:
        with pytest.raises(kind, match="what was read"):
            worker.result({"failed": worker._failure(kind("what was read", where="there", do="that"))})
    assert NotReady in kinds


@pytest.fixture
def local(tmp_path: Path) -> LocalEngine:
    return LocalEngine(tmp_path / "spill", threads=2)


def test_jobs_are_answered_in_their_order_and_each_is_counted_when_done(local: LocalEngine) -> None:
    counts: list[tuple[int, int]] = []
    jobs = [{"number": str(number)} for number in range(7)]
    answers = local.map_files("tests.engine.jobs:doubled", jobs, lambda done, total: counts.append((done, total)))
    assert [answer["twice"] for answer in answers] == [0, 2, 4, 6, 8, 10, 12]
    assert counts == [(done, 7) for done in range(1, 8)]
    assert local.map_files("tests.engine.jobs:doubled", []) == []


def test_a_failed_job_stops_those_that_have_not_begun(tmp_path: Path) -> None:
    alone = LocalEngine(tmp_path / "spill", threads=1)
    with pytest.raises(EmptyNight):
        alone.map_files("tests.engine.jobs:empty", [{"number": str(number)} for number in range(2, 9)])
    with pytest.raises(UsageError, match="is no function"):
        alone.map_files("tests.engine.jobs:nothing", [])


# --- the local engine's types ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "of", "value"),
    [
        ("1::TINYINT", pa.int64(), 1),
        ("sum(1::BIGINT)", pa.int64(), 1),
        ("1::UTINYINT", pa.int64(), 1),
        ("0.5::FLOAT", pa.float64(), 0.5),
        ("1.25::DECIMAL(9,2)", pa.decimal128(38, 2), Decimal("1.25")),
        ("'x'::VARCHAR", pa.string(), "x"),
        ("NULL", pa.string(), None),
        ("'a'::ENUM('a', 'b')", pa.string(), "a"),
        ("true", pa.bool_(), True),
        ("DATE '2013-04-01'", pa.date32(), NIGHT),
        ("1 / 0", pa.float64(), None),
        ("1 % 0", pa.int64(), None),
    ],
)
def test_a_result_has_the_lakes_types(local: LocalEngine, expression: str, of: pa.DataType, value: object) -> None:
    result = local.query(f"SELECT {expression} AS a", {})
    assert result.schema.field("a").type == of and result["a"].to_pylist() == [value]


@pytest.mark.parametrize("of", ["INTEGER[]", "STRUCT(a INTEGER)", "BLOB", "INTERVAL"])
def test_a_nested_column_is_refused_by_name(of: str) -> None:
    with pytest.raises(UsageError, match=r"column 'a' is .*flat"):
        _lake_type("a", of)


def test_instants_are_in_utc_whatever_the_machine(local: LocalEngine) -> None:
    result = local.query("SELECT TIMESTAMP '2013-04-01 12:00:00' AS at, hour(TIMESTAMPTZ '2013-04-01 12:00:00+02') AS hour", {})
    assert result.schema.field("at").type == pa.timestamp("us", "UTC")
    assert str(result["at"][0].as_py()) == "2013-04-01 12:00:00+00:00" and result["hour"].to_pylist() == [10]


def test_a_query_that_is_wrong_names_the_engine_and_the_inputs(lake: Lake, local: LocalEngine) -> None:
    with pytest.raises(DefinitionError, match=r"engine local: the query over f was refused: .*nothing_like_it"):
        local.query("SELECT nothing_like_it FROM f", {"f": lake.snapshot(TABLE)})


def test_one_night_is_written_as_one_file_without_its_night_and_none_when_it_has_no_rows(
    lake: Lake, local: LocalEngine, tmp_path: Path
) -> None:
    inputs = {"f": lake.snapshot(TABLE)}
    one = local.write(f"SELECT * FROM f WHERE night = DATE '{FIRST}'", inputs, str(tmp_path / "a"), night=FIRST)
    assert list(one) == [FIRST] and len(one[FIRST]) == 1 and "night" not in pq.read_schema(one[FIRST][0]).names
    assert pq.read_metadata(one[FIRST][0]).num_rows == 10
    assert local.write("SELECT * FROM f WHERE false", inputs, str(tmp_path / "b"), night=FIRST) == {}


def test_a_given_schema_decides_types_and_order_and_a_missing_night_is_an_error(
    lake: Lake, local: LocalEngine, tmp_path: Path
) -> None:
    schema = pa.schema([("n", pa.decimal128(38, 2)), ("flight_id", pa.string())])
    sql = "SELECT flight_id, night, 1 AS n FROM f"
    written = local.write(sql, {"f": lake.snapshot(TABLE, Nights(FIRST, FIRST))}, str(tmp_path / "a"), schema=schema)
    assert pq.read_schema(written[FIRST][0]).names == ["n", "flight_id"]
    assert pq.read_schema(written[FIRST][0]).field("n").type == pa.decimal128(38, 2)
    with pytest.raises(UsageError, match="no column 'night'"):
        local.write("SELECT 1 AS n", {}, str(tmp_path / "b"))


def test_columns_an_older_night_lacks_are_null_and_a_table_without_files_is_empty(lake: Lake, local: LocalEngine) -> None:
    old, empty = (lake.snapshot(TABLE, Nights(night, night)) for night in (NIGHTS[0], NIGHTS[1]))
    assert local.query("SELECT count(*) AS n, count(price) AS priced FROM f", {"f": old}).to_pylist() == [
        {"n": 10, "priced": 0}
    ]
    assert local.query("SELECT * FROM f", {"f": empty}).schema == empty.columns


# --- ports and processes --------------------------------------------------------------------------------------------------


def test_a_port_is_taken_while_somebody_listens_on_it() -> None:
    with socket.socket() as holder:
        holder.bind((LOOPBACK, 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert is_taken(port)
    assert not is_taken(port)


def test_a_port_whose_last_connection_is_still_fading_is_free() -> None:
    """Who closes first leaves the port waiting for a minute or so: a server started again must not wait for it."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((LOOPBACK, 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection((LOOPBACK, port)) as client:
            accepted, _ = server.accept()
            accepted.close()
            assert client.recv(1) == b""
    assert not is_taken(port)


def test_only_the_ports_that_are_asked_for_must_be_free_and_every_taken_one_is_named() -> None:
    with socket.socket() as first, socket.socket() as second, socket.socket() as free:
        for holder in (first, second, free):
            holder.bind((LOOPBACK, 0))
        for holder in (first, second):
            holder.listen()
        numbers = [holder.getsockname()[1] for holder in (first, second)]
        unused = free.getsockname()[1]
        free.close()
        ports = Ports(airflow=numbers[0], mlflow=numbers[1], service=unused, spark=unused)
        ports.require_free("service", "spark")
        with pytest.raises(SetupError, match=rf"port {numbers[0]} \(airflow\), {numbers[1]} \(mlflow\) on {LOOPBACK}"):
            ports.require_free()


def test_the_end_of_a_log_is_its_last_lines_indented(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert tail(log) == "    (nothing)"
    log.write_text("\n".join(map(str, range(20))))
    assert tail(log) == "\n".join(f"    {line}" for line in range(8, 20)) and tail(log, 1) == "    19"
    log.write_bytes(b"caf\xe9")
    assert tail(log).startswith("    caf")


def sleeper(ignores: str = "") -> list[str]:
    return [sys.executable, "-c", f"import signal, time\n{ignores}\nprint('up', flush=True)\ntime.sleep(600)"]


def is_up(servers: Servers, *names: str) -> None:
    for server in servers._running:
        servers.wait_for(server, lambda server=server: "up" in server.log.read_text(), seconds=30)


def test_a_server_that_does_not_answer_in_time_is_told_with_its_log(tmp_path: Path) -> None:
    with Servers(tmp_path / "logs") as servers:
        server = servers.start("quiet", sleeper(), os.environ, tmp_path)
        is_up(servers)
        with pytest.raises(SetupError, match=r"(?s)quiet did not answer within 0 s\. It said last:.*up.*quiet\.log"):
            servers.wait_for(server, lambda: False, seconds=0.3)
        assert servers.fallen() == []
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        assert servers.fallen() == [server]


def test_a_child_that_will_not_end_when_asked_is_ended_after_its_grace_newest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[int, signal.Signals]] = []
    real = processes.signal_group
    monkeypatch.setattr(
        processes, "signal_group", lambda child, number: (sent.append((child.pid, number)), real(child, number))
    )
    servers = Servers(tmp_path / "logs")
    first = servers.start("first", sleeper(), os.environ, tmp_path, grace=30)
    deaf = servers.start("deaf", sleeper("signal.signal(signal.SIGTERM, signal.SIG_IGN)"), os.environ, tmp_path, grace=0.3)
    is_up(servers)
    began = time.monotonic()
    servers.stop()
    assert time.monotonic() - began < 20, "the one that ends by itself is not waited for to the end of its grace"
    assert sent[:2] == [(deaf.process.pid, signal.SIGTERM), (first.process.pid, signal.SIGTERM)]
    assert [pid for pid, number in sent[2:] if number is signal.SIGKILL] == [deaf.process.pid, first.process.pid]
    assert (deaf.process.returncode, first.process.returncode) == (-signal.SIGKILL, -signal.SIGTERM)
    assert servers.fallen() == [], "nothing is left to fall"
    signal_group(first.process, signal.SIGTERM)


def test_output_of_one_server_goes_to_its_log_and_later_ones_add_to_it(tmp_path: Path) -> None:
    for word in ("one", "two"):
        with Servers(tmp_path / "logs") as servers:
            code = f"import os, sys; print('{word}', os.getcwd(), os.environ['WORD']); print('error', file=sys.stderr)"
            server = servers.start("talker", [sys.executable, "-c", code], {**os.environ, "WORD": word}, tmp_path)
            assert server.process.wait(30) == 0
    text = (tmp_path / "logs" / "talker.log").read_text()
    assert re.findall(r"(?:one|two) .*", text) == [f"{word} {tmp_path} {word}" for word in ("one", "two")]
    assert text.count("error") == 2


def test_sigterm_ends_a_command_as_ctrl_c_does() -> None:
    code = (
        "import os, signal; from nightloop.engine.processes import end_cleanly_on_sigterm\n"
        "end_cleanly_on_sigterm()\n"
        "try:\n    os.kill(os.getpid(), signal.SIGTERM); import time; time.sleep(60)\n"
        "except KeyboardInterrupt: print('cleanly')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "cleanly\n", done.stderr
    assert threading.current_thread() is threading.main_thread()
