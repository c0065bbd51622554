"""The pages of the contracts: Great Expectations judges a night in full, and its pages stand alone."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest

from jobs import ingest
from jobs.commands import contracts
from jobs.commands.command_line import main
from nightloop.contracts import data_docs
from nightloop.contracts.results import Result
from nightloop.errors import NotReady
from nightloop.nights import one
from plugins.report_pages import find_page
from tests.fixtures_ingest import ORDERS, Shop, order

NIGHT = date(2024, 3, 2)
AT = "2024-03-02T12:00:00Z"
CLERK = """\
  - type: expect_column_values_to_be_in_set
    kwargs: {column: clerk, value_set: {$PARAMETER: referred_values}}
    meta: {on_breach: warn, refers_to: {source: clerks, column: clerk}, description: Each clerk is on the list.}
  - type: expect_column_kl_divergence_to_be_less_than
    kwargs: {column: clerk, partition_object: {$PARAMETER: usual_shares}, threshold: 0.1}
    meta: {on_breach: warn, description: Clerks work as usual.}
"""


@pytest.fixture
def taken_in(shop: Shop) -> Shop:
    shop.write("great_expectations/shop/orders.yaml", ORDERS + CLERK)
    shop.orders(order("a", AT), order("b", AT, amount="-7"), order("c", AT, clerk="<script>alert(1)</script>"), order("d", AT))
    ingest.run(shop.use_case, one(NIGHT), shop.workspace)
    return shop


def pages(shop: Shop) -> dict[str, str]:
    folder = shop.workspace.reports / "shop" / "data_docs"
    return {path.stem: path.read_text() for path in folder.iterdir()}


def test_every_source_has_a_page_of_its_contract_and_of_what_was_found(taken_in: Shop) -> None:
    index, broken = contracts.build(taken_in.use_case, NIGHT, taken_in.workspace)
    assert set(pages(taken_in)) >= {"index", "orders", "visits", "clerks", "orders-as-delivered", "orders-as-kept"}
    assert set(broken["orders"]) == {"values_to_be_between(amount)", "values_to_be_in_set(clerk)"}
    for link in re.findall(r'href="([^"#]+)"', index.read_text()):
        assert (index.parent / link).exists(), link
    assert "0 &lt;= amount" in pages(taken_in)["orders"] or "0 <= amount" in pages(taken_in)["orders"]
    assert "kl_divergence_to_be_less_than(clerk)" in index.read_text()  # told as not judged


def test_a_page_loads_nothing_from_elsewhere_and_runs_no_record_s_script(taken_in: Shop) -> None:
    contracts.build(taken_in.use_case, NIGHT, taken_in.workspace)
    for name, page in pages(taken_in).items():
        assert not re.search(r"<script|<link|<img|<iframe|src=|https?://", page), name


def test_building_the_pages_publishes_nothing(taken_in: Shop) -> None:
    lake = taken_in.workspace.lake
    before = {name: lake.states(f"shop/{name}") for name in ("raw_orders", "raw_clerks", "quarantine")}
    events = taken_in.workspace.ledger.events("shop")
    contracts.build(taken_in.use_case, NIGHT, taken_in.workspace)
    assert {name: lake.states(f"shop/{name}") for name in before} == before
    assert taken_in.workspace.ledger.events("shop") == events


def test_a_fast_path_that_differs_from_great_expectations_is_an_error(taken_in: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        contracts, "fast_result", lambda rule, _table: Result(False, (0,), "") if "unique" in rule.type else None
    )
    with pytest.raises(AssertionError, match=r"orders\.yaml:4: the fast path gives"):
        contracts.build(taken_in.use_case, NIGHT, taken_in.workspace)


def test_the_report_plugin_shows_the_pages(taken_in: Shop) -> None:
    contracts.build(taken_in.use_case, NIGHT, taken_in.workspace)
    assert find_page(taken_in.workspace.reports, "shop/data_docs/index.html") is not None


def test_the_command_builds_the_newest_night_and_says_where(
    taken_in: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("HOME", "home"), ("DEFINITIONS", "feature_defs"), ("CONTRACTS", "great_expectations")):
        monkeypatch.setenv(f"NIGHTLOOP_{name}", str(taken_in.folder / value))
    assert main(["contracts", "shop", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["night"], Path(told["page"]).name) == ("2024-03-02", "index.html")


def test_without_a_night_there_is_nothing_to_build(shop: Shop) -> None:
    with pytest.raises(NotReady, match="jobs ingest shop 2024-03-01"):
        contracts.newest(shop.use_case, shop.workspace)


def test_a_page_has_one_title_and_one_heading_and_is_written_whole_the_index_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = "<html><head><title>x</title></head><body class='a'><pre></head><body></pre></body></html>"
    page = data_docs.standing_alone(foreign, "A & B", "<p>top</p>")
    assert page.count("<title>A &amp; B</title>") == page.count("<h1>A &amp; B</h1><p>top</p>") == 1
    assert "<title>x</title>" not in page and page.index("</title>") < page.index("</head>") < page.index("<h1>")
    written: list[str] = []
    monkeypatch.setattr(data_docs, "write_atomically", lambda file, _text: written.append(file.name))
    assert data_docs.write({"b": "", "index": "", "a": ""}, tmp_path) == tmp_path / "index.html"
    assert written == ["b.html", "a.html", "index.html"]


def test_what_cannot_be_drawn_yet_is_declared_and_not_drawn(taken_in: Shop) -> None:
    contracts.build(taken_in.use_case, NIGHT, taken_in.workspace)
    page = pages(taken_in)["orders"]
    assert page.count("kl_divergence") == 1, "declared in our table, and not in the library's part"
    assert page.count("Kullback") == 0
