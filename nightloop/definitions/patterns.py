"""Say what is wrong with the file pattern of a connector, before any folder is looked into."""

from __future__ import annotations

import re

from nightloop.definitions.connectors import FilesConnector

S3 = "s3://"
_BRACES = re.compile(r"\{[^}]*\}?|\}")


def fault_of(connector: FilesConnector) -> tuple[str, str] | None:
    """Return (what was read, what is allowed) for a pattern that is refused; None for one that is not."""
    pattern = connector.pattern
    parts = pattern.removeprefix(S3).split("/")
    braces = [found for found in _BRACES.findall(pattern) if found != "{night}"]
    if ".." in parts:
        return f"the pattern '{pattern}' climbs out of its folder with '..'.", "Write the path without '..'."
    if pattern.startswith(("/", "~")) and not connector.absolute:
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
