"""Profiles of earlier nights are read back as they were, of one champion's grid and of the nights before."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from nightloop.evidence.nights.budget import MEMORY
from nightloop.evidence.nights.profiles import ColumnProfile, Grid
from nightloop.lake import Commit
from nightloop.monitoring.profiles import as_table, earlier_profiles
from nightloop.workspace import Workspace

NIGHT, NAMES = date(2024, 5, 1), ("a", "b")
GRID = Grid.of(np.arange(50.0))


def profiles(seed: int) -> list[ColumnProfile]:
    random = np.random.default_rng(seed)
    return [GRID.count(random.normal(20, 9, size=40)) for _ in NAMES]


def test_only_nights_before_on_the_same_champions_grid_and_of_all_features_are_read(workspace: Workspace) -> None:
    published = [(0, 1, 2), (1, 1, 2), (2, 2, 2), (3, 1, 1), (MEMORY, 1, 2), (MEMORY + 1, 1, 2), (-1, 1, 2)]
    for ago, version, features in published:
        rows = as_table(version, NAMES[:features], profiles(ago + 1)[:features])
        workspace.lake.publish("loans/profiles", NIGHT - timedelta(days=ago), rows, Commit("monitor", "loans"))
    read = earlier_profiles(workspace.lake, "loans", NIGHT, 1, NAMES)
    assert read == {NIGHT.toordinal() - ago: profiles(ago + 1) for ago in (1, MEMORY)}
    assert list(earlier_profiles(workspace.lake, "loans", NIGHT, 2, NAMES)) == [NIGHT.toordinal() - 2]
    assert earlier_profiles(workspace.lake, "others", NIGHT, 1, NAMES) == {}
