"""Property tests draw the same examples each time; where CI is set, those of the date, which the header tells."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nightloop.settings import REPOSITORY

DRAW = """
from hypothesis import given, settings, strategies as st

@settings(max_examples=5)
@given(st.integers(0, 10**12))
def test_draw(number):
    print("drew", number)
"""


@pytest.fixture
def draw(tmp_path: Path):
    """Return a function that runs one property test with these variables: pytest's header, and what was drawn."""
    (tmp_path / "conftest.py").write_text(
        (REPOSITORY / "tests" / "conftest.py").read_text(encoding="utf-8").partition("pytest_plugins")[0], encoding="utf-8"
    )
    (tmp_path / "test_draw.py").write_text(DRAW, encoding="utf-8")

    def run(**variables: str) -> tuple[str, list[str]]:
        inherited = {key: value for key, value in os.environ.items() if key != "CI" and not key.startswith("HYPOTHESIS")}
        alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # five plugins less are three seconds less
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-s",
            "-p",
            "_hypothesis_pytestplugin",
            "-p",
            "no:cacheprovider",
            str(tmp_path),
        ]
        answer = subprocess.run(
            command, env=inherited | alone | variables, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        lines = answer.stdout.splitlines()
        header = next(line for line in lines if line.startswith("property tests draw"))
        return header, [line.rpartition("drew ")[2] for line in lines if "drew " in line]

    return run


def test_outside_ci_the_examples_are_the_same_each_time(draw):
    header, first = draw()
    assert header == "property tests draw the examples 'same'"
    assert draw(HYPOTHESIS_DATE="2026-01-01")[1] == first
    assert len(first) == 5


def test_in_ci_the_examples_are_those_of_the_date(draw):
    header, first = draw(CI="true", HYPOTHESIS_DATE="2026-01-01")
    assert header.endswith("of 2026-01-01; again with HYPOTHESIS_PROFILE=daily HYPOTHESIS_DATE=2026-01-01")
    assert draw(HYPOTHESIS_PROFILE="daily", HYPOTHESIS_DATE="2026-01-01")[1] == first
    assert draw(CI="true", HYPOTHESIS_DATE="2026-01-02")[1] != first


def test_in_ci_the_date_is_today_s_in_utc(draw):
    before = datetime.now(UTC).date().isoformat()
    header, _ = draw(CI="true")
    assert header.rpartition("=")[2] in (before, datetime.now(UTC).date().isoformat())
