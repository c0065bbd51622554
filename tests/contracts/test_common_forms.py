"""Whatever rule is recognised without Great Expectations, the library takes; and what is shipped is recognised."""

from __future__ import annotations

import math
import subprocess
import sys
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.contracts import great_expectations_engine as engine
from nightloop.contracts.common_forms import _FORMS, is_common_form
from nightloop.contracts.suite import Rule, load_contract
from nightloop.definitions import load_use_case, use_case_names
from nightloop.errors import DefinitionError
from nightloop.settings import REPOSITORY
from nightloop.sources import raw_schema

NAMES = st.sampled_from(["a", "b c", "", "night"])
PARAMETER = st.fixed_dictionaries({"$PARAMETER": st.sampled_from(["rows_low", "usual_shares"])})
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**12),
    st.floats(-1.5, 1.5) | st.sampled_from([math.nan, math.inf]),
    NAMES,
    PARAMETER,
    st.lists(st.one_of(NAMES, st.integers(0, 3), st.booleans(), st.floats(0, 1)), max_size=3),
    st.sampled_from(["a.isnull()", "pandas", "never", "either_value_is_missing", {"quantiles": [0.5]}]),
)
ARGUMENTS = sorted({name for required, optional in _FORMS.values() for name in {*required, *optional}})
LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "column": NAMES,
    "mostly": st.floats(0, 1) | PARAMETER,
    "value_set": st.lists(st.integers(0, 5), min_size=1) | st.lists(NAMES, min_size=1) | PARAMETER,
    "column_list": st.lists(st.sampled_from("abc"), min_size=1, unique=True),
    "partition_object": PARAMETER,
    "quantile_ranges": PARAMETER,
    "threshold": st.floats(0, 1),
    "min_value": st.integers(0, 5) | st.floats(-5, 5) | PARAMETER,
    "max_value": st.integers(5, 9) | st.floats(5, 9) | PARAMETER,
}


def rule(kind: str, kwargs: dict[str, Any]) -> Rule:
    return Rule(kind, kind, kwargs, "warn", "Words.", "suite.yaml:1")


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """A rule of a common type, nearly right: an argument may be of any value, missing, or one too many."""
    kind = draw(st.sampled_from(sorted(_FORMS)))
    required, optional = _FORMS[kind]
    chosen = [*required, *draw(st.lists(st.sampled_from(sorted(optional)), unique=True) if optional else st.just([]))]
    kwargs = {
        name: draw(LIKELY.get(name, VALUES) | VALUES if draw(st.booleans()) else LIKELY.get(name, VALUES)) for name in chosen
    }
    if draw(st.integers(0, 9)) == 0:
        kwargs[draw(st.sampled_from([*ARGUMENTS, "row_condition", "condition_parser", "colum"]))] = draw(VALUES)
    if draw(st.integers(0, 4)) == 0:
        kwargs |= {"row_condition": draw(st.sampled_from(["a.isnull()", "a > 1"])), "condition_parser": "pandas"}
    return rule(kind, kwargs)


@given(rules())
@settings(max_examples=300, deadline=None)
def test_the_library_takes_whatever_is_recognised(item: Rule) -> None:
    if is_common_form(item):
        engine.check(item)


@pytest.mark.parametrize("kind", sorted(_FORMS))
def test_every_form_is_recognised_with_what_it_asks_for_and_without_it_is_not(kind: str) -> None:
    likely = {
        "column": "a", "column_A": "a", "column_B": "b", "column_list": ["a", "b"], "value_set": ["x"], "threshold": 0.1,
        "partition_object": {"$PARAMETER": "usual_shares"}, "quantile_ranges": {"$PARAMETER": "usual_quantiles"},
    }  # fmt: skip
    required, optional = _FORMS[kind]
    kwargs = {name: likely[name] for name in required} | ({"max_value": 5} if "max_value" in optional else {})
    assert is_common_form(rule(kind, kwargs))
    engine.check(rule(kind, kwargs))
    for name in required:
        assert not is_common_form(rule(kind, {key: value for key, value in kwargs.items() if key != name}))
    assert not is_common_form(rule(kind, {**kwargs, "colum": "a"}))
    conditional = rule(kind, {**kwargs, "row_condition": "a.isnull()", "condition_parser": "pandas"})
    assert is_common_form(conditional) is (kind != "expect_table_columns_to_match_ordered_list")
    with nullcontext() if is_common_form(conditional) else pytest.raises(DefinitionError):
        engine.check(conditional)


BETWEEN = "expect_column_values_to_be_between"


@pytest.mark.parametrize(
    ("kwargs", "known"),
    [
        ({"min_value": 5, "max_value": 5}, True),
        ({"min_value": 5.1, "max_value": 5}, False),
        ({}, False),
        ({"min_value": True}, False),
        ({"min_value": "5"}, False),
        ({"min_value": 1, "mostly": 1}, True),
        ({"min_value": 1, "mostly": 1.01}, False),
        ({"min_value": 1, "mostly": -0.01}, False),
        ({"min_value": 1, "row_condition": "a.isnull()", "condition_parser": "pandas"}, True),
        ({"min_value": 1, "row_condition": "a > 1", "condition_parser": "pandas"}, False),
        ({"min_value": 1, "row_condition": "a.isnull()"}, False),
    ],
)
def test_limits_at_and_beyond_what_is_recognised(kwargs: dict[str, Any], known: bool) -> None:
    assert is_common_form(rule(BETWEEN, {"column": "a", **kwargs})) is known


def test_a_rule_that_the_library_refuses_is_not_recognised() -> None:
    refused = rule(BETWEEN, {"column": "a", "min_value": 1, "colum": "b"})
    with pytest.raises(DefinitionError):
        engine.check(refused)
    assert not is_common_form(refused)


def test_every_shipped_rule_is_recognised_so_that_a_check_needs_no_library() -> None:
    folder = REPOSITORY / "great_expectations"
    for name in use_case_names(REPOSITORY / "feature_defs"):
        use_case = load_use_case(name, REPOSITORY / "feature_defs")
        for source, declared in use_case.sources.items():
            contract = load_contract(folder, use_case.contracts_of, source, raw_schema(declared).names)
            assert [item.place for item in contract.rules if not is_common_form(item)] == []


def test_a_check_of_what_is_shipped_does_not_import_the_library() -> None:
    program = (
        "import sys; from jobs.commands.command_line import main; code = main(['check']); "
        "sys.exit(code or 100 * ('great_expectations' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
