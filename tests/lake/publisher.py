"""A process that publishes, for tests that run several at once or kill them.

python -m tests.lake.publisher write ROOT NIGHT TURNS START    publish START+1, START+2, … rows
python -m tests.lake.publisher killed ROOT SEED POINTS         publish in children killed at random points
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nightloop.lake import Lake
from nightloop.lake.digest import content_digest
from nightloop.nights import one
from tests.lake.rows import COMMIT, FIRST, SECOND, TABLE, THIRD, flights

ROWS = 1_000


def opened(root: str) -> Lake:
    return Lake(root, Path(root) / "staging")


def write(root: str, night: str, turns: str, start: str) -> None:
    lake = opened(root)
    print("ready", flush=True)
    sys.stdin.readline()
    for turn in range(int(turns)):
        state = lake.publish(TABLE, date.fromisoformat(night), flights(1 + int(start) + turn), COMMIT)
        print(json.dumps({"version": state.version, "rows": state.rows, "digest": state.content_digest}), flush=True)


def stage(root: str, rows: pa.Table) -> None:
    """What a stage does: publish one night, and adopt another from files that an engine wrote."""
    lake = opened(root)
    lake.publish(TABLE, FIRST, rows.slice(0, ROWS), COMMIT)
    folder = lake.new_folder(TABLE)
    paths = [f"{folder}/{name}.parquet" for name in ("a", "b")]
    for at, path in enumerate(paths):
        pq.write_table(rows.slice(at * ROWS, ROWS), path)
    lake.adopt_nights(TABLE, {SECOND: paths}, COMMIT)


def in_child(work: Callable[[], None], kill_after: float | None = None) -> None:
    """Fork: the parent never uses the lake, so that the child's is whole."""
    child = os.fork()
    if child == 0:
        os._exit(_exit_code(work))
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert kill_after is not None or status == 0, "the undisturbed run failed"


def _exit_code(work: Callable[[], None]) -> int:
    try:
        work()
    except BaseException as error:
        print(f"failed: {error!r}", file=sys.stderr, flush=True)
        return 1
    return 0


def killed(root: str, seed: str, points: str) -> None:
    """Publish turn after turn, each killed somewhere; look at what is left; run again; look at that."""
    chance = random.Random(int(seed))
    in_child(lambda: opened(root).publish_nights(TABLE, {THIRD: flights(7)}, COMMIT) and None)
    rows = [flights(2 * ROWS, start=turn) for turn in range(int(points) + 1)]
    began = time.monotonic()
    in_child(lambda: stage(root, rows[0]))
    usual = time.monotonic() - began
    for turn in range(1, int(points) + 1):
        in_child(lambda turn=turn: stage(root, rows[turn]), kill_after=chance.uniform(0, usual))
        in_child(lambda turn=turn: look(root, turn, "after the kill"))
        in_child(lambda turn=turn: stage(root, rows[turn]))
        in_child(lambda turn=turn: look(root, turn, "after the second run"))


def look(root: str, turn: int, when: str) -> None:
    lake = opened(root)
    seen = {str(night): content_digest(lake.read(TABLE, one(night)).drop_columns(["night"])) for night in lake.states(TABLE)}
    states = {str(night): state.content_digest for night, state in lake.states(TABLE).items()}
    rows = {str(night): lake.read(TABLE, one(night)).num_rows for night in lake.states(TABLE)}
    print(json.dumps({"turn": turn, "when": when, "digests": seen, "states": states, "rows": rows}), flush=True)


if __name__ == "__main__":
    {"write": write, "killed": killed}[sys.argv[1]](*sys.argv[2:])
