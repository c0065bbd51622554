"""The error tree decides whether a task is tried again."""

from __future__ import annotations

import pytest
from airflow.sdk import RetryAction

from nightloop import errors
from plugins.retries import PATIENCE, UNKNOWN_TRIES, StageRetryPolicy


def every(kind: type[errors.NightloopError]) -> list[type[errors.NightloopError]]:
    """A class of nightloop.errors and all below it there; what other modules add depends on what is imported."""
    return [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, kind)]


@pytest.mark.parametrize("kind", every(errors.TryAgain))
def test_what_may_succeed_later_is_tried_again(kind):
    decisions = [StageRetryPolicy().evaluate(kind("not yet."), try_number=n, max_tries=PATIENCE) for n in (1, 2, 5, 6, 119)]
    assert {decision.action for decision in decisions} == {RetryAction.RETRY}
    delays = [decision.retry_delay.total_seconds() for decision in decisions]
    assert delays == ([5] * 5 if issubclass(kind, errors.NotReady) else [5, 10, 80, 120, 120])


@pytest.mark.parametrize("kind", every(errors.Final))
def test_what_a_person_must_mend_fails_at_once(kind):
    decision = StageRetryPolicy().evaluate(kind("wrong."), try_number=1, max_tries=PATIENCE)
    assert decision.action is RetryAction.FAIL


def test_what_nobody_foresaw_is_tried_three_times():
    actions = [
        StageRetryPolicy().evaluate(OSError("?"), try_number=n, max_tries=PATIENCE).action for n in range(1, UNKNOWN_TRIES + 1)
    ]
    assert actions == [RetryAction.RETRY, RetryAction.RETRY, RetryAction.FAIL]
