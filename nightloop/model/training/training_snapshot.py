"""Write each training set as one Parquet file under DVC: HOME/training/<use case>/<night>/.

The same rows give the same bytes, hence the same digest. Every step may be killed and run again, by several processes at once:
files appear by renaming, DVC works under a lock, and the manifest is written last.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nightloop.atomic_file import write_atomically
from nightloop.errors import NotReady, StoreDamaged, StoreUnavailable, command
from nightloop.model.training import dvc_remote
from nightloop.model.training.training_set import TrainingSet
from nightloop.nights import Night, parse_night

FILE, MANIFEST = "training_set.parquet", "training.json"


@dataclass(frozen=True)
class Manifest:
    """What was snapshotted, and all that identifies the training made from it.

    Attributes:
        path: the Parquet file.
        dvc_md5: its digest, by which DVC keeps it.
        content_digest: of the rows, whatever the file's layout.
        table_versions: of the tables it was joined from.
        training_key: equal for equal trainings.
    """

    use_case: str
    as_of: Night
    path: str
    dvc_md5: str
    rows: int
    content_digest: str
    table_versions: Mapping[str, int]
    training_key: str

    def as_json(self) -> dict[str, Any]:
        """Return plain values; ``read_manifest`` reads them back."""
        return {**asdict(self), "as_of": str(self.as_of), "table_versions": dict(self.table_versions)}


def folder(home: Path, use_case: str, as_of: Night) -> Path:
    """Return the folder of the training set of a night."""
    return home / "training" / use_case / str(as_of)


def judged_card(home: Path, use_case: str, as_of: Night, version: int) -> Path:
    """Return where the card of a candidate lies that has the gates' verdicts too."""
    return folder(home, use_case, as_of) / f"card-{version}.md"


def write(home: Path, use_case: str, as_of: Night, rows: TrainingSet, *, remote: str = "") -> tuple[Path, str]:
    """Write the rows, give them to DVC and to its remote where there is one; return the file and its DVC digest (MD5).

    Raises:
        StoreUnavailable: the disk, DVC or its remote refuses.
    """
    path = folder(home, use_case, as_of) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    content = _bytes(rows.table)
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    with _locked(home / "training"):
        if not _is_tracked(path, digest):
            write_atomically(path, content)
            _track(home / "training", path)
        if not _is_tracked(path, digest):
            raise StoreUnavailable(
                f"DVC does not hold {path.name} as {digest}.", where=str(path), do="Delete the folder and train again."
            )
    dvc_remote.push(remote, path, digest)
    return path, digest


def write_manifest(home: Path, manifest: Manifest) -> None:
    """Write the manifest: from now on the training set is there."""
    text = json.dumps(manifest.as_json(), indent=1, sort_keys=True) + "\n"
    write_atomically(folder(home, manifest.use_case, manifest.as_of) / MANIFEST, text.encode())


def read_manifest(home: Path, use_case: str, as_of: Night) -> Manifest:
    """Return the manifest of a night.

    Raises:
        NotReady: no training set was assembled for the night.
    """
    path = folder(home, use_case, as_of) / MANIFEST
    if not path.exists():
        raise NotReady(
            f"the training set of {use_case} as of {as_of} is not assembled.",
            where=str(path),
            do=f"Run the step 'assemble', or all of it: {command('train', use_case, as_of)}",
        )
    values = json.loads(path.read_text())
    return Manifest(**{**values, "as_of": parse_night(values["as_of"])})


def read(manifest: Manifest, features: tuple[str, ...], classes: tuple[str, ...] = ()) -> TrainingSet:
    """Return the rows.

    Raises:
        StoreDamaged: the file is gone, or is not what was snapshotted.
    """
    path = Path(manifest.path)
    content = path.read_bytes() if path.exists() else b""
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != manifest.dvc_md5:
        raise StoreDamaged(
            f"the training set is not the one that was snapshotted (DVC digest {manifest.dvc_md5}).",
            where=str(path),
            do="Bring it back with `dvc checkout` in that folder, or assemble again: "
            + command("train", manifest.use_case, manifest.as_of),
        )
    return TrainingSet(pq.read_table(io.BytesIO(content)), features, classes)


def _bytes(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", row_group_size=1 << 17)
    return sink.getvalue()


def held_by_dvc(home: Path, digest: str, *, remote: str = "") -> Path:
    """Return the file of a training set, whatever was assembled for its night since, as DVC's cache or its remote holds it.

    Raises:
        StoreDamaged: neither holds it.
        StoreUnavailable: the cache does not hold it, and the remote cannot be reached.
    """
    path = _cached(home / "training", digest)
    if not path.exists() and not dvc_remote.pull(remote, digest, path):
        searched = "nor does its remote" if remote else f"and no remote is set ({dvc_remote.SETTING})"
        raise StoreDamaged(
            f"DVC does not hold the training set {digest} any more, {searched}.",
            where=str(path),
            do="Bring it back from a backup of the home, or set the remote that it was pushed to.",
        )
    return path


def _cached(root: Path, digest: str) -> Path:
    return root / ".dvc" / "cache" / "files" / "md5" / digest[:2] / digest[2:]


def _is_tracked(path: Path, digest: str) -> bool:
    dvc_file = path.with_name(f"{path.name}.dvc")
    cached = _cached(_root(path), digest)
    is_complete = path.exists() and hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == digest
    return is_complete and cached.exists() and dvc_file.exists() and f"md5: {digest}" in dvc_file.read_text()


def _root(path: Path) -> Path:
    return path.parents[2]


def _track(root: Path, path: Path) -> None:
    """Add a file to DVC, whose repository is made first if it is not there."""
    os.environ.setdefault("DVC_NO_ANALYTICS", "1")
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.WARNING)
    try:
        # An interrupted init leaves .dvc without its config, or with one that does not say yet that there is no Git: force
        # makes it anew. Nothing was ever added to such a repository.
        if not _is_whole(root / ".dvc" / "config"):
            Repo.init(str(root), no_scm=True, force=(root / ".dvc").exists()).close()
        with Repo(str(root)) as repository:
            repository.add(str(path))
    except (DvcException, OSError) as error:
        raise StoreUnavailable(f"DVC could not keep the training set ({error}).", where=str(path), do="Try again.") from error


def _is_whole(config: Path) -> bool:
    return config.exists() and "no_scm" in config.read_text("utf-8")


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Let one process at a time work with DVC; the lock goes with the process that holds it."""
    from filelock import FileLock

    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / ".lock"):
        yield
