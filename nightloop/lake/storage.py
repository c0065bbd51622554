"""Where tables lie: a folder, or a bucket of an S3 object store; the one module that tells them apart.

S3 is addressed by the usual variables: ``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_REGION``.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs

from nightloop.errors import StoreDamaged, StoreUnavailable


def is_s3(url: str) -> bool:
    """Whether the address is in an object store."""
    return url.startswith("s3://")


def filesystem(url: str) -> tuple[pafs.FileSystem, str]:
    """Return the file system that holds ``url``, and the path in it."""
    if is_s3(url):
        return _s3(os.environ.get("AWS_ENDPOINT_URL", ""), region()), url.removeprefix("s3://")
    return pafs.LocalFileSystem(), url


@cache
def _s3(endpoint: str, of_region: str) -> pafs.FileSystem:
    return pafs.S3FileSystem(
        endpoint_override=endpoint or None,
        region=of_region,
        connect_timeout=5,
        request_timeout=60,
        force_virtual_addressing=False,
    )


def region() -> str:
    """Return the region the environment names."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def delta_options(url: str) -> dict[str, str] | None:
    """Return delta-rs's storage options: writes that only succeed when the log entry is not there yet."""
    if not is_s3(url):
        return None
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    options = {"conditional_put": "etag", "aws_region": region(), "connect_timeout": "5s"}
    if endpoint:
        options["aws_endpoint"] = endpoint
    if endpoint.startswith("http://"):
        options["allow_http"] = "true"
    return options


def open_root(url: str) -> str:
    """Return the root of the lake without a trailing slash, absolute where it is a folder; make the folder."""
    if is_s3(url):
        return url.rstrip("/")
    root = Path(url.removeprefix("file://")).expanduser().absolute()
    with store_errors(str(root)):
        root.mkdir(parents=True, exist_ok=True)
    return str(root)


@contextmanager
def store_errors(where: str) -> Iterator[None]:
    """Turn what disks and networks say into one message: what, where, what to do."""
    try:
        yield
    except pa.ArrowInvalid as error:
        raise StoreDamaged(
            f"the file is not readable as Parquet ({_first_line(error)}).",
            where=where,
            do="Publish its night again: the stage makes the same content.",
        ) from error
    except OSError as error:
        raise _unavailable(error, where) from error


def _unavailable(error: OSError, where: str) -> StoreUnavailable | StoreDamaged:
    message = str(error).lower()
    if error.errno == errno.ENOSPC or "no space left" in message:
        return StoreUnavailable("the disk is full.", where=where, do="Free some space and run the stage again.")
    if (
        isinstance(error, PermissionError)
        or "permission denied" in message
        or "access_denied" in message
        or "access denied" in message
    ):
        return StoreUnavailable(
            "the lake may not be read or written here.",
            where=where,
            do="Check the owner of the folder, or the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        )
    if isinstance(error, FileNotFoundError):
        return StoreDamaged(
            "a file that the table's log names is missing.",
            where=where,
            do="Publish its night again: the stage makes the same content.",
        )
    return StoreUnavailable(
        f"the lake cannot be reached ({_first_line(error)}).",
        where=where,
        do="Check NIGHTLOOP_LAKE_URL and, on S3, AWS_ENDPOINT_URL; then run the stage again.",
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
