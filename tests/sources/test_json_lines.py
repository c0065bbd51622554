"""JSON Lines as text columns: nothing is rounded, nothing is guessed, and a damaged line is named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.sources.json_lines import CHUNK, NotJsonLines, json_lines


def one(text: str) -> dict[str, str | None]:
    (row,) = json_lines(text.encode()).to_pylist()
    return row


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('"a"', "a"), ('""', ""), ('"1.50"', "1.50"),
        ("1.50", "1.50"), ("12345678901234567890123", "12345678901234567890123"), ("1E5", "1E5"), ("-0.0", "-0.0"),
        ("NaN", "NaN"), ("-Infinity", "-Infinity"),
        ("true", "true"), ("false", "false"), ("null", None),
        ("[]", "[]"), ('{"b": 1, "a": [1.50, null, true]}', '{"b":1,"a":[1.5,null,true]}'), ('["é"]', '["é"]'),
    ],
)  # fmt: skip
def test_a_value_is_the_text_that_stands_for_it(value: str, text: str | None) -> None:
    assert one(f'{{"x": {value}}}') == {"x": text}
    assert one(f'{{"x": {value}, "nested": [1]}}') == {"x": text, "nested": "[1]"}


def test_columns_are_in_the_order_they_are_first_met_and_a_key_that_lacks_is_missing() -> None:
    table = json_lines(b'{"b": 1}\n{"a": 2, "b": 3}\n{"c": null}\n')
    assert table.column_names == ["b", "a", "c"]
    assert table.to_pylist() == [{"b": "1", "a": None, "c": None}, {"b": "3", "a": "2", "c": None}, dict.fromkeys("bac")]


def test_empty_lines_carriage_returns_and_a_byte_order_mark_are_no_records() -> None:
    assert json_lines(b'\xef\xbb\xbf{"a": 1}\r\n\r\n  \n{"a": 2}').column("a").to_pylist() == ["1", "2"]
    assert json_lines(b"").num_rows == json_lines(b"\n\n").num_rows == 0


@pytest.mark.parametrize("rows", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_no_record_is_lost_or_doubled_where_pieces_meet(rows: int) -> None:
    content = "".join(f'{{"i": {i}}}\n' for i in range(rows)) + '{"late": 1}\n'
    table = json_lines(content.encode())
    assert table.column("i").to_pylist() == [*map(str, range(rows)), None]
    assert table.column("late").to_pylist() == [None] * rows + ["1"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"[1]", "line 2: it is no object"),
        (b'"text"', "line 2: it is no object"),
        (b"5", "line 2: it is no object"),
        (b'{"a": 1', "line 2: "),
        (b"{'a': 1}", "line 2: "),
        (b'{"a": 1} {"a": 2}', "line 2: "),
        (b'{"a": 1, "b": 2, "a": 3}', "line 2: the key 'a' is there twice"),
        (b'{"x": {"b": 1, "b": 2}}', "line 2: the key 'b' is there twice"),
        (b'{"a": "\xff"}', "line 2: "),
        (b'{"a": "\\ud800"}', "line 2: "),
        (b'{"\\ud800": 1}', "line 2: "),
        (b'{"a": ' + b"[" * 100_000, "line 2: "),
    ],
)
def test_a_damaged_line_is_named_by_its_number(line: bytes, said: str) -> None:
    with pytest.raises(NotJsonLines, match=said):
        json_lines(b'{"a": 0}\n' + line + b'\n{"a": 9}\n')


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert one('{"a": "\\ud83e\\udd86"}') == {"a": "🦆"}


@settings(deadline=None)
@given(
    st.lists(
        st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.text() | st.integers(), max_size=4), max_size=6
    )
)
def test_texts_come_back_as_they_were_written(records: list[dict[str, object]]) -> None:
    content = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    rows = json_lines(content.encode()).to_pylist() if any(records) else []
    for record, row in zip(records if any(records) else [], rows, strict=False):
        shown = {key: {True: "true", False: "false"}.get(v, v) if isinstance(v, bool) else v for key, v in record.items()}
        assert {key: row[key] for key in record} == {k: v if v is None else str(v) for k, v in shown.items()}
