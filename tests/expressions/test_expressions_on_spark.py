"""Spark computes what DuckDB computes: a few hundred random expressions over random rows, in one query."""

from __future__ import annotations

import random

import pyarrow as pa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nightloop.engine import open_engine
from nightloop.errors import DefinitionError
from nightloop.expressions import compile_expression
from nightloop.features.keys import key_sql
from nightloop.lake import Commit
from nightloop.nights import parse_night
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.expressions.expression_examples import ARROW, TYPES, expressions, rows

NIGHT = parse_night("2024-01-01")


def examples(strategy, count):
    """Draw fixed examples: the same every time."""
    found = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(value):
        found.append(value)

    draw()
    return found


def expression_sql(text):
    try:
        return compile_expression(text, TYPES).sql()
    except DefinitionError:
        return None


def test_spark_and_duckdb_agree_on_random_expressions_and_keys(spark_url, tmp_path):
    sample = [row for part in examples(st.lists(rows, min_size=1, max_size=3), 60) for rows_ in part for row in rows_][:300]
    random.Random(0).shuffle(sample)
    columns = {name: pa.array([row[name] for row in sample], ARROW[kind], from_pandas=False) for name, kind in TYPES.items()}
    table = pa.table({"row": pa.array(range(len(sample)), pa.int64()), **columns})
    texts = sorted({text for text in examples(expressions, 150) if expression_sql(text) and len(text) < 400})
    assert len(texts) > 60
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
