"""`check` tells each verdict that can never pass, never fail, or never be given; at each limit, just below, and just above."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jobs.training.impossible_verdicts import MOST_GROUPS, AtHand, at_hand, impossible_verdicts
from nightloop.definitions import load_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.settings import REPOSITORY
from tests.jobs.conftest import Loans
from tests.system import parcels

ENOUGH = AtHand(5000, 5000)


@pytest.fixture(scope="module")
def flights() -> UseCase:
    return load_use_case("flight_delay", REPOSITORY / "feature_defs")


def changed(use_case: UseCase, values: Mapping[str, Any]) -> UseCase:
    """Return the use case with other values, each by its dotted path."""
    for path, value in values.items():
        use_case = _changed(use_case, path.split("."), value)
    return use_case


def _changed(part: Any, path: list[str], value: Any) -> Any:
    inner = value if len(path) == 1 else _changed(getattr(part, path[0]), path[1:], value)
    return part.model_copy(update={path[0]: inner})


@pytest.mark.parametrize("name", ["flight_delay", "arrival_delay", "credit_risk"])
def test_what_is_shipped_has_no_such_limit(name: str) -> None:
    assert impossible_verdicts(load_use_case(name, REPOSITORY / "feature_defs"), ENOUGH) == []


BINARY = [
    (
        {"model.split.validate_nights": 4},
        "gates of performance, calibration and fairness can never be given: validate_nights is 4",
    ),
    ({"model.split.validate_nights": 5}, None),
    ({"gates.performance.minimum_rows": 70_001}, "gates.performance can never be given: minimum_rows is 70,001"),
    ({"gates.performance.minimum_rows": 70_000}, None),
    ({"gates.calibration.minimum_rows": 70_001}, "gates.calibration can never be given"),
    ({"gates.calibration.minimum_rows": 70_000}, None),
    ({"gates.performance.over_baseline": 1.0}, "gates.performance can never pass"),
    ({"gates.performance.over_baseline": 0.99}, None),
    (
        {"gates.performance.over_baseline": -1.0, "gates.performance.margin_to_champion": 1.0},
        "gates.performance can never fail",
    ),
    ({"gates.performance.over_baseline": -0.99, "gates.performance.margin_to_champion": 1.0}, None),
    ({"gates.calibration.maximum_error": 1.0}, "gates.calibration.maximum_error can never fail"),
    ({"gates.calibration.maximum_bias": 1.0}, "gates.calibration.maximum_bias can never fail"),
    ({"gates.calibration.maximum_error": 0.99, "gates.calibration.maximum_bias": 0.99}, None),
    ({"gates.fairness.maximum": 1.0}, "gates.fairness, selection_rate_difference, can never fail"),
    ({"gates.fairness.maximum": 0.99}, None),
    ({"monitoring.drifted_share_limit": 1.0}, "the verdict of drift can never fail"),
    ({"monitoring.drifted_share_limit": 0.99}, None),
    ({"monitoring.auc_floor": 0.0}, "the verdict of performance can never fail"),
    ({"monitoring.auc_floor": 0.01}, None),
    ({"monitoring.auc_floor": 1.0}, "the verdict of performance can never pass"),
    ({"monitoring.auc_floor": 0.99}, None),
    ({"monitoring.minimum_rows": 5001}, "the verdict of drift can never be given: monitoring.minimum_rows is 5,001"),
    ({"monitoring.minimum_rows": 5000}, None),
    ({"monitoring.psi_limit": 0.0043}, "monitoring.psi_limit 0.0043 never decides"),
    ({"monitoring.psi_limit": 0.0044}, None),
]


@pytest.mark.parametrize(("values", "told"), BINARY, ids=[str(values) for values, _ in BINARY])
def test_a_limit_of_a_binary_use_case(flights: UseCase, values: Mapping[str, Any], told: str | None) -> None:
    lines = impossible_verdicts(changed(flights, values), ENOUGH)
    assert len(lines) == (told is not None)
    assert all(told in line for line in lines if told)


def test_labels_of_the_nights_taken_together_are_asked_for_by_performance(flights: UseCase) -> None:
    nights = flights.monitoring.performance_nights
    asks = changed(flights, {"monitoring.minimum_rows": 10 * nights, "gates.performance.minimum_rows": 1})
    asks = changed(asks, {"gates.calibration.minimum_rows": 1, "gates.slices": None})
    assert impossible_verdicts(asks, AtHand(10, None)) == []
    (line,) = impossible_verdicts(asks, AtHand(9.9, None))
    assert "the verdict of performance can never be given" in line


@pytest.mark.parametrize(("ceiling", "told"), [(2 * math.log(3) - 0.01, 0), (2 * math.log(3), 1)])
def test_a_ceiling_that_twice_the_loss_of_guessing_does_not_reach(tmp_path: Path, ceiling: float, told: int) -> None:
    parcels.write_all(tmp_path)
    question = parcels.QUESTIONS["multiclass"]
    use_case = load_use_case(question.name, tmp_path / "feature_defs")
    assert len(use_case.model.classes) == 3
    lines = impossible_verdicts(changed(use_case, {"monitoring.error_ceiling": ceiling}), AtHand())
    assert len(lines) == told
    assert all("guessing has a log loss of 1.10" in line for line in lines)


def test_a_number_without_a_ceiling_is_never_judged() -> None:
    delay = load_use_case("arrival_delay", REPOSITORY / "feature_defs")
    (line,) = impossible_verdicts(changed(delay, {"monitoring.error_ceiling": None}), AtHand())
    assert "the verdict of performance can never be given: error_ceiling is left out" in line


GROUPS = [
    ({"JFK": 400.0, "LGA": 300.0}, None),
    ({"JFK": 400.0, "LGA": 299.0}, "minimum_group_rows is 300, and LGA has 299"),
    ({"JFK": 400.0}, "all rows are of one group, JFK"),
    ({f"G{i}": 400.0 for i in range(MOST_GROUPS)}, None),
    ({f"G{i}": 400.0 for i in range(MOST_GROUPS + 1)}, f"it has {MOST_GROUPS + 1} values"),
]


@pytest.mark.parametrize(("groups", "told"), GROUPS)
def test_groups_that_cannot_be_compared(flights: UseCase, groups: dict[str, float], told: str | None) -> None:
    asks = changed(flights, {"gates.fairness.minimum_group_rows": 300})
    lines = impossible_verdicts(asks, AtHand(groups={"origin": groups}))
    assert len(lines) == (told is not None)
    assert all(told in line and "gates.fairness by origin can never be given" in line for line in lines if told)


def test_a_key_is_no_group(flights: UseCase) -> None:
    (key,) = flights.entity.key
    (line,) = impossible_verdicts(changed(flights, {"gates.fairness.group": key}), ENOUGH)
    assert "it is the entity's key" in line


def test_the_lake_tells_rows_and_groups_of_the_newest_nights(loans: Loans) -> None:
    held = at_hand(loans.use_case, loans.workspace.lake)
    assert held.rows is not None and held.scored is not None and held.rows > 0
    assert set(held.groups) == set(loans.use_case.gates.fairness.columns) != set()
    judged = held.scored * loans.use_case.model.split.validate_nights
    assert {column: sum(rows.values()) for column, rows in held.groups.items()} == dict.fromkeys(held.groups, judged)
    (line,) = impossible_verdicts(loans.use_case, held)
    assert line.endswith("the verdict of drift can never be given: monitoring.minimum_rows is 200, and a night has 160")
    lines = impossible_verdicts(changed(loans.use_case, {"gates.calibration.minimum_rows": 10**6}), held)
    assert any("gates.calibration can never be given" in line for line in lines)
