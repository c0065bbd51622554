"""Unpack gzip and zip without trusting the size they claim."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from dataclasses import dataclass
from typing import Protocol

CHUNK = 1 << 20


class Stream(Protocol):
    """What can be read in pieces."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes; none at the end."""


class TooLarge(Exception):
    """More bytes came out than are allowed."""


class NotUnpacked(Exception):
    """The archive is damaged, or holds something else than it should."""


@dataclass
class Allowance:
    """How many bytes a delivery may still unpack to."""

    maximum: int
    taken: int = 0

    def take(self, size: int) -> None:
        """Count bytes.

        Raises:
            TooLarge: more than the maximum.
        """
        self.taken += size
        if self.taken > self.maximum:
            raise TooLarge(f"unpacked it has more than the {self.maximum} bytes that are allowed")


def unzipped(packed: bytes, ending: str, allowance: Allowance) -> bytes:
    """Return the one member of a zip whose name has the ending, whatever size the zip claims for it.

    Raises:
        NotUnpacked: truncated, damaged, encrypted, or not exactly one such member.
        TooLarge: it unpacks to more than is allowed.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            members = [entry for entry in archive.namelist() if entry.lower().endswith(ending)]
            if len(members) != 1:
                raise NotUnpacked(f"expected one {ending} in the zip, found {len(members)}")
            with archive.open(members[0]) as stream:
                return _all_of(stream, allowance)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise NotUnpacked(f"expected a zip with one {ending} in it, but it does not unpack ({error})") from error


def gunzipped(packed: bytes, allowance: Allowance) -> bytes:
    """Return the content of a gzip file.

    Raises:
        NotUnpacked: truncated or damaged.
        TooLarge: it unpacks to more than is allowed.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
            return _all_of(stream, allowance)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise NotUnpacked(f"expected a gzip file, but it does not unpack ({error})") from error


def _all_of(stream: Stream, allowance: Allowance) -> bytes:
    content = io.BytesIO()
    while piece := stream.read(CHUNK):
        allowance.take(len(piece))
        content.write(piece)
    return content.getvalue()
