"""Training sets under DVC: the same bytes, safe when killed, safe side by side."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from nightloop.errors import StoreDamaged
from nightloop.model.training import training_snapshot
from nightloop.model.training.training_set import TrainingSet
from nightloop.model.training.training_snapshot import Manifest

NIGHT = date(2024, 2, 1)
PROGRAM = """
    import sys
    from datetime import date
    from pathlib import Path
    import pyarrow as pa
    from nightloop.model.training import training_snapshot
    from nightloop.model.training.training_set import TrainingSet
    rows = TrainingSet(pa.table({"x": [float(i) for i in range(2000)]}), ("x",))
    print(training_snapshot.write(Path(sys.argv[1]), "tiny", date(2024, 2, int(sys.argv[2])), rows)[1])
"""


def rows(count: int = 2000) -> TrainingSet:
    return TrainingSet(pa.table({"x": [float(i) for i in range(count)]}), ("x",))


def start(home: Path, day: int = 1) -> subprocess.Popen[str]:
    repository = str(Path(__file__).resolve().parents[2])
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(home), str(day)],
        env={**os.environ, "PYTHONPATH": repository},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_a_training_set_is_kept_by_dvc_under_its_digest(tmp_path: Path):
    path, digest = training_snapshot.write(tmp_path, "tiny", NIGHT, rows())
    assert f"md5: {digest}" in Path(f"{path}.dvc").read_text()
    assert (tmp_path / "training/.dvc/cache/files/md5" / digest[:2] / digest[2:]).exists()
    written = path.stat().st_mtime_ns
    assert training_snapshot.write(tmp_path, "tiny", NIGHT, rows()) == (path, digest)
    assert path.stat().st_mtime_ns == written  # kept already: nothing is done

    _, other = training_snapshot.write(tmp_path, "tiny", NIGHT, rows(1999))
    assert other != digest and (tmp_path / "training/.dvc/cache/files/md5" / digest[:2] / digest[2:]).exists()


def test_killed_at_any_moment_and_run_again_it_is_kept(tmp_path: Path):
    _, expected = training_snapshot.write(tmp_path / "undisturbed", "tiny", NIGHT, rows())
    random = np.random.default_rng(11)
    home = tmp_path / "home"
    for _ in range(3):
        process = start(home)
        time.sleep(random.uniform(0.3, 2.5))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert training_snapshot.write(home, "tiny", NIGHT, rows())[1] == expected


def test_a_half_made_dvc_repository_is_made_whole(tmp_path: Path):
    (tmp_path / "training/.dvc/tmp").mkdir(parents=True)
    training_snapshot.write(tmp_path, "tiny", NIGHT, rows())
    assert (tmp_path / "training/.dvc/config").exists()


@pytest.mark.parametrize("config", ["", "[core]\n"])
def test_a_repository_whose_config_was_cut_short_is_made_whole(tmp_path: Path, config: str):
    (tmp_path / "training/.dvc").mkdir(parents=True)
    (tmp_path / "training/.dvc/config").write_text(config)
    _, digest = training_snapshot.write(tmp_path, "tiny", NIGHT, rows())
    assert (tmp_path / "training/.dvc/cache/files/md5" / digest[:2] / digest[2:]).exists()
    assert training_snapshot.write(tmp_path, "tiny", NIGHT, rows())[1] == digest


def test_several_processes_keep_their_sets_side_by_side(tmp_path: Path):
    started = [start(tmp_path, day) for day in (1, 2, 1)]
    told = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], told
    assert len({out for out, _ in told}) == 1
    assert all((tmp_path / f"training/tiny/2024-02-0{day}/training_set.parquet.dvc").exists() for day in (1, 2))


def test_a_changed_file_is_not_trained_on(tmp_path: Path):
    path, digest = training_snapshot.write(tmp_path, "tiny", NIGHT, rows())
    manifest = Manifest("tiny", NIGHT, str(path), digest, 2000, "", {}, "key")
    assert training_snapshot.read(manifest, ("x",)).table.num_rows == 2000
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StoreDamaged, match="dvc checkout"):
        training_snapshot.read(manifest, ("x",))
