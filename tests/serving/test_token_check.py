"""The token that a request must carry, the address that is safe without one, and the arguments of the command."""

from __future__ import annotations

import argparse
import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from nightloop.errors import SetupError
from serving import __main__ as command
from serving.access.gate import CLIENT, Gate
from serving.access.key_ring import KeyRing
from serving.access.listening import is_loopback, require_safe
from serving.access.rates import Rates
from serving.problems import Unauthorized
from tests.serving.stubs import NO_EVENTS, Clock

TOKEN = "a-token-of-16-ch"
WITHOUT_KEYS: Any = SimpleNamespace(ledger=NO_EVENTS)
TOKEN_CUT = f"Bearer {TOKEN[:-1]}"


def no_keys() -> bool:
    return False


def check(header: str | None, token: str | None = TOKEN) -> str | None:
    """Check a request, and return the client's name that the audit records."""
    headers = {} if header is None else {"authorization": header}
    request: Any = SimpleNamespace(headers=headers, url=SimpleNamespace(path="/v1/models"), scope={})
    asyncio.run(Gate(SecretStr(token) if token is not None else None, KeyRing(WITHOUT_KEYS, Clock()), Rates())(request))
    client: str | None = request.scope.get(CLIENT)
    return client


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER   {TOKEN} "])
def test_the_token_passes_whatever_the_case_of_its_kind(header: str) -> None:
    assert check(header) == "service-token"


@pytest.mark.parametrize("token", [None, ""])
@pytest.mark.parametrize("header", [None, "", "Bearer anything"])
def test_where_no_token_is_set_everybody_passes(token: str | None, header: str | None) -> None:
    assert check(header, token) is None


@pytest.mark.parametrize(
    "header", [f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer x{TOKEN}", f"Bearer {TOKEN[:-1]}", "Bearer \udce9"]
)
def test_another_token_or_kind_is_refused_without_the_token_in_the_message(header: str) -> None:
    with pytest.raises(Unauthorized) as refused:
        check(header)
    assert refused.value.what == "the bearer token is not the service's, nor a client's."
    assert (refused.value.where, refused.value.http_status) == ("/v1/models", 401)
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("header", [None, "", "Bearer", TOKEN, "Bearer "])
def test_a_request_without_a_token_is_told_to_send_one(header: str | None) -> None:
    with pytest.raises(Unauthorized, match=r"asks for a bearer token.*Authorization: Bearer TOKEN"):
        check(header)


def test_a_token_of_sixteen_characters_is_long_enough_and_one_of_fifteen_is_not() -> None:
    require_safe("127.0.0.1", SecretStr("x" * 16), no_keys)
    with pytest.raises(SetupError, match="the token has 15 characters; at least 16") as refused:
        require_safe("127.0.0.1", SecretStr("x" * 15), no_keys)
    assert refused.value.where == "NIGHTLOOP_SERVICE_TOKEN"


def addresses(*texts: str) -> Any:
    return lambda host, *_, **__: [(0, 0, 0, "", (text, 0)) for text in texts]


@pytest.mark.parametrize(
    ("resolved", "loopback"),
    [
        (["127.0.0.1"], True),
        (["127.0.0.1", "::1"], True),
        (["::1%lo"], True),
        (["127.0.0.1", "192.0.2.7"], False),
        (["192.0.2.7", "127.0.0.1"], False),
        (["0.0.0.0"], False),
    ],
)
def test_a_host_is_loopback_when_all_its_addresses_are(
    monkeypatch: pytest.MonkeyPatch, resolved: list[str], loopback: bool
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", addresses(*resolved))
    assert is_loopback("some-host") is loopback
    if loopback:
        require_safe("some-host", None, no_keys)
    else:
        with pytest.raises(SetupError, match="has no token and would listen on some-host"):
            require_safe("some-host", None, no_keys)
        require_safe("some-host", SecretStr(TOKEN), no_keys)


def test_no_host_means_every_address(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: asked.append(host) or [(0, 0, 0, "", (host, 0))])
    assert is_loopback("") is False
    assert asked == ["0.0.0.0"]


def test_a_host_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(SetupError, match=r"'nowhere' is no address of this machine.*--host"):
        is_loopback("nowhere")


def parse(*arguments: str) -> argparse.Namespace:
    return command._parser().parse_args(arguments)


def test_the_defaults_are_loopback_port_8000_all_use_cases_and_limits() -> None:
    options = parse()
    assert (options.host, options.port, options.use_case, options.poll_seconds) == ("127.0.0.1", 8000, None, 5.0)
    assert (options.max_rows, options.max_bytes, options.access_log, options.log_level) == (1000, 2_000_000, False, "info")


def test_use_cases_may_be_named_one_by_one() -> None:
    assert parse("--use-case", "a", "--use-case", "b").use_case == ["a", "b"]


@pytest.mark.parametrize(
    ("option", "fits", "breaks"),
    [
        ("--port", ["0", "65535"], ["-1", "65536", "http", ""]),
        ("--poll-seconds", ["0.001", "1e9"], ["0", "-1", "inf", "nan", "soon"]),
        ("--max-rows", ["1", "100000"], ["0", "-1", "1.5", "many"]),
        ("--max-bytes", ["1"], ["0", "-1"]),
    ],
)
def test_a_number_is_taken_within_its_limits_only(
    option: str, fits: list[str], breaks: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for value in fits:
        assert getattr(parse(option, value), option[2:].replace("-", "_")) == float(value)
    for value in breaks:
        with pytest.raises(SystemExit):
            parse(f"{option}={value}")
        assert f"'{value}' is" in capsys.readouterr().err


def test_an_error_of_ours_ends_the_command_with_its_code_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def taken(_options: object) -> None:
        raise SetupError("port 1 cannot be opened.", do="Choose another.")

    monkeypatch.setattr(command, "_serve", taken)
    assert command.main([]) == 9
    assert capsys.readouterr().err == "port 1 cannot be opened. Choose another.\n"


@pytest.mark.parametrize("ended", [None, KeyboardInterrupt()])
def test_an_end_by_a_signal_is_no_failure(monkeypatch: pytest.MonkeyPatch, ended: BaseException | None) -> None:
    def serve(_options: object) -> None:
        if ended:
            raise ended

    monkeypatch.setattr(command, "_serve", serve)
    assert command.main([]) == 0


def test_a_port_is_opened_at_once_and_a_taken_one_is_refused() -> None:
    with command.listen("127.0.0.1", 0) as listener:
        host, port = listener.getsockname()
        assert command._address(listener) == f"http://{host}:{port}".removeprefix("http://")
        with pytest.raises(SetupError, match=rf"port {port} on 127\.0\.0\.1 cannot be opened.*--port"):
            command.listen("127.0.0.1", port)
        socket.create_connection((host, port), timeout=5).close()


def test_an_address_of_ipv6_is_written_in_brackets() -> None:
    listener: Any = SimpleNamespace(getsockname=lambda: ("::1", 80, 0, 0))
    assert command._address(listener) == "[::1]:80"
