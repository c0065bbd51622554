"""The remote of training sets: DVC's own layout, nothing twice, nothing damaged, no secret shown."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs
import pytest

from nightloop.errors import StoreDamaged, StoreUnavailable, UsageError
from nightloop.lake import filesystem
from nightloop.model.training import dvc_remote, training_snapshot
from nightloop.model.training.training_set import TrainingSet

NIGHT = date(2024, 2, 1)
ROWS = TrainingSet(pa.table({"x": [float(i) for i in range(200)]}), ("x",))


@pytest.fixture(params=["folder", "s3"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "remote") if request.param == "folder" else str(request.getfixturevalue("s3_lake"))


def files_of(remote: str) -> list[str]:
    store, at = filesystem(remote)
    return sorted(info.path for info in store.get_file_info(pafs.FileSelector(at, recursive=True)) if info.is_file)


def test_what_is_assembled_lies_in_the_remote_once_and_comes_back_whole(remote: str, tmp_path: Path):
    path, digest = training_snapshot.write(tmp_path / "one", "tiny", NIGHT, ROWS, remote=remote)
    training_snapshot.write(tmp_path / "other", "tiny", NIGHT, ROWS, remote=remote)
    [held] = files_of(remote)
    assert held.endswith(f"files/md5/{digest[:2]}/{digest[2:]}")
    back = training_snapshot.held_by_dvc(tmp_path / "third", digest, remote=remote)
    assert back.read_bytes() == path.read_bytes() and back.is_relative_to(tmp_path / "third" / "training" / ".dvc" / "cache")


def test_a_file_that_was_cut_off_is_pushed_again_and_one_that_was_changed_is_refused(remote: str, tmp_path: Path):
    path, digest = training_snapshot.write(tmp_path / "one", "tiny", NIGHT, ROWS, remote=remote)
    store, _ = filesystem(remote)
    [held] = files_of(remote)
    for content in (path.read_bytes()[:-9], bytes(path.stat().st_size)):
        with store.open_output_stream(held) as stream:
            stream.write(content)
        with pytest.raises(StoreDamaged, match=f"holds as {digest} is another file"):
            training_snapshot.held_by_dvc(tmp_path / "other", digest, remote=remote)
        if len(content) < path.stat().st_size:
            dvc_remote.push(remote, path, digest)
            assert training_snapshot.held_by_dvc(tmp_path / "third", digest, remote=remote).read_bytes() == path.read_bytes()


def test_dvc_itself_pulls_what_was_pushed_and_what_dvc_pushed_is_found(tmp_path: Path):
    remote = tmp_path / "remote"
    path, digest = training_snapshot.write(tmp_path / "home", "tiny", NIGHT, ROWS, remote=str(remote))
    content, root = path.read_bytes(), tmp_path / "home" / "training"

    def dvc(*arguments: str) -> None:
        environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
        subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=root, env=environment, check=True, capture_output=True)

    dvc("remote", "add", "-d", "store", str(remote))
    cached = training_snapshot.held_by_dvc(tmp_path / "home", digest)
    cached.unlink()
    path.unlink()
    dvc("pull")
    assert path.read_bytes() == content
    [held] = files_of(str(remote))
    Path(held).unlink()
    dvc("push")
    cached.unlink()
    assert training_snapshot.held_by_dvc(tmp_path / "home", digest, remote=str(remote)).read_bytes() == content


def test_a_remote_that_does_not_answer_or_holds_nothing_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(StoreDamaged, match="nor does its remote"):
        training_snapshot.held_by_dvc(tmp_path, "0" * 32, remote=str(tmp_path / "remote"))
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreUnavailable, match="the DVC remote cannot be reached"):
        training_snapshot.write(tmp_path / "home", "tiny", NIGHT, ROWS, remote=str(tmp_path / "file"))


@pytest.mark.parametrize(
    "secret", ["s3://key:hunter2@bucket/sets", "s3://hunter2@bucket", "s3://bucket/sets?secret_key=hunter2"]
)
def test_an_address_with_a_secret_in_it_is_refused_and_not_repeated(tmp_path: Path, secret: str):
    with pytest.raises(UsageError, match="NIGHTLOOP_DVC_REMOTE holds a user, a password or a parameter") as refused:
        dvc_remote.pull(secret, "0" * 32, tmp_path / "cached")
    assert "hunter2" not in str(refused.value)
