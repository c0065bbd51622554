"""The arguments of common rules that Great Expectations is sure to take, told without importing it, which takes seconds.

What is not recognised here is not wrong: the library is asked. tests/contracts/test_common_forms.py holds that it takes
whatever is recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nightloop.contracts.fast_path import is_known_condition
from nightloop.contracts.suite import Rule

Check = Callable[[Any], bool]


def is_common_form(rule: Rule) -> bool:
    """Whether a rule is of a common type, with arguments that the library takes."""
    arguments = dict(rule.kwargs)
    form = _FORMS.get(rule.type)
    if form is None or (rule.type not in _OF_WHOLE_TABLES and not _has_known_condition(arguments)):
        return False
    required, optional = form
    if not required.keys() <= arguments.keys() <= required.keys() | optional.keys():
        return False
    checks = {**required, **optional}
    return all(checks[name](value) for name, value in arguments.items()) and _is_range(arguments, optional)


def _has_known_condition(arguments: dict[str, Any]) -> bool:
    """Take the condition on rows out of the arguments; one of another form is not known."""
    if "row_condition" not in arguments and "condition_parser" not in arguments:
        return True
    return is_known_condition(arguments.pop("row_condition", None), arguments.pop("condition_parser", None))


def _is_range(arguments: Mapping[str, Any], optional: Mapping[str, Check]) -> bool:
    """Whether there is a limit where limits are taken, and the lower is not above the upper."""
    if "max_value" not in optional:
        return True
    low, high = arguments.get("min_value"), arguments.get("max_value")
    if low is None and high is None:
        return False
    return not (isinstance(low, int | float) and isinstance(high, int | float)) or low <= high


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_name(item) for item in value)


def _are_several_names(value: Any) -> bool:
    return _are_names(value) and len(set(value)) == len(value) > 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124 - not NaN


def _is_parameter(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"$PARAMETER"} and _is_name(value["$PARAMETER"])


def _is_limit(value: Any) -> bool:
    return _is_number(value) or _is_parameter(value)


def _is_count(value: Any) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool) and value >= 0) or _is_parameter(value)


def _is_share(value: Any) -> bool:
    return (_is_number(value) and 0 <= value <= 1) or _is_parameter(value)


def _are_values(value: Any) -> bool:
    are_plain = isinstance(value, list) and bool(value) and all(isinstance(item, str) or _is_number(item) for item in value)
    return (are_plain and len({isinstance(item, str) for item in value}) == 1) or _is_parameter(value)


_COLUMN: dict[str, Check] = {"column": _is_name}
_MOSTLY: dict[str, Check] = {"mostly": _is_share}
_LIMITS: dict[str, Check] = {"min_value": _is_limit, "max_value": _is_limit}
_SET: dict[str, Check] = {"column": _is_name, "value_set": _are_values}
_PAIR: dict[str, Check] = {"column_A": _is_name, "column_B": _is_name}
_OF_PAIR: dict[str, Check] = {
    "or_equal": lambda value: isinstance(value, bool),
    "ignore_row_if": lambda value: value in ("both_values_are_missing", "either_value_is_missing", "never"),
}
_SHARES: dict[str, Check] = {"column": _is_name, "partition_object": _is_parameter, "threshold": _is_number}
_HOLDOUT: dict[str, Check] = {"tail_weight_holdout": lambda value: _is_number(value) and 0 <= value <= 1}
_FORMS: Mapping[str, tuple[dict[str, Check], dict[str, Check]]] = {
    "expect_column_values_to_be_null": (_COLUMN, _MOSTLY),
    "expect_column_values_to_not_be_null": (_COLUMN, _MOSTLY),
    "expect_column_values_to_be_unique": (_COLUMN, _MOSTLY),
    "expect_column_values_to_be_between": (_COLUMN, {**_LIMITS, **_MOSTLY}),
    "expect_column_values_to_be_in_set": (_SET, _MOSTLY),
    "expect_column_values_to_not_be_in_set": (_SET, _MOSTLY),
    "expect_column_distinct_values_to_contain_set": (_SET, {}),
    "expect_column_max_to_be_between": (_COLUMN, _LIMITS),
    "expect_column_min_to_be_between": (_COLUMN, _LIMITS),
    "expect_column_mean_to_be_between": (_COLUMN, _LIMITS),
    "expect_column_median_to_be_between": (_COLUMN, _LIMITS),
    "expect_column_quantile_values_to_be_between": ({"column": _is_name, "quantile_ranges": _is_parameter}, {}),
    "expect_column_kl_divergence_to_be_less_than": (_SHARES, _HOLDOUT),
    "expect_compound_columns_to_be_unique": ({"column_list": _are_several_names}, {}),
    "expect_column_pair_values_a_to_be_greater_than_b": (_PAIR, {**_OF_PAIR, **_MOSTLY}),
    "expect_table_columns_to_match_ordered_list": ({"column_list": _are_names}, {}),
    "expect_table_row_count_to_be_between": ({}, {"min_value": _is_count, "max_value": _is_count}),
}
"""Type of a rule -> its arguments that must be there, and those that may be."""
_OF_WHOLE_TABLES = ("expect_table_columns_to_match_ordered_list",)
"""Types that take no condition on rows."""
