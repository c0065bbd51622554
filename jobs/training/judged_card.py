"""The card of a candidate with what is known once it is judged: in MLflow, beside the training set, a page of the reports.

The card inside the bundle is written before anything is judged, and stays as it was registered.
"""

from __future__ import annotations

from pathlib import Path

from jobs.training.state import champion_before
from nightloop.atomic_file import write_atomically
from nightloop.definitions.use_case import UseCase
from nightloop.model import bundle
from nightloop.model.registry import RegisteredVersion
from nightloop.model.spec import Spec
from nightloop.model.training import card_text, training_snapshot
from nightloop.model.training.card import EXPLANATIONS, PERFORMANCE
from nightloop.model.use_case_task import metric_set_for
from nightloop.nights import Night
from nightloop.promotion.verdicts import Judged, judged
from nightloop.promotion.version_record import Before, known_sections
from nightloop.reporting import card_page
from nightloop.reporting.card_page import Tile
from nightloop.reporting.pages import Picture
from nightloop.workspace import Workspace

PICTURES = {
    "roc": (PERFORMANCE, "Order of the validation rows.", "How many positive rows are found at which price."),
    "calibration": (PERFORMANCE, "Predicted and observed.", "On the line, an answer means what it says."),
    "summary": (EXPLANATIONS, "What moves the answers.", "A point is a row; its colour, the value of the feature."),
    "dependence": (EXPLANATIONS, "Contribution by value.", "Of the features that move the answers most."),
    "importance": ("Features", "What the trees gained from.", "Mean gain of the splits on each feature."),
}
"""Drawing of the run -> the section it is shown in, its title, and what it shows."""


def write_judged_card(use_case: UseCase, as_of: Night, workspace: Workspace, candidate: RegisteredVersion) -> None:
    """Write the card with what the ledger has by now; the last gate to judge writes all verdicts, the promotion itself too.

    Raises:
        StoreUnavailable: the registry does not answer.
    """
    name = use_case.use_case
    folder = workspace.registry.fetch(name, candidate.version, candidate.bundle_digest)
    spec, before = bundle.read_spec(folder), _before(use_case, candidate, workspace)
    text = card_text.completed(
        (folder / bundle.CARD).read_text(encoding="utf-8"), known_sections(name, candidate.version, spec, before, workspace)
    )
    target = training_snapshot.judged_card(workspace.settings.home, name, as_of, candidate.version)
    page = page_path(workspace, name, candidate.version)
    if target.exists() and page.exists() and target.read_text(encoding="utf-8") == text:
        return
    html = _page(use_case, candidate, spec, text, workspace)
    workspace.registry.log_texts(candidate.run_id, {bundle.CARD: text, "card.html": html})
    write_atomically(page, html)
    write_atomically(target, text.encode())


def page_path(workspace: Workspace, use_case_name: str, version: int) -> Path:
    """Return where the page of a version's card is shown from."""
    return workspace.reports / use_case_name / f"card-{version}.html"


def _before(use_case: UseCase, candidate: RegisteredVersion, workspace: Workspace) -> Before | None:
    """Return whom the candidate is compared with in words: the champion before it, else the newest registered before it."""
    champion = champion_before(use_case, candidate.version, workspace)
    if champion is not None and champion.version != candidate.version:
        version, digest = champion.version, champion.bundle_digest
    else:
        earlier = [of for of in workspace.registry.versions(use_case.use_case) if of.version < candidate.version]
        if not earlier:
            return None
        version, digest = earlier[-1].version, earlier[-1].bundle_digest
    folder = workspace.registry.fetch(use_case.use_case, version, digest)
    return Before(version, bundle.read_spec(folder), is_champion=champion is not None)


def _page(use_case: UseCase, candidate: RegisteredVersion, spec: Spec, text: str, workspace: Workspace) -> str:
    metric_set, verdicts = metric_set_for(use_case), judged(workspace.ledger, use_case.use_case, candidate.version)
    measured = [figure for verdict in verdicts if verdict.gate == "performance" for figure in verdict.figures]
    pictures: dict[str, list[Picture]] = {PERFORMANCE: card_page.by_model(metric_set.metric, metric_set.title, measured)}
    for drawing, png in workspace.registry.drawings(candidate.run_id).items():
        if drawing in PICTURES:
            section, title, shows = PICTURES[drawing]
            pictures.setdefault(section, []).append(card_page.image(title, shows, png))
    tiles = [Tile(f"version {candidate.version}", f"trained as of {spec.training.as_of}"), *_tiles(metric_set.title, verdicts)]
    return card_page.render(card_text.sections_of(text), tiles=tiles, pictures=pictures)


def _tiles(title: str, verdicts: list[Judged]) -> list[Tile]:
    passed = sum(verdict.outcome == "pass" for verdict in verdicts)
    tiles = [Tile(f"{passed} of {len(verdicts)}", "gates that have judged it have passed")]
    first = next((verdict.figures[0] for verdict in verdicts if verdict.gate == "performance" and verdict.figures), None)
    if first is not None:
        interval = "" if first["low"] is None else f", {first['low']:.3f} to {first['high']:.3f}"
        tiles.append(Tile(f"{first['value']:.3f}", f"{title} on {first['n']:,} validation rows{interval}"))
    return tiles
