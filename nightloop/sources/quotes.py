"""Quotes of a CSV: whether each quoted value ends before a separator or the end of a line; all else swallows what follows.

Most quotes come in plain pairs, one after a separator and the next before one. Those are told a window at a time, all at once;
only what is left (a quote inside a value, written twice) is followed quote by quote.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

WINDOW = 1 << 22  # bytes looked at at once
_MARK = b"\xef\xbb\xbf"  # of the order of bytes, at the beginning of a file
_NONE: npt.NDArray[np.int64] = np.empty(0, np.int64)

Places = npt.NDArray[np.int64]


def first_unclosed(content: bytes, separator: str, quote: str) -> int | None:
    """Return where the first quoted value begins that does not end before a separator or an end of line; None if all do.

    Args:
        content: of the file, in UTF-8.
        separator: one character of ASCII.
        quote: likewise.
    """
    text = _Text(content, separator.encode(), quote.encode())
    resume, waiting = 0, _NONE
    for start in range(0, len(content), WINDOW):
        here = np.flatnonzero(text.view[start : start + WINDOW] == ord(quote)) + start
        quotes = np.concatenate([waiting, here[here >= resume]])
        unclosed, looked_at, waiting = text.follow(quotes)
        resume = max(resume, looked_at)
        if unclosed is not None:
            return unclosed
    return int(waiting[0]) if len(waiting) and text.opens(waiting)[0] else None


class _Text:
    """A CSV, and what stands before and after its quotes."""

    def __init__(self, content: bytes, separator: bytes, quote: bytes) -> None:
        self.content, self.view = content, np.frombuffer(content, np.uint8)
        self.first = len(_MARK) if content.startswith(_MARK) else 0
        self.inside = _inside(separator, quote)
        self.is_between = np.zeros(256, np.bool_)
        self.is_between[list(separator + b"\r\n")] = True

    def opens(self, quotes: Places) -> npt.NDArray[np.bool_]:
        """Tell of quotes outside of quoted values which begin one: the others are letters of a plain value."""
        after = self.is_between[self.view[quotes - 1]]
        return np.asarray(after | (quotes == self.first), np.bool_)

    def follow(self, quotes: Places) -> tuple[int | None, int, Places]:
        """Go through quotes, the first outside of quoted values.

        Returns:
            Where a value begins that does not end (or None), the first byte not looked at, and the quotes still to be told.
        """
        opens, last = self.opens(quotes), len(self.content) - 1
        closes = self.is_between[self.view[np.minimum(quotes + 1, last)]] | (quotes == last)
        plain = opens[:-1] & closes[1:]
        others: list[Any] = [np.flatnonzero(~plain[0::2]) * 2, np.flatnonzero(~plain[1::2]) * 2 + 1]
        at = 0
        while at + 1 < len(quotes):
            ahead = others[at % 2]
            place = int(np.searchsorted(ahead, at))
            if place == len(ahead):
                at += (len(quotes) - at) // 2 * 2
                break
            at = int(ahead[place])
            if not opens[at]:
                at += 1
                continue
            value = self.inside.match(self.content, int(quotes[at]) + 1)
            if value is None:
                return int(quotes[at]), 0, _NONE
            at = int(np.searchsorted(quotes, value.end()))
            if at == len(quotes):
                return None, value.end(), _NONE
        return None, 0, quotes[at:]


@cache
def _inside(separator: bytes, quote: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(?:[^%b]++|%b%b)*+%b(?=[%b\r\n]|\Z)" % (quote, quote, quote, quote, re.escape(separator)))
