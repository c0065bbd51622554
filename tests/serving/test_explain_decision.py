"""The command explain-decision, on answers that the service gave."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from jobs.commands.command_line import main
from tests.serving.clinic import NIGHTS, Clinic
from tests.serving.conftest import ready

URL = "/v1/clinic_visits/predict"


@pytest.fixture
def environment(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    """The clinic as the settings of this process."""
    monkeypatch.setenv("NIGHTLOOP_HOME", str(clinic.settings.home))
    monkeypatch.setenv("NIGHTLOOP_DEFINITIONS", str(clinic.settings.definitions))
    return clinic


def asked(clinic: Clinic) -> tuple[str, Mapping[str, float]]:
    """Ask for two rows with reasons; the id of the answer, and the first row's."""
    with ready(clinic, audit="refuse") as client:
        answer = client.post(f"{URL}?reasons=true", json={"rows": clinic.rows(NIGHTS.last)[:2]})
        return answer.headers["x-decision-id"], answer.json()["predictions"][0]


def test_an_answer_is_shown_with_what_made_it_and_comes_out_the_same(
    environment: Clinic, capsys: pytest.CaptureFixture[str]
) -> None:
    decision, answer = asked(environment)
    assert main(["explain-decision", decision]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{decision}: clinic_visits, version 1, aggregates of {NIGHTS.last}, recorded ")
    assert shown.count("  asked:    ") == 2 and f"probability {answer['probability']}" in shown
    assert shown.rstrip().endswith("equal to the last bit")
    assert main(["explain-decision", decision, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rebuilt"][0]["probability"] == answer["probability"]


def test_a_changed_line_is_damage_and_an_unknown_id_a_mistake(environment: Clinic, capsys: pytest.CaptureFixture[str]) -> None:
    decision, answer = asked(environment)
    assert main(["explain-decision", "20240107-0123456789abcdef"]) == 2
    assert "X-Decision-Id" in capsys.readouterr().err
    (segment,) = Path(environment.settings.home, "audit").rglob("*.jsonl")
    text, probability = segment.read_text(), f'"probability":{answer["probability"]}'
    assert probability in text
    segment.write_text(text.replace(probability, '"probability":0.5', 1))
    assert main(["explain-decision", decision]) == 10
    streams = capsys.readouterr()
    assert "comes out otherwise" in streams.err and "equal to the last bit" not in streams.out
