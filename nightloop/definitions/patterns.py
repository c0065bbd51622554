"""Say what is wrong with the paths of a connector to files."""

from __future__ import annotations

import re

from nightloop.definitions.connectors import FilesConnector

S3 = "s3://"
_BRACES = re.compile(r"\{[^}]*\}?|\}")


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
