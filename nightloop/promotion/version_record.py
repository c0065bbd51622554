"""What a card says of a version once it is judged: verdicts, margin and budget, who approved, what changed.

Read from the ledger, and from the bundles and definitions of the two versions: every figure was recorded before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nightloop.model import champions
from nightloop.model.training import card
from nightloop.model.training.card_text import CHANGES, GATES, MARGIN, OVERSIGHT, items, table
from nightloop.promotion.differences import differences
from nightloop.promotion.verdicts import FOLDER, GRANTED, PAGE, REFUSED, Judged, judged, page_name

if TYPE_CHECKING:
    from nightloop.ledger import Event, Ledger
    from nightloop.model.spec import Spec
    from nightloop.workspace import Workspace

COMPARED = ("performance", "calibration")  # gates whose figures two versions have in common
OF_OTHERS = ("champion_", "anchor_", "baseline_", "budget_")
SPENT = ("_over_champion", "_over_anchor", "budget_spent", "budget_spent_before", "budget_left")


@dataclass(frozen=True)
class Before:
    """The version that a candidate is compared with in words.

    Attributes:
        version: its number.
        spec: of its bundle.
        is_champion: whether the candidate would replace it; else it is the newest that was registered before.
    """

    version: int
    spec: Spec
    is_champion: bool


def known_sections(name: str, version: int, spec: Spec, before: Before | None, workspace: Workspace) -> dict[str, str]:
    """Return the sections of a card that are known now, as Markdown by their heading.

    Args:
        name: the use case's.
        version: the candidate's.
        spec: of its bundle.
        before: whom it is compared with; None: there is none.
        workspace: its ledger and lake.
    """
    verdicts = judged(workspace.ledger, name, version)
    known = {
        MARGIN: _margin(verdicts),
        OVERSIGHT: _decided(workspace.ledger, name, version),
        CHANGES: _changes(name, version, spec, before, workspace),
    }
    page = page_name(name, spec.training.as_of, version)
    more = f"Plots of every figure: `{FOLDER}/{PAGE}` of the MLflow run, and `reports/{page}` at home."
    return {GATES: f"{card.verdicts_table(verdicts)}\n\n{more}", **known} if verdicts else known


def _margin(verdicts: Sequence[Judged]) -> str:
    figures = [figure for verdict in verdicts for figure in verdict.figures if figure["metric"].endswith(SPENT)]
    if not figures:
        return "Nothing is spent yet: the performance gate has not compared it with a champion."
    return table(
        ("what", "value", "95 % interval", "rows"), [(_words(figure["metric"]), *_cells(figure)) for figure in figures]
    )


def _decided(ledger: Ledger, name: str, version: int) -> str:
    """Return who said what of the version, and when."""
    answers = ledger.events(name, kind=(GRANTED, REFUSED))
    events = [(event.recorded_at, *_answer(event)) for event in answers if event.payload.get("version") == version]
    events += [
        (change.recorded_at, f"version {change.version} {change.kind.replace('_', ' ')}", change.by, change.reason)
        for change in champions.changes(ledger, name)
        if change.version == version
    ]
    if not events:
        return "Nobody has approved, promoted or rejected it yet."
    rows = [(f"{when:%Y-%m-%d %H:%M} UTC", what, by, why or "-") for when, what, by, why in sorted(events)]
    return table(("when", "what", "by", "why"), rows)


def _answer(event: Event) -> tuple[str, str, str]:
    payload = event.payload
    return event.kind.replace("_", " "), str(payload.get("by", "-")), str(payload.get("why") or "")


def _changes(name: str, version: int, spec: Spec, before: Before | None, workspace: Workspace) -> str:
    if before is None:
        return "This is the first version: there is none before."
    which = "the champion it would replace, or has replaced" if before.is_champion else "registered before it; no champion then"
    was, now = before.spec.training, spec.training
    lines = list(differences(name, was, now, workspace.lake)) or ["The definition is the same."]
    nights = [(part, str(getattr(now, part)), str(getattr(was, part))) for part in ("as_of", "fit", "calibrate", "validate")]
    head = f"version {version}", f"version {before.version}"
    one, other = (_measured(workspace.ledger, name, of) for of in (version, before.version))
    return "\n\n".join(
        [
            f"Compared with version {before.version}: {which}.",
            items([*_features(before.spec, spec), *lines]),
            table(("nights", *head), [(_words(part), *of) for part, *of in nights]),
            _side_by_side(one, other, head),
        ]
    )


def _features(was: Spec, now: Spec) -> Iterator[str]:
    added = [name for name in now.features if name not in was.features]
    removed = [name for name in was.features if name not in now.features]
    yield f"Features: {len(now.features)}, before {len(was.features)}; " + "; ".join(
        f"{what} {', '.join(names) or 'none'}" for what, names in (("added", added), ("removed", removed))
    )


def _side_by_side(one: Mapping[str, Any], other: Mapping[str, Any], head: tuple[str, str]) -> str:
    """Return the figures of both; each was measured on validation nights of its own."""
    rows = [(_words(metric), _short(one.get(metric)), _short(other.get(metric))) for metric in dict.fromkeys([*one, *other])]
    if not rows:
        return "No gate has measured either yet."
    note = "Each on its own validation nights; on the same rows, see the improvement over the champion above."
    return f"{table(('figure', *head), rows)}\n\n{note}"


def _measured(ledger: Ledger, name: str, version: int) -> dict[str, dict[str, Any]]:
    """Return the figures of a version's own answers, from the verdicts on it."""
    return {
        figure["metric"]: figure
        for verdict in judged(ledger, name, version)
        for figure in verdict.listed
        if verdict.gate in COMPARED
        and figure["group"] == "all"
        and not figure["metric"].startswith(OF_OTHERS)
        and "_over_" not in figure["metric"]
    }


def _cells(figure: Mapping[str, Any]) -> tuple[str, str, str]:
    value = "-" if figure["value"] is None else f"{figure['value']:.4f}"
    return value, card.interval(figure["low"], figure["high"]), f"{figure['n']:,}"


def _short(figure: Mapping[str, Any] | None) -> str:
    if figure is None:
        return "not measured"
    value, interval, _ = _cells(figure)
    return f"{value} ({interval})" if interval else value


def _words(name: str) -> str:
    return name.replace("_", " ")
