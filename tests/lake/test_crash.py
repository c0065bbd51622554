"""A stage that is killed leaves the old night or the new one, and running it again makes it whole."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from nightloop.lake import Lake
from nightloop.lake.digest import content_digest
from nightloop.settings import REPOSITORY
from tests.lake.publisher import ROWS
from tests.lake.rows import FIRST, SECOND, TABLE, THIRD, flights, sweep_now

POINTS = 24


def contents(turn: int) -> dict[str, str]:
    """What each night holds after an undisturbed run of the turn."""
    return {
        str(FIRST): content_digest(flights(ROWS, start=turn)),
        str(SECOND): content_digest(flights(2 * ROWS, start=turn)),
        str(THIRD): content_digest(flights(7)),
    }


def test_a_killed_stage_leaves_whole_nights_and_the_second_run_equals_an_undisturbed_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.lake.publisher", "killed", str(tmp_path / "lake"), "20130101", str(POINTS)]
    told = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=True).stdout
    looks = [json.loads(line) for line in told.splitlines()]
    assert len(looks) == 2 * POINTS
    progress = Counter()
    for look in looks:
        before, after = contents(look["turn"] - 1), contents(look["turn"])
        assert look["states"] == look["digests"], "what the log says is what the files hold"
        assert look["digests"][str(THIRD)] == after[str(THIRD)], "other nights are untouched"
        if look["when"] == "after the second run":
            assert look["digests"] == after
            assert look["rows"] == {str(FIRST): ROWS, str(SECOND): 2 * ROWS, str(THIRD): 7}
        else:
            changed = [night for night, digest in look["digests"].items() if digest != before[night]]
            assert all(look["digests"][night] == after[night] for night in changed), "old or new, never a mixture"
            progress[len(changed)] += 1
    assert progress[0] and progress[1], f"the kills fell everywhere: nights changed before the kill {dict(progress)}"
    lake = Lake(str(tmp_path / "lake"), tmp_path / "staging")
    sweep_now(lake)
    assert sweep_now(lake) == {} and lake.read(TABLE).num_rows == 3 * ROWS + 7
