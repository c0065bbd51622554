"""The forms in which files write days and instants, most particular first."""

from __future__ import annotations

from nightloop.drafting.reading.form import Form

_CLOCK = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?"


def _days(shape: str, day: str, *, note: str = "", other: str = "") -> list[Form]:
    """A day in one order, alone and with a clock."""
    clocks = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%g", "%I:%M:%S %p", "%I:%M %p")
    times = ", ".join(f"'{day} {clock}'" for clock in clocks)
    clock = rf" {_CLOCK}( [AaPp][Mm])?"
    return [
        Form("date", shape, f"strptime({{0}}, '{day}')::date", other=other, note=note),
        Form("timestamp", shape + clock, f"strptime({{0}}, [{times}])", is_local=True, other=other, note=note),
    ]


def _day_and_month(separator: str, *, month_first: bool) -> list[Form]:
    """Both orders of day and month, the likelier one first."""
    mark = separator.replace(".", r"\.")
    orders = [("%m", "%d", "the month before the day"), ("%d", "%m", "the day before the month")]
    forms: list[Form] = []
    for year, digits in (("%Y", 4), ("%y", 2)):
        shape = rf"\d{{1,2}}{mark}\d{{1,2}}{mark}\d{{{digits}}}"
        for first, second, words in orders if month_first else orders[::-1]:
            other = separator.join((second, first, year))
            forms += _days(shape, separator.join((first, second, year)), note=f"read with {words}", other=other)
    return forms


def _with_month_names() -> list[Form]:
    """Days with the English names of months, as DuckDB knows them."""
    forms = []
    for year, digits in (("%Y", 4), ("%y", 2)):
        for sign in (" ", "-", "/", "."):
            mark = sign.replace(".", r"\.")
            shape = rf"\d{{1,2}}{mark}[A-Za-z]{{3}}{mark}\d{{{digits}}}"
            forms += _days(shape, sign.join(("%d", "%b", year)))
    forms += _days(r"\d{1,2} [A-Za-z]{3,9} \d{4}", "%d %B %Y")
    for month, letters in (("%b", "{3}"), ("%B", "{3,9}")):
        for comma in (",", ""):
            forms += _days(rf"[A-Za-z]{letters} \d{{1,2}}{comma} \d{{4}}", f"{month} %d{comma} %Y")
    return forms


def _with_zone() -> list[Form]:
    """Instants with a zone as mail and HTTP (RFC 2822) and logs of web servers write them, and those of digits only."""
    day = r"([A-Za-z]{3}, )?\d{1,2} [A-Za-z]{3} \d{4}"
    patterns = ", ".join(f"'{week}%d %b %Y %H:%M{seconds} %z'" for week in ("%a, ", "") for seconds in (":%S", ""))
    utc = "regexp_replace({0}, ' (GMT|UTC|UT|Z)$', ' +0000')"
    log = r"\d{2}/[A-Za-z]{3}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}"
    iso = r"\d{8}T\d{6}"
    return [
        Form("timestamp", rf"{day} \d{{1,2}}:\d{{2}}(:\d{{2}})? (GMT|UTC|UT|Z|[+-]\d{{4}})", f"strptime({utc}, [{patterns}])"),
        Form("timestamp", log, "strptime({0}, '%d/%b/%Y:%H:%M:%S %z')"),
        Form("timestamp", f"{iso}Z", "strptime(rtrim({0}, 'Z') || ' +0000', '%Y%m%dT%H%M%S %z')"),
        Form("timestamp", iso, "strptime({0}, '%Y%m%dT%H%M%S')", is_local=True),
    ]


def _in_language(language: str, names: str) -> Form:
    """A day with the month's name in another language."""
    month = rf"(?i)\d{{1,2}}\.?( de)? ({names.replace(' ', '|')})( de)? \d{{4}}"
    return Form("date", month, f"day_in({{0}}, '{names}')", note=f"read with the names of months in {language}")


def _months() -> list[Form]:
    """Months without a day."""
    number, shapes = "(0[1-9]|1[0-2])", []
    shapes += [(rf"(19|20)\d{{2}}{mark}{number}", f"%Y{sign}%m") for sign, mark in (("-", "-"), ("/", "/"), (".", r"\."))]
    shapes += [(rf"{number}{mark}(19|20)\d{{2}}", f"%m{sign}%Y") for sign, mark in (("-", "-"), ("/", "/"))]
    shapes += [(rf"[A-Za-z]{{3}}{sign}(19|20)\d{{2}}", f"%b{sign}%Y") for sign in (" ", "-")]
    shapes += [(r"[A-Za-z]{3}-\d{2}", "%b-%y"), (r"[A-Za-z]{3,9} (19|20)\d{2}", "%B %Y")]
    note = "read as the first day of the month"
    return [Form("date", shape, f"strptime({{0}}, '{pattern}')::date", note=note) for shape, pattern in shapes]


MONTHS: dict[str, str] = {
    "German": "januar februar märz april mai juni juli august september oktober november dezember",
    "French": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "Spanish": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "Italian": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "Portuguese": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "Dutch": "januari februari maart april mei juni juli augustus september oktober november december",
    "Swedish": "januari februari mars april maj juni juli augusti september oktober november december",
    "Danish": "januar februar marts april maj juni juli august september oktober november december",
    "Polish": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "Russian": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
}
"""Names of the months as dates write them."""

_DAY = r"\d{4}-\d{2}-\d{2}"
_ZONE = r" ?(Z|UTC|[+-]\d{2}(:?\d{2})?)"
_SINCE_1970 = "read as {} since 1970"
_EXCEL = "read as day numbers of Excel"

DIGITS: tuple[Form, ...] = (
    Form("date", r"(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])", "strptime({0}, '%Y%m%d')::date", "time name or many"),
    Form("timestamp", r"1\d{9}", "to_timestamp({0}::bigint)", "time name", note=_SINCE_1970.format("seconds")),
    Form("timestamp", r"1\d{9}\.\d+", "to_timestamp({0}::double)", "time name", note=_SINCE_1970.format("seconds")),
    Form("timestamp", r"1\d{12}", "epoch_ms({0}::bigint)", "time name", note=_SINCE_1970.format("milliseconds")),
    Form("timestamp", r"1\d{15}", "make_timestamp({0}::bigint)", "time name", note=_SINCE_1970.format("microseconds")),
    Form("date", r"[2-5]\d{4}(\.0+)?", "date '1899-12-30' + {0}::int", "time name", note=_EXCEL),
    Form(
        "timestamp",
        r"[2-5]\d{4}(\.\d+)?",
        "timestamp '1899-12-30' + to_seconds(round({0}::double * 86400))",
        "time name",
        is_local=True,
        note=_EXCEL,
    ),
)
"""Bare digits, which are numbers where nothing tells that they are times."""

CALENDAR: tuple[Form, ...] = (
    Form("date", _DAY, "{0}::date"),
    Form("timestamp", rf"{_DAY}[T ]{_CLOCK}{_ZONE}", "{0}::timestamptz"),
    Form("timestamp", rf"{_DAY}[T ]{_CLOCK}", "{0}::timestamp", is_local=True),
    *_days(r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    *_days(r"\d{4}\.\d{1,2}\.\d{1,2}", "%Y.%m.%d"),
    *_days(r"\d{1,2}\.\d{1,2}\.\d{4}", "%d.%m.%Y"),
    *_days(r"\d{1,2}\.\d{1,2}\.\d{2}", "%d.%m.%y"),
    *_day_and_month("/", month_first=True),
    *_day_and_month("-", month_first=False),
    *_with_month_names(),
    *_with_zone(),
    *(_in_language(language, names) for language, names in MONTHS.items()),
    *_months(),
)  # fmt: skip
