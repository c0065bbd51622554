"""A lake on S3 behaves as one in a folder; a store in trouble says what, where and what to do."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from nightloop.errors import StoreDamaged, StoreUnavailable
from nightloop.lake import Lake
from nightloop.lake.digest import content_digest
from nightloop.lake.sweeping import Swept
from nightloop.nights import Nights, one
from nightloop.settings import REPOSITORY, load_settings
from tests.lake.rows import COMMIT, FIRST, SECOND, TABLE, flights, sweep_now


def test_s3_publishes_replaces_adopts_and_sweeps(s3_lake: str, tmp_path: Path) -> None:
    lake = Lake.open(load_settings(home=tmp_path, lake_url=s3_lake))
    assert not lake.exists(TABLE)
    lake.publish(TABLE, FIRST, flights(3), COMMIT)
    lake.publish(TABLE, FIRST, flights(5), COMMIT)
    folder = lake.new_folder(TABLE)
    pq.write_table(flights(4), f"{folder}/a.parquet")
    adopted = lake.adopt_nights(TABLE, {SECOND: [f"{folder}/a.parquet"]}, COMMIT)[0]
    assert adopted.content_digest == content_digest(flights(4)) and not Path(folder).exists()
    snapshot = lake.require(TABLE, Nights(FIRST, SECOND))
    assert all(path.startswith(f"{s3_lake}/{TABLE}/night=") for path in snapshot.paths)
    assert lake.read(TABLE, one(FIRST)).drop_columns(["night"]).equals(flights(5))
    assert [state.rows for state in lake.states(TABLE).values()] == [5, 4]
    orphan = Path(lake.new_folder(TABLE)) / "orphan.parquet"
    pq.write_table(flights(), orphan)
    replaced = lake.snapshot(TABLE, version=1).size
    size = orphan.stat().st_size
    assert sweep_now(lake) == {TABLE: Swept(orphans=1, bytes=size)}
    assert not orphan.exists() and lake.read(TABLE, version=1).num_rows == 3
    assert sweep_now(lake, retention=timedelta(0)) == {TABLE: Swept(superseded=1, bytes=replaced)}
    assert lake.read(TABLE).num_rows == 9 and lake.tables() == [TABLE] and sweep_now(lake, retention=timedelta(0)) == {}


def test_an_s3_store_that_does_not_answer_is_told_quickly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "s3cr3t",
    }.items():
        monkeypatch.setenv(name, value)
    lake = Lake("s3://nowhere/lake", tmp_path)
    with pytest.raises(StoreUnavailable, match=r"s3://nowhere/lake/uc/features: .*Check NIGHTLOOP_LAKE_URL") as told:
        lake.publish(TABLE, FIRST, flights(), COMMIT)
    assert "s3cr3t" not in str(told.value)
    with pytest.raises(StoreUnavailable):
        lake.states(TABLE)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), tmp_path / "staging")


@pytest.mark.parametrize("how", ["missing", "not what was written"])
def test_a_damaged_file_is_named_with_its_night(lake: Lake, how: str) -> None:
    lake.publish(TABLE, FIRST, flights(), COMMIT)
    lake.publish(TABLE, SECOND, flights(), COMMIT)
    [path] = lake.snapshot(TABLE).files[SECOND]
    Path(path).unlink()
    if how != "missing":
        Path(path).write_bytes(b"PAR1 something else")
    with pytest.raises(StoreDamaged, match=f"night {SECOND} of table {TABLE} .* is {how}") as told:
        lake.read(TABLE)
    assert path in str(told.value) and "Publish the night 2013-01-02 again" in str(told.value)
    assert lake.read(TABLE, one(FIRST)).num_rows == 3, "other nights can be read"
    lake.publish(TABLE, SECOND, flights(), COMMIT)
    assert lake.read(TABLE).num_rows == 6


def test_a_lake_that_may_not_be_written_says_so(tmp_path: Path) -> None:
    """In a process of an ordinary user, for root may write everywhere."""
    (tmp_path / "lake" / TABLE).mkdir(parents=True)
    for folder in [tmp_path, *tmp_path.parents]:
        if os.access(folder, os.W_OK) and folder.stat().st_uid == os.getuid() and folder.is_relative_to("/tmp/"):
            folder.chmod(0o755)
    code = (
        "import os, sys; from pathlib import Path; from nightloop.lake import Lake; from tests.lake.rows import *\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[2]))\n"
        "else: Path(sys.argv[1], TABLE).chmod(0o555)\n"
        "Lake(sys.argv[1], Path('/nowhere')).publish(TABLE, FIRST, flights(), COMMIT)"
    )
    nobody = pwd.getpwnam("nobody")
    command = [sys.executable, "-c", code, str(tmp_path / "lake"), str(nobody.pw_uid), str(nobody.pw_gid)]
    told = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False).stderr
    assert "StoreUnavailable: " in told and f"{tmp_path}/lake/{TABLE}: the lake may not be read or written here" in told


def test_a_full_disk_says_so_and_publishes_nothing(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's own full disk, which refuses every byte; by a link, for pyarrow removes what it could not write."""
    lake.publish(TABLE, FIRST, flights(3), COMMIT)
    write = pq.write_table
    (tmp_path / "full").symlink_to("/dev/full")
    monkeypatch.setattr(pq, "write_table", lambda rows, at, **options: write(rows, str(tmp_path / "full"), **options))
    with pytest.raises(StoreUnavailable, match=r"the disk is full\. Free some space"):
        lake.publish(TABLE, FIRST, flights(5), COMMIT)
    assert lake.read(TABLE).num_rows == 3


def test_a_root_that_is_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file")
    with pytest.raises(StoreUnavailable, match="lake cannot be reached"):
        Lake(str(tmp_path / "lake"), tmp_path)
