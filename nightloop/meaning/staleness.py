"""What was built from an earlier version of a night: the nights of each table that read it, and those that are stale.

A table's night is stale when an input night it was made from was published with other content since, or is stale itself; and
when columns of it were made by another definition than today's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from nightloop.definitions import UseCase, definition_digest
from nightloop.features.tables import TABLES, inputs
from nightloop.lake import Lake, NightState
from nightloop.meaning.digests import ROWS, Meanings, meanings_of
from nightloop.meaning.reading import stored_names
from nightloop.nights import Night, Nights, one

ANOTHER, MENDED = "another definition of", "a mended function in"  # how a reason begins that no input gave
DOWNSTREAM = (*TABLES, "scores")
"""Tables made from raw tables, each after those it is made from."""


def touched(use_case: UseCase, source: str, night: Night, lake: Lake) -> dict[str, list[Night]]:
    """Return the nights of each published table that read this night of a source, directly or through another table."""
    reached: dict[str, set[Night]] = {f"raw_{source}": {night}}
    for table in DOWNSTREAM:
        nights = lake.states(f"{use_case.use_case}/{table}")
        reached[table] = {
            downstream_night
            for downstream_night in nights
            if any(
                span is not None and _meets(reached.get(name, ()), span)
                for name, span in made_from(use_case, table, downstream_night)
            )
        }
    return {table: sorted(reached[table]) for table in DOWNSTREAM if reached[table]}


def _meets(nights: Collection[Night], span: Nights) -> bool:
    return any(night in span for night in nights)


def made_from(use_case: UseCase, table: str, night: Night) -> list[tuple[str, Nights | None]]:
    """Return the tables a night of a table is made from, and which of their nights."""
    if table == "scores":
        return [("features", one(night))]
    return list(inputs(use_case, table, one(night)).items())


def stale(use_case: UseCase, lake: Lake) -> dict[Night, dict[str, str]]:
    """Return the stale tables of each night, each with what changed since: ``raw_orders of 2024-03-01 (version 4 -> 9)``."""
    return _Staleness(use_case, lake).find()


def other_definition(state: NightState, today: Mapping[str, str], definition: str = "") -> str:
    """Return which columns of a night were made by another definition than today's; nothing where none was.

    Where the definition is the very one of today (its digest), a function of it was mended since.
    """
    if not state.meanings or not state.rows:
        return ""
    _, absent = stored_names(state.meanings, today)
    columns = sorted("rows" if column == ROWS else column for column in absent)
    what = MENDED if definition and state.definition_digest == definition else ANOTHER
    return f"{what} {', '.join(columns)}" if columns else ""


@dataclass(frozen=True)
class _Staleness:
    use_case: UseCase
    lake: Lake

    def find(self) -> dict[Night, dict[str, str]]:
        stale_tables: dict[Night, dict[str, str]] = {}
        definition = definition_digest(self.use_case)
        for table in (*(f"raw_{source}" for source in self.use_case.sources), *DOWNSTREAM):
            today = self._meanings.of_table(table, self.use_case)
            for night, state in self.lake.states(f"{self.use_case.use_case}/{table}").items():
                changed = other_definition(state, today, definition)
                reason = changed or next(self._reasons(table, night, state, stale_tables), None)
                if reason is not None:
                    stale_tables.setdefault(night, {})[table] = reason
        return dict(sorted(stale_tables.items()))

    def _reasons(
        self, table: str, night: Night, state: NightState, stale_tables: Mapping[Night, Mapping[str, str]]
    ) -> Iterator[str]:
        if table.startswith("raw_"):
            return
        for name, span in made_from(self.use_case, table, night):
            built_from = state.inputs.get(f"{self.use_case.use_case}/{name}")
            for input_night in span or ():
                if built_from is not None and (newer := self._changed(name, input_night, built_from)) is not None:
                    yield f"{name} of {input_night} (version {built_from} -> {newer})"
                elif name in stale_tables.get(input_night, {}):
                    yield f"{name} of {input_night} is stale"

    def _changed(self, table: str, night: Night, since: int) -> int | None:
        """Return the version that changed a night after version ``since``, if its content is another now."""
        commits = self._commits(table).get(night, [])
        before = [state for state in commits if state.version <= since]
        if not commits or (before and before[-1].content_digest == commits[-1].content_digest):
            return None
        return commits[-1].version

    def _commits(self, table: str) -> dict[Night, list[NightState]]:
        if table not in self._read:
            by_night: dict[Night, list[NightState]] = {}
            for state in self.lake.history(f"{self.use_case.use_case}/{table}"):
                by_night.setdefault(state.night, []).append(state)
            self._read[table] = by_night
        return self._read[table]

    @cached_property
    def _meanings(self) -> Meanings:
        return meanings_of(self.use_case)

    @cached_property
    def _read(self) -> dict[str, dict[Night, list[NightState]]]:
        return {}
