"""The embedded Spark Connect server: one warm child process, on loopback."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from nightloop.engine.processes import Servers
from nightloop.errors import SetupError
from nightloop.settings import REPOSITORY

HOST = "127.0.0.1"
OLDEST_JAVA = 17
READY_SECONDS = 180.0
MEMORY = "2g"
# Half of what a small night costs is Java compiling code that runs once: the quick compiler, and one collector thread.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@dataclass(frozen=True)
class SparkServer:
    """A server that answers at ``url``; leaving the block stops it, and it does not outlive its parent."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]
    servers: Servers

    @classmethod
    def start(cls, home: Path, port: int, memory: str = MEMORY) -> SparkServer:
        """Start the server and wait until it answers.

        Args:
            home: NIGHTLOOP_HOME; the log is ``logs/spark.log`` in it, shuffles and spills go to ``spark/``.
            port: port on loopback.
            memory: heap of the server, which does the work itself.

        Raises:
            SetupError: no Java 17 or newer, a taken port, or the server ended (with the end of its log).
        """
        java = find_java()
        _require_free(port)
        home = home.absolute()
        (home / "spark").mkdir(parents=True, exist_ok=True)
        servers = Servers(home / "logs")
        server = servers.start("spark", _command(home, port, memory), _environment(home, java), home / "spark")
        try:
            servers.wait_for(server, lambda: _answers(port), seconds=READY_SECONDS)
        except BaseException:
            servers.stop()
            raise
        return cls(f"sc://{HOST}:{port}", server.log, server.process, servers)

    def stop(self) -> None:
        """End the server and its workers."""
        self.servers.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def find_java() -> Path:
    """Return a Java home of version 17 or newer: JAVA_HOME, or that of ``java`` on the PATH.

    Raises:
        SetupError: there is none; one line says what to install.
    """
    on_path = shutil.which("java")
    candidates = [Path(os.environ["JAVA_HOME"]) / "bin" / "java"] if os.environ.get("JAVA_HOME") else []
    candidates += [Path(on_path)] if on_path else []
    rejected = []
    for java in candidates:
        version = _java_version(java)
        if version >= OLDEST_JAVA:
            return java.resolve().parent.parent
        rejected.append(f"{java} is {f'Java {version}' if version else 'no Java that runs'}")
    raise SetupError(
        f"Spark needs Java {OLDEST_JAVA} or newer ({'; '.join(rejected) or 'there is none on the PATH'}).",
        do="Install it (apt-get install openjdk-17-jre-headless) or name it in JAVA_HOME. Or set NIGHTLOOP_ENGINE=local.",
    )


def _java_version(java: Path) -> int:
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    except OSError:
        return 0
    version = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    return int(version[1]) if version and answer.returncode == 0 else 0


def _require_free(port: int) -> None:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except OSError as error:
            raise SetupError(
                f"port {port} on {HOST} is taken ({error.strerror}), and the Spark server needs it.",
                do="Stop what listens there, or move all ports: NIGHTLOOP_PORT_OFFSET=100.",
            ) from error


def _answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _command(home: Path, port: int, memory: str) -> list[str]:
    configuration = {
        "spark.connect.grpc.binding.address": HOST,
        "spark.connect.grpc.binding.port": str(port),
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.adaptive.advisoryPartitionSizeInBytes": "16m",  # several tasks write what one would write alone
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": str(home / "spark" / "warehouse"),
        "spark.local.dir": str(home / "spark"),
        # A night is many small files: let a task take several, and list them without a job of its own.
        "spark.sql.files.openCostInBytes": "65536",
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000",
    }
    options = [part for key, value in configuration.items() for part in ("--conf", f"{key}={value}")]
    return [
        str(_spark_home() / "bin" / "spark-submit"),
        "--class",
        "org.apache.spark.sql.connect.service.SparkConnectServer",
        "--master",
        "local[*]",
        "--driver-memory",
        memory,
        "--driver-java-options",
        JAVA_OPTIONS,
        *options,
        "spark-internal",
    ]


def _environment(home: Path, java: Path) -> dict[str, str]:
    """Return the child's environment: the workers import Nightloop from here, with this interpreter."""
    paths = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    return {
        **os.environ,
        "JAVA_HOME": str(java),
        "SPARK_HOME": str(_spark_home()),
        "SPARK_LOCAL_IP": HOST,
        "SPARK_CONF_DIR": str(home / "spark"),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join(paths),
        "TZ": "UTC",
    }


def _spark_home() -> Path:
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise SetupError("pyspark is not installed.", do="Run `make setup`, or set NIGHTLOOP_ENGINE=local.")
    return Path(spec.origin).parent
