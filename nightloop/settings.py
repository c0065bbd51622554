"""Where things are: the one place that reads the environment.

Every setting is an environment variable with the prefix ``NIGHTLOOP_``; docs/settings.md lists them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from nightloop.errors import UsageError

REPOSITORY = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Paths, addresses and choices of one installation. Built once, at a door, and passed on."""

    model_config = SettingsConfigDict(env_prefix="NIGHTLOOP_", frozen=True, extra="ignore")

    home: Path = Field(Path(".nightloop"), description="Folder of all that runs make; deleting it is a fresh start.")
    lake_url: str = Field("", description="Root of the tables: a folder or s3://bucket/prefix. Default: HOME/lake.")
    ledger_url: str = Field("", description="SQLAlchemy address of the ledger. Default: SQLite in HOME/ledger.db.")
    mlflow_url: str = Field("", description="MLflow tracking address. Default: SQLite in HOME/mlflow.db.")
    artifacts_url: str = Field(
        "", description="Where MLflow keeps artifacts when HOME/mlflow.db is used. Default: HOME/artifacts."
    )
    dvc_remote: str = Field(
        "",
        description="Where training sets are kept beside HOME: a folder or s3://bucket/prefix, in the layout of a "
        "DVC remote. Default: nowhere.",
    )
    engine: Literal["spark", "local", "auto", ""] = Field("", description="Engine over the use case's own choice.")
    local_up_to: int = Field(
        2 * 2**30, ge=0, description="Bytes of input files up to which the engine 'auto' is local; above, it is spark."
    )
    retention_days: int = Field(
        30,
        ge=1,
        description="Days for which files of replaced versions stay; sweep removes them then, unless a lineage needs them.",
    )
    spark_url: str = Field("sc://127.0.0.1:15002", description="Address of the Spark Connect server.")
    service_token: SecretStr | None = Field(
        None, description="Bearer token that /v1/ of the service asks for; needed beyond loopback, or a key of a client."
    )
    smtp_url: SecretStr | None = Field(
        None,
        description="Mail server of alerts, where Airflow has no connection: smtp://user:password@host:587?from=address.",
    )
    slack_url: SecretStr | None = Field(None, description="Slack webhook of alerts, where Airflow has no connection.")
    airflow_url: str = Field(
        "", description="Airflow's web address, for `watch` and its links, for example http://127.0.0.1:8080."
    )
    airflow_base_url: str = Field(
        "", description="The same as people reach it, where that differs, for links in alerts of `watch`."
    )
    service_url: str = Field("", description="The service's address, for `watch`, for example http://127.0.0.1:8500.")
    ping_url: SecretStr | None = Field(
        None, description="Address that `watch` asks for after each look, at a service that alerts when it stays away."
    )
    free_bytes: int = Field(2 * 2**30, ge=0, description="Free bytes of the disk of HOME below which `watch` alerts.")
    port_offset: int = Field(0, ge=0, le=50000, description="Added to every port the embedded set-up opens.")
    definitions: Path = Field(REPOSITORY / "feature_defs", description="Folder of the use cases.")
    contracts: Path = Field(REPOSITORY / "great_expectations", description="Folder of the contracts.")

    @model_validator(mode="before")
    @classmethod
    def _fill_from_home(cls, values: dict[str, object]) -> dict[str, object]:
        home = Path(str(values.get("home") or ".nightloop")).expanduser().resolve()
        defaults = {
            "lake_url": str(home / "lake"),
            "ledger_url": f"sqlite:///{home / 'ledger.db'}",
            "mlflow_url": f"sqlite:///{home / 'mlflow.db'}",
            "artifacts_url": str(home / "artifacts"),
        }
        return {**values, "home": home, **{key: values.get(key) or default for key, default in defaults.items()}}


def load_settings(**overrides: object) -> Settings:
    """Read the environment, check it, and return the settings.

    Raises:
        UsageError: a variable does not hold what it must; the message names it.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(f"NIGHTLOOP_{'_'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in error.errors())
        raise UsageError(
            f"the settings are wrong: {problems}.", do="Correct the environment variable and try again."
        ) from error


def connection(name: str) -> SecretStr:
    """Return the address of a named connection of the sources, as NIGHTLOOP_CONNECTION_<NAME> holds it.

    Raises:
        UsageError: the variable is not set.
    """
    variable = f"NIGHTLOOP_CONNECTION_{name.upper()}"
    address = os.environ.get(variable, "")
    if not address:
        raise UsageError(
            f"the connection '{name}' has no address: {variable} is not set.",
            do=f"Set {variable}, for example to postgresql+psycopg2://reader:password@host/database; or, for Airflow, make "
            f"a connection nightloop_{name} there.",
        )
    return SecretStr(address)
