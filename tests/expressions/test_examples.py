"""Each example written by hand holds for every reader: the bounds of the tree, NumPy, DuckDB and a plain reading."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from nightloop.expressions import compile_expression, parsing, to_numpy, to_sql, type_rules
from nightloop.expressions.to_numpy import Column
from nightloop.expressions.tree import UNBOUNDED
from tests.expressions.examples import EXAMPLES, TYPES, Example
from tests.expressions.random_expressions import ARROW, operations, plain

DATABASE = duckdb.connect()


def as_columns(example: Example) -> dict[str, list]:
    return {name: [row[place] for row in example.rows] for place, name in enumerate(example.columns)}


def expected(example: Example) -> list:
    return [row[-1] for row in example.rows]


def told_apart(values: list) -> list:
    """True is not 1.0, though Python holds them equal."""
    return [(type(value).__name__, value) for value in values]


def by_numpy(example: Example) -> list:
    columns = {name: Column.of(values, TYPES[name]) for name, values in as_columns(example).items()}
    found = compile_expression(example.text, TYPES).numpy()(columns, len(example.rows))
    return [value if present else None for value, present in zip(found.values.tolist(), found.present.tolist(), strict=True)]


def assert_computes(example: Example, values: list) -> None:
    for row, value, right in zip(example.rows, told_apart(values), told_apart(expected(example)), strict=True):
        assert value == right, f"{example.text} of {row[:-1]}"


@pytest.mark.parametrize("op", EXAMPLES)
def test_an_example_uses_the_operation_that_it_stands_for(op):
    for example in EXAMPLES[op]:
        expression = compile_expression(example.text, TYPES)
        assert op in set(operations(expression.node)), example.text
        assert expression.columns == tuple(sorted(example.columns))


@pytest.mark.parametrize("op", EXAMPLES)
def test_numpy_computes_all_rows_at_once(op):
    for example in EXAMPLES[op]:
        assert_computes(example, by_numpy(example))


@pytest.mark.parametrize("op", EXAMPLES)
def test_numpy_computes_each_row_by_itself(op):
    for example in EXAMPLES[op]:
        assert_computes(example, [by_numpy(example._replace(rows=(row,)))[0] for row in example.rows])


@pytest.mark.parametrize("op", EXAMPLES)
def test_duckdb_computes_the_same(op):
    for example in EXAMPLES[op]:
        arrays = {name: pa.array(values, ARROW[TYPES[name]]) for name, values in as_columns(example).items()}
        DATABASE.register("examples", pa.table({"row": range(len(example.rows)), **arrays}))
        sql = f'select {compile_expression(example.text, TYPES).sql("e")} from examples as e order by "row"'
        assert_computes(example, [row[0] for row in DATABASE.execute(sql).fetchall()])


@pytest.mark.parametrize("op", EXAMPLES)
def test_a_plain_reading_of_the_tree_says_the_same(op):
    for example in EXAMPLES[op]:
        node = compile_expression(example.text, TYPES).node
        assert_computes(example, [plain(node, dict(zip(example.columns, row[:-1], strict=True))) for row in example.rows])


@pytest.mark.parametrize("op", EXAMPLES)
def test_the_tree_states_the_type_of_each_value_and_bounds_its_size(op):
    kinds = {"float": "number", "bool": "boolean", "str": "string", "date": "date"}
    for example in EXAMPLES[op]:
        node = compile_expression(example.text, TYPES).node
        values = [value for value in expected(example) if value is not None]
        assert {kinds[type(value).__name__] for value in values} <= {node.type}, example.text
        if node.type == "number":
            assert node.bits > 0
            assert all(node.bits == UNBOUNDED or abs(value) <= 2.0**node.bits for value in values), example.text


def test_every_operation_of_the_language_has_examples():
    read = {*parsing._BINARY.values(), *parsing._UNARY.values(), *parsing._VARIADIC.values()}
    read |= {"is_null", "case", "to_number", "weekday", "literal", "column", "integer_column"}
    typed = {*type_rules._ONE_ARGUMENT, *type_rules._ARITHMETIC, *type_rules._EQUALITY, *type_rules._ORDER}
    rendered = {*to_sql._INFIX, *to_sql._CALLS}
    computed = {*to_numpy._OPERATIONS, *to_numpy._CHOICES}
    assert rendered == computed
    assert typed <= computed
    assert read == computed | {"literal", "column", "integer_column"}
    assert set(EXAMPLES) == read


def test_every_function_that_a_message_offers_has_examples():
    words = {example.text.partition("(")[0].partition(" ")[0] for examples in EXAMPLES.values() for example in examples}
    assert set(parsing.FUNCTIONS) <= words


def test_every_operation_has_an_example_with_a_null_in_each_place():
    for op, examples in EXAMPLES.items():
        places = {place for e in examples for row in e.rows for place, value in enumerate(row[:-1]) if value is None}
        most = max(len(example.columns) for example in examples)
        assert places >= set(range(min(most, 2))), f"'{op}' is not shown a null in each place"


@pytest.mark.parametrize("op", ["and", "or"])
def test_the_truth_table_is_complete(op):
    rows = EXAMPLES[op][0].rows
    assert {row[:2] for row in rows} == {(b, c) for b in (True, False, None) for c in (True, False, None)}
