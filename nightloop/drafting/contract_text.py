"""Write the draft of a contract: what cannot be otherwise sets rows aside or fails the night, what was only seen warns."""

from __future__ import annotations

from collections.abc import Iterator

from nightloop.drafting.fields import Field
from nightloop.drafting.plan import Plan
from nightloop.drafting.proposals import span
from nightloop.drafting.yaml_text import Value, comment, flow

FEW_MISSING = 0.5
ROOM = 0.1


def contract_text(source: str, fields: tuple[Field, ...], plan: Plan, set_aside: float = 0.0) -> str:
    """Return the suite of one of the two sources.

    Args:
        source: its name.
        fields: its columns.
        plan: what the sample shows.
        set_aside: largest share of a night's records that the rules of the key set aside in the sample.
    """
    invalid = max([item.profile.invalid / item.profile.rows for item in fields if item.profile] or [0.0])
    limit = round(min(1.0, max(0.05, 3 * invalid, 2 * set_aside)), 3)
    meta: dict[str, Value] = {"description": f"What must hold of {source}.", "quarantined_share_limit": limit}
    lines = [
        comment("A draft: rules that warn were seen in the sample. Make them quarantine or fail where they must hold."),
        f"name: {flow(source)}",
        *([comment(f"check: on one night {set_aside:.1%} of the records came twice and are set aside")] if set_aside else []),
        f"meta: {flow(meta)}",
        "expectations:",
    ]
    for kind, kwargs, on_breach, description in _rules(fields, plan):
        after: dict[str, Value] = {"on_breach": on_breach, "description": description}
        lines += [f"  - type: {kind}", f"    kwargs: {flow(kwargs)}", f"    meta: {flow(after)}"]
    return "\n".join(lines) + "\n"


_Rule = tuple[str, dict[str, Value], str, str]


def _rules(fields: tuple[Field, ...], plan: Plan) -> Iterator[_Rule]:
    columns: list[Value] = [*(item.name for item in fields), "event_at", "known_at"]
    description = "The columns are those that the use case is written for."
    yield "expect_table_columns_to_match_ordered_list", {"column_list": columns}, "fail", description
    for name in plan.key:
        yield "expect_column_values_to_not_be_null", {"column": name}, "quarantine", f"{name} tells records apart."
    if len(plan.key) == 1:
        unique: dict[str, Value] = {"column": plan.key[0]}
        yield "expect_column_values_to_be_unique", unique, "quarantine", f"One record per {plan.key[0]}."
    else:
        together: dict[str, Value] = {"column_list": list(plan.key)}
        yield "expect_compound_columns_to_be_unique", together, "quarantine", f"One record per {', '.join(plan.key)}."
    yield "expect_column_values_to_not_be_null", {"column": "event_at"}, "quarantine", "Each record says when it happened."
    for item in fields:
        if item.profile and item.name not in plan.key:
            yield from _observed_rules(item)
    rows: dict[str, Value] = {"min_value": {"$PARAMETER": "rows_low"}, "max_value": {"$PARAMETER": "rows_high"}}
    yield "expect_table_row_count_to_be_between", rows, "warn", "0.3 x usual <= rows <= 3 x usual of the recent nights."


def _observed_rules(item: Field) -> Iterator[_Rule]:
    column = item.profile
    assert column is not None  # noqa: S101 - the caller looked
    share = column.missing / max(column.rows, 1)
    if share < FEW_MISSING and not column.invalid:
        kwargs: dict[str, Value] = {"column": item.name}
        if share:
            kwargs["mostly"] = round(max(0.0, 1 - 2 * share - ROOM), 2)
            description = f"{item.name} is there for at least {kwargs['mostly']:.0%} of the records."
        else:
            description = f"{item.name} is always there."
        yield "expect_column_values_to_not_be_null", kwargs, "warn", description
    if item.type in ("integer", "number") and column.low is not None:
        low, high = span(column)
        between: dict[str, Value] = {"column": item.name, "min_value": low, "max_value": high}
        yield "expect_column_values_to_be_between", between, "warn", f"{low:g} <= {item.name} <= {high:g}; twice what was seen."
    elif item.type == "string" and column.is_category and not column.personal and item.sql == column.sql:
        values: list[Value] = [str(value) for value in column.values]
        among: dict[str, Value] = {"column": item.name, "value_set": values}
        yield "expect_column_values_to_be_in_set", among, "warn", f"{item.name} is one of the {len(values)} values seen."
