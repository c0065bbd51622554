"""The content digest of a table: equal for equal rows, whatever wrote them, where, and in which order.

Each value becomes a 64-bit pattern that depends on its meaning only (an integer's width, a decimal's precision, a string's
encoding do not count), each row a mix of its values, the table the SHA-256 of the sorted rows. A column that holds
only nulls counts as absent, so that a table which gained a column later keeps the digests of its older nights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from nightloop.errors import UsageError

Bits = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_NULL = np.uint64(0xA5A5F00DBAADCAFE)
_NAN = np.uint64(0x7FF8000000000000)
LONG = 256  # bytes; longer texts are rare
PART = 1 << 16  # rows that are read at once: their patterns stay in a core's cache
THREADS = 2


def content_digest(table: pa.Table) -> str:
    """Return 64 hexadecimal digits that tell whether two tables hold the same rows.

    Args:
        table: any flat table; the order of its rows and of its columns does not count, repeated rows do.

    Raises:
        UsageError: a column is nested (list, struct, map), or two columns share a name.
    """
    if len(set(table.column_names)) < table.num_columns:
        raise UsageError(f"two columns share a name: {', '.join(table.column_names)}.", do="Rename one of them.")
    held = pa.schema([table.field(name) for name in table.column_names if table[name].null_count < table.num_rows])
    parts = [table.slice(start, PART) for start in range(0, table.num_rows, PART)]
    if len(parts) <= 1:
        return digest_of_patterns(held, [row_patterns(table, held)])
    with ThreadPoolExecutor(max_workers=THREADS) as threads:
        return digest_of_patterns(held, list(threads.map(lambda part: row_patterns(part, held), parts)))


def digest_of_patterns(held: pa.Schema, patterns: Sequence[Bits]) -> str:
    """Return the content digest of a table whose rows were read in parts.

    Args:
        held: the columns that hold a value in any part.
        patterns: what ``row_patterns`` made of each part, in any order.
    """
    rows = np.concatenate([np.empty(0, np.uint64), *patterns])
    rows.sort()
    labels = "|".join(_kind(name, held.field(name).type)[0] for name in sorted(held.names))
    digest = hashlib.sha256(f"{len(rows)}|{labels}|".encode())
    digest.update(rows.astype("<u8", copy=False).data)
    return digest.hexdigest()


def row_patterns(part: pa.Table, held: pa.Schema) -> Bits:
    """Return one 64-bit pattern a row (n,) of a part of a table; a column that only other parts have is null.

    Args:
        part: some of the rows.
        held: the columns that hold a value in any part.

    Raises:
        UsageError: a column is nested (list, struct, map).
    """
    rows = np.full(part.num_rows, _GOLDEN, dtype=np.uint64)
    for name in sorted(held.names):
        label, read = _kind(name, held.field(name).type)
        bits = _pattern(part[name], read) if name in part.column_names else np.full(part.num_rows, _NULL)
        rows = _mix(rows * _FIRST + _mix(bits ^ _of_text(label)))
    return rows


def _kind(name: str, of: pa.DataType) -> tuple[str, Callable[[pa.ChunkedArray], Bits]]:
    """Return the name of a column with its kind, and what reads one 64-bit pattern a value."""
    is_ = pa.types
    of = of.value_type if is_.is_dictionary(of) else of
    kinds: tuple[tuple[str, bool, Callable[[pa.ChunkedArray], Bits]], ...] = (
        ("boolean", is_.is_boolean(of), lambda column: _integers(column.cast(pa.int8()))),
        ("integer", is_.is_integer(of), _integers),
        ("number", is_.is_floating(of), _floats),
        ("date", is_.is_date(of), lambda column: _integers(column.cast(pa.date32()).cast(pa.int32()))),
        ("timestamp", is_.is_timestamp(of), lambda column: _integers(_microseconds(column))),
        ("decimal", is_.is_decimal(of), lambda column: _by_unique_value(column, _decimal_text)),
        ("string", _is_text(of), _by_unique_value),
    )
    for kind, applies, read in kinds:
        if applies:
            return f"{name}:{kind}", read
    raise UsageError(f"column '{name}' is {of}: a table of the lake is flat.", do="Give each value a column of its own.")


def _pattern(column: pa.ChunkedArray, read: Callable[[pa.ChunkedArray], Bits]) -> Bits:
    if column.null_count == len(column):
        return np.full(len(column), _NULL)
    bits = read(column)
    return np.where(_values(column.is_null().cast(pa.int8()), np.int8) != 0, _NULL, bits) if column.null_count else bits


def _microseconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    whole = pc.CastOptions(pa.timestamp("us", column.type.tz), allow_time_truncate=True)
    return column.cast(options=whole).cast(pa.int64())


def _is_text(of: pa.DataType) -> bool:
    return bool(pa.types.is_string(of) or pa.types.is_large_string(of) or pa.types.is_string_view(of))


def _integers(column: pa.ChunkedArray) -> Bits:
    values: npt.NDArray[np.int64] = _values(column.cast(pa.int64()), np.int64)
    return values.view(np.uint64)


def _floats(column: pa.ChunkedArray) -> Bits:
    values = _values(column.cast(pa.float64()), np.float64) + 0.0  # -0.0 + 0.0 is 0.0
    return np.where(np.isnan(values), _NAN, values.view(np.uint64))


def _values(column: pa.ChunkedArray | pa.Array, of: type[np.generic]) -> npt.NDArray[Any]:
    """Return the numbers as they lie in memory; what stands where a null is means nothing.

    Arrow's own way to NumPy imports pandas, which costs a small night a fifth of its time.
    """
    pieces = [_values_of_array(piece, of) for piece in (column.chunks if isinstance(column, pa.ChunkedArray) else [column])]
    return pieces[0] if len(pieces) == 1 else np.concatenate([np.empty(0, of), *pieces])


def _values_of_array(array: pa.Array, of: type[np.generic]) -> npt.NDArray[Any]:
    if not len(array):
        return np.empty(0, of)
    return np.frombuffer(array.buffers()[1], of, count=len(array), offset=array.offset * np.dtype(of).itemsize)


def _by_unique_value(column: pa.ChunkedArray, text: Callable[[Any], str] | None = None) -> Bits:
    """Hash each distinct value once; most text columns repeat themselves."""
    plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    encoded = plain.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):  # no rows, or more text than one array can hold
        encoded = encoded.unify_dictionaries().combine_chunks()
    values = encoded.dictionary
    texts = pa.array([text(value) for value in values.to_pylist()], pa.large_string()) if text else values
    hashes = np.concatenate([np.zeros(1, np.uint64), _of_texts(texts.cast(pa.large_string()))])
    at: npt.NDArray[np.int64] = _values(encoded.indices.cast(pa.int64()), np.int64)
    if encoded.indices.null_count:
        at = np.where(_values(encoded.indices.is_null().cast(pa.int8()), np.int8) != 0, -1, at)
    return hashes[at + 1]


def _of_texts(texts: pa.LargeStringArray) -> Bits:
    """Hash texts all at once, eight bytes of each in a step; the few long ones one by one."""
    if not len(texts):
        return np.empty(0, np.uint64)
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    lengths = np.diff(ends)
    padded = np.concatenate([np.frombuffer(data, np.uint8) if data else np.empty(0, np.uint8), np.zeros(8, np.uint8)])
    hashes = _mix(lengths.astype(np.uint64) * _FIRST + _GOLDEN)
    for start in range(0, min(int(lengths.max()), LONG), 8):
        left = np.flatnonzero(lengths > start)
        rest = np.minimum(lengths[left] - start, 8).astype(np.uint64)
        words = padded[(ends[left] + start)[:, None] + np.arange(8)].view("<u8").reshape(-1)
        words &= ~np.uint64(0) >> (np.uint64(64) - np.uint64(8) * rest)  # bytes of the next text do not count
        hashes[left] = _mix(hashes[left] ^ _mix(words + _SECOND))
    for at in np.flatnonzero(lengths > LONG):
        hashes[at] = _of_text(texts[int(at)].as_py())
    return hashes


def _decimal_text(value: Any) -> str:
    """Write a decimal without the zeros that only its declared scale adds."""
    return f"{value.normalize() + 0:f}"


def _of_text(text: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little"))


def _mix(bits: Bits) -> Bits:
    """Scatter 64 bits over 64 bits, one to one (the finalizer of SplitMix64, Steele et al. 2014)."""
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    return bits ^ (bits >> np.uint64(31))
