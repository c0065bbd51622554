"""What a table is said to read is what its statement reads: no column less, none more."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa
import pytest

from nightloop.definitions import UseCase
from nightloop.features.feature_sql import build_sql
from nightloop.features.tables import tables
from nightloop.meaning import meanings_of
from nightloop.meaning.digests import ROWS
from nightloop.meaning.inputs import read_meanings
from nightloop.nights import one
from nightloop.sources import raw_schema
from tests.features.in_memory import NIGHT, SETTINGS, shop
from tests.meaning.definitions import FEATURES, USE_CASE, changed, put

STEPS = ("tiles", "aggregates", "features", "labels")
STAMPS = ("event_at", "known_at", "event_night", "withdrawn")
LATEST = changed(put("features.score.latest_by", "rank"))
REVISED = shop(FEATURES, revised={"payments": 3, "customers": 2, "orders": 4})


def schema_of(use_case: UseCase, name: str) -> pa.Schema:
    source = use_case.sources.get(name.removeprefix("raw_"))
    return raw_schema(source) if source else tables(use_case)[name]


def columns_of(use_case: UseCase, name: str, required: Mapping[str, str]) -> list[str]:
    """Return the columns that a view needs: those required, and those that belong to the rows themselves."""
    schema = schema_of(use_case, name)
    if not name.startswith("raw_"):
        return schema.names
    return [column for column in schema.names if column in required or column in STAMPS]


def binds(use_case: UseCase, step: str, views: Mapping[str, list[str]]) -> bool:
    """Whether the statement of a table can be read over views of these columns."""
    with duckdb.connect() as session:
        session.execute(SETTINGS)
        for name, columns in views.items():
            schema = schema_of(use_case, name)
            fields = [schema.field(column) for column in columns]
            session.register(name, pa.schema([*fields, pa.field("night", pa.date32())]).empty_table())
        try:
            session.execute(f"describe {build_sql(use_case, step, one(NIGHT))}")
        except duckdb.BinderException:
            return False
        return True


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("use_case", [USE_CASE, LATEST, REVISED], ids=["once", "latest", "revised"])
def test_a_statement_reads_the_columns_it_is_said_to_read_and_needs_each(use_case: UseCase, step: str) -> None:
    required = read_meanings(use_case, meanings_of(use_case), step)
    # A look-up at versions carries every column along; whether it reads them is seen where records come once.
    all_of = {f"raw_{name}" for name in use_case.sources if use_case is REVISED and step == "aggregates"}
    views = {
        name: schema_of(use_case, name).names if name in all_of else columns_of(use_case, name, of)
        for name, of in required.items()
    }
    assert binds(use_case, step, views)
    for name, columns in views.items():
        for column in columns:
            if name.startswith("raw_") and column in required[name] and name not in all_of:
                assert not binds(use_case, step, {**views, name: [other for other in columns if other != column]}), column


@pytest.mark.parametrize("step", STEPS)
def test_what_is_read_is_asked_for_in_todays_meaning_with_the_rows_of_its_source(step: str) -> None:
    meanings = meanings_of(USE_CASE)
    for name, of in read_meanings(USE_CASE, meanings, step).items():
        recorded = meanings.of_table(name, USE_CASE)
        assert of and all(recorded[column] == digest for column, digest in of.items())
        assert (ROWS in of) == name.startswith("raw_")


def test_tables_without_a_feature_of_theirs_are_not_asked_for() -> None:
    plain = shop({"basket": FEATURES["basket"]})
    meanings = meanings_of(plain)
    assert set(read_meanings(plain, meanings, "features")) == {"raw_visits"}
    assert read_meanings(plain, meanings, "aggregates") == read_meanings(plain, meanings, "tiles") == {}
    assert set(read_meanings(USE_CASE, meanings_of(USE_CASE), "aggregates")) == {"raw_visits", "raw_customers", "tiles"}
