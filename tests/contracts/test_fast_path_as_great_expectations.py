"""What the fast path answers is what Great Expectations answers: the same verdict, the same rows, the same figures."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nightloop.contracts import load_contract
from nightloop.contracts.fast_path import ROW_RULES, fast_result
from nightloop.contracts.fast_path_columns import COLUMN_RULES
from nightloop.contracts.great_expectations_engine import run
from nightloop.contracts.suite import Rule
from nightloop.definitions import load_use_case, use_case_names
from nightloop.settings import REPOSITORY
from nightloop.sources import raw_schema

NOON = datetime(2024, 3, 20, 12, tzinfo=UTC)
SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("other", pa.string()),
        ("whole", pa.int64()),
        ("second", pa.int64()),
        ("number", pa.float64()),
        ("at", pa.timestamp("us", "UTC")),
        ("later", pa.timestamp("us", "UTC")),
        ("day", pa.date32()),
        ("flag", pa.bool_()),
        ("born", pa.date32()),
        ("joined", pa.date32()),
    ]
)


def rule(kind: str, **kwargs: Any) -> Rule:
    return Rule(kind, f"expect_{kind}", kwargs, "warn", "A rule.", "suite:1")


BETWEEN = "column_values_to_be_between"
RULES = [
    rule("column_values_to_not_be_null", column="number"),
    rule("column_values_to_not_be_null", column="text", mostly=0.6),
    rule("column_values_to_be_null", column="whole"),
    rule("column_values_to_be_null", column="whole", row_condition="text.isnull()", condition_parser="pandas"),
    rule("column_values_to_be_null", column="number", row_condition="number.notnull()", condition_parser="pandas"),
    rule(BETWEEN, column="whole", min_value=0, max_value=2, row_condition="at.notnull()", condition_parser="pandas"),
    rule(BETWEEN, column="whole", min_value=1),
    rule(BETWEEN, column="whole", min_value=0, max_value=2, mostly=0.7),
    rule(BETWEEN, column="number", min_value=-1.5, max_value=2),
    rule(BETWEEN, column="at", min_value=NOON, max_value=NOON + timedelta(hours=2)),
    rule(BETWEEN, column="day", min_value=date(2024, 3, 19), max_value=date(2024, 3, 20)),
    rule("column_values_to_be_in_set", column="text", value_set=["a", "ü"]),
    rule("column_values_to_be_in_set", column="whole", value_set=[0, 1, 2], mostly=0.5),
    rule("column_values_to_be_in_set", column="text", value_set=pa.array(["a", "b"])),
    rule("column_values_to_be_in_set", column="text", value_set=pa.array([], pa.string())),
    rule("column_values_to_not_be_in_set", column="text", value_set=["", "b"]),
    rule("column_values_to_be_unique", column="text"),
    rule("column_values_to_be_unique", column="whole", mostly=0.5),
    rule("column_values_to_be_unique", column="number"),
    rule("column_values_to_be_unique", column="at"),
    rule("compound_columns_to_be_unique", column_list=["text", "whole"]),
    rule("compound_columns_to_be_unique", column_list=["text", "at", "day"]),
    rule(
        "column_pair_values_a_to_be_greater_than_b",
        column_A="later", column_B="at", or_equal=True, ignore_row_if="either_value_is_missing",
    ),
    rule(
        "column_pair_values_a_to_be_greater_than_b",
        column_A="whole", column_B="second", ignore_row_if="either_value_is_missing",
    ),
    rule("column_pair_values_a_to_be_greater_than_b", column_A="born", column_B="joined"),
    rule("column_mean_to_be_between", column="number", min_value=-1, max_value=1),
    rule("column_mean_to_be_between", column="flag", min_value=0.4),
    rule("table_columns_to_match_ordered_list", column_list=SCHEMA.names),
    rule("table_columns_to_match_ordered_list", column_list=SCHEMA.names[:-1]),
    rule("table_row_count_to_be_between", min_value=2, max_value=5),
    rule("column_max_to_be_between", column="whole", max_value=2),
    rule("column_max_to_be_between", column="at", min_value=NOON + timedelta(hours=1)),
    rule("column_min_to_be_between", column="number", min_value=-1),
    rule("column_distinct_values_to_contain_set", column="text", value_set=["a", "ü"]),
    rule("column_median_to_be_between", column="whole", min_value=0, max_value=1),
    rule("column_median_to_be_between", column="number", min_value=-0.5, max_value=1.5),
    rule(
        "column_quantile_values_to_be_between",
        column="number", quantile_ranges={"quantiles": [0.05, 0.5, 0.95], "value_ranges": [[-2, 0], [-1, 1], [0, None]]},
    ),
    rule(
        "column_quantile_values_to_be_between",
        column="whole", quantile_ranges={"quantiles": [0.25, 0.5], "value_ranges": [[0, 2], [0, 2]]},
    ),
    rule(
        "column_kl_divergence_to_be_less_than",
        column="text", partition_object={"values": ["a", "b", "zz"], "weights": [0.5, 0.3, 0.2]},
        threshold=0.3, tail_weight_holdout=0.01,
    ),
    rule(
        "column_kl_divergence_to_be_less_than",
        column="other", partition_object={"values": ["a", "b"], "weights": [0.6, 0.4]}, threshold=0.2,
    ),
]  # fmt: skip

texts = st.none() | st.sampled_from(["a", "b", "ü", "", "a|b"])
wholes = st.none() | st.integers(-1, 3)
numbers = st.none() | st.floats(-2, 3, width=16) | st.just(float("nan"))
instants = st.none() | st.integers(-3, 3).map(lambda hours: NOON + timedelta(hours=hours))
days = st.none() | st.integers(-1, 1).map(lambda shift: date(2024, 3, 20) + timedelta(days=shift))
there = st.integers(-1, 1).map(lambda shift: date(2024, 3, 20) + timedelta(days=shift))
rows = st.tuples(texts, texts, wholes, wholes, numbers, instants, instants, days, st.none() | st.booleans(), there, there)
tables = st.lists(rows, min_size=1, max_size=9).map(
    lambda found: pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in found], schema=SCHEMA)
)


SILENT = ("expect_column_distinct_values_to_contain_set",)  # the library does not say what it saw; we do
NOT_SHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)  # each example asks Great Expectations: shrinking takes minutes


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=NOT_SHRUNK)
@given(table=tables)
def test_the_fast_path_answers_as_great_expectations_does(table: pa.Table) -> None:
    looked = [(item, fast_result(item, table)) for item in RULES]
    answered = [(item, found) for item, found in looked if found is not None]
    assert len(answered) >= 30  # some columns without a value are left to the library
    for (item, found), judged in zip(answered, run([item for item, _ in answered], table), strict=True):
        shown = (item.name, item.kwargs, table.to_pylist())
        assert (found.success, found.rows) == (judged.success, judged.rows), shown
        if item.type not in SILENT:
            assert figures(found.observed) == figures(judged.observed), shown


def figures(observed: str) -> str | float:
    """Drop the examples and the last digits; an instant that is not there has two names."""
    said = observed.replace("NaT", "None").split(" (")[0]
    try:
        return round(float(said), 3)
    except ValueError:
        return said[:6]


def test_every_kind_of_rule_that_the_fast_path_answers_is_compared() -> None:
    assert {item.type for item in RULES} == {*ROW_RULES, *COLUMN_RULES}


@pytest.mark.parametrize(
    "left",
    [
        rule(BETWEEN, column="whole", min_value=0, strict_min=True),  # an argument it does not know
        rule(BETWEEN, column="text", min_value="a"),  # texts have an order of their own
        rule(BETWEEN, column="at", min_value="2024-03-20"),  # a text against an instant
        rule("column_values_to_be_in_set", column="number", value_set=[1.0]),
        rule("column_values_to_be_null", column="text", row_condition="whole > 1", condition_parser="pandas"),
        rule("column_value_lengths_to_be_between", column="text", max_value=3),
    ],
    ids=lambda item: f"{item.name} {sorted(item.kwargs)}",
)
def test_what_the_fast_path_does_not_know_is_left_to_great_expectations(left: Rule) -> None:
    assert fast_result(left, SCHEMA.empty_table()) is None


def test_a_pair_with_a_missing_value_is_left_to_great_expectations_unless_the_rule_says_what_it_means() -> None:
    pair = rule("column_pair_values_a_to_be_greater_than_b", column_A="whole", column_B="second")
    assert fast_result(pair, pa.table({"whole": [1, None], "second": [0, 1]})) is None


def test_a_night_of_our_use_cases_needs_no_import_of_the_library(tmp_path: Path) -> None:
    """Each rule of a suite we ship is of a kind that is answered by the fast path."""
    for name in use_case_names(REPOSITORY / "feature_defs"):
        use_case = load_use_case(name, REPOSITORY / "feature_defs")
        for source, declared in use_case.sources.items():
            suite = load_contract(REPOSITORY / "great_expectations", use_case.contracts_of, source, raw_schema(declared).names)
            assert {item.type for item in suite.rules} <= {*ROW_RULES, *COLUMN_RULES}, (name, source)
