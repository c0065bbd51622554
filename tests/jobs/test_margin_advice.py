"""What check and new say of a margin: from evaluations where there are some, else by a formula, and what would prove more."""

from __future__ import annotations

import math
from typing import Any

import pytest

from jobs.training.margin_advice import NEWEST, bias_advice, floor_advice, margin_advice, typical_rows
from nightloop.evidence.gates.power import (
    least_limit,
    least_margin,
    least_nights,
    night_deviation_of_auc,
    promoted_share,
    shown_within_share,
    standard_error,
)
from nightloop.evidence.verdict import Figure
from tests.jobs.conftest import AS_OF, NIGHTS, ROWS, Loans, definition

FORMULA = "by the formula of docs/gates.md, for nothing is measured yet"


def with_margin(loans: Loans, **performance: Any) -> Loans:
    gates: Any = definition()["gates"]
    return loans.with_(gates={**gates, "performance": {**gates["performance"], **performance}})


def judged(loans: Loans, version: int, *, reach: float, over: str = "champion") -> None:
    figures = [
        {"metric": f"auc_over_{name}", "value": 0.0, "low": -reach, "high": reach, "n": 1280, "group": "all"}
        for name in ({"baseline", over} if over == "baseline" else {over})
    ]
    loans.workspace.ledger.record(
        "gate_judged", "accounts_late", night=AS_OF, subject=f"{version}/performance", payload={"figures": figures}
    )


def test_without_any_evaluation_a_formula_tells_and_proposes(loans: Loans) -> None:
    error = night_deviation_of_auc(160) / 8**0.5
    line = margin_advice(loans.use_case, rows=160)
    share = promoted_share(error, 8, 0.02)
    assert (
        f"margin_to_champion 0.02 proves: 8 nights tell two models apart by a standard error of {error:.2g} auc ({FORMULA})"
        in line
    )
    assert f"promoted in {share:.0%} of trainings. For 80%: margin_to_champion {least_margin(error, 8):.2g}" in line
    nights = least_nights(error * 8**0.5, 0.02)
    assert nights is not None and line.endswith(f"or model.split.origins {math.ceil(nights / 8) - 1}")


def test_evaluations_are_believed_before_the_formula(loans: Loans) -> None:
    judged(loans, 1, reach=0.05, over="baseline")
    error = standard_error(-0.05, 0.05, 8)
    line = margin_advice(loans.use_case, ledger=loans.workspace.ledger, rows=160)
    assert f"standard error of {error:.2g} auc (measured in one of its evaluations)" in line
    for version in range(2, 3 + NEWEST):
        judged(loans, version, reach=0.005)
    line = margin_advice(loans.use_case, ledger=loans.workspace.ledger)
    assert f"standard error of {standard_error(-0.005, 0.005, 8):.2g} auc (measured in the newest {NEWEST} of" in line
    assert line.endswith("of trainings"), "where the margin proves enough, nothing is proposed"


def test_a_margin_that_no_year_proves_is_not_answered_by_nights(loans: Loans) -> None:
    assert "origins" not in margin_advice(with_margin(loans, margin_to_champion=0.001).use_case, rows=160)
    model, gates = (definition()[part] for part in ("model", "gates"))
    by_fortnights = loans.with_(
        model={**model, "split": {**model["split"], "validate_nights": 14}},  # type: ignore[dict-item]
        gates={**gates, "performance": {**gates["performance"], "margin_to_champion": 0.001}},  # type: ignore[dict-item]
    )
    assert "origins" not in margin_advice(by_fortnights.use_case, rows=160)
    assert margin_advice(by_fortnights.use_case) == "", "nothing is known of its nights"


def test_only_the_gate_that_compares_says_how_far_apart_nights_tell_models(loans: Loans) -> None:
    judged(loans, 1, reach=0.05, over="baseline")
    line = margin_advice(loans.use_case, ledger=loans.workspace.ledger)
    window = {
        "metric": "auc_over_baseline",
        "value": 0.0,
        "low": -0.5,
        "high": 0.5,
        "n": 100,
        "group": "2024-01-01 to 2024-01-08",
    }
    name, payload = loans.use_case.use_case, {"figures": [window]}
    loans.workspace.ledger.record("gate_judged", name, night=AS_OF, subject="1/stability", payload=payload)
    assert margin_advice(loans.use_case, ledger=loans.workspace.ledger) == line


def test_of_the_rule_superior_nothing_is_proposed(loans: Loans) -> None:
    line = margin_advice(with_margin(loans, rule="superior").use_case, rows=160)
    assert "what rule superior proves" in line and line.endswith("promoted in 3% of trainings")


@pytest.mark.parametrize("metric", ["mae", "log_loss"])
def test_what_has_no_unit_of_its_own_is_told_after_the_first_evaluation(loans: Loans, metric: str) -> None:
    assert margin_advice(with_margin(loans, metric=metric).use_case, rows=160) == ""


def test_a_typical_night_is_that_of_the_newest_labels(loans: Loans) -> None:
    assert typical_rows(loans.use_case, loans.workspace.lake) == ROWS
    assert typical_rows(loans.with_(use_case="another").use_case, loans.workspace.lake) is None
    assert loans.use_case.model.split.validate_nights < NIGHTS


def test_what_a_limit_of_bias_proves_is_said_from_the_first_verdict_on(loans: Loans) -> None:
    ledger = loans.workspace.ledger
    assert bias_advice(loans.use_case, ledger) == ""
    figures = [
        {"metric": "calibration_bias", "value": 0.0, "low": -reach, "high": reach, "n": 1280, "group": group}
        for group, reach in (("all", 0.05), ("north", 0.2))
    ]
    ledger.record("gate_judged", "accounts_late", night=AS_OF, subject="1/calibration", payload={"figures": figures})
    error = standard_error(-0.05, 0.05, 8)
    share, least = shown_within_share(error, 8, 0.08), least_limit(error, 8)
    line = bias_advice(loans.use_case, ledger)
    assert f"8 nights measure a bias to a standard error of {error:.2g}" in line
    assert f"is shown to be within in {share:.0%} of trainings" in line
    assert ("For 80%" in line) == (share < 0.8)
    assert shown_within_share(error, 8, least) == pytest.approx(0.8)
    assert shown_within_share(error, 8, 0.0) == 0.0


@pytest.mark.parametrize(("floor", "told"), [(0.5, True), (0.6899, True), (0.69, False), (0.8, False)])
def test_what_a_floor_lets_pass_is_said_of_the_newest_gate(loans: Loans, floor: float, told: bool) -> None:
    ledger, name = loans.workspace.ledger, loans.use_case.use_case
    watched = loans.use_case.monitoring.model_copy(update={"auc_floor": floor})
    gate = loans.use_case.gates.performance.model_copy(update={"margin_to_champion": 0.01})
    gates = loans.use_case.gates.model_copy(update={"performance": gate})
    use_case = loans.use_case.model_copy(update={"monitoring": watched, "gates": gates})
    assert floor_advice(use_case, ledger) == ""
    for version, value in ((1, 0.6), (2, 0.72)):
        auc = Figure("auc", value, value - 0.02, value + 0.02, 900)
        of_group = Figure("auc", 0.99, 0.98, 1.0, 100, "region=north")
        payload = {"figures": [of_group.as_json(), auc.as_json()]}
        ledger.record("gate_judged", name, night=AS_OF, subject=f"{version}/performance", payload=payload)
    line = f"  what auc_floor {floor:g} lets pass: the newest gate measured AUC 0.720 [0.700 to 0.740]; "
    assert floor_advice(use_case, ledger) == (f"{line}its nearer end less margin_to_champion: auc_floor 0.69" if told else "")
