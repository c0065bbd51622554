"""docs/benchmarks.md: each benchmark owns one section, between markers, and leaves the others alone."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
HEAD = """\
# Benchmarks

Written by `make bench`; each section by a module of tests/benchmarks/. Ratios of one run say more than seconds of one machine.
"""


def write(name: str, title: str, body: str, page: Path = PAGE) -> None:
    """Put a section in place of the one of the same name, or at the end."""
    text = page.read_text(encoding="utf-8") if page.exists() else HEAD
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    section = f"{begin}\n## {title}\n\n{body.strip()}\n\nMeasured on {machine()}.\n{end}"
    old = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    text = old.sub(lambda _: section, text) if old.search(text) else f"{text.rstrip()}\n\n{section}\n"
    page.write_text(text, encoding="utf-8")


def table(head: list[str], rows: list[list[object]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """Say what it was measured on."""
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
