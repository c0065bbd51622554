"""The connector to files in a folder or a bucket, found by a pattern: ``data/{night}/orders-*.csv``.

A pattern leads nowhere but below the folder that holds feature_defs/, through links neither, unless the use case declares it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow.fs as pafs

from nightloop.definitions.connectors import FilesConnector
from nightloop.definitions.patterns import S3, files_fault
from nightloop.errors import DefinitionError, SourceDamaged, SourceUnavailable
from nightloop.lake import filesystem
from nightloop.nights import Night
from nightloop.sources.connector import Delivery
from nightloop.sources.reader import Files, cached, read, source_errors
from nightloop.sources.text_table import damaged

REMEDY = "Deliver the file again."
NAMED = 3  # files of a folder where none is of the pattern


@dataclass(frozen=True)
class Listing:
    """The files of a delivery that are there at one moment.

    Attributes:
        pattern: where they are looked for, the night filled in.
        files: path and size in bytes of every file.
        written_at: when one was last written, by the clock of the store (UTC).
        awaited: the file that the sender writes last, when it is declared and not there yet.
        ends_with_marker: whether such a file is declared.
    """

    pattern: str
    files: tuple[tuple[str, int], ...]
    written_at: datetime | None
    awaited: str | None
    ends_with_marker: bool


@dataclass(frozen=True)
class Folder:
    """Files by pattern; a night may come in several, in the order of their names."""

    declared: FilesConnector
    base: Path
    cache: Path

    @property
    def origin(self) -> str:
        """The pattern."""
        return self.declared.pattern

    def read(self, night: Night | None) -> Delivery | None:
        """Return the records of the night's files, or of all files.

        Raises:
            DefinitionError: the pattern leads out of its folder.
            SourceDamaged: a file is not readable, or not there although it should be.
            SourceUnavailable: files are there, but not yet the one that the sender writes last.
        """
        listing = self.listing(night)
        paths = tuple(path for path, _ in listing.files)
        if not paths and night is None:
            start = self._start(self.declared.pattern, None)
            raise SourceDamaged(_absent(start), where=start, do="Put it there, or correct connector.pattern in feature_defs/.")
        if not paths:
            return None
        if listing.awaited:
            raise SourceUnavailable(
                f"the delivery of {night} is not complete: {listing.awaited} is not there yet.",
                where=listing.pattern,
                do="Wait until its sender has finished, and run the stage again.",
            )
        sized = (self.declared.maximum_bytes, self.declared.maximum_cell_bytes)
        files = Files(paths, self.declared.null, REMEDY, *sized, self.declared.csv)
        return Delivery(cached(files, self.cache) if night is None else read(files), files.origin, REMEDY)

    def listing(self, night: Night | None) -> Listing:
        """Return the files that are there now, without reading them.

        Raises:
            DefinitionError: the pattern leads out of its folder.
            SourceDamaged: the folder may not be read, or a link leads out of it.
            SourceUnavailable: the object store does not answer.
        """
        if fault := files_fault(self.declared):
            raise DefinitionError(fault[0], where="connector.pattern", do=fault[1])
        start = self._start(self.declared.pattern, night)
        marker = self._start(self.declared.complete_when, night) if self.declared.complete_when else None
        infos = {path: info for path, info in self._matches(start) if path != marker}
        files = tuple((path, int(info.size or 0)) for path, info in infos.items())
        written = max((info.mtime for info in infos.values() if info.mtime is not None), default=None)
        awaited = marker if marker and not any(self._matches(marker)) else None
        return Listing(start, files, written, awaited, ends_with_marker=marker is not None)

    def _start(self, path: str, night: Night | None) -> str:
        filled = path.replace("{night}", str(night))
        return filled if filled.startswith(S3) else str(self.base / filled)

    def _matches(self, pattern: str) -> Iterator[tuple[str, pafs.FileInfo]]:
        store, at = filesystem(pattern)
        scheme = S3 if pattern.startswith(S3) else ""
        first, *parts = at.split("/")
        with source_errors(pattern, REMEDY):
            infos = [info for info in _matching(store, first, parts) if info.type == pafs.FileType.File]
        for info in sorted(infos, key=lambda info: info.path):
            if not scheme:
                self._check_inside(Path(info.path))
            yield f"{scheme}{info.path}", info

    def _check_inside(self, path: Path) -> None:
        """Refuse a link that leads out of the folder: whoever delivers files must not choose what else is read."""
        if not self.declared.absolute and not path.resolve().is_relative_to(self.base.resolve()):
            raise damaged(str(path), f"it is a link out of {self.base}", "Deliver the file itself, or declare absolute: true.")


def _absent(start: str) -> str:
    """Say that no file is there: of a pattern, in which folder, and what else is."""
    folder, _, name = start.rpartition("/")
    if not set(name) & set("*?") or set(folder) & set("*?") or start.startswith(S3):
        return "no file is there of this pattern." if set(start) & set("*?") else "the file of the source does not exist."
    if not Path(folder).is_dir():
        return f"there is no folder {folder} to look for '{name}' in."
    others = sorted(path.name for path in Path(folder).iterdir() if path.is_file() and not path.name.startswith("."))
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    there = f"; it holds {', '.join(others[:NAMED])}{more}" if others else ", and none at all"
    return f"no file of the folder {folder} is called like '{name}'{there}."


def _matching(store: pafs.FileSystem, folder: str, parts: list[str]) -> Iterator[pafs.FileInfo]:
    """Follow a pattern part by part; only a part with a wildcard lists its folder."""
    fixed = 0
    while fixed < len(parts) and not set(parts[fixed]) & set("*?"):
        fixed += 1
    folder = "/".join([folder, *parts[:fixed]])
    if fixed == len(parts):
        yield store.get_file_info(folder)
        return
    name, rest = _as_expression(parts[fixed]), parts[fixed + 1 :]
    file_type = pafs.FileType.Directory if rest else pafs.FileType.File
    for info in store.get_file_info(pafs.FileSelector(folder or "/", allow_not_found=True)):
        if info.type == file_type and name.fullmatch(info.base_name):
            if rest:
                yield from _matching(store, info.path, rest)
            else:
                yield info


def _as_expression(part: str) -> re.Pattern[str]:
    """Translate a part: * is any run and ? any one character, neither at the start of a hidden name."""
    hidden = "" if part.startswith(".") else r"(?!\.)"
    return re.compile(hidden + re.escape(part).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)
