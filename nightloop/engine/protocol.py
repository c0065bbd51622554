"""What an engine does: set-based work over nights, with one SQL text for all engines. See docs/engines.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from nightloop.errors import DefinitionError, StoreUnavailable, UsageError
from nightloop.lake import Snapshot
from nightloop.lake.columns import NIGHT
from nightloop.lake.storage import is_s3
from nightloop.nights import Night

Done = Callable[[int, int], None]


class Engine(Protocol):
    """Runs SQL (DuckDB's dialect, the part that Spark shares) over snapshots, and Python over files.

    Each input is a view of its name: the table's columns and ``night``. The session's time zone is UTC. Results have the
    lake's column types on every engine, so that equal rows have equal content digests.
    """

    name: str

    def query(self, sql: str, inputs: Mapping[str, Snapshot]) -> pa.Table:
        """Return the result to the caller; for results that fit in memory."""
        ...

    def write(
        self,
        sql: str,
        inputs: Mapping[str, Snapshot],
        folder: str,
        *,
        night: Night | None = None,
        schema: pa.Schema | None = None,
    ) -> dict[Night, list[str]]:
        """Write the result as Parquet below the folder, by night; to be adopted by the lake.

        Args:
            sql: its result must have a column ``night`` (date), which is in no file. A night without rows is not in the answer.
            inputs: the views it reads.
            folder: an empty one, seen by the engine too.
            night: the one night that all rows are of; then nothing need be parted.
            schema: the result's columns without ``night``, where the caller knows them: the engine need not ask.
        """
        ...

    def map_files(self, function: str, jobs: Sequence[Mapping[str, str]], done: Done | None = None) -> list[dict[str, Any]]:
        """Call ``function`` ("module:name") once per job and return what it returned, in the jobs' order.

        The function takes one job and returns a dict that JSON can hold. It runs in several workers at once, which may be
        other processes or other machines: it is found by import, and takes all it needs from the job. ``done`` is told
        (finished, all) where the engine can tell. An error in a job is raised here, of the same class.
        """
        ...


def written_files(folder: str) -> dict[Night, list[str]]:
    """Return the Parquet files below ``folder/night=YYYY-MM-DD/``, by night.

    Raises:
        UsageError: some rows had no night.
    """
    for rest in (*Path(folder).rglob("_*"), *Path(folder).rglob(".*")):  # markers and checksums that Hadoop leaves
        rest.unlink()
    files: dict[Night, list[str]] = {}
    for path in sorted(Path(folder).glob(f"{NIGHT.name}=*/*.parquet")):
        night = path.parent.name.partition("=")[2]
        if not night[:1].isdigit():
            raise UsageError("the result has rows without a night.", where=folder, do="Give every row a night.")
        files.setdefault(Night.fromisoformat(night), []).append(str(path))
    return files


def folder_of(folder: str, night: Night) -> Path:
    """Return where ``written_files`` finds the files of a night."""
    return Path(folder) / f"{NIGHT.name}={night}"


def check_inputs(inputs: Mapping[str, Snapshot]) -> None:
    """Compare the files of a query's inputs with their checksums.

    Not on an object store, where it would bring each file a second time: scoring and training compare theirs wherever they lie.

    Raises:
        StoreDamaged: a file is missing, unreadable, or not what was written.
    """
    for snapshot in inputs.values():
        if not is_s3(snapshot.root):
            snapshot.check_files()


def refused(engine: str, error: BaseException, inputs: Mapping[str, Snapshot]) -> DefinitionError | StoreUnavailable:
    """Return the error of a query that an engine refused, or had no space for; a damaged input file is named instead.

    Raises:
        StoreDamaged: a file of an input is missing or unreadable.
    """
    for snapshot in inputs.values():
        snapshot.check_files()
    if "no space left on device" in str(error).lower():
        return StoreUnavailable("the disk is full.", where=f"engine {engine}", do="Free some space and run the stage again.")
    message = " ".join(str(error).partition("JVM stacktrace")[0].split())[:600]
    return DefinitionError(
        f"the query over {', '.join(sorted(inputs)) or 'nothing'} was refused: {message}",
        where=f"engine {engine}",
        do="Check the expressions of the use case (docs/engines.md says which SQL they are written in). Is a number too large "
        "for the scale of its feature? Set it aside by a range in its contract, or lower the scale.",
    )


def no_night() -> UsageError:
    """Return the error of a written result without the partition column."""
    return UsageError("the result has no column 'night'.", do="Select a date column named night.")
