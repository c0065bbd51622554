"""A training killed at any point and run again ends like an undisturbed one: one version, same bytes, same verdicts."""

from __future__ import annotations

import random
import shutil
import time
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest

from nightloop.definitions.use_case import UseCase
from nightloop.errors import GateFailed
from nightloop.evidence.gates.gates import GATES
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.system.killed import children, ends_by_itself

AS_OF = date(2013, 3, 5)
POINTS = 4


def train(use_case: UseCase, home: Path) -> None:
    """Train in this process; a candidate that is refused is an end like any other."""
    from jobs import train

    with suppress(GateFailed):
        train.run(
            use_case, AS_OF, Workspace.open(load_settings(home=home, engine="local")), reason="tests", requested_by="tests"
        )


def what_stands(home: Path) -> dict[str, object]:
    """Everything a training leaves: versions with their bytes, the evaluation, verdicts, champion."""
    workspace = Workspace.open(load_settings(home=home, engine="local"))
    judged = {}
    for event in workspace.ledger.events("flight_delay", kind="gate_judged"):
        judged[event.payload["version"], event.payload["gate"]] = (event.payload["outcome"], event.payload["reason"])
    versions = {found.version: (found.as_of, found.bundle_digest) for found in workspace.registry.versions("flight_delay")}
    states = workspace.lake.states("flight_delay/evaluation")
    return {
        "versions": versions,
        "evaluation": {night: (state.content_digest, state.rows) for night, state in states.items()},
        "verdicts": judged,
        "champion": workspace.registry.alias("flight_delay", "champion"),
        "promoted": [event.payload["version"] for event in workspace.ledger.events("flight_delay", kind="champion_promoted")],
    }


@pytest.mark.slow
def test_a_killed_training_run_again_ends_like_an_undisturbed_one(
    turned_home: Path, tmp_path: Path, flight_delay: UseCase
) -> None:
    children()  # ready before the clock runs
    calm = tmp_path / "calm"
    shutil.copytree(turned_home, calm, symlinks=True)
    began = time.monotonic()
    assert ends_by_itself(train, (flight_delay, calm))
    seconds = time.monotonic() - began
    wanted = what_stands(calm)
    assert len(wanted["versions"]) == 2
    assert len(wanted["verdicts"]) == 2 * len(GATES)

    seed = random.Random("training killed")
    killed = 0
    for half in range(2):  # each is killed twice; the second time it begins with what the first left
        home = tmp_path / f"killed-{half}"
        shutil.copytree(turned_home, home, symlinks=True)
        for point in range(half * POINTS // 2, (half + 1) * POINTS // 2):
            killed += not ends_by_itself(train, (flight_delay, home), kill_after=seconds * (point + seed.random()) / POINTS)
        assert ends_by_itself(train, (flight_delay, home))
        assert what_stands(home) == wanted
    assert killed, "no run was hit: the test has proven nothing"
