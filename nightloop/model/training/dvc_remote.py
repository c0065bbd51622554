"""Keep training sets in a DVC remote too: a folder, or s3://bucket/prefix, in the layout of DVC's own remotes.

Through pyarrow, as the lake: DVC reaches S3 only by packages that bring a second S3 client of another version. What is here is
what ``dvc push`` would have put there, and ``dvc pull`` of a DVC with S3 reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow.fs as pafs

from nightloop.atomic_file import write_atomically
from nightloop.errors import StoreDamaged, StoreUnavailable, UsageError
from nightloop.lake import filesystem
from nightloop.lake.storage import is_s3

SETTING = "NIGHTLOOP_DVC_REMOTE"


def push(remote: str, cached: Path, digest: str) -> None:
    """Put a file of DVC's cache into the remote, unless it holds it already; an interrupted push is no file there.

    Args:
        remote: the setting; "": there is none, and nothing is done.
        cached: the file.
        digest: its MD5.

    Raises:
        UsageError: the address holds a user or a password.
        StoreUnavailable: the remote cannot be reached, is full, or may not be written.
    """
    if not remote:
        return
    with _reached(remote):
        store, at = _place(remote, digest)
        held = store.get_file_info(at)
        if held.is_file and held.size == cached.stat().st_size:
            return
        if is_s3(remote):
            with store.open_output_stream(at) as stream:
                stream.write(cached.read_bytes())
        else:
            write_atomically(Path(at), cached.read_bytes())


def pull(remote: str, digest: str, cached: Path) -> bool:
    """Bring a file from the remote into DVC's cache, and say whether the remote holds it.

    Raises:
        UsageError, StoreUnavailable: see ``push``.
        StoreDamaged: what the remote holds is another file.
    """
    if not remote:
        return False
    with _reached(remote):
        store, at = _place(remote, digest)
        if not store.get_file_info(at).is_file:
            return False
        with store.open_input_stream(at) as stream:
            content: bytes = stream.read()
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != digest:
        raise StoreDamaged(
            f"what the DVC remote holds as {digest} is another file.",
            where=remote,
            do="Restore the remote from a backup, or push the file again from a home that has it.",
        )
    write_atomically(cached, content)
    return True


def _place(remote: str, digest: str) -> tuple[pafs.FileSystem, str]:
    root = remote.rstrip("/") if is_s3(remote) else str(Path(remote).expanduser().absolute())
    return filesystem(f"{root}/files/md5/{digest[:2]}/{digest[2:]}")


@contextmanager
def _reached(remote: str) -> Iterator[None]:
    """Turn what disks and networks say into one message, and refuse an address with a secret in it before it is shown."""
    if is_s3(remote) and (urlsplit(remote).username or urlsplit(remote).password or "?" in remote):
        raise UsageError(
            f"{SETTING} holds a user, a password or a parameter.",
            do="Write s3://bucket/prefix, and give keys by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        )
    try:
        yield
    except OSError as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise StoreUnavailable(
            f"the DVC remote cannot be reached ({first}).",
            where=remote,
            do=f"Check {SETTING}, who may write there and, on S3, AWS_ENDPOINT_URL and the keys; then try again.",
        ) from error
