"""The datasheet of a training set, written beside its snapshot and as a page of the reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from nightloop.atomic_file import write_atomically
from nightloop.definitions.use_case import UseCase
from nightloop.lake import Lake
from nightloop.model.training import datasheet, training_snapshot
from nightloop.model.training.card_text import datasheet_page, sections_of
from nightloop.model.training.slices import Slices
from nightloop.model.training.training_set import TrainingSet
from nightloop.model.training.training_snapshot import Manifest
from nightloop.nights import Nights
from nightloop.reporting import card_page
from nightloop.reporting.card_page import Tile
from nightloop.workspace import Workspace


def write_datasheet(use_case: UseCase, manifest: Manifest, rows: TrainingSet, slices: Slices, workspace: Workspace) -> Path:
    """Write the datasheet of a training set that was assembled, and return its file."""
    nights = Nights(slices.fit.first, slices.validate.last)
    text = datasheet.render(use_case, manifest, rows, slices, quarantined=_quarantined(use_case, nights, workspace.lake))
    tiles = [Tile(f"{manifest.rows:,}", "rows"), Tile(str(len(rows.features)), "features"), Tile(str(len(nights)), str(nights))]
    page = card_page.render(sections_of(text), kind="Datasheet", tiles=tiles)
    write_atomically(workspace.reports / use_case.use_case / datasheet_page(manifest.as_of), page)
    target = training_snapshot.folder(workspace.settings.home, use_case.use_case, manifest.as_of) / datasheet.FILE
    return write_atomically(target, text.encode())


def datasheet_files(manifest: Manifest, workspace: Workspace) -> dict[str, Path]:
    """Return the files of a training set's datasheet by the names that its run shows; none where an earlier release made it."""
    text = training_snapshot.folder(workspace.settings.home, manifest.use_case, manifest.as_of) / datasheet.FILE
    page = workspace.reports / manifest.use_case / datasheet_page(manifest.as_of)
    return {file.name: file for file in (text, page) if file.exists()}


def _quarantined(use_case: UseCase, nights: Nights, lake: Lake) -> Mapping[str, int] | None:
    """Return how many records were set aside in the nights, by source; None where no night ever had a quarantine."""
    table = f"{use_case.use_case}/quarantine"
    if not lake.exists(table):
        return None
    rows = lake.snapshot(table, nights).read(["source", "record"])
    return Counter(rows.filter(rows["record"].is_valid())["source"].to_pylist())
