"""What people want to know of a training: who is better, what each gate says, what the model leans on, and the pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.training.judged_card import page_path
from jobs.training.state import candidate_version
from nightloop.definitions.use_case import UseCase
from nightloop.evidence.verdict import Figure, ends_in_words
from nightloop.model import bundle, champions
from nightloop.model.training import card_text
from nightloop.model.training.card import EXPLANATIONS
from nightloop.model.use_case_task import metric_set_for
from nightloop.nights import Night
from nightloop.promotion.verdicts import Judged, judged, page_name
from nightloop.reporting.card_page import OF_MODELS
from nightloop.workspace import Workspace

STRONGEST = 5  # features that are named
_FEATURE = re.compile(r"^\| (?P<name>\w+) \| [\d.]+ \| (?P<share>[\d.]+%) \| (?P<direction>[^|]+) \|$", re.MULTILINE)
_WIDTH = 24  # of the column of names


@dataclass(frozen=True)
class ModelLine:
    """One model on the validation rows."""

    model: str
    figure: Figure

    @property
    def interval(self) -> str:
        """The ends of its interval in words."""
        return ends_in_words(self.figure)


@dataclass(frozen=True)
class TrainingSummary:
    """A candidate and what was found out about it.

    Attributes:
        version, as_of: of the candidate.
        effective_from: the first night it scores; None where it was not promoted.
        metric: the task's, as people call it.
        models: candidate, baseline, champion and best of the year, as far as there are any.
        verdicts: of the gates that have judged it.
        features: what moves its answers most: name, share of all, and whether more of it raises the answer.
        card, page: the page of the card, and of the verdicts.
    """

    version: int
    as_of: Night
    effective_from: Night | None
    metric: str
    models: Sequence[ModelLine]
    verdicts: Sequence[Judged]
    features: Sequence[tuple[str, str, str]]
    card: Path
    page: Path

    @property
    def passed(self) -> int:
        """How many gates have let it through."""
        return sum(verdict.outcome == "pass" for verdict in self.verdicts)

    def lines(self) -> Iterator[str]:
        """Yield it for a terminal."""
        promoted = f"champion from {self.effective_from}" if self.effective_from else "not promoted"
        yield f"version {self.version}, trained as of {self.as_of}: {promoted}"
        yield f"{self.metric:<{_WIDTH}}   value  95 % interval      rows"
        for line in self.models:
            yield f"  {line.model:<{_WIDTH - 2}} {line.figure.value:>7.3f}  {line.interval:<16} {line.figure.n:>6,}"
        yield f"gates: {self.passed} of {len(self.verdicts)} passed"
        for verdict in self.verdicts:
            yield f"  {verdict.gate:<12} {verdict.outcome.replace('_', ' '):<19} {verdict.reason}"
        if self.features:
            yield "leans on (share of what moves the answers):"
        for name, share, direction in self.features:
            yield f"  {name:<{_WIDTH}} {share:>6}  {f'more of it {direction}' if 'answer' in direction else ''}".rstrip()
        yield f"card:     {self.card}"
        yield f"verdicts: {self.page}"


def training_summary(use_case: UseCase, as_of: Night, workspace: Workspace) -> TrainingSummary:
    """Return the summary of the candidate of a night, as far as it was judged.

    Raises:
        NotReady: nothing is fitted as of that night.
        StoreUnavailable: the registry does not answer.
    """
    name, candidate = use_case.use_case, candidate_version(use_case, as_of, workspace)
    verdicts, metric_set = judged(workspace.ledger, name, candidate.version), metric_set_for(use_case)
    promoted = {champion.version: champion for champion in champions.history(workspace.ledger, name)}.get(candidate.version)
    folder = workspace.registry.fetch(name, candidate.version, candidate.bundle_digest)
    return TrainingSummary(
        version=candidate.version,
        as_of=as_of,
        effective_from=promoted.effective_from if promoted else None,
        metric=metric_set.title,
        models=_models(verdicts, metric_set.metric),
        verdicts=verdicts,
        features=_strongest((folder / bundle.CARD).read_text(encoding="utf-8")),
        card=page_path(workspace, name, candidate.version),
        page=workspace.reports / page_name(name, as_of, candidate.version),
    )


def _models(verdicts: Sequence[Judged], metric: str) -> list[ModelLine]:
    figures = [Figure.from_json(of) for verdict in verdicts if verdict.gate == "performance" for of in verdict.figures]
    measured = {figure.metric: figure for figure in figures if figure.group == "all"}
    named = {label: f"{head}{metric}" for head, label in OF_MODELS.items()}
    return [ModelLine(label, measured[of]) for label, of in named.items() if of in measured]


def _strongest(card: str) -> list[tuple[str, str, str]]:
    """Return the features that the card lists first."""
    section = card_text.sections_of(card).get(EXPLANATIONS, "")
    listed = [(match["name"], match["share"], match["direction"].strip()) for match in _FEATURE.finditer(section)]
    return listed[:STRONGEST]
