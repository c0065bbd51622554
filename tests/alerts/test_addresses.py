"""Who hears of a use case, by which servers: from its definition and the environment; addresses hold secrets."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from nightloop.alerts.addresses import Addresses, channels_of, from_settings, slack_url, smtp_server
from nightloop.alerts.senders import EmailSender, SlackSender, SmtpServer
from nightloop.errors import UsageError
from nightloop.settings import REPOSITORY, load_settings

SHIPPED = REPOSITORY / "feature_defs"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.x?from=a@b.c", SmtpServer("mail.x", 587, "a@b.c")),
        ("smtp://mail.x:25?from=a@b.c&starttls=always", SmtpServer("mail.x", 25, "a@b.c")),
        ("smtp://mail.x:25?from=a@b.c&starttls=never", SmtpServer("mail.x", 25, "a@b.c", tls="none")),
        ("smtps://mail.x?from=a@b.c", SmtpServer("mail.x", 465, "a@b.c", tls="implicit")),
        ("smtp://me%40x.y:p%2Fw@mail.x", SmtpServer("mail.x", 587, "me@x.y", user="me@x.y", password=SecretStr("p/w"))),
        ("smtp://me:pw@mail.x?from=a@b.c", SmtpServer("mail.x", 587, "a@b.c", user="me", password=SecretStr("pw"))),
    ],
)
def test_the_address_of_a_mail_server_is_read(url: str, expected: SmtpServer) -> None:
    assert smtp_server(SecretStr(url)) == expected


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://me:s3cr3t@mail.x?from=a@b.c", "neither smtp:// nor smtps://"),
        ("smtp://me:s3cr3t@?from=a@b.c", "names no host"),
        ("smtp://me:s3cr3t@mail.x", "names no sender"),
        ("smtp://me:s3cr3t@mail.x?from=a@b.c&starttls=maybe", "starttls is always or never"),
        ("smtp://me:s3cr3t@mail.x?from=a@b.c&tls=1", "it has tls, and only from and starttls are known"),
        ("smtp://me:s3cr3t@mail.x:port?from=a@b.c", "it is no address"),
        ("smtp://me:s3cr3t@mail.x?from", "it is no address"),
    ],
)
def test_a_wrong_address_says_what_is_wrong_and_no_secret(url: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as refused:
        smtp_server(SecretStr(url))
    assert "NIGHTLOOP_SMTP_URL" in str(refused.value) and "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "is_read"),
    [("https://h/T0", True), ("http://h:1/T0", True), ("T000/B000/s3cr3t", False), ("https:///s3cr3t", False)],
)
def test_the_address_of_a_webhook_is_http(url: str, is_read: bool) -> None:
    if is_read:
        assert slack_url(SecretStr(url)).get_secret_value() == url
        return
    with pytest.raises(UsageError, match="NIGHTLOOP_SLACK_URL") as refused:
        slack_url(SecretStr(url))
    assert "s3cr3t" not in str(refused.value)


def test_the_environment_names_the_servers_of_every_use_case() -> None:
    addresses = from_settings(load_settings(smtp_url="smtp://mail.x?from=a@b.c", slack_url="https://h/T0"))
    assert addresses.smtp("any") == SmtpServer("mail.x", 587, "a@b.c") and addresses.slack("any") == SecretStr("https://h/T0")


@pytest.mark.parametrize(
    ("smtp", "reason"),
    [(None, "NIGHTLOOP_SMTP_URL is not set"), ("", "NIGHTLOOP_SMTP_URL is not set"), ("x", "cannot be read")],
)
def test_what_is_not_set_or_wrong_is_a_reason_and_keeps_nothing_from_the_other(smtp: str | None, reason: str) -> None:
    addresses = from_settings(load_settings(smtp_url=smtp, slack_url="https://h/T0"))
    assert reason in str(addresses.smtp("any")) and addresses.slack("any") == SecretStr("https://h/T0")
    assert from_settings(load_settings()).slack("any") == "NIGHTLOOP_SLACK_URL is not set"


def test_the_settings_show_no_address() -> None:
    settings = load_settings(smtp_url="smtp://me:s3cr3t@mail.x", slack_url="https://h/s3cr3t")
    assert "s3cr3t" not in f"{settings!r} {settings}"


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    """Two shipped use cases, with somebody to write to."""
    shutil.copytree(SHIPPED / "shared", tmp_path / "shared")  # what they extend
    people = {"flight_delay": "[ops@x.y, ml@x.y]", "arrival_delay": "[ops@x.y], smtp_connection: nightloop_other"}
    for name, email in people.items():
        text = (SHIPPED / f"{name}.yaml").read_text()
        (tmp_path / f"{name}.yaml").write_text(text.replace("alerts: {email: []}", f"alerts: {{email: {email}}}"))
    return tmp_path


MAIL, HOOK = SmtpServer("mail.x", 587, "a@b.c"), SecretStr("https://h/T0")


def addresses(**changes: Any) -> Addresses:
    return Addresses(**{"smtp": lambda _: MAIL, "slack": lambda _: HOOK, **changes})


def test_a_use_case_has_its_own_people_and_its_own_connection(definitions: Path) -> None:
    asked: list[str] = []

    def smtp(name: str) -> SmtpServer:
        asked.append(name)
        return MAIL

    channels = channels_of(definitions, addresses(smtp=smtp))
    assert channels("flight_delay") == {"email": EmailSender(MAIL, ("ml@x.y", "ops@x.y")), "slack": SlackSender(HOOK)}
    assert channels("arrival_delay")["email"] == EmailSender(MAIL, ("ops@x.y",))
    assert asked == ["nightloop_smtp", "nightloop_other"]


def test_the_installation_has_the_people_of_all_use_cases_each_once(definitions: Path) -> None:
    assert channels_of(definitions, addresses())("")["email"] == EmailSender(MAIL, ("ml@x.y", "ops@x.y"))


def test_why_there_is_no_channel_is_said(definitions: Path, tmp_path: Path) -> None:
    gone = addresses(smtp=lambda _: "no mail", slack=lambda _: "no hook")
    assert channels_of(definitions, gone)("flight_delay") == {"email": "e-mail: no mail", "slack": "Slack: no hook"}
    assert channels_of(SHIPPED, addresses())("flight_delay")["email"] == "e-mail: alerts.email names nobody"
    unknown = channels_of(definitions, addresses())("nobody")
    assert "the use case cannot be read" in str(unknown["email"]) and "the use case cannot be read" in str(unknown["slack"])
    (tmp_path / "empty").mkdir()
    assert channels_of(tmp_path / "empty", addresses())("")["email"] == "e-mail: alerts.email names nobody"
