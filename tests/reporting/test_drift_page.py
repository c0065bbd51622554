"""Evidently's page of a night: what it cannot draw is said, and stops nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from nightloop.definitions.use_case import UseCase
from nightloop.evidence.drift import NightDrift
from nightloop.evidence.verdict import Verdict
from nightloop.lake import Commit
from nightloop.model.bundle import Training
from nightloop.model.champions import Champion
from nightloop.nights import Nights
from nightloop.reporting.drift_page import _evidently, _Reader, _with_banner
from nightloop.workspace import Workspace
from tests.reporting.conftest import night


@pytest.mark.parametrize("night", [pd.DataFrame({"price": pd.Series([], dtype=float)}), pd.DataFrame({"price": [None, None]})])
def test_a_night_without_a_value_has_a_page_that_says_so(night: pd.DataFrame) -> None:
    page = _evidently(pd.DataFrame({"price": [1.0, 2.0]}), night, psi_limit=0.2)
    assert "<body>" in page and "no values on both sides" in page


def training(versions: dict[str, int | str]) -> Training:
    fit = Nights(night(0), night(1))
    return Training(night(1), fit, fit, fit, "digest", "code", versions, "key")


def reader(workspace: Workspace) -> _Reader:
    """Both nights were published twice: prices of 1, which a champion was trained from, and of 2."""
    for price in (1.0, 2.0):
        for place in (0, 1):
            rows = pa.table({"price": [price] * 3})
            workspace.lake.publish("sales/features", night(place), rows, Commit("features", "sales"))
    return _Reader(workspace.lake, "sales/features", ["price"], {}, 1)


def test_the_reference_is_the_version_of_the_table_that_the_champion_was_trained_from(workspace: Workspace) -> None:
    read = reader(workspace)
    trained_from = sorted(state.version for state in workspace.lake.states("sales/features").values())[0] - 1
    rows, said = read.reference(training({"features": trained_from, "dvc": "md5"}))
    assert rows["price"].tolist() == [1.0] * 6
    assert said == f"features of {night(0)}..{night(1)}, version {trained_from} of the table, which it was trained from"
    assert read(Nights(night(0), night(1)))["price"].tolist() == [2.0] * 6


def test_a_reference_that_is_not_there_any_more_is_todays_and_the_page_says_so(workspace: Workspace) -> None:
    read = reader(workspace)
    rows, said = read.reference(training({}))
    assert rows["price"].tolist() == [2.0] * 6 and said.endswith(
        "as they are today, for the bundle does not name their version"
    )
    version = sorted(state.version for state in workspace.lake.states("sales/features").values())[0] - 1
    for path in workspace.lake.snapshot("sales/features", Nights(night(0), night(1)), version).paths:
        Path(path).unlink()
    rows, said = read.reference(training({"features": version}))
    assert rows["price"].tolist() == [2.0] * 6
    assert said.endswith(f"as they are today, for files of version {version}, which it was trained from, are gone")


def test_a_page_has_one_verdict_a_title_and_a_heading(workspace: Workspace, flights: UseCase) -> None:
    random = np.random.default_rng(3)
    sides = [pd.DataFrame({"price": random.normal(level, 1, 300)}) for level in (0.0, 3.0)]
    verdict = Verdict("drift", "pass", "0 of 1 watched features <drifted>.")
    page = _with_banner(
        _evidently(*sides, psi_limit=0.2), flights, night(3), Champion(2, night(0), night(1), {}), NightDrift(verdict, ()),
        note="A note.",
    )  # fmt: skip
    assert "Dataset Drift" not in page and "Feature by feature, as Evidently marks them (PSI of rows above 0.2)" in page
    title = f"flight_delay, night {night(3)}: drift against champion version 2: pass"
    assert f"<title>{title}</title>" in page and page.count(f">{title}</h1>") == 1
    assert "0 of 1 watched features &lt;drifted&gt;." in page and "A note." in page
