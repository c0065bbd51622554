"""Outcomes whose keys are written otherwise than the entities': told where labels are made and judged, mended in YAML."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from jobs import features, monitor, score
from jobs.commands import command_line
from jobs.feature_checks import UNMATCHED
from jobs.published import Published
from jobs.training.judges import _matching
from nightloop.evidence.gates.training_data import TrainingRows
from nightloop.monitoring.matches import read_matches
from nightloop.nights import Nights, one
from tests.jobs.changing import FIRST, NIGHTS, ROWS, Things

LAST = NIGHTS.last
SPELLED = "case id::int % 4 when 0 then 'K' || id when 1 then 'k' || id when 2 then 'K' || id || ' ' else 'K' || id || '.' end"
"""Of four outcomes one has the entity's key, one another case, one a space behind, and one another key."""


def spelled(sql: str, *normal: str) -> Callable[[dict[str, Any]], None]:
    """Give the things keys of text, and their outcomes as the sender writes them."""

    def change(declared: dict[str, Any]) -> None:
        for source, expression in (("things", "'K' || id"), ("outcomes", sql)):
            column = {"type": "string", "expression": expression, "description": "Key."}
            declared["sources"][source]["columns"]["id"] = {**column, **({"normal": list(normal)} if normal else {})}

    return change


@pytest.fixture
def things(tmp_path, monkeypatch) -> Things:
    things = Things(tmp_path)
    things.change(spelled(SPELLED))
    for name, value in (("HOME", "home"), ("DEFINITIONS", "feature_defs"), ("CONTRACTS", "great_expectations")):
        monkeypatch.setenv(f"NIGHTLOOP_{name}", str(things.folder / value))
    return things


def labels(published: list[Published]) -> dict[str, Any]:
    """Details of the tables of labels by night."""
    return {str(each.night): each.details for each in published if each.table == "things/labels"}


def test_labels_that_miss_their_entity_are_told_and_recorded_as_they_are_made(things):
    things.build(Nights(FIRST, LAST - timedelta(days=1)))
    details = labels(features.run(things.use_case, one(FIRST), things.workspace))[str(FIRST)]
    assert details["near_misses"] == ROWS // 2
    assert details["unmatched"].startswith(f"6 of 12 entities of night {FIRST} find no record of 'outcomes' but one")
    assert "'K101' and 'k101', 'K102' and 'K102 '. Write normal: [trim, lower]" in details["unmatched"]
    recorded = things.workspace.ledger.events("things", kind=UNMATCHED)
    assert [event.night for event in recorded] == list(Nights(FIRST, LAST - timedelta(days=1))), "each night, once"
    assert recorded[0].payload["near_misses"] == 6 and recorded[0].payload["matched"] == 3
    assert recorded[0].payload["reason"] == details["unmatched"]


def test_a_join_that_finds_nothing_is_told(things):
    things.change(spelled("'T' || id"))
    things.build()
    event = things.workspace.ledger.events("things", kind=UNMATCHED)[0]
    assert event.payload["matched"] == event.payload["near_misses"] == 0
    assert (
        "none of the 12 entities" in event.payload["reason"]
        and "'K100' in 'things', 'T100' in 'outcomes'" in event.payload["reason"]
    )


def test_outcomes_that_find_their_entity_are_not_spoken_of(things):
    things.change(spelled("'K' || id"))
    things.build(one(FIRST))
    assert "unmatched" not in labels(features.run(things.use_case, one(FIRST), things.workspace))[str(FIRST)]
    assert things.workspace.ledger.events("things", kind=UNMATCHED) == []


def test_a_normal_form_mends_it_in_the_definition(things):
    things.change(spelled(SPELLED.replace("|| '.'", "|| chr(9)"), "trim", "lower"))
    things.build(one(FIRST))
    assert things.read("labels", FIRST).num_rows == ROWS
    assert set(things.read("features", FIRST)["id"].to_pylist()) == {f"k{FIRST.day * 100 + i}" for i in range(ROWS)}


def test_the_monitor_judges_the_share_and_status_shows_it(things, capsys):
    things.build()
    things.promote(FIRST)
    nights = Nights(FIRST + timedelta(days=1), FIRST + timedelta(days=2))
    score.run(things.use_case, nights, things.workspace)
    details = monitor.run(things.use_case, nights, things.workspace)[-1].details
    assert details["matching_verdict"] == "fail" and "6 of 12 entities" in str(details["unmatched"])
    decided = things.workspace.lake.read("things/decisions", nights).to_pylist()
    assert [row["matching_verdict"] for row in decided] == ["fail", "fail"]
    assert decided[-1]["matching_reason"] == details["unmatched"]
    assert "find their outcome (limit 90%)" in decided[-1]["matching_reason"]
    rows = things.workspace.lake.read("things/metrics", nights).to_pylist()
    shares = [(row["night"], row["value"], row["n"]) for row in rows if row["metric"] == "matched_share"]
    assert shares == [(night, 3 / 9, 9) for night in nights]
    assert command_line.main(["status", "things", str(nights)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"nights {nights}; at worst 33% find theirs, which fails the limit 90%" in shown


@pytest.mark.parametrize(("limit", "verdict"), [(0.333, "pass"), (1 / 3, "pass"), (0.334, "fail")])
def test_the_limit_is_declared(things, limit, verdict):
    things.change(lambda declared: declared["gates"].update(data={"minimum_matched_share": limit}))
    things.build(Nights(FIRST, FIRST + timedelta(days=1)))
    things.promote(FIRST)
    night = one(FIRST + timedelta(days=1))
    score.run(things.use_case, night, things.workspace)
    assert monitor.run(things.use_case, night, things.workspace)[-1].details["matching_verdict"] == verdict


def test_check_tells_of_a_feature_whose_records_are_keyed_otherwise(things, capsys):
    sold = {"kind": "window", "function": "count", "source": "outcomes", "by": ["id"], "nights": 3, "description": "Known."}
    things.change(lambda declared: declared["features"].update(known=sold))
    things.build(one(FIRST))
    assert command_line.main(["check", "things"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "6 of 12 keys of 'things' of night 2024-03-01 find no record of 'outcomes' by id but one whose key is only" in shown


def test_outcomes_that_find_nobody_at_all_fail_the_night_and_status_shows_it(things, capsys):
    things.change(spelled("'T' || id"))
    things.build(Nights(FIRST, FIRST + timedelta(days=1)))
    things.promote(FIRST)
    night = one(FIRST + timedelta(days=1))
    score.run(things.use_case, night, things.workspace)
    monitor.run(things.use_case, night, things.workspace)
    (decided,) = things.workspace.lake.read("things/decisions", night).to_pylist()
    assert decided["matching_verdict"] == "fail"
    assert "0% find their outcome (limit 90%): none of the 12 entities" in decided["matching_reason"]
    assert command_line.main(["status", "things", str(night)]) == 0
    assert "at worst 0% find theirs, which fails the limit 90%" in " ".join(capsys.readouterr().out.split())


def test_a_training_is_given_the_share_of_all_its_nights(things):
    things.build()
    table = things.workspace.lake.read("things/labels")
    rows = TrainingRows(
        night=np.sort(table["scored_night"].to_numpy()),
        matrix=np.zeros((table.num_rows, 1)),
        features=("price",),
        published=dict.fromkeys(NIGHTS, ROWS),
        split={},
        last_labelled=LAST,
    )
    share, n, reason = _matching(things.use_case, rows, things.workspace)
    assert (share, n) == (3 / 9, 9 * len(NIGHTS))
    assert f"6 of 12 entities of night {FIRST}" in reason
    whole = np.repeat(np.array(list(NIGHTS), dtype="datetime64[D]"), ROWS)
    complete = TrainingRows(whole, np.zeros((len(whole), 1)), ("price",), rows.published, {}, LAST)
    assert _matching(things.use_case, complete, things.workspace) is None, "no row lacks its label: nothing is read"


def test_a_lake_without_raw_tables_tells_nothing(things):
    assert read_matches(things.workspace.lake, things.use_case, [FIRST]) == []
