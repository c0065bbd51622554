"""What nobody can need goes; what is read, may be about to be committed, or is in some night's lineage stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloop.errors import StoreDamaged
from nightloop.lake import Commit, Lake, sweeping
from nightloop.lake.sweeping import Swept, sweep
from nightloop.settings import REPOSITORY
from tests.lake.rows import COMMIT, FIRST, SECOND, TABLE, THIRD, flights, sweep_now

AT_ONCE = timedelta(0)
RAW, FEATURES, SCORES = "uc/raw_x", "uc/features", "uc/scores"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), tmp_path / "staging")


def rows(count: int) -> pa.Table:
    return pa.table({"a": list(range(count))})


def publish(lake: Lake, table: str, night: date, count: int, stage: str = "features", **inputs: int) -> int:
    """Publish a night made from versions of other tables of the use case, and return its version."""
    made_from = {f"uc/{name}": version for name, version in inputs.items()}
    return lake.publish(table, night, rows(count), Commit(stage, "uc", inputs=made_from)).version


def on_disk(lake: Lake, table: str = TABLE) -> set[str]:
    folder = Path(lake.folder(table))
    return {str(path.relative_to(folder)) for path in folder.rglob("*.parquet") if "_delta_log" not in path.parts}


def named(lake: Lake, table: str, version: int) -> set[str]:
    return {path.removeprefix(f"{lake.folder(table)}/") for path in lake.snapshot(table, version=version).paths}


def orphan(lake: Lake, where: str, age: timedelta = timedelta(0)) -> Path:
    path = Path(lake.folder(TABLE)) / where
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(flights(2), path)
    instant = time.time() - age.total_seconds()
    os.utime(path, (instant, instant))
    return path


# --- files without a commit ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", [f"night={FIRST}/never.parquet", "_staging/abc/night=2013-01-01/part.parquet"])
@pytest.mark.parametrize(("age", "goes"), [(timedelta(hours=23, minutes=59), False), (timedelta(days=1, seconds=5), True)])
def test_a_file_without_a_commit_goes_when_no_stage_can_be_about_to_commit_it(
    lake: Lake, where: str, age: timedelta, goes: bool
) -> None:
    lake.publish(TABLE, FIRST, flights(3), COMMIT)
    path = orphan(lake, where, age)
    size = path.stat().st_size
    swept = sweep(lake, [TABLE], now=datetime.now(UTC), retention=timedelta(days=30))
    assert swept == ({TABLE: Swept(orphans=1, bytes=size)} if goes else {})
    assert path.exists() is not goes and lake.read(TABLE).num_rows == 3


def test_a_file_exactly_as_old_as_the_grace_goes(lake: Lake) -> None:
    lake.publish(TABLE, FIRST, flights(3), COMMIT)
    path = orphan(lake, f"night={FIRST}/never.parquet")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    at = datetime.fromtimestamp(1_700_000_000, UTC) + timedelta(hours=5)
    for now, orphans in ((at - timedelta(seconds=1), 0), (at, 1)):
        assert sweep(lake, [TABLE], now=now, retention=AT_ONCE, grace=timedelta(hours=5)).get(TABLE, Swept()).orphans == orphans


def test_a_table_whose_first_commit_never_happened_is_swept_too(lake: Lake) -> None:
    pq.write_table(flights(), f"{lake.new_folder(TABLE)}/part.parquet")
    orphan(lake, f"night={FIRST}/never.parquet")
    assert lake.tables() == [TABLE] and not lake.exists(TABLE)
    assert sweep_now(lake)[TABLE].orphans == 2 and on_disk(lake) == set()


def test_folders_of_the_staging_area_go_when_they_are_empty_and_those_of_nights_stay(lake: Lake) -> None:
    lake.publish(TABLE, FIRST, flights(0), COMMIT)
    empty = Path(lake.new_folder(TABLE)) / "night=2013-01-01"
    empty.mkdir()
    night = Path(lake.folder(TABLE)) / f"night={FIRST}"
    night.mkdir()
    sweep(lake, [TABLE], now=datetime.now(UTC), retention=AT_ONCE)
    assert empty.is_dir(), "young: an engine may be about to write there"
    sweep_now(lake)
    assert not empty.parent.exists() and night.is_dir(), "a writer may be about to put a file there"


def test_files_of_the_log_and_of_other_programs_are_nobodys_to_sweep(lake: Lake) -> None:
    lake.publish(TABLE, FIRST, flights(3), COMMIT)
    orphan(lake, "notes.parquet", timedelta(days=400))
    log = sorted(Path(lake.folder(TABLE), "_delta_log").iterdir())
    assert sweep_now(lake, retention=AT_ONCE) == {}
    assert sorted(Path(lake.folder(TABLE), "_delta_log").iterdir()) == log


# --- versions past their retention --------------------------------------------------------------------------------------


def test_a_version_can_be_read_until_its_retention_is_over_and_the_newest_for_ever(lake: Lake) -> None:
    old = lake.publish(TABLE, FIRST, flights(3), COMMIT).version
    lake.publish(TABLE, SECOND, flights(4), COMMIT)
    lake.publish(TABLE, FIRST, flights(5), COMMIT)
    size = lake.snapshot(TABLE, version=old).size
    for days in (0, 29):
        now = datetime.now(UTC) + timedelta(days=days)
        assert sweep(lake, [TABLE], now=now, retention=timedelta(days=30)) == {}
        assert lake.read(TABLE, version=old).num_rows == 3
    now = datetime.now(UTC) + timedelta(days=31)
    assert sweep(lake, [TABLE], now=now, retention=timedelta(days=30)) == {TABLE: Swept(superseded=1, bytes=size)}
    assert lake.read(TABLE).num_rows == 9 and lake.states(TABLE).keys() == {FIRST, SECOND}
    assert len(lake.history(TABLE)) == 3, "the log still tells of every version"
    with pytest.raises(StoreDamaged, match=r"version 1\) is missing.*sweep"):
        lake.read(TABLE, version=old)


def test_retention_counts_from_the_instant_of_replacement_not_of_writing(lake: Lake) -> None:
    lake.publish(TABLE, FIRST, flights(3), COMMIT)
    replaced_at = time.time_ns() // 1_000_000 + 60_000
    lake.publish(TABLE, FIRST, flights(5), COMMIT)
    [entry] = Path(lake.folder(TABLE), "_delta_log").glob("*2.json")
    lines = [json.loads(line) for line in entry.read_text().splitlines()]
    for line in lines:
        if "commitInfo" in line:
            line["commitInfo"]["timestamp"] = replaced_at
    entry.write_text("\n".join(map(json.dumps, lines)))
    instant = datetime.fromtimestamp(replaced_at / 1000, UTC)
    keep = timedelta(days=7)
    assert sweep(lake, [TABLE], now=instant + keep - timedelta(milliseconds=1), retention=keep) == {}
    assert sweep(lake, [TABLE], now=instant + keep, retention=keep)[TABLE].superseded == 1


def test_a_night_emptied_or_published_again_with_the_same_content_frees_the_files_before(lake: Lake) -> None:
    for count in (3, 3, 0):
        lake.publish(TABLE, FIRST, flights(count), COMMIT)
    assert sweep_now(lake, retention=AT_ONCE)[TABLE].superseded == 2 and on_disk(lake) == set()
    assert lake.states(TABLE)[FIRST].rows == 0


def test_one_commit_of_many_nights_frees_only_those_that_were_replaced(lake: Lake) -> None:
    lake.publish_nights(TABLE, {night: flights(2) for night in (FIRST, SECOND, THIRD)}, COMMIT)
    lake.publish(TABLE, SECOND, flights(5), COMMIT)
    assert sweep_now(lake, retention=AT_ONCE)[TABLE].superseded == 1
    assert on_disk(lake) == named(lake, TABLE, 2) and lake.read(TABLE).num_rows == 9


# --- lineage ------------------------------------------------------------------------------------------------------------


def test_a_version_stays_while_a_night_that_stands_was_made_from_it(lake: Lake) -> None:
    """A stale night: its features were made from the raw night before that was restated."""
    raw = publish(lake, RAW, FIRST, 3)
    publish(lake, FEATURES, FIRST, 3, raw_x=raw)
    again = publish(lake, RAW, FIRST, 5)
    assert sweep_now(lake, retention=AT_ONCE) == {} and lake.read(RAW, version=raw).num_rows == 3
    publish(lake, FEATURES, FIRST, 5, raw_x=again)
    assert {table: swept.superseded for table, swept in sweep_now(lake, retention=AT_ONCE).items()} == {RAW: 1, FEATURES: 1}
    assert on_disk(lake, RAW) == named(lake, RAW, again)


def test_a_named_version_holds_every_night_it_shows_and_no_later_one(lake: Lake) -> None:
    publish(lake, RAW, FIRST, 1)
    publish(lake, RAW, SECOND, 2)
    shown = publish(lake, RAW, FIRST, 3)
    publish(lake, FEATURES, SECOND, 9, raw_x=shown)
    for count in (4, 5):
        publish(lake, RAW, FIRST, count)
    publish(lake, RAW, SECOND, 6)
    assert sweep_now(lake, retention=AT_ONCE)[RAW].superseded == 2, "versions 1 and 4 of the first night"
    assert lake.read(RAW, version=shown).num_rows == 5
    assert lake.read(RAW).num_rows == 11


def test_the_lineage_of_a_lineage_stays(lake: Lake) -> None:
    """Scores that stand, from features that were made anew, from raw rows that were restated."""
    raw = publish(lake, RAW, FIRST, 3)
    features = publish(lake, FEATURES, FIRST, 3, raw_x=raw)
    publish(lake, SCORES, FIRST, 3, raw=0, features=features)
    again = publish(lake, RAW, FIRST, 4)
    newest = publish(lake, FEATURES, FIRST, 4, raw_x=again)
    assert sweep_now(lake, retention=AT_ONCE) == {}
    publish(lake, SCORES, FIRST, 4, features=newest)
    assert {table: swept.superseded for table, swept in sweep_now(lake, retention=AT_ONCE).items()} == {
        RAW: 1,
        FEATURES: 1,
        SCORES: 1,
    }


def test_what_a_training_was_made_from_stays_though_a_later_training_is_as_of_the_same_night(lake: Lake) -> None:
    features = publish(lake, FEATURES, FIRST, 3)
    publish(lake, "uc/evaluation", FIRST, 1, stage="train", features=features)
    newer = publish(lake, FEATURES, FIRST, 4)
    publish(lake, "uc/evaluation", FIRST, 2, stage="train", features=newer)
    assert sweep_now(lake, retention=AT_ONCE) == {}
    assert lake.read(FEATURES, version=features).num_rows == 3


def test_a_night_of_another_use_case_holds_what_it_was_made_from_while_only_one_is_swept(lake: Lake) -> None:
    scores = publish(lake, SCORES, FIRST, 3)
    lake.publish("other/raw_scores", FIRST, rows(3), Commit("ingest", "other", inputs={SCORES: scores}))
    publish(lake, SCORES, FIRST, 4)
    assert sweep(lake, [SCORES], now=datetime.now(UTC), retention=AT_ONCE) == {}
    lake.publish("other/raw_scores", FIRST, rows(4), Commit("ingest", "other", inputs={SCORES: scores + 1}))
    swept = sweep(lake, [SCORES], now=datetime.now(UTC) + timedelta(seconds=1), retention=AT_ONCE)
    assert list(swept) == [SCORES], "the other use case's table is looked at, not swept"
    assert len(on_disk(lake, "other/raw_scores")) == 2


def test_a_replaced_night_that_is_young_holds_its_own_lineage(lake: Lake) -> None:
    raw = publish(lake, RAW, FIRST, 3)
    publish(lake, FEATURES, FIRST, 3, raw_x=raw)
    publish(lake, RAW, FIRST, 4)
    _make_old(lake, RAW)
    publish(lake, FEATURES, FIRST, 4, raw_x=raw + 1)
    assert sweep_now(lake, retention=timedelta(days=1)) == {}, "yesterday's features can still be read and explained"
    assert sweep_now(lake, retention=AT_ONCE)[RAW].superseded == 1


def _make_old(lake: Lake, table: str) -> None:
    for entry in Path(lake.folder(table), "_delta_log").glob("*.json"):
        lines = [json.loads(line) for line in entry.read_text().splitlines()]
        for line in lines:
            if "commitInfo" in line:
                line["commitInfo"]["timestamp"] = 1_600_000_000_000
        entry.write_text("\n".join(map(json.dumps, lines)))


# --- manners ------------------------------------------------------------------------------------------------------------


def test_a_dry_run_tells_the_same_and_removes_nothing(lake: Lake) -> None:
    lake.publish(TABLE, FIRST, flights(3), COMMIT)
    lake.publish(TABLE, FIRST, flights(5), COMMIT)
    orphan(lake, "_staging/abc/part.parquet")
    before = on_disk(lake)
    told = sweep_now(lake, retention=AT_ONCE, dry_run=True)
    assert on_disk(lake) == before and told[TABLE].files == 2
    assert sweep_now(lake, retention=AT_ONCE) == told
    assert sweep_now(lake, retention=AT_ONCE) == {}, "a second sweep finds nothing"


def test_files_that_another_sweep_removed_in_between_are_no_error(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.publish(TABLE, FIRST, flights(3), COMMIT)
    lake.publish(TABLE, FIRST, flights(5), COMMIT)
    remove = sweeping._remove

    def both(folder: str, files: Sequence[sweeping._File]) -> None:
        remove(folder, files)
        remove(folder, files)

    monkeypatch.setattr(sweeping, "_remove", both)
    assert sweep_now(lake, retention=AT_ONCE)[TABLE].superseded == 1 and lake.read(TABLE).num_rows == 5


def test_a_commit_of_another_program_is_left_alone(lake: Lake) -> None:
    """Delta's own compaction puts a night's files together; what it made is current, and what we made keeps its state."""
    folder = [f"{lake.new_folder(TABLE)}/{name}.parquet" for name in "ab"]
    for path in folder:
        pq.write_table(flights(2), path)
    lake.adopt_nights(TABLE, {FIRST: folder}, COMMIT)
    delta = lake.log(TABLE).open()
    assert delta is not None
    delta.optimize.compact()
    assert len(lake.snapshot(TABLE).paths) == 1
    assert sweep_now(lake, retention=AT_ONCE) == {} and lake.read(TABLE).num_rows == 4


def test_nothing_is_lost_beside_a_writer_at_work(tmp_path: Path) -> None:
    """Sweeps with no grace for old versions, while another process publishes one night over and over."""
    lake = Lake(str(tmp_path / "lake"), tmp_path / "staging")
    lake.publish(TABLE, SECOND, flights(7), COMMIT)
    command = [sys.executable, "-m", "tests.lake.publisher", "write", lake.root, str(FIRST), "40", "0"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdin is not None and writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        writer.stdin.write("go\n")
        writer.stdin.flush()
        removed = 0
        while writer.poll() is None:
            swept = sweep(lake, [TABLE], now=datetime.now(UTC), retention=timedelta(seconds=0.2), grace=timedelta(minutes=1))
            removed += swept.get(TABLE, Swept()).superseded
            assert 7 <= lake.read(TABLE).num_rows <= 47
        assert writer.returncode == 0, "every commit of the writer landed"
    removed += sweep_now(lake, retention=AT_ONCE).get(TABLE, Swept()).superseded
    assert removed == 39 and on_disk(lake) == named(lake, TABLE, 41) and lake.read(TABLE).num_rows == 47


def test_a_sweep_that_is_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"), tmp_path / "staging")
    for count in range(12):
        lake.publish(TABLE, FIRST, flights(count + 1), COMMIT)
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from nightloop.lake import Lake, sweeping; from tests.lake.rows import sweep_now, timedelta\n"
        "def killed(folder, files):\n"
        "    for file in files[:5]: file.store.delete_file(file.address)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "sweeping._remove = killed; sweep_now(Lake(sys.argv[1], Path('/nowhere')), retention=timedelta(0))\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, lake.root], cwd=REPOSITORY, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL and len(on_disk(lake)) == 7
    assert lake.read(TABLE).num_rows == 12
    assert sweep_now(lake, retention=AT_ONCE)[TABLE].superseded == 6
    assert on_disk(lake) == named(lake, TABLE, 12)
