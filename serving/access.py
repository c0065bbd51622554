"""Who may ask: a bearer token on /v1/, and loopback only where there is none."""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
import os
import secrets
import socket
from functools import cached_property
from pathlib import Path
from typing import Literal

from fastapi import Request
from pydantic import SecretStr

from nightloop.errors import SetupError
from serving.problems import Unauthorized

AddressPolicy = Literal["hashed", "plain", "none"]
SHORTEST_TOKEN = 16
VARIABLE = "NIGHTLOOP_SERVICE_TOKEN"
CLIENT = "nightloop_client"  # of a request's scope: the name of who asks, which the audit records
OPERATORS = "service-token"  # whoever carries the one token


class TokenCheck:
    """Lets a request pass when it carries the token, or when none is set."""

    def __init__(self, token: SecretStr | None) -> None:
        self._token = token.get_secret_value().encode() if token else b""

    async def __call__(self, request: Request) -> None:
        """Check one request.

        Raises:
            Unauthorized: no bearer token, or another one.
        """
        if not self._token:
            return
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        # Compared in constant time: how long it takes tells nothing of how much of it was right.
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self._token):
            raise Unauthorized(
                "this route asks for a bearer token." if not given else "the bearer token is not the service's.",
                where=request.url.path,
                do="Send the header 'Authorization: Bearer TOKEN'; the operators of the service have the token.",
            )
        request.scope[CLIENT] = OPERATORS


class Addresses:
    """What the audit holds of a caller's address: a hash by a key of this HOME, the address itself, or nothing.

    The answers to one caller can be found by the hash; who has no key cannot try out all addresses to find whose it is.
    """

    def __init__(self, policy: AddressPolicy, folder: Path) -> None:
        self._policy = policy
        self._path = folder / "address-key"

    def of(self, request: Request) -> str | None:
        """Return the address of a request as the audit holds it; None where it holds none."""
        if self._policy == "none" or request.client is None:
            return None
        if self._policy == "plain":
            return request.client.host
        return hmac.new(self._key, request.client.host.encode(), "sha256").hexdigest()[:32]

    @cached_property
    def _key(self) -> bytes:
        """The key, drawn once for all processes of this HOME."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        drawn = Path(f"{self._path}.{os.getpid()}")
        drawn.touch(mode=0o600)
        drawn.write_bytes(secrets.token_bytes(32))
        with contextlib.suppress(FileExistsError):  # another process was first: its key holds
            os.link(drawn, self._path)
        drawn.unlink()
        return self._path.read_bytes()


def require_safe(host: str, token: SecretStr | None) -> None:
    """Check that what the service opens is protected.

    Raises:
        SetupError: an address beyond loopback without a token, or a token that is short enough to guess, or that no client can
            send.
    """
    text = token.get_secret_value() if token else ""
    if text and len(text) < SHORTEST_TOKEN:
        raise SetupError(
            f"the token has {len(text)} characters; at least {SHORTEST_TOKEN} are needed.",
            where=VARIABLE,
            do='Make one: python -c "import secrets; print(secrets.token_urlsafe(32))"',
        )
    if not all("!" <= character <= "~" for character in text):
        raise SetupError(
            "the token has a space, or a character that no header can carry: no client could send it.",
            where=VARIABLE,
            do='Make one of letters and digits: python -c "import secrets; print(secrets.token_urlsafe(32))"',
        )
    if not text and not is_loopback(host):
        raise SetupError(
            f"the service has no token and would listen on {host}, where others can reach it.",
            do=f"Set {VARIABLE}, or listen on 127.0.0.1.",
        )


def is_loopback(host: str) -> bool:
    """Tell whether every address of the host is a loopback address."""
    try:
        addresses = [item[4][0] for item in socket.getaddrinfo(host or "0.0.0.0", None, proto=socket.IPPROTO_TCP)]  # noqa: S104
    except OSError as error:
        raise SetupError(f"'{host}' is no address of this machine ({error}).", do="Give another --host.") from error
    return all(ipaddress.ip_address(str(address).partition("%")[0]).is_loopback for address in addresses)
