"""Spark computes every example written by hand, and what DuckDB computes of random expressions: one query each."""

from __future__ import annotations

import random

import pyarrow as pa
from hypothesis import strategies as st

from nightloop.engine import open_engine
from nightloop.errors import DefinitionError
from nightloop.expressions import compile_expression
from nightloop.features.keys import key_sql
from nightloop.lake import Commit
from nightloop.nights import parse_night
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.expressions.examples import EXAMPLES
from tests.expressions.examples import TYPES as EXAMPLE_TYPES
from tests.expressions.random_expressions import ARROW, ROOTED, TYPES, drawn, rows

NIGHT = parse_night("2024-01-01")


def expression_sql(text):
    try:
        return compile_expression(text, TYPES).sql()
    except DefinitionError:
        return None


def test_spark_and_duckdb_agree_on_random_expressions_and_keys(spark_url, tmp_path):
    sample = [row for part in drawn(st.lists(rows, min_size=1, max_size=3), 60) for rows_ in part for row in rows_][:300]
    random.Random(0).shuffle(sample)
    columns = {name: pa.array([row[name] for row in sample], ARROW[kind], from_pandas=False) for name, kind in TYPES.items()}
    table = pa.table({"row": pa.array(range(len(sample)), pa.int64()), **columns})
    random_texts = [text for strategy in ROOTED.values() for text in drawn(strategy, 4)]
    texts = sorted({text for text in random_texts if expression_sql(text) and len(text) < 400})
    assert len(texts) > 2 * len(ROOTED)
    workspace = Workspace.open(load_settings(home=tmp_path, engine="local", spark_url=spark_url))
    workspace.lake.publish("test/rows", NIGHT, table, Commit(stage="test", use_case="test"))
    inputs = {"rows": workspace.lake.snapshot("test/rows")}
    chosen = ", ".join(f"{expression_sql(text)} as c{i}" for i, text in enumerate(texts))
    key = key_sql(["s", "i", "d", "b", "t"], TYPES)
    sql = f'select "row", {chosen}, {key} as key from rows order by "row"'
    local = open_engine("local", workspace.settings).query(sql, inputs)
    spark = open_engine("spark", workspace.settings).query(sql, inputs)
    for name, text in [("key", "key"), *((f"c{i}", text) for i, text in enumerate(texts))]:
        assert spark[name].to_pylist() == local[name].to_pylist(), text


def test_spark_computes_every_example_written_by_hand(spark_url, tmp_path):
    shown = [example for examples in EXAMPLES.values() for example in examples]
    rows_ = [(number, row[-1], dict(zip(e.columns, row, strict=False))) for number, e in enumerate(shown) for row in e.rows]
    columns = {name: pa.array([row.get(name) for _, _, row in rows_], ARROW[kind]) for name, kind in EXAMPLE_TYPES.items()}
    workspace = Workspace.open(load_settings(home=tmp_path, engine="local", spark_url=spark_url))
    table = pa.table({"row": pa.array(range(len(rows_)), pa.int64()), **columns})
    workspace.lake.publish("test/examples", NIGHT, table, Commit(stage="test", use_case="test"))
    chosen = ", ".join(f"{compile_expression(e.text, EXAMPLE_TYPES).sql()} as c{number}" for number, e in enumerate(shown))
    sql = f'select "row", {chosen} from examples order by "row"'
    answers = open_engine("spark", workspace.settings).query(sql, {"examples": workspace.lake.snapshot("test/examples")})
    computed = {number: answers[f"c{number}"].to_pylist() for number in range(len(shown))}
    wrong = [
        f"{shown[number].text} of {row}: {computed[number][place]!r} for {expected!r}"
        for place, (number, expected, row) in enumerate(rows_)
        if (type(computed[number][place]), computed[number][place]) != (type(expected), expected)
    ]
    assert wrong == []
