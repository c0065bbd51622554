"""Read the sample that a draft is made from: a file, files by a pattern, or a table of a database."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nightloop.definitions.connectors import PLAIN, Connector, CsvDialect, FilesConnector, SqlConnector
from nightloop.definitions.patterns import S3, files_fault
from nightloop.errors import SourceDamaged, UsageError
from nightloop.nights import Night
from nightloop.settings import connection
from nightloop.sources.casts.stored import as_text
from nightloop.sources.connector import SourceContext
from nightloop.sources.dialects import likely_dialect
from nightloop.sources.factory import open_connector
from nightloop.sources.files import REMEDY, Folder
from nightloop.sources.formats import KINDS, FileReading, csv_bytes
from nightloop.sources.reader import Files, first
from nightloop.sources.text_table import FLAW, OURS
from nightloop.sources.unpacking import Allowance

LARGEST = 500_000
"""Rows a draft looks at: of more, every so many-th."""


@dataclass(frozen=True)
class Sample:
    """Records as text, and the connector that brings them.

    Attributes:
        text: one column of text per column of the file, under the file's names.
        rows: how many records the source holds; ``text`` may hold fewer.
        connector: as the definition will declare it.
        stem: what the source may be called.
    """

    text: pa.Table
    rows: int
    connector: Connector
    stem: str


def read_sample(source: str, definitions: Path, cache: Path | None = None) -> Sample:
    """Read what ``--from`` names.

    Args:
        source: path of a file, a pattern with {night}, s3://…, or sql:CONNECTION:[SCHEMA.]TABLE.
        definitions: folder of the use cases; the pattern in the definition is relative to its parent.
        cache: folder for parsed copies, where the source will be read again.

    Raises:
        UsageError: it names nothing that can be read.
        SourceDamaged: what is there is not readable, or holds no record.
    """
    connector, stem = _sql(source) if source.startswith("sql:") else _files(source, definitions)
    sampled = all_files(connector)
    with tempfile.TemporaryDirectory(prefix="nightloop-sample-") as folder:
        context = SourceContext(definitions, stem, Night.min, "UTC", cache or Path(folder), None, connection)
        if isinstance(connector, FilesConnector) and isinstance(sampled, FilesConnector):
            dialect = {"csv": _dialect(sampled, context)}
            connector, sampled = connector.model_copy(update=dialect), sampled.model_copy(update=dialect)
        delivery = open_connector(sampled, context).read(None)
        held = delivery.records if delivery else pa.table({})
        table = as_text(held if isinstance(held, pa.Table) else pq.read_table(held))
    if not table.num_rows:
        raise SourceDamaged("there is no record to draft from.", where=source, do="Give a sample with some days of records.")
    usable = table.filter(pc.is_null(table.column(FLAW))).drop_columns(list(OURS))
    step = -(-usable.num_rows // LARGEST)
    return Sample(usable.take(pa.array(range(0, usable.num_rows, step))), table.num_rows, connector, stem)


def all_files(connector: Connector) -> Connector:
    """Return the connector to the files of all nights at once.

    Outcomes are read by it, too: one is known later than the night whose file holds it.
    """
    if not (isinstance(connector, FilesConnector) and connector.each_night):
        return connector
    return connector.model_copy(update={"pattern": connector.pattern.replace("{night}", "*")})


def _dialect(connector: FilesConnector, context: SourceContext) -> CsvDialect:
    """Return how the first file is likely written, if it is a CSV."""
    paths = tuple(path for path, _ in Folder(connector, context.base, context.cache).listing(None).files)
    if not paths:
        return PLAIN
    sizes = connector.maximum_bytes, connector.maximum_cell_bytes
    path, content = first(Files(paths[:1], connector.null, REMEDY, *sizes))
    plain = csv_bytes(content, FileReading(path, connector.null, REMEDY, Allowance(connector.maximum_bytes)))
    return PLAIN if plain is None else likely_dialect(plain)


def _sql(source: str) -> tuple[Connector, str]:
    _, name, table = [*source.split(":", 2), "", ""][:3]
    if not name or not table:
        raise UsageError(
            f"'{source}' names no table.", where="--from", do="Write sql:CONNECTION:TABLE, for example sql:shop:orders."
        )
    schema, dot, rest = table.partition(".")
    declared = {"kind": "sql", "connection": name, "table": rest if dot else table} | ({"schema": schema} if dot else {})
    try:
        return SqlConnector.model_validate(declared), rest if dot else table
    except ValueError as error:
        raise UsageError(
            f"'{name}' cannot be the name of a connection.",
            where="--from",
            do=f"Use small letters, digits and _; NIGHTLOOP_CONNECTION_{name.upper()} then holds its address.",
        ) from error


def _files(source: str, definitions: Path) -> tuple[Connector, str]:
    if not source.lower().endswith(KINDS):
        raise UsageError(f"'{source}' is of no kind that can be read.", where="--from", do=f"Give one of: {', '.join(KINDS)}.")
    base = definitions.resolve().parent
    path = Path(source).expanduser().absolute()
    inside = path.resolve().is_relative_to(base) and not source.startswith(S3)
    pattern = source if source.startswith(S3) else str(path.resolve().relative_to(base) if inside else path)
    connector = FilesConnector(kind="files", pattern=pattern, absolute=not inside and not source.startswith(S3))
    if fault := files_fault(connector):
        raise UsageError(fault[0], where="--from", do=f"{fault[1]} Rename the file, or give a path without braces.")
    if not source.startswith(S3) and not set(source) & set("*?{") and not path.is_file():
        raise UsageError(f"there is no file '{source}'.", where="--from", do="Give the path of a file that exists.")
    return connector, _stem(pattern)


def _stem(pattern: str) -> str:
    """Return the file's name without its endings and the night: data/{night}/orders-*.csv.gz -> orders."""
    for part in reversed(pattern.split("/")):
        bare = part.replace("{night}", "")
        for ending in sorted(KINDS, key=len, reverse=True):
            bare = bare[: -len(ending)] if bare.lower().endswith(ending) else bare
        if any(character.isalpha() for character in bare):
            return bare
    return "records"
