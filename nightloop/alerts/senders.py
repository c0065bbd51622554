"""Carry a message out: by SMTP, or to a Slack webhook, at plain addresses."""

from __future__ import annotations

import http.client
import json
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.utils import formatdate
from typing import Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from pydantic import SecretStr

from nightloop.alerts.alert import digest
from nightloop.alerts.message import Message
from nightloop.alerts.text import html, plain, slack_blocks

CONNECT_SECONDS = 8.0
"""How long a server may take to be there: both fit into the 20 seconds for which Airflow lets a task's callbacks run on."""
SECONDS = 30.0
"""How long it may take for an answer then: some look into a message before they take it."""
BAD_REQUEST = 400


_UNFOLDED = policy.SMTP.clone(max_line_length=900)
"""Python folds a subject before its first word, and some mail programs show the blank."""


class NotSent(Exception):
    """A message was not sent, as far as is known.

    Attributes:
        reason: what the server or the network answered; no secret is in it.
        is_uncertain: the connection broke after the message was handed over: it may have arrived.
        is_servers: the server is the trouble, and not this one message: another message would not be sent either.
    """

    def __init__(self, reason: str, *, is_uncertain: bool = False, is_servers: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_uncertain = is_uncertain
        self.is_servers = is_servers


class Sender(Protocol):
    """A way to certain people."""

    @property
    def server(self) -> str:
        """Name of the server, without a secret: one that does not answer is left in peace for a while."""

    @property
    def readers(self) -> str:
        """Who reads it: alerts for the same readers may share a message."""

    def send(self, message: Message) -> str:
        """Send, and return a remark ("" if there is none).

        Raises:
            NotSent: it was not.
        """


@dataclass(frozen=True)
class SmtpServer:
    """A mail server.

    Attributes:
        tls: ``starttls`` after connecting, ``implicit`` from the first byte, or ``none``.
        verify: whether the server's certificate is checked.
        seconds: how long it may take for one answer.
    """

    host: str
    port: int
    sender: str
    user: str = ""
    password: SecretStr = field(default=SecretStr(""))
    tls: str = "starttls"
    verify: bool = True
    seconds: float = SECONDS

    @contextmanager
    def session(self) -> Iterator[smtplib.SMTP]:
        """Open, secure and authenticate a session, and close it whatever comes."""
        context = ssl.create_default_context() if self.verify else ssl._create_unverified_context()  # noqa: S323 - declared
        patience = min(self.seconds, CONNECT_SECONDS)
        if self.tls == "implicit":
            session: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=patience, context=context)
        else:
            session = smtplib.SMTP(self.host, self.port, timeout=patience)
        try:
            if session.sock:
                session.sock.settimeout(self.seconds)
            if self.tls == "starttls":
                session.starttls(context=context)
            if self.user:
                session.login(self.user, self.password.get_secret_value())
            yield session
        finally:
            session.close()


@dataclass(frozen=True)
class EmailSender:
    """E-mail to everybody named."""

    smtp: SmtpServer
    recipients: tuple[str, ...]

    @property
    def server(self) -> str:
        """Host and port."""
        return f"smtp {self.smtp.host}:{self.smtp.port}"

    @property
    def readers(self) -> str:
        """The addresses."""
        return ", ".join(self.recipients)

    def send(self, message: Message) -> str:
        """Send a message with a plain and an HTML body; the remark names recipients whom the server refused."""
        is_handed_over = False
        try:
            with self.smtp.session() as session:
                is_handed_over = True
                refused = session.send_message(email_message(message, self.smtp.sender, self.recipients))
                with suppress(OSError, smtplib.SMTPException):  # it is accepted; how they say good-bye changes nothing
                    session.quit()
        except smtplib.SMTPRecipientsRefused as error:
            raise NotSent(self._reason(_refusals(error.recipients)), is_servers=False) from error
        except smtplib.SMTPResponseException as error:
            is_permanent = is_handed_over and error.smtp_code >= 500  # noqa: PLR2004 - RFC 5321: 5yz is final for this message
            raise NotSent(self._reason(_answer(error.smtp_code, error.smtp_error)), is_servers=not is_permanent) from error
        except ValueError as error:  # an address with a line break, for one
            raise NotSent(self._reason(str(error)), is_servers=False) from error
        except (OSError, smtplib.SMTPException) as error:
            reason = f"{type(error).__name__}: {error}"
            raise NotSent(self._reason(reason), is_uncertain=is_handed_over) from error
        return f"refused for {_refusals(refused)}" if refused else ""

    def _reason(self, text: str) -> str:
        password = self.smtp.password.get_secret_value()
        return f"{self.server}: {text.replace(password, '***') if password else text}"


@dataclass(frozen=True)
class SlackSender:
    """A post to an incoming webhook, whose address is the secret."""

    url: SecretStr
    seconds: float = CONNECT_SECONDS

    @property
    def server(self) -> str:
        """The host alone."""
        return f"slack {urlsplit(self.url.get_secret_value()).netloc}"

    @property
    def readers(self) -> str:
        """Who reads the webhook's room: its digest, for the address is a secret."""
        return digest(self.url.get_secret_value())

    def send(self, message: Message) -> str:
        """Post; an answer other than 200 is a refusal."""
        body = json.dumps({"text": message.headline, "blocks": slack_blocks(message)}).encode()
        request = Request(self.url.get_secret_value(), body, {"Content-Type": "application/json"})  # noqa: S310 - checked at its door
        try:
            with urlopen(request, timeout=self.seconds) as answer:  # noqa: S310 - likewise
                answer.read()
        except HTTPError as error:
            text = error.read(200).decode("utf-8", "replace")
            reason = f"{self.server}: {error.code} {text}".strip()
            raise NotSent(reason, is_servers=error.code != BAD_REQUEST) from error
        except (OSError, http.client.HTTPException) as error:
            cause = error.reason if isinstance(error, URLError) else error
            is_certain = isinstance(error, URLError) and not isinstance(cause, TimeoutError)
            reason = f"{self.server}: {type(cause).__name__}: {cause}"
            raise NotSent(reason, is_uncertain=not is_certain) from error
        return ""


def email_message(message: Message, sender: str, recipients: tuple[str, ...]) -> EmailMessage:
    """Compose the mail; its Message-ID depends on nothing but what it says."""
    mail = EmailMessage(policy=_UNFOLDED)
    mail["Subject"] = message.headline
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{message.id}@nightloop>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(plain(message))
    mail.add_alternative(html(message), subtype="html")
    return mail


def _refusals(recipients: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(f"{address} ({_answer(code, text)})" for address, (code, text) in recipients.items())


def _answer(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())}"
