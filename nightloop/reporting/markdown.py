"""Write texts, code and tables in Markdown so that what they hold cannot break the page."""

from __future__ import annotations

from collections.abc import Sequence


def text(words: object) -> str:
    """Return a text that stays a text in Markdown, on one line, and in a table."""
    plain = " ".join(str(words).split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return plain.replace("*", "\\*").replace("_", "\\_").replace("`", "\\`").replace("[", "\\[")


def code(source: object) -> str:
    """Return a text as code, on one line; in double fences where it holds a backtick itself."""
    plain = " ".join(str(source).split()).replace("|", "\\|")
    fence = "``" if "`" in plain else "`"
    return f"{fence}{plain}{fence}"


def codes(names: Sequence[str]) -> str:
    """Return names as code, with commas between them."""
    return ", ".join(code(name) for name in names)


def number(value: float) -> str:
    """Return a number with separators of thousands and no digit that is not in it."""
    return f"{value:,.12g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose cells are Markdown already; columns that are empty in every row are left out."""
    shown = [i for i in range(len(head)) if i == 0 or any(row[i] for row in rows)]
    lines = [[head[i] for i in shown], ["---"] * len(shown), *([row[i] for i in shown] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
