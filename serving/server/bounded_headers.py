"""Uvicorn's HTTP protocol with a bound on headers: it would collect them without end, before anybody is asked for a token."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES = 65_536
"""Bytes of a request's line and headers."""


def last_answer(status: bytes, why: bytes) -> bytes:
    """Return an answer by its status line and its text, after which the connection is closed."""
    return b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (
        status,
        len(why),
        why,
    )


_ANSWER = last_answer(b"431 Request Header Fields Too Large", b"The line and the headers of a request may have 64 KiB.")


class BoundedHeaders(HttpToolsProtocol):
    """Closes the connection of a request whose headers do not end in time."""

    _header_bytes = 0
    _in_headers = True

    def data_received(self, data: bytes) -> None:
        """Count what arrives until the headers are complete."""
        self._header_bytes = self._header_bytes + len(data) if self._in_headers else 0
        super().data_received(data)
        if self._in_headers and self._header_bytes > MOST_BYTES and not self.transport.is_closing():
            self.transport.write(_ANSWER)
            self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_headers = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its headers are complete."""
        self._in_headers, self._header_bytes = False, 0
        super().on_headers_complete()
