"""A shadow: another version answers the same rows once more when the answer is given, and nobody but the audit sees it.

It works in a thread of its own, behind a queue that is bounded: an answer never waits for it. What finds no room is counted.
"""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import Request

from nightloop.errors import NightloopError
from nightloop.promotion.traffic import SHADOW
from serving.audit import Asked, AuditLog, audit_line
from serving.ladder import RuleSnapshot
from serving.metrics import Metrics
from serving.model_snapshot import ModelSnapshot
from serving.traffic import Part

log = logging.getLogger("serving")

MOST_WAITING = 1_000  # requests


@dataclass(frozen=True)
class _Task:
    asked: Asked
    part: Part
    reasons: bool


class Shadow:
    """Answers in the background by the version that shadows the champion, and records the answers."""

    def __init__(self, audit: AuditLog, metrics: Metrics) -> None:
        self._audit, self._metrics = audit, metrics
        self._waiting: queue.Queue[_Task | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Answer all that waits, and end."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def follow(
        self,
        snapshot: ModelSnapshot | RuleSnapshot,
        rows: list[dict[str, Any]],
        use_case_name: str,
        request: Request,
        *,
        beside: str,
        reasons: bool,
    ) -> None:
        """Take the rows of a request that was answered, where a version shadows what answered it.

        Args:
            snapshot: what answered.
            rows: of the request.
            use_case_name: whose rows.
            request: who asked.
            beside: the ids of the answer.
            reasons: whether it has reasons.
        """
        split, tried = snapshot.identity.split, snapshot.tried
        if tried is None or split is None or split.arm != SHADOW:
            return
        key = snapshot.use_case.entity.key
        places = [place for place, of in enumerate(split.is_tried([row[name] for name in key] for row in rows)) if of]
        asked = self._audit.asked(use_case_name, request, beside)
        task = _Task(asked, Part(tried, SHADOW, places, [rows[place] for place in places]), reasons)
        try:
            if places:
                self._waiting.put_nowait(task)
        except queue.Full:
            self._count(task, "dropped")

    def _run(self) -> None:
        while (task := self._waiting.get()) is not None:
            try:
                self._answer(task)
            except NightloopError as error:
                log.warning("%s: a shadow does not answer: %s", task.asked.use_case_name, error)
                self._count(task, "failed")
            except Exception:  # whatever it is: the next ones are answered
                log.exception("%s: a shadow does not answer", task.asked.use_case_name)
                self._count(task, "failed")

    def _answer(self, task: _Task) -> None:
        part = task.part
        features = part.snapshot.features(part.rows)
        answers = part.snapshot.answers(part.rows, reasons=task.reasons, features=features)
        self._audit.add(audit_line(task.asked, part, features, orjson.dumps({"predictions": answers})))
        self._count(task, "recorded")

    def _count(self, task: _Task, outcome: str) -> None:
        self._metrics.shadow_rows.labels(task.asked.use_case_name, outcome).inc(len(task.part.rows))
