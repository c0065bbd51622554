"""A ledger of a test's own, beside which its outbox stands, and a clock to turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightloop.ledger import Ledger
from tests.alerts.outboxes import Clock


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path}/ledger.db")


@pytest.fixture
def clock() -> Clock:
    return Clock()
