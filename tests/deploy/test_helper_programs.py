"""The small programs that containers run, and what Grafana shows."""

from __future__ import annotations

import json
import re
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from deploy import check_health, prepare_airflow
from nightloop.settings import REPOSITORY
from serving.metrics import Metrics
from tests.ports import free_port

GRAFANA = REPOSITORY / "deploy" / "grafana"


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/well" else 503)
        self.end_headers()
        self.wfile.write(b"the champion is missing")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    running = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield f"127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join()
    running.server_close()


def test_a_server_that_answers_is_well(server: str) -> None:
    assert check_health.problem_of(f"http://{server}/well") is None
    assert check_health.problem_of(f"tcp://{server}") is None


def test_a_server_that_answers_an_error_is_not_well(server: str) -> None:
    assert check_health.problem_of(f"http://{server}/ill") == "it answers 503: the champion is missing"


@pytest.mark.parametrize("form", ["http://127.0.0.1:{}/", "tcp://127.0.0.1:{}"])
def test_a_server_that_does_not_answer_is_not_well(form: str) -> None:
    assert check_health.problem_of(form.format(free_port()))


def test_the_exit_code_tells(server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for path, code in (("well", 0), ("ill", 1)):
        monkeypatch.setattr("sys.argv", ["check_health.py", f"http://{server}/{path}"])
        assert check_health.main() == code
    assert "the champion is missing" in capsys.readouterr().err


def test_the_passwords_of_airflow_are_for_its_account_only(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "passwords.json"
    for password in ("first-and-longer", "second"):
        prepare_airflow.write_passwords(file, password)
        assert json.loads(file.read_text()) == {"admin": password}
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_bucket_is_made_once(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from deploy.make_bucket import make

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert make("artifacts-of-a-test") is True
    assert make("artifacts-of-a-test") is False


def test_the_dashboard_asks_for_figures_that_the_service_has() -> None:
    board = json.loads((GRAFANA / "dashboards" / "service.json").read_text())
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked = {name for expression in expressions for name in re.findall(r"nightloop_\w+", expression)}
    measures = Metrics()
    had = {f"{family.name}{suffix}" for family in measures.registry.collect() for suffix in ("", "_total", "_bucket", "_count")}
    assert asked
    assert asked <= had


def test_every_panel_says_what_it_shows_and_asks_the_provisioned_source() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    board = json.loads((GRAFANA / "dashboards" / "service.json").read_text())
    for panel in board["panels"]:
        assert panel["title"] and panel["description"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {source["uid"]}


def test_grafana_looks_for_dashboards_where_they_are_mounted() -> None:
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/nightloop.yml").read_text())["providers"]
    mounted = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]["grafana"]["volumes"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in mounted


def test_prometheus_reads_the_route_that_the_service_has() -> None:
    (job, _) = yaml.safe_load((REPOSITORY / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    assert (job["metrics_path"], job["static_configs"][0]["targets"]) == ("/metrics", ["service:8000"])
