#!/usr/bin/env python3
"""Ask a server in this container whether it is well; for images that carry Python but no curl.

check_health.py http://127.0.0.1:8000/readyz    well: it answers 2xx
check_health.py tcp://127.0.0.1:15002           well: it accepts a connection
"""

from __future__ import annotations

import socket
import sys
import urllib.error
import urllib.request
from urllib.parse import urlsplit

SECONDS = 5


def problem_of(address: str) -> str | None:
    """Return what is wrong with the server at the address, or None."""
    parts = urlsplit(address)
    try:
        if parts.scheme == "tcp":
            with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=SECONDS):
                return None
        with urllib.request.urlopen(address, timeout=SECONDS):  # noqa: S310 - the address is written in docker-compose.yml
            return None
    except urllib.error.HTTPError as error:
        return f"it answers {error.code}: {error.read(300).decode(errors='replace')}"
    except OSError as error:
        return str(error)


def main() -> int:
    """Check the address given, and return 0 when the server is well, else 1."""
    problem = problem_of(sys.argv[1])
    if problem:
        sys.stderr.write(f"{sys.argv[1]}: {problem}\n")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
