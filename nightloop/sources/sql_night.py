"""Which rows of a database table belong to a night: those last written between its two midnights.

A column of timestamps or dates is compared by the database. SQLite has no such columns, and some tables keep times as text:
their ISO 8601 texts are narrowed down by the database to a few days (an index serves) and told apart here, to the microsecond.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from nightloop.nights import Night, cutoff

Statement = sa.Select[*tuple[Any, ...]]
Kind = Literal["instant", "local", "date", "text"]
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([ T].*)?", re.ASCII)
_MARGIN = timedelta(days=2)  # a text may be of any zone


@dataclass(frozen=True)
class Clock:
    """A column that says when a row was last written.

    Attributes:
        name: of the column.
        kind: instant (with a zone), local (without: UTC), date (the night itself), or text.
        dialect: the database's kind.
        time_zone: of the nights.
    """

    name: str
    kind: Kind
    dialect: str
    time_zone: str

    def restrict(self, statement: Statement, night: Night, *, with_unknown: bool) -> Statement:
        """Add the condition that only rows of the night are read, and (with_unknown) those whose time cannot be told."""
        if self.kind == "text":
            return statement if with_unknown else statement.where(self._days_near(night))
        column: sa.ColumnClause[Any] = sa.column(sa.quoted_name(self.name, quote=True))
        within: sa.ColumnElement[bool]
        if self.kind == "date":
            within = column == sa.bindparam(None, night, sa.Date)
        else:
            kind = sa.DateTime(timezone=self.kind == "instant")
            first, end = cutoff(night - timedelta(days=1), self.time_zone), cutoff(night, self.time_zone)
            if self.kind == "local":
                first, end = first.replace(tzinfo=None), end.replace(tzinfo=None)
            within = sa.and_(column >= sa.bindparam(None, first, kind), column < sa.bindparam(None, end, kind))
        if with_unknown:
            within = sa.or_(within, column.is_(None), sa.not_(sa.func.isfinite(column)))
        return statement.where(within)

    def belongs(self, value: str | None, night: Night, first_night: Night) -> bool:
        """Whether a row that was read is one of the night; one whose time cannot be told is one of the first."""
        if self.kind != "text":
            return True
        row_night = self._night_of(value)
        return row_night == night or (row_night is None and night == first_night)

    def _days_near(self, night: Night) -> sa.ColumnElement[bool]:
        column: sa.ColumnElement[Any] = sa.column(sa.quoted_name(self.name, quote=True), sa.String)
        if self.dialect == "postgresql":
            column = sa.collate(sa.cast(column, sa.Text), "C")
        low, high = sa.literal(str(night - _MARGIN), sa.String), sa.literal(str(night + _MARGIN), sa.String)
        return sa.and_(column >= low, column < high)

    def _night_of(self, value: str | None) -> Night | None:
        """Return the night of an ISO 8601 text: of a date, the date; of a time without a zone, UTC is meant."""
        if value is None or not _ISO.fullmatch(value):
            return None
        try:
            if len(value) == len("2024-03-05"):
                return date.fromisoformat(value)
            moment = datetime.fromisoformat(value)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return moment.astimezone(ZoneInfo(self.time_zone)).date()
        except (ValueError, OverflowError):
            return None


def clock_of(name: str, kind: sa.types.TypeEngine[Any], dialect: str, time_zone: str) -> Clock | None:
    """Return the clock of a column, or None when its type tells no time."""
    clock_kind: Kind | None = None
    if dialect == "sqlite":
        clock_kind = "text"  # whatever the column was declared as, SQLite keeps texts
    elif isinstance(kind, sa.DateTime):
        clock_kind = "instant" if kind.timezone else "local"
    elif isinstance(kind, sa.Date):
        clock_kind = "date"
    elif isinstance(kind, sa.String):
        clock_kind = "text"
    return Clock(name, clock_kind, dialect, time_zone) if clock_kind else None
