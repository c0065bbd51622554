"""Read Parquet into text columns, piece by piece: a few bytes of it can stand for gigabytes."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nightloop.sources.unpacking import Allowance

ROWS = 65_536


def parquet_text(content: bytes, check: Callable[[list[str]], None], allowance: Allowance) -> pa.Table:
    """Return the rows with every column as text; ``check`` is told the names before anything is read.

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
    for batch in file.iter_batches(ROWS):
        for column in batch.columns:
            allowance.take(_size(column))
        pieces.append(pa.record_batch({name: _as_text(batch.column(name)) for name in schema.names}))
    return pa.Table.from_batches(pieces, pa.schema([(name, pa.string()) for name in schema.names]))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind))


def _size(column: pa.Array) -> int:
    if not isinstance(column, pa.DictionaryArray):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary).take(column.indices)
    return int(pc.sum(lengths.cast(pa.int64())).as_py() or 0)


def _as_text(column: pa.Array) -> pa.Array:
    """Write values as text; bytes must be UTF-8."""
    plain = column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column
    return plain.cast(pa.string())
