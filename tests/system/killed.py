"""Run work in a child process and kill it on the way."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.context import ForkServerContext


def ends_by_itself(
    children: ForkServerContext, work: Callable[..., None], arguments: tuple[object, ...], kill_after: float | None = None
) -> bool:
    """Do the work in a child, kill it after some seconds if told, and tell whether it ended by itself."""
    process = children.Process(target=work, args=arguments)
    process.start()
    process.join(kill_after)
    finished = process.exitcode is not None
    process.kill()
    process.join()
    assert not finished or process.exitcode == 0
    return finished
