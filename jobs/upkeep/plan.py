"""What a change of the definition will do: compared with what the lake was made by, before anything is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from jobs.features import STEPS
from nightloop.definitions import UseCase, definition_digest, load_use_case, use_case_names
from nightloop.definitions.connectors import SqlConnector, TableConnector
from nightloop.definitions.revisions import definition_at
from nightloop.errors import NightloopError, UsageError
from nightloop.lake import NightState
from nightloop.lake.missing import in_words
from nightloop.meaning import meanings_of
from nightloop.meaning.archive import archived
from nightloop.meaning.carrying import Lost, Needed, carrying
from nightloop.meaning.changes import Change, changes
from nightloop.meaning.staleness import other_definition
from nightloop.model import champions
from nightloop.nights import Night
from nightloop.sources import raw_schema
from nightloop.workspace import Workspace

NOTHING, WORDS, BUILDS, LOST = 0, 10, 20, 30

Published = Mapping[str, Mapping[Night, NightState]]  # what stands of each table


@dataclass(frozen=True)
class Build:
    """Nights of a table that were made by another definition, and must be built again."""

    table: str
    nights: tuple[Night, ...]
    rows: int
    why: str
    seconds: float  # that they took when they were made; 0 where that was not recorded


@dataclass(frozen=True)
class Plan:
    """What a definition means for a lake.

    Attributes:
        use_case: name.
        against: what it was compared with.
        changes: of meaning, of rules, of words.
        builds: what must be built again, in the order of the tables.
        champion: version that goes on, if there is one.
        lost_features: what the champion needs and cannot be made any more.
        cannot_be_had: what no build brings back, in words.
        downstream: use cases that read a table of this one.
    """

    use_case: str
    against: str
    changes: tuple[Change, ...]
    builds: tuple[Build, ...]
    champion: int | None
    lost_features: tuple[Lost, ...]
    cannot_be_had: tuple[str, ...]
    downstream: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0: nothing changes; 10: words or rules only; 20: builds ahead; 30: something cannot be had back."""
        if self.cannot_be_had or self.lost_features:
            return LOST
        if self.builds or any(change.is_meaning for change in self.changes):
            return BUILDS
        return WORDS if self.changes else NOTHING

    def must_be_possible(self) -> None:
        """Raise where a build would not bring back what the plan names.

        Raises:
            UsageError: says what cannot be had back.
        """
        if self.cannot_be_had:
            raise UsageError(f"it cannot be built: {' '.join(self.cannot_be_had)}", where=self.use_case)

    def as_json(self) -> dict[str, object]:
        """Return plain values for ``--json``."""
        builds = [{**asdict(build), "nights": [str(night) for night in build.nights]} for build in self.builds]
        return {**asdict(self), "builds": builds, "exit_code": self.exit_code}

    def lines(self) -> list[str]:
        """Return the plan in words."""
        if self.exit_code == NOTHING:
            return [f"{self.use_case}: nothing changes against {self.against}"]
        marks = {"changed": "~", "added": "+", "removed": "-", "renamed": "=", "rule": "!", "words": " "}
        lines = [f"{self.use_case} against {self.against}:"]
        for change in self.changes:
            detail = f": {change.detail}" if change.detail else ""
            lines.append(f"  {marks[change.kind]} {change.kind} {change.thing}{detail}")
        lines += [
            f"  build {build.table} of {in_words(build.nights)}: {build.rows:,} rows ({build.why})" for build in self.builds
        ]
        if seconds := sum(build.seconds for build in self.builds):
            lines.append(f"  cost: about {seconds:,.1f} s, as long as these nights took when they were made")
        if self.champion is not None and any(change.is_meaning for change in self.changes):
            goes_on = "cannot go on" if self.lost_features else "goes on with the meanings it was trained on"
            lines.append(f"  champion: version {self.champion} {goes_on}, until a newer one is promoted")
        lines += [f"  lost: feature {lost.feature} of version {lost.version}: {lost.reason}" for lost in self.lost_features]
        lines += [f"  cannot be had back: {text}" for text in self.cannot_be_had]
        lines += [f"  read by: {name}" for name in self.downstream]
        return lines


def make_plan(use_case: UseCase, workspace: Workspace, against: str | None = None) -> Plan:
    """Compare today's definition with another one, or with what the lake was made by.

    Args:
        use_case: as it is declared today.
        workspace: its lake and ledger.
        against: a file, or a Git revision; None: the definition by which the lake's newest night was made.

    Raises:
        UsageError: there is no such file or revision.
    """
    published = {table: workspace.lake.states(f"{use_case.use_case}/{table}") for table in _tables(use_case)}
    builds = _builds(use_case, published)
    before, name = (
        _of_the_lake(use_case, workspace, published, builds)
        if against is None
        else (definition_at(use_case, workspace.settings, against), against)
    )
    champion = champions.newest(workspace.ledger, use_case.use_case)
    lost = _lost(use_case, champion.payload, champion.version, workspace) if champion else ()
    return Plan(
        use_case=use_case.use_case,
        against=name,
        changes=tuple(changes(before, use_case)) if before else (),
        builds=tuple(builds),
        champion=champion.version if champion else None,
        lost_features=lost,
        cannot_be_had=tuple(_cannot_be_had(use_case, workspace, published, builds)),
        downstream=tuple(_downstream(use_case, workspace)),
    )


def _of_the_lake(
    use_case: UseCase, workspace: Workspace, published: Published, builds: Sequence[Build]
) -> tuple[UseCase | None, str]:
    """Return the definition of the newest night that must be built again; where none must, of the newest night."""
    stale = {build.table: set(build.nights) for build in builds}
    commits = [
        state
        for table, states in published.items()
        for night, state in states.items()
        if not stale or night in stale.get(table, ())
    ]
    digests = {state.definition_digest for state in commits}
    if not stale and definition_digest(use_case) in digests:
        return use_case, "what the lake was made by"
    for state in sorted(commits, key=lambda state: (state.night, state.version), reverse=True):
        if (then := archived(workspace.lake, use_case.use_case, state.definition_digest)) is not None:
            return then, f"what the lake was made by ({state.definition_digest[:12]})"
    return None, "a lake without a definition" if commits else "an empty lake"


def _tables(use_case: UseCase) -> list[str]:
    return [*(f"raw_{source}" for source in use_case.sources), *STEPS]


def _builds(use_case: UseCase, published: Published) -> list[Build]:
    meanings, definition, builds = meanings_of(use_case), definition_digest(use_case), []
    for table, states in published.items():
        today = meanings.of_table(table, use_case)
        one_of = {_kind(state): state for state in states.values()}
        why_of = {kind: other_definition(state, today, definition) for kind, state in one_of.items()}
        reasons = {night: why for night, state in states.items() if (why := why_of[_kind(state)])}
        if reasons:
            rows = sum(states[night].rows for night in reasons)
            seconds = sum(states[night].seconds for night in reasons)
            builds.append(Build(table, tuple(sorted(reasons)), rows, next(iter(reasons.values())), round(seconds, 3)))
    return builds


def _kind(state: NightState) -> tuple[int, str, bool]:
    """Return what the reason to build a night depends on: years of nights have few meanings, each held once."""
    return id(state.meanings), state.definition_digest, state.rows > 0


def _lost(use_case: UseCase, payload: Mapping[str, object], version: int, workspace: Workspace) -> tuple[Lost, ...]:
    trained_on = payload.get("meanings")
    then = archived(workspace.lake, use_case.use_case, str(payload.get("definition_digest", "")))
    if not isinstance(trained_on, Mapping) or then is None:
        return ()
    return tuple(carrying(use_case, [Needed(version, trained_on["features"], then)])[1])


def _cannot_be_had(use_case: UseCase, workspace: Workspace, published: Published, builds: Sequence[Build]) -> list[str]:
    """Tell what no build brings back: history that a source does not keep, and columns whose type may not change."""
    meanings, gone = meanings_of(use_case), []
    for build in builds:
        source = build.table.removeprefix("raw_")
        connector = use_case.sources[source].connector if build.table.startswith("raw_") else None
        if isinstance(connector, SqlConnector) and use_case.sources[source].is_snapshot:
            nights = in_words(build.nights)
            gone.append(f"source {source} shows only what it holds now: its rows of {nights} are not to be read again.")
    for source, declared in use_case.sources.items():
        today = meanings.columns[source].items()
        if all(today <= state.meanings.items() for state in published[f"raw_{source}"].values()):
            continue  # of the same types, for a type is part of a column's meaning
        stored = workspace.lake.snapshot(f"{use_case.use_case}/raw_{source}").schema
        for field in raw_schema(declared):
            at = stored.get_field_index(field.name)
            if at >= 0 and (held := stored.field(at).type) != field.type:
                gone.append(f"column {source}.{field.name} is {held} in the lake: give the {field.type} another name.")
    return gone


def _downstream(use_case: UseCase, workspace: Workspace) -> list[str]:
    folder, readers = workspace.settings.definitions, []
    for name in use_case_names(folder):
        try:
            other = load_use_case(name, folder)
        except NightloopError:
            continue  # its mistakes are told by check
        connectors = [source.connector for source in other.sources.values()]
        if any(isinstance(connector, TableConnector) and connector.use_case == use_case.use_case for connector in connectors):
            readers.append(name)
    return readers
