"""Bounds on how long a client may take: to send a request, and to take an answer. Uvicorn waits for ever for both.

A connection costs memory and a file of the process; who opens many and sends a byte now and then would take all of them.
"""

from __future__ import annotations

import asyncio

from serving.server.bounded_headers import BoundedHeaders, last_answer

SECONDS = 30.0
"""From the opening, or the first byte of a next request, to its last; and for an answer that the client does not take."""
_ANSWER = last_answer(b"408 Request Timeout", b"A request has 30 s to arrive.")


class BoundedTime(BoundedHeaders):
    """Closes the connection of a client that is too slow."""

    seconds = SECONDS
    _to_arrive: asyncio.TimerHandle | None = None
    _to_be_taken: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._await_arrival()

    def data_received(self, data: bytes) -> None:
        """Begin to wait for the end of a next request with the first byte of it."""
        if self._in_headers:
            self._await_arrival()
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins, be it in the bytes that the one before ended in."""
        self._await_arrival()
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """The request is here."""
        self._cancel_arrival()
        self._in_headers = True
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client does not take what is sent."""
        super().pause_writing()
        self._to_be_taken = self.loop.call_later(self.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self._cancel_taking()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._cancel_arrival()
        self._cancel_taking()
        super().connection_lost(exc)

    def _never_arrived(self) -> None:
        if not self.transport.is_closing():
            if self._in_headers:  # no answer to this request has begun
                self.transport.write(_ANSWER)
            self.transport.close()

    def _await_arrival(self) -> None:
        if self._to_arrive is None:
            self._to_arrive = self.loop.call_later(self.seconds, self._never_arrived)

    def _cancel_arrival(self) -> None:
        if self._to_arrive is not None:
            self._to_arrive.cancel()
            self._to_arrive = None

    def _cancel_taking(self) -> None:
        if self._to_be_taken is not None:
            self._to_be_taken.cancel()
            self._to_be_taken = None
