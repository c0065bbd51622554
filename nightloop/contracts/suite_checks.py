"""Check a suite's file before any data is touched: every mistake at its line, with a way to mend it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from nightloop.contracts.history_limits import OF_COLUMN
from nightloop.definitions.problems import Problems
from nightloop.errors import suggest

Path = tuple[str | int, ...]
OnBreach = Literal["quarantine", "fail", "warn"]
ON_BREACH: tuple[OnBreach, ...] = ("quarantine", "fail", "warn")
COLUMN_KEYS = ("column", "column_A", "column_B", "column_list", "column_set")
REFERRED = "referred_values"

PARAMETERS: Mapping[str, str] = {
    "night": "the night (date)",
    "next_night": "the day after the night (date)",
    "night_start": "first instant of the night (timestamp)",
    "evening": "six hours before the cut-off (timestamp)",
    "night_end": "last instant of the night (timestamp)",
    "rows_low": "fewest rows to expect, from recent nights",
    "rows_high": "most rows to expect, from recent nights",
    "rows_low_weekday": "fewest rows to expect, from nights of the same weekday only",
    "rows_high_weekday": "most rows to expect, from nights of the same weekday only",
    REFERRED: "values of the column that the rule's refers_to names, in the same night",
    **{name: meaning for name, (meaning, _) in OF_COLUMN.items()},
}
SPANS = {"rows_against_recent_nights": (0.3, 3.0), "rows_against_same_weekdays": (0.5, 2.0)}
"""Factors on the typical number of rows, and their defaults."""
SUITE_META = ("description", "quarantined_share_limit", *SPANS)
RULE_META = ("on_breach", "description", "refers_to", "tolerance")


def check_suite(document: Any, source: str, columns: list[str], problems: Problems) -> None:
    """Check a whole suite.

    Raises:
        DefinitionError: with every mistake found.
    """
    _check_head(document, source, problems)
    problems.raise_if_any()
    for index, item in enumerate(document["expectations"]):
        _check_expectation(index, item, columns, problems)
    problems.raise_if_any()


def columns_of(kwargs: dict[str, Any]) -> Iterator[str]:
    """Yield the columns that a rule with these arguments reads."""
    for key in COLUMN_KEYS:
        value = kwargs.get(key, ())
        yield from (value,) if isinstance(value, str) else value


def _check_head(document: Any, source: str, problems: Problems) -> None:
    if not isinstance(document, dict):
        problems.add((), "a suite is a mapping of keys to values.", "See docs/contracts.md.")
        return
    for key in document.keys() - {"name", "meta", "expectations"}:
        problems.add((key,), f"unknown key '{key}'.", suggest(key, ("name", "meta", "expectations"), "Allowed keys"))
    if document.get("name") != source:
        problems.add(
            ("name",), f"the suite is named {document.get('name')!r}.", f"Name it '{source}', as the source it guards."
        )
    if not isinstance(document.get("expectations"), list) or not document["expectations"]:
        problems.add(("expectations",), "the suite expects nothing.", "List at least one expectation under 'expectations'.")
    _check_meta(document.get("meta", {}), problems)


def _check_meta(meta: Any, problems: Problems) -> None:
    if not isinstance(meta, dict):
        problems.add(("meta",), f"meta reads {meta!r}.", "Write a mapping, or leave it out.")
        return
    for key in meta.keys() - set(SUITE_META):
        problems.add(("meta", key), f"unknown key '{key}'.", suggest(key, SUITE_META, "Allowed keys"))
    share = meta.get("quarantined_share_limit", 0)
    if not isinstance(share, int | float) or not 0 <= share <= 1:
        problems.add(("meta", "quarantined_share_limit"), f"the limit reads {share!r}.", "Give a share between 0 and 1.")
    for name in SPANS:
        span = meta.get(name, [0, 1])
        if not _is_span(span):
            problems.add(("meta", name), f"the limits read {span!r}.", "Give two factors, for example [0.3, 3].")


def _is_span(span: Any) -> bool:
    are_numbers = isinstance(span, list) and all(isinstance(end, int | float) for end in span)
    return are_numbers and len(span) == len(("low", "high")) and 0 <= span[0] < span[1]


def _check_expectation(index: int, item: Any, columns: list[str], problems: Problems) -> None:
    here: Path = ("expectations", index)
    if not isinstance(item, dict) or not isinstance(item.get("type"), str):
        problems.add(here, "an expectation needs a 'type'.", "For example: type: expect_column_values_to_not_be_null.")
        return
    for key in item.keys() - {"type", "kwargs", "meta"}:
        problems.add((*here, key), f"unknown key '{key}'.", suggest(key, ("type", "kwargs", "meta"), "Allowed keys"))
    kwargs, meta = item.get("kwargs", {}), item.get("meta", {})
    if not isinstance(kwargs, dict) or not isinstance(meta, dict):
        problems.add(here, "'kwargs' and 'meta' are mappings.", "For example: kwargs: {column: amount}.")
        return
    if meta.get("on_breach") not in ON_BREACH:
        problems.add(
            (*here, "meta", "on_breach"),
            f"on_breach reads {meta.get('on_breach')!r}.",
            f"Write one of: {', '.join(ON_BREACH)}.",
        )
    if not isinstance(meta.get("description"), str):
        problems.add(
            (*here, "meta"), "the rule has no description.", "Say in words what it means: it is the reason people read."
        )
    _check_rule_meta((*here, "meta"), meta, problems)
    if item["type"].startswith("expect_column") or "column" in kwargs:
        for column in (name for name in columns_of(kwargs) if name not in columns):
            problems.add((*here, "kwargs"), f"unknown column '{column}'.", suggest(column, columns, "Columns of the raw table"))
    _check_parameters((*here, "kwargs"), kwargs, meta, problems)


def _check_rule_meta(here: Path, meta: dict[str, Any], problems: Problems) -> None:
    for key in meta.keys() - set(RULE_META):
        problems.add((*here, key), f"unknown key '{key}'.", suggest(key, RULE_META, "Allowed keys"))
    tolerance = meta.get("tolerance", 1)
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or tolerance <= 0:
        problems.add((*here, "tolerance"), f"the tolerance reads {tolerance!r}.", "Give a number above 0, for example 6.")
    refers_to = meta.get("refers_to", {"source": "", "column": ""})
    if not isinstance(refers_to, dict) or refers_to.keys() != {"source", "column"}:
        problems.add((*here, "refers_to"), f"it reads {refers_to!r}.", "Write {source: NAME, column: NAME}.")


def _check_parameters(here: Path, kwargs: dict[str, Any], meta: dict[str, Any], problems: Problems) -> None:
    names = [value["$PARAMETER"] for value in kwargs.values() if isinstance(value, dict) and "$PARAMETER" in value]
    for name in names:
        if name not in PARAMETERS:
            problems.add(here, f"unknown parameter '{name}'.", suggest(name, PARAMETERS, "Parameters"))
        if name in OF_COLUMN and not isinstance(kwargs.get("column"), str):
            problems.add(here, f"'{name}' is about the rule's column, and the rule has none.", "Give a 'column'.")
    if (REFERRED in names) != ("refers_to" in meta):
        problems.add(
            here,
            f"the parameter '{REFERRED}' and meta's 'refers_to' go together, and one is missing.",
            f"Write value_set: {{$PARAMETER: {REFERRED}}} and refers_to: {{source: NAME, column: NAME}}.",
        )
