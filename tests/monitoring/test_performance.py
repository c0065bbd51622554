"""Realised performance by the version that answered: whose rows are judged, and what is told of the others."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from nightloop.definitions import UseCase
from nightloop.monitoring.limits import archive_limits, with_archived_limits
from nightloop.monitoring.matured import Matured
from nightloop.monitoring.performance import performance_limits, performance_of
from nightloop.workspace import Workspace
from tests.fixtures_sales import definition, night

ROWS = 200


def use_case(**calibration: float) -> UseCase:
    declared = definition()
    watched = declared.monitoring.model_copy(update={"minimum_rows": 100, "auc_floor": 0.6})
    gate = declared.gates.calibration.model_copy(update={"maximum_bias": 0.1, "maximum_error": 0.1, **calibration})
    gates = declared.gates.model_copy(update={"calibration": gate})
    return declared.model_copy(update={"monitoring": watched, "gates": gates})


def matured(*versions: int, worthless: int | None = None, scored: int = ROWS, off: float = 0.0) -> Matured:
    """Return a night of rows for each version named, oldest first; one version may answer in the wrong order."""
    random = np.random.default_rng(len(versions))
    nights = [night(place) for place in range(len(versions))]
    probability = random.random(ROWS * len(versions))
    label = random.random(len(probability)) < probability
    version = np.repeat(np.array(versions), ROWS)
    answered = np.clip(np.where(version == worthless, 1 - probability, probability) + off, 0, 1)
    return Matured(
        scored_nights=tuple(nights),
        night=np.repeat(np.array(nights, dtype="datetime64[D]"), ROWS),
        label=label,
        prediction=answered,
        decision=answered >= 0.5,
        model_version=version,
        group=np.full(len(label), "all"),
        covered=np.full(len(label), np.nan),
        scored_by_version={of: scored * versions.count(of) for of in set(versions)},
        inputs={},
    )


def test_a_champion_answers_for_its_own_rows_alone() -> None:
    rows = matured(1, 1, 1, 1, 2, 2, 2, worthless=1)
    performance = performance_of(use_case(), rows, 2)
    assert (performance.version, performance.verdict.outcome) == (2, "pass")
    assert len(performance.matured) == 3 * ROWS and performance.matured.scored_nights == (night(4), night(5), night(6))
    assert "over 600 matured labels of 3 scored nights" in performance.verdict.reason
    assert performance_of(use_case(), matured(1, 1, 1, 1, 2, 2, 2, worthless=2), 2).verdict.outcome == "fail"


def test_every_version_of_the_window_has_its_figures() -> None:
    performance = performance_of(use_case(), matured(1, 1, 1, 2, 2, worthless=1), 2)
    assert [(part.model_version, part.source) for part in performance.others] == [
        (1, f"scores of version 1 on {night(0)}..{night(2)}"),
        (2, f"scores of version 2 on {night(3)}..{night(4)}"),
    ]
    auc = {item.group: item for part in performance.others for item in part.figures if item.metric == "pooled_auc"}
    assert auc["model_version=1"].value < 0.4 and auc["model_version=2"].value > 0.6
    assert auc["model_version=1"].n == 600 and auc["model_version=2"].n == 400
    assert performance_of(use_case(), matured(2, 2, 2), 2).others == (), "one version is all rows"


def test_a_new_champion_is_not_judged_by_what_the_one_before_it_answered() -> None:
    performance = performance_of(use_case(), matured(1, 1, 1, worthless=1), 2)
    assert (performance.version, performance.verdict.outcome) == (1, "not_enough_evidence")
    head = "No outcome of champion version 2 has matured yet. Of version 1, before it: Realised AUC 0."
    assert performance.verdict.reason.startswith(head)


def test_of_several_versions_before_it_the_newest_stands_for_them() -> None:
    rows = matured(1, 1, 3, 3, 2, 2)
    assert performance_of(use_case(), rows, 4).version == 2


def test_a_rule_that_stood_in_has_figures_and_is_no_champion() -> None:
    performance = performance_of(use_case(), matured(1, 1, 0, 0), 4)
    assert performance.version == 1
    assert [part.source for part in performance.others if part.model_version == 0] == [
        f"scores of the rule on {night(2)}..{night(3)}"
    ]
    assert performance_of(use_case(), matured(0, 0), 4).version == 4, "no model answered"


def test_nothing_matured_is_told_of_the_champion() -> None:
    nothing = matured(1).of(night(0) - timedelta(days=9))
    performance = performance_of(use_case(), nothing, 4)
    assert (performance.version, performance.verdict.reason) == (4, "No label of a scored night is known yet.")


@pytest.mark.parametrize(("scored", "share"), [(ROWS, None), (202, None), (203, "1%"), (250, "20%")])
def test_rows_without_an_outcome_are_told(scored: int, share: str | None) -> None:
    reason = performance_of(use_case(), matured(1, 1, 1, scored=scored), 1).verdict.reason
    words = f"{share} of the {3 * scored:,} scored rows have no outcome, and need not be like those that have one."
    assert reason.endswith(words) if share else "no outcome" not in reason


def test_calibration_is_judged_by_the_limits_of_its_gate() -> None:
    rows = matured(1, 1, 1, 1, off=0.2)
    assert performance_of(use_case(), rows, 1).verdict.outcome == "fail"
    assert "beyond 0.1" in performance_of(use_case(), rows, 1).verdict.reason
    assert performance_of(use_case(maximum_bias=0.3, maximum_error=0.3), rows, 1).verdict.outcome == "pass"


def test_a_night_judged_again_has_the_limits_of_calibration_of_then(workspace: Workspace) -> None:
    digest = archive_limits(workspace.lake, use_case(maximum_bias=0.07))
    then = with_archived_limits(workspace.lake, use_case(maximum_bias=0.3), digest)
    assert performance_limits(then).maximum_bias == 0.07
