"""A copy of what a table's commits said, so that a process need not read the log of years entry by entry.

The log is the truth, the copy (in HOME/cache/log) a shortcut: it can be deleted at any time, and one that cannot be read, or is
of another table at the same place, is passed over. So the cost of a stage stays flat as history grows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightloop.atomic_file import write_atomically
from nightloop.lake.commits import NightState
from nightloop.nights import Night

EVERY = 64
"""Commits after which the copy is written anew."""

History = tuple[int, tuple[NightState, ...]]
"""The version up to which the log was read, and what the commits said, in order."""

NOTHING: History = (-1, ())


@dataclass(frozen=True)
class CommitCache:
    """The copy of one table's history."""

    file: Path

    def read(self, table_id: str) -> History:
        """Return what was kept of the table with this id (delta's own), or nothing."""
        try:
            cached = json.loads(self.file.read_bytes())
            if cached["table"] != table_id:
                return NOTHING
            meanings = cached["meanings"]
            return cached["version"], tuple(_state(values, meanings) for values in cached["commits"])
        except FileNotFoundError:
            return NOTHING
        except (ValueError, KeyError, TypeError):  # damaged, or of another version of the code: the log tells all
            return NOTHING

    def write(self, table_id: str, version: int, states: Sequence[NightState]) -> None:
        """Keep what the commits up to a version said; of two writers, either wins: both are right."""
        # Years of nights have few meanings: each stands once.
        place_of: dict[tuple[tuple[str, str], ...], int] = {}
        commits = [
            {**_as_json(state), "meanings": place_of.setdefault(tuple(sorted(state.meanings.items())), len(place_of))}
            for state in states
        ]
        meanings = [dict(pairs) for pairs in place_of]
        cached = {"table": table_id, "version": version, "meanings": meanings, "commits": commits}
        write_atomically(self.file, json.dumps(cached))


def _as_json(state: NightState) -> dict[str, Any]:
    return {**vars(state), "night": str(state.night), "inputs": dict(state.inputs), "summary": dict(state.summary)}


def _state(values: dict[str, Any], meanings: Sequence[Mapping[str, str]]) -> NightState:
    return NightState(**{**values, "night": Night.fromisoformat(values["night"]), "meanings": meanings[values["meanings"]]})
