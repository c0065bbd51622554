"""Evidently's drift page for people: the night's features beside those the champion was trained on.

The alarm is ours (``evidence.drift``); the page is to look with. It costs seconds, so it is written when someone would look.
"""

from __future__ import annotations

import os
import warnings
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nightloop.atomic_file import write_atomically
from nightloop.evidence.drift import NightDrift
from nightloop.meaning.reading import by_meaning
from nightloop.model import bundle
from nightloop.nights import Night, one

if TYPE_CHECKING:
    import pandas as pd

    from nightloop.definitions.use_case import UseCase
    from nightloop.lake import Snapshot
    from nightloop.model.champions import Champion
    from nightloop.workspace import Workspace

ROWS = 5000  # a sample on either side: Evidently takes 11 s for 100,000 rows of 40 columns

BANNER = (
    '<div style="font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:1.5rem auto;padding:1rem 1.5rem;'
    'border-left:6px solid {colour};background:#f6f7f9;color:#1d2433">'
    "<strong>{title}</strong><br>{reason}<br><small>{note}</small></div>"
)
NOTE = (
    "This verdict compares the night with whole nights of the reference. Evidently's marks below take rows to be independent, "
    "so they mark more features. Both sides are samples of at most {rows:,} rows. Calendar features are shown, not judged."
)


def write_drift_page(use_case: UseCase, night: Night, workspace: Workspace, champion: Champion, drift: NightDrift) -> Path:
    """Write HOME/reports/<use case>/<night>/drift.html and return its path.

    The reference is the features table of the nights the champion was fitted on, at the version it was trained from where the
    bundle names one.
    """
    table = f"{use_case.use_case}/features"
    spec = bundle.read_spec(workspace.registry.fetch_champion(use_case.use_case, champion))
    training, required = spec.training, spec.feature_meanings
    version = training.data_versions.get(table)
    names = [feature.name for feature in drift.features]
    seed = night.toordinal()
    reference = workspace.lake.snapshot(table, training.fit, version if isinstance(version, int) else None)
    current = workspace.lake.snapshot(table, one(night))
    before, now = (_sample(by_meaning(snapshot, required), names, seed) for snapshot in (reference, current))
    path = workspace.reports / use_case.use_case / str(night) / "drift.html"
    page = _evidently(before, now, use_case.monitoring.psi_limit)
    return write_atomically(path, _with_banner(page, use_case, night, champion, drift))


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

        columns = [name for name in current.columns if current[name].notna().any() and reference[name].notna().any()]
        if not columns:
            return "<!doctype html><meta charset='utf-8'><body><p>There are no values on both sides to draw.</p></body>"
        definition = DataDefinition(numerical_columns=columns)
        sides = [Dataset.from_pandas(side[columns], data_definition=definition) for side in (current, reference)]
        snapshot = Report([DataDriftPreset(columns=columns, num_method="psi", num_threshold=psi_limit)]).run(*sides)
        return str(snapshot.get_html_str(as_iframe=False))


def _with_banner(page: str, use_case: UseCase, night: Night, champion: Champion, drift: NightDrift) -> str:
    verdict = drift.verdict
    colour = {"pass": "#2e7d4f", "fail": "#c0392b"}.get(verdict.outcome, "#b7791f")
    outcome = verdict.outcome.replace("_", " ")
    title = escape(f"{use_case.use_case}, night {night}: drift against champion version {champion.version}: {outcome}")
    banner = BANNER.format(colour=colour, title=title, reason=escape(verdict.reason), note=NOTE.format(rows=ROWS))
    head, mark, rest = page.partition("<body>")
    return f"{head}{mark}{banner}{rest}" if mark else f"{banner}{page}"
