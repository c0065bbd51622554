"""What definitions that change cost: a plan over ten years of nights, a digest of a definition, and the commit of a night."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import yaml

from jobs import features, ingest
from jobs.in_force import in_force
from jobs.upkeep.apply import apply
from jobs.upkeep.plan import make_plan
from nightloop.definitions import UseCase, load_use_case
from nightloop.lake import Commit
from nightloop.meaning import meanings_of
from nightloop.meaning.archive import archive
from nightloop.meaning.changes import changes
from nightloop.model import champions
from nightloop.nights import Nights, one
from nightloop.settings import REPOSITORY, Settings, load_settings
from nightloop.workspace import Workspace
from tests.benchmarks.document import table

TITLE = "A changed definition: ten years of nights, flight_delay"
YEARS = 10
AT_ONCE = 365  # nights of a commit for most of the history
BY_NIGHT = 60  # of the newest nights, each in a commit of its own
CARRY_NIGHTS = 30
NAME = "flight_delay"


def measure() -> str:
    """Return the section."""
    with tempfile.TemporaryDirectory(prefix="nightloop-changed-") as name:
        settings = load_settings(home=Path(name) / "home", definitions=Path(name) / "feature_defs")
        settings.definitions.mkdir()
        file = settings.definitions / f"{NAME}.yaml"
        text = (REPOSITORY / "tests" / "definitions" / "in_full" / f"{NAME}.yaml").read_text()
        file.write_text(text)
        nights = _publish(settings)
        before = load_use_case(NAME, settings.definitions)
        declared = yaml.safe_load(text)
        declared["features"]["distance"]["expression"] = "distance * 2"
        file.write_text(yaml.safe_dump(declared, sort_keys=False))
        now = load_use_case(NAME, settings.definitions)
        rows: list[list[object]] = [
            ["plan, whole command", "2,000", _of(lambda: _command(settings))],
            ["plan, in a process", "", _of(lambda: make_plan(now, Workspace.open(settings)))],
            ["digests of a definition", "20", _of(lambda: meanings_of(now))],
            ["changes between two definitions", "", _of(lambda: changes(before, now))],
            ["what a night is made by", "20", _of(lambda: in_force(now, one(nights.last), Workspace.open(settings)))],
        ]
        rows += _carrying(Path(name))
    years = f"{len(nights):,} nights of every table, the newest {BY_NIGHT} in a commit a night"
    carried = (
        f"The last rows: a night of real features after {CARRY_NIGHTS} others, whose champion needs two features (an "
        "expression and a rate) in their older meaning, beside a definition that simply has two features more."
    )
    return f"{years}; the expression of one feature is changed. {carried}\n\n{table(['what', 'asked (ms)', 'took (ms)'], rows)}"


def _publish(settings: Settings) -> Nights:
    """Publish ten years of a row a night, with what each column means."""
    use_case = load_use_case(NAME, settings.definitions)
    lake, meanings, digest = Workspace.open(settings).lake, meanings_of(use_case), ""
    digest = archive(lake, use_case)
    nights = Nights(use_case.first_night, use_case.first_night + timedelta(days=365 * YEARS - 1))
    row = pa.table({"k": pa.array([1], pa.int64())})
    for name in (*(f"raw_{source}" for source in use_case.sources), "tiles", "aggregates", "features", "labels"):
        commit = Commit("features", NAME, digest, meanings=meanings.of_table(name, use_case))
        listed = list(nights)
        old, new = listed[:-BY_NIGHT], listed[-BY_NIGHT:]
        for start in range(0, len(old), AT_ONCE):
            lake.publish_nights(f"{NAME}/{name}", dict.fromkeys(old[start : start + AT_ONCE], row), commit)
        for night in new:
            lake.publish(f"{NAME}/{name}", night, row, commit)
    return nights


def _carrying(folder: Path) -> list[list[object]]:
    """Return what a night takes without an older meaning, with two of them, and with two more features of the same kind."""
    settings = load_settings(home=folder / "carrying", engine="local", definitions=folder / "carrying_defs")
    settings.definitions.mkdir()
    declared = yaml.safe_load((REPOSITORY / "tests" / "definitions" / "in_full" / f"{NAME}.yaml").read_text())
    workspace, first = Workspace.open(settings), declared["first_night"]
    nights = Nights(first, first + timedelta(days=CARRY_NIGHTS))

    def defined(*features: str, **changes: dict[str, object]) -> UseCase:
        more = {f"{name}_too": {**declared["features"][name], **changes[name]} for name in features}
        changed = {name: {**declared["features"][name], **of} for name, of in changes.items()} if not features else {}
        text = yaml.safe_dump({**declared, "features": {**declared["features"], **changed, **more}}, sort_keys=False)
        (settings.definitions / f"{NAME}.yaml").write_text(text)
        return load_use_case(NAME, settings.definitions)

    then = defined()
    ingest.run(then, nights, workspace)
    features.run(then, nights, workspace)
    trained_on = {"features": dict(meanings_of(then).features), "label": meanings_of(then).label}
    promotion = {"definition_digest": archive(workspace.lake, then), "meanings": trained_on}
    changes: dict[str, dict[str, object]] = {
        "distance": {"expression": "distance * 2"},
        "carrier_late_rate_7d": {"smoothing": 9},
    }

    def night(use_case: UseCase) -> str:
        apply(use_case, workspace)
        return _of(lambda: features.run(use_case, one(nights.last), workspace))

    plain = night(defined(**changes))
    more = night(defined(*changes, **changes))
    champions.promote(workspace.ledger, NAME, 1, first, promotion)
    carrying = night(defined(**changes))
    return [
        ["features of a night, nothing carried", "", plain],
        ["features of a night, two older meanings carried", "", carrying],
        ["features of a night, two features more", "", more],
    ]


def _command(settings: Settings) -> None:
    environment = {**os.environ, "NIGHTLOOP_HOME": str(settings.home), "NIGHTLOOP_DEFINITIONS": str(settings.definitions)}
    command = [sys.executable, "-m", "jobs", "plan", NAME, "--json"]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 20:  # builds ahead
        raise RuntimeError(done.stderr)


def _of(call: Callable[[], object], times: int = 5) -> str:
    """Return the milliseconds of the quickest call."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return f"{1000 * min(took):,.0f}"
