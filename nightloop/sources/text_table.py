"""Tables of records as they were read, the position of each, and what makes one invalid.

A record is invalid when a value is larger than the connector allows: it goes to quarantine. Everything else about a record is
judged later, by its expressions and its contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nightloop.atomic_file import replacing
from nightloop.errors import SourceDamaged
from nightloop.sources.casts.stored import as_text

PREFIX = "=nl:"  # of the columns that are added to a source's own; no source has a column whose name begins with it
ROW = f"{PREFIX}row"  # the record's position
FLAW = f"{PREFIX}flaw"  # why the record is not read on; null for all but a few
OURS = (ROW, FLAW)
MAXIMUM_COLUMNS = 2000
TITLE = "Take off what stands above the line with the names of the columns."
LONGEST_VALUE = 64
"""Bytes that no value has whose column is not text: dates, times and numbers are shorter when they are written."""


def check_names(names: Sequence[str], origin: str, remedy: str) -> None:
    """Refuse columns that could not be told apart: DuckDB SQL does not tell capitals from small letters.

    Raises:
        SourceDamaged: a name is there twice, or is one of ours, or most are missing, or there are too many.
    """
    if len(names) > MAXIMUM_COLUMNS:
        raise damaged(origin, f"expected at most {MAXIMUM_COLUMNS} columns, and there are {len(names)}", remedy)
    folded = [name.casefold() for name in names]
    repeated = sorted({name for name in names if folded.count(name.casefold()) > 1 or name.casefold().startswith(PREFIX)})
    if repeated == [""] and 2 * names.count("") > len(names):
        what = f"the first line names {len(names) - names.count('')} of {len(names)} columns: it seems to be a title"
        raise damaged(origin, what, TITLE)
    if repeated:
        what = f"expected one column a name; repeated or reserved: {', '.join(repeated)}"
        raise damaged(
            origin, what, f"Give them different names: capitals are small letters here, and none may begin with '{PREFIX}'."
        )


def finished(table: pa.Table, maximum_cell_bytes: int) -> pa.Table:
    """Append ``=nl:row`` and ``=nl:flaw`` to a table of records."""
    if maximum_cell_bytes < LONGEST_VALUE:
        table = as_text(table)
    flaws: dict[int, str] = {}
    for name in (field.name for field in table.schema if field.type == pa.string()):
        size = pc.binary_length(table.column(name))
        for row in _above(size, maximum_cell_bytes):
            flaws.setdefault(row, f"'{name}' holds {size[row].as_py()} bytes; at most {maximum_cell_bytes} are allowed.")
    rows = pa.array(np.arange(table.num_rows, dtype=np.int64))
    flaw = (
        pa.array([flaws.get(row) for row in range(table.num_rows)], pa.string())
        if flaws
        else pa.nulls(table.num_rows, pa.string())
    )
    return table.append_column(ROW, rows).append_column(FLAW, flaw)


def _above(sizes: pa.ChunkedArray, maximum: int) -> list[int]:
    largest = pc.max(sizes).as_py()
    return [] if largest is None or largest <= maximum else np.flatnonzero(pc.greater(sizes, maximum).fill_null(False)).tolist()


def keep_copy(table: pa.Table, copy: Path) -> None:
    """Write a table to ``copy`` so that a reader sees all of it or nothing, whoever is killed."""
    with replacing(copy) as fresh:
        pq.write_table(table, fresh, compression="zstd", row_group_size=65536)


def damaged(origin: str, what: str, remedy: str) -> SourceDamaged:
    """Return the error that names a damaged source."""
    return SourceDamaged(f"the source is damaged: {what}.", where=origin, do=remedy)
