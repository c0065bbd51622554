"""Replay 2013: features of every night, a training each month's end with its gates, and what the scores were worth.

NIGHTLOOP_REPLAY_HOME keeps the nights between runs; without it a folder is made and deleted.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from jobs import features, ingest, train
from nightloop.definitions import load_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.errors import GateFailed
from nightloop.evidence import intervals, metrics
from nightloop.lake import Lake
from nightloop.model import champions
from nightloop.model.predictor import Predictor
from nightloop.model.training import candidate, training_set
from nightloop.model.training.candidate import Fitted
from nightloop.model.training.training_set import TrainingSet
from nightloop.nights import Night, Nights
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.benchmarks.document import table

TITLE = "A replayed year: flight_delay, 2013, monthly retraining behind the gates"
AS_OF = [date(2013, month + 1, 1) - timedelta(days=1) for month in range(2, 12)]  # month's ends, February to November
LAST = date(2013, 12, 30)
PLANE = ("plane_age", "plane_seats")
DECLARED, BASELINES, NEVER = "as declared", "logistic regression", "as declared, never retrained"
CARELESS, WITHOUT = "learning from rows without a tail number too", "without the plane's features"


@dataclass(frozen=True)
class Year:
    """Every labelled row of the year, scored from the night before its flight on."""

    rows: TrainingSet
    has_tail: np.ndarray
    cancelled_without_tail: int

    @property
    def month(self) -> np.ndarray:
        """Month of the flight, 1 to 12."""
        return (self.rows.night + 1).astype("datetime64[M]").astype(int) % 12 + 1

    def between(self, first: Night, after: Night) -> np.ndarray:
        """Which rows were scored from ``first`` on, before ``after``."""
        return (self.rows.night >= np.datetime64(first)) & (self.rows.night < np.datetime64(after))


def measure() -> str:
    """Replay, and return the section."""
    with _home() as home:
        workspace = Workspace.open(load_settings(home=home, engine="local"))
        use_case = load_use_case("flight_delay", workspace.settings.definitions)
        seconds = _publish(use_case, workspace)
        year = _year(use_case, workspace.lake)
        said, trainings = _loop(use_case, workspace, year)
        variants = _variants(use_case, year)
    return "\n\n".join([_worth(year, said, variants), _trainings(trainings), _tail_numbers(year, variants), seconds])


@contextmanager
def _home() -> Iterator[Path]:
    kept = os.environ.get("NIGHTLOOP_REPLAY_HOME")
    if kept:
        yield Path(kept)
        return
    with tempfile.TemporaryDirectory(prefix="nightloop-replay-") as folder:
        yield Path(folder)


def _publish(use_case: UseCase, workspace: Workspace) -> str:
    nights = Nights(use_case.first_night, LAST)
    taken = {}
    for name, stage in (("ingest", ingest.run), ("features", features.run)):
        began = time.perf_counter()
        if LAST not in workspace.lake.states(f"{use_case.use_case}/{'labels' if name == 'features' else 'raw_outcomes'}"):
            stage(use_case, nights, workspace)
            taken[name] = f"{name} {time.perf_counter() - began:.0f} s"
    return f"{len(nights)} nights published in one range per stage: {', '.join(taken.values()) or 'before this run'}."


def _year(use_case: UseCase, lake: Lake) -> Year:
    rows, _ = training_set.load(use_case, LAST, lake)
    has_tail = rows.table[training_set.LEARN].to_numpy()
    lost = int((~has_tail & rows.label).sum())
    return Year(rows, has_tail, lost)


def _loop(use_case: UseCase, workspace: Workspace, year: Year) -> tuple[np.ndarray, list[list[object]]]:
    """Train at every month's end; score each night by the champion effective on it."""
    said, told = np.full(len(year.rows.label), np.nan), []
    for as_of, until in zip(AS_OF, [*AS_OF[1:], LAST], strict=True):
        began = time.perf_counter()
        try:
            train.run(use_case, as_of, workspace, reason="replay", requested_by="benchmark")
            came = "promoted"
        except GateFailed as error:
            came = error.what
        told.append([as_of, f"{time.perf_counter() - began:.0f} s", came])
        champion = champions.effective(workspace.ledger, use_case.use_case, as_of)
        if champion is not None:
            folder = workspace.registry.fetch(use_case.use_case, champion.version, champion.payload["bundle_digest"])
            rows = year.between(as_of, until)
            said[rows] = Predictor.load(folder, light=False).predict(year.rows.matrix[rows], reasons=False).probability
    return said, told


def _variants(use_case: UseCase, year: Year) -> dict[str, np.ndarray]:
    """Score the same months by every candidate, promoted or not, made in other ways."""
    plain = {name: feature for name, feature in use_case.features.items() if name not in PLANE}
    careless = use_case.model.model_copy(update={"fit_where_known": []})
    everything = TrainingSet(_learn_all(year.rows.table), year.rows.features)
    said = _candidates(use_case, year.rows, year)
    for name, case, rows in (
        (CARELESS, use_case.model_copy(update={"model": careless}), everything),
        (WITHOUT, use_case.model_copy(update={"features": plain}), TrainingSet(everything.table, tuple(plain))),
    ):
        said[name] = _candidates(case, rows, year)[DECLARED]
    return said


def _learn_all(table: pa.Table) -> pa.Table:
    place = table.schema.get_field_index(training_set.LEARN)
    return table.set_column(place, training_set.LEARN, pa.array(np.ones(table.num_rows, dtype=np.bool_)))


def _candidates(use_case: UseCase, rows: TrainingSet, year: Year) -> dict[str, np.ndarray]:
    """Return what the candidates, the baselines, and the first candidate for ever say of the year's rows."""
    said = {name: np.full(len(rows.label), np.nan) for name in (DECLARED, BASELINES, NEVER)}
    first: Fitted | None = None
    for as_of, until in zip(AS_OF, [*AS_OF[1:], LAST], strict=True):
        # What was known at the cut-off of as_of: labels mature a fixed number of nights after they were scored.
        known = Nights(use_case.first_night, as_of - timedelta(days=use_case.label.matures_after))
        made = candidate.fit(use_case, as_of, rows.of(known))
        first = first or made.fitted
        scored = year.between(as_of, until)
        for name, model in ((DECLARED, made.fitted), (BASELINES, made.baseline), (NEVER, first)):
            said[name][scored] = model.predict(rows.matrix[scored])
    return said


def _worth(year: Year, said: np.ndarray, variants: Mapping[str, np.ndarray]) -> str:
    ours = {"champions (gates decide)": said, **{f"candidates, {name}": found for name, found in variants.items()}}
    rows = []
    for name, probability in ours.items():
        scored = ~np.isnan(probability)
        label, night = year.rows.label[scored], year.rows.night[scored]
        area, error = (figure(label, probability[scored], night) for figure in (metrics.auc, metrics.brier))
        rate = label.mean()
        rows.append(
            [
                name,
                f"{area.value:.4f} ({area.low:.3f} to {area.high:.3f})",
                f"{error.value:.4f}",
                f"{rate * (1 - rate):.4f}",
                f"{area.n:,}",
                *(
                    "" if probability is said else _gained(label, said[scored], probability[scored], by, night)
                    for by in (None, night)
                ),
            ]
        )
    months = []
    scored = ~np.isnan(said)
    for month in range(3, 13):
        kept = scored & (year.month == month)
        months.append([month, f"{metrics.auc(year.rows.label[kept], said[kept]).value:.3f}", f"{kept.sum():,}"])
    head = [
        *("who scored March to December", "realised AUC (95 %, by night)", "Brier", "Brier of the base rate", "flights"),
        *("champions better by, all flights", "champions better by, within nights"),
    ]
    return f"{table(head, rows)}\n\n{table(['month', 'realised AUC of the champions', 'flights'], months)}"


def _gained(label: np.ndarray, ours: np.ndarray, theirs: np.ndarray, within: np.ndarray | None, night: np.ndarray) -> str:
    """Write by how much AUC the champions are better, paired by flight, with an interval by night."""
    difference = intervals.auc_by_night(label, ours, within).minus(intervals.auc_by_night(label, theirs, within))
    low, high = difference.interval(night)
    return f"{difference.value:+.4f} ({low:+.4f} to {high:+.4f})"


def _trainings(told: list[list[object]]) -> str:
    return table(["trained as of", "took", "came to"], told)


def _tail_numbers(year: Year, variants: Mapping[str, np.ndarray]) -> str:
    names = (DECLARED, CARELESS, WITHOUT)
    rows = []
    for name in names:
        probability = variants[name]
        scored = ~np.isnan(probability)
        known = scored & year.has_tail
        every, with_tail = (metrics.auc(year.rows.label[kept], probability[kept]).value for kept in (scored, known))
        lost = probability[scored & ~year.has_tail].mean()
        rows.append([name, f"{every:.4f}", f"{with_tail:.4f}", f"{every - with_tail:.4f}", f"{lost:.3f}"])
    head = ["candidates", "AUC, all flights", "AUC, flights with a tail number", "gap", "mean probability where it is missing"]
    count = int((~year.has_tail).sum())
    told = (
        f"The tail number is missing for {count:,} flights, {year.cancelled_without_tail:,} of which were late or cancelled: "
        "in this data it goes missing when a flight is cancelled, which nobody knows the night before (docs/decisions/0050)."
    )
    return f"{told}\n\n{table(head, rows)}"


if __name__ == "__main__":
    print(measure())
