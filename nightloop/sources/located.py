"""Find the file that a connector names, and say so when it is not there."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from nightloop.definitions.near_names import suggest
from nightloop.definitions.use_case import FilesConnector, PackageConnector
from nightloop.errors import SourceDamaged
from nightloop.nights import Night

KINDS = (".csv", ".csv.zip", ".parquet")


@dataclass(frozen=True)
class Located:
    """A file on this machine, and how it writes a missing value."""

    path: Path
    null: str
    remedy: str  # what a person does when the file is damaged


def by_night(connector: PackageConnector | FilesConnector) -> bool:
    """Whether each night has a file of its own."""
    return isinstance(connector, FilesConnector) and "{night}" in connector.pattern


def locate(connector: PackageConnector | FilesConnector, base: Path, night: Night | None = None) -> Located | None:
    """Return the connector's file; None when it is a night's own file and the night has none.

    Args:
        connector: what the use case declares.
        base: folder that relative patterns start from.
        night: the night, for a connector with a file per night.

    Raises:
        SourceDamaged: the distribution or the one file of the source is missing.
    """
    if isinstance(connector, PackageConnector):
        return _in_distribution(connector)
    path = base / connector.pattern.replace("{night}", str(night))
    if path.is_file():
        return Located(path, connector.null, "Deliver the file again.")
    if by_night(connector):
        return None
    raise SourceDamaged(
        "the file of the source does not exist.",
        where=str(path),
        do="Put it there, or correct connector.pattern in feature_defs/.",
    )


def _in_distribution(connector: PackageConnector) -> Located:
    """Read the distribution's RECORD; the package itself is never imported (it may not even import)."""
    name = connector.distribution
    reinstall = f"Install it again: uv pip install --reinstall {name}"
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError as error:
        raise SourceDamaged(
            f"the distribution '{name}' is not installed.",
            where=f"file '{connector.file}'",
            do=f"Install it: uv pip install {name}",
        ) from error
    listed = {str(entry): Path(str(distribution.locate_file(entry))) for entry in distribution.files or ()}
    if connector.file not in listed:
        data = [file for file in listed if file.endswith(KINDS)]
        raise SourceDamaged(
            f"the distribution '{name}' lists no file '{connector.file}'.",
            where=name,
            do=suggest(connector.file, data, "Data files in it"),
        )
    path = listed[connector.file]
    if not path.is_file():
        raise SourceDamaged(
            f"the file is listed by the distribution '{name}' but is gone.", where=str(path), do=f"{reinstall}."
        )
    return Located(path, connector.null, f"{reinstall}.")
