"""Write a file so that a reader sees the old one or the new one, never a part: written beside it, then renamed over it.

Loose in this folder because every room that keeps a file needs it, and the doors too; it imports nothing of ours.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path: Path, content: str | bytes) -> Path:
    """Put content in place of a file, whose folder is made where it is missing; text is written as UTF-8."""
    with replacing(path) as fresh:
        fresh.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside ``path`` to write to; at the end what was written takes its place, readable by all.

    After an error nothing is replaced and nothing is left over. Of two writers, the later one's file stands.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        yield fresh
        fresh.chmod(0o644)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def make_private(path: Path) -> None:
    """Make an empty file that only its owner may read, where there is none: a database, before SQLite makes it for all.

    SQLite gives what it writes beside a database the permissions of the database. One that is there stays as it is.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
