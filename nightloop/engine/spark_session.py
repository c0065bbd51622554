"""One Spark Connect session a process, and a quick answer where no server is."""

from __future__ import annotations

import atexit
import logging
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nightloop.errors import EngineUnavailable, UsageError

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

PATIENCE_SECONDS = 3.0
# Three tries within some seconds; the client's own default goes on for ten minutes.
RETRIES = {"max_retries": 3, "initial_backoff": 100, "max_backoff": 1000}
CONFIGURATION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.sql.connect.serverStacktrace.enabled": "false",
}

# A small night costs plans, not rows: without code made for each plan, and without planning anew between the stages, it takes
# half the time (docs/decisions/0028). Neither changes what comes out.
SMALL_BYTES = 2**20
FOR_SMALL = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
}

_open: dict[tuple[str, int], SparkSession] = {}
_suited: dict[str, bool] = {}  # session id -> whether it is set for small inputs


def connect(url: str) -> SparkSession:
    """Return this process's session on the server, made anew if the server forgot it.

    Raises:
        EngineUnavailable: nothing answers at the address, within seconds.
        UsageError: the address is not of the form sc://host:port.
    """
    _knock(url)
    key = (url, os.getpid())
    session = _open.get(key)
    if session is None or not _is_known(session):
        session = _new(url)
        _open[key] = session
    return session


def is_small(size: int) -> bool:
    """Tell whether inputs of so many bytes cost plans rather than rows."""
    return size <= SMALL_BYTES


def suit(session: SparkSession, size: int) -> None:
    """Set the session for inputs of so many bytes; nothing is sent where it is set already."""
    small = is_small(size)
    if _suited.get(session.session_id) == small:
        return
    for key, value in FOR_SMALL.items():
        if small:
            session.conf.set(key, value)
        else:
            session.conf.unset(key)  # as the server has it
    _suited[session.session_id] = small


def check(url: str, error: Exception) -> None:
    """Tell whether an error means that the server fell while it worked; forget the session if so.

    Raises:
        EngineUnavailable: it does not answer any more, or lost the session.
    """
    message = str(error)
    if any(
        mark in message
        for mark in ("UNAVAILABLE", "SESSION_NOT_FOUND", "SESSION_CLOSED", "RETRIES_EXCEEDED", "SESSION_CHANGED")
    ):
        _open.pop((url, os.getpid()), None)
        raise _unavailable(url, "stopped answering while it worked") from error
    _knock(url)


@atexit.register
def close() -> None:
    """Release this process's sessions, so that the server need not keep them for an hour; done at the process's end too."""
    for url, process in list(_open):
        session = _open.pop((url, process))
        with suppress(EngineUnavailable):  # a server that is gone keeps no session
            if process == os.getpid():
                _knock(url)
                session.stop()


def transport_errors() -> tuple[type[Exception], ...]:
    """Return the errors of the wire, beside PySpark's own."""
    import grpc  # type: ignore[import-untyped]

    return (grpc.RpcError,)


def _knock(url: str) -> None:
    host, port = _parts(url)
    try:
        socket.create_connection((host, port), timeout=PATIENCE_SECONDS).close()
    except OSError as error:
        _open.pop((url, os.getpid()), None)
        raise _unavailable(url, f"does not answer ({error.strerror or error})") from error


def _parts(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 15002
    except ValueError:
        host = None
    if host is None or not url.startswith("sc://"):
        raise UsageError(
            f"NIGHTLOOP_SPARK_URL is '{_shown(url)}'.", do="Write it as sc://host:port, for example sc://127.0.0.1:15002."
        )
    return host, port


def _new(url: str) -> SparkSession:
    from pyspark.sql.connect.client.retries import DefaultPolicy
    from pyspark.sql.connect.session import SparkSession

    # PySpark prints each refused query to the standard error; we raise it, and once is enough.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    session = SparkSession.builder.remote(url).create()
    session.client.set_retry_policies([DefaultPolicy(**RETRIES)])
    for key, value in CONFIGURATION.items():
        session.conf.set(key, value)
    return session


def _is_known(session: SparkSession) -> bool:
    """Whether the server still has the session: it forgets idle ones, and all when it restarts."""
    from pyspark.errors import PySparkException

    try:
        return bool(session.conf.get("spark.sql.session.timeZone") == "UTC")
    except (PySparkException, *transport_errors()):
        return False


def _unavailable(url: str, how: str) -> EngineUnavailable:
    do = "Start it with `make ui`, or set NIGHTLOOP_ENGINE=local."
    return EngineUnavailable(f"the Spark server at {_shown(url)} {how}.", do=do)


def _shown(url: str) -> str:
    """Return an address without its parameters, for one of them may be a token."""
    return url.partition(";")[0].rstrip("/")
