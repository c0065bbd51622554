"""How many requests a client may send: a number a minute, all at once or evenly, and as many again as time passes.

The generic cell rate algorithm (ITU-T I.371): of each client one instant is known, at which its whole share is there again.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from serving.problems import TooManyRequests

MINUTE = 60.0
MOST_CLIENTS = 10_000  # whose shares are known; who was not seen for longest has his whole share again


class Rates:
    """Counts the requests of each client in this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._whole_at: OrderedDict[str, float] = OrderedDict()

    def take(self, client: str, per_minute: int) -> None:
        """Count a request.

        Raises:
            TooManyRequests: the client has sent its share; says when there is more.
        """
        now = self._clock()
        whole_at = max(self._whole_at.get(client, now), now) + MINUTE / per_minute
        if whole_at - now > MINUTE + 1e-6:  # a sum of many parts of a minute may end a little above it
            seconds = math.ceil(whole_at - now - MINUTE)
            raise TooManyRequests(f"more than {per_minute} requests a minute.", seconds)
        self._whole_at[client] = whole_at
        self._whole_at.move_to_end(client)
        if len(self._whole_at) > MOST_CLIENTS:
            self._whole_at.popitem(last=False)
