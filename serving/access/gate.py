"""Lets a request pass by the service's one token, or by a key of its client, and notes who asks."""

from __future__ import annotations

import hmac

from fastapi import Request
from fastapi.security import HTTPBearer
from pydantic import SecretStr

from nightloop.access.keys import OPERATORS, Key
from serving.access.key_ring import KeyRing
from serving.access.rates import Rates
from serving.problems import Forbidden, Unauthorized

CLIENT = "nightloop_client"  # of a request's scope: the name of who asks, which the audit records
KEY = "nightloop_key"  # of a request's scope: the key that opened it; absent where none is needed


class Gate(HTTPBearer):
    """Lets a request pass when it carries the token, or a key that is valid; every request where there is neither.

    Args:
        token: the one token of the service.
        ring: the keys of clients.
        rates: how many requests each client may send.
        per_minute: the same for those whose key does not say.
    """

    def __init__(self, token: SecretStr | None, ring: KeyRing, rates: Rates, per_minute: int | None = None) -> None:
        # A scheme of the description, too: to be two dependencies costs every request a tenth of a millisecond.
        super().__init__(scheme_name="HTTPBearer", auto_error=False)
        self._token = token.get_secret_value().encode() if token else b""
        self._ring, self._rates, self._per_minute = ring, rates, per_minute

    async def __call__(self, request: Request) -> None:
        """Check one request.

        Raises:
            Unauthorized: no bearer token or key, or one that opens nothing.
            TooManyRequests: the client has sent its share.
            StoreUnavailable: the keys cannot be read.
        """
        if CLIENT in request.scope:  # asked by this process itself, a stream: no client writes there
            return
        key = await self._identified(request)
        per_minute = key.per_minute if key and key.per_minute else self._per_minute
        if per_minute:
            self._rates.take(key.client if key else request.client.host if request.client else "", per_minute)

    async def _identified(self, request: Request) -> Key | None:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        text = given.strip() if kind.lower() == "bearer" else ""
        # Compared in constant time: how long it takes tells nothing of how much of it was right.
        if self._token and hmac.compare_digest(text.encode("utf-8", "surrogateescape"), self._token):
            request.scope[CLIENT] = OPERATORS
            return None
        if key := await self._ring.key(text):
            request.scope[CLIENT], request.scope[KEY] = key.client, key
            return key
        if self._token or await self._ring.is_asked_for():
            raise Unauthorized(
                "the bearer token is not the service's, nor a client's." if given else "this route asks for a bearer token.",
                where=request.url.path,
                do="Send the header 'Authorization: Bearer TOKEN'; the operators of the service have the token.",
            )
        return None


def require(request: Request, scope: str, use_case_name: str) -> None:
    """Check that the key of a request, where it has one, opens a scope of a use case.

    Raises:
        Forbidden: it does not.
    """
    key: Key | None = request.scope.get(KEY)
    if key is not None and not key.allows(scope, use_case_name):
        raise Forbidden(
            f"the key {key.id} of '{key.client}' does not open '{scope}' of '{use_case_name[:60]}'; it opens "
            f"{', '.join(key.scopes)}.",
            where=request.url.path,
            do="Ask the operators of the service for a key that does.",
        )
