"""A changed definition beside the one that is there: what differs by column, what the models are worth, and nothing touched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jobs.commands import command_line, comparing
from nightloop.errors import StoreUnavailable
from nightloop.lake import Commit
from nightloop.nights import Nights
from nightloop.settings import REPOSITORY, load_settings
from nightloop.workspace import Workspace
from tests.jobs.changing import FIRST, NIGHTS, ROWS, Things

SPLIT = {"minimum_fit_nights": 3, "calibrate_nights": 1, "validate_nights": 2}


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Things:
    """Six nights in a Git repository, and the commands pointed at them."""
    things = Things(tmp_path)
    things.change(lambda declared: declared["model"].update(split=SPLIT))
    for name in ("home", "definitions", "contracts", "engine"):
        monkeypatch.setenv(f"NIGHTLOOP_{name.upper()}", str(getattr(things.settings, name)))
    things.build()
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "feature_defs", "great_expectations"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    return things


def compared(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    assert command_line.main(["compare", "things", "--against", "HEAD", "--json", *more]) == 0
    found = json.loads(capsys.readouterr().out)
    return {**found, "columns": {(pair["now"] or pair["before"])["name"]: pair for pair in found["columns"]}}


def files(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def hundredfold(things: Things) -> None:
    things.change(lambda declared: declared["features"]["price"].update(expression="price * 100"))


def test_a_changed_feature_is_shown_with_both_distributions_and_the_others_are_equal(
    things: Things, capsys: pytest.CaptureFixture[str]
) -> None:
    hundredfold(things)
    found = compared(capsys)
    price = found["columns"]["price"]
    assert price["differ"] == price["now"]["rows"] == 6 * ROWS
    assert price["now"]["mean"] == pytest.approx(100 * price["before"]["mean"])
    assert price["now"]["quantiles"] == pytest.approx([100 * value for value in price["before"]["quantiles"]])
    assert found["columns"]["mean_price"]["differ"] == found["columns"]["label"]["differ"] == 0
    assert found["nights"] == str(NIGHTS)


def test_models_of_both_are_measured_on_the_same_later_nights(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    things.change(lambda declared: declared["features"]["price"].update(expression="0"))
    worth = compared(capsys)["worth"]
    before, now, improvement = worth["figures"]
    assert [item["metric"] for item in worth["figures"]] == ["auc_before", "auc_now", "improvement"]
    assert {item["n"] for item in worth["figures"]} == {2 * ROWS}
    assert improvement["value"] == pytest.approx(now["value"] - before["value"])
    assert improvement["low"] is not None and improvement["low"] <= improvement["value"] <= improvement["high"]
    assert worth["nights"] == str(Nights(list(NIGHTS)[-2], NIGHTS.last)) and worth["why_not"] == ""


def test_a_feature_more_and_one_less_stand_on_one_side(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    def change(declared: dict[str, Any]) -> None:
        declared["features"]["twice"] = {**declared["features"]["price"], "expression": "price * 2"}
        del declared["features"]["mean_price"]

    things.change(change)
    columns = compared(capsys)["columns"]
    assert columns["twice"]["before"] is None and columns["twice"]["now"]["rows"] == 6 * ROWS
    assert columns["mean_price"]["now"] is None and columns["mean_price"]["before"]["rows"] == 6 * ROWS


def test_a_rename_differs_in_no_row_and_has_one_model(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    things.change(lambda declared: declared["features"].update(cost=declared["features"].pop("price")))
    found = compared(capsys)
    assert (found["columns"]["cost"]["before"]["name"], found["columns"]["cost"]["differ"]) == ("price", 0)
    assert found["worth"]["why_not"] == "the features mean the same: there is one model."


def test_values_that_are_missing_on_one_side_differ(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    things.change(lambda declared: declared["features"]["price"].update(expression="case when part = 'A' then price end"))
    price = compared(capsys)["columns"]["price"]
    assert price["differ"] == price["now"]["missing"] == 3 * ROWS and price["before"]["missing"] == 0


def test_another_recipe_of_the_same_features_is_measured_too(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    things.change(lambda declared: declared["model"].update(xgboost={"n_estimators": 1, "max_depth": 1}))
    found = compared(capsys)
    assert {pair["differ"] for pair in found["columns"].values()} == {0}
    assert found["worth"]["figures"][0]["value"] != found["worth"]["figures"][1]["value"]


def test_a_training_window_of_the_definition_is_kept_to(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    things.change(lambda declared: declared["model"].update(window_nights=3))
    assert compared(capsys)["worth"]["why_not"].startswith("no model can be trained on these nights: 3 nights hold")


def test_the_newest_nights_are_those_after_the_last_gap(
    things: Things, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hundredfold(things)
    monkeypatch.setenv("NIGHTLOOP_HOME", str(tmp_path / "with a gap"))
    workspace = Workspace.open(load_settings())
    for night in (nights := list(NIGHTS))[:2] + nights[3:]:
        workspace.lake.publish(
            "things/features", night, things.read("features", night).drop_columns("night"), Commit("f", "things")
        )
    assert compared(capsys)["nights"] == f"{nights[3]}..{NIGHTS.last}"


def test_another_label_is_shown_and_not_measured(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    things.change(lambda declared: declared["label"].update(expression="not sold"))
    found = compared(capsys)
    assert found["columns"]["label"]["differ"] == 6 * ROWS
    assert "no common measure" in found["worth"]["why_not"] and not found["worth"]["figures"]


def test_a_renamed_key_matches_the_rows_that_it_matched_before(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    def rename(declared: dict[str, Any]) -> None:
        for source in declared["sources"].values():
            source["columns"]["thing"] = source["columns"].pop("id")
            source["key"] = ["thing"]
        declared["entity"]["key"], declared["label"]["join"] = ["thing"], {"thing": "thing"}

    hundredfold(things)
    things.change(rename)
    for suite in (things.folder / "great_expectations" / "things").iterdir():
        suite.write_text(suite.read_text().replace("column: id", "column: thing"))
    found = compared(capsys)
    differ = {name: pair["differ"] for name, pair in found["columns"].items()}
    assert differ == {"price": 6 * ROWS, "mean_price": 0, "label": 0}
    assert found["worth"]["figures"][0]["n"] == 2 * ROWS


def test_rows_of_another_entity_are_never_called_equal(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    def change(declared: dict[str, Any]) -> None:
        for source in declared["sources"].values():
            source["columns"]["id"]["expression"] = "id::bigint * 10"

    things.change(change)
    found = compared(capsys)
    assert {pair["differ"] for pair in found["columns"].values()} == {None}
    assert "no common measure" in found["worth"]["why_not"]
    assert command_line.main(["compare", "things", "--against", "HEAD"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "0 of 3 columns are equal in every row" in lines
    assert [line.split()[4] for line in lines if line.startswith("price") and " now " in line] == ["-"]


def test_rows_that_one_definition_sets_aside_are_counted(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    of_one_record = "(case when part = 'A' and id::bigint % 100 = 0 then 'unreadable' else price end)::double"
    things.change(lambda declared: declared["sources"]["things"]["columns"]["price"].update(expression=of_one_record))
    found = compared(capsys)
    assert (found["rows_only_before"], found["rows_only_now"]) == (6, 0)
    assert command_line.main(["compare", "things", "--against", "HEAD"]) == 0
    assert "rows on one side only: 6 before, 0 now" in capsys.readouterr().out.splitlines()


def test_one_night_to_measure_on_is_told_to_give_no_interval(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    def change(declared: dict[str, Any]) -> None:
        declared["model"].update(split={**SPLIT, "validate_nights": 1})
        declared["features"]["price"].update(expression="price * 100")

    things.change(change)
    assert command_line.main(["compare", "things", "--against", "HEAD"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("(above 0: the new one is better; one night gives no interval)")


def test_too_few_nights_are_told_in_a_sentence(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    hundredfold(things)
    found = compared(capsys, "--nights", f"{FIRST}..{list(NIGHTS)[3]}")
    assert found["nights"] == f"{FIRST}..{list(NIGHTS)[3]}" and found["columns"]["price"]["now"]["rows"] == 4 * ROWS
    assert found["worth"]["why_not"].startswith("no model can be trained on these nights: 4 nights hold labelled rows")


def test_windows_reach_back_before_the_first_night_that_is_compared(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    hundredfold(things)
    last = f"{NIGHTS.last}..{NIGHTS.last}"
    found = compared(capsys, "--nights", last)
    stored = things.read("features", NIGHTS.last)["mean_price"].to_pylist()
    assert found["columns"]["mean_price"]["now"]["mean"] == pytest.approx(sum(stored) / len(stored), rel=1e-12)


def test_in_words_what_is_equal_is_counted_and_the_rest_laid_out(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    hundredfold(things)
    assert command_line.main(["compare", "things", "--against", "HEAD"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"things against HEAD, nights {NIGHTS}"
    assert [line.split()[:2] for line in lines[2:4]] == [["price", "before"], ["price", "now"]]
    assert lines[4] == "2 of 3 columns are equal in every row"
    assert lines[5].startswith("models on 2024-03-05..2024-03-06, 24 rows: auc before 0.")


def test_nothing_that_is_published_is_touched_and_the_scratch_home_goes(
    things: Things, capsys: pytest.CaptureFixture[str]
) -> None:
    hundredfold(things)
    before = files(things.settings.home)
    compared(capsys)
    assert files(things.settings.home) == before and not list((things.settings.home / "scratch").iterdir())


def test_stores_that_the_environment_names_are_not_those_of_the_scratch_home(
    things: Things, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hundredfold(things)
    monkeypatch.setenv("NIGHTLOOP_LAKE_URL", str(things.settings.home / "lake"))
    monkeypatch.setenv("NIGHTLOOP_LEDGER_URL", "postgresql+psycopg2://u:p@127.0.0.1:1/d")
    before = files(things.settings.home / "lake")
    compared(capsys)
    assert files(things.settings.home / "lake") == before


def test_after_an_error_the_scratch_home_is_gone_too(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise StoreUnavailable("the disk is full.")

    monkeypatch.setattr(comparing, "_pairs", refuse)
    assert command_line.main(["compare", "things", "--against", "HEAD"]) == StoreUnavailable.exit_code
    assert not list((things.settings.home / "scratch").iterdir())


def test_stopped_by_a_signal_it_leaves_nothing(things: Things) -> None:
    hundredfold(things)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "jobs", "compare", "things", "--against", "HEAD"]
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stderr=subprocess.DEVNULL)
    scratch = things.settings.home / "scratch"
    while process.poll() is None and not (scratch.exists() and list(scratch.glob("*/before/lake"))):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    assert not list(scratch.iterdir())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--against", "no-such"], "'no-such' is neither a file nor a Git revision that holds the use case"),
        (["--against", "HEAD", "--nights", "2024-03-09..2024-03-01"], "2024-03-09"),
        (["--against", "HEAD", "--nights", "2020-01-01"], "2020-01-01 is before the first night of both, 2024-03-01"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    things: Things, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert command_line.main(["compare", "things", *arguments]) == 2
    assert told in capsys.readouterr().err.replace("\n", " ")


def test_without_a_night_in_the_lake_nights_must_be_named(
    things: Things, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NIGHTLOOP_HOME", str(tmp_path / "empty"))
    assert command_line.main(["compare", "things", "--against", "HEAD"]) == 2
    assert "--nights FIRST..LAST" in capsys.readouterr().err


def test_contracts_are_those_of_the_revision(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    suite = things.folder / "great_expectations" / "things" / "things.yaml"
    rule = "  - type: expect_column_values_to_be_between\n    kwargs: {column: price, max_value: 0.5}\n"
    rule += "    meta: {on_breach: quarantine, description: Nothing is dear.}\n"
    suite.write_text(suite.read_text().replace("0.5", "0.9") + rule)
    price = compared(capsys)["columns"]["price"]
    assert price["before"]["rows"] == 6 * ROWS > price["now"]["rows"] and price["differ"] == 0
