"""What runs in a worker: one job at a time, its function found by import."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from nightloop import errors
from nightloop.errors import NightloopError, UsageError

Job = Mapping[str, str]


def find(function: str) -> Callable[[Job], dict[str, Any]]:
    """Return the function that "module:name" names.

    Raises:
        UsageError: there is no such module or function.
    """
    module, _, name = function.partition(":")
    try:
        target: Callable[[Job], dict[str, Any]] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"'{function}' is no function a worker can import ({error}).", do="Write it as module:name."
        ) from error
    return target


def run(function: str, job: Job) -> dict[str, Any]:
    """Do one job, and say how it went in plain values: {"done": …} or {"failed": …}, for errors must cross processes too."""
    try:
        return {"done": find(function)(job)}
    except Exception as error:  # raised again by ``result``, on the other side
        return {"failed": _failure(error)}


def result(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the job returned, or raise its error in the caller.

    Raises:
        NightloopError: of the class raised in the worker.
        RuntimeError: any other error, with the worker's traceback.
    """
    if "done" in outcome:
        done: dict[str, Any] = outcome["done"]
        return done
    failed = outcome["failed"]
    kind = getattr(errors, failed["kind"], None)
    if isinstance(kind, type) and issubclass(kind, NightloopError):
        raise kind(failed["what"], where=failed["where"], do=failed["do"])
    raise RuntimeError(f"a worker failed:\n{failed['traceback']}")


def _failure(error: Exception) -> dict[str, Any]:
    outcome: dict[str, Any] = {"kind": type(error).__name__, "traceback": traceback.format_exc()}
    if isinstance(error, NightloopError):
        outcome |= {"what": error.what, "where": error.where, "do": error.do}
    return outcome
