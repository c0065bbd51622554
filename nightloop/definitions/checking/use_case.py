"""Check what the shape alone cannot show: that every name exists, every expression fits, and every key joins."""

from __future__ import annotations

from datetime import time
from zoneinfo import ZoneInfo, available_timezones

from nightloop.daily import time_of
from nightloop.definitions.checking.features import FeatureChecks
from nightloop.definitions.checking.rules import BESIDE_THE_KEY, RESERVED, Path
from nightloop.definitions.connectors import Connector, FilesConnector, TableConnector
from nightloop.definitions.patterns import files_fault
from nightloop.definitions.problems import Problems
from nightloop.definitions.simulation import Portfolio, SimulatorConnector
from nightloop.definitions.strict import LABEL_TYPES
from nightloop.definitions.use_case import Source, UseCase
from nightloop.errors import meant


def check_use_case(use_case: UseCase, problems: Problems) -> None:
    """Note every mistake of meaning in ``problems``."""
    _UseCaseChecks(use_case, problems).check_all()


class _UseCaseChecks(FeatureChecks):
    def check_all(self) -> None:
        self.check_calendar()
        for name, source in self.use_case.sources.items():
            self.check_source(source, ("sources", name))
        if self.source_exists(self.use_case.entity.source, ("entity", "source")):
            self.check_names(self.use_case.entity.key, self.entity, ("entity", "key"), "Columns of the entity")
            self.check_key_is_free()
            self.check_entity_is_final()
            self.check_fairness_columns()
            needed = self.use_case.model.fit_where_known
            self.check_names(needed, self.entity, ("model", "fit_where_known"), "Columns of the entity")
            apart = self.use_case.model.split.entities_apart
            self.check_names(apart, self.entity, ("model", "split", "entities_apart"), "Columns of the entity")
            for name, feature in self.use_case.features.items():
                self.check_feature(name, feature)
            self.check_label()

    def check_fairness_columns(self) -> None:
        gate, path = self.use_case.gates.fairness, ("gates", "fairness")
        if gate.group:
            self.check_names([gate.group], self.entity, (*path, "group"), "Columns of the entity")
        self.check_names(gate.attributes, self.entity, (*path, "attributes"), "Columns of the entity")

    def check_key_is_free(self) -> None:
        for name in self.use_case.entity.key:
            if name in BESIDE_THE_KEY:
                taken = f"'{name}' is a column of the tables labels and scores."
                self.problems.add(("entity", "key"), taken, "Declare the key's column under another name.")

    def check_entity_is_final(self) -> None:
        """A record of the entity is scored in the night it comes: there is nothing that a later one could still change."""
        name = self.use_case.entity.source
        if self.use_case.sources[name].revised_within:
            self.problems.add(
                ("sources", name, "revised_within"),
                f"'{name}' holds the entities: each is scored in the night it comes, and cannot be revised later.",
                "Leave out revised_within, or let features look up the revised records as another source.",
            )

    def check_calendar(self) -> None:
        use_case = self.use_case
        try:
            ZoneInfo(use_case.time_zone)
        except (KeyError, ValueError, OSError):
            self.problems.add(
                ("time_zone",),
                f"'{use_case.time_zone}' is no time zone.",
                f"{meant(use_case.time_zone, available_timezones())}Write one like America/New_York or UTC.",
            )
        if use_case.last_night and use_case.last_night < use_case.first_night:
            self.problems.add(
                ("last_night",), f"last_night {use_case.last_night} is before first_night.", "Write the later night last."
            )
        if time_of(use_case.schedule) is None:
            self.problems.add(
                ("schedule",),
                f"'{use_case.schedule}' is not once a day: a night is a day, and each is taken in once.",
                "Write minute and hour of every day, for example '0 2 * * *'.",
            )

        elif use_case.ready_by and time.fromisoformat(use_case.ready_by) <= (at := time_of(use_case.schedule) or time.min):
            self.problems.add(
                ("ready_by",),
                f"ready_by {use_case.ready_by} is not after the schedule's {at:%H:%M}, when the night is only taken in.",
                "Write a later time of the morning.",
            )

    def check_source(self, source: Source, path: Path) -> None:
        self.check_names(source.key, source.columns, (*path, "key"), "Columns")
        self.check_connector(source.connector, (*path, "connector"))
        for name, column in source.columns.items():
            if name in RESERVED:
                self.problems.add(
                    (*path, "columns", name), f"the column name '{name}' is taken by the table itself.", "Choose another name."
                )
            self.check_sql(column.expression, (*path, "columns", name, "expression"))
            if column.normal and column.type != "string":
                what = f"'{name}' is a {column.type}: only a text has a normal form."
                self.problems.add((*path, "columns", name, "normal"), what, "Leave it out, or declare the column as a string.")
        for part in ("event_at", "known_at", "night", "withdrawn"):
            if text := getattr(source, part):
                self.check_sql(text, (*path, part))
        self.check_revisions(source, path)

    def check_revisions(self, source: Source, path: Path) -> None:
        """Late, corrected and withdrawn records need both clocks."""
        if source.withdrawn and not source.revised_within:
            self.problems.add(
                (*path, "withdrawn"),
                "records are withdrawn, but revised_within is 0: each record would come once.",
                "Say within how many nights of its event a record may be revised: revised_within.",
            )
        if source.revised_within and (source.event_at is None or source.is_snapshot):
            self.problems.add(
                (*path, "revised_within"),
                "records are revised, but the source does not say when they happen and when they are known.",
                "Give it event_at, and known_at or night.",
            )

    def check_connector(self, connector: Connector, path: Path) -> None:
        """A pattern stays in its folder, no use case waits for itself, and all simulated tables are of one portfolio."""
        if isinstance(connector, FilesConnector) and (fault := files_fault(connector)):
            self.problems.add((*path, "pattern"), *fault)
        if isinstance(connector, TableConnector) and connector.use_case == self.use_case.use_case:
            self.problems.add(
                (*path, "use_case"),
                f"'{connector.use_case}' would have to be run before itself.",
                "Name another use case; a feature may look up a source of its own use case.",
            )
        if isinstance(connector, SimulatorConnector) and connector.portfolio != self.portfolio():
            self.problems.add(
                (*path, "portfolio"),
                "the portfolio differs from that of the first simulated source.",
                "Give all of them the same: portfolio: &portfolio {…} in the first, portfolio: *portfolio in the others.",
            )

    def portfolio(self) -> Portfolio | None:
        """Return the portfolio of the first simulated source."""
        connectors = (source.connector for source in self.use_case.sources.values())
        return next((item.portfolio for item in connectors if isinstance(item, SimulatorConnector)), None)

    def check_sql(self, text: str, path: Path) -> None:
        """Columns of a source are DuckDB SQL over a file that is not here yet: only its grammar can be checked."""
        from sqlglot import parse_one
        from sqlglot.errors import SqlglotError

        try:
            parse_one(text, dialect="duckdb")
        except SqlglotError:
            self.problems.add(
                path, f"'{text}' cannot be read as SQL.", "Write one DuckDB expression over the columns of the file."
            )

    def check_label(self) -> None:
        label, path = self.use_case.label, ("label",)
        if not self.source_exists(label.source, (*path, "source")):
            return
        source = self.use_case.sources[label.source]
        self.check_expression(label.expression, source.types, (*path, "expression"), LABEL_TYPES[self.use_case.model.task])
        if self.check_key(list(label.join), source.types, (*path, "join"), f"Columns of {label.source}"):
            self.check_joins(label.join, source.types, (*path, "join"))
        if source.known_at is None:
            self.problems.add(
                (*path, "source"), f"'{label.source}' does not say when its records are known.", "Give that source a known_at."
            )
