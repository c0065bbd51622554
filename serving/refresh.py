"""Keep each use case's newest snapshot at hand: look often, load rarely, swap at once, keep the old one when loading fails.

Only a retirement takes the old one away: where no champion is effective on the newest night, nobody answers for it.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from nightloop.definitions import UseCase
from nightloop.errors import ChampionMissing, NightloopError, NotReady
from nightloop.model import champions
from nightloop.nights import Night
from nightloop.promotion.ladder import rungs_of
from nightloop.workspace import Workspace
from serving import model_snapshot
from serving.ladder import RuleSnapshot, has_rule, load_usable
from serving.model_snapshot import Identity, ModelSnapshot
from serving.row_contract import contract_rules

log = logging.getLogger("serving")

EARLIER_NIGHTS = 8  # earlier nights, asked for by name, whose snapshots stay loaded


@dataclass(frozen=True)
class Status:
    """What answers for a use case, and why nothing newer does."""

    snapshot: ModelSnapshot | None = None
    problem: str | None = None  # why the last look did not bring what it should
    is_new: bool = False  # the problem is only that nothing is published, or nobody is champion
    checked_at: datetime | None = None
    is_stale: bool = False  # the snapshot is too old to answer from
    rule: RuleSnapshot | None = None  # answers where no model may

    @property
    def answering(self) -> ModelSnapshot | RuleSnapshot | None:
        """What answers now, if anything does."""
        return self.rule or (None if self.is_stale else self.snapshot)


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
                snapshot, problem = self._newest()
            except ChampionMissing as error:  # never promoted, or retired: a retired version must not go on answering
                snapshot, problem, is_new = None, str(error), True
            except NightloopError as error:
                problem = str(error)
                is_new = isinstance(error, NotReady) and snapshot is None
            except Exception as error:
                log.exception("refreshing %s failed", self.use_case.use_case)
                problem = f"unexpected {type(error).__name__} while refreshing; the service's log has the details."
            stale = self._stale(snapshot)
            rule = self._rule(snapshot, is_new=is_new) if snapshot is None or stale else None
            self._log_change(snapshot, problem or stale)
            self.status = Status(snapshot, problem or stale, is_new, self._clock(), bool(stale), rule)
            return self.status

    def _newest(self) -> tuple[ModelSnapshot | None, str | None]:
        identity = model_snapshot.find(self._workspace, self.use_case)
        current = self.status.snapshot
        if current and current.identity == identity:
            return current, None
        snapshot, problem = self._load(identity, current)
        return snapshot, str(problem) if problem else None

    def _load(self, identity: Identity, current: ModelSnapshot | None) -> tuple[ModelSnapshot | None, NightloopError | None]:
        if rungs_of(self.use_case):
            return load_usable(self._workspace, self.use_case, identity, current)
        return model_snapshot.load(self._workspace, self.use_case, identity, current), None

    def _stale(self, snapshot: ModelSnapshot | None) -> str | None:
        """Return why a snapshot's aggregates are too old to answer from; None where they are not."""
        limit = self.use_case.serving.stale_after_nights if self.use_case.serving else None
        if snapshot is None or limit is None or (age := (self._today() - snapshot.identity.night).days) <= limit:
            return None
        return f"the aggregates of night {snapshot.identity.night} are {age} nights old; at most {limit} are declared."

    def _rule(self, snapshot: ModelSnapshot | None, *, is_new: bool) -> RuleSnapshot | None:
        """Return what answers by the rule, where one is declared, and stands in for a champion: not for nobody."""
        if not has_rule(self.use_case):
            return None
        if is_new and champions.newest(self._workspace.ledger, self.use_case.use_case) is None:
            return None
        night = self._today() - timedelta(days=1)
        try:
            rules = snapshot.rules if snapshot else contract_rules(self._workspace, self.use_case, night)
        except NightloopError as error:
            log.warning("%s: rows are answered without their contract: %s", self.use_case.use_case, error)
            rules = ()
        return RuleSnapshot(self.use_case, night, rules)

    def _today(self) -> Night:
        return self._clock().astimezone(ZoneInfo(self.use_case.time_zone)).date()

    def _log_change(self, snapshot: ModelSnapshot | None, problem: str | None) -> None:
        if problem and problem != self.status.problem:
            log.warning("%s: %s", self.use_case.use_case, problem)
        if snapshot and snapshot is not self.status.snapshot:
            champion, night = snapshot.identity.model_version, snapshot.identity.night
            log.info("%s: answers with version %s and the aggregates of %s", self.use_case.use_case, champion, night)

    def current(self) -> ModelSnapshot | RuleSnapshot:
        """Return what answers now.

        Raises:
            NotReady: nothing is loaded; the message says why.
        """
        if answering := self.status.answering:
            return answering
        raise NotReady(
            f"use case '{self.use_case.use_case}' is not loaded: {self.status.problem or 'the service is starting.'}",
            do="Ask again in some seconds; /readyz tells when it is ready.",
        )

    def of_night(self, night: Night) -> ModelSnapshot | RuleSnapshot:
        """Return the snapshot of a published night, loading it when it is not at hand.

        Raises:
            NotReady: its aggregates are not published.
            ChampionMissing: no champion is effective on it.
        """
        current = self.status.snapshot
        if current is None:
            return self.current() if self.status.rule is None else RuleSnapshot(self.use_case, night, self.status.rule.rules)
        if current.identity.night == night:
            return current
        with self._lock:
            identity = model_snapshot.find(self._workspace, self.use_case, night)
            if identity not in self._earlier:
                snapshot, _ = self._load(identity, current)
                if snapshot is None:
                    return RuleSnapshot(self.use_case, night, current.rules)
                self._earlier[identity] = snapshot
            self._earlier.move_to_end(identity)
            while len(self._earlier) > EARLIER_NIGHTS:
                self._earlier.popitem(last=False)
            return self._earlier[identity]
