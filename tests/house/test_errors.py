"""Every error tells a scheduler, a shell and a browser what to do."""

from __future__ import annotations

import pickle
import re

import pytest

import jobs.commands.command_line
import nightloop.errors as tree
from nightloop.errors import Final, NightloopError, NotReady, TryAgain


def _all(kind: type[NightloopError]) -> list[type[NightloopError]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in _all(child))]


KINDS = [kind for kind in _all(NightloopError) if kind.__module__ == tree.__name__]


def test_the_tree_in_the_docstring_names_every_error() -> None:
    drawn = set(re.findall(r"[─] (\w+)", tree.__doc__ or "")) | {"NightloopError"}
    assert drawn == {kind.__name__ for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_an_exit_code_and_a_status_and_survives_a_process_border(kind: type[NightloopError]) -> None:
    error = kind("what", where="where", do="do.")
    assert 1 <= kind.exit_code < 128 and 400 <= kind.http_status < 600
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy)) == (kind, "where: what do.")


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind not in (NightloopError, TryAgain, Final)], ids=lambda k: k.__name__
)
def test_every_error_is_either_tried_again_or_final(kind: type[NightloopError]) -> None:
    assert issubclass(kind, TryAgain) != issubclass(kind, Final)
    assert (kind.exit_code >= 75) == issubclass(kind, TryAgain)


def test_every_exit_code_is_told_in_the_help() -> None:
    told = set(map(int, re.findall(r"\b(\d+)\b(?= [a-zA-Z])", jobs.commands.command_line.EPILOG.split("examples")[0])))
    assert {kind.exit_code for kind in KINDS if kind.exit_code not in (1, 75)} <= told


def test_not_ready_asks_for_another_try() -> None:
    assert issubclass(NotReady, TryAgain)
