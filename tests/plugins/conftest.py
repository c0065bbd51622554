"""Airflow's library in a home of its own, a mail server and a webhook with Airflow's connections to them."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

# Before Airflow is imported anywhere in this process: it makes its home at import.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="nightloop_airflow_"))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
os.environ.setdefault("AIRFLOW__API__BASE_URL", "http://airflow.example:8080")

from nightloop.settings import REPOSITORY, Settings
from nightloop.workspace import Workspace
from tests.fixtures_alerts import MailServer, Webhook


@pytest.fixture
def inbox(mail_server: MailServer, monkeypatch: pytest.MonkeyPatch) -> MailServer:
    """A mail server, and the Airflow connection to it."""
    extra = {"from_email": "nightloop@example.com", "disable_ssl": True, "disable_tls": True}
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": mail_server.port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_NIGHTLOOP_SMTP", json.dumps(connection))
    return mail_server


@pytest.fixture
def slack_room(webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> Webhook:
    """A webhook, and the Airflow connection to it."""
    host = webhook.url.removesuffix("/T000/B000/XXX")
    connection = {"conn_type": "slackwebhook", "host": host, "password": "T000/B000/XXX"}
    monkeypatch.setenv("AIRFLOW_CONN_NIGHTLOOP_SLACK", json.dumps(connection))
    return webhook


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Definitions in which flight_delay has somebody to write to, as a task would read them."""
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    text = (REPOSITORY / "tests" / "definitions" / "in_full" / "flight_delay.yaml").read_text()
    addresses = "alerts: {email: [ops@example.com, ml@example.com]}"
    (definitions / "flight_delay.yaml").write_text(text.replace("alerts: {email: []}", addresses))
    monkeypatch.setenv("NIGHTLOOP_DEFINITIONS", str(definitions))
    return definitions


@pytest.fixture
def installation(people: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """What a task of Airflow opens, whose environment is this one."""
    monkeypatch.setenv("NIGHTLOOP_HOME", str(settings.home))
    return Workspace.open()


class AuthManager:
    """In the place of Airflow's: the token is the name of the user, and only a reader may see what plugins show."""

    async def get_user_from_token(self, token: str) -> str:
        return token

    def is_authorized_view(self, *, access_view: Any, user: str) -> bool:
        from airflow.api_fastapi.auth.managers.models.resource_details import AccessView

        return user == "reader" and access_view is AccessView.PLUGINS


@pytest.fixture
def readers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Airflow's access check ask that manager."""
    from airflow.api_fastapi.core_api import security  # some seconds, of Airflow's whole API

    monkeypatch.setattr(security, "get_auth_manager", AuthManager)
