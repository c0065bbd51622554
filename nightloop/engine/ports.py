"""The ports of the embedded set-up, all on loopback."""

from __future__ import annotations

import socket
from dataclasses import dataclass, fields

from nightloop.errors import SetupError

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """One port a server. NIGHTLOOP_PORT_OFFSET is added to each."""

    airflow: int = 8080
    mlflow: int = 5000
    service: int = 8000
    spark: int = 15002

    def shifted(self, offset: int) -> Ports:
        """Return the same ports, each moved by ``offset``."""
        return Ports(**{field.name: getattr(self, field.name) + offset for field in fields(self)})

    def require_free(self, *names: str) -> None:
        """Check that nobody listens on the named ports (default: all).

        Raises:
            SetupError: one or more are taken; the message names each, with the server that wanted it.
        """
        server_names = names or tuple(field.name for field in fields(self))
        taken = [f"{getattr(self, name)} ({name})" for name in server_names if is_taken(getattr(self, name))]
        if taken:
            raise SetupError(
                f"port {', '.join(taken)} on {LOOPBACK} is in use by another program.",
                do="Stop that program (another make ui or make run?), or choose other ports for all servers: "
                "NIGHTLOOP_PORT_OFFSET=1000 make run.",
            )


def is_taken(port: int) -> bool:
    """Tell whether the port cannot be bound on loopback now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False
