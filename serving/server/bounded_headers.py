"""Uvicorn's HTTP protocol with a bound on headers: it would collect them without end, before anybody is asked for a token."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES = 65_536
"""Bytes of a request's line and headers."""
_WHY = b"The line and the headers of a request may have 64 KiB."
_ANSWER = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_WHY), _WHY)
)


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
