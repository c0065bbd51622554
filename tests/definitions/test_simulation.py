"""A simulated portfolio names only what is there: each event's tables, columns, categories and sizes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from nightloop.definitions.simulation import CATEGORIES, COLUMNS, NUMERIC_COLUMNS, Portfolio, SimulatorConnector

NIGHT = "2024-03-01"


def portfolio(**changes: object) -> Portfolio:
    return Portfolio.model_validate({"seed": 1, "scale": 0.1} | changes)


def event(**declared: object) -> Portfolio:
    return portfolio(events=[{"night": NIGHT} | declared])


def refusal(build, **declared: object) -> str:
    with pytest.raises(ValidationError) as refused:
        build(**declared)
    return str(refused.value)


BORDERS = {
    "seed": ([0, 2**63 - 1], [-1, 2**63]),
    "scale": ([0.0001, 10], [0, 10.001]),
}


@pytest.mark.parametrize("key", BORDERS)
def test_a_portfolio_has_a_seed_and_a_size(key):
    for value in BORDERS[key][0]:
        assert getattr(portfolio(**{key: value}), key) == value
    for value in BORDERS[key][1]:
        refusal(portfolio, **{key: value})


@pytest.mark.parametrize("column", ["sex", "age_group", "region"])
def test_history_is_biased_against_groups_that_are_there(column):
    for value in CATEGORIES[column]:
        assert portfolio(bias={"group": {column: value}, "share": 0.5}).bias
    found = refusal(portfolio, bias={"group": {column: "nobody"}, "share": 0.5})
    assert f"there is no value of {column} 'nobody' in the portfolio. There are: " in found
    assert CATEGORIES[column][0] in found


def test_every_column_of_a_crossing_of_groups_is_checked():
    assert portfolio(bias={"group": {"sex": "female", "region": "east"}, "share": 0.999}).bias
    assert "'est'" in refusal(portfolio, bias={"group": {"sex": "female", "region": "est"}, "share": 0.5})
    for wrong in (
        {"group": {}, "share": 0.5},
        {"group": {"sex": "female"}, "share": 0},
        {"group": {"sex": "female"}, "share": 1},
    ):
        refusal(portfolio, bias=wrong)


UNIT = {"kind": "unit_error", "table": "applications"}
EVENTS = {
    # kind: what is accepted, and what is refused with a word of it
    "slow_drift": (
        [{"driver": "amount", "nights": 2, "factor": 0.1}, {"driver": "income", "nights": 30, "factor": 2}],
        [({"driver": "age", "nights": 2, "factor": 1}, "driver"), ({"driver": "amount", "nights": 1, "factor": 1}, "nights")],
    ),
    "sudden_drift": ([{"driver": "spending", "factor": 0.5}], [({"driver": "amount", "factor": 0}, "factor")]),
    "concept_drift": (
        [{"weights": {"stress": 1, "branch": -1}}],
        [({"weights": {}}, "weights"), ({"weights": {"luck": 1}}, "luck")],
    ),
    "unit_error": (
        [{"table": "applications", "column": "amount"}, {"table": "bureau", "column": "score", "factor": 0.01, "nights": 3}],
        [
            ({"table": "applications", "column": "purpose"}, "there is no number in applications, 'purpose'"),
            ({"table": "customers", "column": "amount"}, "there is no number in customers, 'amount'"),
            ({"table": "applications", "column": "amount", "factor": 0}, "factor"),
            ({"table": "applications", "column": "amount", "nights": 0}, "nights"),
        ],
    ),
    "null_burst": (
        [{"table": "customers", "column": "income", "share": 1}, {"table": "customers", "column": "sex", "share": 0.01}],
        [
            ({"table": "customers", "column": "incom", "share": 1}, "there is no column of customers 'incom'"),
            ({"table": "customers", "column": "income", "share": 0}, "share"),
            ({"table": "customers", "column": "income", "share": 1.01}, "share"),
        ],
    ),
    "schema_change": (
        [{"table": "repayments", "column": "amount_paid"}, {"table": "repayments", "column": "due_on", "renamed": "due"}],
        [({"table": "repayments", "column": "score"}, "there is no column of repayments 'score'")],
    ),
    "category_gone": (
        [{"column": "channel", "category": "partner", "instead": "branch"}],
        [
            ({"column": "channel", "category": "travel", "instead": "branch"}, "there is no channel 'travel'"),
            ({"column": "channel", "category": "branch", "instead": "travel"}, "there is no channel 'travel'"),
            ({"column": "sex", "category": "male", "instead": "female"}, "column"),
        ],
    ),
    "duplicate_delivery": (
        [{"table": "outcomes", "after": 0}, {"table": "outcomes", "after": 3}],
        [({"table": "outcomes", "after": -1}, "after"), ({"table": "outcomes", "after": 4}, "after")],
    ),
    "late_delivery": (
        [{"table": "repayments", "share": 1, "within": 1}, {"table": "card_transactions", "share": 0.1, "within": 3}],
        [
            ({"table": "repayments", "share": 0}, "share"),
            ({"table": "repayments", "share": 1.01}, "share"),
            ({"table": "repayments", "share": 1, "within": 0}, "within"),
            ({"table": "repayments", "share": 1, "within": 4}, "within"),
            ({"table": "outcomes", "share": 1}, "table"),
        ],
    ),
}


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_names_what_is_there_and_has_a_size(kind):
    for declared in EVENTS[kind][0]:
        assert event(kind=kind, **declared).events[0].kind == kind
    for declared, word in EVENTS[kind][1]:
        assert word in refusal(event, kind=kind, **declared)


def test_what_an_event_leaves_out_has_a_typical_size():
    unit = event(kind="unit_error", table="bureau", column="score").events[0]
    assert (unit.factor, unit.nights, unit.mended) == (100, 1, False)
    assert event(kind="duplicate_delivery", table="bureau").events[0].after == 1
    assert event(kind="late_delivery", table="repayments", share=1).events[0].within == 3


@pytest.mark.parametrize("table", COLUMNS)
def test_a_unit_error_may_strike_every_number_and_nothing_else(table):
    for column in COLUMNS[table]:
        if column in NUMERIC_COLUMNS:
            assert event(kind="unit_error", table=table, column=column)
        else:
            assert "there is no number" in refusal(event, kind="unit_error", table=table, column=column)


def test_a_simulated_table_is_read_night_by_night():
    declared = {"kind": "simulator", "table": "bureau", "portfolio": {"seed": 1, "scale": 0.1}}
    assert SimulatorConnector.model_validate(declared).each_night
