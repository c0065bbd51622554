"""Check the gates of slices and behaviour: that what they name is there, and suits the task."""

from __future__ import annotations

from fnmatch import fnmatchcase

from nightloop.definitions.problems import Problems
from nightloop.definitions.use_case import UseCase
from nightloop.errors import suggest

PATH = ("gates", "behaviour")


def check_candidate_gates(use_case: UseCase, problems: Problems) -> None:
    """Note every mistake in ``problems``."""
    slices, behaviour, features = use_case.gates.slices, use_case.gates.behaviour, list(use_case.features)
    known = [*features, *use_case.gates.fairness.columns]
    for place, name in enumerate(slices.by if slices else ()):
        if name not in known:
            what = f"'{name}' is neither a feature nor a column of the fairness gate."
            problems.add(("gates", "slices", "by", place), what, suggest(name, known, "Features and columns"))
    for direction in ("increasing", "decreasing"):
        for place, pattern in enumerate(getattr(behaviour, direction)):
            if not any(fnmatchcase(name, pattern) for name in features):
                what = f"'{pattern}' names no feature."
                problems.add((*PATH, direction, place), what, suggest(pattern, features, "Features"))
        if getattr(behaviour, direction) and use_case.model.task == "multiclass":
            what = "several probabilities cannot all rise, or all fall, with a feature."
            problems.add((*PATH, direction), what, "Leave it out of a multiclass model.")
    for place, name in enumerate(behaviour.invariant_to):
        if name not in features:
            problems.add((*PATH, "invariant_to", place), f"'{name}' is no feature.", suggest(name, features, "Features"))
