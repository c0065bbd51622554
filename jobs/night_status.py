"""What exists per night, collected from tables and ledger and laid out for a terminal; what is missing or stale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table
from rich.text import Text

from nightloop.definitions.use_case import UseCase
from nightloop.errors import command
from nightloop.lake import NightState
from nightloop.lake.missing import in_words
from nightloop.meaning.staleness import ANOTHER, MENDED, stale
from nightloop.model import champions
from nightloop.model.champions import Champion
from nightloop.model.use_case_task import metric_set_for
from nightloop.monitoring.metrics_table import MATCHED, realised_rows
from nightloop.nights import Night, Nights
from nightloop.workspace import Workspace

UNPINNED = "taken back"
STYLES = {"fail": "red", "retrain": "bold", "ask": "bold", "missing": "yellow", "stale": "yellow"}


@dataclass(frozen=True)
class NightStatus:
    """One night, in the words of the loop. None: not there (yet)."""

    night: Night
    rows_in: int | None
    quarantined: int | None
    features: int | None
    scored: int | None
    champion_version: int | None
    realised: float | None
    drift_verdict: str | None
    decision: str | None
    reason: str | None
    missing: tuple[str, ...]
    stale: Mapping[str, str] = field(default_factory=dict)  # table -> which of its inputs changed since it was made
    matched: float | None = None  # share of entities that find their outcome, where some miss one that came


def collect(use_case: UseCase, workspace: Workspace, nights: Nights | None = None) -> list[NightStatus]:
    """Gather one line a night from the tables' logs, the decisions and the ledger."""
    lake = workspace.lake
    raw = {source: lake.states(f"{use_case.use_case}/raw_{source}") for source in use_case.sources}
    tables = {kind: lake.states(f"{use_case.use_case}/{kind}") for kind in ("quarantine", "features", "scores", "decisions")}
    published = sorted({night for states in (*raw.values(), *tables.values()) for night in states})
    if not published and nights is None:
        return []
    decisions = _decisions(workspace, use_case)
    metrics = _metrics(workspace, use_case)
    realised = realised_rows(metrics, use_case, metric_set_for(use_case).metric)
    matched = {row["night"]: float(row["value"]) for row in metrics if row["metric"] == MATCHED}
    outdated = stale(use_case, lake)
    unpinned = champions.unpinned(workspace.ledger, use_case.use_case)
    statuses = []
    for night in nights or Nights(published[0], published[-1]):
        champion = champions.effective(workspace.ledger, use_case.use_case, night)
        decision = decisions.get(night, {})
        statuses.append(
            NightStatus(
                night=night,
                rows_in=_rows(raw[use_case.entity.source], night),
                quarantined=_rows(tables["quarantine"], night),
                features=_rows(tables["features"], night),
                scored=_rows(tables["scores"], night),
                champion_version=champion.version if champion and night in tables["scores"] else None,
                realised=realised[night]["value"] if night in realised else None,
                drift_verdict=_text(decision.get("drift_verdict")),
                decision=_text(decision.get("decision")),
                reason=_text(decision.get("reason")),
                missing=_missing(night, raw, tables, has_champion=champion is not None),
                stale={
                    **_with_need(outdated.get(night, {}), tables["features"].get(night), champion),
                    **_of_another_champion(unpinned.get(night), scored=night in tables["scores"]),
                },
                matched=matched.get(night),
            )
        )
    return statuses


def table(statuses: Sequence[NightStatus], metric: str = "AUC") -> Table:
    """Lay the nights out for a terminal, 80 columns of it or more: only the last two columns may take a second line."""
    rows = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    rows.add_column("night", no_wrap=True)
    for heading in ("rows in", "quaran-\ntined", "scored", "cham-\npion", f"realised\n{metric}"):
        rows.add_column(heading, justify="right", no_wrap=True)
    rows.add_column("drift")
    rows.add_column("decision")
    for status in statuses:
        rows.add_row(
            str(status.night), _count(status.rows_in), _count(status.quarantined), _count(status.scored),
            f"v{status.champion_version}" if status.champion_version else "-",
            f"{status.realised:.3f}" if status.realised is not None else "-",
            Text((status.drift_verdict or "-").replace("_", " "), style=STYLES.get(status.drift_verdict or "", "")),
            _decision(status),
        )  # fmt: skip
    return rows


def _decision(status: NightStatus) -> Text:
    """The decision, which stages have yet to publish the night, and which of its tables were made from what has changed."""
    parts = [Text(status.decision, style=STYLES.get(status.decision, ""))] if status.decision else []
    for word, names in (("missing", status.missing), ("stale", tuple(status.stale))):
        if names:
            parts.append(Text(f"{word}: {', '.join(names)}", style=STYLES[word]))
    return Text("; ").join(parts) if parts else Text("-")


def stale_lines(statuses: Sequence[NightStatus]) -> list[str]:
    """Tell why nights are stale: by table and reason, all its nights in one line."""
    nights_of: dict[tuple[str, str], list[Night]] = {}
    for status in statuses:
        for name, reason in status.stale.items():
            why = reason if reason.startswith((ANOTHER, MENDED, UNPINNED)) else "an input was published again since"
            nights_of.setdefault((name, why), []).append(status.night)
    return [f"stale: {name} of {in_words(nights)}: {why}" for (name, why), nights in nights_of.items()]


def unmatched_lines(use_case: UseCase, statuses: Sequence[NightStatus]) -> list[str]:
    """Tell of which nights entities miss outcomes that came; nothing where none does."""
    limit = use_case.gates.data.minimum_matched_share
    shares = {status.night: status.matched for status in statuses if status.matched is not None}
    if not shares:
        return []
    word = "fails" if min(shares.values()) < limit else "passes"
    again = command("features", use_case.use_case, max(shares), "--step", "labels")
    return [
        f"outcomes that came find no entity (keys written otherwise, or others): nights {in_words(list(shares))}; at worst "
        f"{min(shares.values()):.0%} find theirs, which {word} the limit {limit:.0%}. Examples: {again}"
    ]


def _with_need(reasons: Mapping[str, str], features: NightState | None, champion: Champion | None) -> Mapping[str, str]:
    """Say of features of an older definition whether the night's champion was trained on it."""
    trained_on = champion.payload.get("meanings", {}).get("features", {}) if champion else {}
    reason = reasons.get("features", "")
    if not trained_on or champion is None or features is None or not reason.startswith((ANOTHER, MENDED)):
        return reasons
    needed = set(trained_on.values()) <= set(features.meanings.values())
    return {**reasons, "features": f"{reason}; version {champion.version} needs it"} if needed else reasons


def _of_another_champion(version: int | None, *, scored: bool) -> Mapping[str, str]:
    """Say of scores that a version made whose pin was taken back since."""
    return {"scores": f"{UNPINNED} from version {version}: score again"} if scored and version is not None else {}


def _metrics(workspace: Workspace, use_case: UseCase) -> list[dict[str, Any]]:
    metrics = f"{use_case.use_case}/metrics"
    if not workspace.lake.exists(metrics):
        return []
    rows: list[dict[str, Any]] = workspace.lake.read(metrics, columns=["night", "group", "metric", "value"]).to_pylist()
    return rows


def _decisions(workspace: Workspace, use_case: UseCase) -> dict[Night, Mapping[str, object]]:
    decisions = f"{use_case.use_case}/decisions"
    if not workspace.lake.exists(decisions):
        return {}
    return {row["night"]: row for row in workspace.lake.read(decisions).to_pylist()}


def _missing(
    night: Night,
    raw: Mapping[str, Mapping[Night, NightState]],
    tables: Mapping[str, Mapping[Night, NightState]],
    *,
    has_champion: bool,
) -> tuple[str, ...]:
    """Name the stages that have not published this night, though they could."""
    stages = [("ingest", any(night not in states for states in raw.values())), ("features", night not in tables["features"])]
    if has_champion:
        stages += [("score", night not in tables["scores"]), ("monitor", night not in tables["decisions"])]
    return tuple(stage for stage, absent in stages if absent)


def _rows(states: Mapping[Night, NightState], night: Night) -> int | None:
    return states[night].rows if night in states else None


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _text(value: object) -> str | None:
    return None if value is None else str(value)
