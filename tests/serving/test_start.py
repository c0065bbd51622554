"""python -m serving in this process: its arguments, the port it opens, and a whole run until a signal."""

from __future__ import annotations

import io
import logging
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from nightloop.errors import SetupError
from serving import __main__ as command
from serving.app import Options
from serving.server.closing_server import ClosingServer
from tests.serving.clinic import DEFINITION

ARGUMENTS = command._parser().parse_args
ARGUMENT_OF_LIMIT = {"--port": 65535, "--max-rows": 1, "--max-bytes": 1, "--poll-seconds": 0.25}
"""The last value of each that is taken."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without a published night, for the use case of the clinic."""
    monkeypatch.setenv("NIGHTLOOP_HOME", str(tmp_path))
    monkeypatch.setenv("NIGHTLOOP_DEFINITIONS", str(DEFINITION.parent))
    monkeypatch.delenv("NIGHTLOOP_SERVICE_TOKEN", raising=False)
    return tmp_path


@pytest.fixture
def signals() -> Iterator[None]:
    """Turn a signal that nobody handles into a failure instead of the end of the tests."""

    def unhandled(number: int, _frame: object) -> None:
        raise AssertionError(f"nobody handled signal {number}")

    before = signal.signal(signal.SIGTERM, unhandled)
    yield
    signal.signal(signal.SIGTERM, before)


def test_without_arguments_it_has_the_defaults_of_the_application() -> None:
    options = ARGUMENTS([])
    limits = (options.poll_seconds, options.max_rows, options.max_bytes)
    audit = (None, options.audit_milliseconds, options.audit_days, options.audit_address)
    defaults = (None, 5.0, 1000, 2_000_000, None, 20.0, None, "hashed", (), None)
    assert astuple(Options()) == (None, *limits, *audit, (), options.per_minute) == defaults
    assert (options.stream, options.kafka_group, options.kafka_properties) == ([], "nightloop", None)
    assert options.audit == "refuse"
    assert (options.host, options.port, options.use_case) == ("127.0.0.1", 8000, None)
    assert (options.access_log, options.log_level) == (False, "info")


def test_every_argument_is_taken() -> None:
    given = ["--host", "::1", "--port", "0", "--use-case", "a", "--use-case", "b", "--poll-seconds", "2.5"]
    options = ARGUMENTS([*given, "--max-rows", "7", "--max-bytes", "9", "--access-log", "--log-level", "error"])
    assert (options.host, options.port, options.use_case, options.poll_seconds) == ("::1", 0, ["a", "b"], 2.5)
    assert (options.max_rows, options.max_bytes, options.access_log, options.log_level) == (7, 9, True, "error")
    options = ARGUMENTS(["--audit", "unlogged", "--audit-milliseconds", "5", "--audit-days", "90"])
    assert (options.audit, options.audit_milliseconds, options.audit_days) == ("unlogged", 5.0, 90)


@pytest.mark.parametrize(("argument", "value"), ARGUMENT_OF_LIMIT.items())
def test_a_value_at_the_limit_is_taken(argument: str, value: float) -> None:
    assert getattr(ARGUMENTS([argument, str(value)]), argument.strip("-").replace("-", "_")) == value


@pytest.mark.parametrize(
    ("argument", "value", "reason"),
    [("--port", value, "is no port: give a number from 0 to 65535") for value in ("65536", "-1", "http", "1.5")]
    + [("--max-rows", value, "is not a whole number above 0") for value in ("0", "-1", "many", "1.5")]
    + [("--poll-seconds", value, "is not a number above 0") for value in ("0", "-1", "often", "inf", "nan")],
)
def test_a_value_beyond_the_limit_is_refused_with_the_reason(
    argument: str, value: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        ARGUMENTS([f"{argument}={value}"])
    assert stopped.value.code == 2
    assert f"argument {argument}: '{value}' {reason}" in capsys.readouterr().err


def test_the_listener_accepts_and_lets_the_next_one_open_the_port_at_once() -> None:
    listener = command.listen("127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname(), timeout=5):
        assert command._address(listener) == f"127.0.0.1:{listener.getsockname()[1]}"
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)


def test_an_address_with_colons_is_written_in_brackets() -> None:
    class Listener:
        def getsockname(self) -> tuple[Any, ...]:
            return ("::1", 8000, 0, 0)

    listener: Any = Listener()
    assert command._address(listener) == "[::1]:8000"


def test_a_taken_port_is_a_mistake_of_the_set_up() -> None:
    with (
        command.listen("127.0.0.1", 0) as listener,
        pytest.raises(SetupError, match="cannot be opened: Address"),
    ):
        command.listen("127.0.0.1", listener.getsockname()[1])


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["--host", "0.0.0.0", "--port", "0"], 9, "would listen on 0.0.0.0"),
        (["--port", "0", "--use-case", "clinic_visit"], 2, "clinic_visits"),
    ],
)
def test_what_stops_the_start_is_one_line_and_an_exit_code(
    home: Path, arguments: list[str], code: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(arguments) == code
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1


def test_the_server_is_configured_from_the_arguments(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    servers, logged = list[uvicorn.Server](), list[str]()
    monkeypatch.setattr(uvicorn.Server, "run", lambda server, sockets: servers.append(server) or sockets[0].close())
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(logging, "basicConfig", lambda level, **_: logged.append(level))
    assert command.main(["--port", "0", "--access-log", "--log-level", "error", "--use-case", "clinic_visits"]) == 0
    config = servers[0].config
    assert (config.access_log, config.log_level, config.server_header) == (True, "error", False)
    assert (config.timeout_graceful_shutdown, logged) == (10, ["ERROR"])


def ask_then_stop(number: signal.Signals, printed: io.BytesIO, answers: list[httpx.Response]) -> None:
    """Wait for the line with the address, ask the service there, and send a signal to this process."""
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up and not answers:
        address = re.search(r"http://127\.0\.0\.1:\d+", printed.getvalue().decode())
        if address:
            url = address[0]
            answers += [httpx.get(f"{url}/healthz", timeout=15), httpx.get(f"{url}/v1/models", timeout=15)]
        time.sleep(0.02)
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.usefixtures("signals")
def test_it_serves_all_use_cases_until_a_signal_which_is_no_failure(
    home: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed, answers = io.BytesIO(), list[httpx.Response]()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(printed))  # holds back what is not flushed, as a pipe does
    asking = threading.Thread(target=ask_then_stop, args=(number, printed, answers))
    asking.start()
    try:
        code = command.main(["--port", "0", "--log-level", "warning"])
    except SystemExit as stopped:
        code = stopped.code  # type: ignore[assignment]
    asking.join()
    assert code == 0
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [model["use_case"] for model in answers[1].json()["models"]] == ["clinic_visits"]


def test_once_it_is_to_stop_every_answer_says_that_the_connection_closes() -> None:
    config = uvicorn.Config(lambda: None)
    config.load()
    server = ClosingServer(config)
    answered = server.server_state.default_headers  # what requests under way hold
    server.handle_exit(signal.SIGTERM, None)
    assert server.should_exit
    assert (b"connection", b"close") in answered
    assert (b"connection", b"close") in config.encoded_headers, "of which later ones are made"
