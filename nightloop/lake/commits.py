"""What a commit says of itself: who made the night, from what, and what is in it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import nightloop
from nightloop.nights import Night

KEY = "nightloop"


@dataclass(frozen=True)
class Commit:
    """Why a night is published: the stage, its definition, the versions of the tables it read, and a summary of the rows.

    ``summary`` is what later nights look at without reading the rows again: plain values that JSON can hold.
    ``meanings`` is the digest of the definition that each column's values were made by, ``rules`` of what they were judged by.
    ``seconds`` is how long each night took, by which a plan tells what building it again will cost.
    ``unfinished`` says that the night was not over when it was taken in.
    """

    stage: str
    use_case: str
    definition_digest: str = ""
    inputs: Mapping[str, int] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    meanings: Mapping[str, str] = field(default_factory=dict)
    rules: str = ""
    seconds: float = 0.0
    unfinished: bool = False


@dataclass(frozen=True)
class NightState:
    """What the newest commit of a night says: what was published, by which code, from which versions."""

    night: Night
    version: int
    rows: int
    content_digest: str
    stage: str
    code_version: str
    definition_digest: str
    inputs: Mapping[str, int]
    summary: Mapping[str, Any] = field(default_factory=dict)
    meanings: Mapping[str, str] = field(default_factory=dict)
    rules: str = ""
    seconds: float = 0.0
    unfinished: bool = False
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NightContent:
    """What one night of a commit holds; ``checksums`` is of each file, by its name in the night's folder."""

    night: Night
    rows: int
    content_digest: str
    checksums: Mapping[str, str] = field(default_factory=dict)


def as_metadata(nights: Sequence[NightContent], commit: Commit, code: str = "") -> dict[str, str]:
    """Return what the Delta log keeps with the commit: one JSON text under one key, with a part for each night.

    ``code`` is what made the rows, where it is not the code at work.
    """
    shared: dict[str, Any] = {
        "stage": commit.stage,
        "use_case": commit.use_case,
        "code_version": code or code_version(),
        "definition_digest": commit.definition_digest,
        "inputs": dict(commit.inputs),
    }
    optional: dict[str, Any] = {"summary": dict(commit.summary), "meanings": dict(commit.meanings), "rules": commit.rules}
    optional |= {"seconds": round(commit.seconds, 3), "unfinished": commit.unfinished}
    shared |= {name: value for name, value in optional.items() if value}
    parts = [
        {"night": str(of.night), "rows": of.rows, "content_digest": of.content_digest, "checksums": dict(of.checksums)}
        for of in nights
    ]
    return {KEY: json.dumps({**shared, "nights": parts}, sort_keys=True)}


def as_states(metadata: str, version: int) -> list[NightState]:
    """Read back what ``as_metadata`` wrote: a state for each night."""
    values = json.loads(metadata)
    return [
        NightState(
            night=Night.fromisoformat(part["night"]),
            version=version,
            rows=part["rows"],
            content_digest=part["content_digest"],
            stage=values["stage"],
            code_version=values["code_version"],
            definition_digest=values["definition_digest"],
            inputs=values["inputs"],
            summary=values.get("summary", {}),
            meanings=values.get("meanings", {}),
            rules=values.get("rules", ""),
            seconds=values.get("seconds", 0.0),
            unfinished=values.get("unfinished", False),
            checksums=part.get("checksums", {}),
        )
        for part in values["nights"]
    ]


@cache
def code_version() -> str:
    """Return the commit of the code at work, or the package's version where there is no git checkout.

    Read once a process: a night's provenance is the code that was loaded, not what the folder holds later.
    """
    root = Path(nightloop.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return nightloop.__version__
    command = ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return nightloop.__version__
    return answer.stdout.strip() if answer.returncode == 0 else nightloop.__version__
