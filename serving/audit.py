"""The audit: a line for each answered request, in segments that are only appended to, written off the hot path.

A thread writes and syncs what has gathered, every so many milliseconds (group commit). An orderly stop writes all of it; a kill
loses at most what the last window gathered. A disk that takes nothing more is met as the operators choose: no answers until it
does (``refuse``), or answers without a line, which are counted (``unlogged``). Lines are personal data: older days
than the operators keep are removed.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import orjson
from fastapi import Request
from numpy.typing import NDArray

from nightloop.audit.segments import DAYS, FOLDER
from nightloop.errors import StoreUnavailable
from serving.access.addresses import Addresses, AddressPolicy
from serving.access.gate import CLIENT

if TYPE_CHECKING:
    from serving.traffic import Part

log = logging.getLogger("serving")

WhenFull = Literal["refuse", "unlogged"]
DECISION = "X-Decision-Id"  # header of an answer that is in the audit
LONGEST_REQUEST_ID = 200
LARGEST_SEGMENT = 64 * 2**20  # bytes after which the next segment begins
MOST_WAITING = 64 * 2**20  # bytes of lines that wait for the disk; beyond it no more are taken


class AuditLog:
    """Writes lines to ``HOME/audit/YYYY-MM-DD/<segment>.jsonl``; one process writes a segment.

    Attributes:
        written: lines that are on the disk.
        lost: lines that were given up for a disk that took nothing, by the policy ``unlogged``.
    """

    def __init__(
        self,
        home: Path,
        milliseconds: float,
        when_full: WhenFull,
        clock: Callable[[], datetime],
        days: int | None = None,
        *,
        addresses: AddressPolicy = "hashed",
    ) -> None:
        self.written = self.lost = 0
        self._days = days  # for which lines stay, the present one among them; None: for ever
        self._swept_on: date | None = None
        self._folder = home / FOLDER
        self._addresses = Addresses(addresses, self._folder)
        self._seconds = milliseconds / 1000
        self._when_full = when_full
        self._clock = clock
        self._waiting: deque[bytes] = deque()
        self._adding = threading.Lock()  # of the thread that answers, and that of a shadow
        self._taken = self._done = 0  # bytes; the first is counted where lines are added, the other where they are written
        self._problem: str | None = None
        self._segment: _Segment | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """Write all that waits, and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self.flush()
        if self._segment is not None:
            self._segment.close()

    def asked(self, use_case_name: str, request: Request, beside: str | None = None) -> Asked:
        """Return how the line of an answer given now names it: its id has the day, by which it is found, and random bits."""
        now = self._clock().astimezone(UTC)
        decision = f"{now:%Y%m%d}-{secrets.token_hex(8)}"
        return Asked(decision, use_case_name, request, now, self._addresses.of(request), beside)

    def check(self) -> None:
        """Check that another answer may be given.

        Raises:
            StoreUnavailable: the disk takes no lines, and the policy is to refuse.
        """
        if self._when_full == "refuse" and (self._problem or self._taken - self._done > MOST_WAITING):
            raise StoreUnavailable(
                f"no answer is given, for it could not be recorded ({self._problem or 'too many lines wait for the disk'}).",
                where="the service's audit",
                do="Tell the operators: its disk must take more. The service goes on by itself when it does.",
            )

    def add(self, line: bytes) -> None:
        """Take the line of an answer, without its end, to be written within the window."""
        with self._adding:
            self._waiting.append(line + b"\n")
            self._taken += len(line) + 1

    @property
    def taken(self) -> int:
        """Bytes of all lines so far."""
        return self._taken

    def has_written(self, taken: int) -> bool:
        """Tell whether the first so many bytes of lines are on the disk, or were given up by the policy."""
        return self._done >= taken

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            self.flush()
            if self._days is not None and self._clock().date() != self._swept_on:
                self.sweep(self._days)

    def sweep(self, days: int) -> None:
        """Remove the folders of all but the newest days; what cannot be removed is logged, and tried again the next day."""
        self._swept_on = self._clock().date()
        first = f"{self._swept_on - timedelta(days=days - 1):%Y-%m-%d}"
        for folder in sorted(self._folder.glob(DAYS)):
            if folder.name < first:
                log.info("the audit of %s is removed: older than %d days", folder.name, days)
                shutil.rmtree(folder, onerror=_log_what_stays)

    def flush(self) -> None:
        """Write and sync what waits; on a disk that refuses, keep it for the next time, or give it up, by the policy."""
        lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not lines:
            return
        try:
            self._open().append(b"".join(lines))
        except OSError as error:
            if self._problem is None:
                log.error("the audit cannot be written: %s", error)
            self._problem = str(error.strerror or error)
            if self._when_full == "refuse":
                self._waiting.extendleft(reversed(lines))
                return
            self.lost += len(lines)
        else:
            self._problem = None
            self.written += len(lines)
        self._done += sum(map(len, lines))

    def _open(self) -> _Segment:
        folder = self._folder / f"{self._clock():%Y-%m-%d}"
        if self._segment is None or self._segment.path.parent != folder or self._segment.size > LARGEST_SEGMENT:
            if self._segment is not None:
                self._segment.close()
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._segment = _Segment(folder / f"{time.time_ns()}-{os.getpid()}.jsonl")
        return self._segment


@dataclass(frozen=True)
class Asked:
    """A request as its line names it: the id and instant of its answer, and who asked, from where.

    ``beside`` is the header of the answer that a shadow's is beside.
    """

    decision: str
    use_case_name: str
    request: Request
    recorded_at: datetime
    address: str | None
    beside: str | None = None


def audit_line(asked: Asked, part: Part, features: NDArray[np.float64], answers: bytes) -> bytes:
    """Return the line of an answered request, or of the part of it that one version answered.

    It holds what was asked, what was computed, by what, and the very bytes of the answer.
    """
    identity = part.snapshot.identity
    return orjson.dumps(
        {
            "id": asked.decision,
            "recorded_at": asked.recorded_at,
            "use_case": asked.use_case_name,
            "request_id": asked.request.headers.get("x-request-id", "")[:LONGEST_REQUEST_ID],
            "client": asked.request.scope.get(CLIENT),
            "address": asked.address,
            "night": identity.night,
            "model_version": identity.model_version,
            "bundle_digest": identity.champion.payload.get("bundle_digest"),
            "arm": part.arm,
            "beside": asked.beside,
            "rung": identity.rung,
            "aggregates_version": identity.aggregates_version,
            "names": part.snapshot.feature_names,
            "rows": part.rows,
            "features": np.ascontiguousarray(features),
            "answers": orjson.Fragment(answers),
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


class _Segment:
    """One file of whole lines: what is written of a batch that fails is cut off again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def append(self, data: bytes) -> None:
        """Write and sync all of the data, or none."""
        try:
            for start in range(0, len(data), 2**20):
                self._write(data[start : start + 2**20])
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self.size)
            os.lseek(self._file, self.size, os.SEEK_SET)
            raise
        self.size += len(data)

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        """End it."""
        os.close(self._file)


def _log_what_stays(_remove: object, path: str, raised: tuple[object, object, object]) -> None:
    log.error("the audit's %s cannot be removed: %s", path, raised[1])
