"""The keys of clients as the service knows them: read from the ledger when it polls, looked up for each request."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from nightloop.access import keys
from nightloop.access.keys import Key
from nightloop.errors import NightloopError
from nightloop.workspace import Workspace
from serving.problems import Unauthorized
from serving.threads import in_thread

log = logging.getLogger("serving")


class KeyRing:
    """Keys by their digests. Where the ledger does not answer, those that were read last hold."""

    def __init__(self, workspace: Workspace, clock: Callable[[], datetime]) -> None:
        self._workspace, self._clock = workspace, clock
        self._keys: Mapping[str, Key] | None = None

    def refresh(self) -> None:
        """Read the keys; a ledger that does not answer is logged."""
        try:
            self._read()
        except NightloopError as error:
            log.warning("the keys of clients are not read anew: %s", error)

    async def key(self, text: str) -> Key | None:
        """Return the key with this text; None where it is none.

        Raises:
            Unauthorized: it is expired, or was revoked.
            StoreUnavailable: the ledger has not answered since the start.
        """
        key = (await self._known()).get(keys.digest_of(text)) if text else None
        if key is not None and (state := key.state(self._clock())) != "valid":
            do = "Ask the operators of the service for another."
            raise Unauthorized(f"the key {key.id} of '{key.client}' is {state}.", do=do)
        return key

    async def is_asked_for(self) -> bool:
        """Tell whether any key was ever issued: then nobody passes without one, not even when all are revoked."""
        return bool(await self._known())

    async def _known(self) -> Mapping[str, Key]:
        return self._keys if self._keys is not None else await in_thread(self._read)

    def _read(self) -> Mapping[str, Key]:
        self._keys = {key.digest: key for key in keys.all_keys(self._workspace.ledger)}
        return self._keys
