"""The key text is the same from SQL and Python, and never shared by different values."""

from __future__ import annotations

from datetime import date

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.errors import UsageError
from nightloop.features.keys import ALL, key_sql, key_text

TYPES = {"s": "string", "i": "integer", "d": "date", "b": "boolean", "t": "string"}
ARROW = {"s": pa.string(), "i": pa.int64(), "d": pa.date32(), "b": pa.bool_(), "t": pa.string()}
texts = st.none() | st.text(alphabet="ab%|7C25ü '\\", max_size=4)
key_rows = st.tuples(
    texts,
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.dates(date(1000, 1, 1), date(9999, 12, 31)),
    st.none() | st.booleans(),
    texts,
)


@settings(deadline=None, max_examples=40)
@given(st.lists(key_rows, min_size=1, max_size=20))
def test_sql_and_python_make_the_same_key(sample):
    table = pa.table({name: pa.array([row[i] for row in sample], ARROW[name]) for i, name in enumerate(TYPES)})
    with duckdb.connect() as database:
        database.register("rows", table)
        for columns in (["s"], ["i"], ["d"], ["b"], ["s", "t"], list(TYPES)):
            found = [row[0] for row in database.execute(f"select {key_sql(columns, TYPES, 'rows')} from rows").fetchall()]
            places = [list(TYPES).index(name) for name in columns]
            assert found == [key_text([row[i] for i in places], [TYPES[name] for name in columns]) for row in sample]


@given(st.lists(texts.filter(lambda text: text is not None), min_size=2, max_size=2), st.lists(texts, min_size=2, max_size=2))
def test_different_values_never_share_a_key(one, other):
    if one != other:
        assert key_text(one, ["string"] * 2) != key_text(other, ["string"] * 2)


def test_no_value_has_the_key_of_all_records():
    assert key_text([""], ["string"]) not in (ALL, None)


@pytest.mark.parametrize(
    ("value", "kind"), [(1, "string"), ("1", "integer"), (True, "integer"), ("2013-01-01", "date"), (1, "boolean")]
)
def test_a_value_of_another_type_makes_no_key(value, kind):
    with pytest.raises(UsageError, match="not a key part"):
        key_text([value], [kind])
