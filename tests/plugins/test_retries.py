"""The error tree decides whether a task is tried again."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from airflow.sdk import BaseOperator, RetryAction

from nightloop import errors
from nightloop.settings import REPOSITORY
from plugins.retries import PATIENCE, UNKNOWN_TRIES, StageRetryPolicy, Stopped, in_words


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


class Task(BaseOperator):
    """Ends as it is asked to."""

    @in_words
    def execute(self, context: Any) -> str:
        if isinstance(context, Exception):
            raise context
        return "done"


def test_a_task_ends_by_our_errors_in_words_and_by_the_exit_code_of_the_command(capsys):
    task = Task(task_id="t")
    assert task.execute("nothing wrong") == "done"
    with pytest.raises(Stopped) as stopped:
        task.execute(errors.GateFailed("0.70 [0.60 to 0.80] is too low.", where="loans.train", do="Read the card."))
    assert stopped.value.code == errors.GateFailed.exit_code == 8
    printed = capsys.readouterr().out
    assert "GateFailed: loans.train: 0.70 [0.60 to 0.80] is too low." in printed and "What to do: Read the card." in printed
    with pytest.raises(ZeroDivisionError):
        task.execute(ZeroDivisionError())


@pytest.mark.parametrize("kind", [errors.GateFailed, errors.NotReady, errors.EngineUnavailable])
def test_what_a_task_stopped_by_is_tried_again_as_what_it_is(kind):
    of = [StageRetryPolicy().evaluate(error, try_number=2, max_tries=PATIENCE) for error in (Stopped(kind("?")), kind("?"))]
    assert of[0] == of[1]


CALLED_BY_AIRFLOW = ("execute", "execute_complete", "resume", "choose_branch")


def operators():
    """Every class of plugins/ whose instances are tasks, with the methods by which Airflow runs or resumes them."""
    for file in sorted((REPOSITORY / "plugins").glob("*.py")):
        module = importlib.import_module(f"plugins.{file.stem}") if file.stem != "__init__" else None
        for item in vars(module or object).values():
            if isinstance(item, type) and issubclass(item, BaseOperator) and item.__module__ == getattr(module, "__name__", ""):
                yield from (
                    (item, name) for name in ("execute", "execute_complete", "resume", "choose_branch") if name in vars(item)
                )


@pytest.mark.parametrize(("kind", "name"), list(operators()))
def test_every_task_ends_in_words(kind, name):
    method = vars(kind)[name]
    code = set()
    while method is not None:
        code.add(method.__code__)
        method = getattr(method, "__wrapped__", None)
    assert Task.execute.__wrapped__.__code__ in code, f"{kind.__name__}.{name} lacks @in_words"
