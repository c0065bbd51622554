"""An S3 object store of the test session (moto's server, a process of its own); a fresh bucket for each test."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_port

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "us-east-1"}


@pytest.fixture(scope="session")
def moto_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the running object store."""
    import httpx

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = tmp_path_factory.mktemp("moto") / "log"
    command = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as server:
        try:
            give_up = time.monotonic() + 60
            while True:
                try:
                    httpx.get(f"{url}/moto-api/", timeout=5)
                    break
                except httpx.TransportError:
                    assert server.poll() is None and time.monotonic() < give_up, log.read_text()
                    time.sleep(0.1)
            yield url
        finally:
            server.kill()


@pytest.fixture
def moto(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of the object store, with the AWS_* environment set for it."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": moto_url}.items():
        monkeypatch.setenv(name, value)
    return moto_url


@pytest.fixture
def s3_lake(moto: str) -> str:
    """Root of a lake in a fresh bucket, for NIGHTLOOP_LAKE_URL."""
    import boto3

    bucket = f"lake-{uuid.uuid4().hex[:12]}"
    boto3.client("s3", region_name=KEYS["AWS_REGION"]).create_bucket(Bucket=bucket)
    return f"s3://{bucket}/tables"
