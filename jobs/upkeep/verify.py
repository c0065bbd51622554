"""Hold what is stored of a use case to what was recorded of it: files of tables, the ledger, bundles of champions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from jobs.published import Progress, silent
from nightloop.errors import NightloopError, StoreDamaged, StoreUnavailable, UsageError
from nightloop.lake import Lake
from nightloop.lake.digest import content_digest
from nightloop.lake.missing import publishing
from nightloop.model import champions
from nightloop.nights import Night, Nights, one
from nightloop.workspace import Workspace


@dataclass
class Verified:
    """How much was compared, and each thing that is not what was recorded, or could not be reached to tell."""

    use_case: str
    tables: int = 0
    files: int = 0
    bytes: int = 0
    events: int = 0
    bundles: int = 0
    troubles: list[NightloopError] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 where all is what was recorded; that of damage where some is not; else that of what cannot be reached."""
        codes = {trouble.exit_code for trouble in self.troubles}
        return StoreDamaged.exit_code if StoreDamaged.exit_code in codes else max(codes, default=0)

    def as_json(self) -> dict[str, object]:
        """Return plain values."""
        counted = {name: value for name, value in vars(self).items() if name != "troubles"}
        return {**counted, "troubles": [trouble.as_json() for trouble in self.troubles]}

    def in_words(self) -> str:
        """Say how much was compared, and what came of it."""
        of_tables = f"{self.files:,} files ({self.bytes:,} bytes) of {self.tables} tables"
        outcome = f"{len(self.troubles)} damaged or out of reach" if self.troubles else "all are what was recorded"
        return f"{self.use_case}: {of_tables}, {self.events:,} events, {self.bundles} bundles: {outcome}"


def run(
    use_case: str, workspace: Workspace, nights: Nights | None = None, *, content: bool = False, progress: Progress = silent
) -> Verified:
    """Compare everything, go on after each trouble, and return what came of it.

    Args:
        use_case: name of the use case.
        workspace: its stores.
        nights: of the tables (default: all); the ledger and the bundles are compared as wholes.
        content: work out the content digest of each night from its rows, too. Files of commits that recorded no checksum
            are compared by it in any case.
        progress: called for each night of a table, and for each bundle.
    """
    verified = Verified(use_case)
    steady = workspace.steady()
    parts = (
        _tables(verified, steady.lake, nights, content=content, progress=progress),
        _ledger(verified, steady),
        _bundles(verified, steady, progress),
    )
    for troubles in parts:
        try:
            for trouble in troubles:
                verified.troubles.append(trouble)
        except (StoreDamaged, StoreUnavailable) as error:
            verified.troubles.append(error)
    return verified


def _tables(
    verified: Verified, lake: Lake, nights: Nights | None, *, content: bool, progress: Progress
) -> Iterator[NightloopError]:
    for table in lake.tables():
        if not table.startswith(f"{verified.use_case}/"):
            continue
        try:
            if not lake.exists(table):  # its first commit is still to come
                continue
            snapshot = lake.snapshot(table, nights)
        except (StoreDamaged, StoreUnavailable) as error:
            yield error
            continue
        verified.tables += 1
        verified.files += len(snapshot.paths)
        verified.bytes += snapshot.size
        for done, (night, paths) in enumerate(snapshot.files.items()):
            progress(f"comparing {table}", done, len(snapshot.files))
            try:
                for path in paths:
                    snapshot.check_file(night, path)
                if content or not snapshot.checksums.get(night):
                    _check_content(lake, table, night)
            except (StoreDamaged, StoreUnavailable) as error:
                yield error


def _check_content(lake: Lake, table: str, night: Night) -> None:
    """Compare the rows of a night with the content digest of its commit."""
    recorded = lake.states(table)[night].content_digest
    actual = content_digest(lake.read(table, one(night)).drop_columns(["night"]))
    if actual != recorded:
        what = (
            f"the rows of night {night} of table {table} are not those that were published (digest {actual}, not {recorded})."
        )
        raise StoreDamaged(what, where=lake.folder(table), do=f"Publish it again: {publishing(table, str(night))}")


def _ledger(verified: Verified, workspace: Workspace) -> Iterator[NightloopError]:
    verified.events = workspace.ledger.verify().events
    yield from ()


def _bundles(verified: Verified, workspace: Workspace, progress: Progress) -> Iterator[NightloopError]:
    """Compare the bundle of each version that ever was champion, as the registry has it, with what its promotion recorded."""
    of_ledger = champions.history(workspace.ledger, verified.use_case)
    if not of_ledger:
        return
    registry = workspace.registry
    for done, champion in enumerate(of_ledger):
        progress("comparing bundles", done, len(of_ledger))
        verified.bundles += 1
        try:
            with tempfile.TemporaryDirectory(prefix="nightloop-") as home:  # where no bundle is kept yet: each is downloaded
                of_fresh_home = registry.settings.model_copy(update={"home": Path(home)})
                replace(registry, settings=of_fresh_home).fetch_champion(verified.use_case, champion)
        except (StoreDamaged, StoreUnavailable) as error:
            yield error
        except UsageError as error:
            yield StoreDamaged(error.what, do="Bring MLflow's database back from a backup, or train a new champion.")
