"""Features of real flights: the same content in any order, on any engine, in batch and in the service."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from jobs import features
from nightloop.errors import BadNight, ContractBroken, NotReady, UsageError
from nightloop.features.online import Aggregates, OnlineFeatures
from nightloop.lake import Commit
from nightloop.nights import Nights, one
from nightloop.workspace import Workspace
from tests.features.conftest import NIGHTS, copy_of

TABLES = [f"flight_delay/{step}" for step in features.STEPS]


def digests(workspace: Workspace) -> dict:
    return {
        (table, night): (state.content_digest, state.rows)
        for table in TABLES
        for night, state in workspace.lake.states(table).items()
    }


@pytest.fixture
def fresh(raw_home, tmp_path) -> Workspace:
    return copy_of(raw_home, tmp_path / "fresh", engine="local")


def test_every_night_of_every_table_is_published(built, flight_delay):
    assert set(digests(built)) == {(table, night) for table in TABLES for night in NIGHTS}


def test_night_by_night_gives_the_content_of_the_range(built, fresh, flight_delay):
    for night in NIGHTS:
        features.run(flight_delay, one(night), fresh)
    assert digests(fresh) == digests(built)


def test_the_reverse_order_gives_the_same_content(built, fresh, flight_delay):
    for step in features.STEPS:
        for night in reversed(list(NIGHTS)):
            features.run(flight_delay, one(night), fresh, step=step)
    assert digests(fresh) == digests(built)


def test_spark_gives_the_content_of_the_local_engine(built, raw_home, tmp_path, flight_delay, spark_url):
    workspace = copy_of(raw_home, tmp_path / "spark", engine="spark", spark_url=spark_url)
    features.run(flight_delay, Nights(NIGHTS.first, NIGHTS.first + timedelta(days=4)), workspace)
    found = digests(workspace)
    assert len(found) == 20
    assert found == {key: value for key, value in digests(built).items() if key in found}


def test_the_service_computes_the_batch_features_to_the_last_bit(built, flight_delay):
    night = NIGHTS.last
    online = OnlineFeatures(flight_delay)
    rows = built.lake.read("flight_delay/raw_schedule", one(night)).to_pylist()
    stored = built.lake.read("flight_delay/aggregates", one(night))
    found = online.compute(rows, Aggregates.of(flight_delay, stored))
    batch = {row["flight_id"]: row for row in built.lake.read("flight_delay/features", one(night)).to_pylist()}
    wanted = np.array(
        [
            [np.nan if batch[row["flight_id"]][name] is None else batch[row["flight_id"]][name] for name in online.names]
            for row in rows
        ]
    )
    assert len(rows) > 800
    assert np.isnan(wanted).any()
    same = (found.view(np.int64) == wanted.view(np.int64)) | (np.isnan(found) & np.isnan(wanted))
    assert same.all()


def test_a_key_never_seen_gets_the_overall_rate(built, flight_delay):
    online = OnlineFeatures(flight_delay)
    stored = Aggregates.of(flight_delay, built.lake.read("flight_delay/aggregates", one(NIGHTS.last)))
    row = dict.fromkeys(online.columns) | {"carrier": "??", "origin": "EWR", "flight_date": "2013-01-11"}
    values = dict(zip(online.names, online.compute([row], stored)[0], strict=True))
    tiles = built.lake.read("flight_delay/tiles", Nights(NIGHTS.last - timedelta(days=6), NIGHTS.last)).to_pylist()
    everything = [tile for tile in tiles if tile["tile"] == "outcomes/"]
    records, hits = (next(name for name in everything[0] if name.startswith(kind)) for kind in ("records", "hits"))
    overall = sum(tile[hits] for tile in everything) / sum(tile[records] for tile in everything)
    assert values["carrier_late_rate_7d"] == values["route_late_rate_7d"] == overall
    assert np.isnan(values["plane_age"])
    assert values["weekday"] == 5


@pytest.mark.parametrize("change", [{"origin": 3}, {"flight_date": "11 January"}, {"scheduled_hour": "8"}, {"distance": True}])
def test_the_service_refuses_a_value_of_another_type(flight_delay, change):
    online = OnlineFeatures(flight_delay)
    with pytest.raises(UsageError, match=next(iter(change))):
        online.compute([dict.fromkeys(online.columns) | change], Aggregates({}, {}))


def test_the_service_names_a_column_that_is_absent(flight_delay):
    online = OnlineFeatures(flight_delay)
    with pytest.raises(UsageError, match="row 0 lacks 'origin'"):
        online.compute([{name: None for name in online.columns if name != "origin"}], Aggregates({}, {}))


def test_labels_are_the_flights_scored_two_nights_before(built):
    labels = built.lake.read("flight_delay/labels").to_pylist()
    assert {row["night"] - row["scored_night"] for row in labels} == {timedelta(days=2)}
    assert not any(row["night"] < NIGHTS.first + timedelta(days=2) for row in labels)


def test_an_input_that_is_not_published_is_named(fresh, flight_delay):
    with pytest.raises(NotReady, match="tiles"):
        features.run(flight_delay, one(NIGHTS.last), fresh, step="aggregates")
    features.run(flight_delay, one(NIGHTS.last), fresh, step="tiles")
    with pytest.raises(NotReady, match="2013-01-0"):
        features.run(flight_delay, one(NIGHTS.last), fresh, step="aggregates")
    assert not fresh.lake.exists("flight_delay/aggregates")
    with pytest.raises(NotReady):
        features.run(flight_delay, one(NIGHTS.last + timedelta(days=1)), fresh, step="tiles")


def test_a_night_before_the_first_is_refused(fresh, flight_delay):
    with pytest.raises(BadNight, match="before the first night"):
        features.run(flight_delay, one(date(2012, 12, 31)), fresh)


def test_commits_name_their_inputs_and_definition(built):
    state = built.lake.states("flight_delay/aggregates")[NIGHTS.last]
    assert set(state.inputs) == {f"flight_delay/{name}" for name in ("tiles", "raw_schedule", "raw_weather", "raw_planes")}
    assert len(state.definition_digest) == 64


@pytest.mark.parametrize("kind", ["repeated", "missing"])
def test_records_that_a_key_cannot_tell_apart_are_not_mixed_into_one_row(fresh, flight_delay, kind):
    """Where the contract lets them through: better no night than a row made of two flights."""
    night = NIGHTS.first
    rows = fresh.lake.read("flight_delay/raw_schedule", one(night)).drop_columns(["night"])
    keys = rows["flight_id"].to_pylist()
    spoiled = pa.array([keys[0] if kind == "repeated" else None] * 2 + keys[2:], pa.string())
    table = rows.set_column(rows.column_names.index("flight_id"), "flight_id", spoiled)
    fresh.lake.publish("flight_delay/raw_schedule", night, table, Commit("ingest", "flight_delay"))
    left = len(keys) - (1 if kind == "repeated" else 2)
    made = rf"{len(keys)} records of source 'schedule' have {left} keys \(flight_id\): some are repeated or missing"
    with pytest.raises(ContractBroken, match=made):
        features.run(flight_delay, one(night), fresh)
    assert not fresh.lake.exists("flight_delay/features")
