"""Read the bytes of one file into columns, exactly as they were written; what is unreadable is an error, never guessed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from nightloop.definitions.connectors import PLAIN, CsvDialect
from nightloop.errors import SourceDamaged
from nightloop.sources.casts.stored import as_read, joined
from nightloop.sources.dialects import decoded, near_miss
from nightloop.sources.json_lines import NotJsonLines, json_lines
from nightloop.sources.quotes import first_unclosed
from nightloop.sources.text_table import check_names, damaged
from nightloop.sources.unpacking import Allowance, NotUnpacked, TooLarge, gunzipped, unzipped

_STRADDLING = "straddling"
PARQUET_ROWS = 65_536


@dataclass(frozen=True)
class FileReading:
    """How one file is read, and what an error of it names."""

    origin: str
    null: str
    remedy: str
    allowance: Allowance
    dialect: CsvDialect = PLAIN

    def damaged(self, what: str) -> SourceDamaged:
        """Return the error that names the file."""
        return damaged(self.origin, what, self.remedy)


def records_of(content: bytes, reading: FileReading) -> pa.Table:
    """Return the records of a file: columns of text, or of values that stand for it (casts/stored.py).

    Raises:
        SourceDamaged: not readable as what its name says, or larger than allowed.
    """
    name = reading.origin.lower()
    ending = next((kind for kind in KINDS if name.endswith(kind)), "")
    if not ending:
        raise reading.damaged(f"the file is of an unknown kind; known are {', '.join(KINDS)}")
    try:
        plain = _unpacked(content, ending, reading)
        table = _PARSERS[ending.removesuffix(".gz").removesuffix(".zip")](plain, reading)
    except (NotUnpacked, TooLarge) as error:
        raise reading.damaged(str(error)) from error
    check_names(table.column_names, reading.origin, reading.remedy)
    return table


def _unpacked(content: bytes, ending: str, reading: FileReading) -> bytes:
    if ending.endswith(".gz"):
        return gunzipped(content, reading.allowance)
    if ending.endswith(".zip"):
        return unzipped(content, ending.removesuffix(".zip"), reading.allowance)
    reading.allowance.take(len(content))
    return content


def _from_csv(content: bytes, reading: FileReading) -> pa.Table:
    content = _in_utf8(content, reading)
    names = _header(content, reading)
    check_names(names, reading.origin, reading.remedy)
    _check_quotes(content, reading)
    try:
        try:
            return _parse_csv(content, names, reading, None)
        except pa.ArrowInvalid as error:
            if _STRADDLING not in str(error):
                raise
            return _parse_csv(content, names, reading, len(content))  # a record longer than a block
    except pa.ArrowInvalid as error:
        raise _no_csv(
            content, reading, f" with {len(names)} column{'s' * (len(names) > 1)} ({str(error).strip()[:300]})"
        ) from error


def _no_csv(content: bytes, reading: FileReading, what: str) -> SourceDamaged:
    """Return the error of a CSV that is not as declared, with what it looks like instead."""
    declared = reading.dialect
    encoding = {"utf-8": "UTF-8"}.get(declared.encoding, declared.encoding)
    return reading.damaged(f"expected a CSV in {encoding}{what}{near_miss(content, declared)}")


def _in_utf8(content: bytes, reading: FileReading) -> bytes:
    if reading.dialect.encoding == "utf-8":
        return content
    try:
        return decoded(content, reading.dialect.encoding).encode()
    except UnicodeError as error:
        raise _no_csv(content, reading, f" ({error})") from error


def _parse_csv(content: bytes, names: list[str], reading: FileReading, block_size: int | None) -> pa.Table:
    return pa_csv.read_csv(
        pa.BufferReader(content),
        read_options=pa_csv.ReadOptions(block_size=block_size),
        parse_options=pa_csv.ParseOptions(
            delimiter=reading.dialect.separator, quote_char=reading.dialect.quote or False, newlines_in_values=True
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[reading.null],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _check_quotes(content: bytes, reading: FileReading) -> None:
    separator, quote = reading.dialect.separator, reading.dialect.quote
    start = first_unclosed(content, separator, quote) if quote else None
    if start is not None:
        between = {",": "a comma", "\t": "a tab"}.get(separator, f"'{separator}'")
        line = content.count(b"\n", 0, start) + 1
        raise reading.damaged(f"a quoted value begins in line {line} and does not end before {between} or an end of line")


def _header(content: bytes, reading: FileReading) -> list[str]:
    """Read the first record: the names of the columns, which may hold quotes and line ends as any value."""
    text = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", errors="surrogateescape", newline="")
    quote = reading.dialect.quote
    separator = reading.dialect.separator
    how = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    records = csv.reader(text, delimiter=separator, **how)
    try:
        names = next(records, [])
        "".join(names).encode()
    except (csv.Error, UnicodeEncodeError) as error:
        raise _no_csv(content, reading, ", and its first line is not") from error
    if not any(names):
        raise reading.damaged("expected a first line with the names of the columns, and it is empty")
    return names


def csv_bytes(content: bytes, reading: FileReading) -> bytes | None:
    """Return the unpacked bytes of a CSV; None for files of other kinds.

    Raises:
        SourceDamaged: not unpacked, or larger than allowed.
    """
    name = reading.origin.lower()
    ending = next((kind for kind in KINDS if name.endswith(kind)), "")
    if _PARSERS.get(ending.removesuffix(".gz").removesuffix(".zip")) is not _from_csv:
        return None
    try:
        return _unpacked(content, ending, reading)
    except (NotUnpacked, TooLarge) as error:
        raise reading.damaged(str(error)) from error


def _from_json_lines(content: bytes, reading: FileReading) -> pa.Table:
    try:
        return json_lines(content)
    except NotJsonLines as error:
        raise reading.damaged(f"expected JSON Lines in UTF-8 ({error})") from error


def _from_parquet(content: bytes, reading: FileReading) -> pa.Table:
    try:
        return parquet_records(content, lambda names: check_names(names, reading.origin, reading.remedy), reading.allowance)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise reading.damaged(f"expected Parquet with flat columns ({str(error).strip()[:300]})") from error


def parquet_records(content: bytes, check: Callable[[list[str]], None], allowance: Allowance) -> pa.Table:
    """Return the rows, each column as text or as values that stand for it; ``check`` is given the names before all else.

    It goes piece by piece, for a few bytes of Parquet can stand for gigabytes.

    Repeated texts stay encoded until their size is known, so that nothing larger than allowed is ever unpacked.

    Raises:
        TooLarge: the values take more than is allowed.
        pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError, OSError: truncated, damaged or nested.
    """
    schema = pq.read_schema(pa.BufferReader(content))
    check(schema.names)
    texts = [field.name for field in schema if _is_text(field.type)]
    file = pq.ParquetFile(pa.BufferReader(content), read_dictionary=texts)
    pieces = []
    for batch in file.iter_batches(PARQUET_ROWS):
        for column in batch.columns:
            allowance.take(_size(column))
        pieces.append(pa.table({name: as_read(_plain(batch.column(name))) for name in schema.names}))
    return joined(pieces or [pa.table({field.name: pa.array([], pa.string()) for field in schema})])


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind))


def _size(column: pa.Array) -> int:
    if not isinstance(column, pa.DictionaryArray):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary).take(column.indices)
    return int(pc.sum(lengths.cast(pa.int64())).as_py() or 0)


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column


_PARSERS: dict[str, Callable[[bytes, FileReading], pa.Table]] = {
    ".csv": _from_csv,
    ".tsv": _from_csv,
    ".jsonl": _from_json_lines,
    ".ndjson": _from_json_lines,
    ".parquet": _from_parquet,
}
KINDS = (*_PARSERS, *(f"{ending}.gz" for ending in _PARSERS), ".csv.zip")
