"""Draft the use case of a tour in a home of its own, and choose its nights."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from jobs.tour.files import MADE_UP, in_a_made_up_order, together, write
from nightloop.definitions import UseCase, load_use_case
from nightloop.drafting import Draft, DraftOptions, draft_use_case, save
from nightloop.errors import UsageError, command
from nightloop.nights import Nights
from nightloop.settings import Settings, load_settings

FEWEST_NIGHTS, MOST_NIGHTS, ENOUGH_RECORDS = 90, 365, 20_000


@dataclass(frozen=True)
class TourHome:
    """The folder of a tour: its definition, contracts, tables, ledger, registry and pages.

    Attributes:
        folder: of all of it; deleting it leaves nothing behind.
        name: of the use case.
    """

    folder: Path
    name: str

    @property
    def definition(self) -> Path:
        """The use case's file."""
        return self.folder / "feature_defs" / f"{self.name}.yaml"

    @property
    def page(self) -> Path:
        """The page that the tour ends with."""
        return self.folder / "index.html"

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which every other command works on this home."""
        return {
            "NIGHTLOOP_HOME": str(self.folder),
            "NIGHTLOOP_DEFINITIONS": str(self.definition.parent),
            "NIGHTLOOP_CONTRACTS": str(self.folder / "great_expectations"),
        }

    @property
    def settings(self) -> Settings:
        """Settings of this home alone: nothing of the environment's stores and channels is touched."""
        return load_settings(
            home=self.folder,
            definitions=self.definition.parent,
            contracts=self.folder / "great_expectations",
            engine="local",
            **dict.fromkeys(("lake_url", "ledger_url", "mlflow_url", "artifacts_url", "dvc_remote"), ""),
            **dict.fromkeys(("smtp_url", "slack_url", "ping_url"), None),
        )


@dataclass(frozen=True)
class DraftedTour:
    """A use case that was drafted and written.

    Attributes:
        draft: with what was guessed.
        use_case: as it stands in the home.
        notes: what was done to the data, in sentences.
    """

    draft: Draft
    use_case: UseCase
    notes: Sequence[str]

    @property
    def nights(self) -> Nights:
        """The nights that the tour takes in."""
        return Nights(self.use_case.first_night, self.use_case.last_night or self.use_case.first_night)


def make_draft(home: TourHome, sources: Sequence[str], options: DraftOptions, *, force: bool = False) -> DraftedTour:
    """Draft, and write the definition and its contracts into the home; a tour of the same draft goes on.

    Args:
        home: where.
        sources: a file, a pattern, a table; or several files.
        options: what is not to be guessed.
        force: begin anew where another draft stands.

    Raises:
        UsageError: another draft stands there, or something can neither be read nor guessed.
        SourceDamaged: the data is not readable.
    """
    draft, notes = _draft(home, sources, options)
    text, clipped = _newest_nights(draft)
    suites = {home.folder / "great_expectations" / home.name / f"{name}.yaml": of for name, of in draft.contracts.items()}
    if home.definition.exists() and home.definition.read_text(encoding="utf-8") != text:
        if not force:
            raise UsageError(
                "a tour of another draft stands there.",
                where=str(home.folder),
                do="Begin anew: --force. Or choose another folder: --home.",
            )
        for child in ("lake", "artifacts", "bundles", "training", "reports", "cache", "locks", "ledger-digests"):
            shutil.rmtree(home.folder / child, ignore_errors=True)
        for database in home.folder.glob("*.db*"):
            database.unlink()
    save({home.definition: text, **suites}, force=True)
    return DraftedTour(draft, load_use_case(home.name, home.definition.parent), [*notes, *clipped])


def _draft(home: TourHome, sources: Sequence[str], options: DraftOptions) -> tuple[Draft, list[str]]:
    """Return the draft; of a copy of the data where there are several files, or no time."""
    definitions, notes = home.definition.parent, list[str]()
    draft_of: Callable[[str], Draft] = lambda source: draft_use_case(home.name, source, options, definitions)  # noqa: E731
    copy = home.folder / "data" / f"{home.name}.parquet"
    source = sources[0]
    if len(sources) > 1:
        table, notes = together(sources, definitions)
        source = str(write(table, copy))
        notes.append(f"{len(sources)} files were put together: {table.num_rows:,} records of {table.num_columns} columns.")
    try:
        return draft_of(source), notes
    except UsageError as error:
        if error.where != "--event-at" or options.event_at is not None:
            raise
        reason = f"{error.what[0].upper()}{error.what[1:]}"  # a column that is nearly one is named in it
    table = in_a_made_up_order(together([source], definitions)[0])
    notes.append(
        f"{reason} The records were shuffled over dates that are made up (column {MADE_UP}). "
        "What the pages say of nights and drift is a show; with a real time, figures may be worse. Is there a column of "
        "times? Name it: --event-at."
    )
    return draft_of(str(write(table, copy))), notes


def _newest_nights(draft: Draft) -> tuple[str, list[str]]:
    """Return the definition with as many of the newest nights as hold enough records: a tour is to end in minutes."""
    first, last = draft.plan.first_night, draft.plan.last_night
    span = (last - first).days + 1
    nights = min(MOST_NIGHTS, max(FEWEST_NIGHTS, math.ceil(ENOUGH_RECORDS * span / max(draft.plan.rows, 1))))
    if span <= nights:
        return draft.definition, []
    begin = last - timedelta(days=nights - 1)
    text = re.sub(
        r"(?m)^first_night: \S+.*$", f"first_night: {begin}  # the tour takes the newest {nights} nights", draft.definition
    )
    again = command("ingest", draft.use_case.use_case, f"{first}..{last}")
    return text, [f"Of {span:,} nights the newest {nights} were taken; set first_night to {first} for all ({again})."]
