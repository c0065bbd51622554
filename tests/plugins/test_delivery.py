"""Airflow's connections are read as its own hooks read them, and the environment serves where there is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import SecretStr

from nightloop.alerts.senders import SmtpServer
from nightloop.settings import load_settings
from plugins.delivery import airflow_addresses

FROM = {"from_email": "n@x.y"}


def connection(monkeypatch: pytest.MonkeyPatch, name: str, **fields: Any) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(fields))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"extra": FROM}, SmtpServer("m", 465, "n@x.y", tls="implicit")),
        ({"extra": {**FROM, "disable_ssl": True}}, SmtpServer("m", 587, "n@x.y", tls="starttls")),
        (
            {"extra": {**FROM, "disable_ssl": "true", "disable_tls": "1"}, "port": 1025},
            SmtpServer("m", 1025, "n@x.y", tls="none"),
        ),
        ({"extra": {**FROM, "disable_ssl": "false"}}, SmtpServer("m", 465, "n@x.y", tls="implicit")),
        (
            {"extra": {**FROM, "ssl_context": "none", "timeout": 3}},
            SmtpServer("m", 465, "n@x.y", tls="implicit", verify=False, seconds=3),
        ),
        ({"extra": {**FROM, "timeout": 99}}, SmtpServer("m", 465, "n@x.y", tls="implicit", seconds=30)),
        (
            {"login": "me@x.y", "password": "pw"},
            SmtpServer("m", 465, "me@x.y", user="me@x.y", password=SecretStr("pw"), tls="implicit"),
        ),
    ],
)
def test_a_mail_connection_is_a_server(monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], expected: SmtpServer) -> None:
    connection(monkeypatch, "mail", conn_type="smtp", host="m", **fields)
    assert airflow_addresses(load_settings()).smtp("mail") == expected


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"host": "m"}, 'connection mail has no sender: add {"from_email"'),
        ({"extra": FROM}, "connection mail names no host"),
        ({"host": "m", "extra": {**FROM, "auth_type": "oauth2"}}, "connection mail asks for oauth2"),
    ],
)
def test_a_mail_connection_that_lacks_something_says_what(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], why: str
) -> None:
    connection(monkeypatch, "mail", conn_type="smtp", **fields)
    assert str(airflow_addresses(load_settings()).smtp("mail")).startswith(why)


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"password": "T0/B0/X"}, "https://hooks.slack.com/services/T0/B0/X"),
        ({"password": "/T0/B0/X", "host": "chat.x/hooks/"}, "https://chat.x/hooks/T0/B0/X"),
        ({"password": "T0", "host": "chat.x", "schema": "http"}, "http://chat.x/T0"),
        ({"password": " https://chat.x/T0 "}, "https://chat.x/T0"),
        ({"host": "http://chat.x/T0"}, "http://chat.x/T0"),
    ],
)
def test_a_slack_connection_is_a_webhook(monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], url: str) -> None:
    connection(monkeypatch, "chat", conn_type="slackwebhook", **fields)
    assert airflow_addresses(load_settings()).slack("chat") == SecretStr(url)


def test_where_there_is_no_connection_the_environment_serves_and_else_both_are_named() -> None:
    addresses = airflow_addresses(load_settings(smtp_url="smtp://m?from=n@x.y"))
    assert addresses.smtp("nowhere") == SmtpServer("m", 587, "n@x.y")
    assert addresses.slack("nowhere") == "there is no Airflow connection nowhere, and NIGHTLOOP_SLACK_URL is not set"
