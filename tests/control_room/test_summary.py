"""A use case read from a real lake, ledger and outbox: what happened to it is what its row shows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from jobs import features, ingest, monitor, score
from jobs.upkeep.skip import skip
from nightloop.alerts import Alert, listed, raise_alert
from nightloop.alerts.outbox import end_trouble
from nightloop.control_room.reading import SHOWN_ALERTS, SHOWN_NIGHTS, summarise
from nightloop.control_room.summary import Realised, Summary
from nightloop.errors import ContractBroken, NightloopError
from nightloop.evidence.gates.gates import GATES
from nightloop.nights import Night, one
from nightloop.reporting.week import Value
from nightloop.upkeep.calendar import ENDED
from nightloop.upkeep.deadlines import check_deadlines
from tests.control_room.conftest import DAY, LAST, NOW
from tests.jobs.changing import FIRST, Things


def look(things: Things, now: datetime = NOW) -> Summary:
    alerts = [stored for stored, _ in listed(things.workspace.ledger)]
    return summarise(things.use_case, things.workspace, now, alerts)


def states(things: Things, now: datetime = NOW) -> dict[Night, str]:
    return {cell.night: cell.state for cell in look(things, now).cells if cell.state != "none"}


def whole(things: Things, night: Night = LAST) -> None:
    """Take the whole night in, to its decision."""
    for stage in (ingest, features, score, monitor):
        stage.run(things.use_case, one(night), things.workspace)


def test_nights_end_with_the_one_that_is_due_next(things: Things) -> None:
    before = NOW - timedelta(microseconds=1)
    scored = {FIRST + n * DAY: "scored" for n in range(2, 5)}
    until_then = {FIRST: "unscored", FIRST + DAY: "retrained", **scored}
    assert states(things, before) == {**until_then, LAST: "not due"}
    assert states(things) == {**until_then, LAST: "missing", LAST + DAY: "not due"}
    assert len(look(things).cells) == SHOWN_NIGHTS
    whole(things)
    assert states(things)[LAST] == "scored"


@pytest.mark.parametrize(("later", "last"), [(ENDED, LAST), (ENDED + timedelta(microseconds=1), LAST - DAY)])
def test_a_use_case_that_has_ended_shows_its_own_last_nights(things: Things, later: timedelta, last: Night) -> None:
    things.change(lambda declared: declared.update(last_night=LAST))
    cells = look(things, NOW + later).cells
    assert cells[-1].night == last and len(cells) == SHOWN_NIGHTS


def test_a_use_case_that_is_declared_and_never_ran_has_a_night_that_is_not_due(tmp_path: Path) -> None:
    things = Things(tmp_path)
    summary = look(things, datetime.fromisoformat("2024-03-01T12:00:00+00:00"))
    assert [cell.state for cell in summary.cells if cell.state != "none"] == ["not due"]
    assert (summary.champion.in_words(), summary.built, summary.realised.values) == ("none (train one)", None, ())


def test_champion_figure_and_seconds_are_those_of_the_stores(things: Things) -> None:
    summary = look(things)
    assert (summary.champion.version, summary.champion.as_of, summary.champion.age) == (1, FIRST + DAY, 4)
    assert summary.champion.in_words() == "version 1, 4 nights old"
    nights = [night for night, _ in summary.realised.values]
    assert nights == [FIRST + n * DAY for n in range(1, 5)]
    rows = things.workspace.lake.read("things/metrics").to_pylist()
    figures = {row["night"]: row["value"] for row in rows if row["metric"] == "auc" and row["group"] == "all"}
    assert {night: of.value for night, of in summary.realised.values} == figures
    assert summary.built is not None and summary.built[0] == LAST - DAY
    tables = (things.workspace.lake.states(table) for table in things.workspace.lake.tables())
    assert summary.built[1] == pytest.approx(sum(of[LAST - DAY].seconds for of in tables if LAST - DAY in of))


def test_a_night_whose_input_was_published_anew_is_stale(things: Things) -> None:
    file = things.folder / "data" / f"{LAST - DAY}.csv"
    file.write_text(file.read_text().replace("T10:00:00Z,0.", "T10:00:00Z,1."))
    ingest.run(things.use_case, one(LAST - DAY), things.workspace)
    (stale,) = [cell for cell in look(things).cells if cell.state == "stale"]
    assert stale.night == LAST - DAY and "raw_things of 2024-03-05" in stale.why


def test_a_night_that_a_person_gave_up_says_why(things: Things) -> None:
    (things.folder / "data" / f"{LAST}.csv").unlink()
    skip(things.use_case, LAST, things.workspace, reason="the sender lost it", by="ada")
    (given_up,) = [cell for cell in look(things).cells if cell.state == "given up"]
    assert (given_up.night, given_up.why) == (LAST, "the sender lost it")


def test_a_night_that_a_contract_refused_is_quarantined(things: Things) -> None:
    file = things.folder / "data" / f"{LAST}.csv"
    head, *rows = file.read_text().splitlines()
    file.write_text("\n".join([head, *(f",{row.partition(',')[2]}" for row in rows)]) + "\n")
    with pytest.raises(ContractBroken):
        ingest.run(things.use_case, one(LAST), things.workspace)
    (refused,) = [cell for cell in look(things).cells if cell.state == "quarantined"]
    assert refused.night == LAST and refused.why and any(part.startswith("missing: ingest") for part in refused.also)


def test_an_open_alert_waits_for_a_person_until_its_trouble_ends(things: Things) -> None:
    alert = Alert("stage_failed", "things", LAST, "ingest.ingest", "ingest failed", "the disk is full", "make room", "now")
    raise_alert(things.workspace.ledger, alert)
    assert states(things)[LAST] == "waiting"
    assert [stored.alert for stored in look(things).alerts] == [alert]
    end_trouble(things.workspace.ledger, "things", [LAST], "ingest.ingest")
    assert states(things)[LAST] == "missing" and look(things).alerts[0].ended_at is not None


def test_the_newest_alerts_come_first_and_a_verdict_waits_for_nobody(things: Things) -> None:
    for n in range(SHOWN_ALERTS + 1):
        alert = Alert("verdict_failed", "things", LAST - DAY, "drift", f"drift {n}", f"it drifted {n}", "look", "today")
        raise_alert(things.workspace.ledger, alert)
    assert [stored.alert.title for stored in look(things).alerts] == ["drift 3", "drift 2", "drift 1"]
    assert states(things)[LAST - DAY] == "scored"


def test_a_drifted_night_and_one_that_asked_for_a_training_are_read_from_the_decisions(things: Things) -> None:
    things.change(lambda declared: declared.update(retrain={"maximum_age_nights": 4, "calendar": True, "cool_down_nights": 7}))
    whole(things)
    (retrained,) = [cell for cell in look(things).cells if cell.night == LAST]
    assert retrained.state == "retrained" and "4 nights ago (at most 4)" in retrained.why
    assert any(part.startswith("scored: by version 1") for part in retrained.also)


def register(things: Things, version: int, outcomes: dict[str, str]) -> None:
    """A candidate as a training records it, with the verdicts of some gates."""
    ledger = things.workspace.ledger
    ledger.record("candidate_registered", "things", night=LAST - DAY, subject=str(version), payload={})
    for gate, outcome in outcomes.items():
        payload = {"gate": gate, "outcome": outcome, "reason": "because"}
        ledger.record("gate_judged", "things", night=LAST - DAY, subject=f"{version}/{gate}", payload=payload)


PASSED = dict.fromkeys(GATES, "pass")


@pytest.mark.parametrize(
    ("risk", "outcomes", "waits"),
    [
        ("high", PASSED, "approval of candidate 2 as of 2024-03-05"),
        ("medium", PASSED, "candidate 2 as of 2024-03-05 passed every gate and is not promoted"),
        (
            "high",
            {"performance": "pass"},
            "candidate 2 as of 2024-03-05: not judged by data, calibration, fairness, slices, stability, behaviour, "
            "privacy, bundle",
        ),
        ("high", {**PASSED, "fairness": "fail"}, None),
        ("high", {"performance": "not_enough_evidence"}, None),
    ],
)
def test_a_candidate_waits_for_what_it_lacks(things: Things, risk: str, outcomes: dict[str, str], waits: str | None) -> None:
    things.change(lambda declared: declared.update(risk=risk))
    register(things, 2, outcomes)
    summary = look(things)
    assert [wait.what for wait in summary.waits] == ([waits] if waits else [])
    is_asked = bool(waits and waits.startswith("approval"))
    (as_of,) = [cell for cell in summary.cells if cell.night == LAST - DAY]
    assert (as_of.state == "waiting") is is_asked


@pytest.mark.parametrize(("kind", "waits"), [("approval_refused", 0), ("approval_granted", 1)])
def test_an_answer_ends_the_approval(things: Things, kind: str, waits: int) -> None:
    things.change(lambda declared: declared.update(risk="high"))
    register(things, 2, PASSED)
    things.workspace.ledger.record(kind, "things", night=LAST - DAY, subject="run", payload={"by": "ada", "answer": "yes"})
    summary = look(things)
    assert len(summary.waits) == waits and not any(wait.is_approval for wait in summary.waits)
    things.promote(LAST - DAY, version=2)
    summary = look(things)
    assert summary.waits == () and summary.champion.in_words() == "version 2, 1 night old"


@pytest.mark.parametrize(("before", "state"), [(timedelta(microseconds=1), "missing"), (timedelta(0), "late")])
def test_a_night_is_late_from_its_deadline_on(things: Things, before: timedelta, state: str) -> None:
    things.change(lambda declared: declared.update(ready_by="04:00"))
    now = NOW + timedelta(hours=2) - before
    check_deadlines(things.use_case, replace(things.workspace, clock=lambda: now))
    summary = look(things, now)
    (cell,) = [cell for cell in summary.cells if cell.night == LAST]
    assert cell.state == state and cell.is_lacking
    if state == "late":
        assert cell.why == "promised by 2024-03-07 04:00 (UTC); it lacks ingest: not taken in"
        assert summary.alerts[0].alert.kind == "night_late"


def test_an_alias_moved_by_hand_waits_until_it_is_set_back(things: Things) -> None:
    ledger = things.workspace.ledger
    ledger.record("alias_moved", "things", subject="7", payload={"alias": 7, "champion": 1, "after": 0})
    assert [wait.what for wait in look(things).waits] == ["alias moved by hand to version 7; the champion is 1"]
    ledger.record("alias_reset", "things", subject="1", payload={"from": 7, "version": 1})
    assert look(things).waits == ()


def test_a_summary_is_plain_values_for_programs(things: Things) -> None:
    plain = json.loads(json.dumps(look(things).as_json(), default=str))
    assert plain["use_case"] == "things" and plain["error"] is None
    assert plain["nights"][-2] == {"night": "2024-03-06", "state": "missing", "why": "ingest: not taken in", "also": []}
    assert plain["champion"] == {"version": 1, "as_of": "2024-03-02", "age_nights": 4, "maximum_age_nights": None, "note": ""}
    assert plain["realised"]["metric"] == "AUC" and len(plain["realised"]["nights"]) == 4


@pytest.mark.parametrize(
    ("value", "words"),
    [(Value(0.7, 0.6, 0.8, 9, "s"), "0.700 (0.600 to 0.800)"), (Value(0.7, None, None, 9, "s"), "0.700")],
)
def test_a_figure_is_written_with_the_interval_it_has(value: Value, words: str) -> None:
    assert Realised("AUC", ((LAST, value),)).in_words() == words


def test_one_look_is_of_one_state_of_the_tables(things: Things) -> None:
    ledger, steady = things.workspace.ledger, things.workspace.steady()
    before = steady.lake.states("things/raw_things")
    ingest.run(things.use_case, one(LAST), things.workspace)
    assert steady.lake.states("things/raw_things") == before
    assert LAST in things.workspace.lake.states("things/raw_things")
    assert steady.ledger is ledger, "a store that is open stays open"


def test_a_store_that_is_damaged_is_an_error(things: Things) -> None:
    for file in (things.settings.home / "lake" / "things" / "decisions").glob("night=*/*.parquet"):
        file.write_bytes(b"")
    with pytest.raises(NightloopError, match="decisions"):
        look(things)
