"""The checksum of a stored file: told in the commit that added it, compared before what it holds is believed.

CRC-32 (ISO 3309, as zlib computes it) finds every flipped bit and every damaged run of up to 32 bits, and misses other damage
once in 4 billion files. It guards against disks and copies, not against people: the content digest and the ledger do that.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
import pyarrow.fs as pafs

from nightloop.lake.storage import filesystem

CHUNK = 1 << 22
"""Bytes read at once: memory stays flat, however large the file."""


def write_with_checksum(path: str, put: Callable[[pa.NativeFile], None]) -> str:
    """Write a file piece by piece, and return the checksum of what was to be written.

    Args:
        path: of the file.
        put: writes the content to what it is given.

    Raises:
        OSError: it cannot be written.
    """
    store, at = filesystem(path)
    with store.open_output_stream(at) as stream:
        sink = _Sink(stream)
        put(pa.PythonFile(sink, mode="w"))
    return f"{sink.total:08x}"


class _Sink(io.RawIOBase):
    """Passes on what is written, and sums it up."""

    def __init__(self, stream: pa.NativeFile) -> None:
        self.stream, self.total = stream, 0

    def writable(self) -> bool:
        return True

    def write(self, content: bytes | memoryview) -> int:  # type: ignore[override]
        self.total = zlib.crc32(content, self.total)
        return int(self.stream.write(content))


def checksum_of(path: str) -> str:
    """Return the checksum of a file, in one pass over it.

    Raises:
        OSError: it is missing or cannot be read.
    """
    return _checksum(_chunks(*filesystem(path)))


def read_with_checksum(path: str) -> tuple[pa.NativeFile, str]:
    """Return a file, open to be read, and its checksum.

    From an object store it is brought once, into memory; from a folder it is read twice, the second time from the page cache.

    Raises:
        OSError: it is missing or cannot be read.
    """
    store, at = filesystem(path)
    if isinstance(store, pafs.LocalFileSystem):
        return store.open_input_file(at), _checksum(_chunks(store, at))
    whole = b"".join(_chunks(store, at))
    return pa.BufferReader(whole), _checksum([whole])


def _chunks(store: pafs.FileSystem, at: str) -> Iterator[bytes]:
    with store.open_input_stream(at) as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def _checksum(chunks: Iterable[bytes | pa.Buffer]) -> str:
    total = 0
    for chunk in chunks:
        total = zlib.crc32(chunk, total)
    return f"{total:08x}"
