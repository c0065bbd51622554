"""A ladder names each rung once, and its rule answers as the model does."""

from __future__ import annotations

import pytest

from nightloop.definitions.checking.serving import check_serving
from nightloop.definitions.problems import Problems
from nightloop.definitions.use_case import Serving, UseCase
from tests.fixtures_models import with_capacity


def mistakes(use_case: UseCase, **serving: object) -> list[tuple[str, str]]:
    noted = list[tuple[str, str]]()

    class Noted(Problems):
        def __init__(self) -> None: ...

        def add(self, path: tuple[str | int, ...], what: str, allowed: str) -> None:
            noted.append((".".join(map(str, path)), what))

    check_serving(use_case.model_copy(update={"serving": Serving.model_validate(serving)}), Noted())
    return noted


@pytest.mark.parametrize(("serving", "where", "what"), [
    ({"ladder": ["previous", "previous"]}, "serving.ladder", "a rung is named twice"),
    ({"ladder": ["rule"]}, "serving.ladder", "the rung 'rule' and its expression go together"),
    ({"ladder": ["previous"], "rule": "0.5"}, "serving.ladder", "the rung 'rule' and its expression go together"),
    ({"ladder": ["previous"], "milliseconds": 5}, "serving.milliseconds", "only a rule can answer"),
    ({"ladder": ["rule"], "rule": "balances"}, "serving.rule", "balances"),
    ({"ladder": ["rule"], "rule": "balance > 1"}, "serving.rule", "yields a boolean"),
])  # fmt: skip
def test_each_mistake_is_noted_at_its_place(tiny: UseCase, serving: dict[str, object], where: str, what: str) -> None:
    ((path, words),) = mistakes(tiny, **serving)
    assert path == where and what in words


def test_a_rule_is_not_for_a_capacity_and_what_is_whole_is_fine(tiny: UseCase) -> None:
    assert mistakes(tiny, ladder=["previous", "rule"], rule="coalesce(balance, 0.5)", milliseconds=5) == []
    assert mistakes(tiny, stale_after_nights=3) == []
    ((_, words),) = mistakes(with_capacity(tiny, 5), ladder=["rule"], rule="0.5")
    assert "not where a capacity decides" in words
