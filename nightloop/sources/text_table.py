"""Tables of text columns: records as they were read, the position of each, and what makes one invalid.

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

ROW = "=row"  # the record's position; no source has a column of this name
FLAW = "=flaw"  # why the record is not read on; null for all but a few
OURS = (ROW, FLAW)
MAXIMUM_COLUMNS = 2000


def check_names(names: Sequence[str], origin: str, remedy: str) -> None:
    """Refuse columns that could not be told apart: DuckDB SQL does not tell capitals from small letters.

    Raises:
        SourceDamaged: a name is there twice, or is one of ours, or there are too many.
    """
    if len(names) > MAXIMUM_COLUMNS:
        raise damaged(origin, f"expected at most {MAXIMUM_COLUMNS} columns, and there are {len(names)}", remedy)
    folded = [name.casefold() for name in names]
    repeated = sorted({name for name in names if folded.count(name.casefold()) > 1 or name in OURS})
    if repeated:
        raise damaged(origin, f"expected one column a name; repeated or reserved: {', '.join(repeated)}", remedy)


def finished(table: pa.Table, maximum_cell_bytes: int) -> pa.Table:
    """Append ``=row`` and ``=flaw`` to a table of text columns."""
    flaw = np.full(table.num_rows, None, dtype=object)
    for name in table.column_names:
        sizes = pc.binary_length(table.column(name))
        if (pc.max(sizes).as_py() or 0) <= maximum_cell_bytes:
            continue
        size = sizes.fill_null(0).to_numpy()
        for row in np.flatnonzero(size > maximum_cell_bytes):
            flaw[row] = flaw[row] or f"'{name}' holds {size[row]} bytes; at most {maximum_cell_bytes} are allowed."
    rows = pa.array(np.arange(table.num_rows, dtype=np.int64))
    return table.append_column(ROW, rows).append_column(FLAW, pa.array(flaw, pa.string()))


def keep_copy(table: pa.Table, copy: Path) -> None:
    """Write a table to ``copy`` so that a reader sees all of it or nothing, whoever is killed."""
    with replacing(copy) as fresh:
        pq.write_table(table, fresh, compression="zstd", row_group_size=65536)


def damaged(origin: str, what: str, remedy: str) -> SourceDamaged:
    """Return the error that names a damaged source."""
    return SourceDamaged(f"the source is damaged: {what}.", where=origin, do=remedy)
