"""The bundles that score nights: each is fetched, checked and read once, however many nights it scores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from nightloop.definitions.use_case import UseCase
from nightloop.model import bundle
from nightloop.model.champions import Champion
from nightloop.model.predictor import Predictor
from nightloop.model.spec import Spec
from nightloop.model.use_case_task import answer_columns
from nightloop.promotion import ladder
from nightloop.workspace import Workspace


@dataclass(frozen=True)
class Bundles:
    """The bundles of champions: each is fetched and read once, however many nights it scores."""

    use_case: UseCase
    workspace: Workspace
    _read: dict[int, tuple[Spec, dict[str, str]]] = field(default_factory=dict)

    def spec(self, champion: Champion) -> Spec:
        """Return what the bundle says of its model."""
        return self._of(champion)[0]

    def part(self, champion: Champion) -> dict[str, str]:
        """Return what every job of this champion shares."""
        return self._of(champion)[1]

    def capacity(self, job: Mapping[str, str]) -> int | None:
        """Return how many entities of a night the model of a job decides positively, where it decides so."""
        return self._read[int(job["model_version"])][0].capacity

    def _of(self, champion: Champion) -> tuple[Spec, dict[str, str]]:
        if champion.version not in self._read:
            folder = self.workspace.registry.fetch_champion(self.use_case.use_case, champion)
            part = {
                "bundle": str(folder),
                "bundle_digest": champion.bundle_digest,
                "model_version": str(champion.version),
                "key": json.dumps(self.use_case.entity.key),
                "reasons": str(self.use_case.model.reasons),
                "answer": json.dumps(answer_columns(self.use_case)),
                "reasons_for": self.use_case.model.reasons_for,
            }
            if ladder.rungs_of(self.use_case):
                Predictor.load(folder)  # whether it can answer, while another may stand in for it
            self._read[champion.version] = bundle.read_spec(folder), part
        return self._read[champion.version]
