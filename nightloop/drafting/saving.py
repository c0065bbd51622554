"""Put a draft's files where they belong: all of them, or none."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from nightloop.atomic_file import write_atomically
from nightloop.errors import SetupError, UsageError


def save(files: Mapping[Path, str], *, force: bool) -> None:
    """Write every file, and none when one cannot be written; what was there before comes back.

    Raises:
        UsageError: a file exists and ``force`` is not set.
        SetupError: a file cannot be written.
    """
    there = [path for path in files if path.exists()]
    if there and not force:
        raise UsageError(
            f"there already: {', '.join(str(path) for path in there)}.",
            do="Give --force to replace what is there, or choose another name.",
        )
    created = [folder for path in files for folder in _missing(path.parent)]
    with tempfile.TemporaryDirectory(prefix="nightloop-draft-") as folder:
        before = {path: Path(shutil.copy2(path, Path(folder) / str(i))) for i, path in enumerate(there)}
        written: list[Path] = []
        try:
            for path, text in files.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                written.append(path)
                write_atomically(path, text)
        except OSError as error:
            _undo(written, before, created)
            raise SetupError(
                f"the draft cannot be written ({error.strerror}); nothing is changed.",
                where=str(error.filename or written[-1]),
                do="Make the folder writable, or set NIGHTLOOP_DEFINITIONS and NIGHTLOOP_CONTRACTS.",
            ) from error


def _missing(folder: Path) -> list[Path]:
    """Return the folders that are to be created, deepest last."""
    return [each for each in (*reversed(folder.parents), folder) if not each.exists()]


def _undo(written: list[Path], before: Mapping[Path, Path], created: list[Path]) -> None:
    for path in written:
        if path in before:
            shutil.copy2(before[path], path)
        else:
            path.unlink(missing_ok=True)
    for folder in reversed(created):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
