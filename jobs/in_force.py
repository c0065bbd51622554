"""The definition that a night is made by: today's, with the older meanings that the night's champions need."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from nightloop.definitions import UseCase
from nightloop.definitions.use_case import Source
from nightloop.features.tables import inputs
from nightloop.meaning.archive import archive, archived, is_the_only
from nightloop.meaning.carrying import Lost, Needed, carrying, is_carried
from nightloop.meaning.digests import Meanings, meanings_of
from nightloop.meaning.inputs import read_meanings
from nightloop.meaning.reading import stored_names
from nightloop.nights import Nights
from nightloop.workspace import Workspace


@dataclass(frozen=True)
class InForce:
    """What nights are made by.

    Attributes:
        use_case: today's, extended by the older columns that champions need.
        digest: of today's definition, which the lake holds.
        meanings: of ``use_case``.
        lost: features that a champion needs and that cannot be made.
    """

    use_case: UseCase
    digest: str
    meanings: Meanings
    lost: tuple[Lost, ...] = ()

    def of_table(self, table: str) -> dict[str, str]:
        """Return what a commit of a table records of its columns."""
        return self.meanings.of_table(table, self.use_case)

    def without(self, reasons: Mapping[str, str]) -> InForce:
        """Return the same without some carried features, each with the reason why it is not there."""
        lost = [Lost(None, name, reason) for name, reason in reasons.items()]
        return replace(self._with([name for name in self.use_case.features if name not in reasons]), lost=(*self.lost, *lost))

    def without_carried(self, but: str) -> InForce:
        """Return the same with one carried feature only."""
        return self._with([name for name in self.use_case.features if name == but or not is_carried(name)])

    def _with(self, names: Collection[str]) -> InForce:
        use_case = self.use_case.model_copy(update={"features": {name: self.use_case.features[name] for name in names}})
        return replace(self, use_case=use_case, meanings=meanings_of(use_case))

    @property
    def carried(self) -> list[str]:
        """Names of the features of older meanings."""
        return [name for name in self.use_case.features if is_carried(name)]


def in_force(use_case: UseCase, nights: Nights, workspace: Workspace) -> InForce:
    """Return what these nights are made by, and archive today's definition in the lake."""
    digest = archive(workspace.lake, use_case)
    extended, lost = carrying(use_case, _needed(use_case, nights, workspace))
    return InForce(extended, digest, meanings_of(extended), tuple(lost))


def _needed(use_case: UseCase, nights: Nights, workspace: Workspace) -> list[Needed]:
    """Return what the champions of these nights and of later ones were trained on, where their promotions recorded it.

    Of later ones too: their windows look back on these nights, and a candidate is compared with them on these nights.
    """
    if is_the_only(workspace.lake, use_case):
        return []  # most lakes, most of the time: the ledger need not be opened
    from nightloop.model import champions

    needed = []
    for champion in champions.since(workspace.ledger, use_case.use_case, nights.first):
        trained_on = champion.payload.get("meanings", {})
        then = archived(workspace.lake, use_case.use_case, champion.payload.get("definition_digest", ""))
        if trained_on and then is not None:
            needed.append(Needed(champion.version, trained_on["features"], then))
    return needed


def available(made_by: InForce, nights: Nights, workspace: Workspace) -> InForce:
    """Return the same without the older features whose raw columns these nights do not have."""
    missing = {
        name: reason for name in made_by.carried if (reason := _not_there(made_by.without_carried(but=name), nights, workspace))
    }
    return made_by.without(missing) if missing else made_by


def _not_there(made_by: InForce, nights: Nights, workspace: Workspace) -> str:
    """Return what the nights lack of the raw columns that a definition reads; nothing where all are there."""
    use_case, lake = made_by.use_case, workspace.lake
    for table in ("tiles", "aggregates", "features"):
        required = read_meanings(use_case, made_by.meanings, table)
        spans = inputs(use_case, table, nights)
        for name, of_table in required.items():
            span, older = spans.get(name), {column: digest for column, digest in of_table.items() if is_carried(column)}
            if span is None or not older:
                continue
            states = lake.states(f"{use_case.use_case}/{name}")
            for night in (night for night in span if night in states and states[night].rows):
                _, absent = stored_names(states[night].meanings, older)
                if absent:
                    return f"{name} of {night} does not have {', '.join(absent)}."
    return ""


def declared(source: Source) -> Source:
    """Return a source without the columns of older meanings."""
    columns = {name: column for name, column in source.columns.items() if not is_carried(name)}
    return source.model_copy(update={"columns": columns})
