"""The page of a use case, in Markdown: what its definition and its contracts declare. Nothing is measured here.

The page's text is the template ``use_case.md.j2``; this module gives it the rows of its tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel

from nightloop.contracts.suite import Contract
from nightloop.definitions.connectors import Connector
from nightloop.definitions.features import Feature
from nightloop.definitions.use_case import Source, UseCase
from nightloop.errors import command
from nightloop.reporting.feature_text import made_from
from nightloop.reporting.lineage import lineage, nights_of
from nightloop.reporting.lineage_mermaid import lineage_mermaid
from nightloop.reporting.markdown import code, codes, number, table, text
from nightloop.wording import counted

ON_BREACH = {"quarantine": "sets rows aside", "fail": "fails the night", "warn": "warns"}
MARKS = ("personal", "sensitive", "calendar")
FEATURES = ("feature", "meaning", "made from", "kind", "window", "unit", "range", "missing", "owner", "data")


def use_case_page(use_case: UseCase, contracts: Mapping[str, Contract]) -> str:
    """Return the page.

    Args:
        use_case: what is declared.
        contracts: the suite of each source.
    """
    return (
        _environment()
        .get_template("use_case.md.j2")
        .render(
            use_case=use_case,
            contracts=contracts,
            command=command("docs", use_case.use_case),
            picture=lineage_mermaid(lineage(use_case)),
            features=table(FEATURES, [_feature(name, feature, use_case) for name, feature in use_case.features.items()]),
            columns={name: _columns(source) for name, source in use_case.sources.items()},
            rules={name: _rules(contract) for name, contract in contracts.items()},
        )
    )


def _environment() -> Environment:
    environment = Environment(  # noqa: S701 - Markdown, not HTML: every text of a definition passes the filters below
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"text": text, "code": code, "codes": codes, "declared": _declared, "connector": _connector}
    environment.globals["counted"] = counted
    return environment


def _feature(name: str, feature: Feature, use_case: UseCase) -> tuple[str, ...]:
    return (
        code(name),
        text(feature.description),
        made_from(feature),
        f"{feature.kind}, {feature.function}" if hasattr(feature, "function") else feature.kind,
        " / ".join(map(str, nights_of(feature))),
        text(feature.unit or ""),
        " to ".join(map(number, feature.range or ())),
        "" if feature.default is None else f"is {number(feature.default)}",
        text(feature.owner or use_case.owner),
        ", ".join(mark for mark in MARKS if getattr(feature, mark)),
    )


def _columns(source: Source) -> str:
    rows = [
        (code(name), column.type, text(column.unit or ""), text(column.description), "personal" if column.personal else "")
        for name, column in source.columns.items()
    ]
    return table(("column", "type", "unit", "meaning", "data"), rows)


def _rules(contract: Contract) -> str:
    rows = [(ON_BREACH[rule.on_breach], text(rule.description), code(rule.name)) for rule in contract.rules]
    return table(("a breach", "what must hold", "rule"), rows)


def _connector(connector: Connector) -> str:
    declared = connector.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"kind"})
    plain = {key: value for key, value in declared.items() if isinstance(value, str | int | float)}
    return f"{connector.kind}: " + ", ".join(f"{key} {code(value)}" for key, value in plain.items())


def _declared(part: BaseModel) -> str:
    """Return what a part of the definition declares, defaults too, with what each key means."""
    rows = []
    for key, field in type(part).model_fields.items():
        value = getattr(part, key)
        if value not in (None, [], {}, ()):
            rows.append((code(field.alias or key), _value(value), text(field.description or "")))
    return table(("key", "value", "meaning"), rows)


def _value(value: Any) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if isinstance(value, dict):
        return "<br>".join(f"{text(key)}: {text(item)}" for key, item in value.items())
    return text(", ".join(map(str, value)) if isinstance(value, list | tuple) else value)
