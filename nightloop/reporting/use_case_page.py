"""The page of a use case, in Markdown: what its definition and its contracts declare, in words. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from nightloop.contracts.suite import Contract
from nightloop.definitions.connectors import Connector
from nightloop.definitions.features import (
    CrossFeature,
    ExpressionFeature,
    Feature,
    LagFeature,
    LookupFeature,
    PeersFeature,
    RateFeature,
    RatioFeature,
)
from nightloop.definitions.use_case import Source, UseCase
from nightloop.errors import command
from nightloop.reporting.lineage import nights_of

ON_BREACH = {"quarantine": "sets rows aside", "fail": "fails the night", "warn": "warns"}


def use_case_page(use_case: UseCase, contracts: Mapping[str, Contract]) -> str:
    """Return the page.

    Args:
        use_case: what is declared.
        contracts: the suite of each source.
    """
    name = use_case.use_case
    parts = [
        f"# {name}\n\n> {_said(use_case.description)}\n\nWritten by `{command('docs', name)}` from "
        f"`feature_defs/{name}.yaml` and `great_expectations/{use_case.contracts_of}/`; not to be edited.",
        _table(("", ""), _facts(use_case)),
        f"## Lineage\n\n![From sources over tiles and features to the model]({name}.svg)",
        "## Label\n\n" + _label(use_case),
        "## Features\n\n" + _features(use_case),
        "## Sources",
        *(_source(key, source, contracts[key]) for key, source in use_case.sources.items()),
        "## Model\n\n" + _declared(use_case.model),
        "## Gates\n\nA candidate is promoted only when it passes all of them; [gates.md](../gates.md) says how each judges.",
        *(
            f"### {gate.capitalize()}\n\n" + _declared(getattr(use_case.gates, gate))
            for gate in type(use_case.gates).model_fields
        ),
        "## Monitoring\n\n" + _declared(use_case.monitoring),
        "## Retraining\n\n" + _declared(use_case.retrain),
    ]
    return "\n\n".join(parts) + "\n"


def _facts(use_case: UseCase) -> list[tuple[str, str]]:
    last = use_case.last_night or "now on"
    return [
        ("owner", _said(use_case.owner)),
        ("risk", f"{use_case.risk}{': a person approves each promotion' if use_case.risk == 'high' else ''}"),
        ("task", use_case.model.task),
        ("scored", f"the rows of `{use_case.entity.source}`, each known by {_codes(use_case.entity.key)}"),
        ("nights", f"{use_case.first_night} to {last}, time zone {use_case.time_zone}"),
        ("schedule", f"`{use_case.schedule}`, engine {use_case.engine}"),
    ]


def _label(use_case: UseCase) -> str:
    label = use_case.label
    joined = ", ".join(f"`{theirs}` = `{ours}`" for theirs, ours in label.join.items())
    return (
        f"{_said(label.description)}\n\n{_code(label.expression)} of `{label.source}`, where {joined}; "
        f"matured {label.matures_after} nights after the scored night."
    )


def _features(use_case: UseCase) -> str:
    head = ("feature", "meaning", "made from", "kind", "window", "unit", "range", "missing", "owner", "data")
    rows = [
        (
            f"`{name}`",
            _said(feature.description),
            made_from(feature),
            f"{feature.kind}{f', {feature.function}' if hasattr(feature, 'function') else ''}",
            " / ".join(map(str, nights_of(feature))),
            _said(feature.unit or ""),
            f"{_number(feature.range[0])} to {_number(feature.range[1])}" if feature.range else "",
            "" if feature.default is None else f"is {_number(feature.default)}",
            _said(feature.owner or use_case.owner),
            ", ".join(mark for mark in ("personal", "sensitive", "calendar") if getattr(feature, mark)),
        )
        for name, feature in use_case.features.items()
    ]
    said = (
        f"{len(rows)}, in the order the model reads them. Windows are in nights and end with the scored one. What is missing "
    )
    return f"{said}stays missing where nothing else is said.\n\n{_table(head, rows)}"


def made_from(feature: Feature) -> str:
    """Say in words what a feature is computed from."""
    match feature:
        case ExpressionFeature():
            return _code(feature.expression)
        case LagFeature():
            return f"{_code(feature.expression)}, {feature.nights} nights before"
        case CrossFeature():
            return f"{_codes(feature.columns)} in {feature.buckets} buckets"
        case PeersFeature():
            return f"rows of the night with the same {_codes(feature.by)}"
        case LookupFeature():
            newest = f", newest by `{feature.latest_by}`" if feature.latest_by else ""
            within = f", of {feature.within} nights" if feature.within > 1 else ""
            looked_up = f"{_code(feature.expression)} of `{feature.source}` by {_codes(list(feature.by.values()))}"
            return f"{looked_up}{newest}{within}"
    return _over_records(feature)


def _over_records(feature: Any) -> str:
    what = _code(feature.of) if feature.of else "records"
    where = f" where {_code(feature.where)}" if feature.where else ""
    smoothed = f", smoothed by {feature.smoothing:g}" if isinstance(feature, RateFeature) else ""
    ratio = ", short over long" if isinstance(feature, RatioFeature) else ""
    return f"{what} of `{feature.source}`{where} by {_codes(feature.by)}{smoothed}{ratio}"


def _source(name: str, source: Source, contract: Contract) -> str:
    columns = [
        (f"`{key}`", column.type, _said(column.unit or ""), _said(column.description), "personal" if column.personal else "")
        for key, column in source.columns.items()
    ]
    rules = [(ON_BREACH[rule.on_breach], _said(rule.description), f"`{rule.name}`") for rule in contract.rules]
    low, high = contract.rows_against_recent_nights
    limits = (
        f"At most {contract.quarantined_share_limit:.0%} of a night's records may be set aside; "
        f"usual is {low:g} to {high:g} times the rows of recent nights."
    )
    return "\n\n".join(
        [
            f"### {name}\n\n{_said(source.description)}",
            "\n".join(f"- {line}" for line in _about(source)),
            _table(("column", "type", "unit", "meaning", "data"), columns),
            f"Contract. {limits}",
            _table(("a breach", "what must hold", "rule"), rules),
        ]
    )


def _about(source: Source) -> Iterator[str]:
    yield f"from {_connector(source.connector)}"
    yield f"one record per {_codes(source.key)}"
    if source.event_at:
        yield f"happens at {_code(source.event_at)}"
    if source.known_at:
        yield f"known at {_code(source.known_at)}"
    if source.night:
        yield f"arrives with the night {_code(source.night)}"
    if source.is_snapshot:
        yield "the whole table every night"
    if source.revised_within:
        withdrawn = f"; withdrawn where {_code(source.withdrawn)}" if source.withdrawn else ""
        yield f"may come late or be corrected within {source.revised_within} nights{withdrawn}"
    if source.may_be_empty:
        yield "a night without a record is normal"


def _connector(connector: Connector) -> str:
    said = connector.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"kind"})
    flat = {key: value for key, value in said.items() if isinstance(value, str | int | float)}
    return f"{connector.kind}: " + ", ".join(f"{key} `{value}`" for key, value in flat.items())


def _declared(part: BaseModel) -> str:
    """Return what a part declares, defaults too, with what each key means."""
    rows = []
    for key, field in type(part).model_fields.items():
        value = getattr(part, key)
        if value not in (None, [], {}):
            rows.append((f"`{field.alias or key}`", _value(value), _said(field.description or "")))
    return _table(("key", "value", "meaning"), rows)


def _value(value: Any) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if isinstance(value, dict):
        return "<br>".join(f"{_said(str(key))}: {_said(str(item))}" for key, item in value.items())
    return _said(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; columns in which no row says anything are left out."""
    kept = [i for i in range(len(head)) if i == 0 or any(row[i] for row in rows)]
    lines = [[head[i] for i in kept], ["---"] * len(kept), *([row[i] for i in kept] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _said(text: str) -> str:
    """Return a text that stays a text in Markdown, on one line, and in a table."""
    plain = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return plain.replace("*", "\\*").replace("_", "\\_").replace("`", "\\`").replace("[", "\\[")


def _number(value: float) -> str:
    return f"{value:,.12g}"


def _code(text: str) -> str:
    plain = " ".join(text.split()).replace("|", "\\|")
    fence = "``" if "`" in plain else "`"
    return f"{fence}{plain}{fence}"


def _codes(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
