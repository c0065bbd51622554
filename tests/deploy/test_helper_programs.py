"""The small programs that containers run, and what Grafana shows."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from deploy import check_health, prepare_airflow
from nightloop.settings import REPOSITORY
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
        prepare_airflow.write_passwords(file, password, ["admin"])
        assert json.loads(file.read_text()) == {"admin": password}
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_user_keeps_the_password_that_was_made_and_loses_it_with_the_account(tmp_path: Path) -> None:
    file = tmp_path / "passwords.json"
    written = []
    for names in (["admin", "ada"], ["admin", "ada", "eve"], ["admin", "eve"], ["admin", "ada", "eve"]):
        prepare_airflow.write_passwords(file, "of the file .env", names)
        written.append(json.loads(file.read_text()))
        assert written[-1].keys() == set(names) and written[-1]["admin"] == "of the file .env"
    assert written[0]["ada"] == written[1]["ada"] != written[3]["ada"]
    assert len({*written[3].values()}) == 3 and min(len(word) for word in written[3].values()) >= 16


@pytest.mark.parametrize(
    ("users", "problem"),
    [
        ("admin:admin", ""),
        ("admin:admin, ada:user,eve:viewer,", ""),
        ("ada:user", "admin:admin must be among them"),
        ("admin:viewer", "admin:admin must be among them"),
        ("admin:admin,ada", "'ada' is not NAME:ROLE"),
        ("admin:admin,ada:editor", "viewer, user, op, admin"),
        ("admin:admin,ada:op:team", "'ada:op:team' is not NAME:ROLE"),
        ("admin:admin,:op", "':op' is not NAME:ROLE"),
        ("admin:admin,ada:op,ada:user", "stands twice"),
    ],
)
def test_users_are_checked_before_airflow_starts(users: str, problem: str) -> None:
    if problem:
        with pytest.raises(ValueError, match=problem):
            prepare_airflow.usernames(users)
    else:
        assert prepare_airflow.usernames(users) == [user.split(":")[0].strip() for user in users.split(",") if user]


def test_the_bucket_is_made_once(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from deploy.make_bucket import make

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert make("artifacts-of-a-test") is True
    assert make("artifacts-of-a-test") is False


def test_grafana_looks_for_dashboards_where_they_are_mounted() -> None:
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/nightloop.yml").read_text())["providers"]
    mounted = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]["grafana"]["volumes"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in mounted
