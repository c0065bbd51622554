"""The truth file says what was injected, how far labels are biased, and how good a model can be."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest

from nightloop.definitions import load_use_case
from nightloop.definitions.loading import parse_use_case
from nightloop.errors import DefinitionError
from nightloop.nights import Nights, parse_nights
from nightloop.settings import REPOSITORY
from nightloop.sources.simulator.__main__ import main
from nightloop.sources.simulator.loans import Loans
from nightloop.sources.simulator.truth import best_auc, true_loans, truth
from tests.sources.portfolios import NIGHT, delivered, portfolio
from tests.sources.test_simulator_events import EVENTS, event

BIAS = {"group": {"sex": "female", "age_group": "25-34"}, "share": 0.05}
NIGHTS = Nights(NIGHT, NIGHT + timedelta(days=29))


def test_defaults_are_recorded_against_the_group_in_the_declared_share_and_against_nobody_else() -> None:
    world = portfolio(bias=BIAS, scale=0.04)
    loans = [Loans(world, night.toordinal()) for night in NIGHTS]
    group, defaulted, recorded = (
        np.concatenate([getattr(item, name) for item in loans]) for name in ("in_biased_group", "defaulted", "recorded")
    )
    assert np.array_equal(defaulted[~group], recorded[~group])
    assert recorded[group & defaulted].all(), "no true default is hidden"
    paid = group & ~defaulted
    wide = 4 * np.sqrt(0.05 * 0.95 / paid.sum())
    assert recorded[paid].mean() == pytest.approx(0.05, abs=wide) and wide < 0.02


def test_what_is_delivered_as_outcome_is_what_was_recorded_and_the_truth_file_has_both() -> None:
    world = portfolio(bias=BIAS)
    told = true_loans(world, Nights(NIGHT, NIGHT)).to_pylist()
    outcomes = {row["loan_id"]: row["defaulted"] == "true" for row in delivered(world, "outcomes", later=90).to_pylist()}
    assert {row["loan_id"]: row["recorded"] for row in told} == outcomes
    people = {row["loan_id"]: f"{row['sex']} {row['age_group']}" for row in delivered(world, "applications").to_pylist()}
    assert {row["loan_id"]: row["sex_age"] for row in told} == people
    assert {row["sex_age"] for row in told if row["in_biased_group"]} == {"female 25-34"}


def test_without_a_bias_what_is_recorded_is_true() -> None:
    loans = Loans(portfolio(), NIGHT.toordinal())
    assert np.array_equal(loans.defaulted, loans.recorded) and not loans.in_biased_group.any()


def auc_by_pairs(score: np.ndarray, label: np.ndarray) -> float:
    """Share of pairs (a default, no default) that the score puts in the right order."""
    positive, negative = score[label][:, None], score[~label][None, :]
    return float(((positive > negative) + 0.5 * (positive == negative)).mean())


def test_the_best_auc_is_what_ranking_by_the_true_probability_reaches() -> None:
    world = portfolio(scale=0.02)
    told = truth("credit", world, NIGHTS)["best_auc"]
    loans = true_loans(world, NIGHTS)
    realised = auc_by_pairs(loans["probability"].to_numpy(), loans["defaulted"].to_numpy())
    assert realised == pytest.approx(told["of_true_labels"], abs=0.02)
    assert 0.75 < told["of_true_labels"] < 0.86, "hard, not hopeless"


def test_the_best_auc_of_coins_is_one_half_and_of_certainties_one() -> None:
    assert best_auc(np.full(1000, 0.3)) == pytest.approx(0.5, abs=0.001)
    assert best_auc(np.r_[np.zeros(500), np.ones(500)]) == pytest.approx(1)


def test_the_truth_lists_every_event_with_its_nights_and_places() -> None:
    world = portfolio(*[event(kind) for kind in EVENTS], bias=BIAS)
    told = truth("credit", world, Nights(NIGHT, NIGHT))
    assert [item["kind"] for item in told["events"]] == list(EVENTS)
    assert all(item["first"] == str(NIGHT) and item["seen_in"] for item in told["events"])
    last = {item["kind"]: item["last"] for item in told["events"]}
    assert last["unit_error"] == str(NIGHT) and last["late_delivery"] == str(NIGHT + timedelta(days=3))
    assert last["sudden_drift"] is None
    assert told["events"][-1]["labels_tell_from"] == str(NIGHT + timedelta(days=90))


def test_figures_of_the_truth_are_those_of_its_loans() -> None:
    world, nights = portfolio(bias=BIAS), Nights(NIGHT, NIGHT + timedelta(days=6))
    told, loans = truth("credit", world, nights), true_loans(world, nights).to_pylist()
    assert sum(item["loans"] for item in told["by_night"]) == sum(item["loans"] for item in told["groups"]) == len(loans)
    assert sum(item["true_defaults"] for item in told["by_night"]) == sum(row["defaulted"] for row in loans)
    assert told["bias"]["recorded_defaults"] == sum(row["recorded"] for row in loans if row["in_biased_group"])
    assert {item["group"]: item["loans"] for item in told["groups"]} == Counter(row["sex_age"] for row in loans)


def test_the_command_writes_the_truth_of_the_declared_use_case(tmp_path, capsys) -> None:
    arguments = ["truth", "credit_risk", "--nights", "2024-01-01..2024-01-03", "--out", str(tmp_path / "truth.json")]
    assert main([*arguments, "--loans", str(tmp_path / "loans.parquet")]) == 0
    told = json.loads((tmp_path / "truth.json").read_text())
    declared = load_use_case("credit_risk", REPOSITORY / "feature_defs").sources["outcomes"].connector.portfolio
    assert [item["kind"] for item in told["events"]] == [item.kind for item in declared.events]
    assert told["bias"]["share"] == declared.bias.share
    assert pq.read_table(tmp_path / "loans.parquet").num_rows == sum(item["loans"] for item in told["by_night"])
    assert main(["truth", "flight_delay"]) == 2
    assert "no source of 'flight_delay' is simulated" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "column: income_stated, night",
            "column: incme_stated, night",
            "no column of applications 'incme_stated'.*Did you mean 'income_stated'",
        ),
        ("category: branch", "category: brnch", "no channel 'brnch'.*Did you mean 'branch'"),
        ("{sex: female,", "{sex: femal,", "no value of sex 'femal'.*Did you mean 'female'"),
        (
            "column: amount, night: 2024-11-12",
            "column: category, night: 2024-11-12",
            "no number in card_transactions, 'category'",
        ),
        ("kind: unit_error", "kind: unit_eror", "unknown kind 'unit_eror'.*Did you mean 'unit_error'"),
        (
            "table: bureau, portfolio: *portfolio",
            "table: bureau, portfolio: {seed: 1, scale: 1}",
            "differs from that of the first",
        ),
    ],
)
def test_a_mistake_in_a_portfolio_is_shown_at_its_line(old: str, new: str, said: str) -> None:
    text = (REPOSITORY / "feature_defs" / "credit_risk.yaml").read_text()
    assert old in text
    with pytest.raises(DefinitionError, match=rf"credit_risk\.yaml:{text[: text.index(old)].count(chr(10)) + 1}: .*{said}"):
        parse_use_case(text.replace(old, new, 1), "feature_defs/credit_risk.yaml", "credit_risk")


def test_every_event_of_credit_risk_lies_within_its_nights() -> None:
    use_case = load_use_case("credit_risk", REPOSITORY / "feature_defs")
    year = parse_nights(f"{use_case.first_night}..{use_case.last_night}")
    assert all(item.night in year for item in use_case.sources["bureau"].connector.portfolio.events)
