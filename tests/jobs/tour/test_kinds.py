"""Twelve kinds of data go from the file to a page without an edit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.commands.command_line import main
from nightloop.errors import GateFailed, TrainingRefused

from .kinds import KINDS


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_of_data_goes_from_the_file_to_a_page(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kind = KINDS[name]()
    code = main(["try", *kind.write(tmp_path), *kind.options, "--home", str(tmp_path / "home"), "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert answer["exit_code"] == code
    page = Path(answer["page"]).read_text(encoding="utf-8")
    assert f"task: {kind.task}" in page
    stages = {line["stage"]: line for line in answer["stages"]}
    assert stages["ingest"]["is_done"] and stages["features"]["is_done"]
    if not kind.trained:
        assert code == TrainingRefused.exit_code
        assert answer["refusal"].split(": ", 1)[1].split(". ")[0] in page.replace("&#39;", "'")
        return
    assert len(answer["gates"]) == 9
    if code == 0:
        assert set(answer["gates"].values()) == {"pass"}
        assert [line["stage"] for line in answer["stages"]][-1] == "report"
        assert any("week-" in each for each in answer["pages"])
        assert all(f'href="{Path(each).relative_to(answer["home"])}"' in page for each in answer["pages"])
    else:
        assert code == GateFailed.exit_code
        assert answer["effective_from"] is None
