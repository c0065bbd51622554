"""What the tracking server shows a training was given."""

from __future__ import annotations

from nightloop.definitions import UseCase
from nightloop.model.training import candidate as candidates
from nightloop.model.training.calibrating import report


def params(use_case: UseCase, candidate: candidates.Candidate) -> dict[str, object]:
    """Return what the training was given, as the tracking server names it."""
    baseline, parameters = use_case.model.baseline
    searched = candidate.searched
    return {
        **(searched.params if searched else {}),
        **{f"{candidate.name}.{name}": value for name, value in candidate.parameters.items()},
        **{f"{baseline}.{name}": value for name, value in parameters.items()},
        **report.params(use_case.model.calibration, candidate.fitted.chosen),
        **{f"nights.{part}": str(getattr(candidate.slices, part)) for part in candidate.rows},
        **{f"rows.{part}": count for part, count in candidate.rows.items()},
    }
