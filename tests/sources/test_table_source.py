from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from jobs import ingest
from nightloop.definitions import load_use_case
from nightloop.errors import DefinitionError, EmptyNight, NotReady, UnknownUseCase
from nightloop.lake import Commit
from nightloop.nights import parse_nights
from tests.fixtures_ingest import SHOP, Shop

SCORED = """\
  scored:
    description: One row per order that the other model scored.
    connector: {kind: table, use_case: other, table: scores}
    columns:
      order_id: {type: string, expression: order_id, description: Number of the order.}
      risk: {type: number, expression: "probability::double", description: Its probability.}
      of_night: {type: date, expression: "night::date", description: Night it was scored in.}
    key: [order_id]
"""
CONTRACT = """\
name: scored
meta: {quarantined_share_limit: 0.5}
expectations:
  - type: expect_column_values_to_be_between
    kwargs: {column: risk, min_value: 0, max_value: 1}
    meta: {on_breach: quarantine, description: A probability.}
"""
NIGHT = date(2024, 3, 5)


@pytest.fixture
def fed(shop: Shop) -> Shop:
    """A shop that reads the scores of another model."""
    define(shop)
    shop.write("feature_defs/other.yaml", SHOP.replace("use_case: shop", "use_case: other"))
    shop.write("great_expectations/shop/scored.yaml", CONTRACT)
    return shop


def define(shop: Shop, old: str = "", new: str = "") -> None:
    text = SHOP.replace("entity: {source", f"{SCORED}entity: {{source")
    assert old in text
    shop.write("feature_defs/shop.yaml", text.replace(old, new) if old else text)


def scores(shop: Shop, night: date, **probabilities: float) -> int:
    rows = pa.table({"order_id": list(probabilities), "probability": pa.array(probabilities.values(), pa.float64())})
    return shop.workspace.lake.publish("other/scores", night, rows, Commit("score", "other")).version


def test_a_night_reads_the_other_use_case_s_partition_of_the_same_night(fed: Shop) -> None:
    scores(fed, date(2024, 3, 4), o1=0.25)
    version = scores(fed, NIGHT, o1=0.1 + 0.2, o2=1e-300)
    ingest.run(fed.use_case, parse_nights("2024-03-05"), fed.workspace)
    rows = fed.workspace.lake.read("shop/raw_scored").drop_columns(["night"]).to_pylist()
    assert rows == [
        {"order_id": "o1", "risk": 0.1 + 0.2, "of_night": NIGHT},
        {"order_id": "o2", "risk": 1e-300, "of_night": NIGHT},
    ]
    assert fed.workspace.lake.states("shop/raw_scored")[NIGHT].inputs == {"other/scores": version}


def test_a_range_reads_each_night_s_own_partition(fed: Shop) -> None:
    for day in (4, 5, 6):
        scores(fed, date(2024, 3, day), **{f"o{day}": 0.5})
    ingest.run(fed.use_case, parse_nights("2024-03-04..2024-03-06"), fed.workspace)
    rows = fed.workspace.lake.read("shop/raw_scored")
    assert [(row["order_id"], row["night"].day) for row in rows.to_pylist()] == [("o4", 4), ("o5", 5), ("o6", 6)]


def test_rows_that_break_the_contract_are_quarantined_as_of_any_source(fed: Shop) -> None:
    scores(fed, NIGHT, o1=0.5, o2=7.0)
    ingest.run(fed.use_case, parse_nights("2024-03-05"), fed.workspace)
    (row,) = fed.workspace.lake.read("shop/quarantine").to_pylist()
    assert (row["source"], row["key"]) == ("scored", "o2")


def test_a_night_that_is_not_published_yet_is_waited_for_and_the_command_is_told(fed: Shop) -> None:
    scores(fed, date(2024, 3, 4), o1=0.5)
    with pytest.raises(NotReady, match=r"other/scores.*2024-03-05.*python -m jobs score other 2024-03-05"):
        ingest.run(fed.use_case, parse_nights("2024-03-05"), fed.workspace)
    assert not fed.workspace.lake.exists("shop/raw_orders")


def test_a_night_published_without_rows_is_an_empty_night(fed: Shop) -> None:
    scores(fed, NIGHT)
    with pytest.raises(EmptyNight, match="'scored' has no record"):
        ingest.run(fed.use_case, parse_nights("2024-03-05"), fed.workspace)


def test_a_table_whose_nights_end_later_would_know_the_future(fed: Shop) -> None:
    other = SHOP.replace("use_case: shop", "use_case: other")
    fed.write("feature_defs/other.yaml", other.replace("America/New_York", "America/Los_Angeles"))
    scores(fed, NIGHT, o1=0.5)
    with pytest.raises(DefinitionError, match=r"shop\.yaml: the night 2024-03-05 of 'other' ends later"):
        ingest.run(fed.use_case, parse_nights("2024-03-05"), fed.workspace)
    fed.write("feature_defs/other.yaml", other.replace("America/New_York", "Europe/Paris"))
    ingest.run(fed.use_case, parse_nights("2024-03-05"), fed.workspace)


def test_an_unknown_use_case_is_said_with_the_near_names(fed: Shop) -> None:
    define(fed, "use_case: other", "use_case: othr")
    with pytest.raises(UnknownUseCase, match="Did you mean 'other'"):
        ingest.run(fed.use_case, parse_nights("2024-03-05"), fed.workspace)


def test_no_use_case_waits_for_itself(fed: Shop) -> None:
    define(fed, "use_case: other", "use_case: shop")
    with pytest.raises(DefinitionError, match=r"shop\.yaml:37: 'shop' would have to be run before itself"):
        load_use_case("shop", fed.folder / "feature_defs")
