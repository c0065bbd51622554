"""Messages reach real servers on loopback; what goes wrong says whether the message may have arrived, and no secret."""

from __future__ import annotations

import smtplib
import socket
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from nightloop.alerts.alert import StoredAlert
from nightloop.alerts.message import Message, messages_of
from nightloop.alerts.senders import EmailSender, NotSent, SlackSender, SmtpServer
from tests.alerts.outboxes import alert
from tests.fixtures_alerts import MailServer, Webhook

(MESSAGE,) = messages_of([StoredAlert("00ab", alert(what="it <broke>.", link="http://x"), datetime.now(UTC))], "email")
SECRET = "s3cr3t-pass"


def email(server: MailServer, seconds: float = 5.0, **changes: Any) -> EmailSender:
    smtp = SmtpServer("127.0.0.1", server.port, "nightloop@example.com", tls="none", seconds=seconds)
    return EmailSender(replace(smtp, **changes), ("ops@example.com", "ml@example.com"))


def refusal(sender: EmailSender | SlackSender, message: Message = MESSAGE) -> NotSent:
    with pytest.raises(NotSent) as refused:
        sender.send(message)
    return refused.value


def test_a_mail_has_both_bodies_and_a_name_that_depends_on_what_it_says(mail_server: MailServer) -> None:
    assert email(mail_server).send(MESSAGE) == ""
    assert email(mail_server).send(MESSAGE) == ""
    mail, again = mail_server.messages
    assert mail["Message-ID"] == again["Message-ID"] == "<00ab.email@nightloop>"
    assert (mail["Subject"], mail["From"]) == (MESSAGE.headline, "nightloop@example.com")
    assert mail["To"] == "ops@example.com, ml@example.com" and mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "multipart/alternative" and not list(mail.iter_attachments())
    assert "it <broke>." in mail.get_body(("plain",)).get_content()
    assert "it &lt;broke&gt;." in mail.get_body(("html",)).get_content()


@pytest.mark.parametrize(
    ("mode", "says", "is_uncertain", "is_servers"),
    [
        ("refusing", "554 mailbox is full", False, False),
        ("busy", "451 try again later", False, True),
        ("breaking", "SMTPServerDisconnected", True, True),
        ("losing", "SMTPServerDisconnected", True, True),
        ("slow", "timed out", True, True),
    ],
)
def test_each_way_a_mail_server_breaks_is_told_apart(
    mail_server: MailServer, mode: str, says: str, *, is_uncertain: bool, is_servers: bool
) -> None:
    mail_server.mode = mode
    error = refusal(email(mail_server, seconds=0.2))
    assert says in error.reason and error.reason.startswith(f"smtp 127.0.0.1:{mail_server.port}: ")
    assert (error.is_uncertain, error.is_servers) == (is_uncertain, is_servers)


def test_a_mail_server_that_is_down_got_nothing(mail_server: MailServer) -> None:
    mail_server.stop()
    error = refusal(email(mail_server))
    assert "Connection refused" in error.reason and (error.is_uncertain, error.is_servers) == (False, True)


def test_a_server_that_asks_for_no_account_and_gets_one_refuses_and_the_password_stays_hidden(mail_server: MailServer) -> None:
    error = refusal(email(mail_server, user="me", password=SecretStr(SECRET)))
    assert (error.is_uncertain, error.is_servers) == (False, True) and SECRET not in error.reason


def test_a_password_that_the_server_repeats_is_masked(mail_server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def login(*_: object) -> None:
        raise smtplib.SMTPAuthenticationError(535, f"no account with {SECRET}".encode())

    monkeypatch.setattr(smtplib.SMTP, "login", login)
    error = refusal(email(mail_server, user="me", password=SecretStr(SECRET)))
    assert error.reason.endswith("535 no account with ***") and error.is_servers


def test_a_server_is_given_a_moment_to_be_there_and_longer_to_answer(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = []

    def connect(host: str, port: int, timeout: float, source: object) -> Any:
        patience.append(timeout)
        return socket.create_connection((host, port), timeout)

    monkeypatch.setattr(smtplib.SMTP, "_get_socket", lambda _, host, port, timeout: connect(host, port, timeout, None))
    for seconds in (30.0, 8.0, 0.5):
        with email(mail_server, seconds=seconds).smtp.session() as session:
            assert session.sock is not None
            patience.append(session.sock.gettimeout())
    assert patience == [8.0, 30.0, 8.0, 8.0, 0.5, 0.5]


def test_without_starttls_nothing_is_sent_in_the_clear(mail_server: MailServer) -> None:
    error = refusal(email(mail_server, tls="starttls"))
    assert "STARTTLS" in error.reason and mail_server.messages == [] and not error.is_uncertain


def test_implicit_tls_is_tls_from_the_first_byte(mail_server: MailServer) -> None:
    error = refusal(email(mail_server, tls="implicit", seconds=1))
    assert "SSL" in error.reason and mail_server.messages == []


def test_a_certificate_is_checked_unless_the_declaration_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    contexts: list[ssl.SSLContext] = []

    def starttls(_self: smtplib.SMTP, *, context: ssl.SSLContext) -> None:
        contexts.append(context)

    monkeypatch.setattr(smtplib.SMTP, "__init__", lambda *_, **__: None)
    monkeypatch.setattr(smtplib.SMTP, "starttls", starttls)
    monkeypatch.setattr(smtplib.SMTP, "close", lambda _: None)
    for verify in (True, False):
        with SmtpServer("h", 1, "a@b", verify=verify).session():
            pass
    assert [context.check_hostname for context in contexts] == [True, False]


def test_recipients_whom_the_server_refuses_are_named_and_the_others_get_it(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def handle_rcpt(server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if address.startswith("ml@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    mail_server.stop()
    mail_server.handle_RCPT = handle_rcpt  # type: ignore[attr-defined]
    mail_server.start()
    assert email(mail_server).send(MESSAGE) == "refused for ml@example.com (550 no such user)"
    assert len(mail_server.messages) == 1
    error = refusal(EmailSender(email(mail_server).smtp, ("ml@example.com",)))
    assert error.reason.endswith("ml@example.com (550 no such user)") and (error.is_uncertain, error.is_servers) == (
        False,
        False,
    )


def test_an_address_that_is_none_is_the_messages_trouble(mail_server: MailServer) -> None:
    error = refusal(EmailSender(email(mail_server).smtp, ("a\nb@example.com",)))
    assert (error.is_uncertain, error.is_servers) == (False, False)


def test_a_post_reaches_the_webhook(webhook: Webhook) -> None:
    assert SlackSender(SecretStr(webhook.url)).send(MESSAGE) == ""
    (post,) = webhook.posts
    assert post["text"] == MESSAGE.headline and "it &lt;broke&gt;." in str(post["blocks"])


@pytest.mark.parametrize(
    ("mode", "status", "says", "is_uncertain", "is_servers"),
    [
        ("up", 400, "400 no_service", False, False),
        ("up", 404, "404 no_service", False, True),
        ("busy", 200, "429 no_service", False, True),
        ("refusing", 200, "500 no_service", False, True),
        ("losing", 200, "RemoteDisconnected", True, True),
        ("slow", 200, "TimeoutError", True, True),
    ],
)
def test_each_way_a_webhook_breaks_is_told_apart(
    webhook: Webhook, mode: str, status: int, says: str, *, is_uncertain: bool, is_servers: bool
) -> None:
    webhook.mode, webhook.status = mode, status
    error = refusal(SlackSender(SecretStr(webhook.url), seconds=0.2))
    assert says in error.reason and error.reason.startswith(f"slack 127.0.0.1:{webhook.port}: ")
    assert (error.is_uncertain, error.is_servers) == (is_uncertain, is_servers)
    assert "T000" not in error.reason, "the webhook's address is the secret"


def test_a_webhook_that_is_down_got_nothing(webhook: Webhook) -> None:
    webhook.stop()
    error = refusal(SlackSender(SecretStr(webhook.url)))
    assert "ConnectionRefusedError" in error.reason and (error.is_uncertain, error.is_servers) == (False, True)


def test_senders_show_no_secret(mail_server: MailServer) -> None:
    slack = SlackSender(SecretStr("https://hooks.slack.com/services/T000/B000/XXX"))
    smtp = email(mail_server, user="me", password=SecretStr(SECRET))
    assert "T000" not in f"{slack!r} {slack.server} {slack.readers}" and SECRET not in f"{smtp!r} {smtp.server}"
    assert slack.server == "slack hooks.slack.com" and smtp.readers == "ops@example.com, ml@example.com"
    assert slack.readers != SlackSender(SecretStr("https://hooks.slack.com/services/T000/B000/YYY")).readers
