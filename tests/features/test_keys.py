"""The key text is the same from SQL and Python, and never shared by different values."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.errors import UsageError
from nightloop.features.keys import ALL, key_sql, key_text
from tests.features.in_memory import answer

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
    for columns in (["s"], ["i"], ["d"], ["b"], ["s", "t"], list(TYPES)):
        found = answer(f"select {key_sql(columns, TYPES, 'rows')} as key from rows", rows=table)["key"].to_pylist()
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


EXAMPLES = [
    (("string",), ("Ada",), "Ada"),
    (("string",), ("",), "%"),
    (("string",), ("%",), "%25"),
    (("string",), ("|",), "%7C"),
    (("string",), ("%7C",), "%257C"),
    (("string",), ("a|b%c",), "a%7Cb%25c"),
    (("string",), ("Łukasz 李",), "Łukasz 李"),
    (("string",), (None,), None),
    (("integer",), (0,), "0"),
    (("integer",), (-(2**63),), "-9223372036854775808"),
    (("date",), (date(2024, 2, 9),), "2024-02-09"),
    (("date",), (date(1000, 1, 1),), "1000-01-01"),
    (("boolean",), (True,), "true"),
    (("boolean",), (False,), "false"),
    (("string", "string"), ("a", "b"), "a|b"),
    (("string", "string"), ("", ""), "%|%"),
    (("string", "string"), ("a|", "b"), "a%7C|b"),
    (("string", "integer", "date", "boolean"), ("x", 7, date(2024, 12, 31), True), "x|7|2024-12-31|true"),
    (("string", "integer"), (None, 7), None),
    (("string", "integer"), ("x", None), None),
]


@pytest.mark.parametrize(("kinds", "values", "text"), EXAMPLES, ids=str)
def test_the_key_text_is_published_and_never_changes(kinds, values, text):
    """Stored aggregates are found by it: another text would find nothing."""
    assert key_text(values, kinds) == text
    arrow = {"string": pa.string(), "integer": pa.int64(), "date": pa.date32(), "boolean": pa.bool_()}
    names = [f"c{i}" for i in range(len(kinds))]
    rows = pa.table({name: pa.array([value], arrow[kind]) for name, value, kind in zip(names, values, kinds, strict=True)})
    types = dict(zip(names, kinds, strict=True))
    for table in ("", "rows"):
        assert answer(f"select {key_sql(names, types, table)} as key from rows", rows=rows)["key"].to_pylist() == [text]


def test_the_key_of_all_records_is_the_empty_text():
    assert ALL == ""


def test_a_value_of_another_type_is_named_with_the_type_it_should_have():
    with pytest.raises(UsageError, match="3 is not a key part of type text") as refused:
        key_text(["Ada", 3], ["string", "string"])
    assert "Give a value of type text" in str(refused.value)


def test_a_key_has_as_many_values_as_columns():
    with pytest.raises(ValueError, match="zip"):
        key_text(["Ada"], ["string", "string"])
