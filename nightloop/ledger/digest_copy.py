"""Numbers and digests of recorded events, copied to a file outside the database: what a chain cannot say of its own end.

A chain whose last events are cut off is whole again. Each event's number and digest are therefore added to a file in HOME, one
line an event, right after it is committed. A writer that is killed in between leaves its line out, which proves less and never
too much. Lines are added whole and in any order, so that several processes need no lock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nightloop.errors import StoreDamaged, StoreUnavailable

Line = tuple[int, str]
"""An event's number and digest."""

_LINE = re.compile(r"(\d+) ([0-9a-f]{64})\n")


@dataclass(frozen=True)
class DigestCopy:
    """The copied digests of one ledger in one HOME."""

    file: Path

    @contextmanager
    def adding(self) -> Iterator[list[Line]]:
        """Give a list to fill; what it holds at the end is added. After an error nothing is.

        The file is opened first, so that an event is not recorded where its digest cannot be copied.

        Raises:
            StoreUnavailable: the file cannot be written.
        """
        lines: list[Line] = []
        with self._opened() as stream:
            yield lines
            self._append(stream, lines)

    def lines(self) -> Sequence[Line]:
        """Return what was copied, in the order of the file; nothing where there is no file.

        Raises:
            StoreDamaged: a line is not a number and a digest.
        """
        try:
            text = self.file.read_text()
        except FileNotFoundError:
            return []
        lines = []
        for at, line in enumerate(text.splitlines(keepends=True), start=1):
            match = _LINE.fullmatch(line)
            if match is None:
                raise StoreDamaged(
                    "the line is not an event's number and digest.",
                    where=f"{self.file}:{at}",
                    do="Was the disk full, or the power cut? Then remove this line; what it would have proven is lost.",
                )
            lines.append((int(match[1]), match[2]))
        return lines

    def _opened(self) -> IO[bytes]:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            return self.file.open("ab", buffering=0)
        except OSError as error:
            raise self._unavailable(error) from error

    def _append(self, stream: IO[bytes], lines: Sequence[Line]) -> None:
        try:
            if lines:
                stream.write("".join(f"{seq} {digest}\n" for seq, digest in lines).encode())
        except OSError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(
            f"the digests of the ledger's events cannot be copied ({error}).",
            where=str(self.file),
            do="Check that NIGHTLOOP_HOME may be written and has space, then run the stage again.",
        )
