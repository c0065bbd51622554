"""Where a lake lies, and one message for what disks and networks say: what, where, what to do, and no secret."""

from __future__ import annotations

import errno
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs
import pytest

from nightloop.errors import NightloopError, StoreDamaged, StoreUnavailable
from nightloop.lake import Lake, storage
from nightloop.lake.storage import delta_options, filesystem, is_s3, open_root, region, store_errors
from tests.lake.rows import COMMIT, FIRST, TABLE

AWS = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION")


@pytest.fixture(autouse=True)
def no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in AWS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("url", "expected"), [("s3://bucket/lake", True), ("/tmp/s3://x", False), ("s3:/x", False), ("S3://x", False), ("", False)]
)
def test_an_object_store_is_told_by_its_address(url: str, expected: bool) -> None:
    assert is_s3(url) is expected


def test_a_root_is_absolute_without_a_slash_at_its_end_and_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert open_root("s3://bucket/lake//") == "s3://bucket/lake"
    assert open_root("a/b/") == str(tmp_path / "a" / "b") and (tmp_path / "a" / "b").is_dir()
    assert open_root(f"file://{tmp_path}/c") == str(tmp_path / "c")
    assert open_root("~/lake") == str(tmp_path / "me" / "lake")
    assert open_root("a/b") == str(tmp_path / "a" / "b"), "one that is there is opened"


def test_a_path_is_looked_for_on_the_file_system_that_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    held_by, at = filesystem("/tmp/x")
    assert isinstance(held_by, pafs.LocalFileSystem) and at == "/tmp/x"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    held_by, at = filesystem("s3://bucket/a/b")
    assert isinstance(held_by, pafs.S3FileSystem) and at == "bucket/a/b" and held_by.region == "eu-north-1"
    assert filesystem("s3://other")[0] is held_by, "one connection an endpoint and region"
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert filesystem("s3://bucket/a/b")[0] is not held_by


def test_the_region_is_the_first_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert region() == "us-east-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert region() == "eu-west-1"
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert region() == "eu-north-1"


@pytest.mark.parametrize(
    ("endpoint", "more"),
    [
        ("", {}),
        ("https://minio:9000", {"aws_endpoint": "https://minio:9000"}),
        ("http://minio:9000", {"aws_endpoint": "http://minio:9000", "allow_http": "true"}),
    ],
)
def test_writes_to_an_object_store_succeed_only_where_no_entry_is_yet(
    endpoint: str, more: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    common = {"conditional_put": "etag", "aws_region": "us-east-1", "connect_timeout": "5s"}
    assert delta_options("s3://bucket/lake") == {**common, **more}
    assert delta_options("/tmp/lake") is None


PERMISSION = "may not be read or written here. Check the owner of the folder, or the keys"
FULL = "the disk is full. Free some space"
REACHED = "Check NIGHTLOOP_LAKE_URL and, on S3, AWS_ENDPOINT_URL"
AGAIN = "Publish its night again"


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (OSError(errno.ENOSPC, "anything"), StoreUnavailable, FULL),
        (OSError("write: No space left on device"), StoreUnavailable, FULL),
        (PermissionError(errno.EACCES, "x"), StoreUnavailable, PERMISSION),
        (OSError("Permission denied (os error 13)"), StoreUnavailable, PERMISSION),
        (OSError("AWS Error ACCESS_DENIED during PutObject"), StoreUnavailable, PERMISSION),
        (OSError("Access Denied."), StoreUnavailable, PERMISSION),
        (FileNotFoundError(errno.ENOENT, "x"), StoreDamaged, f"log names is missing. {AGAIN}"),
        (OSError("connection refused\nand more"), StoreUnavailable, "cannot be reached (connection refused). " + REACHED),
        (OSError(""), StoreUnavailable, "cannot be reached (OSError). " + REACHED),
        (TimeoutError("timed out"), StoreUnavailable, "cannot be reached (timed out)"),
        (pa.ArrowInvalid("magic bytes\nsecond line"), StoreDamaged, f"not readable as Parquet (magic bytes). {AGAIN}"),
    ],
)
def test_trouble_is_told_with_the_way_out(error: Exception, kind: type[NightloopError], message: str) -> None:
    with pytest.raises(kind) as told, store_errors("uc/features"):
        raise error
    assert message in str(told.value) and told.value.where == "uc/features" and told.value.__cause__ is error


def test_a_long_message_is_cut_and_other_errors_pass() -> None:
    with pytest.raises(StoreUnavailable) as told, store_errors("x"):
        raise OSError("y" * 1000)
    assert str(told.value).count("y") < 320 and "y" * 300 in str(told.value)
    with pytest.raises(ZeroDivisionError), store_errors("x"):
        raise ZeroDivisionError
    with store_errors("x"):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match=str(tmp_path / "file" / "lake")):
        open_root(str(tmp_path / "file" / "lake"))


def test_an_object_store_that_refuses_the_key_says_neither_key_nor_secret(
    moto: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-word")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k3y-word")
    storage._s3.cache_clear()
    lake = Lake("s3://no-such-bucket/lake", tmp_path)
    for act in (lambda: lake.states(TABLE), lambda: lake.publish(TABLE, FIRST, pa.table({"a": [1]}), COMMIT)):
        try:
            act()
        except NightloopError as error:
            chain = [error, error.__cause__, error.__context__]
            assert not any(word in f"{link!r} {link}" for word in ("s3cr3t-word", "k3y-word") for link in chain)
    storage._s3.cache_clear()
