"""Which rows of a database table are a night's: borders, time zones and what tells no time, without a database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from nightloop.nights import Night
from nightloop.sources.sql_night import Clock, Kind, clock_of

NIGHT = date(2024, 3, 9)
FIRST = date(2024, 1, 1)
NEW_YORK = "America/New_York"


def clock(kind: Kind = "text", dialect: str = "sqlite", time_zone: str = NEW_YORK) -> Clock:
    return Clock("updated_at", kind, dialect, time_zone)


@pytest.mark.parametrize(
    ("declared", "dialect", "kind"),
    [
        (sa.DateTime(timezone=True), "postgresql", "instant"),
        (sa.DateTime(), "postgresql", "local"),
        (sa.Date(), "postgresql", "date"),
        (sa.String(), "postgresql", "text"),
        (sa.Text(), "postgresql", "text"),
        (sa.Integer(), "postgresql", None),
        (sa.Float(), "postgresql", None),
        (sa.DateTime(), "sqlite", "text"),  # SQLite keeps texts, whatever was declared
        (sa.Integer(), "sqlite", "text"),
    ],
)
def test_the_type_of_a_column_says_how_it_tells_time(declared: sa.types.TypeEngine, dialect: str, kind: Kind | None) -> None:
    found = clock_of("updated_at", declared, dialect, NEW_YORK)
    assert found == (None if kind is None else clock(kind, dialect))


# --- texts are told apart here -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "night"),
    [
        ("2024-03-09 04:59:59.999999", date(2024, 3, 8)),
        ("2024-03-09 05:00:00", NIGHT),
        ("2024-03-09T05:00:00Z", NIGHT),
        ("2024-03-10 04:59:59.999999", NIGHT),
        ("2024-03-10 05:00:00", date(2024, 3, 10)),
        ("2024-03-11 03:59:59.999999", date(2024, 3, 10)),  # a day of 23 hours
        ("2024-03-11 04:00:00", date(2024, 3, 11)),
        ("2024-03-09 00:00:00-05:00", NIGHT),
        ("2024-03-08 23:59:59-05:00", date(2024, 3, 8)),
        ("2024-03-10T13:59:59+09:00", NIGHT),
        ("2024-03-09", NIGHT),  # a date is the night itself, in every zone
        ("2024-03-09 05", NIGHT),
        ("2024-02-30", None),
        ("2024-03-09 25:00", None),
        ("2024-03-09 noon", None),
        ("2024-03-09\n05:00", None),
        (" 2024-03-09", None),
        ("20240309", None),
        ("24-03-09", None),
        ("२०२४-03-09", None),  # digits of another script
        ("0001-01-01T00:00:00+14:00", None),  # before the calendar begins
        ("", None),
        (None, None),
    ],
)
def test_a_text_belongs_to_the_night_of_its_local_date(value: str | None, night: Night | None) -> None:
    for each in (NIGHT - timedelta(days=1), NIGHT, NIGHT + timedelta(days=1), NIGHT + timedelta(days=2)):
        assert clock().belongs(value, each, FIRST) is (night == each)
    assert clock().belongs(value, FIRST, FIRST) is (night is None), "what tells no time comes with the first night"


def test_what_the_database_compared_is_not_compared_again() -> None:
    for kind in ("instant", "local", "date"):
        assert clock(kind).belongs("anything", NIGHT, FIRST)  # type: ignore[arg-type]


@settings(deadline=None)
@given(
    st.datetimes(datetime(2024, 3, 1), datetime(2024, 3, 20)),  # noqa: DTZ001 - the zone is drawn
    st.integers(-12 * 60, 14 * 60),
    st.sampled_from([NEW_YORK, "UTC", "Asia/Tokyo", "Pacific/Auckland"]),
)
def test_the_database_narrows_down_without_losing_a_row_of_the_night(moment: datetime, minutes: int, zone: str) -> None:
    """A text of any zone lies within the days that are asked for, compared as text."""
    text = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    night = text.astimezone(ZoneInfo(zone)).date()
    low, high = str(night - timedelta(days=2)), str(night + timedelta(days=2))
    for written in (text.isoformat(), text.isoformat(sep=" ")):
        assert low <= written < high
        assert clock(time_zone=zone).belongs(written, night, FIRST)


# --- conditions for the database ---------------------------------------------------------------------------------------


def restricted(
    kind: Kind, dialect: str = "postgresql", *, with_unknown: bool = False, night: Night = NIGHT
) -> tuple[str, list]:
    """Return the condition as SQL, and its values."""
    statement = clock(kind, dialect).restrict(sa.select(sa.column("x")), night, with_unknown=with_unknown)
    compiled = statement.compile(dialect=postgresql.dialect())
    return " ".join(str(compiled).partition("WHERE")[2].split()), list(compiled.params.values())


def test_instants_are_those_from_midnight_to_midnight_where_the_use_case_is() -> None:
    sql, values = restricted("instant")
    assert values == [datetime(2024, 3, 9, 5, tzinfo=UTC), datetime(2024, 3, 10, 5, tzinfo=UTC)]
    assert sql.startswith('"updated_at" >= ') and ' AND "updated_at" < ' in sql
    assert " OR " not in sql
    _, values = restricted("instant", night=date(2024, 3, 10))
    assert values == [datetime(2024, 3, 10, 5, tzinfo=UTC), datetime(2024, 3, 11, 4, tzinfo=UTC)]


def test_times_without_a_zone_are_utc() -> None:
    sql, values = restricted("local")
    assert values == [datetime(2024, 3, 9, 5), datetime(2024, 3, 10, 5)]  # noqa: DTZ001 - as the column has them
    assert "WITHOUT TIME ZONE" in sql and "WITH TIME ZONE" in restricted("instant")[0]


def test_a_date_is_the_night_itself() -> None:
    sql, values = restricted("date")
    assert (values, sql.startswith('"updated_at" = ')) == ([NIGHT], True)


@pytest.mark.parametrize("kind", ["instant", "local", "date"])
def test_with_the_first_night_come_rows_without_a_time(kind: Kind) -> None:
    sql, values = restricted(kind, with_unknown=True)
    assert 'OR "updated_at" IS NULL OR NOT isfinite("updated_at")' in sql
    assert values == restricted(kind)[1]
    assert "isfinite" not in restricted(kind)[0]


def test_texts_are_narrowed_to_two_days_around_the_night_by_their_bytes() -> None:
    sql, values = restricted("text")
    assert values == ["2024-03-07", "2024-03-11"]
    assert 'COLLATE "C"' in sql and ">=" in sql and "<" in sql
    assert restricted("text", with_unknown=True) == ("", []), "what tells no time may be any text: all of them are read"
    assert "COLLATE" not in restricted("text", "sqlite")[0]


@pytest.mark.parametrize(("text", "is_read"), [("2024-03-06T23", False), ("2024-03-07", True), ("2024-03-10Z", True),
                                               ("2024-03-11", False)])  # fmt: skip
def test_the_border_of_the_days_around_is_the_same_in_a_database(text: str, is_read: bool) -> None:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE TABLE t (updated_at TEXT)"))
        connection.execute(sa.text("INSERT INTO t VALUES (:at)"), {"at": text})
        table = sa.table("t", sa.column("updated_at"))
        statement = clock().restrict(sa.select(table.c.updated_at).select_from(table), NIGHT, with_unknown=False)
        assert (connection.execute(statement).all() == [(text,)]) is is_read
