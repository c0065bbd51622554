"""Read a file into a table of text columns, exactly as it was written; anything unreadable is said, never guessed.

Parsing (0.5 s for the flights of a year) would be the dearest part of a small night, so the text of a source that
holds all nights in one file is kept as Parquet in HOME/cache/sources, named by the digest of the file's bytes. The cache can be
deleted at any time.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import tempfile
import zipfile
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from nightloop.errors import SourceDamaged
from nightloop.sources.located import KINDS, Located

ROW = "=row"  # the record's position in its file; no CSV of ours has a column of this name
_FORMAT = "text-1"  # part of the cache's key: raise it when parsing changes


def read_text(located: Located) -> pa.Table:
    """Return the file's records as text columns, plus ``=row``.

    Raises:
        SourceDamaged: not readable as a CSV (or Parquet) in UTF-8 with one column a name.
    """
    try:
        return _parse(located, located.path.read_bytes())
    except OSError as error:
        raise _damaged(located, f"the file cannot be read ({error.strerror or error})") from error


def cached_text(located: Located, cache: Path) -> Path:
    """Return a Parquet copy of ``read_text``, made on the first call for this content of the file."""
    try:
        content = located.path.read_bytes()
    except OSError as error:
        raise _damaged(located, f"the file cannot be read ({error.strerror or error})") from error
    key = hashlib.blake2b(f"{_FORMAT}|{located.path.name}|{located.null}|".encode() + content, digest_size=16).hexdigest()
    copy = cache / f"{key}.parquet"
    if not copy.exists():
        table = _parse(located, content)
        cache.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=cache, suffix=".partial")
        os.close(handle)
        pq.write_table(table, name, compression="zstd", row_group_size=65536)
        Path(name).replace(copy)  # a reader sees all of it or nothing, whoever is killed
    return copy


def _parse(located: Located, content: bytes) -> pa.Table:
    name = located.path.name.lower()
    if name.endswith(".parquet"):
        table = _from_parquet(located, content)
    elif name.endswith(".csv.zip"):
        table = _from_csv(located, _unzipped(located, content))
    elif name.endswith(".csv"):
        table = _from_csv(located, content)
    else:
        raise _damaged(located, f"the file is of an unknown kind; known are {', '.join(KINDS)}")
    return table.append_column(ROW, pa.array(range(table.num_rows), pa.int64()))


def _unzipped(located: Located, content: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [entry for entry in archive.namelist() if entry.lower().endswith(".csv")]
            if len(members) != 1:
                raise _damaged(located, f"expected one .csv in the zip, found {len(members)}")
            return archive.read(members[0])
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _damaged(located, f"expected a zip with one CSV in it, but it does not unpack ({error})") from error


def _from_csv(located: Located, content: bytes) -> pa.Table:
    names = _header(located, content)
    try:
        return pa_csv.read_csv(
            pa.BufferReader(content),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[located.null],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        raise _damaged(located, f"expected a CSV in UTF-8 with {len(names)} columns ({str(error).strip()[:300]})") from error


def _header(located: Located, content: bytes) -> list[str]:
    try:
        first = content[: content.find(b"\n") % (len(content) + 1)].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _damaged(located, f"expected a CSV in UTF-8 ({error.reason} in its first line)") from error
    names = next(csv.reader([first]), [])
    if not any(names):
        raise _damaged(located, "expected a first line with the names of the columns, and it is empty")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated or ROW in names:
        raise _damaged(located, f"expected one column a name; repeated or reserved: {', '.join(repeated or [ROW])}")
    return names


def _from_parquet(located: Located, content: bytes) -> pa.Table:
    try:
        table = pq.read_table(pa.BufferReader(content))
        return pa.table({name: table.column(name).cast(pa.string()) for name in table.column_names})
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise _damaged(located, f"expected Parquet with flat columns ({str(error).strip()[:300]})") from error


def _damaged(located: Located, what: str) -> SourceDamaged:
    return SourceDamaged(f"the source is damaged: {what}.", where=str(located.path), do=located.remedy)
