"""A use case to make mistakes in."""

from __future__ import annotations

import pytest

from nightloop.settings import REPOSITORY


@pytest.fixture(scope="session")
def flight_delay_text() -> str:
    return (REPOSITORY / "tests" / "definitions" / "in_full" / "flight_delay.yaml").read_text(encoding="utf-8")
