"""The card of a candidate with what the gates said of it: in MLflow, and beside the training set in HOME/training.

The card inside the bundle is written before anything is judged, and stays as it was registered.
"""

from __future__ import annotations

from nightloop.atomic_file import write_atomically
from nightloop.definitions.use_case import UseCase
from nightloop.model import bundle
from nightloop.model.registry import RegisteredVersion
from nightloop.model.training import card, training_snapshot
from nightloop.nights import Night
from nightloop.promotion.verdicts import judged
from nightloop.workspace import Workspace


def write_judged_card(use_case: UseCase, as_of: Night, workspace: Workspace, candidate: RegisteredVersion) -> None:
    """Write the card with the verdicts that the ledger has by now; the last gate to judge writes all of them.

    Raises:
        StoreUnavailable: the registry does not answer.
    """
    name = use_case.use_case
    folder = workspace.registry.fetch(name, candidate.version, candidate.bundle_digest)
    text = (folder / bundle.CARD).read_text(encoding="utf-8")
    text = card.with_verdicts(text, judged(workspace.ledger, name, candidate.version))
    target = training_snapshot.judged_card(workspace.settings.home, name, as_of, candidate.version)
    if target.exists() and target.read_text(encoding="utf-8") == text:
        return
    workspace.registry.log_card(candidate.run_id, text)
    write_atomically(target, text.encode())
