"""The environment in which an embedded Airflow runs: one folder, SQLite, LocalExecutor, ports of our own.

Airflow reads its settings from ``AIRFLOW__SECTION__KEY``; nothing here imports it. The intervals are tuned for one
person on one machine who waits for a cascade of nights: the defaults are those of a cluster.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from nightloop.atomic_file import make_private
from nightloop.definitions import load_use_case, use_case_names
from nightloop.errors import DefinitionError
from nightloop.settings import REPOSITORY

COMPONENTS = ("api-server", "scheduler", "dag-processor")
"""What always runs; approvals wait without a triggerer since Airflow 3.3."""

TRIGGERER = "triggerer"
"""What else runs where a use case waits for files: 300 MB, that nobody else should pay."""

GRACE = {TRIGGERER: 1.0}
"""Seconds that a part gets to end, where they are not the default ones: a triggerer takes ten, and has nothing to save."""

DATABASE = "airflow.db"
_SECRETS_FILE = "secrets.json"


def components(definitions: Path) -> tuple[str, ...]:
    """Return what must run for these use cases; one that cannot be read may be one that waits."""
    needed = any(_waits(name, definitions) for name in use_case_names(definitions))
    return (*COMPONENTS, TRIGGERER) if needed else COMPONENTS


def _waits(name: str, definitions: Path) -> bool:
    try:
        sources = load_use_case(name, definitions).sources.values()
    except DefinitionError:
        return True  # Airflow shows the mistake; when it is mended, the triggerer is there
    return any(getattr(source.connector, "arrives_by", None) for source in sources)


def airflow_environment(
    home: Path,
    port: int,
    *,
    nightloop_home: Path,
    parallelism: int = 4,
    users: Mapping[str, str] | None = None,
    inflation_check: str = "warning",
    base: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the environment of Airflow's processes, and write the files it names.

    Args:
        home: Airflow's folder (database, logs, passwords); made when it is not there.
        port: where the API server and web UI listen, on loopback.
        nightloop_home: NIGHTLOOP_HOME of the tasks.
        parallelism: tasks at a time.
        users: name -> password of the web UI, all administrators; default: ``admin`` with a password made once.
        inflation_check: what the dag-processor does when parses of one file differ: off, warning or error.
        base: environment to start from; default: this process's.
    """
    home.mkdir(parents=True, exist_ok=True)
    make_private(home / DATABASE)
    keys = _stored_secrets(home)
    passwords = dict(users or {"admin": keys["admin_password"]})
    passwords_file = home / "passwords.json"
    _write_private(passwords_file, json.dumps(passwords))
    sections = {
        **_server(home, port, keys),
        "core": {**_tasks(port, parallelism, keys), **_sign_in(passwords, passwords_file)},
        "scheduler": SCHEDULER,
        "dag_processor": {**DAG_PROCESSOR, "dag_version_inflation_check_level": inflation_check},
        "usage_data_collection": {"enabled": "False"},
    }
    settings = {
        f"AIRFLOW__{section.upper()}__{key.upper()}": value
        for section, values in sections.items()
        for key, value in values.items()
    }
    inherited = dict(os.environ if base is None else base)
    connection = {"conn_type": "http", "host": "127.0.0.1", "port": port}
    user = next(iter(passwords))
    own_api = {"AIRFLOW_CONN_AIRFLOW_API": json.dumps({**connection, "login": user, "password": passwords[user]})}
    return {**inherited, **settings, **own_api, **_process(home, nightloop_home, inherited), **QUIET}


SCHEDULER = {
    "scheduler_idle_sleep_time": "0.2",
    "scheduler_heartbeat_sec": "2",
    "max_dagruns_to_create_per_loop": "50",
    "max_dagruns_per_loop_to_schedule": "50",
    "enable_health_check": "False",
    "orphaned_tasks_check_interval": "20",  # else the tasks of a scheduler that was killed stand still for five minutes
}

DAG_PROCESSOR = {"refresh_interval": "30", "min_file_process_interval": "60", "parsing_processes": "2"}

QUIET = {
    "SCARF_ANALYTICS": "false",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DVC_NO_ANALYTICS": "1",
    "MPLBACKEND": "Agg",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "PYTHONWARNINGS": "ignore:GitWildMatchPattern",  # Airflow's use of pathspec, once a task
}
"""No library that a task imports calls home, draws on a screen, or logs what does not concern the reader of a task's log."""


def _tasks(port: int, parallelism: int, keys: Mapping[str, str]) -> dict[str, str]:
    """What runs: our DAGs, by so many local workers, which report to the API server."""
    return {
        "dags_folder": str(REPOSITORY / "dags"),
        "plugins_folder": str(REPOSITORY / "plugins"),
        "load_examples": "False",
        "executor": "LocalExecutor",
        "parallelism": str(parallelism),
        "max_active_tasks_per_dag": str(parallelism),
        "fernet_key": keys["fernet_key"],
        "dags_are_paused_at_creation": "False",
        "min_serialized_dag_update_interval": "5",
        "execution_api_server_url": f"{_address(port)}/execution/",
    }


def _sign_in(passwords: Mapping[str, str], passwords_file: Path) -> dict[str, str]:
    """Who may sign in: the users named, all of them administrators."""
    return {
        "auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "simple_auth_manager_users": ",".join(f"{user}:admin" for user in passwords),
        "simple_auth_manager_passwords_file": str(passwords_file),
    }


def _server(home: Path, port: int, keys: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Where the database and the logs lie, and where the servers listen, on loopback only."""
    return {
        "database": {"sql_alchemy_conn": f"sqlite:///{home / DATABASE}"},
        "api": {
            "host": "127.0.0.1",
            "port": str(port),
            "base_url": _address(port),
            "secret_key": keys["secret_key"],
            "workers": "1",
            "access_control_allow_origins": "",
        },
        "api_auth": {"jwt_secret": keys["jwt_secret"]},
        "logging": {
            "base_log_folder": str(home / "logs"),
            "dag_processor_child_process_log_directory": str(home / "logs" / "dag_processor"),
            "logging_level": "INFO",
            "namespace_levels": "great_expectations=WARNING alembic=WARNING mlflow=WARNING httpx=WARNING",
        },
    }


def _process(home: Path, nightloop_home: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """What a process needs beside Airflow's settings: homes, and our code and interpreter before others."""
    return {
        "AIRFLOW_HOME": str(home),
        "NIGHTLOOP_HOME": str(nightloop_home),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(REPOSITORY), inherited.get("PYTHONPATH", "")])),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", "")]),
        "NO_PROXY": ",".join(filter(None, ["127.0.0.1,localhost", inherited.get("NO_PROXY", "")])),
    }


def _address(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def airflow_command(*arguments: str) -> list[str]:
    """Return the command line of an Airflow command, run by this interpreter.

    The scheduler starts with the stages' libraries imported: its workers are forks of it, and so is every task. Neither
    it nor the triggerer serves logs: their server would listen on every interface, and here they are read from the disk.
    """
    start = ["-m", "plugins.warm_scheduler"] if arguments[:1] == ("scheduler",) else ["-m", "airflow"]
    more = ["--skip-serve-logs"] if arguments in (("scheduler",), (TRIGGERER,)) else []
    return [sys.executable, *start, *arguments, *more]


def _stored_secrets(home: Path) -> dict[str, str]:
    """Return the keys, made at the first start and stored, so that a second start reads what the first one wrote."""
    file = home / _SECRETS_FILE
    if not file.exists():
        import base64

        new = {
            "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "secret_key": secrets.token_urlsafe(32),
            "jwt_secret": secrets.token_urlsafe(48),
            "admin_password": secrets.token_urlsafe(12),
        }
        _write_private(file, json.dumps(new))
    stored: dict[str, str] = json.loads(file.read_text())
    return stored


def _write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)
