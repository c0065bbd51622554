"""What a definition holds stays a text in a page: it breaks no table and is no HTML."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightloop.reporting.markdown import code, codes, number, table, text

WORDS = st.text(alphabet=st.sampled_from("ab |`*_[<&\\\n\t"), max_size=30)


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("plain words", "plain words"),
        ("  on\n two\tlines ", "on two lines"),
        ("a | b", "a \\| b"),
        ("<img src=x>", "&lt;img src=x>"),
        ("Q&A &lt;", "Q&amp;A &amp;lt;"),
        ("*bold* _slanted_ `code` [link](x)", "\\*bold\\* \\_slanted\\_ \\`code\\` \\[link](x)"),
        (7, "7"),
        ("", ""),
    ],
)
def test_a_text_is_written_so_that_it_reads_as_it_was_meant(words: object, written: str) -> None:
    assert text(words) == written


@given(WORDS)
def test_a_text_never_opens_a_tag_a_cell_or_a_line(words: str) -> None:
    written = text(words)
    assert "<" not in written and "\n" not in written
    assert re.search(r"(?<!\\)[|`*_\[]", written) is None


@pytest.mark.parametrize(
    ("source", "written"),
    [("a < b", "`a < b`"), ("a\n  and b", "`a and b`"), ("a | b", "`a \\| b`"), ("say `x`", "``say `x```"), (5, "`5`")],
)
def test_code_is_fenced_on_one_line(source: object, written: str) -> None:
    assert code(source) == written


def test_names_are_listed_as_code() -> None:
    assert codes(["zone", "hour"]) == "`zone`, `hour`"
    assert codes([]) == ""


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (1000, "1,000"), (10_000_000, "10,000,000"), (0.1, "0.1"), (-2.5, "-2.5"), (1234.5678, "1,234.5678")],
)
def test_a_number_is_written_with_separators_and_no_digit_of_rounding(value: float, written: str) -> None:
    assert number(value) == written


def test_a_column_that_is_empty_in_every_row_is_left_out() -> None:
    assert table(("a", "b", "c"), [("1", "", "x"), ("2", "", "")]) == "| a | c |\n| --- | --- |\n| 1 | x |\n| 2 |  |"


def test_the_first_column_stays_even_where_it_is_empty() -> None:
    assert table(("", ""), [("", "x")]) == "|  |  |\n| --- | --- |\n|  | x |"


def test_a_table_without_a_row_is_its_first_column() -> None:
    assert table(("a", "b"), []) == "| a |\n| --- |"
