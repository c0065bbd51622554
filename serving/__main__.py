"""Start the service: python -m serving."""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nightloop.errors import NightloopError, SetupError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from nightloop.settings import Settings

EPILOG = """settings come from the environment (docs/settings.md), above all:
  NIGHTLOOP_HOME           folder of the lake, the ledger and the registry (default: .nightloop)
  NIGHTLOOP_LAKE_URL, NIGHTLOOP_LEDGER_URL, NIGHTLOOP_MLFLOW_URL   when they are elsewhere
  NIGHTLOOP_SERVICE_TOKEN  bearer token that /v1/ asks for; without one, and without keys of clients (python -m jobs
                           keys issue), the service listens on loopback only

examples:
  python -m serving
  python -m serving --port 8080 --use-case flight_delay
  NIGHTLOOP_SERVICE_TOKEN=… python -m serving --host 0.0.0.0

exit codes: 0 stopped by a signal, 2 wrong argument or setting, 3 mistake in a definition, 9 port taken or no token
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service until a signal stops it, and return the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        _serve(options)
    except NightloopError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        pass  # Ctrl-C: uvicorn has answered what was under way, and passes the signal on
    return 0


def _parser() -> argparse.ArgumentParser:
    from serving.streaming.declared import add_arguments

    parser = argparse.ArgumentParser(
        prog="python -m serving",
        description="Answer predictions of Nightloop's champions over HTTP. /docs describes every route.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=_port, default=8000, help="port to listen on; 0: any free one, printed (default: %(default)s)"
    )
    parser.add_argument(
        "--use-case",
        action="append",
        metavar="NAME",
        help="serve this use case only; may be given again (default: all in feature_defs/)",
    )
    parser.add_argument(
        "--poll-seconds", type=_positive, default=5.0, help="between looks for a newer champion or night (default: %(default)s)"
    )
    parser.add_argument("--max-rows", type=_whole, default=1_000, help="rows one request may carry (default: %(default)s)")
    parser.add_argument(
        "--max-bytes", type=_whole, default=2_000_000, help="bytes one request's body may have (default: %(default)s)"
    )
    _add_audit(parser)
    add_arguments(parser)
    parser.add_argument(
        "--per-minute",
        type=_whole,
        metavar="REQUESTS",
        help="that a client may send, whose key does not say otherwise; without a key, an address (default: any number)",
    )
    parser.add_argument("--access-log", action="store_true", help="log a line for every request; slower")
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), default="info", help="(default: %(default)s)"
    )
    return parser


def _add_audit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--audit",
        choices=("refuse", "unlogged", "off"),
        default="refuse",
        help="record every answer in HOME/audit; on a full disk refuse to answer, or answer unlogged (default: %(default)s)",
    )
    parser.add_argument(
        "--audit-milliseconds",
        type=_positive,
        default=20.0,
        help="within which an answer is on the disk: what a kill may lose (default: %(default)s)",
    )
    parser.add_argument(
        "--audit-days",
        type=_whole,
        metavar="DAYS",
        help="days for which answers stay in the audit, today's among them; older ones are removed (default: for ever)",
    )
    parser.add_argument(
        "--audit-address",
        choices=("hashed", "plain", "none"),
        default="hashed",
        help="what the audit holds of a caller's address: a hash by a key of this HOME, all, or nothing (default: %(default)s)",
    )


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004 - the last port there is
        raise argparse.ArgumentTypeError(f"'{text}' is no port: give a number from 0 to 65535")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0")
    return value


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)


def _serve(options: argparse.Namespace) -> None:
    import uvicorn

    from nightloop.access.keys import all_keys
    from nightloop.settings import load_settings
    from nightloop.workspace import Workspace
    from serving.access.listening import require_safe
    from serving.server.bounded_time import BoundedTime
    from serving.server.closing_server import ClosingServer

    settings = load_settings()
    require_safe(options.host, settings.service_token, lambda: bool(all_keys(Workspace.open(settings).ledger)))
    listener = listen(options.host, options.port)
    app = _application(options, settings)
    config = uvicorn.Config(
        app,
        http=BoundedTime,
        log_level=options.log_level,
        access_log=options.access_log,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    sys.stdout.write(f"Nightloop's service listens on http://{_address(listener)} (routes: /docs)\n")
    sys.stdout.flush()
    # uvicorn passes the signal on once all is answered: an ordered stop is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ClosingServer(config).run(sockets=[listener])


def _application(options: argparse.Namespace, settings: Settings) -> FastAPI:
    from nightloop.definitions import load_use_case, use_case_names
    from nightloop.workspace import Workspace
    from serving.app import Options, create_app
    from serving.streaming.declared import streams_of

    names = options.use_case or use_case_names(settings.definitions)
    use_cases = [load_use_case(name, settings.definitions) for name in dict.fromkeys(names)]
    group, properties = options.kafka_group, options.kafka_properties
    streams = streams_of(options.stream, group=group, properties=properties, use_cases=names)
    choices = Options(
        settings.service_token,
        options.poll_seconds,
        options.max_rows,
        options.max_bytes,
        None if options.audit == "off" else options.audit,
        options.audit_milliseconds,
        options.audit_days,
        options.audit_address,
        streams,
        options.per_minute,
    )
    return create_app(Workspace.open(settings), use_cases, choices)


def listen(host: str, port: int) -> socket.socket:
    """Open the port before anything is loaded, so that a taken one is reported at once.

    Raises:
        SetupError: taken, or not ours to open.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        raise SetupError(
            f"port {port} on {host} cannot be opened: {error.strerror}.",
            do="Stop the program that uses it, or choose another with --port.",
        ) from error
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


if __name__ == "__main__":
    sys.exit(main())
