"""python -m jobs new: writes all its files or none, overwrites nothing unasked, and what it writes runs as it stands."""

from __future__ import annotations

import json
import random

import pytest

from jobs.commands.check import check
from jobs.commands.command_line import main


@pytest.fixture
def at_home(house, monkeypatch):
    """The house as the command's own."""
    monkeypatch.setenv("NIGHTLOOP_HOME", str(house.folder / "home"))
    monkeypatch.setenv("NIGHTLOOP_DEFINITIONS", str(house.definitions))
    monkeypatch.setenv("NIGHTLOOP_CONTRACTS", str(house.contracts))
    return house


@pytest.fixture
def file(at_home, subscriptions):
    return str(at_home.csv("subs.csv", *subscriptions(240)))


def test_a_draft_passes_the_check_and_runs_as_it_stands(at_home, file, capsys):
    assert main(["new", "churn", "--from", file]) == 0
    told = capsys.readouterr().out
    assert "churn: drafted from 240 records, 2024-01-01 to 2024-01-10" in told
    assert "python -m jobs ingest churn 2024-01-01..2024-01-10" in told
    assert check("churn", at_home.definitions, at_home.contracts).mistakes == ()
    assert main(["ingest", "churn", "2024-01-01..2024-01-03", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [item["rows"] for item in rows if item["table"] == "churn/raw_subs"] == [24, 24, 24]
    assert [item["rows"] for item in rows if item["table"] == "churn/raw_outcomes"] == [0, 24, 24]
    assert main(["features", "churn", "2024-01-01..2024-01-03", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [item["rows"] for item in rows if item["table"] == "churn/features"] == [24, 24, 24]


def test_what_is_there_is_replaced_only_by_force(at_home, file, capsys):
    assert main(["new", "churn", "--from", file]) == 0
    definition = at_home.definitions / "churn.yaml"
    definition.write_text("mine\n", encoding="utf-8")
    assert main(["new", "churn", "--from", file]) == 2
    assert "--force" in capsys.readouterr().err
    assert definition.read_text(encoding="utf-8") == "mine\n"
    assert main(["new", "churn", "--from", file, "--force"]) == 0
    assert definition.read_text(encoding="utf-8").startswith("# yaml-language-server")


def test_when_a_contract_cannot_be_written_nothing_is(at_home, file, capsys):
    (at_home.contracts / "churn").write_text("a file where a folder must be", encoding="utf-8")
    assert main(["new", "churn", "--from", file]) == 9
    assert "nothing is changed" in " ".join(capsys.readouterr().err.split())
    assert list(at_home.definitions.iterdir()) == []


def test_when_a_contract_cannot_be_written_what_was_there_comes_back(at_home, file):
    (at_home.definitions / "churn.yaml").write_text("mine\n", encoding="utf-8")
    (at_home.contracts / "churn").write_text("a file where a folder must be", encoding="utf-8")
    assert main(["new", "churn", "--from", file, "--force"]) == 9
    assert (at_home.definitions / "churn.yaml").read_text(encoding="utf-8") == "mine\n"


def test_the_draft_is_told_as_json(file, capsys):
    assert main(["new", "churn", "--from", file, "--label", "Churned?", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["task"], told["label"], told["key"], told["read"]) == ("binary", "Churned?", ["customer_id"], 240)
    assert len(told["files"]) == 3
    assert told["checks"][0]["line"] > 1
    assert (told["afterwards"], told["doubted"]) == (["left_on"], [])


def test_what_looks_known_only_afterwards_is_told(at_home, capsys):
    drawn = random.Random(1)
    rows = [[f"k{i}", f"2024-01-{1 + i % 20:02d}", i % 2, i % 2, drawn.gauss(0.8 * (i % 2), 1)] for i in range(400)]
    file = at_home.csv("calls.csv", ["id", "date", "verdict", "won", "call_duration"], rows)
    assert main(["new", "calls", "--from", str(file), "--label", "won"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "afterwards kept with the outcome: verdict; known then too? as yet features: call_duration" in told
    assert "predicts won (binary), known 1 night after" in told
    assert main(["new", "calls", "--from", str(file), "--label", "won", "--matures-after", "2", "--force"]) == 0
    assert "known 2 nights after" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["Churn", "../churn", "a b", ""])
def test_a_name_that_cannot_be_one_is_refused_and_nothing_is_written(name, at_home, file):
    assert main(["new", name, "--from", file]) == 2
    assert list(at_home.definitions.iterdir()) == []
