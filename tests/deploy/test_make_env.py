"""make env: a secret for everything, written once, for its owner's eyes only."""

from __future__ import annotations

import base64
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import make_env
from tests.deploy import compose


def read(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def test_it_makes_every_variable_that_compose_asks_for_and_no_other(file: Path) -> None:
    assert make_env.main(["--file", str(file)]) == 0
    asked = {name for name, _ in compose.VARIABLE.findall(compose.FILE.read_text())}
    assert set(read(file)) == asked - set(compose.OPTIONAL)


def test_only_its_owner_can_read_it(file: Path) -> None:
    make_env.main(["--file", str(file)])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_two_files_share_no_secret_and_every_secret_is_long(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    make_env.main(["--file", str(file)])
    make_env.main(["--file", str(other)])
    both = [*read(file).values(), *read(other).values()]
    assert len(set(both)) == len(both)
    assert min(len(value) for value in both) >= 32
    assert not any(character in value for value in both for character in "$#'\"@:/ ")


def test_the_fernet_key_is_one(file: Path) -> None:
    from cryptography.fernet import Fernet

    make_env.main(["--file", str(file)])
    key = read(file)["AIRFLOW_FERNET_KEY"]
    assert len(base64.urlsafe_b64decode(key)) == 32
    Fernet(key.encode())


def test_a_file_that_is_there_is_kept(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_env.main(["--file", str(file)])
    before = file.read_text()
    assert make_env.main(["--file", str(file)]) == 2
    assert "--force" in capsys.readouterr().err
    assert file.read_text() == before
    assert [path.name for path in file.parent.iterdir()] == [".env"]


def test_force_replaces_it(file: Path) -> None:
    make_env.main(["--file", str(file)])
    before = file.read_text()
    assert make_env.main(["--file", str(file), "--force"]) == 0
    assert file.read_text() != before
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make_env.main(["--file", str(tmp_path / "no" / "folder" / ".env")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_no_secret_is_printed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_env.main(["--file", str(file)])
    told = capsys.readouterr()
    assert not any(secret in told.out + told.err for secret in read(file).values())


def test_it_runs_with_nothing_but_python(file: Path) -> None:
    command = [sys.executable, "-I", "-S", make_env.__file__, "--file", str(file)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    assert file.exists()


def test_git_ignores_it() -> None:
    assert ".env" in (compose.FILE.parent / ".gitignore").read_text().split()
