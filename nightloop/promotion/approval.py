"""What a person decides on before a candidate of high risk is promoted.

Everything that is shown is read when the question is asked: verdicts and figures from the ledger, nights of training from the
bundles, and what differs between the definitions that made candidate and champion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightloop.model import bundle
from nightloop.model.training import training_snapshot
from nightloop.promotion.differences import differences
from nightloop.promotion.verdicts import FOLDER, PAGE, Judged, judged, page_name
from nightloop.reporting.markdown import table, text

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.model.champions import Champion
    from nightloop.model.registry import RegisteredVersion
    from nightloop.model.spec import Training
    from nightloop.workspace import Workspace

VERDICTS = "Verdicts, with plots"


@dataclass(frozen=True)
class Question:
    """What a person is asked, and what the answer can rest on.

    Attributes:
        use_case: its name.
        candidate: what the candidate was trained on.
        version: the candidate's.
        champion: what the champion was trained on; None where there is none.
        champion_version: the champion's.
        verdicts: of the gates on the candidate.
        changed: what differs between the definitions of the two, a line each.
        asked_by: the user of Airflow who asked for the training; "" where the monitor did.
        requested_by: who the form says it is for.
        reason: why the training was asked for.
        deadline: instant (UTC) at which no answer is a rejection.
        others_only: whether ``asked_by`` may not approve.
        links: what to look at -> where.
    """

    use_case: str
    candidate: Training
    version: int
    champion: Training | None
    champion_version: int | None
    verdicts: tuple[Judged, ...]
    changed: tuple[str, ...]
    asked_by: str
    requested_by: str
    reason: str
    deadline: datetime
    others_only: bool = True
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The question in a line."""
        return f"Promote version {self.version} of {self.use_case}, trained as of {self.candidate.as_of}?"

    @property
    def until(self) -> str:
        """The deadline as a person reads it."""
        return f"{self.deadline:%Y-%m-%d %H:%M} UTC"

    def in_lines(self) -> list[str]:
        """Say what is asked, for an alert: no markup."""
        champion = f"version {self.champion_version}, as of {self.champion.as_of}" if self.champion else "none yet"
        return [
            f"Version {self.version}, trained as of {self.candidate.as_of}, passed every gate and waits for a person.",
            f"Champion: {champion}.",
            *(f"{of.gate}: {of.outcome.replace('_', ' ')}. {of.reason} {figures_in_short(of.listed)}" for of in self.verdicts),
            f"What changed: {'; '.join(self.changed) or 'nothing in the definition'}.",
            f"Asked for by {self.asked_by or 'the monitor'} ({self.requested_by}): {self.reason}",
            *(f"{name}: {address}" for name, address in self.links.items()),
        ]

    def as_markdown(self) -> str:
        """Write what is asked, for the page in Airflow."""
        parts = [
            "Every gate has passed. This use case is declared **high risk**, so a person decides.",
            table(("", f"candidate, version {self.version}", self._champion_heading()), list(self._compared())),
            *([] if self.champion else ["There is no champion yet."]),
            "### What the gates found",
            table(("gate", "figure", "of", "value", "95 % interval", "rows"), list(_figure_rows(self.verdicts))),
            *(f"- **{of.gate}**: {text(of.reason)}" for of in self.verdicts),
            "### What changed",
            "\n".join(f"- {text(line)}" for line in self.changed) or "Nothing in the definition.",
            "### Asked for",
            f"- By: **{text(self.asked_by or 'the monitor')}** ({text(self.requested_by)})\n- Why: {text(self.reason)}",
            f"- Answer by **{self.until}**: no answer by then is a rejection.\n- {text(self.who_may)}",
            "### Look closer",
            "\n".join(f"- {name}: {_link(address)}" for name, address in self.links.items()),
        ]
        return "\n\n".join(parts)

    def _champion_heading(self) -> str:
        return f"champion, version {self.champion_version}" if self.champion else ""  # a column without a value is left out

    def _compared(self) -> Iterator[tuple[str, str, str]]:
        for name, label in (
            ("as_of", "as of"),
            ("fit", "fitted on"),
            ("calibrate", "calibrated on"),
            ("validate", "judged on"),
        ):
            yield label, str(getattr(self.candidate, name)), str(getattr(self.champion, name)) if self.champion else ""

    @property
    def who_may(self) -> str:
        """Say who may approve."""
        if self.others_only:
            return f"{self.asked_by} asked for it and may not approve it; anybody else may."
        if self.asked_by:
            return "Whoever asked for it may approve it too, and the ledger then says that it was the same person."
        return "Anybody may approve it: no person asked for it."


def question(
    use_case: UseCase,
    candidate: RegisteredVersion,
    champion: Champion | None,
    workspace: Workspace,
    *,
    asked_by: str,
    requested_by: str,
    reason: str,
    deadline: datetime,
    others_only: bool,
) -> Question:
    """Gather what a person decides on.

    Args:
        use_case: whose candidate.
        candidate: the version.
        champion: whom it would replace.
        workspace: its stores.
        asked_by: the user of Airflow who asked for the training; "" where none did.
        requested_by: who the form says it is for.
        reason: why the training was asked for.
        deadline: instant (UTC) at which no answer is a rejection.
        others_only: whether ``asked_by`` may not approve.

    Raises:
        StoreUnavailable: the registry does not give the candidate's or the champion's bundle.
    """
    name, registry = use_case.use_case, workspace.registry
    folder = registry.fetch(name, candidate.version, candidate.bundle_digest)
    of_champion = None
    if champion is not None:
        bundle_of_champion = registry.fetch_champion(name, champion)
        of_champion = bundle.read_spec(bundle_of_champion).training
    of_candidate = bundle.read_spec(folder).training
    return Question(
        use_case=name,
        candidate=of_candidate,
        version=candidate.version,
        champion=of_champion,
        champion_version=champion.version if champion else None,
        verdicts=tuple(judged(workspace.ledger, name, candidate.version)),
        changed=tuple(differences(name, of_champion, of_candidate, workspace.lake)) if of_champion else (),
        asked_by=asked_by,
        requested_by=requested_by,
        reason=reason,
        deadline=deadline,
        others_only=others_only,
        links=_links(use_case, candidate, _card(use_case, candidate, folder, workspace), workspace),
    )


def figures_in_short(figures: Sequence[Mapping[str, Any]]) -> str:
    """Write figures in a line: ``auc 0.71 (0.69 to 0.73)``."""
    written = [f"{_named(figure)} {_number(figure['value'])}{_brackets(_interval(figure))}" for figure in figures]
    return f"[{', '.join(written)}]" if written else ""


def _figure_rows(verdicts: Sequence[Judged]) -> Iterator[tuple[str, ...]]:
    for of in verdicts:
        for figure in of.listed:
            group = "" if figure["group"] == "all" else text(figure["group"])
            metric, rows = text(figure["metric"].replace("_", " ")), f"{figure['n']:,}"
            yield of.gate, metric, group, _number(figure["value"]), _interval(figure), rows


def _named(figure: Mapping[str, Any]) -> str:
    return str(figure["metric"]).replace("_", " ") + ("" if figure["group"] == "all" else f" of {figure['group']}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _interval(figure: Mapping[str, Any]) -> str:
    low, high = figure["low"], figure["high"]
    return "" if low is None or high is None else f"{low:.4g} to {high:.4g}"


def _brackets(interval: str) -> str:
    return f" ({interval})" if interval else ""


def _card(use_case: UseCase, candidate: RegisteredVersion, folder: Path, workspace: Workspace) -> Path:
    """Return the file of the card: with the verdicts where this machine has it, else that of the bundle."""
    home = workspace.settings.home
    judged_card = training_snapshot.judged_card(home, use_case.use_case, candidate.as_of, candidate.version)
    return judged_card if judged_card.exists() else folder / bundle.CARD


def _links(use_case: UseCase, candidate: RegisteredVersion, card: Path, workspace: Workspace) -> dict[str, str]:
    """Return where card and run are: in MLflow's web UI where a server has one, else the file and the run's name."""
    url, name, page = workspace.settings.mlflow_url.rstrip("/"), use_case.use_case, workspace.reports
    page /= page_name(name, candidate.as_of, candidate.version)
    if not url.startswith("http"):
        return {VERDICTS: str(page), "Model card": str(card), "MLflow run": candidate.run_id}
    return {
        VERDICTS: f"{url}/get-artifact?path={FOLDER}/{PAGE}&run_uuid={candidate.run_id}",
        "Model card": f"{url}/get-artifact?path=figures/{bundle.CARD}&run_uuid={candidate.run_id}",
        "MLflow, with its run and figures": f"{url}/#/models/{name}/versions/{candidate.version}",
    }


def _link(address: str) -> str:
    return f"[{address}]({address})" if address.startswith("http") else f"`{address}`"
