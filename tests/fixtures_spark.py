"""One Spark Connect server for the whole test session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nightloop.engine import spark_session
from nightloop.engine.spark_server import SparkServer
from tests.ports import free_port


@pytest.fixture(scope="session")
def spark_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a running Spark Connect server, started when first asked for."""
    with SparkServer.start(tmp_path_factory.mktemp("spark"), free_port()) as server:
        yield server.url
        spark_session.close()
