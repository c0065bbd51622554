"""Which commits of the lake are still part of some night's lineage.

A commit says which versions of other tables it was made from. The lineage of a night is its newest commit, the commits that
those versions show, what they were made from, and so on. A night that was published again leaves its earlier commit in the
lineage of every night made before that, until they are made anew too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nightloop.lake.commits import NightState
from nightloop.nights import Night

Part = tuple[str, Night, int]
"""A night of a table as one commit published it: table, night, version of the commit."""


@dataclass(frozen=True)
class Life:
    """What one commit published of one night, and the versions of the table that show it.

    Attributes:
        table: name of the table.
        state: what the commit says.
        until: the version that published the night again, which no longer shows it; None for the newest.
    """

    table: str
    state: NightState
    until: int | None

    @property
    def part(self) -> Part:
        """The night and the commit."""
        return self.table, self.state.night, self.state.version

    def is_shown_by(self, versions: Sequence[int]) -> bool:
        """Whether one of the versions, in ascending order, shows it."""
        at = bisect_left(versions, self.state.version)
        return at < len(versions) and (self.until is None or versions[at] < self.until)


def lives(table: str, history: Sequence[NightState]) -> list[Life]:
    """Return what each commit of a table published, and how long it was shown; the history is in the order of versions."""
    until: dict[Night, int] = {}
    result = []
    for state in reversed(history):
        result.append(Life(table, state, until.get(state.night)))
        until[state.night] = state.version
    return result[::-1]


def in_lineage(everything: Iterable[Life], roots: Iterable[Part]) -> set[Part]:
    """Return the roots and all that they were made from, directly or through other commits.

    Args:
        everything: all tables' commits.
        roots: where the lineages begin.
    """
    waiting = list(everything)
    reached = set(roots)
    named: Mapping[str, set[int]] = defaultdict(set)
    while True:
        ordered = {table: sorted(versions) for table, versions in named.items()}
        arrived = [life for life in waiting if life.part in reached or life.is_shown_by(ordered.get(life.table, []))]
        if not arrived:
            return reached
        parts = {life.part for life in arrived}
        waiting = [life for life in waiting if life.part not in parts]
        reached |= parts
        for life in arrived:
            for table, version in life.state.inputs.items():
                named[table].add(version)
