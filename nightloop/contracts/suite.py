"""Read a source's suite from great_expectations/<use case>/<source>.yaml and check it before any data is touched.

The file is a plain Great Expectations suite. Each expectation's ``meta`` says what happens on a breach (``on_breach``) and,
in words, what the rule means (``description``). A number that depends on the night is written ``{$PARAMETER: name}``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from nightloop.contracts.limits import PARAMETERS
from nightloop.definitions.near_names import suggest
from nightloop.definitions.problems import Problems
from nightloop.definitions.yaml_lines import read_yaml
from nightloop.errors import DefinitionError

OnBreach = Literal["quarantine", "fail", "warn"]
ON_BREACH: tuple[OnBreach, ...] = ("quarantine", "fail", "warn")
_COLUMN_KEYS = ("column", "column_A", "column_B", "column_list", "column_set")
_SUITE_META = {"description", "quarantined_share_limit", "rows_against_recent_nights"}


@dataclass(frozen=True, eq=False)  # a rule is itself: hashed by identity, for its arguments are lists and mappings
class Rule:
    """One expectation of a suite, and what its breach means."""

    name: str
    type: str
    kwargs: dict[str, Any]
    on_breach: OnBreach
    description: str
    place: str  # file:line

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the night's numbers that the rule reads."""
        wanted = (value.get("$PARAMETER") for value in self.kwargs.values() if isinstance(value, dict))
        return tuple(name for name in wanted if name is not None)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the rule reads."""
        return tuple(_columns(self.kwargs))


@dataclass(frozen=True)
class Contract:
    """The suite of one source."""

    source: str
    file: str
    rules: tuple[Rule, ...]
    quarantined_share_limit: float
    rows_against_recent_nights: tuple[float, float]

    @property
    def digest(self) -> str:
        """Digest of all that the suite says; comments do not count."""
        said = [(rule.type, rule.kwargs, rule.on_breach, rule.description) for rule in self.rules]
        whole = [said, self.quarantined_share_limit, self.rows_against_recent_nights]
        return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()


def load_contract(folder: Path, use_case: str, source: str, columns: list[str]) -> Contract:
    """Read and check one suite.

    Args:
        folder: great_expectations/.
        use_case: name of the use case, and of the folder within.
        source: name of the source, of the file, and of the suite.
        columns: of the source's raw table.

    Raises:
        DefinitionError: no suite, or mistakes in it, each at its line.
    """
    path = folder / use_case / f"{source}.yaml"
    shown = f"{folder.name}/{use_case}/{source}.yaml"
    if not path.is_file():
        raise DefinitionError(
            f"source '{source}' has no contract.", where=shown, do="Write its suite; docs/contracts.md shows how."
        )
    document, lines = read_yaml(path.read_text("utf-8"), shown)
    problems = Problems(shown, lines)
    _check_head(document, source, problems)
    problems.raise_if_any()
    for index, item in enumerate(document["expectations"]):
        _check_expectation(index, item, columns, problems)
    problems.raise_if_any()
    meta = document.get("meta", {})
    low, high = meta.get("rows_against_recent_nights", (0.3, 3.0))
    rules = tuple(_rules(document["expectations"], problems))
    return Contract(source, shown, rules, float(meta.get("quarantined_share_limit", 0.05)), (float(low), float(high)))


def _rules(expectations: list[dict[str, Any]], problems: Problems) -> Iterator[Rule]:
    """Name each rule after what it expects of which columns; equal names get a number."""
    seen: dict[str, int] = {}
    for index, item in enumerate(expectations):
        kwargs = item.get("kwargs", {})
        short = item["type"].removeprefix("expect_").removeprefix("column_")
        name = f"{short}({', '.join(_columns(kwargs))})"
        seen[name] = seen.get(name, 0) + 1
        name = name if seen[name] == 1 else f"{name}#{seen[name]}"
        place = f"{problems.file}:{problems.lines.of(('expectations', index))}"
        meta = item["meta"]
        yield Rule(name, item["type"], kwargs, cast(OnBreach, meta["on_breach"]), meta["description"], place)


def _columns(kwargs: dict[str, Any]) -> Iterator[str]:
    for key in _COLUMN_KEYS:
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
    for key in meta.keys() - _SUITE_META:
        problems.add(("meta", key), f"unknown key '{key}'.", suggest(key, _SUITE_META, "Allowed keys"))
    share = meta.get("quarantined_share_limit", 0)
    if not isinstance(share, int | float) or not 0 <= share <= 1:
        problems.add(("meta", "quarantined_share_limit"), f"the limit reads {share!r}.", "Give a share between 0 and 1.")
    span = meta.get("rows_against_recent_nights", [0, 1])
    if not isinstance(span, list) or len(span) != len(("low", "high")) or not 0 <= span[0] < span[1]:
        problems.add(
            ("meta", "rows_against_recent_nights"), f"the limits read {span!r}.", "Give two factors, for example [0.3, 3]."
        )


def _check_expectation(index: int, item: Any, columns: list[str], problems: Problems) -> None:
    here: tuple[str | int, ...] = ("expectations", index)
    if not isinstance(item, dict) or not isinstance(item.get("type"), str):
        problems.add(here, "an expectation needs a 'type'.", "For example: type: expect_column_values_to_not_be_null.")
        return
    for key in item.keys() - {"type", "kwargs", "meta"}:
        problems.add((*here, key), f"unknown key '{key}'.", suggest(key, ("type", "kwargs", "meta"), "Allowed keys"))
    kwargs, meta = item.get("kwargs", {}), item.get("meta", {})
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
    if item["type"].startswith("expect_column") or "column" in kwargs:
        for column in (name for name in _columns(kwargs) if name not in columns):
            problems.add((*here, "kwargs"), f"unknown column '{column}'.", suggest(column, columns, "Columns of the raw table"))
    for value in kwargs.values():
        name = value.get("$PARAMETER") if isinstance(value, dict) else None
        if name is not None and name not in PARAMETERS:
            problems.add((*here, "kwargs"), f"unknown parameter '{name}'.", suggest(name, PARAMETERS, "Parameters"))
