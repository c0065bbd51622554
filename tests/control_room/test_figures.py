"""The numbers of a use case: each counts what a person would count in its tables, ledger and outbox."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from jobs import ingest, monitor, score
from jobs.upkeep.skip import skip
from nightloop.alerts import Alert, end_trouble, listed, raise_alert
from nightloop.control_room.figures import Figures
from nightloop.control_room.reading import summarise
from nightloop.errors import ContractBroken
from nightloop.nights import instant_of, one
from tests.control_room.conftest import DAY, LAST, NOW
from tests.jobs.changing import FIRST, ROWS, Things

NOTHING_OWED = {"ingest": 0, "features": 0, "score": 0, "monitor": 0}


def figures(things: Things, now: object = NOW) -> Figures:
    alerts = [stored for stored, _ in listed(things.workspace.ledger)]
    return summarise(things.use_case, things.workspace, now, alerts).figures


def test_the_newest_scored_night_has_its_age_rows_and_seconds_by_stage(things: Things) -> None:
    of_now = figures(things)
    assert (of_now.behind, of_now.rows_scored) == (1, ROWS)
    lake = things.workspace.lake
    tables = {"ingest": ["raw_things", "raw_outcomes"], "features": ["tiles", "aggregates", "features", "labels"]}
    tables |= {"score": ["scores"], "monitor": ["metrics", "decisions"]}
    for stage, names in tables.items():
        seconds = [lake.states(f"things/{name}")[LAST - DAY].seconds for name in names]
        assert sum(seconds) > 0 and of_now.seconds[stage] == pytest.approx(sum(seconds))
    assert figures(things, NOW - timedelta(microseconds=1)).behind == 0


def test_owed_nights_count_for_the_stage_that_they_lack_first(things: Things) -> None:
    assert figures(things).owed == NOTHING_OWED | {"ingest": 1}
    assert figures(things, NOW + DAY).owed == NOTHING_OWED | {"ingest": 2}
    ingest.run(things.use_case, one(LAST), things.workspace)
    assert figures(things).owed == NOTHING_OWED | {"features": 1}


def test_a_night_is_late_from_its_deadline_on(things: Things) -> None:
    assert (figures(things).late, figures(things).late_since) == (0, None)
    things.change(lambda declared: declared.update(ready_by="04:00", first_night=FIRST + DAY))
    promised = instant_of(LAST + DAY, NOW.time().replace(hour=4), "UTC")
    assert figures(things, promised - timedelta(microseconds=1)).late == 0
    of_then = figures(things, promised)
    assert (of_then.late, of_then.late_since) == (1, promised)
    of_later = figures(things, promised + DAY)
    assert (of_later.late, of_later.late_since) == (2, promised)


def test_failures_count_while_they_stand(things: Things) -> None:
    ledger = things.workspace.ledger
    for subject, night, kind in (
        ("ingest.ingest", LAST, "stage_failed"),
        ("ingest.ingest", LAST - DAY, "stage_failed"),
        ("train.fit", LAST, "stage_failed"),
        ("train.gate_fairness", LAST, "gate_failed"),
        ("apply.apply", None, "stage_failed"),
    ):
        raise_alert(ledger, Alert(kind, "things", night, subject, "failed", "it broke", "mend it", "now"))
    waiting = {"ingest": 2, "features": 0, "score": 0, "monitor": 0, "report": 0, "train": 1, "bootstrap": 0, "other": 1}
    assert figures(things).failed == waiting
    end_trouble(ledger, "things", [LAST], "ingest.ingest")
    assert figures(things).failed == waiting | {"ingest": 1}


def test_a_refused_night_counts_until_it_is_there_or_given_up(things: Things) -> None:
    file = things.folder / "data" / f"{LAST}.csv"
    whole = file.read_text()
    head, *rows = whole.splitlines()
    file.write_text("\n".join([head, *(f",{row.partition(',')[2]}" for row in rows)]) + "\n")
    with pytest.raises(ContractBroken):
        ingest.run(things.use_case, one(LAST), things.workspace)
    assert figures(things).refused == 1
    file.write_text(whole)
    ingest.run(things.use_case, one(LAST), things.workspace)
    assert figures(things).refused == 0


def test_a_night_that_was_given_up_counts(things: Things) -> None:
    assert figures(things).given_up == 0
    (things.folder / "data" / f"{LAST}.csv").unlink()
    skip(things.use_case, LAST, things.workspace, reason="the sender lost it", by="ada")
    assert figures(things).given_up == 1


def test_the_verdicts_are_those_of_the_newest_judged_night(things: Things) -> None:
    decisions = things.workspace.lake.read("things/decisions", one(LAST - DAY)).to_pylist()
    assert figures(things).verdicts == {
        "drift": decisions[0]["drift_verdict"],
        "performance": decisions[0]["performance_verdict"],
    }


def test_a_use_case_that_never_ran_has_counts_and_no_ages(tmp_path: Path) -> None:
    things = Things(tmp_path)
    of_now = figures(things)
    assert of_now.owed == NOTHING_OWED | {"ingest": 6}
    assert (of_now.behind, of_now.rows_scored) == (None, None)
    assert of_now.seconds == {} and of_now.verdicts == {}


def test_the_night_that_is_scored_anew_is_no_longer_owed(things: Things) -> None:
    from jobs import features

    for stage in (ingest, features):
        stage.run(things.use_case, one(LAST), things.workspace)
    assert figures(things).owed == NOTHING_OWED | {"score": 1}
    score.run(things.use_case, one(LAST), things.workspace)
    assert figures(things).owed == NOTHING_OWED | {"monitor": 1}
    monitor.run(things.use_case, one(LAST), things.workspace)
    assert figures(things).owed == NOTHING_OWED
