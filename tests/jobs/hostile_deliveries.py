"""Deliveries that are damaged, oversized or misleading, each with what must be said of it."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from tests.fixtures_ingest import order

AT = "2024-03-05T12:00:00Z"
HEADER = "order_id,clerk,amount,paid,ordered_at,landed_at"
GOOD = "".join(f"{order(f'g{i}', AT)}\n" for i in range(4))
CELL = 10_000_000


def csv(*records: str) -> bytes:
    return f"{HEADER}\n{GOOD}{''.join(records)}".encode()


def columns(**changed: object) -> dict[str, object]:
    there = {"order_id": ["a", "b"], "clerk": ["ada"] * 2, "amount": ["1"] * 2, "paid": ["true"] * 2}
    return {**there, "ordered_at": [AT] * 2, "landed_at": [AT] * 2, **changed}


def parquet(table: pa.Table, **options: object) -> bytes:
    held = io.BytesIO()
    pq.write_table(table, held, **options)
    return held.getvalue()


def blanked(whole: bytes) -> bytes:
    return whole[:8] + bytes(60) + whole[68:]


def zipped(content: bytes, claims: int | None = None) -> bytes:
    """A zip with one CSV; ``claims`` is the unpacked size it says it has."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("orders.csv", content)
    packed = held.getvalue()
    if claims is None:
        return packed
    size = struct.pack("<I", len(content))
    return packed.replace(size, struct.pack("<I", claims))


def objects(*lines: str) -> bytes:
    records = [dict(zip(HEADER.split(","), line.split(","), strict=True)) for line in GOOD.splitlines()]
    return "\n".join([*(json.dumps(record) for record in records), *lines]).encode()


def many_rows_of_few_bytes() -> bytes:
    """A Parquet file of some kB whose rows take gigabytes: one long text, said a million times."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), pa.array(["x" * 20_000]))
    return parquet(pa.table(dict.fromkeys(HEADER.split(","), text)), compression="zstd")


@dataclass(frozen=True)
class Hostile:
    """A delivery, and what must be said of it."""

    name: str
    file: str
    content: Callable[[], bytes]
    says: str


REFUSED = (
    Hostile("truncated Parquet", "orders.parquet", lambda: parquet(pa.table(columns()))[:-20], "expected Parquet"),
    Hostile("Parquet without an end", "orders.parquet", lambda: parquet(pa.table(columns()))[:60], "expected Parquet"),
    Hostile(
        "Parquet with a damaged page",
        "orders.parquet",
        lambda: blanked(parquet(pa.table(columns()))),
        "expected Parquet",
    ),
    Hostile("nested Parquet", "orders.parquet", lambda: parquet(pa.table(columns(clerk=[["a"], ["b"]]))), "flat columns"),
    Hostile(
        "bytes that are no text",
        "orders.parquet",
        lambda: parquet(pa.table(columns(clerk=[b"\xff", b"a"]))),
        "expected Parquet",
    ),
    Hostile(
        "Parquet with a column twice",
        "orders.parquet",
        lambda: parquet(pa.table([["a"], ["b"]], names=["order_id", "order_id"])),
        "repeated or reserved: order_id",
    ),
    Hostile("Parquet that swells", "orders.parquet", many_rows_of_few_bytes, "bytes that are allowed"),
    Hostile("column twice", "orders.csv", lambda: csv().replace(b"clerk,", b"amount,", 1), "repeated or reserved: amount"),
    Hostile("column twice but for a capital", "orders.csv", lambda: csv().replace(b"clerk,", b"Amount,", 1), "Amount, amount"),
    Hostile("reserved column", "orders.csv", lambda: csv().replace(b"clerk,", b"=nl:row,", 1), "reserved: =nl:row"),
    Hostile(
        "thousands of columns", "orders.csv", lambda: ",".join(f"c{i}" for i in range(5000)).encode() + b"\n", "at most 2000"
    ),
    Hostile("mixed encodings", "orders.csv", lambda: csv() + order("zoë", AT).encode("latin-1") + b"\n", "UTF-8"),
    Hostile("UTF-16", "orders.csv", lambda: csv().decode().encode("utf-16"), "UTF-8"),
    Hostile("ragged row", "orders.csv", lambda: csv("only,three,cells\n"), "6 columns"),
    Hostile("quote that never ends", "orders.csv", lambda: csv('x,"ada,1,true,,\n', order("lost", AT) + "\n"), "line 6"),
    Hostile(
        "quote that ends in another record",
        "orders.csv",
        lambda: csv('x,"ada,1,true,,\n', 'y,"bob",1,true,,\n'),
        "line 6",
    ),
    Hostile("zip bomb", "orders.csv.zip", lambda: zipped(csv() + b"\n" * (64 << 20)), "bytes that are allowed"),
    Hostile(
        "zip that lies of its size", "orders.csv.zip", lambda: zipped(csv() + b"\n" * (64 << 20), claims=100), "orders.csv.zip"
    ),
    Hostile("zip of nothing", "orders.csv.zip", lambda: zipped(b""), "first line"),
    Hostile("gzip bomb", "orders.csv.gz", lambda: gzip.compress(csv() + b"\n" * (64 << 20)), "bytes that are allowed"),
    Hostile("truncated gzip", "orders.csv.gz", lambda: gzip.compress(csv())[:-9], "does not unpack"),
    Hostile("gzip with a wrong check sum", "orders.csv.gz", lambda: gzip.compress(csv())[:-8] + bytes(8), "does not unpack"),
    Hostile("not gzip", "orders.csv.gz", csv, "does not unpack"),
    Hostile("larger than allowed as it is", "orders.csv", lambda: csv() + b"\n" * (64 << 20), "at most 33554432 are allowed"),
    Hostile("JSON cut in a line", "orders.jsonl", lambda: objects('{"order_id": "x", "cle'), "line 5"),
    Hostile("JSON that is no object", "orders.jsonl", lambda: objects("[1, 2]"), "line 5: it is no object"),
    Hostile("JSON with a key twice", "orders.jsonl", lambda: objects('{"amount": 1, "amount": 2}'), "'amount' is there twice"),
    Hostile("JSON nested too deep", "orders.jsonl", lambda: objects('{"a": ' + "[" * 100_000), "line 5"),
    Hostile("JSON with half a character", "orders.jsonl", lambda: objects('{"order_id": "\\ud800"}'), "line 5"),
    Hostile("JSON in another encoding", "orders.jsonl", lambda: objects() + '\n{"a": "ë"}'.encode("latin-1"), "line 5"),
    Hostile("a program", "orders.csv", lambda: b"\x7fELF\x02\x01\x01\x00" + zlib.compress(bytes(5000)), "orders.csv"),
    Hostile("unknown kind", "orders.xls", csv, "unknown kind"),
)

SET_ASIDE = (
    Hostile("a cell of 10 MB", "orders.csv", lambda: csv(order("huge", AT, clerk="x" * CELL) + "\n"), "record:size"),
    Hostile(
        "a quoted cell of 10 MB", "orders.csv", lambda: csv(order("huge", AT, clerk=f'"{"x" * CELL}"') + "\n"), "record:size"
    ),
    Hostile(
        "a cell of 10 MB in JSON",
        "orders.jsonl",
        lambda: objects(f'{{"landed_at": "{AT}", "clerk": "{"x" * CELL}"}}'),
        "record:size",
    ),
    Hostile("a text for a number", "orders.csv", lambda: csv(order("x", AT, amount="ten") + "\n"), "readable:amount"),
    Hostile(
        "a number beyond any integer", "orders.csv", lambda: csv(order("x", AT, amount="9" * 40) + "\n"), "readable:amount"
    ),
    Hostile("a zero byte for a truth", "orders.csv", lambda: csv(order("x", AT, paid="\0") + "\n"), "readable:paid"),
    Hostile(
        "an object for a number",
        "orders.jsonl",
        lambda: objects(f'{{"landed_at": "{AT}", "amount": {{"a": 1}}}}'),
        "readable:amount",
    ),
)
