"""Whatever is wrong in a definition or a contract: the file, the line, what was read and how to mend it are told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from jobs.commands.check import check
from jobs.commands.command_line import main
from tests.definitions.mistakes import CONTRACT, DEFINITION, RIGHT, SUITES, Mistake


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """The right definition and its contracts."""
    definitions, contracts = tmp_path / "feature_defs", tmp_path / "great_expectations"
    (contracts / "rides").mkdir(parents=True)
    definitions.mkdir()
    (definitions / "rides.yaml").write_text(RIGHT, encoding="utf-8")
    for name, text in SUITES.items():
        (contracts / "rides" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return definitions, contracts


def test_the_right_files_have_no_mistake(folders):
    found = check("rides", *folders)
    assert [str(mistake) for mistake in found.mistakes] == []
    assert (found.sources, found.features, found.rules) == (4, 15, 6)


def test_there_are_more_than_forty():
    assert len(DEFINITION) >= 40
    assert len(CONTRACT) >= 10


def assert_told(mistake: Mistake, path: Path, shown: str, folders: tuple[Path, Path]) -> None:
    right = path.read_text(encoding="utf-8")
    assert mistake.right in right
    wrong = right.replace(mistake.right, mistake.wrong, 1)
    path.write_text(wrong, encoding="utf-8")
    line = wrong[: wrong.index(mistake.mark)].count("\n") + 1
    found = check("rides", *folders).mistakes
    told = [item for item in found if mistake.said in item.what and mistake.do in item.do and item.do]
    assert told, "\n".join(map(str, found)) or "nothing was found"
    assert {item.where for item in told} == {f"{shown}:{line}"}, "\n".join(map(str, told))


@pytest.mark.parametrize("name", ["a tab", "an unknown key", "an unknown column", "a label never known"])
def test_a_mistake_of_a_definition_is_told_at_its_line_by_the_command(name, folders):
    assert_told(DEFINITION[name], folders[0] / "rides.yaml", "feature_defs/rides.yaml", folders)


@pytest.mark.parametrize("name", CONTRACT)
def test_a_mistake_of_a_contract_is_told_at_its_line(name, folders):
    assert_told(CONTRACT[name], folders[1] / "rides" / "zones.yaml", "great_expectations/rides/zones.yaml", folders)


def test_a_source_without_a_contract_and_a_contract_without_a_source_are_told_together(folders):
    (folders[1] / "rides" / "zones.yaml").rename(folders[1] / "rides" / "zone.yaml")
    told = [str(mistake) for mistake in check("rides", *folders).mistakes]
    assert len(told) == 2
    assert "great_expectations/rides/zone.yaml:1: 'zone.yaml' guards no source of 'rides'. Did you mean 'zones'?" in told[0]
    assert "source 'zones' has no contract" in told[1]


def test_mistakes_of_several_contracts_are_told_at_once(folders):
    for name in ("rides", "weather"):
        path = folders[1] / "rides" / f"{name}.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace("on_breach: fail", "on_breach: stop"), encoding="utf-8")
    files = {mistake.where.rsplit(":", 1)[0] for mistake in check("rides", *folders).mistakes}
    assert files == {"great_expectations/rides/rides.yaml", "great_expectations/rides/weather.yaml"}


def test_the_command_tells_mistakes_as_lines_or_as_json_and_ends_with_three(folders, monkeypatch, capsys):
    monkeypatch.setenv("NIGHTLOOP_DEFINITIONS", str(folders[0]))
    monkeypatch.setenv("NIGHTLOOP_CONTRACTS", str(folders[1]))
    wrong = RIGHT.replace("group: zone", "group: zones").replace("Europe/Berlin", "Berlin")
    (folders[0] / "rides.yaml").write_text(wrong, encoding="utf-8")
    assert main(["check", "rides"]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(re.match(r"feature_defs/rides\.yaml:\d+: ", line) for line in lines)
    assert main(["check", "rides", "--json"]) == 3
    told = json.loads(capsys.readouterr().out)["use_cases"][0]["mistakes"]
    assert [f"{item['where']}: {item['what']} {item['do']}" for item in told] == lines


def test_an_unknown_use_case_ends_with_two(folders, monkeypatch, capsys):
    monkeypatch.setenv("NIGHTLOOP_DEFINITIONS", str(folders[0]))
    assert main(["check", "ride"]) == 2
    assert "Did you mean 'rides'" in " ".join(capsys.readouterr().err.split())
