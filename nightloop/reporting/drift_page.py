"""Evidently's drift page for people: the night's features beside those the champion was trained on.

The alarm is ours (``evidence.drift``); the page is to look with. It costs seconds, so it is written when someone would look.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nightloop.atomic_file import write_atomically
from nightloop.errors import StoreDamaged
from nightloop.evidence.drift import NightDrift
from nightloop.meaning.reading import by_meaning
from nightloop.model import bundle
from nightloop.nights import Night, Nights, one

if TYPE_CHECKING:
    import pandas as pd

    from nightloop.definitions.use_case import UseCase
    from nightloop.lake import Lake, Snapshot
    from nightloop.model.bundle import Training
    from nightloop.model.champions import Champion
    from nightloop.workspace import Workspace

FEATURES = "features"  # how a bundle names the table among those that it was trained from
ROWS = 5000  # a sample on either side: Evidently takes 11 s for 100,000 rows of 40 columns

BANNER = (
    '<div style="font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:1.5rem auto;padding:1rem 1.5rem;'
    'border-left:6px solid {colour};background:#f6f7f9;color:#1d2433">'
    '<h1 style="font-size:1.2rem;margin:0">{title}</h1><p>{reason}</p><p><small>{note}</small></p></div>'
)
NOTE = (
    "This is the verdict; it compares the night with whole nights of the reference. The marks of single features below are "
    "Evidently's: they take rows to be independent, which rows of one night are not, so they mark more. Both sides are samples "
    "of at most {rows:,} rows. Calendar features are shown, not judged. The reference: {reference}."
)
EMPTY = "<!doctype html><html lang='en'><head><meta charset='utf-8'></head><body>"
MARKS = "Feature by feature, as Evidently marks them (PSI of rows above {limit:g})"


def write_drift_page(use_case: UseCase, night: Night, workspace: Workspace, champion: Champion, drift: NightDrift) -> Path:
    """Write HOME/reports/<use case>/<night>/drift.html and return its path.

    The reference is the features table of the nights the champion was fitted on, at the version it was trained from; where the
    bundle names none, or its files were swept, as it is today. The page says which.
    """
    table = f"{use_case.use_case}/features"
    spec = bundle.read_spec(workspace.registry.fetch_champion(use_case.use_case, champion))
    training, required = spec.training, spec.feature_meanings
    names = [feature.name for feature in drift.features]
    read = _Reader(workspace.lake, table, names, required, night.toordinal())
    before, origin = read.reference(training)
    now = read(one(night))
    path = workspace.reports / use_case.use_case / str(night) / "drift.html"
    page = _evidently(before, now, use_case.monitoring.psi_limit)
    note = NOTE.format(rows=ROWS, reference=origin)
    return write_atomically(path, _with_banner(page, use_case, night, champion, drift, note=note))


@dataclass(frozen=True)
class _Reader:
    """Reads samples of the features table."""

    lake: Lake
    table: str
    names: list[str]
    required: Mapping[str, str]
    seed: int

    def __call__(self, nights: Nights, version: int | None = None) -> pd.DataFrame:
        snapshot = by_meaning(self.lake.snapshot(self.table, nights, version), self.required)
        return _sample(snapshot, self.names, self.seed)

    def reference(self, training: Training) -> tuple[pd.DataFrame, str]:
        """Return the features that the champion was fitted on, and which they are, in words."""
        nights, version = f"features of {training.fit}", training.data_versions.get(FEATURES)
        if not isinstance(version, int):
            return self(training.fit), f"{nights} as they are today, for the bundle does not name their version"
        try:
            return self(training.fit, version), f"{nights}, version {version} of the table, which it was trained from"
        except StoreDamaged:
            gone = f"files of version {version}, which it was trained from, are gone"
            return self(training.fit), f"{nights} as they are today, for {gone}"


def _sample(snapshot: Snapshot, names: list[str], seed: int) -> pd.DataFrame:
    rows = snapshot.read(names)
    if rows.num_rows > ROWS:
        rows = rows.take(np.sort(np.random.default_rng(seed).choice(rows.num_rows, ROWS, replace=False)))
    frame: pd.DataFrame = rows.to_pandas()
    return frame


def _evidently(reference: pd.DataFrame, current: pd.DataFrame, psi_limit: float) -> str:
    """Return Evidently's page; columns without a value on one side are left out, for it cannot draw them."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Evidently's own dependencies, at import and in its plots
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset

        class Marks(DataDriftPreset):  # type: ignore[misc]  # a library without types
            """The table of features alone: a verdict on all of them is the banner's."""

            def render(self, *given: Any, **named: Any) -> list[Any]:
                table = super().render(*given, **named)[-1]
                table.title = MARKS.format(limit=psi_limit)
                return [table]

        columns = [name for name in current.columns if current[name].notna().any() and reference[name].notna().any()]
        if not columns:
            return f"{EMPTY}<p>There are no values on both sides to draw.</p></body></html>"
        definition = DataDefinition(numerical_columns=columns)
        sides = [Dataset.from_pandas(side[columns], data_definition=definition) for side in (current, reference)]
        snapshot = Report([Marks(columns=columns, num_method="psi", num_threshold=psi_limit)]).run(*sides)
        return str(snapshot.get_html_str(as_iframe=False))


def _with_banner(page: str, use_case: UseCase, night: Night, champion: Champion, drift: NightDrift, *, note: str) -> str:
    verdict = drift.verdict
    colour = {"pass": "#2e7d4f", "fail": "#c0392b"}.get(verdict.outcome, "#b7791f")
    outcome = verdict.outcome.replace("_", " ")
    title = escape(f"{use_case.use_case}, night {night}: drift against champion version {champion.version}: {outcome}")
    banner = BANNER.format(colour=colour, title=title, reason=escape(verdict.reason), note=escape(note))
    titled = page.replace("<head>", f"<head><title>{title}</title>", 1)
    head, mark, rest = titled.partition("<body>")
    return f"{head}{mark}{banner}{rest}" if mark else f"{banner}{titled}"
