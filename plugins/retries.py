"""Try again only where trying again can help: the error tree of nightloop.errors decides."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import RetryDecision, RetryPolicy

from nightloop.errors import Final, NotReady, TryAgain

if TYPE_CHECKING:
    from airflow.sdk import Context

PATIENCE = 120
"""Tries of a task whose input may still come: at WAIT apart, a night waits some ten minutes for the night before it."""

WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=2)
"""Between tries of a server that does not answer: tasks that wait so for Spark leave the workers to those that need none."""
UNKNOWN_TRIES = 3
UNKNOWN_WAIT = timedelta(seconds=30)


class StageRetryPolicy(RetryPolicy):
    """How each kind of error is tried again.

    ``NotReady``: soon and patiently. Another ``TryAgain``, as of a server that does not answer: patiently, ever less often.
    ``Final``: fail at once. Anything else: three tries, half a minute apart.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,  # noqa: ARG002 - the signature is Airflow's
        context: Context | None = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Decide by the class of the error."""
        if isinstance(exception, Final):
            return RetryDecision.fail(reason=f"{type(exception).__name__}: a person must act, trying again changes nothing.")
        if isinstance(exception, TryAgain):
            delay = WAIT if isinstance(exception, NotReady) else min(WAIT * 2 ** min(try_number - 1, 10), LONGEST_WAIT)
            return RetryDecision.retry(delay=delay, reason=f"{type(exception).__name__}: the same call may succeed later.")
        if try_number >= UNKNOWN_TRIES:
            return RetryDecision.fail(reason=f"unexpected {type(exception).__name__}, after {try_number} tries.")
        return RetryDecision.retry(delay=UNKNOWN_WAIT, reason=f"unexpected {type(exception).__name__}.")
