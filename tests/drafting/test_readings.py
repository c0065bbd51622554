"""Every common way to write dates, times and numbers is read as what it is, and what can be read in two ways is asked."""

from __future__ import annotations

from datetime import date

import pytest

from nightloop.drafting.fields import Field
from nightloop.errors import UsageError
from nightloop.sources.evaluation import SQL_TYPES, attempt, open_session
from tests.fixtures_samples import days, planned

COUNT = 60


def column(values: list[object], name: str = "value", **options: object) -> Field:
    drafted = planned({
        "id": [f"k{i}" for i in range(COUNT)], "at": days(COUNT), name: [values[i // 2 % len(values)] for i in range(COUNT)],
        "came": [i % 2 for i in range(COUNT)],
    }, label="came", event_at="at", key=("id",), **options)  # fmt: skip
    fields = (*drafted.fields, *drafted.outcome_fields)  # a time after the event is known with the outcome
    return next(item for item in fields if item.profile and item.profile.original == name)


def value(field: Field, text: str) -> str | None:
    """What the drafted expression makes of a text; None where the record is set aside."""
    import pyarrow as pa

    with open_session(pa.table({field.profile.original: [text]})) as session:  # type: ignore[union-attr]
        sql = f"SELECT ({attempt(field.sql, SQL_TYPES[field.type])}).v::varchar FROM text"
        return session.execute(sql).fetchall()[0][0]


@pytest.mark.parametrize(
    ("values", "text", "expected"),
    [
        (["31.12.2023", "1.2.2024"], "3.4.2024", "2024-04-03"), (["31-12-2023", "1-2-2024"], "3-4-2024", "2024-04-03"),
        (["31/12/2023", "1/2/2024"], "3/4/2024", "2024-04-03"), (["12/31/2023", "1/2/2024"], "3/4/2024", "2024-03-04"),
        (["12-31-2023", "1-2-2024"], "3-4-2024", "2024-03-04"), (["31/12/23", "1/2/24"], "3/4/24", "2024-04-03"),
        (["2024/1/5", "2024/12/31"], "2024/3/4", "2024-03-04"), (["2024.01.05"], "2024.03.04", "2024-03-04"),
        (["5 Mar 2024", "12 Apr 2024"], "4 Mar 2024", "2024-03-04"), (["5-Mar-2024"], "4-Mar-2024", "2024-03-04"),
        (["March 5, 2024", "April 12, 2024"], "March 4, 2024", "2024-03-04"), (["5 March 2024"], "4 March 2024", "2024-03-04"),
        (["01-Jan-24", "12-FEB-24"], "3-Mar-24", "2024-03-03"), (["01.Jan.2024"], "3.Mar.2024", "2024-03-03"),
        (["Jan 01 2024"], "Mar 4 2024", "2024-03-04"), (["01-Jan-24 07:15"], "3-Mar-24 9:05", "2024-03-03 09:05:00+00"),
        (["Mon, 01 Jan 2024 08:07:31 GMT"], "Sun, 3 Mar 2024 08:07:31 +0200", "2024-03-03 06:07:31+00"),
        (["01 Jan 2024 08:07 -0500"], "3 Mar 2024 23:07 UTC", "2024-03-03 23:07:00+00"),
        (["01/Jan/2024:08:07:31 +0100"], "03/Mar/2024:08:07:31 +0100", "2024-03-03 07:07:31+00"),
        (["20240101T080731Z"], "20240303T080731Z", "2024-03-03 08:07:31+00"),
        (["20240101T080731"], "20240303T080731", "2024-03-03 08:07:31+00"),
        (["2024-01", "2024-12"], "2024-03", "2024-03-01"), (["01/2024"], "03/2024", "2024-03-01"),
        (["Jan-24"], "Mar-24", "2024-03-01"), (["Jan 2024", "May 2024"], "March 2024", None),
        (["June 2024"], "May 2024", "2024-05-01"),
        (["1. Januar 2024", "29. Februar 2024"], "3. März 2024", "2024-03-03"),
        (["1 janvier 2024"], "3 AOÛT 2024", "2024-08-03"),
        (["1 de enero de 2024"], "31 de diciembre de 2024", "2024-12-31"), (["1 mei 2024"], "3 maart 2024", "2024-03-03"),
        (["1 stycznia 2024"], "3 września 2024", "2024-09-03"), (["1 мая 2024"], "3 марта 2024", "2024-03-03"),
        (["1,234.00", "(1,234.00)"], "(2.5)", "-2.5"), (["$1,234.00", "(1,234.00)"], "($2,000)", "-2000.0"),
        (["1.234,00 €", "-5 €"], "-1.000,5 €", "-1000.5"), (["1,234.00-", "5.00"], "2.5-", "-2.5"),
        (["EUR 5", "EUR 7"], "EUR 1,000", "1000.0"),
        (["1.234,5", "12"], "1.234.567,25", "1234567.25"), (["1,234.5", "12"], "1,234,567.25", "1234567.25"),
        (["1 234,5", "12"], "1 234 567,25", "1234567.25"),
        (["1'234.5", "12"], "1'234'567.25", "1234567.25"),
        (["12,5", "7"], "3,25", "3.25"), (["12.5%", "3 %"], "3.25 %", "3.25"), (["$1,234.00", "$5"], "$ 1,000.5", "1000.5"),
        (["-$1,234.00", "$5"], "-$3", "-3.0"), (["yes", "no"], "YES", "true"), (["Ja", "Nein"], "nein", "false"),
        (["oui", "non"], "non", "false"), (["да", "нет"], "да", "true"), ([" 12", "3 "], " 4 ", "4"),
        (["1.0", "2.0"], "3.0", "3"),
    ],
)  # fmt: skip
def test_a_value_is_read_as_the_others_are_written(values: list[object], text: str, expected: str | None) -> None:
    assert value(column(values), text) == expected


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["1.234,5", "12"], "1.5"), (["12,5", "7"], "1,234.5"), (["1,234.5", "12"], "1,23"), (["1,234.5", "12"], "12.345,6"),
        (["31.12.2023"], "12/31/2023"), (["31/12/2023"], "12/31/2023"), (["yes", "no"], "maybe"), (["1", "22"], "2.5"),
        (["1", "22"], "0x10"), (["$1,234.00"], "1.234,00"), (["12.5%"], "half"),
        (["1. Januar 2024"], "3. Smarch 2024"), (["1. Januar 2024"], "30. Februar 2024"), (["(5.00)", "7.50"], "(5.00"),
        (["$5", "$7"], "$5 apples"), (["2024-01"], "2024-13"),
    ],
)  # fmt: skip
def test_what_is_written_otherwise_is_set_aside(values: list[object], text: str) -> None:
    assert value(column(values), text) is None


@pytest.mark.parametrize(
    ("first", "text", "expected"),
    [
        ("1704067200", "1704153600", "2024-01-02 00:00:00+00"), ("1704067200.5", "1704153600.25", "2024-01-02 00:00:00.25+00"),
        ("1704067200000", "1704153600000", "2024-01-02 00:00:00+00"),
        ("1704067200000000", "1704153600000000", "2024-01-02 00:00:00+00"),
        ("45292", "45293", "2024-01-02"), ("45292.5", "45293.25", "2024-01-02 06:00:00+00"),
        ("20240101", "20240102", "2024-01-02"),
    ],
)  # fmt: skip
def test_digits_are_a_time_under_the_name_of_one(first: str, text: str, expected: str) -> None:
    assert value(column([first], "updated_at"), text) == expected
    assert column([first, first + "1"], "amount").type in ("integer", "number")


@pytest.mark.parametrize(("name", "values", "kind"), [
    ("datum", ["20240101"], "date"), ("fecha_alta", ["1704067200"], "timestamp"), ("ref_day", ["20240131", "20231231"], "date"),
    ("x", ["20240131", "20231231"], "date"), ("x", ["20240131", "20231331"], "integer"), ("x", ["1704067200"], "integer"),
])  # fmt: skip
def test_digits_that_are_all_dates_are_dates_under_any_name(name: str, values: list[object], kind: str) -> None:
    assert column(values, name).type == kind


@pytest.mark.parametrize(
    ("values", "asked"),
    [
        (["01/02/2024", "12/11/2024"], "write %d/%m/%Y in the expression"),
        (["01-02-2024", "12-12-2024"], "write %m-%d-%Y in the expression"),
        (["01/02/2024", "13/11/2024"], ""), (["01/02/2024", "12/13/2024"], ""), (["01.02.2024", "02.03.2024"], ""),
        (["01/02/2024 10:00", "12/11/2024 9:05 PM"], "write %d/%m/%Y in the expression"),
    ],
)  # fmt: skip
def test_where_day_and_month_cannot_be_told_apart_it_is_asked(values: list[object], asked: str) -> None:
    comment = column(values).comment
    assert ("check: read with the" in comment) == bool(asked)
    assert asked in comment


@pytest.mark.parametrize(("day_first", "expected"), [(True, "2024-04-03"), (False, "2024-03-04")])
@pytest.mark.parametrize("mark", ["/", "-"])
def test_the_order_that_is_asked_for_is_taken_and_told(mark: str, day_first: bool, expected: str) -> None:
    field = column([f"01{mark}02{mark}2024", f"12{mark}11{mark}2024"], day_first=day_first)
    assert value(field, f"03{mark}04{mark}2024") == expected
    assert f"read with the {'day' if day_first else 'month'} before the" in field.comment and "asked for" in field.comment


def test_an_order_that_does_not_fit_the_values_is_not_taken() -> None:
    assert value(column(["01/02/2024", "13/11/2024"], day_first=False), "03/04/2024") == "2024-04-03"


@pytest.mark.parametrize(
    ("values", "near"),
    [
        (["1. Jan. 2024"], "'when' looks like dates: '1. Jan. 2024'; strptime(\"when\", '%d. %b. %Y') reads it"),
        (["07:15, 2024-01-31"], "strptime(\"when\", '%H:%M, %Y-%m-%d') reads it"),
        (["31/01/2024T7:15 PM"], "strptime(\"when\", '%d/%m/%YT%I:%M %p') reads it"),
        (["Wednesday 31 January 2024"], "strptime(\"when\", '%A %d %B %Y') reads it"),
        (["2024-W05"], "'when' looks like dates: '2024-W05'."),
        (["01. led 2024", "1 Mrz 2024"], "looks like dates: '1 Mrz 2024'"),
        (["2024年1月31日"], "looks like dates: '2024年1月31日'"), (["1704067200"], "--event-at 'when'"),
    ],
)  # fmt: skip
def test_a_date_in_a_form_that_is_not_known_is_named(values: list[str], near: str) -> None:
    columns = {"id": [f"k{i}" for i in range(COUNT)], "when": [values[i % len(values)] for i in range(COUNT)]}
    with pytest.raises(UsageError) as error:
        planned({**columns, "came": [i % 2 for i in range(COUNT)]}, label="came")
    assert near in f"{error.value}{error.value.do}"


def test_a_time_that_is_empty_at_times_is_named() -> None:
    columns = {"id": [f"k{i}" for i in range(COUNT)], "at": [None, *days(COUNT - 3), None, None], "came": [0, 1] * (COUNT // 2)}
    with pytest.raises(UsageError, match=r"'at' is empty in 3 of 60 records") as error:
        planned(columns, label="came")
    assert error.value.do == "--event-at 'at' takes it all the same."


def test_a_column_that_a_person_calls_a_time_or_a_key_is_read_as_one() -> None:
    columns = {"ref": [f"{100 * (i // 2)}.0" for i in range(COUNT)], "x": [str(1704067200 + 86400 * i) for i in range(COUNT)]}
    drafted = planned({**columns, "came": [i % 2 for i in range(COUNT)]}, label="came", event_at="x", key=("ref", "x"))
    assert (drafted.time.column.original, drafted.key) == ("x", ("ref", "x_text"))


@pytest.mark.parametrize(
    ("values", "near"),
    [
        (["12 kg", "7 kg", "3.5 kg"], "check: looks like amounts: '12 kg'"), (["~5", "~1,000"], "looks like amounts: '~5'"),
        (["a-12", "b-7"], ""), (["007", "012"], ""), (["12 rue Haute", "3 rue Basse"], ""), (["10:15", "11:20"], ""),
        (["a"], ""),
    ],
)  # fmt: skip
def test_amounts_in_a_form_that_is_not_known_are_named(values: list[object], near: str) -> None:
    comment = column(values).comment
    assert near in comment and ("looks like" in comment) == bool(near)


def test_the_other_order_of_day_and_month_is_read_once_it_is_written() -> None:
    field = column(["01/02/2024", "12/11/2024"])
    assert value(field, "03/04/2024") == str(date(2024, 3, 4))
    assert "'%m/%d/%Y'" in field.sql


@pytest.mark.parametrize(("odd", "kind"), [(19, "integer"), (20, "integer"), (21, "string")])
def test_of_a_thousand_values_two_in_a_hundred_may_be_of_another_form(odd: int, kind: str) -> None:
    count = 1_000
    values = [f"{i + 1}" if i >= odd else f"odd {i}" for i in range(count)][::-1]
    drafted = planned(
        {"id": [f"k{i}" for i in range(count)], "at": days(count), "v": values, "came": [i % 2 for i in range(count)]}
    )
    profile = drafted.field["v"].profile
    assert profile and profile.type == kind
    assert profile.invalid == (odd if kind == "integer" else 0)
    assert (f"{odd} of 1,000 values are no integer" in drafted.field["v"].comment) == (kind == "integer")


def test_spaces_around_values_are_taken_off_and_told() -> None:
    field = column([" a", "b", "c  "])
    assert field.sql == 'trim("value")'
    assert "40 values have spaces around them" in field.comment
