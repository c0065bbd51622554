"""Sources in a real Airflow: files are waited for by a triggerer, and a database's password stays where it is kept.

One Airflow serves the module.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from nightloop.alerts import listed
from nightloop.lake import Lake
from nightloop.ledger import Ledger
from nightloop.nights import Nights
from nightloop.settings import load_settings
from tests.fixtures_airflow import RunningAirflow, definitions_in
from tests.fixtures_ingest import CLERKS, ORDERS, SHOP, VISITS
from tests.fixtures_postgres import PASSWORD

pytestmark = [pytest.mark.system, pytest.mark.slow]

NOON = 12
ROWS = "order_id,clerk,amount,paid,ordered_at\n" + "".join(f"o{i},ada,{i},true,2024-01-01T00:00:00Z\n" for i in range(4))


def somewhere_at_noon() -> tuple[str, datetime]:
    """Return a time zone in which it is about noon, so that no test runs over midnight, and its time now."""
    now = datetime.now(UTC)
    ahead = NOON - now.hour
    zone = f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
    return zone, (now + timedelta(hours=ahead)).replace(tzinfo=None)


def definition(name: str, first_night: date, zone: str, arrives_by: datetime) -> str:
    """The shop, whose orders come in a file a night until a time of the morning; its schedule takes the night before last."""
    changes = {
        "use_case: shop": f"use_case: {name}\nschedule: '30 13 * * *'",
        "America/New_York": zone,
        "first_night: 2024-03-01\nlast_night: 2024-04-30": f"first_night: {first_night}",
        "pattern: data/orders.csv": f"pattern: 'data/{name}/{{night}}.csv', arrives_by: '{arrives_by:%H:%M:%S}'",
        "known_at: landed_at::timestamp": "known_at: ordered_at::timestamp",
    }
    text = SHOP
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


class Stand:
    """The folder with two use cases, and the time where they are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.zone, now = somewhere_at_noon()
        self.night = now.date() - timedelta(days=1)
        for name in ("shop", "market"):
            self.define(name, now + timedelta(hours=6))
            for contract, text in {"orders": ORDERS, "visits": VISITS, "clerks": CLERKS}.items():
                self.write(f"great_expectations/{name}/{contract}.yaml", text)
        stock = definition("stock", self.night - timedelta(days=9), self.zone, now)
        kept = "{kind: sql, connection: warehouse, table: orders, incremental: ordered_at}"
        self.write("feature_defs/stock.yaml", re.sub(r"\{kind: files, pattern: 'data/stock.*\}", kept, stock))
        for contract, text in {"orders": ORDERS, "visits": VISITS, "clerks": CLERKS}.items():
            self.write(f"great_expectations/stock/{contract}.yaml", text)
        self.write("data/clerks.csv", "clerk,name\nada,Ada\n")

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def define(self, name: str, arrives_by: datetime) -> None:
        first = self.night - timedelta(days=9)
        self.write(f"feature_defs/{name}.yaml", definition(name, first, self.zone, arrives_by))

    def deliver(self, name: str, night: date) -> None:
        # 11:00 UTC is of the same day in every zone of ``somewhere_at_noon``, from eleven hours behind to twelve ahead.
        self.write(f"data/{name}/{night}.csv", ROWS.replace("2024-01-01", str(night)).replace("T00", "T11"))


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Stand:
    return Stand(tmp_path_factory.mktemp("stand"))


@pytest.fixture(scope="module")
def airflow_settings(stand: Stand) -> dict[str, str]:
    return definitions_in(stand.folder)


def ingest(airflow: RunningAirflow, name: str, night: date) -> tuple[str, str]:
    """Ask for a night, and return (DAG id, run id)."""
    dag_id = f"{name}.ingest"
    return dag_id, airflow.client.trigger(dag_id, {}, partition_key=str(night))


def waiting(airflow: RunningAirflow, run: tuple[str, str]) -> Callable[[], bool]:
    """Whether the run's files are waited for in the triggerer."""
    return lambda: airflow.task_states(*run).get("wait_for_orders") == "deferred"


def test_a_night_goes_on_when_its_file_comes_and_fails_with_one_message_when_it_does_not(airflow, stand) -> None:
    comes, asked = ingest(airflow, "shop", stand.night), time.monotonic()
    airflow.wait_until(waiting(airflow, comes), "the wait of the shop", 120)
    patience = 10 + 2 * (time.monotonic() - asked)  # as slow as the machine is: the wait must have begun before it ends
    stand.define("market", somewhere_at_noon()[1] + timedelta(seconds=patience))
    never = ingest(airflow, "market", stand.night)
    assert airflow.task_states(*comes)["ingest"] is None
    stand.deliver("shop", stand.night)

    assert airflow.wait_for_run(*comes, seconds=60).state == "success", airflow.task_log(*comes, "wait_for_orders")
    lake = Lake.open(load_settings(home=airflow.nightloop_home))
    assert lake.read("shop/raw_orders", Nights(stand.night, stand.night)).num_rows == 4

    assert airflow.wait_for_run(*never, seconds=patience + 60).state == "failed"
    assert airflow.task_states(*never) == {"wait_for_orders": "failed", "ingest": "upstream_failed"}
    ledger = Ledger.open(load_settings(home=airflow.nightloop_home))
    (failure,) = ledger.events("market", night=stand.night, kind="stage_failed")
    message = f"the files of source 'orders' for the night {stand.night} did not arrive by"
    assert message in failure.payload["what"] and "no file is there" in failure.payload["what"]
    # The latter where the machine is slower than it was just before.
    assert re.search("waited for since|looked for once", failure.payload["what"])
    assert f"data/market/{stand.night}.csv" in failure.payload["what"]
    assert "clear this task" in failure.payload["do"]
    raised = [stored.alert for stored, _ in listed(ledger) if stored.alert.use_case_name == "market"]
    assert [alert.urgency for alert in raised if alert.night == stand.night] == ["now"]
    # Of its two starts, before and after the wait, none was tried again.
    assert airflow.task_log(*never, "wait_for_orders").count(message) < 4


def test_a_backfilled_night_is_looked_at_once(airflow, stand) -> None:
    old, older = stand.night - timedelta(days=2), stand.night - timedelta(days=3)
    stand.define("market", somewhere_at_noon()[1] + timedelta(hours=6))
    stand.deliver("market", older)
    written = datetime.now(UTC).timestamp() - 3600
    os.utime(stand.folder / f"data/market/{older}.csv", (written, written))
    absent, there = ingest(airflow, "market", old), ingest(airflow, "market", older)
    assert airflow.wait_for_run(*there, seconds=60).state == "success", airflow.task_log(*there, "ingest")
    assert airflow.wait_for_run(*absent, seconds=60).state == "failed"
    log = airflow.task_log(*absent, "wait_for_orders")
    assert "(looked for once)" in log and "waiting for" not in log


def fill_warehouse(address: str, night: date) -> None:
    """Put two orders of the night into the database."""
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE orders (order_id TEXT, clerk TEXT, amount INTEGER, paid BOOLEAN, ordered_at TIMESTAMPTZ)"
        )
        for number in (1, 2):
            connection.exec_driver_sql(f"INSERT INTO orders VALUES ('o{number}', 'ada', 5, true, '{night}T11:00:00Z')")


def told(airflow: RunningAirflow, secret: str) -> list[Path]:
    """Return the files of both homes (logs, ledger, Airflow's database, lake) that hold a text."""
    files = [path for home in (airflow.home, airflow.nightloop_home) for path in home.rglob("*") if path.is_file()]
    return [path for path in files if secret.encode() in path.read_bytes()]


def test_a_database_is_read_by_an_airflow_connection_whose_password_nobody_is_told(airflow, stand, postgres_url) -> None:
    fill_warehouse(postgres_url, stand.night)
    url = sa.make_url(postgres_url)
    connection = {"connection_id": "nightloop_warehouse", "conn_type": "postgres", "host": url.host, "port": url.port}
    connection |= {"login": url.username, "schema": url.database, "password": PASSWORD}
    airflow.client._send("POST", "/api/v2/connections", json=connection)

    good = ingest(airflow, "stock", stand.night)
    assert airflow.wait_for_run(*good, seconds=60).state == "success", airflow.task_log(*good, "ingest")
    lake = Lake.open(load_settings(home=airflow.nightloop_home))
    assert lake.read("stock/raw_orders")["order_id"].to_pylist() == ["o1", "o2"]

    wrong = f"wrong-{PASSWORD}"
    address = "/api/v2/connections/nightloop_warehouse"
    airflow.client._send("PATCH", address, json={**connection, "password": wrong})
    bad = ingest(airflow, "stock", stand.night - timedelta(days=2))
    airflow.wait_until(lambda: "the database does not answer" in airflow.task_log(*bad, "ingest"), "the error", 60)
    airflow.client.give_up(airflow.client.run(*bad))
    assert "Airflow's connection nightloop_warehouse" in airflow.task_log(*bad, "ingest")
    assert told(airflow, PASSWORD) == []


def test_the_triggerer_is_alive_and_no_dag_has_a_second_version(airflow) -> None:
    assert airflow.client._send("GET", "/api/v2/monitor/health")["triggerer"]["status"] == "healthy"
    for name in ("shop", "market"):
        assert airflow.client._send("GET", f"/api/v2/dags/{name}.ingest/dagVersions")["total_entries"] == 1
