"""The stages of a tour, one after the other in this process: what cannot go on is told, and what was made stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from jobs import features, ingest, monitor, report, score, train
from jobs.endings import night_pages
from jobs.published import Progress, Published, silent
from jobs.training.summary import TrainingSummary, training_summary
from nightloop.definitions import UseCase
from nightloop.definitions.model import Split
from nightloop.errors import ContractBroken, EmptyNight, NightloopError, NotReady, TrainingRefused
from nightloop.evidence.verdict import with_interval
from nightloop.nights import Night, Nights
from nightloop.workspace import Workspace

MONTH = 30  # nights that are scored, of a history that is long enough
STAGES = ("ingest", "features", "train", "score", "monitor", "report")


@dataclass(frozen=True)
class StageLine:
    """What a stage of the tour did, in a sentence, and how long it took."""

    stage: str
    words: str
    seconds: float
    is_done: bool = True

    def __str__(self) -> str:
        return f"{self.stage:<9} {self.seconds:>6.1f} s  {self.words}"


@dataclass
class Tour:
    """A tour under way.

    Attributes:
        use_case, workspace: of its home.
        show: called with each line as its stage ends.
        progress: called within a stage.
        lines: of the stages so far.
        training: the candidate's summary; None before one is fitted.
        pages: of weeks and drift.
        refusal: why the tour ended before its last stage; None where it did not.
    """

    use_case: UseCase
    workspace: Workspace
    show: Callable[[StageLine], None]
    progress: Progress = silent
    lines: list[StageLine] = field(default_factory=list)
    training: TrainingSummary | None = None
    pages: list[Path] = field(default_factory=list)
    refusal: NightloopError | None = None

    def run(self, nights: Nights) -> None:
        """Take the nights in, train before the last month of them, and score, watch and report that month."""
        try:
            nights = self._ingest(nights)
            with self._stage("features") as line:
                published = features.run(self.use_case, nights, self.workspace, progress=self.progress)
                rows = _rows(published, "features")
                line.append(f"{rows:,} rows of {len(self.use_case.features)} features")
            scored = self._scored(nights)
            self._train(scored.first - timedelta(days=1))
            self._score(scored)
        except NightloopError as error:
            self.refusal = error

    def _ingest(self, nights: Nights) -> Nights:
        """Take nights in up to one that is refused, and return those."""
        with self._stage("ingest") as line:
            published: list[Published] = []
            try:
                published = ingest.run(self.use_case, nights, self.workspace, progress=self.progress)
            except (ContractBroken, EmptyNight) as error:
                nights = self._before_refused(nights, error)
                line.append(f"up to {nights.last}, for the night after it was refused: {error.what}")
            entity = f"raw_{self.use_case.entity.source}"
            states = self.workspace.lake.states(f"{self.use_case.use_case}/{entity}")
            set_aside = _rows(published, "quarantine")
            rows = sum(state.rows for state in states.values())
            line.insert(0, f"{nights}: {rows:,} records, {set_aside:,} set aside")
        return nights

    def _before_refused(self, nights: Nights, error: NightloopError) -> Nights:
        states = self.workspace.lake.states(f"{self.use_case.use_case}/quarantine")
        raw = self.workspace.lake.states(f"{self.use_case.use_case}/raw_{self.use_case.entity.source}")
        stand = [night for night in nights if night in states and night in raw]
        if not stand:
            raise error
        return Nights(nights.first, stand[-1])

    def _scored(self, nights: Nights) -> Nights:
        states = self.workspace.lake.states(f"{self.use_case.use_case}/features")
        with_rows = [night for night in nights if night in states and states[night].rows]
        split, matures_after = self.use_case.model.split, self.use_case.label.matures_after
        return scored_nights(nights, with_rows, split, matures_after=matures_after)

    def _train(self, as_of: Night) -> None:
        with self._stage("train") as line:
            try:
                train.run(
                    self.use_case, as_of, self.workspace, reason="a tour", requested_by="nightloop try", progress=self.progress
                )
            finally:
                self.training = self._summary(as_of)
                if self.training:
                    line.append(in_short(self.training))

    def _summary(self, as_of: Night) -> TrainingSummary | None:
        try:
            return training_summary(self.use_case, as_of, self.workspace)
        except NotReady:
            return None  # nothing was fitted

    def _score(self, nights: Nights) -> None:
        with self._stage("score") as line:
            published = score.run(self.use_case, nights, self.workspace, progress=self.progress)
            line.append(f"{nights}: {_rows(published, 'scores'):,} rows scored")
        with self._stage("monitor") as line:
            decided = _of_table(monitor.run(self.use_case, nights, self.workspace, progress=self.progress), "decisions")
            line.append(verdicts_in_words(decided))
        with self._stage("report") as line:
            report.run(self.use_case, nights, self.workspace, progress=self.progress)
            self.pages = night_pages(self.use_case, nights, self.workspace)
            line.append(f"{len(self.pages)} pages of weeks and of drift")

    @contextmanager
    def _stage(self, name: str) -> Iterator[list[str]]:
        """Time a stage and show its line, with why where it cannot go on."""
        words: list[str] = []
        began, refusal = time.monotonic(), None
        try:
            yield words
        except NightloopError as error:
            refusal = error
            raise
        finally:
            if refusal is not None and not words:
                words.append(refusal.what)
            line = StageLine(name, "; ".join(words), time.monotonic() - began, is_done=refusal is None)
            self.lines.append(line)
            self.show(line)


def scored_nights(nights: Nights, with_rows: Collection[Night], split: Split, *, matures_after: int) -> Nights:
    """Return the last month, or the last quarter of a short history, less where the nights before it are too few to train.

    Args:
        nights: of the tour.
        with_rows: those of them that hold features.
        split: how many a training divides them into.
        matures_after: nights until an outcome is known.

    Raises:
        TrainingRefused: with all nights but one there are too few.
    """
    needed = split.validate_nights + split.calibrate_nights + split.minimum_fit_nights
    for scored in range(min(MONTH, max(1, len(nights) // 4)), 0, -1):
        first = nights.last - timedelta(days=scored - 1)
        if sum(night + timedelta(days=matures_after) < first for night in with_rows) >= needed:
            return Nights(first, nights.last)
    raise TrainingRefused(
        f"{len(with_rows)} nights of the data hold records, {len(nights)} nights in all. A model is fitted, calibrated and "
        f"judged on different nights, at least {needed} with known outcomes, and one more is there to score.",
        do="Give a longer stretch of data.",
    )


def in_short(training: TrainingSummary) -> str:
    """Say in a line how good the candidate is and whether it was promoted."""
    candidate = next((line for line in training.models if line.model == "candidate"), None)
    measured = f"{training.metric} {with_interval(candidate.figure)}, " if candidate else ""
    promoted = f"champion from {training.effective_from}" if training.effective_from else "not promoted"
    return f"as of {training.as_of}: {measured}{training.passed} of {len(training.verdicts)} gates passed, {promoted}"


def verdicts_in_words(decided: list[Published]) -> str:
    """Count what the nights' verdicts and decisions say."""
    counts = []
    for what, key in (("drift", "drift_verdict"), ("performance", "performance_verdict"), ("decision", "decision")):
        outcomes = [str(partition.details[key]) for partition in decided]
        tally = {outcome: outcomes.count(outcome) for outcome in dict.fromkeys(outcomes)}
        counts.append(f"{what} " + ", ".join(f"{outcome.replace('_', ' ')} {count}x" for outcome, count in tally.items()))
    return "; ".join(counts)


def _of_table(published: list[Published], table: str) -> list[Published]:
    return [partition for partition in published if partition.table.endswith(f"/{table}")]


def _rows(published: list[Published], table: str) -> int:
    return sum(partition.rows for partition in _of_table(published, table))
