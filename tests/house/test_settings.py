"""Settings are checked when built."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightloop.errors import UsageError
from nightloop.settings import REPOSITORY, connection, load_settings


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


@pytest.mark.parametrize(
    ("name", "least", "most"), [("port_offset", 0, 50_000), ("local_up_to", 0, None), ("retention_days", 1, None)]
)
def test_each_number_has_its_bounds(name: str, least: int, most: int | None) -> None:
    assert getattr(load_settings(**{name: least}), name) == least
    wrong = [least - 1]
    if most is not None:
        assert getattr(load_settings(**{name: most}), name) == most
        wrong.append(most + 1)
    for value in wrong:
        with pytest.raises(UsageError, match=f"the settings are wrong: NIGHTLOOP_{name.upper()}: .*Correct the environment"):
            load_settings(**{name: value})


def test_defaults_are_those_of_the_documentation(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    assert (settings.engine, settings.local_up_to, settings.retention_days, settings.port_offset) == ("", 2147483648, 30, 0)
    assert settings.spark_url == "sc://127.0.0.1:15002"
    assert settings.artifacts_url == str(tmp_path / "artifacts") and settings.service_token is None
    assert (settings.definitions, settings.contracts) == (REPOSITORY / "feature_defs", REPOSITORY / "great_expectations")
    page = (REPOSITORY / "docs" / "settings.md").read_text()
    for name in ("local_up_to", "retention_days", "port_offset", "spark_url"):
        assert f"| `NIGHTLOOP_{name.upper()}` | `{getattr(settings, name)}`" in page


@pytest.mark.parametrize(
    ("engine", "is_allowed"), [("spark", True), ("local", True), ("auto", True), ("", True), ("ray", False)]
)
def test_an_engine_is_one_of_three_or_the_use_cases_own(engine: str, is_allowed: bool) -> None:
    if is_allowed:
        assert load_settings(engine=engine).engine == engine
    else:
        with pytest.raises(UsageError, match="NIGHTLOOP_ENGINE"):
            load_settings(engine=engine)


def test_a_blank_address_is_the_default_and_a_home_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NIGHTLOOP_LAKE_URL", "")
    monkeypatch.setenv("NIGHTLOOP_HOME", "")
    assert load_settings().home == tmp_path / ".nightloop"
    assert load_settings().lake_url == str(tmp_path / ".nightloop" / "lake")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert load_settings(home="~/loop").home == tmp_path / "me" / "loop"
    assert load_settings(home="a/../b").ledger_url == f"sqlite:///{tmp_path}/b/ledger.db"


def test_settings_do_not_change_and_say_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTLOOP_SERVICE_TOKEN", "s3cr3t")
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.engine = "local"
    assert settings.service_token is not None and settings.service_token.get_secret_value() == "s3cr3t"
    assert "s3cr3t" not in f"{settings!r} {settings}"


def test_all_wrong_variables_are_named_at_once() -> None:
    with pytest.raises(UsageError, match=r"NIGHTLOOP_RETENTION_DAYS: .*; NIGHTLOOP_PORT_OFFSET: ") as refused:
        load_settings(port_offset=-1, retention_days="soon")
    assert refused.value.exit_code == 2


def test_a_connection_is_read_from_its_variable_and_shown_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTLOOP_CONNECTION_WAREHOUSE", "postgresql://reader:s3cr3t@host/db")
    address = connection("warehouse")
    assert address.get_secret_value() == "postgresql://reader:s3cr3t@host/db" and "s3cr3t" not in repr(address)


@pytest.mark.parametrize("value", [None, ""])
def test_a_connection_without_an_address_names_its_variable_and_airflows(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NIGHTLOOP_CONNECTION_WAREHOUSE", raising=False)
    if value is not None:
        monkeypatch.setenv("NIGHTLOOP_CONNECTION_WAREHOUSE", value)
    with pytest.raises(
        UsageError, match=r"'warehouse' has no address: NIGHTLOOP_CONNECTION_WAREHOUSE.*nightloop_warehouse there"
    ):
        connection("warehouse")
