"""Keep each use case's newest snapshot at hand: look often, load rarely, swap at once, keep the old one when loading fails.

Only a retirement takes the old one away: where no champion is effective on the newest night, nobody answers for it.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from nightloop.definitions import UseCase
from nightloop.errors import ChampionMissing, NightloopError, NotReady
from nightloop.nights import Night
from nightloop.workspace import Workspace
from serving import model_snapshot
from serving.model_snapshot import Identity, ModelSnapshot

log = logging.getLogger("serving")

EARLIER_NIGHTS = 8  # earlier nights, asked for by name, whose snapshots stay loaded


@dataclass(frozen=True)
class Status:
    """What answers for a use case, and why nothing newer does."""

    snapshot: ModelSnapshot | None = None
    problem: str | None = None  # why the last look did not bring what it should
    is_new: bool = False  # the problem is only that nothing is published, or nobody is champion
    checked_at: datetime | None = None


class LoadedModels:
    """The snapshots of one use case. Readers take ``status`` without a lock; one thread at a time refreshes."""

    def __init__(self, workspace: Workspace, use_case: UseCase, clock: Callable[[], datetime]) -> None:
        self.use_case = use_case
        self.status = Status()
        self._workspace = workspace
        self._clock = clock
        self._lock = threading.Lock()
        self._earlier: OrderedDict[Identity, ModelSnapshot] = OrderedDict()

    def refresh(self) -> Status:
        """Look for a newer snapshot and put it in place; whatever goes wrong is written to ``status`` and the log."""
        with self._lock:
            snapshot, problem, is_new = self.status.snapshot, None, False
            try:
                snapshot = self._newest()
            except ChampionMissing as error:  # never promoted, or retired: a retired version must not go on answering
                snapshot, problem, is_new = None, str(error), True
            except NightloopError as error:
                problem = str(error)
                is_new = isinstance(error, NotReady) and snapshot is None
            except Exception as error:
                log.exception("refreshing %s failed", self.use_case.use_case)
                problem = f"unexpected {type(error).__name__} while refreshing; the service's log has the details."
            self._log_change(snapshot, problem)
            self.status = Status(snapshot, problem, is_new, self._clock())
            return self.status

    def _newest(self) -> ModelSnapshot:
        identity = model_snapshot.find(self._workspace, self.use_case)
        current = self.status.snapshot
        if current and current.identity == identity:
            return current
        return model_snapshot.load(self._workspace, self.use_case, identity, current)

    def _log_change(self, snapshot: ModelSnapshot | None, problem: str | None) -> None:
        if problem and problem != self.status.problem:
            log.warning("%s: %s", self.use_case.use_case, problem)
        if snapshot and snapshot is not self.status.snapshot:
            champion, night = snapshot.identity.model_version, snapshot.identity.night
            log.info("%s: answers with version %s and the aggregates of %s", self.use_case.use_case, champion, night)

    def current(self) -> ModelSnapshot:
        """Return what answers now.

        Raises:
            NotReady: nothing is loaded; the message says why.
        """
        if self.status.snapshot:
            return self.status.snapshot
        raise NotReady(
            f"use case '{self.use_case.use_case}' is not loaded: {self.status.problem or 'the service is starting.'}",
            do="Ask again in some seconds; /readyz tells when it is ready.",
        )

    def of_night(self, night: Night) -> ModelSnapshot:
        """Return the snapshot of a published night, loading it when it is not at hand.

        Raises:
            NotReady: its aggregates are not published.
            ChampionMissing: no champion is effective on it.
        """
        current = self.current()
        if current.identity.night == night:
            return current
        with self._lock:
            identity = model_snapshot.find(self._workspace, self.use_case, night)
            if identity not in self._earlier:
                self._earlier[identity] = model_snapshot.load(self._workspace, self.use_case, identity, current)
            self._earlier.move_to_end(identity)
            while len(self._earlier) > EARLIER_NIGHTS:
                self._earlier.popitem(last=False)
            return self._earlier[identity]
