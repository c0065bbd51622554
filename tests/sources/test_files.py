from __future__ import annotations

import gzip
import io
import json
import uuid
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloop.definitions import load_use_case
from nightloop.errors import DefinitionError, SourceDamaged, SourceUnavailable
from nightloop.sources.unpacking import Allowance, TooLarge, gunzipped
from tests.fixtures_ingest import Shop

NIGHT = "2024-03-05"
VISITS_PATTERN = '"data/visits/{night}.csv"'
ROWS = [("1", "2024-03-05T12:00:00Z"), ("2", "2024-03-05T13:00:00Z")]


def lines(rows: list[tuple[str, str]]) -> str:
    return "visit_id,seen_at\n" + "".join(f"{number},{at}\n" for number, at in rows)


def objects(rows: list[tuple[str, str]]) -> str:
    return "".join(json.dumps({"visit_id": int(number), "seen_at": at}) + "\n" for number, at in rows)


def parquet(rows: list[tuple[str, str]]) -> bytes:
    held = io.BytesIO()
    pq.write_table(pa.table({"visit_id": [int(number) for number, _ in rows], "seen_at": [at for _, at in rows]}), held)
    return held.getvalue()


def zipped(text: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.csv", text)
    return held.getvalue()


FORMS: dict[str, Callable[[list[tuple[str, str]]], bytes]] = {
    "csv": lambda rows: lines(rows).encode(),
    "csv.gz": lambda rows: gzip.compress(lines(rows).encode()),
    "csv.zip": lambda rows: zipped(lines(rows)),
    "jsonl": lambda rows: objects(rows).encode(),
    "ndjson": lambda rows: objects(rows).encode(),
    "jsonl.gz": lambda rows: gzip.compress(objects(rows).encode()),
    "parquet": parquet,
    "parquet.gz": lambda rows: gzip.compress(parquet(rows)),
}


def visits(shop: Shop, night: str = NIGHT) -> list[int]:
    arrival = shop.read("visits", night).arrivals.get(date.fromisoformat(night))
    return arrival.rows.column("visit_id").to_pylist() if arrival else []


def put(shop: Shop, path: str, content: bytes) -> Path:
    file = shop.folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_file_brings_the_same_records(shop: Shop, form: str) -> None:
    shop.define(VISITS_PATTERN, f'"data/visits/{{night}}.{form}"')
    put(shop, f"data/visits/{NIGHT}.{form}", FORMS[form](ROWS))
    assert visits(shop) == [1, 2]
    assert visits(shop, "2024-03-06") == []


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("data/visits/{night}/*.csv", [f"data/visits/{NIGHT}/b.csv", f"data/visits/{NIGHT}/a.csv"]),
        ("data/{night}/*/visits.csv", [f"data/{NIGHT}/west/visits.csv", f"data/{NIGHT}/east/visits.csv"]),
        (
            "data/visits/night={night}-part-?.csv",
            [f"data/visits/night={NIGHT}-part-1.csv", f"data/visits/night={NIGHT}-part-2.csv"],
        ),
    ],
)
def test_a_night_may_come_in_several_files(shop: Shop, pattern: str, files: list[str]) -> None:
    shop.define(VISITS_PATTERN, f'"{pattern}"')
    for file, row in zip(files, ROWS, strict=True):
        shop.write(file, lines([row]))
    other = files[0].replace(NIGHT, "2024-03-06")
    shop.write(other, lines([("3", "2024-03-06T12:00:00Z")]))
    shop.write(str(Path(files[0]).parent / ".partial.csv"), "not delivered yet")
    assert sorted(visits(shop)) == [1, 2]
    assert visits(shop, "2024-03-06") == [3]
    assert visits(shop, "2024-03-07") == []


def test_a_night_s_files_are_read_in_the_order_of_their_names_each_record_with_its_own_place(shop: Shop) -> None:
    shop.define(VISITS_PATTERN, '"data/visits/{night}/*.csv"')
    shop.write(f"data/visits/{NIGHT}/b.csv", "seen_at,visit_id\n2024-03-05T12:00:00Z,x\n")
    shop.write(f"data/visits/{NIGHT}/a.csv", lines(ROWS))
    arrival = shop.read("visits", NIGHT).arrivals[date(2024, 3, 5)]
    assert arrival.positions.to_pylist() == [0, 1]
    assert [(item.row, item.rule) for item in arrival.refused] == [(2, "readable:visit_id")]
    assert json.loads(arrival.texts.records([2])[0]) == {"visit_id": "x", "seen_at": "2024-03-05T12:00:00Z"}


def test_files_of_all_nights_in_one_folder_are_one_source(shop: Shop) -> None:
    shop.define("data/clerks.csv", "data/clerks-*.csv")
    shop.write("data/clerks-1.csv", "clerk,name\nada,Ada\n")
    shop.write("data/clerks-2.csv", "clerk,name\nbob,Bob\n")
    arrivals = shop.read("clerks", "2024-03-01").arrivals
    assert arrivals[date(2024, 3, 1)].rows.column("clerk").to_pylist() == ["ada", "bob"]


def test_quotes_commas_and_line_ends_in_a_value_are_part_of_it(shop: Shop) -> None:
    put(shop, "data/clerks.csv", b'clerk,name\r\nada,"Ada ""the first"",\r\nof ""her"" name"\r\nbob,5" pipe\r\n"",\r\n')
    rows = shop.read("clerks", "2024-03-01").arrivals[date(2024, 3, 1)].rows.to_pylist()
    assert rows == [
        {"clerk": "ada", "name": 'Ada "the first",\r\nof "her" name'},
        {"clerk": "bob", "name": '5" pipe'},
        {"clerk": "", "name": None},
    ]


def test_numbers_of_json_keep_every_digit_and_what_is_nested_is_its_json(shop: Shop) -> None:
    shop.define("data/clerks.csv", "data/clerks.jsonl")
    shop.write(
        "data/clerks.jsonl",
        '{"clerk": 12345678901234567890.10, "name": {"first": "Zoë", "age": 1.50, "of": [true, null]}}\n\n'
        '{"clerk": false, "more": 1}\n',
    )
    rows = shop.read("clerks", "2024-03-01").arrivals[date(2024, 3, 1)].rows.to_pylist()
    assert rows == [
        {"clerk": "12345678901234567890.10", "name": '{"first":"Zoë","age":1.5,"of":[true,null]}'},
        {"clerk": "false", "name": None},
    ]


@pytest.mark.parametrize(
    "pattern",
    [
        "../secrets.csv",
        "data/../../secrets.csv",
        "/etc/{night}.csv",
        "~/x.csv",
        "data/{nite}.csv",
        "data/**/x.csv",
        "s3://b/../x.csv",
    ],
)
def test_a_pattern_that_leads_out_of_its_folder_is_refused_at_its_line(shop: Shop, pattern: str) -> None:
    shop.define("data/clerks.csv", f'"{pattern}"')
    with pytest.raises(DefinitionError, match=r"feature_defs/shop\.yaml:30: the pattern '"):
        load_use_case("shop", shop.folder / "feature_defs")


def test_an_absolute_path_is_read_where_it_is_declared(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "clerks.csv"
    elsewhere.write_text("clerk,name\nzoe,Zoe\n")
    shop.define("pattern: data/clerks.csv", f"pattern: {elsewhere}, absolute: true")
    assert shop.read("clerks", "2024-03-01").arrivals[date(2024, 3, 1)].rows.num_rows == 1


def test_a_link_out_of_the_folder_is_refused(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.csv"
    secret.write_text("clerk,name\nroot,secret\n")
    (shop.folder / "data/clerks.csv").unlink()
    (shop.folder / "data/clerks.csv").symlink_to(secret)
    with pytest.raises(SourceDamaged, match=r"clerks\.csv: .*link out of"):
        shop.read("clerks", "2024-03-01")


def test_a_bomb_is_stopped_after_the_bytes_that_are_allowed() -> None:
    bomb = gzip.compress(bytes(64 << 20))
    allowance = Allowance(1 << 20)
    with pytest.raises(TooLarge):
        gunzipped(bomb, allowance)
    assert allowance.taken <= 2 << 20


# --- in a bucket -------------------------------------------------------------------------------------------------------


@pytest.fixture
def bucket(moto: str) -> str:
    import boto3

    name = f"drop-{uuid.uuid4().hex[:12]}"
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=name)
    return name


@pytest.mark.parametrize("form", ["csv", "csv.gz", "jsonl.gz", "parquet"])
def test_a_bucket_is_read_like_a_folder(shop: Shop, bucket: str, form: str) -> None:
    import boto3

    client = boto3.client("s3", region_name="us-east-1")
    shop.define(VISITS_PATTERN, f'"s3://{bucket}/drop/{{night}}/part-*.{form}"')
    assert visits(shop) == []
    for i, row in enumerate(ROWS):
        client.put_object(Bucket=bucket, Key=f"drop/{NIGHT}/part-{i}.{form}", Body=FORMS[form]([row]))
    client.put_object(Bucket=bucket, Key=f"drop/2024-03-06/part-0.{form}", Body=FORMS[form]([("9", "2024-03-06T12:00:00Z")]))
    assert visits(shop) == [1, 2]


def test_one_object_of_all_nights_is_read_and_kept(shop: Shop, bucket: str) -> None:
    import boto3

    shop.define("data/clerks.csv", f"s3://{bucket}/clerks.csv")
    with pytest.raises(SourceDamaged, match=r"clerks\.csv.*does not exist"):
        shop.read("clerks", "2024-03-01")
    boto3.client("s3", region_name="us-east-1").put_object(Bucket=bucket, Key="clerks.csv", Body=b"clerk,name\nada,Ada\n")
    assert shop.read("clerks", "2024-03-01").arrivals[date(2024, 3, 1)].rows.num_rows == 1


def test_an_object_store_that_does_not_answer_is_tried_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }.items():
        monkeypatch.setenv(name, value)
    shop.define(VISITS_PATTERN, '"s3://bucket/{night}.csv"')
    with pytest.raises(SourceUnavailable, match=r"s3://bucket/2024-03-05\.csv"):
        visits(shop)
