"""Answers of the service as a table of the lake: a row for each row that was answered, by the night on which it was asked.

Columns that people compare are typed; what makes the answer again to the last bit (the row, its features, the answer) is the
JSON of the line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from nightloop.audit.segments import day_of
from nightloop.definitions import UseCase
from nightloop.errors import StoreDamaged
from nightloop.lake import Lake
from nightloop.lake.columns import UTC_TIMESTAMP
from nightloop.model.use_case_task import answer_columns
from nightloop.nights import Nights, one

TABLE = "online_answers"
SHARED = {
    "decision_id": pa.string(),
    "row_number": pa.int64(),
    "recorded_at": UTC_TIMESTAMP,
    "request_id": pa.string(),
    "asked_by": pa.string(),
    "asked_from": pa.string(),
    "aggregates_night": pa.date32(),
    "aggregates_version": pa.int64(),
    "model_version": pa.int64(),
    "bundle_digest": pa.string(),
    "arm": pa.string(),
    "beside": pa.string(),
    "rung": pa.string(),
    "feature_names": pa.string(),
    "asked": pa.string(),
    "features": pa.string(),
    "answer": pa.string(),
}
"""The columns of every use case, beside its key's and its answer's."""
_SAME = ("request_id", "aggregates_version", "model_version", "bundle_digest", "arm", "beside", "rung")
OF_LINE = {"asked_by": "client", "asked_from": "address", **{name: name for name in _SAME}}
"""Column -> the same in a line."""
_KEY = {
    "string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(),
    "date": pa.date32(), "timestamp": UTC_TIMESTAMP,
}  # fmt: skip
_ANSWER = {"double": pa.float64(), "boolean": pa.bool_(), "string": pa.string()}
_READ = {"date": date.fromisoformat, "timestamp": datetime.fromisoformat}


def table_of(use_case_name: str) -> str:
    """Return the name of the table."""
    return f"{use_case_name}/{TABLE}"


def schema_of(use_case: UseCase) -> pa.Schema:
    """Return the columns: the key's, the answer's, then those of every use case."""
    columns = use_case.sources[use_case.entity.source].columns
    key = {name: _KEY[columns[name].type] for name in use_case.entity.key}
    return pa.schema({**key, **{name: _ANSWER[kind] for name, kind in answer_columns(use_case).items()}, **SHARED})


def rows_of(use_case: UseCase, line: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a line.

    Raises:
        StoreDamaged: it does not hold what a line holds; the message has its id.
    """
    try:
        yield from _rows_of(use_case, line)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreDamaged(
            f"the line of decision {line.get('id')} cannot be read ({type(error).__name__}: {error}).",
            where=f"the audit of {use_case.use_case}",
            do="Where the definition has changed since, ship the night with that of then; else compare it with its backup.",
        ) from error


def _rows_of(use_case: UseCase, line: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    columns = use_case.sources[use_case.entity.source].columns
    shared = {
        **{column: line.get(name) for column, name in OF_LINE.items()},
        "decision_id": line["id"],
        "recorded_at": datetime.fromisoformat(line["recorded_at"]),
        "aggregates_night": date.fromisoformat(line["night"]),
        "feature_names": orjson.dumps(line["names"]).decode(),
    }
    answers = line["answers"].get("predictions", [line["answers"]])
    for number, (row, features, answer) in enumerate(zip(line["rows"], line["features"], answers, strict=True)):
        key = {name: _read(row.get(name), columns[name].type) for name in use_case.entity.key}
        texts = {name: orjson.dumps(of).decode() for name, of in (("asked", row), ("features", features), ("answer", answer))}
        yield {**key, **{name: answer.get(name) for name in answer_columns(use_case)}, **shared, "row_number": number, **texts}


def _read(value: Any, kind: str) -> Any:
    return _READ[kind](value) if kind in _READ and value is not None else value


def shipped_line(lake: Lake, use_case_name: str, decision: str) -> dict[str, Any] | None:
    """Return the line of an answer as the table holds it; None where it does not."""
    day, table = day_of(decision), table_of(use_case_name)
    if day is None or not lake.exists(table):
        return None
    nights = Nights(day - timedelta(days=1), day + timedelta(days=1))  # the night depends on the time zone
    ids = lake.read(table, nights, ["decision_id", "night"])
    night_of = pc.unique(ids.filter(pc.equal(ids["decision_id"], decision))["night"]).to_pylist()
    if not night_of:
        return None
    rows = lake.read(table, one(night_of[0]), list(SHARED))
    return _line(use_case_name, rows.filter(pc.equal(rows["decision_id"], decision)).sort_by("row_number").to_pylist())


def _line(use_case_name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    first = rows[0]
    return {
        "id": first["decision_id"],
        "recorded_at": first["recorded_at"].isoformat(),
        "use_case": use_case_name,
        **{name: first[column] for column, name in OF_LINE.items()},
        "night": str(first["aggregates_night"]),
        "names": orjson.loads(first["feature_names"]),
        "rows": [orjson.loads(row["asked"]) for row in rows],
        "features": [orjson.loads(row["features"]) for row in rows],
        "answers": {"predictions": [orjson.loads(row["answer"]) for row in rows]},
    }
