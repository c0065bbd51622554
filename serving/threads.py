"""Work that is done off the event loop, so that probes and other callers are answered meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """Call the function in a thread.

    A StopIteration cannot be set on a future: whoever awaits it would wait for ever. It is raised as a RuntimeError.
    """

    def call() -> T:
        try:
            return function(*given, **named)
        except StopIteration as error:
            raise RuntimeError("a StopIteration reached the end of its thread") from error

    return await asyncio.to_thread(call)
