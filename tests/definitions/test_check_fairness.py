"""What is told of a fairness gate: not declared nor declined, measures of another task, limits beyond 1, empty crossings."""

from __future__ import annotations

from itertools import combinations

import pytest

from tests.definitions.rides import ABSENT, accepted, assert_told, changed, told_of

GATE = "gates.fairness"
RIGHT = {"group": "zone", "metric": "selection_rate_difference", "maximum": 0.2}


def gate(**keys: object) -> dict[str, object]:
    return {GATE: {**RIGHT, **keys}}


def test_every_measure_of_the_task_in_crossings_of_declared_columns_is_accepted() -> None:
    limits = {
        "selection_rate_ratio": 1,
        "equalised_odds_difference": 1,
        "true_positive_rate_difference": 0.001,
        "calibration_bias": 2,
        "error_cost_difference": 7,
    }
    costs = {"false_positive": 0, "false_negative": 5}
    use_case = accepted(gate(limits=limits, attributes=["shared", "rider_id"], error_cost=costs))
    fairness = use_case.gates.fairness
    assert fairness.bounds == {"selection_rate_difference": 0.2, **limits}
    assert fairness.columns == ("zone", "shared", "rider_id")
    assert fairness.crossed == tuple(combinations(["shared", "rider_id"], 2))
    assert fairness.error_costs == (0.0, 5.0)
    assert accepted(gate(attributes=["shared"], crossings=[["zone", "shared"]])).gates.fairness.crossed == (("zone", "shared"),)
    assert accepted(gate(attributes=["shared"], crossings=[])).gates.fairness.crossed == ()


def test_a_gate_may_be_declined_with_a_reason_and_nothing_else() -> None:
    fairness = accepted({GATE: {"none_because": "Pumps."}}).gates.fairness
    assert (fairness.bounds, fairness.columns, fairness.crossed, fairness.error_costs) == ({}, (), (), None)
    assert_told({GATE: {"none_because": "Pumps.", "maximum": 0.2}}, f"{GATE}.maximum", "'maximum' means nothing where no")
    assert_told({GATE: {"none_because": " "}}, f"{GATE}.none_because", "the reason is empty")
    assert_told({GATE: {"none_because": ""}}, f"{GATE}.none_because", "reads ''")


@pytest.mark.parametrize("key", ["group", "metric", "maximum"])
def test_what_a_gate_needs_is_named(key: str) -> None:
    assert_told({f"{GATE}.{key}": ABSENT}, GATE, f"the key '{key}' is missing in 'gates > fairness'.", "docs/definitions.md")


def test_a_gate_that_is_neither_declared_nor_declined_is_refused() -> None:
    assert [what for _, what, _ in told_of(changed({GATE: {}}))] == [
        f"the key '{key}' is missing in 'gates > fairness'." for key in ("group", "metric", "maximum")
    ]


@pytest.mark.parametrize(
    ("limits", "what", "do"),
    [
        ({"selection_rate_ratio": 1.001}, "at most 1, not 1.001", "Write a share."),
        ({"equalised_odds_difference": 2}, "at most 1, not 2", "Write a share."),
        ({"calibration_bias": 0}, "a limit is above 0, not 0.", "positive"),
        ({"selection_rate_ratio": -0.1}, "a limit is above 0, not -0.1.", "positive"),
        ({"mae_difference": 3}, "groups of a binary model are not compared by mae_difference.", "Use selection_rate"),
        ({"selection_rate_difference": 0.3}, "the limit of the metric selection_rate_difference is 'maximum'.", "Leave it out"),
    ],
)
def test_each_limit_suits_its_measure(limits: dict[str, float], what: str, do: str) -> None:
    assert_told(gate(limits=limits), f"{GATE}.limits.{next(iter(limits))}", what, do)


def test_an_unknown_measure_is_told_with_those_there_are() -> None:
    ((_, what, do),) = told_of(changed(gate(limits={"selection_rate_ratios": 0.8})))
    assert "selection_rate_ratios" in what and "selection_rate_ratio" in do


def test_costs_and_their_limit_go_together() -> None:
    costs = {"false_positive": 1, "false_negative": 5}
    assert_told(gate(limits={"error_cost_difference": 1}), GATE, "what an error costs is not declared", "Add error_cost")
    assert_told(gate(error_cost=costs), f"{GATE}.error_cost", "error_cost_difference has no limit", "Add the limit")
    both = {"limits": {"error_cost_difference": 1}, "error_cost": {**costs, "false_positive": -1}}
    assert_told(gate(**both), f"{GATE}.error_cost.false_positive", "reads -1")


@pytest.mark.parametrize(
    ("keys", "at", "what"),
    [
        ({"attributes": ["zones"]}, "attributes", "unknown column 'zones' in 'attributes'."),
        ({"attributes": ["zone"]}, "attributes", "'zone' is the group already."),
        ({"attributes": ["shared", "shared"]}, "attributes", "an attribute is named twice."),
        (
            {"attributes": ["shared"], "crossings": [["zone", "ride_id"]]},
            "crossings.0",
            "'ride_id' is no attribute of the gate.",
        ),
        ({"attributes": ["shared"], "crossings": [["shared"]]}, "crossings.0", "of two attributes or more, each once."),
        ({"attributes": ["shared"], "crossings": [["shared", "shared"]]}, "crossings.0", "of two attributes or more"),
    ],
)
def test_attributes_and_crossings_are_columns_each_once(keys: dict[str, object], at: str, what: str) -> None:
    assert_told(gate(**keys), f"{GATE}.{at}", what)
