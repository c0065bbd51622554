"""Tell what exists per night: rows, champion, realised performance, verdicts, what is missing and what is stale."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta

from rich.table import Table
from rich.text import Text

from jobs.commands.console import output
from nightloop.definitions import load_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.lake import NightState
from nightloop.lake.restatement import stale
from nightloop.model import champions
from nightloop.model.use_case_task import metric_set_for
from nightloop.nights import Night, Nights
from nightloop.settings import load_settings
from nightloop.workspace import Workspace

STYLES = {"fail": "red", "retrain": "bold", "missing": "yellow", "stale": "yellow"}


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


def show(name: str, nights: Nights | None, *, as_json: bool) -> int:
    """Print the status of a use case."""
    workspace = Workspace.open(load_settings())
    use_case = load_use_case(name, workspace.settings.definitions)
    found = collect(use_case, workspace, nights)
    champion = champions.history(workspace.ledger, name)
    if as_json:
        effective = asdict(champion[-1]) if champion else None
        print(json.dumps({"use_case": name, "champion": effective, "nights": [asdict(item) for item in found]}, default=str))  # noqa: T201
        return 0
    output.print(table(found, metric_set_for(use_case).title))
    if champion:
        newest = champion[-1]
        output.print(
            f"champion: version {newest.version}, trained as of {newest.as_of}, effective from {newest.effective_from}"
        )
    else:
        output.print(f"champion: none yet. Train one: python -m jobs train {name} NIGHT")
    return 0


def collect(use_case: UseCase, workspace: Workspace, nights: Nights | None = None) -> list[NightStatus]:
    """Gather one line a night from the tables' logs, the decisions and the ledger."""
    name, lake = use_case.use_case, workspace.lake
    raw = {source: lake.states(f"{name}/raw_{source}") for source in use_case.sources}
    tables = {kind: lake.states(f"{name}/{kind}") for kind in ("quarantine", "features", "scores", "decisions")}
    seen = sorted({night for states in (*raw.values(), *tables.values()) for night in states})
    if not seen and nights is None:
        return []
    decisions = _decisions(workspace, name)
    realised = _realised(workspace, use_case)
    outdated = stale(use_case, lake)
    slices = [source for source, definition in use_case.sources.items() if not definition.is_snapshot]
    lines = []
    for night in nights or Nights(seen[0], seen[-1]):
        champion = champions.effective(workspace.ledger, name, night)
        decision = decisions.get(night, {})
        lines.append(
            NightStatus(
                night=night,
                rows_in=_sum([raw[source].get(night) for source in slices]),
                quarantined=_rows(tables["quarantine"], night),
                features=_rows(tables["features"], night),
                scored=_rows(tables["scores"], night),
                champion_version=champion.version if champion and night in tables["scores"] else None,
                realised=realised.get(night),
                drift_verdict=_text(decision.get("drift_verdict")),
                decision=_text(decision.get("decision")),
                reason=_text(decision.get("reason")),
                missing=_missing(night, raw, tables, has_champion=champion is not None),
                stale=outdated.get(night, {}),
            )
        )
    return lines


def table(found: Sequence[NightStatus], metric: str = "AUC") -> Table:
    """Lay the nights out for a terminal, 80 columns of it or more: only the last two columns may take a second line."""
    shown = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    shown.add_column("night", no_wrap=True)
    for heading in ("rows in", "quaran-\ntined", "scored", "cham-\npion", f"realised\n{metric}"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("drift")
    shown.add_column("decision")
    for item in found:
        shown.add_row(
            str(item.night), _count(item.rows_in), _count(item.quarantined), _count(item.scored),
            f"v{item.champion_version}" if item.champion_version else "-",
            f"{item.realised:.3f}" if item.realised is not None else "-",
            Text((item.drift_verdict or "-").replace("_", " "), style=STYLES.get(item.drift_verdict or "", "")),
            _decision(item),
        )  # fmt: skip
    return shown


def _decision(item: NightStatus) -> Text:
    """The decision, which stages have yet to publish the night, and which of its tables were made from what has changed."""
    parts = [Text(item.decision, style=STYLES.get(item.decision, ""))] if item.decision else []
    for word, names in (("missing", item.missing), ("stale", tuple(item.stale))):
        if names:
            parts.append(Text(f"{word}: {', '.join(names)}", style=STYLES[word]))
    return Text("; ").join(parts) if parts else Text("-")


def _realised(workspace: Workspace, use_case: UseCase) -> dict[Night, float]:
    """The task's metric of what was scored on each night: measured when its labels matured, some nights later."""
    metrics = f"{use_case.use_case}/metrics"
    if not workspace.lake.exists(metrics):
        return {}
    delay, metric = timedelta(days=use_case.label.matures_after), metric_set_for(use_case).metric
    rows = workspace.lake.read(metrics, columns=["night", "group", "metric", "value"]).to_pylist()
    return {row["night"] - delay: row["value"] for row in rows if row["group"] == "all" and row["metric"] == metric}


def _decisions(workspace: Workspace, name: str) -> dict[Night, Mapping[str, object]]:
    decisions = f"{name}/decisions"
    return {row["night"]: row for row in workspace.lake.read(decisions).to_pylist()} if workspace.lake.exists(decisions) else {}


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


def _sum(states: Sequence[NightState | None]) -> int | None:
    present = [state.rows for state in states if state is not None]
    return sum(present) if present else None


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _text(value: object) -> str | None:
    return None if value is None else str(value)
