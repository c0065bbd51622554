"""Whatever is delivered is published, quarantined with a reason, or refused by name: nothing is lost, nothing half done."""

from __future__ import annotations

import gzip
import json
from datetime import date

import pyarrow as pa
import pytest

from jobs import ingest
from jobs.commands.command_line import main
from nightloop.errors import SourceDamaged
from nightloop.nights import parse_nights
from tests.fixtures_ingest import Shop, order
from tests.jobs.hostile_deliveries import AT, CELL, HEADER, REFUSED, SET_ASIDE, Hostile, columns, csv, parquet


def deliver(shop: Shop, file: str, content: bytes) -> None:
    shop.define("pattern: data/orders.csv", f"pattern: data/{file}, maximum_bytes: {32 << 20}")
    (shop.folder / "data" / file).write_bytes(content)


@pytest.mark.parametrize("hostile", REFUSED, ids=lambda hostile: hostile.name)
def test_a_hostile_file_is_refused_by_name_and_nothing_is_published(shop: Shop, hostile: Hostile) -> None:
    deliver(shop, hostile.file, hostile.content())
    with pytest.raises(SourceDamaged) as caught:
        ingest.run(shop.use_case, parse_nights("2024-03-05"), shop.workspace)
    assert hostile.says in str(caught.value) and hostile.file in str(caught.value)
    assert not any(
        shop.workspace.lake.exists(f"shop/{table}") for table in ("raw_orders", "raw_visits", "raw_clerks", "quarantine")
    )


@pytest.mark.parametrize("hostile", SET_ASIDE, ids=lambda hostile: hostile.name)
def test_a_hostile_record_is_quarantined_whole_with_its_reason_and_the_others_go_on(shop: Shop, hostile: Hostile) -> None:
    deliver(shop, hostile.file, hostile.content())
    ingest.run(shop.use_case, parse_nights("2024-03-05"), shop.workspace)
    assert shop.workspace.lake.read("shop/raw_orders").num_rows == 4
    (row,) = shop.workspace.lake.read("shop/quarantine").to_pylist()
    assert (row["source"], row["rule"]) == ("orders", hostile.says)
    assert row["reason"]
    if hostile.says == "record:size":
        assert json.loads(row["record"])["clerk"] == "x" * CELL
        assert "'clerk' holds 10000000 bytes; at most 1048576" in row["reason"]


NASTY = [
    "'; drop table x; --",
    '"; drop table x; --',
    "' or 1=1 --",
    "$1",
    "%s",
    "{night}",
    "=cmd|' /C calc'!A0",
    "\\",
    "Zoë\u202e",
    "🦆",
    " ",
    'two\r\nlines, and a "quote"',
    "../../etc/passwd",
]


def test_values_that_look_like_code_are_values(shop: Shop) -> None:
    quoted = ['"' + text.replace('"', '""') + '"' for text in NASTY]
    deliver(shop, "orders.csv", "\n".join([HEADER, *(order(text, AT) for text in quoted), ""]).encode())
    ingest.run(shop.use_case, parse_nights("2024-03-05"), shop.workspace)
    rows = shop.workspace.lake.read("shop/raw_orders", parse_nights("2024-03-05"))
    assert sorted(rows.column("order_id").to_pylist()) == sorted(NASTY)


@pytest.mark.parametrize(
    "content", [csv("x,y\n"), b"\xff\xfe", parquet(pa.table(columns()))], ids=["ragged", "bytes", "Parquet"]
)
def test_one_hostile_file_among_good_ones_stops_the_night_and_nothing_is_lost(shop: Shop, content: bytes) -> None:
    drop = shop.folder / "data" / "drop"
    drop.mkdir()
    shop.define("pattern: data/orders.csv", "pattern: data/drop/*.csv")
    (drop / "a.csv").write_bytes(csv())
    (drop / "b.csv").write_bytes(content)
    with pytest.raises(SourceDamaged, match=r"drop/b\.csv"):
        ingest.run(shop.use_case, parse_nights("2024-03-05"), shop.workspace)
    assert not shop.workspace.lake.exists("shop/raw_orders")
    (drop / "b.csv").write_bytes(f"{HEADER}\n{order('b1', AT)}\n".encode())
    ingest.run(shop.use_case, parse_nights("2024-03-05"), shop.workspace)
    assert shop.workspace.lake.states("shop/raw_orders")[date(2024, 3, 5)].rows == 5


@pytest.mark.parametrize(
    "words",
    [
        ("../shop", "2024-03-05"),
        ("/etc/passwd", "2024-03-05"),
        ("shop\0", "2024-03-05"),
        ("shop", "../2024-03-05"),
        ("shop", "2024-03-05/.."),
    ],
)
def test_a_name_or_a_night_that_is_a_path_is_refused(
    shop: Shop, words: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("HOME", "home"), ("DEFINITIONS", "feature_defs"), ("CONTRACTS", "great_expectations")):
        monkeypatch.setenv(f"NIGHTLOOP_{name}", str(shop.folder / value))
    assert main(["ingest", *words]) == 2
    assert not (shop.folder / "home" / "lake").exists()


def test_what_was_refused_goes_in_once_it_is_delivered_whole(shop: Shop) -> None:
    whole = gzip.compress(csv())
    deliver(shop, "orders.csv.gz", whole[:-9])
    with pytest.raises(SourceDamaged):
        ingest.run(shop.use_case, parse_nights("2024-03-05"), shop.workspace)
    deliver(shop, "orders.csv.gz", whole)
    ingest.run(shop.use_case, parse_nights("2024-03-05"), shop.workspace)
    assert shop.workspace.lake.states("shop/raw_orders")[date(2024, 3, 5)].rows == 4
