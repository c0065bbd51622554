"""The documentation's commands are ones that the command line takes, and its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from jobs.commands.command_line import parser
from nightloop.nights import parse_nights
from nightloop.settings import REPOSITORY

PAGES = sorted((REPOSITORY / "docs").rglob("*.md")) + [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md")]
COMMAND = re.compile(r"python -m jobs ([a-z][^`#\n)]*)")


def commands(page: Path) -> list[str]:
    """Commands with their arguments; a mere mention of one (`python -m jobs check`) counts too."""
    return [found.strip() for found in COMMAND.findall(page.read_text().replace("\\\n", " "))]


def name(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_of_a_page_is_one_that_the_command_line_takes(page: Path) -> None:
    for command in commands(page):
        options = parser().parse_args(shlex.split(command))
        if getattr(options, "nights", None):
            parse_nights(options.nights)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    for link in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text()):
        assert (page.parent / link).exists(), link
