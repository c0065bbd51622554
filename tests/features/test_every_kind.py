"""Every kind of feature over late, corrected and withdrawn records: SQL on either engine, NumPy and plain Python agree."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from jobs import features
from nightloop.definitions.features import Feature
from nightloop.features.online import Aggregates, OnlineFeatures
from nightloop.nights import Nights, one
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.features import shop
from tests.features.reference import features_of

# Across a leap day, and across the two changes of New York's clocks.
STARTS = [date(2024, 2, 26), date(2024, 3, 7), date(2024, 10, 31), date(2023, 12, 28)]
STEPS = features.STEPS


def span(start: date, length: int = 7) -> Nights:
    return Nights(start, start + timedelta(days=length - 1))


def build(history: shop.History, home, **options) -> Workspace:
    home.mkdir(parents=True, exist_ok=True)
    workspace = Workspace.open(load_settings(home=home / "home", **{"engine": "local", **options}))
    declared = shop.use_case(history.nights.first, home)
    shop.publish(history, declared, workspace)
    for step in STEPS:
        features.run(declared, history.nights, workspace, step=step)
    return workspace


def made(workspace: Workspace, night: date, table: str = "features") -> dict[str, dict]:
    rows = workspace.lake.read(f"shop/{table}", one(night)).drop_columns(["night"]).to_pylist()
    return {row.pop("visit_id"): row for row in rows}


def test_the_shop_has_every_kind_of_feature(tmp_path):
    declared = shop.use_case(date(2024, 1, 1), tmp_path)
    kinds = {kind.__name__ for kind in Feature.__origin__.__args__}
    assert {type(feature).__name__ for feature in declared.features.values()} == kinds
    functions = {feature.function for feature in declared.features.values() if feature.kind == "window"}
    assert functions == {"count", "sum", "mean", "min", "max", "std", "distinct", "last", "time_since"}


# A seed does not shrink: a smaller one is another history.
@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32 - 1), start=st.sampled_from(STARTS))
def test_features_are_those_of_a_snapshot_frozen_at_the_cutoff(tmp_path_factory, seed, start):
    history = shop.draw_history(seed, span(start))
    workspace = build(history, tmp_path_factory.mktemp("shop"))
    for night in history.nights:
        assert made(workspace, night) == features_of(history, night), night


@pytest.fixture(scope="module")
def history() -> shop.History:
    return shop.draw_history(20240229, span(STARTS[0]), size=25)


@pytest.fixture(scope="module")
def built(history, tmp_path_factory) -> Workspace:
    return build(history, tmp_path_factory.mktemp("shop"))


def test_what_was_known_later_is_stored_apart(history, built, tmp_path):
    declared = shop.use_case(history.nights.first, tmp_path)
    before = {night: made(built, night) for night in history.nights}
    last = history.nights.last
    earlier = Nights(history.nights.first, last - timedelta(days=2))
    features.run(declared, earlier, built, step="aggregates", as_known_at=str(last))
    published = features.run(declared, earlier, built, step="features", as_known_at=str(last))
    assert {item.table for item in published} == {f"shop/features_known_{last}"}
    changed = 0
    for night in earlier:
        found = made(built, night, f"features_known_{last}")
        assert found == features_of(history, night, known=last)
        changed += found != before[night]
    assert changed == len(earlier), "what came late changed every night"
    assert {night: made(built, night) for night in history.nights} == before


def test_the_service_computes_every_kind_to_the_last_bit(history, built, tmp_path):
    declared = shop.use_case(history.nights.first, tmp_path)
    online = OnlineFeatures(declared)
    for night in history.nights:
        stored = Aggregates.of(declared, built.lake.read("shop/aggregates", one(night)))
        rows = history.visits[night]
        found = online.compute(rows, stored)
        batch = made(built, night)
        wanted = [[np.nan if (v := batch[row["visit_id"]][name]) is None else v for name in online.names] for row in rows]
        np.testing.assert_array_equal(found, np.array(wanted))


def digests(workspace: Workspace) -> dict:
    tables = [f"shop/{step}" for step in STEPS]
    return {(table, night): state.content_digest for table in tables for night, state in workspace.lake.states(table).items()}


def test_spark_gives_the_same_content_for_every_kind(history, built, tmp_path, spark_url):
    on_spark = build(history, tmp_path / "spark", engine="spark", spark_url=spark_url)
    assert digests(on_spark) == digests(built)
    declared, last = shop.use_case(history.nights.first, tmp_path), history.nights.last
    known = {
        engine: features.run(declared, one(last - timedelta(days=1)), workspace, step="labels", as_known_at=last)[0]
        for engine, workspace in (("local", built), ("spark", on_spark))
    }
    assert known["spark"].content_digest == known["local"].content_digest and known["local"].rows


def test_nights_one_by_one_backwards_and_again_give_the_same_content(history, built, tmp_path):
    declared = shop.use_case(history.nights.first, tmp_path)
    workspace = Workspace.open(load_settings(home=tmp_path / "home", engine="local"))
    shop.publish(history, declared, workspace)
    for step in STEPS:
        for night in [*reversed(list(history.nights)), history.nights.first, history.nights.last]:
            features.run(declared, one(night), workspace, step=step)
    assert digests(workspace) == digests(built)


def test_a_range_cut_into_parts_has_the_same_content(history, built, tmp_path, monkeypatch):
    monkeypatch.setattr("jobs.chunks.SMALL_TILES_BYTES", 0)
    monkeypatch.setattr("jobs.chunks.CHUNK_BYTES", 200_000)
    cut = []
    real = features.build_sql
    monkeypatch.setattr(features, "build_sql", lambda *args: cut.append(args[2]) or real(*args))
    in_parts = build(history, tmp_path / "parts")
    assert len(cut) > len(STEPS), "the aggregates were made in several parts"
    assert digests(in_parts) == digests(built)
