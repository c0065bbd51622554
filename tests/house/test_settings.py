"""Settings are checked when built."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightloop.errors import UsageError
from nightloop.settings import load_settings


def test_every_store_lives_under_the_home_unless_told(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    assert settings.lake_url == str(tmp_path / "lake")
    assert settings.ledger_url == f"sqlite:///{tmp_path}/ledger.db"
    assert settings.mlflow_url == f"sqlite:///{tmp_path}/mlflow.db"


def test_a_variable_of_the_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NIGHTLOOP_HOME", str(tmp_path / "there"))
    monkeypatch.setenv("NIGHTLOOP_LAKE_URL", "s3://bucket/lake")
    assert load_settings().lake_url == "s3://bucket/lake"
    assert load_settings().home == tmp_path / "there"


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTLOOP_PORT_OFFSET", "many")
    with pytest.raises(UsageError, match="NIGHTLOOP_PORT_OFFSET"):
        load_settings()
