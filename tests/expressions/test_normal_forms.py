"""A text has one normal form, the same in SQL and in Python; which forms two keys need is told."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nightloop.expressions.normal_forms import FORMS, Form, forms_needed, normal_sql, normal_text
from tests.definitions.rides import accepted, assert_told

SESSION = duckdb.connect()

PAIRS = {
    ("a ", "a"): ("trim",),
    ("\u00a0a", "a"): ("trim",),
    ("a\n", "a"): ("trim",),
    ("Zo\u00eb", "Zoe\u0308"): ("nfc",),
    ("K-1", "k-1"): ("lower",),
    ("123.0", "123"): ("whole",),
    ("00123", "123"): ("whole",),
    ("+7", "7."): ("whole",),
    (" Zo\u00eb", "zoe\u0308"): ("trim", "nfc", "lower"),
    (" 123", "123.0"): ("trim", "whole"),
    ("a", "a"): (),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_two_spellings_are_one_text_in_the_forms_that_they_need(pair):
    assert forms_needed(*pair) == PAIRS[pair]
    one, other = (normal_text(text, PAIRS[pair]) for text in pair)
    assert one == other


@pytest.mark.parametrize("pair", [("123.5", "123"), ("1e3", "1000"), ("a b", "ab"), ("Zoe", "Zo\u00eb"), ("-7", "7")])
def test_what_means_something_else_stays_apart(pair):
    assert normal_text(pair[0], FORMS) != normal_text(pair[1], FORMS)


@given(
    st.text(
        st.one_of(
            st.sampled_from(" \u00a0\u2003\tAbZ\u00cb\u03a3\u0130e\u0308.0+-17"),
            st.characters(codec="utf-8", exclude_characters="\0"),
        )
    )
)
@example("00\u0130\u03a3 ")
@example("-0.0")
@example("\u0661\u0662")
@settings(max_examples=300, deadline=None)
def test_sql_and_python_give_the_same_text(text):
    for forms in (*((form,) for form in FORMS), FORMS):
        (by_sql,) = SESSION.execute(f"select {normal_sql('$1::varchar', forms)}", [text]).fetchone()
        assert by_sql == normal_text(text, forms), forms


def test_a_column_is_in_its_normal_form_before_anything_reads_it():
    forms: list[Form] = ["trim", "lower"]
    column = accepted({"sources.zones.columns.zone.normal": forms}).sources["zones"].columns["zone"]
    assert SESSION.execute(f"select {column.sql} from (select '  North ' as zone)").fetchone() == ("north",)
    plain = accepted({}).sources["zones"].columns["zone"]
    assert plain.sql == plain.expression == "zone"


def test_only_texts_have_a_normal_form():
    at = "sources.zones.columns.area.normal"
    assert_told({at: ["trim"]}, at, "'area' is a number: only a text has a normal form.", "Leave it out")
    assert_told(
        {"sources.zones.columns.zone.normal": ["casefold"]},
        "sources.zones.columns.zone.normal.0",
        "'casefold'",
        "Allowed: trim",
    )
