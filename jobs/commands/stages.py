"""The stages, in the order of the loop: their names, what they do, and the module that does it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from jobs.published import Published


@dataclass(frozen=True)
class Option:
    """One option of a stage's command, passed on to its ``run`` under ``name``."""

    name: str
    help: str
    choices: tuple[str, ...] | None = None
    is_flag: bool = False
    default: str | None = None


@dataclass(frozen=True)
class Stage:
    """A stage as a person calls it."""

    name: str
    summary: str
    description: str
    options: tuple[Option, ...] = ()

    def load(self) -> Callable[..., list[Published]]:
        """Import the stage's module, and only then what it needs, and return its ``run``."""
        run: Callable[..., list[Published]] = importlib.import_module(f"jobs.{self.name}").run
        return run


TODAYS_RULES = Option(
    "todays_rules", "judge nights that were judged before by the rules of today, not by those of then", is_flag=True
)
UNFINISHED = Option("even_if_unfinished", "take in a night that is not over, too: once more when it is", is_flag=True)

STAGES: tuple[Stage, ...] = (
    Stage(
        "ingest",
        "take in the records known by each night, judge them by their contracts, publish the raw tables",
        "Reads every source's slice of the nights, sets rows that break a rule aside in the quarantine table with the reason, "
        "and publishes one partition per raw table and night. A night that breaks its contract's limits fails, and nothing of "
        "it is published. A night that was taken in before is judged by the contract of then.",
        (TODAYS_RULES, UNFINISHED),
    ),
    Stage(
        "features",
        "build the nights' features (and tiles, aggregates and labels) from what was known at each cut-off",
        "Publishes four tables per night: tiles (daily partial aggregates), aggregates (what batch and service look up), "
        "features (one row an entity) and labels (outcomes matured by the night). A range is one job per table on the engine.",
        (
            Option("step", "only this step (default: all four, in order)", ("tiles", "aggregates", "features", "labels")),
            Option("as_known_at", "a later night YYYY-MM-DD: with what was known at its cut-off, stored apart"),
        ),
    ),
    Stage(
        "score",
        "score the nights' entities with the champion effective on each night",
        "The first scoring of a night pins its champion; scoring it again uses the same one, and gives the same content.",
    ),
    Stage(
        "monitor",
        "measure realised performance and drift, and decide: keep, retrain or ask",
        "Joins matured labels to scores, compares features with the champion's reference, publishes metrics and the decision "
        "of each night.",
        (Option("html", "write the Evidently page for people, whatever the verdict", is_flag=True), TODAYS_RULES),
    ),
    Stage(
        "train",
        "train a candidate from what was known at the night's cut-off, judge it by every gate, promote it if all pass",
        "Assembles the training set (snapshotted by DVC), fits the candidate and a linear baseline, calibrates, logs "
        "and registers in MLflow, judges the data, performance, calibration, fairness and the bundle itself, and moves the "
        "alias 'champion' only when all pass.",
        (
            Option("reason", "why this training was asked for", default="asked for on the command line"),
            Option("requested_by", "who asked", default="command line"),
            Option("build", "first build what was made by another definition (what `plan` names)", is_flag=True),
        ),
    ),
    Stage(
        "report",
        "write the weekly page of the week that holds each night",
        "One self-contained HTML page for seven nights, Monday to Sunday; every figure in it is a row of the metrics table.",
    ),
)


def stage_named(name: str) -> Stage:
    """Return a stage by its name."""
    return next(stage for stage in STAGES if stage.name == name)
