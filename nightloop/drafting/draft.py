"""From a sample to the text of a definition and its contracts, proven to load and to read the sample."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import available_timezones

import pyarrow as pa

from nightloop.contracts.suite import load_contract
from nightloop.definitions.loading import parse_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.drafting.contract_text import contract_text
from nightloop.drafting.definition_text import definition_text
from nightloop.drafting.plan import DraftOptions, Plan, plan
from nightloop.drafting.proposals import proposals
from nightloop.drafting.sample import read_sample
from nightloop.errors import UsageError, meant
from nightloop.nights import Nights
from nightloop.sources import raw_schema, read_source

__all__ = ["Draft", "DraftOptions", "draft_use_case"]

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


def draft_use_case(name: str, source: str, options: DraftOptions, definitions: Path) -> Draft:
    """Draft a use case; nothing is written.

    Args:
        name: of the use case.
        source: file, pattern with {night}, s3://…, or sql:CONNECTION:TABLE.
        options: what is told and not to be guessed.
        definitions: folder the definition will be in: relative paths in it start at its parent.

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
        drafted = plan(sample, options)
        text = definition_text(name, source, sample.connector, drafted, proposals(drafted))
        use_case = parse_use_case(text, f"feature_defs/{name}.yaml", name)
        read, refused, repeated = _tried(use_case, drafted, definitions, Path(cache))
    sources = ((drafted.entity, drafted.fields), (drafted.outcomes, drafted.outcome_fields))
    contracts = {source: contract_text(source, fields, drafted, repeated) for source, fields in sources}
    _check(contracts, use_case)
    return Draft(use_case, drafted, text, contracts, read, refused)


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


def _tried(use_case: UseCase, drafted: Plan, definitions: Path, cache: Path) -> tuple[int, int, float]:
    """Read the data as ingest will, for a draft that cannot read its own sample is none.

    Returns:
        Records of the entity that are read; that are refused; and the largest share of a night's that repeat a key of it.
    """
    nights = Nights(drafted.first_night, drafted.last_night)
    reading = read_source(drafted.entity, use_case, nights, cache=cache, definitions=definitions)
    arrivals = list(reading.arrivals.values())
    read, refused = sum(of.rows.num_rows for of in arrivals), sum(len(of.refused) for of in arrivals)
    return read, refused, max((_repeated(arrival.rows, drafted.key) for arrival in arrivals), default=0.0)


def _repeated(rows: pa.Table, key: Sequence[str]) -> float:
    """Return the share of records whose key another record before them has."""
    return 1 - rows.group_by(list(key)).aggregate([]).num_rows / rows.num_rows if rows.num_rows else 0.0
