"""Uvicorn's server, which says to each caller that the connection closes from the moment on that a signal asks it to stop.

Uvicorn itself says so a tick later; who sends its next request into a connection that closes gets no answer.
"""

from __future__ import annotations

from types import FrameType

import uvicorn
from uvicorn.protocols.http.flow_control import CLOSE_HEADER


class ClosingServer(uvicorn.Server):
    """Adds ``Connection: close`` to every answer once it is to stop."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop."""
        for headers in (self.config.encoded_headers, self.server_state.default_headers):
            headers.append(CLOSE_HEADER)
        super().handle_exit(sig, frame)
