"""What the gates of slices and behaviour name must be there, and suit the task."""

from __future__ import annotations

import pytest

from nightloop.definitions.checking.candidate_gates import check_candidate_gates
from nightloop.definitions.problems import Problems
from nightloop.definitions.use_case import UseCase
from tests.jobs.conftest import definition


def mistakes(**gates: object) -> list[tuple[str, str]]:
    declared = definition()
    declared["gates"] = {**declared["gates"], **gates}  # type: ignore[dict-item]
    noted = list[tuple[str, str]]()

    class Noted(Problems):
        def __init__(self) -> None: ...

        def add(self, path: tuple[str | int, ...], what: str, allowed: str) -> None:
            noted.append((".".join(map(str, path)), what))

    check_candidate_gates(UseCase.model_validate(declared), Noted())
    return noted


@pytest.mark.parametrize(
    ("gates", "where", "what"),
    [
        ({"slices": {"by": ["region", "incom"], "maximum_loss": 0.1}}, "gates.slices.by.1", "'incom' is neither a feature"),
        ({"behaviour": {"increasing": ["income", "rate_*"]}}, "gates.behaviour.increasing.1", "'rate_*' names no feature."),
        ({"behaviour": {"decreasing": ["x"]}}, "gates.behaviour.decreasing.0", "'x' names no feature."),
        ({"behaviour": {"invariant_to": ["sex"]}}, "gates.behaviour.invariant_to.0", "'sex' is no feature."),
    ],
)
def test_a_name_that_is_nowhere_is_a_mistake_at_its_place(gates: dict[str, object], where: str, what: str) -> None:
    ((path, words),) = mistakes(**gates)
    assert path == where and words.startswith(what)


def test_features_columns_of_the_fairness_gate_and_patterns_are_fine() -> None:
    slices = {"by": ["region", "income"], "maximum_loss": 0.1}
    assert mistakes(slices=slices, behaviour={"increasing": ["*"], "invariant_to": ["debt"]}) == []
