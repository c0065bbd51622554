"""What every operation of the language means, as examples written by hand.

``EXAMPLES`` holds, by operation, expressions over columns, and under each rows of (value of each column …, value expected).
Numbers are doubles; None is null. Every reader (NumPy, DuckDB, Spark, a plain reading) is held to the same rows.
"""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import Any, NamedTuple

TYPES = {
    **dict.fromkeys("ij", "integer"),
    **dict.fromkeys("xyz", "number"),
    **dict.fromkeys("bc", "boolean"),
    **dict.fromkeys("st", "string"),
    **dict.fromkeys("de", "date"),
    **dict.fromkeys("uv", "timestamp"),
}
T, F, N = True, False, None
INF, NAN = math.inf, math.nan
EXACT = 2**53  # from here on not every integer is a double
BIGGEST, SMALLEST = 2**63 - 1, -(2**63)
TINY = 5e-324  # the smallest double above zero
DAY = date(2012, 2, 29)


class Example(NamedTuple):
    """One expression, the columns it reads, and rows of their values with the value expected."""

    text: str
    columns: str
    rows: tuple[tuple[Any, ...], ...]


def of(text: str, columns: str, *rows: tuple[Any, ...]) -> Example:
    """Return an example; each row has a value for each column, and the expected one last."""
    assert all(len(row) == len(columns) + 1 for row in rows), text
    return Example(text, columns, rows)


def at(hour: int, minute: int = 0, microsecond: int = 0) -> datetime:
    """Return a time of one day, in UTC without a zone, as the platform has them."""
    return datetime(2024, 2, 29, hour, minute, 0, microsecond)


def day(text: str) -> date:
    """Return a day from YYYY-MM-DD."""
    return date.fromisoformat(text)


ARITHMETIC = {
    "add": [
        of(
            "x + y",
            "xy",
            (1.0, 2.0, 3.0),
            (-1.0, 1.0, 0.0),
            (-1.5, -2.25, -3.75),
            (0.1, 0.2, 0.30000000000000004),
            (0.0, -0.0, 0.0),
            (1e16, 1.0, 1e16),
            (TINY, TINY, 1e-323),
            (1e308, -1e308, 0.0),
            (1e308, 1e308, N),
            (-1e308, -1e308, N),
            (INF, 1.0, N),
            (1.0, -INF, N),
            (NAN, 1.0, N),
            (1.0, NAN, N),
            (N, 2.0, N),
            (1.0, N, N),
            (N, N, N),
        ),
        of(
            "i + j",
            "ij",
            (1, 2, 3.0),
            (-7, 7, 0.0),
            (EXACT - 1, 1, 9007199254740992.0),
            (EXACT, 1, 9007199254740992.0),
            (EXACT, 2, 9007199254740994.0),
            (EXACT + 1, 0, 9007199254740992.0),
            (BIGGEST, BIGGEST, 18446744073709551616.0),
            (SMALLEST, SMALLEST, -18446744073709551616.0),
            (SMALLEST, BIGGEST, 0.0),
            (N, 1, N),
            (1, N, N),
        ),
        of("i + x", "ix", (1, 0.5, 1.5), (N, 0.5, N), (1, N, N), (1, INF, N)),
        of("x + 2.5", "x", (1.0, 3.5), (-2.5, 0.0), (N, N)),
        of("x + y + z", "xyz", (1.0, 2.0, 4.0, 7.0), (1e308, 1e308, -1e308, N), (1.0, N, 4.0, N), (1.0, 2.0, N, N)),
    ],
    "sub": [
        of(
            "x - y",
            "xy",
            (5.0, 3.0, 2.0),
            (3.0, 5.0, -2.0),
            (-3.0, -5.0, 2.0),
            (0.3, 0.1, 0.19999999999999998),
            (2.0, 2.0, 0.0),
            (1e308, -1e308, N),
            (-1e308, 1e308, N),
            (1e308, 1e308, 0.0),
            (INF, INF, N),
            (N, 2.0, N),
            (1.0, N, N),
            (N, N, N),
        ),
        of("i - j", "ij", (7, 2, 5.0), (2, 7, -5.0), (SMALLEST, BIGGEST, -18446744073709551616.0), (N, 1, N), (1, N, N)),
        of("x - (y - z)", "xyz", (10.0, 5.0, 2.0, 7.0), (1.0, N, 1.0, N)),
        of("x - y - z", "xyz", (10.0, 5.0, 2.0, 3.0)),
        of("10 - x * 2", "x", (3.0, 4.0), (N, N)),
    ],
    "mul": [
        of(
            "x * y",
            "xy",
            (2.0, 3.5, 7.0),
            (-2.0, 3.5, -7.0),
            (2.0, -3.5, -7.0),
            (-2.0, -3.5, 7.0),
            (0.0, -5.0, 0.0),
            (0.1, 3.0, 0.30000000000000004),
            (TINY, 0.5, 0.0),
            (1e200, 1e200, N),
            (-1e200, 1e200, N),
            (0.0, INF, N),
            (N, 0.0, N),
            (0.0, N, N),
            (N, N, N),
        ),
        of("i * j", "ij", (6, 7, 42.0), (-6, 7, -42.0), (2**62, 4, 18446744073709551616.0), (0, N, N), (N, 0, N)),
        of("x + y * z", "xyz", (1.0, 2.0, 3.0, 7.0)),
        of("(x + y) * z", "xyz", (1.0, 2.0, 3.0, 9.0)),
    ],
    "div": [
        of(
            "x / y",
            "xy",
            (7.0, 2.0, 3.5),
            (-7.0, 2.0, -3.5),
            (7.0, -2.0, -3.5),
            (-7.0, -2.0, 3.5),
            (2.0, 7.0, 0.2857142857142857),
            (1.0, 3.0, 0.3333333333333333),
            (0.0, 5.0, 0.0),
            (1.0, 0.0, N),
            (1.0, -0.0, N),
            (-1.0, 0.0, N),
            (0.0, 0.0, N),
            (1e308, 0.1, N),
            (-1e308, 0.1, N),
            (1e-308, 1e308, 0.0),
            (1.0, INF, N),
            (N, 2.0, N),
            (1.0, N, N),
            (N, 0.0, N),
            (N, N, N),
        ),
        of("i / j", "ij", (7, 2, 3.5), (-7, 2, -3.5), (1, 0, N), (0, 0, N), (EXACT + 1, 1, 9007199254740992.0), (N, 1, N), (1, N, N)),
        of("x / 0", "x", (1.0, N), (0.0, N), (N, N)),
        of("x / y / z", "xyz", (12.0, 3.0, 2.0, 2.0), (12.0, 0.0, 2.0, N)),
        of("100 / (x - y)", "xy", (7.0, 3.0, 25.0), (3.0, 3.0, N)),
    ],
    "mod": [
        of(
            "x % y",
            "xy",
            (7.0, 3.0, 1.0),
            (-7.0, 3.0, -1.0),
            (7.0, -3.0, 1.0),
            (-7.0, -3.0, -1.0),
            (3.0, 7.0, 3.0),
            (-3.0, 7.0, -3.0),
            (6.0, 3.0, 0.0),
            (0.0, 3.0, 0.0),
            (7.5, 2.0, 1.5),
            (-7.5, 2.0, -1.5),
            (0.3, 0.1, 0.09999999999999998),
            (5.0, 1e308, 5.0),
            (1.0, 0.0, N),
            (1.0, -0.0, N),
            (0.0, 0.0, N),
            (INF, 2.0, N),
            (N, 3.0, N),
            (7.0, N, N),
            (N, 0.0, N),
            (N, N, N),
        ),
        of("i % j", "ij", (EXACT, 10, 2.0), (-12, 7, -5.0), (12, -7, 5.0), (60, 60, 0.0), (1, 0, N), (N, 7, N), (7, N, N)),
        of("x % 0", "x", (1.0, N), (N, N)),
    ],
    "neg": [
        of("-x", "x", (5.0, -5.0), (-2.5, 2.5), (0.0, 0.0), (-0.0, 0.0), (1e308, -1e308), (INF, N), (NAN, N), (N, N)),
        of("-i", "i", (3, -3.0), (-3, 3.0), (SMALLEST, 9223372036854775808.0), (N, N)),
        of("-(x - y)", "xy", (5.0, 3.0, -2.0), (3.0, 5.0, 2.0), (N, 1.0, N), (1.0, N, N)),
        of("x + -2", "x", (5.0, 3.0), (N, N)),
    ],
    "abs": [
        of("abs(x)", "x", (5.0, 5.0), (-5.0, 5.0), (0.0, 0.0), (-0.0, 0.0), (-TINY, TINY), (-1e308, 1e308), (-INF, N), (N, N)),
        of("abs(i)", "i", (-12, 12.0), (SMALLEST, 9223372036854775808.0), (N, N)),
        of("abs(x - y)", "xy", (3.0, 5.0, 2.0), (5.0, 3.0, 2.0), (N, 5.0, N), (5.0, N, N)),
    ],
    "floor": [
        of(
            "floor(x)",
            "x",
            (2.0, 2.0),
            (2.5, 2.0),
            (2.999999999999999, 2.0),
            (-2.0, -2.0),
            (-2.5, -3.0),
            (-0.1, -1.0),
            (0.9999999999999999, 0.0),
            (0.0, 0.0),
            (-0.0, 0.0),
            (-TINY, -1.0),
            (4503599627370495.5, 4503599627370495.0),
            (-4503599627370495.5, -4503599627370496.0),
            (4503599627370496.0, 4503599627370496.0),
            (4503599627370497.0, 4503599627370497.0),
            (9007199254740993.0, 9007199254740992.0),
            (1e19, 1e19),
            (-1e19, -1e19),
            (1e308, 1e308),
            (INF, N),
            (NAN, N),
            (N, N),
        ),
        # Half up: this is how a definition rounds.
        of("floor(x + 0.5)", "x", (0.5, 1.0), (1.5, 2.0), (2.5, 3.0), (2.4, 2.0), (-0.5, 0.0), (-1.5, -1.0), (-2.5, -2.0), (N, N)),
        of("floor(i / 10)", "i", (59, 5.0), (60, 6.0), (-1, -1.0), (-10, -1.0), (-11, -2.0), (N, N)),
    ],
    "to_number": [
        of("cast(b as number)", "b", (T, 1.0), (F, 0.0), (N, N)),
        of("cast(b as integer)", "b", (T, 1.0), (F, 0.0), (N, N)),
        of("cast(x > y as double)", "xy", (2.0, 1.0, 1.0), (1.0, 2.0, 0.0), (N, 2.0, N)),
        of("cast(b as number) + cast(c as number)", "bc", (T, T, 2.0), (T, F, 1.0), (F, F, 0.0), (T, N, N)),
    ],
}  # fmt: skip


def ordered(op: str, less: bool, same: bool, more: bool) -> list[Example]:
    """Return the examples of one comparison: what it answers for a left side that is less, the same, more."""
    return [
        of(
            f"x {op} y",
            "xy",
            (1.0, 2.0, less),
            (-2.0, -1.0, less),
            (-1.0, TINY, less),
            (-1e308, 1e308, less),
            (0.1, 0.30000000000000004, less),
            (2.0, 2.0, same),
            (0.0, -0.0, same),
            (-0.0, 0.0, same),
            (2.0, 1.0, more),
            (-1.0, -2.0, more),
            (0.0, -TINY, more),
            (NAN, 1.0, N),
            (1.0, INF, N),
            (INF, INF, N),
            (N, 2.0, N),
            (2.0, N, N),
            (N, N, N),
        ),
        of(
            f"i {op} j",
            "ij",
            (1, 2, less),
            (SMALLEST, BIGGEST, less),
            (EXACT - 1, EXACT, less),
            (EXACT, EXACT + 1, same),  # both are the double 2**53
            (7, 7, same),
            (2, 1, more),
            (N, 1, N),
            (1, N, N),
        ),
        of(
            f"d {op} e",
            "de",
            (day("2012-02-28"), DAY, less),
            (DAY, day("2012-03-01"), less),
            (day("1900-02-28"), day("1900-03-01"), less),
            (day("1969-12-31"), day("1970-01-01"), less),
            (day("2013-12-31"), day("2014-01-01"), less),
            (DAY, DAY, same),
            (day("9999-12-31"), day("9999-12-31"), same),
            (day("9999-12-31"), day("1900-01-01"), more),
            (day("1970-01-02"), day("1970-01-01"), more),
            (N, DAY, N),
            (DAY, N, N),
            (N, N, N),
        ),
        of(f"d {op} date '2012-02-29'", "d", (day("2012-02-28"), less), (DAY, same), (day("2012-03-01"), more), (N, N)),
        of(f"x {op} 2.5", "x", (2.4, less), (2.5, same), (2.6, more), (N, N)),
        of(
            f"u {op} v",
            "uv",
            (at(1), at(2), less),
            (at(23, 59, 0), at(23, 59, 1), less),
            (at(12, 0, 999999), at(12, 0, 999999), same),
            (at(2), at(1), more),
            (at(0, 0, 1), at(0), more),
            (N, at(1), N),
            (at(1), N, N),
            (N, N, N),
        ),
    ]  # fmt: skip


def equality(op: str, same: bool) -> list[Example]:
    """Return the examples of = or <> on what has no order."""
    other = not same
    return [
        of(
            f"s {op} t",
            "st",
            ("a", "a", same),
            ("a", "b", other),
            ("a", "A", other),
            ("", "", same),
            ("", " ", other),
            ("a", "a ", other),
            (" a", "a", other),
            ("b'c", "b'c", same),
            ('b"c', "b'c", other),
            ("ü", "ü", same),
            ("\u00fc", "u\u0308", other),  # the same to the eye, two texts to a computer
            ("straße", "strasse", other),
            ("日本", "日本", same),
            ("😀", "😀", same),
            ("back\\slash", "back\\slash", same),
            ("%", "_", other),
            ("null", N, N),
            (N, "", N),
            (N, N, N),
        ),
        of(f"s {op} 'b''c'", "s", ("b'c", same), ("b''c", other), ("bc", other), (N, N)),
        of(f"s {op} 'ü|%'", "s", ("ü|%", same), ("u|%", other)),
        of(f"s {op} 'back\\slash'", "s", ("back\\slash", same), ("backslash", other), ("back\\\\slash", other)),
        of(f"s {op} '\\n'", "s", ("\\n", same), ("\n", other)),
        of(f"s {op} ''", "s", ("", same), ("a", other), (N, N)),
        of(
            f"b {op} c",
            "bc",
            (T, T, same),
            (F, F, same),
            (T, F, other),
            (F, T, other),
            (T, N, N),
            (F, N, N),
            (N, T, N),
            (N, F, N),
            (N, N, N),
        ),
        of(f"b {op} true", "b", (T, same), (F, other), (N, N)),
    ]


COMPARISONS = {
    "eq": ordered("=", F, T, F) + equality("=", T) + [of("i in (7)", "i", (7, T), (6, F), (N, N))],
    "ne": ordered("<>", T, F, T) + equality("<>", F) + [of("x != y", "xy", (1.0, 2.0, T), (1.0, 1.0, F), (1.0, N, N))],
    "lt": ordered("<", T, F, F),
    "le": ordered("<=", T, T, F),
    "gt": ordered(">", F, F, T),
    "ge": ordered(">=", F, T, T),
}

LOGIC = {
    "and": [
        of("b and c", "bc", (T, T, T), (T, F, F), (T, N, N), (F, T, F), (F, F, F), (F, N, F), (N, T, N), (N, F, F), (N, N, N)),
        of("b and true", "b", (T, T), (F, F), (N, N)),
        of("b and false", "b", (T, F), (F, F), (N, F)),
        of("b and c and x > 0", "bcx", (T, T, 1.0, T), (T, T, 0.0, F), (T, T, N, N), (N, T, 0.0, F), (N, F, N, F), (N, N, 1.0, N)),
        of(
            "x between y and z",
            "xyz",
            (2.0, 1.0, 3.0, T),
            (1.0, 1.0, 3.0, T),
            (3.0, 1.0, 3.0, T),
            (0.9, 1.0, 3.0, F),
            (3.1, 1.0, 3.0, F),
            (2.0, 3.0, 1.0, F),
            (N, 1.0, 3.0, N),
            (2.0, N, 3.0, N),
            (4.0, N, 3.0, F),
            (2.0, 1.0, N, N),
            (0.0, 1.0, N, F),
            (N, N, N, N),
        ),
        of("x not between 1 and 3", "x", (2.0, F), (1.0, F), (3.0, F), (0.9, T), (3.1, T), (N, N)),
        of("i between 5 and 5", "i", (4, F), (5, T), (6, F), (N, N)),
        of("d between date '2012-02-28' and e", "de", (DAY, day("2012-03-01"), T), (DAY, day("2012-02-28"), F), (DAY, N, N)),
    ],
    "or": [
        of("b or c", "bc", (T, T, T), (T, F, T), (T, N, T), (F, T, T), (F, F, F), (F, N, N), (N, T, T), (N, F, N), (N, N, N)),
        of("b or true", "b", (T, T), (F, T), (N, T)),
        of("b or false", "b", (T, T), (F, F), (N, N)),
        of("b or c and x > 0", "bcx", (T, F, 0.0, T), (F, T, 1.0, T), (F, T, 0.0, F), (N, F, 1.0, N), (N, T, 1.0, T)),
        of("(b or c) and x > 0", "bcx", (T, F, 0.0, F), (F, T, 1.0, T), (N, F, 1.0, N), (N, N, 0.0, F)),
        of("i in (1, 2)", "i", (1, T), (2, T), (3, F), (N, N)),
        of("x not in (1, 2.5, -1)", "x", (1.0, F), (2.5, F), (-1.0, F), (0.0, T), (N, N), (NAN, N)),
        of("x in (1, y)", "xy", (1.0, N, T), (2.0, N, N), (2.0, 2.0, T), (2.0, 3.0, F), (N, 1.0, N), (N, N, N)),
        of("x not in (1, y)", "xy", (1.0, N, F), (2.0, N, N), (2.0, 3.0, T), (2.0, 2.0, F)),
        of("x in (y, z)", "xyz", (1.0, 1.0, N, T), (1.0, N, 1.0, T), (1.0, N, 2.0, N), (1.0, 2.0, 3.0, F)),
        of("s in ('a', 'b''c', '')", "s", ("a", T), ("b'c", T), ("", T), ("A", F), ("b", F), (N, N)),
        of("d in (date '2012-02-29', e)", "de", (DAY, N, T), (day("2012-03-01"), N, N), (day("2012-03-01"), DAY, F)),
        of("b in (c, false)", "bc", (F, N, T), (T, N, N), (T, T, T), (T, F, F)),
    ],
    "not": [
        of("not b", "b", (T, F), (F, T), (N, N)),
        of("not not b", "b", (T, T), (F, F), (N, N)),
        of("not (b and c)", "bc", (T, T, F), (T, F, T), (T, N, N), (F, N, T), (N, F, T), (N, N, N)),
        of("not (b or c)", "bc", (F, F, T), (T, F, F), (F, N, N), (T, N, F), (N, T, F), (N, N, N)),
        of("not x < y", "xy", (1.0, 2.0, F), (2.0, 1.0, T), (1.0, 1.0, T), (1.0, N, N)),
    ],
    "is_null": [
        of("x is null", "x", (1.0, F), (0.0, F), (N, T), (NAN, T), (INF, T), (-INF, T)),
        of("i is null", "i", (0, F), (N, T)),
        of("s is null", "s", ("", F), ("null", F), (N, T)),
        of("b is null", "b", (F, F), (T, F), (N, T)),
        of("d is null", "d", (DAY, F), (N, T)),
        of("u is null", "u", (at(0), F), (N, T)),
        of("x is not null", "x", (1.0, T), (N, F), (NAN, F)),
        of("not (s is null)", "s", ("", T), (N, F)),
        of("x / y is null", "xy", (1.0, 2.0, F), (1.0, 0.0, T), (N, 1.0, T)),
        of("(b and c) is null", "bc", (T, N, T), (F, N, F), (T, T, F)),
        of("(x > y) is null", "xy", (1.0, 2.0, F), (1.0, N, T)),
    ],
}  # fmt: skip

CHOICES = {
    "coalesce": [
        of("coalesce(x, y)", "xy", (1.0, 2.0, 1.0), (N, 2.0, 2.0), (1.0, N, 1.0), (N, N, N), (INF, 2.0, 2.0), (NAN, N, N), (0.0, 2.0, 0.0)),
        of("coalesce(x, y, 7)", "xy", (1.0, 2.0, 1.0), (N, 2.0, 2.0), (N, N, 7.0)),
        of("coalesce(x, y, z)", "xyz", (N, N, 3.0, 3.0), (N, 2.0, 3.0, 2.0), (1.0, N, 3.0, 1.0), (N, N, N, N)),
        of("coalesce(null, x)", "x", (1.0, 1.0), (N, N)),
        of("coalesce(x)", "x", (1.0, 1.0), (N, N)),
        of("coalesce(i, x)", "ix", (1, 2.5, 1.0), (N, 2.5, 2.5)),
        of("coalesce(s, t)", "st", ("", "b", ""), (N, "b", "b"), ("ü", N, "ü"), (N, N, N)),
        of("coalesce(null, s)", "s", ("a", "a"), (N, N)),
        of("coalesce(b, c)", "bc", (F, T, F), (N, T, T), (N, F, F), (T, N, T), (N, N, N)),
        of("coalesce(d, e)", "de", (DAY, day("1970-01-01"), DAY), (N, DAY, DAY), (N, N, N)),
        of("coalesce(null, d)", "d", (DAY, DAY), (N, N)),
        of("coalesce(u, v) = v", "uv", (N, at(2), T), (at(1), at(2), F), (N, N, N)),
        of("coalesce(x > y, true)", "xy", (2.0, 1.0, T), (1.0, 2.0, F), (N, 1.0, T)),
    ],
    "nullif": [
        of("nullif(x, y)", "xy", (1.0, 1.0, N), (1.0, 2.0, 1.0), (2.0, 1.0, 2.0), (N, 1.0, N), (1.0, N, 1.0), (N, N, N), (0.0, -0.0, N), (1.0, NAN, 1.0)),
        of("nullif(i, -1)", "i", (-1, N), (1, 1.0), (0, 0.0), (N, N)),
        of("nullif(s, t)", "st", ("a", "a", N), ("a", "A", "a"), ("", "", N), ("a", N, "a"), (N, "a", N)),
        of("nullif(b, c)", "bc", (T, T, N), (F, F, N), (T, F, T), (F, T, F), (F, N, F), (N, F, N)),
        of("nullif(d, e)", "de", (DAY, DAY, N), (DAY, day("2012-03-01"), DAY), (N, DAY, N), (DAY, N, DAY)),
        of("nullif(u, v) is null", "uv", (at(1), at(1), T), (at(1), at(2), F), (at(1), N, F), (N, at(1), T)),
    ],
    "least": [
        of("least(x, y)", "xy", (1.0, 2.0, 1.0), (2.0, 1.0, 1.0), (-1.0, -2.0, -2.0), (3.0, 3.0, 3.0), (N, 2.0, 2.0), (2.0, N, 2.0), (N, N, N), (-INF, 2.0, 2.0), (NAN, 2.0, 2.0), (2.0, NAN, 2.0)),
        of("least(x, y, z)", "xyz", (3.0, 1.0, 2.0, 1.0), (3.0, 2.0, 1.0, 1.0), (1.0, 2.0, 3.0, 1.0), (N, 2.0, 1.0, 1.0), (N, N, 1.0, 1.0), (1.0, N, N, 1.0), (N, N, N, N)),
        of("least(i, 5)", "i", (4, 4.0), (6, 5.0), (N, 5.0)),
        of("least(x, null)", "x", (1.0, 1.0), (N, N)),
        of("least(d, e)", "de", (DAY, day("2012-02-28"), day("2012-02-28")), (day("1900-02-28"), DAY, day("1900-02-28")), (N, DAY, DAY), (DAY, N, DAY), (N, N, N)),
        of("least(u, v) = u", "uv", (at(1), at(2), T), (at(2), at(1), F), (at(2), N, T), (N, at(2), N)),
    ],
    "greatest": [
        of("greatest(x, y)", "xy", (1.0, 2.0, 2.0), (2.0, 1.0, 2.0), (-1.0, -2.0, -1.0), (3.0, 3.0, 3.0), (N, 2.0, 2.0), (-2.0, N, -2.0), (N, N, N), (INF, 2.0, 2.0), (NAN, -2.0, -2.0), (2.0, NAN, 2.0)),
        of("greatest(x, y, z)", "xyz", (3.0, 1.0, 2.0, 3.0), (1.0, 3.0, 2.0, 3.0), (1.0, 2.0, 3.0, 3.0), (N, -2.0, -1.0, -1.0), (-1.0, N, N, -1.0), (N, N, N, N)),
        of("greatest(i, 5)", "i", (4, 5.0), (6, 6.0), (N, 5.0)),
        of("greatest(null, x)", "x", (-1.0, -1.0), (N, N)),
        of("greatest(d, e)", "de", (DAY, day("2012-02-28"), DAY), (day("1900-02-28"), DAY, DAY), (N, day("1900-02-28"), day("1900-02-28")), (DAY, N, DAY), (N, N, N)),
        of("greatest(u, v) = u", "uv", (at(1), at(2), F), (at(2), at(1), T), (at(2), N, T), (N, at(2), N)),
    ],
    "case": [
        of("case when b then x else y end", "bxy", (T, 1.0, 2.0, 1.0), (F, 1.0, 2.0, 2.0), (N, 1.0, 2.0, 2.0), (T, N, 2.0, N), (F, 1.0, N, N), (T, INF, 2.0, N)),
        of("case when b then x end", "bx", (T, 1.0, 1.0), (F, 1.0, N), (N, 1.0, N), (T, N, N)),
        of("case when x > 10 then 1 when x > 0 then 2 else 3 end", "x", (11.0, 1.0), (10.0, 2.0), (1.0, 2.0), (0.0, 3.0), (N, 3.0)),
        of("case when x > 0 then 1 when x > 10 then 2 end", "x", (11.0, 1.0), (1.0, 1.0), (0.0, N), (N, N)),
        of("case when b then 1 when c then 2 end", "bc", (T, T, 1.0), (F, T, 2.0), (N, T, 2.0), (F, F, N), (T, F, 1.0), (N, N, N)),
        of("case when b then null else x end", "bx", (T, 1.0, N), (F, 1.0, 1.0), (N, 1.0, 1.0)),
        of("case when b then x else null end", "bx", (T, 1.0, 1.0), (F, 1.0, N), (N, 1.0, N)),
        of("case when b then s else t end", "bst", (T, "a", "b", "a"), (F, "a", "b", "b"), (N, "a", N, N), (T, "", "b", "")),
        of("case when b then s end", "bs", (T, "ü", "ü"), (F, "ü", N)),
        of("case when b then d else e end", "bde", (T, DAY, N, DAY), (F, DAY, N, N), (N, N, DAY, DAY)),
        of("case when b then c else x > 0 end", "bcx", (T, F, 1.0, F), (F, F, 1.0, T), (N, T, N, N), (T, N, 1.0, N)),
        of("case when x is null then -1 when x < 0 then 0 else x end", "x", (N, -1.0), (-5.0, 0.0), (5.0, 5.0), (NAN, -1.0)),
        of("case when b then case when c then 1 else 2 end else 3 end", "bc", (T, T, 1.0), (T, F, 2.0), (T, N, 2.0), (F, T, 3.0), (N, T, 3.0)),
    ],
}  # fmt: skip

_DAYS = [
    # day, weekday (1 is Monday), year, month, day of the month
    ("1583-01-01", 6, 1583, 1, 1),
    ("1899-12-31", 7, 1899, 12, 31),
    ("1900-02-28", 3, 1900, 2, 28),  # 1900 was no leap year
    ("1900-03-01", 4, 1900, 3, 1),
    ("1969-12-28", 7, 1969, 12, 28),
    ("1969-12-29", 1, 1969, 12, 29),
    ("1969-12-31", 3, 1969, 12, 31),
    ("1970-01-01", 4, 1970, 1, 1),
    ("1970-01-04", 7, 1970, 1, 4),
    ("1970-01-05", 1, 1970, 1, 5),
    ("2000-02-29", 2, 2000, 2, 29),  # 2000 was one
    ("2012-02-29", 3, 2012, 2, 29),
    ("2012-12-31", 1, 2012, 12, 31),
    ("2013-01-31", 4, 2013, 1, 31),
    ("2013-02-28", 4, 2013, 2, 28),
    ("2013-03-01", 5, 2013, 3, 1),
    ("2013-04-01", 1, 2013, 4, 1),
    ("2013-04-02", 2, 2013, 4, 2),
    ("2013-04-03", 3, 2013, 4, 3),
    ("2013-04-04", 4, 2013, 4, 4),
    ("2013-04-05", 5, 2013, 4, 5),
    ("2013-04-06", 6, 2013, 4, 6),
    ("2013-04-07", 7, 2013, 4, 7),
    ("2013-06-30", 7, 2013, 6, 30),
    ("2013-11-30", 6, 2013, 11, 30),
    ("2024-12-31", 2, 2024, 12, 31),
    ("2025-01-01", 3, 2025, 1, 1),
    ("9999-12-31", 5, 9999, 12, 31),
]
DATES = {
    part: [of(f"{part}(d)", "d", *((day(row[0]), float(row[place])) for row in _DAYS), (N, N))]
    for place, part in enumerate(("weekday", "year", "month", "day"), start=1)
}
DATES["weekday"].append(of("weekday(coalesce(d, date '2013-04-07'))", "d", (N, 7.0), (DAY, 3.0)))
DATES["year"].append(of("year(date '2012-02-29') - year(d)", "d", (day("1900-02-28"), 112.0), (N, N)))

LEAVES = {
    "literal": [
        of("1", "", (1.0,)),
        of("-0.5", "", (-0.5,)),
        of("0.1", "", (0.1,)),
        of("1e308", "", (1e308,)),
        of("1e-400", "", (0.0,)),
        of("9007199254740993", "", (9007199254740992.0,)),
        of("18446744073709551616", "", (18446744073709551616.0,)),
        of("true", "", (T,)),
        of("false", "", (F,)),
        of("'a'", "", ("a",)),
        of("''", "", ("",)),
        of("'b''c'", "", ("b'c",)),
        of("'ü 日本 😀'", "", ("ü 日本 😀",)),
        of("'back\\slash'", "", ("back\\slash",)),
        of("'a\nb'", "", ("a\nb",)),
        of("date '2012-02-29'", "", (DAY,)),
        of("date '9999-12-31'", "", (day("9999-12-31"),)),
        of("cast('1900-02-28' as date)", "", (day("1900-02-28"),)),
        of("b and 1 < 2", "b", (T, T), (N, N)),
    ],
    "column": [
        of("x", "x", (1.5, 1.5), (-0.3, -0.3), (INF, N), (-INF, N), (NAN, N), (N, N)),
        of("b", "b", (T, T), (F, F), (N, N)),
        of("s", "s", ("a", "a"), ("", ""), ("b'c", "b'c"), (N, N)),
        of("d", "d", (DAY, DAY), (day("9999-12-31"), day("9999-12-31")), (N, N)),
        of("(x)", "x", (1.5, 1.5)),
    ],
    "integer_column": [
        of("i", "i", (0, 0.0), (7, 7.0), (EXACT, 9007199254740992.0), (EXACT + 1, 9007199254740992.0), (BIGGEST, 9223372036854775808.0), (SMALLEST, -9223372036854775808.0), (N, N)),
    ],
}  # fmt: skip
EXAMPLES: dict[str, list[Example]] = {**LEAVES, **ARITHMETIC, **COMPARISONS, **LOGIC, **CHOICES, **DATES}
