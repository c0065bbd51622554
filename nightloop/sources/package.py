"""The connector to a file that an installed Python distribution carries, found by its metadata and never imported."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from nightloop.definitions.connectors import MAXIMUM_BYTES, MAXIMUM_CELL_BYTES, PackageConnector
from nightloop.errors import SourceDamaged, suggest
from nightloop.nights import Night
from nightloop.sources.connector import Delivery
from nightloop.sources.formats import KINDS
from nightloop.sources.reader import Files, cached


@dataclass(frozen=True)
class Package:
    """A file of a distribution; it holds all nights."""

    declared: PackageConnector
    cache: Path

    @property
    def origin(self) -> str:
        """The distribution and its file."""
        return f"{self.declared.distribution}: {self.declared.file}"

    def read(self, night: Night | None) -> Delivery:  # noqa: ARG002 - it holds all nights
        """Return the records of the whole file."""
        reinstall = f"Install it again: uv pip install --reinstall {self.declared.distribution}."
        path = self._path(reinstall)
        files = Files((str(path),), self.declared.null, reinstall, MAXIMUM_BYTES, MAXIMUM_CELL_BYTES)
        return Delivery(cached(files, self.cache), str(path), reinstall)

    def _path(self, reinstall: str) -> Path:
        """Read the distribution's RECORD; the package itself is never imported (it may not even import)."""
        name, file = self.declared.distribution, self.declared.file
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError as error:
            raise SourceDamaged(
                f"the distribution '{name}' is not installed.",
                where=f"file '{file}'",
                do=f"Install it: uv pip install {name}",
            ) from error
        # Not distribution.files: some versions of it leave out files that are gone, which is what we must tell.
        record = csv.reader((distribution.read_text("RECORD") or "").splitlines())
        listed = {entry[0]: Path(str(distribution.locate_file(entry[0]))) for entry in record if entry}
        if file not in listed:
            data = [file for file in listed if file.endswith(KINDS)]
            raise SourceDamaged(
                f"the distribution '{name}' lists no file '{file}'.", where=name, do=suggest(file, data, "Data files in it")
            )
        path = listed[file]
        if not path.is_file():
            raise SourceDamaged(f"the file is listed by the distribution '{name}' but is gone.", where=str(path), do=reinstall)
        return path
