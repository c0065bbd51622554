"""Who is champion, and what a roll-back means, in lines for a person: on a terminal, in a task's log, in an alert."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nightloop.errors import command
from nightloop.lake.missing import in_words
from nightloop.nights import Nights

if TYPE_CHECKING:
    from nightloop.model.champions import Change
    from nightloop.promotion.overview import Overview
    from nightloop.promotion.reversal import Reversal


def overview_lines(stands: Overview) -> list[str]:
    """Say where a use case stands."""
    change, name = stands.change, stands.use_case
    if change is None:
        return [f"{name}: no champion yet. Train one: {command('train', name, 'NIGHT')}"]
    if change.champion is None:
        head = f"{name}: no champion from {change.effective_from} on: version {change.version} was retired"
        return [head, f"  by: {_by(change)}", *_coming(stands)]
    training = stands.training
    nights = f"fit {training.fit}, calibrate {training.calibrate}, validate {training.validate}" if training else "not recorded"
    return [
        f"{name}: version {change.version} is champion from {change.effective_from} on",
        f"  by: {_by(change)}",
        f"  as of: {change.champion.as_of}; trained on: {nights}",
        f"  age: {stands.age} nights; scored: {stands.scored}; its maximum age is reached on {stands.retrain_from}",
        *(f"  gate {of.gate}: {of.outcome.replace('_', ' ')}. {of.reason}" for of in stands.verdicts),
        *_coming(stands),
    ]


def history_line(change: Change, scored: int) -> str:
    """Say what a change was."""
    return f"{change.effective_from}  {_what(change)}, by {_by(change)}; version {change.version} scored {scored} nights"


def reversal_lines(name: str, reversal: Reversal) -> list[str]:
    """Say what a roll-back or a retirement means for nights that are scored, and for those to come."""
    first = reversal.change.effective_from
    instead = f", in place of version {reversal.replaced}" if reversal.replaced and reversal.change.champion else ""
    lines = [f"{name}: {_what(reversal.change)} from {first} on{instead}"]
    if reversal.pinned:
        stay = f"  stay as they are, for they are scored: {in_words(reversal.pinned)}"
        more = f" (--from {reversal.pinned[0]} --unpin takes them back)" if reversal.change.champion else ""
        lines.append(stay + more)
    if reversal.to_build:
        build = command("features", name, Nights(reversal.to_build[0], reversal.to_build[-1]))
        lines.append(f"  build first what it was trained on: {build}")
    if reversal.unpinned:
        score = command("score", name, Nights(reversal.unpinned[0], reversal.unpinned[-1]))
        lines.append(f"  pins taken back: {in_words(reversal.unpinned)}; their scores stand until: {score}")
    return lines


def _coming(stands: Overview) -> list[str]:
    coming = [f"  next: {_what(change)} from {change.effective_from} on, by {_by(change)}" for change in stands.coming]
    return coming or ["  next: nothing is decided"]


def _what(change: Change) -> str:
    if change.kind == "rolled_back":
        return f"rolled back to version {change.version}"
    return f"version {change.version} {change.kind}"


def _by(change: Change) -> str:
    when = f"{change.by}, {change.recorded_at:%Y-%m-%d %H:%M} UTC"
    return f"{when}: {change.reason}" if change.reason else when
