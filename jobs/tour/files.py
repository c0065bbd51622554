"""The data of a tour: one file as it is, or a copy where files are put together or records are given an order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial, reduce
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nightloop.drafting.sample import read_sample
from nightloop.errors import UsageError
from nightloop.expressions.normal_forms import FORMS, normal_text

FIRST_DATE = date(2024, 1, 1)  # any: the dates of records that have none are made up
MOST_DATES, LEAST_DATES, ROWS_A_DATE = 60, 12, 20
MADE_UP = "made_up_date"
_ORDER = "=order"


def together(sources: Sequence[str], definitions: Path) -> tuple[pa.Table, list[str]]:
    """Return the records of several files as one table of text, and what was done to their keys, in sentences.

    Files of the same columns are put one below the other; another file is joined by a column that both have and that tells
    its records apart. A key that the files only write otherwise (123 and 123.0) is taken as the same.

    Args:
        sources: paths, as ``--from`` takes them.
        definitions: folder of the use case; see ``read_sample``.

    Raises:
        UsageError: two files have no column in common, or none that tells the records of one of them apart, or no value.
        SourceDamaged: a file is not readable.
    """
    tables = [_as_text(read_sample(source, definitions).text) for source in sources]
    notes: list[str] = []
    return reduce(partial(_joined, notes=notes), tables), notes


def in_a_made_up_order(table: pa.Table) -> pa.Table:
    """Return the records shuffled (with a seed) over made-up dates, as many each.

    Shuffled, for a file may be sorted by what is to be predicted; then its order would leave nothing to learn.
    """
    rows = table.num_rows
    dates = min(MOST_DATES, max(LEAST_DATES, rows // ROWS_A_DATE))
    place = np.random.default_rng(0).permutation(rows)
    texts = [(FIRST_DATE + timedelta(days=int(i * dates // rows))).isoformat() for i in range(rows)]
    name = MADE_UP
    while name in table.column_names:
        name += "_"
    return table.take(pa.array(place)).append_column(name, pa.array(texts, pa.string()))


def write(table: pa.Table, path: Path) -> Path:
    """Write a copy for the tour and return where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def _as_text(table: pa.Table) -> pa.Table:
    return pa.table({name: table.column(name).cast(pa.string()) for name in table.column_names})


def _joined(first: pa.Table, second: pa.Table, notes: list[str]) -> pa.Table:
    if set(first.column_names) == set(second.column_names):
        return pa.concat_tables([first, second.select(first.column_names)])
    shared = [name for name in first.column_names if name in second.column_names]
    if not shared:
        raise UsageError(
            f"the files have no column in common: {', '.join(first.column_names)}; {', '.join(second.column_names)}.",
            do="Give the column that joins them the same name in both.",
        )
    for records, others in ((first, second), (second, first)):
        keys = next((keys for keys in (*([name] for name in shared), shared) if _tells_apart(others, keys)), None)
        if keys is not None:
            return _with_columns(_with_spelling_of(others, records, keys, notes), others, keys)
    raise UsageError(
        f"by {', '.join(shared)} neither file's records are told apart: it is not known which belong together.",
        do="Give a file with one record a key.",
    )


def _tells_apart(table: pa.Table, keys: list[str]) -> bool:
    return bool(table.group_by(keys).aggregate([]).num_rows == table.num_rows)


def _with_spelling_of(others: pa.Table, records: pa.Table, keys: list[str], notes: list[str]) -> pa.Table:
    """Return the records with each key as the other file writes it, where it is the same in its normal form alone."""
    if len(keys) > 1:
        return records
    name = keys[0]
    here, there = (set(table.column(name).unique().to_pylist()) - {None} for table in (records, others))
    of_normal: dict[str, list[str]] = defaultdict(list)
    for text in there - here:
        of_normal[normal_text(text, FORMS)].append(text)
    same = {text: of_normal[normal] for text in sorted(here - there) if (normal := normal_text(text, FORMS)) in of_normal}
    spelling = {text: candidates[0] for text, candidates in same.items() if len(candidates) == 1}
    if not spelling:
        return records
    one, other = next(iter(spelling.items()))
    notes.append(
        f"{len(spelling):,} values of '{name}' are only written otherwise in one of the files ({one!r} and {other!r}): they "
        "were taken as the same."
    )
    texts = pa.array([spelling.get(text, text) for text in records.column(name).to_pylist()], pa.string())
    return records.set_column(records.column_names.index(name), name, texts)


def _with_columns(records: pa.Table, others: pa.Table, keys: list[str]) -> pa.Table:
    """Return the records in their order, with what the other file says of each; nothing where it has none."""
    repeated = [name for name in others.column_names if name in records.column_names and name not in keys]
    others = others.drop_columns(repeated)
    matched = pc.is_in(records.column(keys[0]), value_set=others.column(keys[0]).combine_chunks())
    if not pc.any(matched).as_py():
        example = f"'{records.column(keys[0])[0].as_py()}' here, '{others.column(keys[0])[0].as_py()}' there"
        raise UsageError(
            f"no record of one file has a value of '{keys[0]}' that the other has: {example}.",
            do="Write the key the same in both.",
        )
    ordered = records.append_column(_ORDER, pa.array(range(records.num_rows), pa.int64()))
    joined = ordered.join(others, keys=keys, join_type="left outer").sort_by(_ORDER)
    return joined.drop_columns([_ORDER])
