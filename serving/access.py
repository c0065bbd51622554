"""Who may ask: a bearer token on /v1/, and loopback only where there is none."""

from __future__ import annotations

import hmac
import ipaddress
import socket

from fastapi import Request
from pydantic import SecretStr

from nightloop.errors import SetupError
from serving.problems import Unauthorized

SHORTEST_TOKEN = 16
VARIABLE = "NIGHTLOOP_SERVICE_TOKEN"


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
