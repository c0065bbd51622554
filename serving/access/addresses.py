"""What the audit holds of a caller's address."""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import Literal

from fastapi import Request

AddressPolicy = Literal["hashed", "plain", "none"]


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
