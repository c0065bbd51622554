"""Keep each use case's newest edition at hand: look often, load rarely, swap at once, keep the old one when loading fails."""

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

PAST_EDITIONS = 8  # nights asked for by name that are kept loaded


@dataclass(frozen=True)
class Status:
    """How a use case stands: what answers, and why nothing newer does."""

    edition: ModelSnapshot | None = None
    problem: str | None = None  # why the last look did not bring what it should
    is_new: bool = False  # the problem is only that nothing was published or promoted yet
    checked_at: datetime | None = None


class LoadedModels:
    """The editions of one use case. Readers take ``standing`` without a lock; one thread at a time refreshes."""

    def __init__(self, workspace: Workspace, use_case: UseCase, clock: Callable[[], datetime]) -> None:
        self.use_case = use_case
        self.standing = Status()
        self._workspace = workspace
        self._clock = clock
        self._lock = threading.Lock()
        self._past: OrderedDict[Identity, ModelSnapshot] = OrderedDict()

    def refresh(self) -> Status:
        """Look for a newer edition and put it in place; whatever goes wrong is told in ``standing`` and the log."""
        with self._lock:
            edition, problem, is_new = self.standing.edition, None, False
            try:
                edition = self._newest()
            except NightloopError as error:
                problem = str(error)
                is_new = isinstance(error, (NotReady, ChampionMissing)) and edition is None
            except Exception as error:
                log.exception("refreshing %s failed", self.use_case.use_case)
                problem = f"unexpected {type(error).__name__} while refreshing; the service's log has the details."
            self._tell(edition, problem)
            self.standing = Status(edition, problem, is_new, self._clock())
            return self.standing

    def _newest(self) -> ModelSnapshot:
        identity = model_snapshot.find(self._workspace, self.use_case)
        current = self.standing.edition
        if current and current.identity == identity:
            return current
        return model_snapshot.load(self._workspace, self.use_case, identity, current)

    def _tell(self, edition: ModelSnapshot | None, problem: str | None) -> None:
        if problem and problem != self.standing.problem:
            log.warning("%s: %s", self.use_case.use_case, problem)
        if edition and edition is not self.standing.edition:
            champion, night = edition.identity.model_version, edition.identity.night
            log.info("%s: answers with version %s and the aggregates of %s", self.use_case.use_case, champion, night)

    def current(self) -> ModelSnapshot:
        """Return what answers now.

        Raises:
            NotReady: nothing is loaded; the message says why.
        """
        if self.standing.edition:
            return self.standing.edition
        raise NotReady(
            f"use case '{self.use_case.use_case}' is not loaded: {self.standing.problem or 'the service is starting.'}",
            do="Ask again in some seconds; /readyz tells when it is ready.",
        )

    def of_night(self, night: Night) -> ModelSnapshot:
        """Return the edition of a published night, loading it when it is not at hand.

        Raises:
            NotReady: its aggregates are not published.
            ChampionMissing: no champion is effective on it.
        """
        current = self.current()
        if current.identity.night == night:
            return current
        with self._lock:
            identity = model_snapshot.find(self._workspace, self.use_case, night)
            if identity not in self._past:
                self._past[identity] = model_snapshot.load(self._workspace, self.use_case, identity, current)
            self._past.move_to_end(identity)
            while len(self._past) > PAST_EDITIONS:
                self._past.popitem(last=False)
            return self._past[identity]
