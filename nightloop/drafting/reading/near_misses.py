"""Name what a column of texts nearly is: dates or amounts in a form that is not known, and what would read them."""

from __future__ import annotations

import re
from datetime import datetime

from nightloop.drafting.reading.texts import Texts
from nightloop.drafting.reading.times import DIGITS, MONTHS
from nightloop.drafting.yaml_text import shown

MOSTLY = 0.5
"""Share of the texts that must look like it."""
AMOUNTS_LIKELY = 0.9
DATES = "looks like dates"
_ENGLISH = "january february march april may june july august september october november december"
_MONTH = {name[:3] for names in (_ENGLISH, *MONTHS.values()) for name in names.split()} | {"mrz", "ene", "mai", "okt", "dez"}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PARTED = re.compile(r"\d{1,4}[-/.年 ]+\d{1,2}[-/.月 ]+\d{1,4}|\d{4}-?[WwQq]\d{1,2}|[Qq][1-4][ /-]?\d{4}")
_AMOUNT = re.compile(
    r"[-+(~<>≈]{0,2}\s?([^\W\d_]{1,4}\s)?[$€£¥₹]?\s?-?[1-9]\d{0,14}([.,'’ \u00a0\u202f]\d+)*\s?([^\W\d_]{1,4}|[^\w\s]{1,2})?\)?"
)
_PART = re.compile(r"\d{1,2}:\d{2}:\d{2}\.\d+|\d{1,2}:\d{2}:\d{2}|\d{1,2}:\d{2}|[^\W\d_]+|\d+|.", re.DOTALL)


def near_miss(values: Texts, column: str) -> str:
    """Return what texts that are of no form look like, the end of a sentence that begins with the column; "" for nothing.

    Args:
        values: texts that stand for a value.
        column: the file's name of it, for the expression.
    """
    texts = [str(text) for text in values.head.texts.to_pylist()]
    dates = [text for text in texts if is_like_a_date(text)]
    if len(dates) >= MOSTLY * len(texts):
        pattern = next(filter(None, map(strptime_pattern, dates)), "")
        how = f"""; strptime("{column}", '{pattern}') reads it""" if pattern else ""
        return f"{DATES}: {shown(dates[0])}{how}"
    amounts = [text for text in texts if _AMOUNT.fullmatch(text)]
    if len(amounts) < AMOUNTS_LIKELY * len(texts) or len(texts) < 2:  # noqa: PLR2004 - one text is a word
        return ""
    how = f"""take off what is no digit, then amount_in("{column}", ',', '.') reads it"""
    return f"looks like amounts: {shown(amounts[0])}; {how}"


def of_digits(values: Texts) -> str:
    """Return which time digits would be under the name of one; "" where they would be none."""
    fitting = (form for form in DIGITS if values.head.like(form.pattern).all())
    form = next(fitting, None)
    return f"{DATES}: {shown(str(values.texts[0]))}, {form.note or 'read as year, month and day'}" if form else ""


def is_like_a_date(text: str) -> bool:
    """Whether a text has parts like those of a date: numbers with signs between, or the name of a month beside a number."""
    if not any(character.isdigit() for character in text) or len(text) > 64:  # noqa: PLR2004 - the longest that are known
        return False
    words = [word.casefold() for word in re.findall(r"[^\W\d_]{3,}", text)]
    return bool(_PARTED.search(text)) or (len(words) < 4 and any(word[:3] in _MONTH for word in words))  # noqa: PLR2004


def strptime_pattern(text: str) -> str:
    """Return the pattern by which ``strptime`` reads a text like this; "" where none is sure."""
    parts: list[str] = []
    words = [word.casefold() for word in re.findall(r"[^\W\d_]+", text)]
    names_month = any(word[:3] in _MONTH and word not in _WEEKDAYS for word in words)
    hour = "%I" if {"am", "pm"} & set(words) else "%H"
    for part in _PART.findall(text):
        parts.append(_part(part, parts, names_month, hour))
    pattern = "".join(parts)
    try:
        datetime.strptime(text, pattern)  # noqa: DTZ007 - whether it is read at all
    except ValueError:
        return ""
    return pattern


def _part(part: str, before: list[str], names_month: bool, hour: str) -> str:
    """Return what stands for a part of a date, given those before it."""
    folded = part.casefold()
    if ":" in part:
        return f"{hour}:%M" + ":%S" * (part.count(":") > 1) + ".%f" * ("." in part)
    if part.isdigit():
        return _number(part, before, names_month)
    if folded in ("am", "pm"):
        return "%p"
    if folded in _WEEKDAYS or folded in {day[:3] for day in _WEEKDAYS}:
        return "%A" if folded in _WEEKDAYS else "%a"
    if folded in _ENGLISH.split() or folded in {name[:3] for name in _ENGLISH.split()}:
        return "%b" if len(part) == 3 else "%B"  # noqa: PLR2004 - letters of a short name
    return part.replace("%", "%%") if not part.isalpha() or part == "T" else "%?"  # no pattern has such a part


def _number(token: str, before: list[str], names_month: bool) -> str:
    if len(token) == 4:  # noqa: PLR2004 - digits of a year
        return "%Y"
    if names_month:
        return "%y" if "%d" in before else "%d"
    order = ("%m", "%d") if "%Y" in before else ("%d", "%m", "%y")
    return next((part for part in order if part not in before), token)
