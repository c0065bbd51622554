"""Quoted values end before a separator or an end of line: told in windows as one pattern over the whole file would tell it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.sources import quotes
from nightloop.sources.quotes import first_unclosed


def by_pattern(content: bytes, separator: str, quote: str) -> int | None:
    """The same by one pattern, value by value."""
    between, mark = re.escape(separator).encode(), quote.encode()
    inside = rb"(?:[^%b]++|%b%b)*+" % (mark, mark, mark)
    pattern = rb"(?:\A(?:\xef\xbb\xbf)?|[%b\r\n])(?P<start>%b)%b(?:%b(?=[%b\r\n]|\Z)(?P<closed>))?"
    for match in re.finditer(pattern % (between, mark, inside, mark, between), content):
        if match["closed"] is None:
            return match.start("start")
    return None


@settings(max_examples=400)
@given(
    st.lists(st.sampled_from([b'"', b'""', b",", b"\n", b"\r", b"x", b'"x"', b',"x",', b"\xef\xbb\xbf", b"'"]), max_size=30),
    st.sampled_from([1, 2, 3, 7, 1000]),
    st.sampled_from([(",", '"'), (",", "'"), (";", '"')]),
)
def test_windows_tell_what_the_whole_would(parts: list[bytes], window: int, dialect: tuple[str, str]) -> None:
    content = b"".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quotes, "WINDOW", window)
        assert first_unclosed(content, *dialect) == by_pattern(content, *dialect)


@pytest.mark.parametrize("window", [1, 2, 3, 4, 5, 6, 100])
@pytest.mark.parametrize(("content", "start"), [(b'1,"ab""cd,""ef"\n', None), (b'1,"ab""cd,""ef\n', 2), (b'"a","b\n', 4)])
def test_a_value_may_reach_over_many_windows(content: bytes, start: int | None, window: int, monkeypatch) -> None:
    monkeypatch.setattr(quotes, "WINDOW", window)
    assert first_unclosed(content, ",", '"') == start
