"""Say what is wrong with a text that has a grammar of its own: a file pattern, a cron line."""

from __future__ import annotations

import re

from nightloop.definitions.connectors import FilesConnector

S3 = "s3://"
_BRACES = re.compile(r"\{[^}]*\}?|\}")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    ("day of the week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
_PART = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/([1-9]\d*))?")


def files_fault(connector: FilesConnector) -> tuple[str, str] | None:
    """Return (what was read, what is allowed) for a connector whose paths are refused; None for one whose are not."""
    pattern, marker = connector.pattern, connector.complete_when
    if (connector.arrives_by or marker) and not connector.each_night:
        return (
            f"arrives_by and complete_when speak of a night's own files, and the pattern '{pattern}' has no {{night}}.",
            "Write {night} where the files' names say it, or leave both out.",
        )
    if marker is not None and ("{night}" not in marker or set("*?") & set(marker)):
        return f"complete_when: '{marker}' does not name one file a night.", "Write its path, with {night} and without * and ?."
    faults = (path_fault(path, connector.absolute) for path in (pattern, marker) if path is not None)
    return next((fault for fault in faults if fault), None)


def path_fault(pattern: str, absolute: bool) -> tuple[str, str] | None:
    """Return (what was read, what is allowed) for a path that is refused; None for one that is not."""
    parts = pattern.removeprefix(S3).split("/")
    braces = [brace for brace in _BRACES.findall(pattern) if brace != "{night}"]
    if ".." in parts:
        return f"the pattern '{pattern}' climbs out of its folder with '..'.", "Write the path without '..'."
    if pattern.startswith(("/", "~")) and not absolute:
        return (
            f"the pattern '{pattern}' leads out of the folder that holds feature_defs/.",
            "Write it from that folder on, or declare absolute: true.",
        )
    if braces:
        return f"the pattern '{pattern}' holds '{braces[0]}'.", "{night} is the only thing in braces that is filled in."
    if "**" in pattern or "\0" in pattern:
        return f"the pattern '{pattern}' holds '**' or a zero byte.", "Use * and ? for parts of one name."
    if pattern.startswith(S3) and (len(parts) < 2 or set(parts[0]) & set("*?{") or not parts[0]):  # noqa: PLR2004 - bucket and key
        return f"the pattern '{pattern}' names no bucket.", "Write s3://bucket/prefix/{night}.csv."
    return None


def schedule_fault(line: str) -> str | None:
    """Return how to mend the line; None when it is right."""
    fields = line.split()
    if len(fields) != len(_FIELDS):
        return "Write five fields, for example '0 2 * * *'."
    for text, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        if not all(_is_part(part, low, high, words) for part in text.split(",")):
            return f"The {name} '{text}' is to be *, or numbers from {low} to {high}, as in 1, 1-5, 1,3 or */2."
    return None


def _is_part(text: str, low: int, high: int, words: tuple[str, ...]) -> bool:
    match = _PART.fullmatch(text)
    ends = [_number(end, low, words) for end in match.groups()[:2] if end] if match else [None]
    return all(end is not None and low <= end <= high for end in ends) and ends == sorted(ends)  # type: ignore[type-var]


def _number(text: str, low: int, words: tuple[str, ...]) -> int | None:
    if text.isascii() and text.isdecimal():
        return int(text)
    return words.index(text.lower()) + low if text.lower() in words else None
