"""python -m serving, as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from nightloop.settings import REPOSITORY
from serving.__main__ import main
from tests.serving.clinic import NIGHTS, Clinic
from tests.serving.conftest import wait_for

COMMAND = [sys.executable, "-m", "serving"]


def environment(clinic: Clinic, **more: str) -> dict[str, str]:
    named = {"NIGHTLOOP_HOME": str(clinic.settings.home), "NIGHTLOOP_DEFINITIONS": str(clinic.settings.definitions)}
    return {**os.environ, **named, "PYTHONPATH": str(REPOSITORY), **more}


def test_the_command_serves_until_a_signal_and_imports_nothing_it_must_not(published_clinic: Clinic, tmp_path: Path) -> None:
    told = tmp_path / "modules"
    program = (
        "import atexit, pathlib, sys; from serving.__main__ import main; "
        f"atexit.register(lambda: pathlib.Path({str(told)!r}).write_text(' '.join(sys.modules))); sys.exit(main())"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "--port", "0"], env=environment(published_clinic), stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert address, line
        with httpx.Client(base_url=address[0], timeout=30) as client:
            wait_for(lambda: client.get("/readyz").status_code == 200)
            row = published_clinic.rows(NIGHTS.last)[0]
            assert client.post("/v1/clinic_visits/predict", json=row).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
    modules = set(told.read_text().split())
    assert {"serving.app", "xgboost"} <= modules
    assert not {"pyspark", "airflow", "mlflow", "sklearn"} & modules


def refusal(clinic: Clinic, *arguments: str, **more: str) -> tuple[int, str]:
    done = subprocess.run(
        [*COMMAND, *arguments], env=environment(clinic, **more), capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr


def test_a_taken_port_is_named(published_clinic: Clinic) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, told = refusal(published_clinic, "--port", str(port))
    assert (code, told.count("\n")) == (9, 1)
    assert f"port {port} on 127.0.0.1" in told
    assert "--port" in told


def test_beyond_loopback_a_token_is_asked_for(published_clinic: Clinic) -> None:
    code, told = refusal(published_clinic, "--host", "0.0.0.0", "--port", "0")
    assert (code, told.count("\n")) == (9, 1)
    assert "NIGHTLOOP_SERVICE_TOKEN" in told


def test_an_unknown_use_case_is_told_with_near_names(published_clinic: Clinic) -> None:
    code, told = refusal(published_clinic, "--port", "0", "--use-case", "clinic_visit")
    assert (code, told.count("\n")) == (2, 1)
    assert "clinic_visits" in told


@pytest.mark.parametrize(
    ("argument", "value"),
    [("--port", "65536"), ("--port", "http"), ("--max-rows", "0"), ("--poll-seconds", "nan"), ("--host", None)],
)
def test_a_wrong_argument_is_told(argument: str, value: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([argument] if value is None else [argument, value])
    assert stopped.value.code == 2
    assert argument in capsys.readouterr().err


def test_help_names_every_argument_its_default_and_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    arguments = ("--host", "--port", "--use-case", "--poll-seconds", "--max-rows", "--max-bytes", "--access-log", "--log-level")
    for word in (*arguments, "127.0.0.1", "8000", "NIGHTLOOP_SERVICE_TOKEN", "NIGHTLOOP_HOME", "exit codes"):
        assert word in told
