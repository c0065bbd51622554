"""What a source brought, in the columns of its raw table, and the errors of a disk or network on the way."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloop.definitions import load_use_case
from nightloop.errors import SourceDamaged, SourceUnavailable
from nightloop.settings import REPOSITORY
from nightloop.sources.arrivals import Arrival, Refused, Texts, no_arrival, raw_schema
from nightloop.sources.connector import SourceContext
from nightloop.sources.factory import QuarantinedRecords, open_connector
from nightloop.sources.reader import Files, source_errors
from tests.serving.stubs import USE_CASE

NIGHT = date(2024, 3, 9)
TEXT = pa.table({"city": ["Graz", "Köln", None], "=nl:row": [0, 1, 2], "=nl:flaw": pa.array([None] * 3, pa.string())})
VISITS = USE_CASE.sources["visits"]
LOCAL, BUCKET = "/data/orders.csv", "s3://shop/orders.csv"


@pytest.mark.parametrize("form", ["table", "file"])
def test_records_are_shown_as_they_were_read_without_our_columns(tmp_path: Path, form: str) -> None:
    pq.write_table(TEXT, tmp_path / "text.parquet")
    texts = Texts(TEXT if form == "table" else tmp_path / "text.parquet")
    assert texts.records([2, 1]) == ['{"city": null}', '{"city": "Köln"}']
    assert texts.records([]) == []


def test_what_arrived_is_the_rows_and_the_refused_records() -> None:
    rows = pa.table({"city": ["Graz", "Köln"]})
    refused = (Refused(2, "city", "it is missing."),)
    assert Arrival(NIGHT, rows, pa.array([0, 1]), refused, Texts(TEXT)).rows_in == 3
    assert no_arrival(NIGHT, VISITS).rows_in == 0


@pytest.mark.parametrize(
    ("changed", "stamps"),
    [
        ({}, ["event_at", "known_at"]),
        ({"event_at": None}, ["known_at"]),
        ({"night": None, "event_at": None, "known_at": None}, []),
        ({"revised_within": 30}, ["event_at", "known_at", "event_night", "withdrawn"]),
    ],
)
def test_the_raw_table_has_the_declared_columns_and_the_stamps_that_the_source_has(
    changed: dict[str, object], stamps: list[str]
) -> None:
    source = VISITS.model_copy(update=changed)
    schema = raw_schema(source)
    assert schema.names == [*VISITS.columns, *stamps]
    assert schema.field("price").type == pa.float64()
    assert {str(schema.field(name).type) for name in stamps if name.endswith("_at")} <= {"timestamp[us, tz=UTC]"}
    assert no_arrival(NIGHT, source).rows.schema == schema


def test_a_declaration_is_opened_by_what_reads_its_kind(tmp_path: Path) -> None:
    use_case = load_use_case("flight_delay", REPOSITORY / "feature_defs")
    context = SourceContext(tmp_path, "loans", NIGHT, "UTC", tmp_path / "cache", None, pytest.fail)
    packaged = next(source.connector for source in use_case.sources.values() if source.connector.kind == "package")
    assert open_connector(packaged, context).origin == f"{packaged.distribution}: {packaged.file}"
    assert open_connector(VISITS.connector, context).origin == "visits/{night}.csv"


def test_quarantined_records_are_read_again_each_with_its_place_and_what_it_lacks_as_missing() -> None:
    records = [json.dumps({"visit_id": "v1"}), json.dumps({"visit_id": "v2", "clinic": "north"})]
    delivery = QuarantinedRecords(records, VISITS, "the quarantine").read(NIGHT)
    assert delivery is not None and isinstance(delivery.records, pa.Table)
    assert delivery.records.to_pylist() == [
        {"visit_id": "v1", "clinic": None, "=nl:row": 0, "=nl:flaw": None},
        {"visit_id": "v2", "clinic": "north", "=nl:row": 1, "=nl:flaw": None},
    ]
    assert (delivery.origin, delivery.remedy) == ("the quarantine", "Correct the declaration of the source.")
    assert QuarantinedRecords([], VISITS, "the quarantine").read(NIGHT) is None


@pytest.mark.parametrize(
    ("origin", "error", "kind", "reason"),
    [
        (LOCAL, FileNotFoundError(2, "No such file"), SourceDamaged, "it cannot be read (No such file)"),
        (LOCAL, OSError("disk\nis gone"), SourceDamaged, "it cannot be read (disk)"),
        (LOCAL, OSError(""), SourceDamaged, "it cannot be read (OSError)"),
        (BUCKET, FileNotFoundError("no such key"), SourceDamaged, "it cannot be read (no such key)"),
        (BUCKET, PermissionError("forbidden"), SourceDamaged, "it cannot be read (forbidden)"),
        (BUCKET, OSError("AWS Error ACCESS DENIED"), SourceDamaged, "it cannot be read (AWS Error ACCESS DENIED)"),
        (BUCKET, OSError("timeout\nof curl"), SourceUnavailable, "the object store does not answer (timeout)"),
        (BUCKET, OSError("x" * 400), SourceUnavailable, f"({'x' * 300})"),
    ],
)
def test_what_cannot_be_read_is_damaged_and_a_store_that_is_silent_unavailable(
    origin: str, error: OSError, kind: type[SourceDamaged], reason: str
) -> None:
    with pytest.raises(kind) as refused, source_errors(origin, "Deliver it again."):
        raise error
    assert reason in refused.value.what
    assert refused.value.where == origin
    assert ("Deliver it again." in str(refused.value.do)) == (kind is SourceDamaged)


def test_another_error_and_none_at_all_are_left_alone() -> None:
    with source_errors(LOCAL, ""):
        pass
    with pytest.raises(KeyError), source_errors(LOCAL, ""):
        raise KeyError("a mistake of ours")


@pytest.mark.parametrize(("paths", "origin"), [(("a",), "a"), (("a", "b"), "a and 1 more"), (("a", "b", "c"), "a and 2 more")])
def test_a_delivery_is_named_by_its_first_file(paths: tuple[str, ...], origin: str) -> None:
    assert Files(paths, "", "", 1, 1).origin == origin
