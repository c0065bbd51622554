"""From a sample to the text of a definition and its contracts, proven to load and to read the sample; and to their files."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import available_timezones

import pyarrow as pa

from nightloop.atomic_file import write_atomically
from nightloop.contracts.suite import load_contract
from nightloop.definitions.loading import parse_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.drafting.contract_text import contract_text
from nightloop.drafting.definition_text import definition_text, split_of
from nightloop.drafting.plan import DraftOptions, Plan, plan
from nightloop.drafting.proposals import of_calendar
from nightloop.drafting.sample import read_sample
from nightloop.drafting.selection import Selection, select, with_groups
from nightloop.drafting.worth.sample_rows import open_rows
from nightloop.drafting.worth.search import Progress
from nightloop.errors import SetupError, UsageError, meant
from nightloop.nights import Nights
from nightloop.sources import Reading, raw_schema, read_source

__all__ = ["Draft", "DraftOptions", "draft_use_case", "save"]

CHECK = "check:"


@dataclass(frozen=True)
class Draft:
    """What is proposed.

    Attributes:
        definition: text of feature_defs/<use case>.yaml.
        contracts: text of each suite, by source.
        read, refused: records of the entity that the definition reads from the data, and that it cannot read.
    """

    use_case: UseCase
    plan: Plan
    definition: str
    contracts: Mapping[str, str]
    read: int
    refused: int

    @property
    def checks(self) -> list[tuple[int, str]]:
        """The guesses a person has to look at: line of the definition, and what is asked."""
        lines = enumerate(self.definition.splitlines(), start=1)
        marked = ((number, re.split(rf"(?:# |; ){CHECK}", line, maxsplit=1)) for number, line in lines)
        return [(number, parts[1].strip()) for number, parts in marked if len(parts) > 1]


def _silent(_doing: str, _done: int, _total: int) -> None:
    """Tell nobody."""


def draft_use_case(name: str, source: str, options: DraftOptions, definitions: Path, progress: Progress = _silent) -> Draft:
    """Draft a use case; nothing is written.

    Args:
        name: of the use case.
        source: file, pattern with {night}, s3://…, or sql:CONNECTION:TABLE.
        options: what is told and not to be guessed.
        definitions: folder the definition will be in: relative paths in it start at its parent.
        progress: told of long work: what is done, how much of it, of how much.

    Raises:
        UsageError: the name is not legal, or something can neither be read nor guessed.
        SourceDamaged: the data is not readable.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
        raise UsageError(
            f"'{name}' cannot be the name of a use case.",
            do="Begin with a small letter; use small letters, digits and underscores only (at most 63).",
        )
    check_zone(options.time_zone)
    with tempfile.TemporaryDirectory(prefix="nightloop-draft-") as cache:
        sample = read_sample(source, definitions, Path(cache))
        wide = with_groups(plan(sample, options))
        every = _parsed(name, definition_text(name, source, sample.connector, Selection(wide, [*of_calendar(wide)])))
        readings = _read(every, wide, definitions, Path(cache))
    with open_rows(every, readings, Nights(wide.first_night, wide.last_night)) as rows:
        held_back = split_of(wide)["validate_nights"]
        selection = select(rows, wide, held_back=held_back, steps=options.search_steps, progress=progress)
    drafted, text = selection.plan, definition_text(name, source, sample.connector, selection)
    use_case = _parsed(name, text)
    arrivals = list(readings[drafted.entity].arrivals.values())
    read, refused = sum(of.rows.num_rows for of in arrivals), sum(len(of.refused) for of in arrivals)
    repeated = max((_repeated(of.rows, drafted.key) for of in arrivals), default=0.0)
    sources = ((drafted.entity, drafted.fields), (drafted.outcomes, drafted.outcome_fields))
    contracts = {of: contract_text(of, fields, drafted, repeated) for of, fields in sources}
    _check(contracts, use_case)
    return Draft(use_case, drafted, text, contracts, read, refused)


def _parsed(name: str, text: str) -> UseCase:
    return parse_use_case(text, f"feature_defs/{name}.yaml", name)


def check_zone(name: str) -> None:
    """Refuse what is no time zone.

    Raises:
        UsageError: it is none.
    """
    if name not in available_timezones():
        raise UsageError(
            f"'{name}' is no time zone.",
            where="--time-zone",
            do=f"{meant(name, available_timezones())}Write one like America/New_York.",
        )


def _check(contracts: Mapping[str, str], use_case: UseCase) -> None:
    with tempfile.TemporaryDirectory(prefix="nightloop-draft-") as folder:
        for source, text in contracts.items():
            path = Path(folder) / use_case.use_case / f"{source}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            load_contract(Path(folder), use_case.use_case, source, raw_schema(use_case.sources[source]).names)


def _read(use_case: UseCase, drafted: Plan, definitions: Path, cache: Path) -> dict[str, Reading]:
    """Read both sources as ingest will; a draft that cannot read its own sample is none."""
    nights = Nights(drafted.first_night, drafted.last_night)
    return {name: read_source(name, use_case, nights, cache=cache, definitions=definitions) for name in use_case.sources}


def _repeated(rows: pa.Table, key: Sequence[str]) -> float:
    """Return the share of records whose key another record before them has."""
    return 1 - rows.group_by(list(key)).aggregate([]).num_rows / rows.num_rows if rows.num_rows else 0.0


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
