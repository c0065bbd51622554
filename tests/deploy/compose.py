"""docker-compose.yml as Compose reads it: anchors merged, ${VARIABLES} filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from nightloop.settings import REPOSITORY

FILE = REPOSITORY / "docker-compose.yml"
OPTIONAL = (
    *("NIGHTLOOP_SMTP_URL", "NIGHTLOOP_SLACK_URL", "NIGHTLOOP_PING_URL"),
    *("AIRFLOW_USERS", "AIRFLOW_BASE_URL", "DEFINITIONS_FOLDER", "CONTRACTS_FOLDER", "DATA_FOLDER", "CPUS", "WORKER_MEMORY"),
)
"""What a team may say in .env, each with a default in the file: its servers, users, folders and sizes."""
VARIABLE = re.compile(r"\$\{(\w+)([^}]*)\}")


def document(values: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the file's content: what is optional by its default, and secrets filled in where values are given."""

    def filled(variable: re.Match[str]) -> str:
        if variable[1] in OPTIONAL:
            return variable[2].removeprefix(":-")
        return variable[0] if values is None else values[variable[1]]

    text = VARIABLE.sub(filled, FILE.read_text())
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def services(values: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    return document(values)["services"]


def ours() -> dict[str, dict[str, Any]]:
    """The services that run an image of our own."""
    return {name: service for name, service in services().items() if "build" in service}


def environment(name: str, values: Mapping[str, str], **replaced: str) -> dict[str, str]:
    """Return a service's variables, with parts of their text replaced (addresses of containers by local ones).

    In one pass: a local address whose port begins like a container's, 127.0.0.1:50007, is not replaced again.
    """
    parts = re.compile("|".join(map(re.escape, replaced)) or "(?!)")
    variables = services(values)[name].get("environment", {})
    return {key: parts.sub(lambda part: replaced[part[0]], str(value)) for key, value in variables.items()}
