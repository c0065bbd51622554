"""Silent sources, columns called like parts of the statements, keys in several files: nothing goes astray."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.feature_checks import check_keys
from nightloop.errors import ContractBroken
from nightloop.lake import Commit
from nightloop.nights import one
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.features import shop
from tests.features.reference import features_of
from tests.features.test_every_kind import STARTS, build, made, span

CONFUSING = [("version", "lagged"), ("arrived", "key")]  # a column of customers, a column of the entity


def test_a_silence_longer_than_the_window_of_a_rate_takes_nothing_from_longer_windows(tmp_path):
    drawn = shop.draw_history(7, span(STARTS[0]), size=6)
    silent_from = drawn.nights.first + timedelta(days=2)
    heard = [version for version in drawn.versions if version.source != "payments" or version.night < silent_from]
    history = replace(drawn, versions=heard)
    workspace = build(history, tmp_path)
    found = {night: made(workspace, night) for night in history.nights}
    longer = found[silent_from + timedelta(days=2)].values()
    assert any(row["spent_4"] is not None and row["card_rate_3"] is None for row in longer), "the case this is about"
    for night in history.nights:
        assert found[night] == features_of(history, night), night


@pytest.mark.parametrize(("of_customers", "of_visits"), CONFUSING)
def test_a_column_may_be_called_like_a_part_of_the_statement(of_customers, of_visits, tmp_path, monkeypatch):
    history = shop.draw_history(11, span(STARTS[1], 5), size=6)
    declared = shop.DEFINITION
    for text in ("score: {{type", "expression: score::", "expression: score +"):
        declared = declared.replace(text, text.replace("score", of_customers))
    for text in ("basket: {{type", "expression: basket::", "expression: basket /", "expression: basket,"):
        declared = declared.replace(text, text.replace("basket", of_visits))
    monkeypatch.setattr(shop, "DEFINITION", declared)
    workspace = build(_renamed(history, of_customers, of_visits), tmp_path)
    for night in history.nights:
        assert made(workspace, night) == features_of(history, night), night


def _renamed(history: shop.History, of_customers: str, of_visits: str) -> shop.History:
    def named(columns: dict, old: str, new: str) -> dict:
        return {new if name == old else name: value for name, value in columns.items()}

    visits = {night: [named(visit, "basket", of_visits) for visit in rows] for night, rows in history.visits.items()}
    versions = [replace(version, columns=named(version.columns, "score", of_customers)) for version in history.versions]
    return replace(history, visits=visits, versions=versions)


def test_a_key_that_is_repeated_in_another_file_of_the_night_is_found(tmp_path):
    night = date(2024, 1, 1)
    declared = shop.use_case(night, tmp_path)
    workspace = Workspace.open(load_settings(home=tmp_path / "home", engine="local"))
    visits = pa.table({"visit_id": ["v1", "v1"]})
    workspace.lake.publish("shop/raw_visits", night, visits, Commit("ingest", "shop"))
    files = [str(tmp_path / f"{part}.parquet") for part in ("one", "other")]
    for file in files:
        pq.write_table(visits.slice(0, 1), file)
    with pytest.raises(ContractBroken, match="2 records of source 'visits' have 1 keys"):
        check_keys(declared, night, files, {"raw_visits": workspace.lake.require("shop/raw_visits", one(night))})
