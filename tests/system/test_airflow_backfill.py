"""The loop through a real scheduler and API server: bootstrap, two nights by a backfill, and the same nights again.

One Airflow serves the whole module; the tests build on one another in the order they stand.
"""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import yaml

from jobs.embedded.airflow_client import AirflowClient
from jobs.embedded.backfill import backfill_arguments
from nightloop.alerts import listed
from nightloop.errors import SetupError
from nightloop.lake import Lake
from nightloop.ledger import Ledger
from nightloop.nights import Nights
from nightloop.settings import REPOSITORY, load_settings
from tests.fixtures_airflow import PASSWORD, REVIEWER, RunningAirflow

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.random_order(disabled=True)]

HISTORY = Nights(date(2013, 1, 1), date(2013, 2, 1))
NIGHTS = Nights(date(2013, 2, 2), date(2013, 2, 3))
FORM = {"reason": "first champion of this test", "requested_by": "pytest"}
TABLES = ("raw_schedule", "raw_outcomes", "tiles", "aggregates", "features", "labels", "scores", "metrics", "decisions")
CASCADE = ("ingest", "features", "score", "monitor")


@pytest.fixture(scope="module")
def airflow_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """flight_delay with a month of training, gates that a month can pass, and a risk that asks for a person's approval."""
    folder = tmp_path_factory.mktemp("definitions")
    declared = yaml.safe_load((REPOSITORY / "tests" / "definitions" / "in_full" / "flight_delay.yaml").read_text())
    declared["risk"] = "high"
    declared["model"]["split"] = {"validate_nights": 10, "calibrate_nights": 3, "minimum_fit_nights": 3}
    declared["model"]["xgboost"] |= {"n_estimators": 40, "min_child_weight": 20}
    declared["gates"]["performance"] |= {"over_baseline": -1.0, "margin_to_champion": 1.0, "minimum_rows": 100}
    declared["gates"]["calibration"] |= {"maximum_error": 1.0, "maximum_bias": 1.0, "minimum_rows": 100}
    declared["gates"]["fairness"] |= {"maximum": 1.0, "minimum_group_rows": 50}
    (folder / "flight_delay.yaml").write_text(yaml.safe_dump(declared, sort_keys=False))
    return {"NIGHTLOOP_DEFINITIONS": str(folder)}


def lake_of(airflow: RunningAirflow) -> Lake:
    """The lake that the tasks wrote to."""
    return Lake.open(load_settings(home=airflow.nightloop_home))


def digests(airflow: RunningAirflow) -> dict[tuple[str, date], tuple[str, int]]:
    """(table, night) -> (content digest, rows as a reader counts them) of the backfilled nights."""
    lake = lake_of(airflow)
    return {
        (table, night): (
            lake.states(f"flight_delay/{table}")[night].content_digest,
            lake.read(f"flight_delay/{table}", Nights(night, night)).num_rows,
        )
        for table in TABLES
        for night in NIGHTS
    }


def finished(airflow: RunningAirflow, family: str, at_least: int) -> bool:
    """Whether so many runs of the nights are done; a failed one ends the test at once."""
    runs = [
        run for run in airflow.client.runs(f"flight_delay.{family}") if run.partition_key in {str(night) for night in NIGHTS}
    ]
    assert not [run for run in runs if run.state == "failed"], airflow.report()
    return sum(run.state == "success" for run in runs) >= at_least


def backfill(airflow: RunningAirflow, monitored: int) -> None:
    """Ask for the nights by the command line, and wait until so many runs of the monitor are done."""
    airflow.wait_until(lambda: not airflow.client.running_backfills("flight_delay.ingest"), "the end of the backfill before")
    airflow.command(*backfill_arguments("flight_delay.ingest", NIGHTS))
    airflow.wait_until(lambda: finished(airflow, "monitor", monitored), "the cascade")


def await_question(airflow: RunningAirflow, run_id: str, times: int = 1) -> dict[str, Any]:
    """Wait until the run has asked for approval so many times, and return what a person is shown.

    No person is as quick as a test: Airflow 3.3 fails the task when the answer comes in the instant between the question
    and the scheduler's notice that its process has ended. So the scheduler's word is waited for too.
    """
    train = "flight_delay.train"
    airflow.wait_until(lambda: airflow.task_states(train, run_id).get("approval") == "awaiting_input", "the question", 240)
    ends = 2 * times - 1  # of the process that asks, and of the one that reads the answer
    airflow.wait_until(lambda: airflow.scheduler_has_seen_end_of(run_id, "approval", ends), "the scheduler's notice", 240)
    assert airflow.task_states(train, run_id)["promote"] is None, "nothing is promoted before the answer"
    shown: dict[str, Any] = airflow.client._send("GET", question_of(run_id))
    return shown


def question_of(run_id: str) -> str:
    """The address of the question and its answer."""
    return f"/api/v2/dags/flight_delay.train/dagRuns/{quote(run_id)}/taskInstances/approval/-1/hitlDetails"


def answer_approval(airflow: RunningAirflow, run_id: str, answer: str, *, user: str = REVIEWER, why: str = "") -> None:
    """Answer as a person would in the web UI."""
    client = AirflowClient(airflow.client.url, user, PASSWORD)
    client._send("PATCH", question_of(run_id), json={"chosen_options": [answer], "params_input": {"why": why}})


def ask_again(airflow: RunningAirflow, run_id: str) -> None:
    """Clear the task, as a person would in the web UI."""
    options = {
        "dry_run": False,
        "dag_run_id": run_id,
        "task_ids": ["approval"],
        "only_failed": False,
        "include_downstream": True,
    }
    airflow.client._send("POST", "/api/v2/dags/flight_delay.train/clearTaskInstances", json=options)


def test_a_run_with_a_blank_key_fails_and_says_what_to_do(airflow):
    run = airflow.wait_for_run("flight_delay.ingest", airflow.client.trigger("flight_delay.ingest", {}))
    assert run.state == "failed"
    log = airflow.task_log("flight_delay.ingest", run.run_id, "ingest")
    assert "the partition key is blank" in log
    assert "who asked for this run reads here what was wrong with the request" in log, "a typing mistake wakes nobody else"


@pytest.mark.parametrize(
    "form",
    [
        {"as_of": "yesterday", **FORM},
        {"as_of": "2013-02-01", **FORM, "reason": "short"},
        {"as_of": "2013-02-01", "reason": FORM["reason"]},
    ],
    ids=["no date", "no real reason", "nobody asks"],
)
def test_a_form_that_is_not_filled_in_well_is_refused(airflow, form):
    with pytest.raises(SetupError, match="400"):
        airflow.client.trigger("flight_delay.train", form)


def test_bootstrap_takes_a_range_through_every_stage_and_makes_the_first_champion(airflow):
    form = {"first_night": str(HISTORY.first), "last_night": str(HISTORY.last), **FORM}
    run_id = airflow.client.trigger("flight_delay.bootstrap", form)
    airflow.wait_until(lambda: bool(airflow.client.runs("flight_delay.train")), "the first training", 240)
    (training,) = airflow.client.runs("flight_delay.train")
    question = await_question(airflow, training.run_id)
    assert "tester asked for it and may not approve it" in question["body"], "who asked for bootstrap asked for the training"
    assert "| performance | auc |" in question["body"] and "There is no champion yet." in question["body"]
    answer_approval(airflow, training.run_id, "Approve")
    run = airflow.wait_for_run("flight_delay.bootstrap", run_id, seconds=240)
    assert run.state == "success", airflow.report()
    (promoted,) = Ledger.open(load_settings(home=airflow.nightloop_home)).events("flight_delay", kind="champion_promoted")
    assert promoted.night == HISTORY.last
    (granted,) = Ledger.open(load_settings(home=airflow.nightloop_home)).events("flight_delay", kind="approval_granted")
    assert (granted.payload["by"], granted.payload["asked_by"], granted.payload["by_another_person"]) == (
        "reviewer",
        "tester",
        True,
    )
    assert promoted.payload["by"] == "the gates and reviewer"
    states = lake_of(airflow).states("flight_delay/features")
    assert sorted(states) == list(HISTORY)


def test_two_nights_cascade_from_one_backfill_and_again_change_nothing(airflow):
    backfill(airflow, monitored=2)
    before = digests(airflow)
    assert all(rows > 0 for (table, _), (_, rows) in before.items() if table != "quarantine")
    ledger = Ledger.open(load_settings(home=airflow.nightloop_home))
    decided = [event.digest for event in ledger.events("flight_delay", kind="decision_made")]
    versions = {table: lake_of(airflow).states(f"flight_delay/{table}")[NIGHTS.last].version for table in TABLES}

    backfill(airflow, monitored=4)
    assert digests(airflow) == before
    assert [event.digest for event in ledger.events("flight_delay", kind="decision_made")] == decided
    again = {table: lake_of(airflow).states(f"flight_delay/{table}")[NIGHTS.last].version for table in TABLES}
    assert all(again[table] >= versions[table] for table in TABLES)
    assert ledger.verify().events > 0


def test_a_run_shows_its_night_its_result_and_its_verdicts(airflow):
    runs = {
        family: airflow.client._send("GET", f"/api/v2/dags/flight_delay.{family}/dagRuns")["dag_runs"] for family in CASCADE
    }
    for family in CASCADE[1:]:
        notes = {run["partition_key"]: run["note"] for run in runs[family] if run["partition_key"]}
        assert notes == {str(night): f"night {night}" for night in NIGHTS}, family
    (first, *_) = (run["dag_run_id"] for run in runs["monitor"] if run["partition_key"] == str(NIGHTS.first))
    states = airflow.task_states("flight_delay.monitor", first)
    assert states["judged"] == "success" and {states["drift"], states["performance"]} <= {"success", "failed", "skipped"}
    assert states["performance"] == "skipped", "the first nights have no outcomes yet"
    shown = airflow.task_log("flight_delay.monitor", first, "performance")
    assert "not enough evidence" in shown and '"level":"warning"' not in shown, "no warnings of others"
    log = airflow.task_log("flight_delay.monitor", first, "monitor")
    result = (
        f"{NIGHTS.first}: .*rows of flight_delay/decisions, version [0-9]+; champion version 1; performance not enough evidence"
    )
    assert re.search(result, log)
    (scores,) = airflow.client._send("GET", "/api/v2/assets", params={"uri_pattern": "nightloop://flight_delay/scores"})[
        "assets"
    ]
    events = airflow.client._send("GET", "/api/v2/assets/events", params={"asset_id": scores["id"]})["asset_events"]
    (last, *_) = (event["extra"] for event in events if event["partition_key"] == str(NIGHTS.last))
    assert last["night"] == str(NIGHTS.last) and re.fullmatch(
        r"[0-9,]+ rows of flight_delay/scores, version [0-9]+", last["result"]
    )


def test_trigger_on_ingest_asks_for_the_night_and_wakes_what_follows(airflow):
    before = {run.run_id for run in airflow.client.runs("flight_delay.features")}
    run = airflow.wait_for_run(
        "flight_delay.ingest", airflow.client.trigger("flight_delay.ingest", {"night": str(NIGHTS.last)})
    )
    assert run.state == "success", airflow.report()
    airflow.wait_until(lambda: len(airflow.client.runs("flight_delay.features")) > len(before), "the features", 60)
    (woken,) = [run for run in airflow.client.runs("flight_delay.features") if run.run_id not in before]
    assert woken.partition_key == str(NIGHTS.last)
    airflow.wait_until(lambda: finished(airflow, "monitor", 5), "the cascade")


def test_a_candidate_is_not_promoted_by_who_asked_nor_against_a_rejection_nor_by_silence(airflow, airflow_settings):
    """One training, asked about three times: each time its run ends red, and the champion stays."""
    before = {run.run_id for run in airflow.client.runs("flight_delay.train")}
    form = {"first_night": str(NIGHTS.first), "last_night": str(NIGHTS.last), **FORM}
    bootstrap = airflow.client.trigger("flight_delay.bootstrap", form)
    airflow.wait_until(lambda: len(airflow.client.runs("flight_delay.train")) > len(before), "the training", 240)
    (run_id,) = {run.run_id for run in airflow.client.runs("flight_delay.train")} - before
    question = await_question(airflow, run_id)
    assert "candidate, version 2 | champion, version 1" in question["body"]
    answer_approval(airflow, run_id, "Approve", user="tester")
    assert airflow.wait_for_run("flight_delay.train", run_id).state == "failed"
    assert airflow.wait_for_run("flight_delay.bootstrap", bootstrap).state == "failed"

    ask_again(airflow, run_id)
    await_question(airflow, run_id, times=2)
    answer_approval(airflow, run_id, "Reject", why="It hurts those who fly early.")
    assert airflow.wait_for_run("flight_delay.train", run_id).state == "failed"

    file = Path(airflow_settings["NIGHTLOOP_DEFINITIONS"]) / "flight_delay.yaml"
    declared = yaml.safe_load(file.read_text())
    declared["gates"]["approval"] = {"deadline_hours": 0.002}
    file.write_text(yaml.safe_dump(declared, sort_keys=False))
    ask_again(airflow, run_id)
    await_question(airflow, run_id, times=3)
    assert airflow.wait_for_run("flight_delay.train", run_id).state == "failed"

    ledger = Ledger.open(load_settings(home=airflow.nightloop_home))
    refused = [event.payload for event in ledger.events("flight_delay", kind="approval_refused", night=NIGHTS.last)]
    assert [(answer["by"], answer["answer"]) for answer in refused] == [
        ("tester", "Approve"), ("reviewer", "Reject"), ("nobody", "none within 0.002 hours"),
    ]  # fmt: skip
    assert refused[1]["why"] == "It hurts those who fly early."
    log = airflow.task_log("flight_delay.train", run_id, "approval")
    assert "tester asked for this training and may not approve its candidate" in log
    assert "Traceback" not in log and "Task exited" in log and "GateFailed: flight_delay.train: the candidate" in log
    assert "reviewer rejected version 2: It hurts those who fly early." in log
    assert len(ledger.events("flight_delay", kind="approval_asked", night=NIGHTS.last)) == 3
    assert [event.night for event in ledger.events("flight_delay", kind="champion_promoted")] == [HISTORY.last]


def test_people_are_told_what_happened_once_and_of_no_kill_where_there_was_none(airflow):
    alerts = [stored for stored, _ in listed(Ledger.open(load_settings(home=airflow.nightloop_home)))]
    asked = [stored.alert for stored in alerts if stored.alert.kind == "approval_asked"]
    assert [alert.title.partition(",")[0] for alert in asked] == ["version 1", *["version 2"] * 3]
    assert all("auc 0." in alert.what and "/tasks/approval/required_actions" in alert.link for alert in asked)
    refused = [stored for stored in alerts if stored.alert.kind == "gate_failed"]
    assert {(stored.alert.subject, stored.alert.night) for stored in refused} == {("train.approval", NIGHTS.last)}
    told = ("tester asked for this training", "It hurts those who fly early", "nobody answered within 0.002 hours")
    assert len(refused) == 3 and all(words in stored.alert.what for words, stored in zip(told, refused, strict=True))
    assert f"version 1, trained as of {HISTORY.last}" in refused[0].alert.means
    (waited,) = [stored for stored in alerts if stored.alert.subject == "bootstrap.train"]
    assert waited.covered_by == refused[0].id, "one cause, one message"
    assert "flight_delay.train, which this task asked for and waited for, failed." in waited.alert.what


def test_the_seventh_judged_night_of_a_week_wakes_the_report_of_its_monday(airflow):
    found = airflow.client._send("GET", "/api/v2/assets", params={"uri_pattern": "nightloop://flight_delay/verdicts"})
    (verdicts,) = found["assets"]
    week = Nights(date(2013, 2, 4), date(2013, 2, 10))
    for night in week:
        assert not airflow.client.runs("flight_delay.report"), "a week is whole, or it is not told"
        event = {"asset_id": verdicts["id"], "partition_key": str(night)}
        airflow.client._send("POST", "/api/v2/assets/events", json=event)
    airflow.wait_until(lambda: bool(airflow.client.runs("flight_delay.report")), "the weekly report", 30)
    (run,) = airflow.client.runs("flight_delay.report")
    airflow.client.give_up(run)  # no night of this week was monitored: its task would wait for them
    assert run.partition_key == str(week.first)


def test_pages_are_shown_to_those_who_have_signed_in_and_to_nobody_else(airflow):
    page = airflow.nightloop_home / "reports" / "flight_delay" / "page.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("<html>drift</html>")
    (airflow.nightloop_home / "reports" / "secret.txt").write_text("not a page")
    address = f"{airflow.client.url}/nightloop/reports"
    assert httpx.get(f"{address}/flight_delay/page.html").status_code == 401
    token = httpx.post(
        f"{airflow.client.url}/auth/token", json={"username": "tester", "password": "only-for-this-test"}
    ).json()["access_token"]
    signed_in = {"Authorization": f"Bearer {token}"}
    shown = httpx.get(f"{address}/flight_delay/page.html", headers=signed_in)
    assert (shown.status_code, shown.text) == (200, "<html>drift</html>")
    assert shown.headers["content-security-policy"].startswith("sandbox")
    room = f"{airflow.client.url}/nightloop/control_room"
    assert httpx.get(room).status_code == 401
    shown = httpx.get(room, headers=signed_in, timeout=60)  # the first page loads what it needs
    assert shown.status_code == 200 and "<h1>Control room</h1>" in shown.text
    assert shown.headers["content-security-policy"].startswith("default-src 'none'")
    assert 'href="reports/flight_delay/page.html"' in httpx.get(address, headers=signed_in, timeout=60).text
    plugins = airflow.client._send("GET", "/api/v2/plugins")["plugins"]
    (entry,) = [view for plugin in plugins for view in plugin["external_views"]]
    assert (entry["name"], entry["href"]) == ("Nightloop", "/nightloop/control_room")
    for outside in ("secret.txt", "..%2fledger.db", "%2e%2e/ledger.db", "flight_delay"):
        assert httpx.get(f"{address}/{outside}", headers=signed_in).status_code == 404, outside


def test_parses_never_gave_a_second_version_of_a_dag(airflow):
    for family in CASCADE:
        found = airflow.client._send("GET", f"/api/v2/dags/flight_delay.{family}/dagVersions")
        assert found["total_entries"] == 1, family
    errors = airflow.client._send("GET", "/api/v2/importErrors")
    assert errors["total_entries"] == 0, json.dumps(errors)


def test_the_home_of_airflow_holds_no_password_that_others_may_read(airflow):
    for name in ("passwords.json", "secrets.json"):
        assert Path(airflow.home / name).stat().st_mode & 0o077 == 0, name
