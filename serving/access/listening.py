"""What must protect the service, by where it listens: loopback only where nobody is asked who he is."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

from pydantic import SecretStr

from nightloop.errors import SetupError, command

SHORTEST_TOKEN = 16
VARIABLE = "NIGHTLOOP_SERVICE_TOKEN"


def require_safe(host: str, token: SecretStr | None, has_keys: Callable[[], bool]) -> None:
    """Check that what the service opens is protected.

    Args:
        host: to listen on.
        token: that is asked for.
        has_keys: whether keys of clients are asked for; called where nothing else protects it.

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
    if not text and not is_loopback(host) and not has_keys():
        raise SetupError(
            f"the service has no token and would listen on {host}, where others can reach it.",
            do=f"Set {VARIABLE}, issue a key ({command('keys', 'issue', 'CLIENT')}), or listen on 127.0.0.1.",
        )


def is_loopback(host: str) -> bool:
    """Tell whether every address of the host is a loopback address."""
    try:
        addresses = [item[4][0] for item in socket.getaddrinfo(host or "0.0.0.0", None, proto=socket.IPPROTO_TCP)]  # noqa: S104
    except OSError as error:
        raise SetupError(f"'{host}' is no address of this machine ({error}).", do="Give another --host.") from error
    return all(ipaddress.ip_address(str(address).partition("%")[0]).is_loopback for address in addresses)
