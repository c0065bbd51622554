"""The watch looks at real servers on loopback, alerts by real mail, and outlives what it looks at."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jobs.commands import command_line
from jobs.upkeep import watch
from jobs.upkeep.watch import Finding, Watch, findings_of, needs_spark
from nightloop.alerts import Alert, listed, raise_alert
from nightloop.errors import SetupError, UsageError
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.fixtures_alerts import MailServer
from tests.jobs.changing import Things
from tests.ports import free_port

START = datetime(2024, 3, 2, 6, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass
class Web:
    """Airflow's health, the service's readiness and a place to ping, on one port."""

    health: dict[str, str] = field(default_factory=lambda: {"metadatabase": "healthy", "scheduler": "healthy"})
    ready: int = 200
    pings: int = 0
    server: Any = None

    def start(self) -> Web:
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.pings += self.path == "/ping"
                body = json.dumps({part: {"status": status} for part, status in web.health.items()})
                self.send_response(web.ready if self.path == "/readyz" else 200)
                self.end_headers()
                self.wfile.write(body.encode() if "health" in self.path else b"not yet")

            def log_message(self, format: str, *arguments: Any) -> None:
                """Keep the test's output clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web().start()
    yield web
    web.server.shutdown()
    web.server.server_close()


@pytest.fixture
def things(tmp_path: Path) -> Things:
    things = Things(tmp_path)
    things.change(lambda declared: declared.update(alerts={"email": ["ops@example.org"]}, last_night="2024-03-06"))
    return things


def workspace_of(things: Things, now: datetime = START, **settings: Any) -> Workspace:
    values = {name: getattr(things.settings, name) for name in ("home", "definitions", "contracts", "engine")}
    return Workspace(load_settings(**{**values, **settings}), clock=lambda: now)


def found(workspace: Workspace) -> dict[str, str]:
    return {finding.part: finding.trouble for finding in findings_of(workspace)}


def test_where_all_is_well_every_part_is_named_and_nothing_is_wrong(things: Things, web: Web) -> None:
    parts = found(workspace_of(things, airflow_url=web.url, service_url=web.url))
    names = {"disk", "ledger", "nights of things", "alerts", "airflow", "airflow metadatabase", "airflow scheduler", "service"}
    assert parts == dict.fromkeys(names, "")


def test_what_is_not_there_is_not_looked_at(things: Things) -> None:
    assert found(workspace_of(things)).keys() == {"disk", "ledger", "nights of things", "alerts"}


def test_a_sick_part_of_airflow_and_a_service_that_is_not_ready_are_found(things: Things, web: Web) -> None:
    web.health |= {"scheduler": "unhealthy", "triggerer": "unhealthy"}
    web.ready = 503
    parts = found(workspace_of(things, airflow_url=web.url, service_url=web.url))
    assert {part: trouble for part, trouble in parts.items() if trouble} == {
        "airflow scheduler": "it is unhealthy.",
        "airflow triggerer": "it is unhealthy.",
        "service": "it is not ready: not yet",
    }


def test_servers_that_are_gone_are_found(things: Things) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    spark = f"sc://127.0.0.1:{free_port()}"
    parts = found(workspace_of(things, airflow_url=nowhere, service_url=nowhere, engine="spark", spark_url=spark))
    assert "does not answer" in parts["airflow"] and "does not answer" in parts["service"]
    assert "nothing answers at its address" in parts["spark"]


def test_spark_is_looked_at_where_a_use_case_or_the_settings_need_it(things: Things) -> None:
    assert not needs_spark(workspace_of(things).settings)
    assert needs_spark(workspace_of(things, engine="spark").settings)
    assert not needs_spark(workspace_of(things, engine="").settings)
    things.change(lambda declared: declared.update(engine="spark"))
    assert needs_spark(workspace_of(things, engine="").settings)


@pytest.mark.parametrize(("free", "is_trouble"), [(99, True), (100, False), (101, False)])
def test_a_disk_is_full_below_the_limit(things: Things, monkeypatch: pytest.MonkeyPatch, free: int, is_trouble: bool) -> None:
    monkeypatch.setattr(watch.shutil, "disk_usage", lambda _: type("Usage", (), {"free": free}))
    assert bool(found(workspace_of(things, free_bytes=100))["disk"]) == is_trouble


def test_a_ledger_that_does_not_answer_hides_no_other_part(things: Things) -> None:
    parts = found(workspace_of(things, ledger_url=f"postgresql+psycopg2://nobody@127.0.0.1:{free_port()}/x"))
    assert parts["ledger"] and parts["alerts"] and parts["disk"] == ""


def test_a_use_case_that_cannot_be_read_is_found(things: Things) -> None:
    (things.folder / "feature_defs" / "broken.yaml").write_text("use_case: [")
    assert "YAML" in found(workspace_of(things))["nights of broken"]


def test_alerts_that_wait_for_over_an_hour_are_found(things: Things) -> None:
    workspace = workspace_of(things)
    raise_alert(workspace.ledger, Alert("k", "things", None, "s", "t", "w", "d", "now"), workspace.clock)
    hour = timedelta(hours=1)
    assert found(replace(workspace, clock=lambda: START + hour))["alerts"] == ""
    trouble = found(replace(workspace, clock=lambda: START + hour + timedelta(microseconds=1)))["alerts"]
    assert trouble == "2 deliveries by email, slack wait for over an hour."


def test_a_missed_deadline_is_alerted_although_no_run_exists(things: Things, mail_server: MailServer) -> None:
    things.change(lambda declared: declared.update(ready_by="05:00"))
    url = f"smtp://127.0.0.1:{mail_server.port}?from=nightloop@example.org&starttls=never"
    Watch(workspace_of(things, smtp_url=url)).round()
    (mail,) = mail_server.messages
    assert mail["Subject"] == "[nightloop] act now: things: no scores by 05:00, night 2024-03-01"


def test_trouble_is_mailed_at_the_second_look_once_and_so_is_its_end(things: Things, web: Web, mail_server: MailServer) -> None:
    url = f"smtp://127.0.0.1:{mail_server.port}?from=nightloop@example.org&starttls=never"
    watching = Watch(workspace_of(things, airflow_url=web.url, smtp_url=url))
    web.health["scheduler"] = "unhealthy"
    sent = []
    for minute in range(5):
        if minute == 4:
            web.health["scheduler"] = "healthy"
        watching.workspace = workspace_of(things, START + minute * MINUTE, airflow_url=web.url, smtp_url=url)
        watching.round()
        sent.append(len(mail_server.messages))
    assert sent == [0, 1, 1, 1, 2]
    assert mail_server.messages[0]["Subject"] == "[nightloop] act now: Nightloop: airflow scheduler is in trouble"
    assert "it is unhealthy." in str(mail_server.messages[0].get_body(("plain",)))
    assert "over" in mail_server.messages[1]["Subject"]


@pytest.mark.parametrize("base", ["", "https://airflow.example.com"])
def test_an_alert_of_a_part_leads_to_airflow_as_people_reach_it(things: Things, web: Web, base: str) -> None:
    web.health["scheduler"] = "unhealthy"
    watching = Watch(workspace_of(things, airflow_url=web.url, airflow_base_url=base))
    watching.round()
    watching.round()
    ((stored, _),) = listed(watching.workspace.ledger)
    assert stored.alert.link == (base or web.url)


def test_trouble_that_passes_between_two_looks_is_no_news(things: Things, web: Web) -> None:
    watching = Watch(workspace_of(things, airflow_url=web.url))
    for status in ("unhealthy", "healthy", "unhealthy", "healthy"):
        web.health["scheduler"] = status
        watching.round()
    assert listed(watching.workspace.ledger) == []


def test_without_a_ledger_people_hear_of_it_all_the_same_once_an_hour(things: Things, mail_server: MailServer) -> None:
    url = f"smtp://127.0.0.1:{mail_server.port}?from=nightloop@example.org&starttls=never"
    gone = f"postgresql+psycopg2://nobody@127.0.0.1:{free_port()}/x"
    watching = Watch(workspace_of(things))
    counts = []
    for minutes in (0, 1, 59, 60):
        watching.workspace = workspace_of(things, START + minutes * MINUTE, ledger_url=gone, smtp_url=url)
        watching.round()
        counts.append(len(mail_server.messages))
    assert counts[0] == counts[1] == counts[2] > 0 and counts[3] == 2 * counts[0]
    assert any("ledger" in str(mail.get_body(("plain",))) for mail in mail_server.messages)
    mail_server.stop()
    watching.workspace = workspace_of(things, START + timedelta(hours=3), ledger_url=gone, smtp_url=url)
    watching.round()  # neither is there: it goes on looking


def test_each_look_pings_and_a_place_that_is_gone_is_no_error(things: Things, web: Web) -> None:
    watching = Watch(workspace_of(things), f"{web.url}/ping")
    watching.round()
    watching.round()
    assert web.pings == 2
    Watch(workspace_of(things), f"http://127.0.0.1:{free_port()}/ping").round()


def test_a_look_that_breaks_is_a_finding(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_alerts", lambda _: 1 / 0)
    trouble = next(finding for finding in findings_of(workspace_of(things)) if finding.part == "alerts")
    assert trouble == Finding("alerts", "ZeroDivisionError: division by zero", trouble.do)


def test_the_command_looks_once_and_its_code_says_whether_all_is_well(
    things: Things, web: Web, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("home", "definitions", "contracts", "engine"):
        monkeypatch.setenv(f"NIGHTLOOP_{name.upper()}", str(getattr(things.settings, name)))
    monkeypatch.setenv("NIGHTLOOP_SERVICE_URL", web.url)
    assert command_line.main(["watch", "--once"]) == 0
    assert "service: well" in capsys.readouterr().out.splitlines()
    web.ready = 503
    assert command_line.main(["watch", "--once", "--json"]) == SetupError.exit_code
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [item["trouble"] for item in findings if item["part"] == "service"] == ["it is not ready: not yet"]
    assert command_line.main(["watch", "--every", "0"]) == UsageError.exit_code
