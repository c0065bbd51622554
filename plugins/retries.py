"""Try again only where trying again can help: the error tree of nightloop.errors decides."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import RetryDecision, RetryPolicy

from nightloop.errors import Final, TryAgain

if TYPE_CHECKING:
    from airflow.sdk import Context

PATIENCE = 120
"""Tries of a task whose input may still come: at WAIT apart, a night waits some ten minutes for the night before it."""

WAIT = timedelta(seconds=5)
UNKNOWN_TRIES = 3
UNKNOWN_WAIT = timedelta(seconds=30)


class StageRetryPolicy(RetryPolicy):
    """``TryAgain``: soon and patiently. ``Final``: fail at once. Anything else: three tries, half a minute apart."""

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
            return RetryDecision.retry(delay=WAIT, reason=f"{type(exception).__name__}: the same call may succeed later.")
        if try_number >= UNKNOWN_TRIES:
            return RetryDecision.fail(reason=f"unexpected {type(exception).__name__}, after {try_number} tries.")
        return RetryDecision.retry(delay=UNKNOWN_WAIT, reason=f"unexpected {type(exception).__name__}.")
