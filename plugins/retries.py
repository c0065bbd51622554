"""What Airflow makes of our errors: tried again only where that can help, and logged as words instead of a stack."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import RetryDecision, RetryPolicy

from nightloop.errors import Final, NightloopError, NotReady, TryAgain

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

PATIENCE = 120
"""Tries of a task whose input may still come: at WAIT apart, a night waits some ten minutes for the night before it."""

WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=2)
"""Between tries of a server that does not answer: tasks that wait so for Spark leave the workers to those that need none."""
UNKNOWN_TRIES = 3
UNKNOWN_WAIT = timedelta(seconds=30)


Result = TypeVar("Result")


class Stopped(SystemExit):
    """The end of a task by an error that says itself what happened and what to do.

    Airflow logs any other exception with some sixty lines of its own stack, under which a verdict cannot be read.

    Attributes:
        error: why; the process's exit code is that of the command line.
    """

    def __init__(self, error: NightloopError) -> None:
        super().__init__(error.exit_code)
        self.error = error


def in_words(method: Callable[..., Result]) -> Callable[..., Result]:
    """Let a method that Airflow calls on a task end by ``Stopped`` where it raises one of our errors, and log that in words."""

    @wraps(method)
    def wrapped(task: BaseOperator, *arguments: Any, **named: Any) -> Result:
        try:
            return method(task, *arguments, **named)
        except NightloopError as error:
            task.log.error("%s: %s", type(error).__name__, f"{error.where}: {error.what}" if error.where else error.what)
            if error.do:
                task.log.error("What to do: %s", error.do)
            raise Stopped(error) from error

    return wrapped


def cause(exception: BaseException) -> BaseException:
    """Return what a task ended by."""
    return exception.error if isinstance(exception, Stopped) else exception


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
        exception = cause(exception)
        if isinstance(exception, Final):
            return RetryDecision.fail(reason=f"{type(exception).__name__}: a person must act, trying again changes nothing.")
        if isinstance(exception, TryAgain):
            delay = WAIT if isinstance(exception, NotReady) else min(WAIT * 2 ** min(try_number - 1, 10), LONGEST_WAIT)
            return RetryDecision.retry(delay=delay, reason=f"{type(exception).__name__}: the same call may succeed later.")
        if try_number >= UNKNOWN_TRIES:
            return RetryDecision.fail(reason=f"unexpected {type(exception).__name__}, after {try_number} tries.")
        return RetryDecision.retry(delay=UNKNOWN_WAIT, reason=f"unexpected {type(exception).__name__}.")
