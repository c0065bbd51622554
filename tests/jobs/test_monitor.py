"""A night is watched: what matured is measured, what drifted is found, and one decision falls, the same each time."""

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from jobs import monitor
from nightloop.definitions.use_case import Value
from nightloop.errors import NotReady, StoreDamaged
from nightloop.model import bundle, champions
from nightloop.model.registry import Registry
from nightloop.nights import Nights, one
from nightloop.settings import REPOSITORY, load_settings
from nightloop.workspace import Workspace
from tests.fixtures_watched import COMMIT, FIRST, ROWS, champion_in_force


def after(nights):
    return FIRST + timedelta(days=nights)


def run(watched, nights):
    return monitor.run(watched.use_case, nights, watched.workspace)


def metrics(watched, night):
    rows = watched.workspace.lake.read("loans/metrics", one(night)).to_pylist()
    return {(row["metric"], row["group"]): row for row in rows}


def decision(watched, night):
    return watched.workspace.lake.read("loans/decisions", one(night)).to_pylist()[0]


def test_a_night_publishes_metrics_and_one_decision_and_says_so(watched):
    watched.publish_nights(Nights(FIRST, after(4)))
    published = run(watched, Nights(FIRST, after(4)))
    assert [item.table for item in published[-2:]] == ["loans/metrics", "loans/decisions"]
    assert published[-1].details["decision"] == "keep"
    assert published[-1].details["drift_verdict"] == "pass"
    assert published[-1].details["performance_verdict"] == "pass"
    assert published[-1].details["realised_auc"] == metrics(watched, after(4))[("auc", "all")]["value"]
    assert decision(watched, after(4))["champion_as_of"] == FIRST - timedelta(days=1)


def test_a_night_is_watched_only_by_the_bundle_whose_digest_the_ledger_has(watched):
    bundles = watched.workspace.settings.home / "bundles" / "loans"
    shutil.copytree(bundles / "1", bundles / "2")
    champions.promote(watched.workspace.ledger, "loans", 2, FIRST, {})
    watched.publish(after(1))
    with pytest.raises(StoreDamaged, match="recorded no digest of its bundle"):
        run(watched, one(after(1)))


def test_labels_are_joined_to_the_scores_they_were_waiting_for(watched):
    watched.publish_nights(Nights(FIRST, after(3)))
    run(watched, Nights(FIRST, after(3)))
    row = metrics(watched, after(3))[("brier", "all")]
    scores = watched.workspace.lake.read("loans/scores", one(after(1))).to_pylist()
    labels = {r["account"]: r["label"] for r in watched.workspace.lake.read("loans/labels", one(after(3))).to_pylist()}
    by_hand = np.mean([(r["probability"] - labels[r["account"]]) ** 2 for r in scores if r["account"] in labels])
    assert row["value"] == pytest.approx(by_hand)
    assert row["n"] == len(labels)
    assert row["low"] < by_hand < row["high"]
    assert row["model_version"] == 1
    assert metrics(watched, after(3))[("pooled_matured_share", "all")]["value"] == pytest.approx(0.9)


def test_realised_metrics_wait_until_labels_mature(watched):
    watched.publish_nights(Nights(FIRST, after(1)))
    run(watched, Nights(FIRST, after(1)))
    assert ("auc", "all") not in metrics(watched, after(1))
    assert decision(watched, after(1))["performance_verdict"] == "not_enough_evidence"
    assert decision(watched, after(1))["performance_reason"] == "No label of a scored night is known yet."


def test_every_group_is_measured_by_itself(watched):
    watched.publish_nights(Nights(FIRST, after(3)))
    run(watched, Nights(FIRST, after(3)))
    rows = metrics(watched, after(3))
    north, south = rows[("pooled_selection_rate", "region=north")], rows[("pooled_selection_rate", "region=south <&>")]
    assert north["n"] + south["n"] == rows[("pooled_selection_rate", "all")]["n"]


def test_nights_without_drift_pass(watched):
    watched.publish_nights(Nights(FIRST, after(9)))
    run(watched, Nights(FIRST, after(9)))
    assert [decision(watched, night)["drift_verdict"] for night in Nights(FIRST, after(9))] == ["pass"] * 10


def test_one_feature_in_another_unit_fails_its_night_and_again_when_monitored_again(watched):
    watched.publish_nights(Nights(FIRST, after(3)))
    rows = watched.workspace.lake.read("loans/features", one(after(3))).drop_columns(["night"])
    wrong = rows.set_column(rows.column_names.index("income"), "income", pa.array(rows["income"].to_numpy() * 100))
    watched.workspace.lake.publish("loans/features", after(3), wrong, COMMIT)
    run(watched, Nights(FIRST, after(3)))
    first = decision(watched, after(3))
    assert first["drift_verdict"] == "fail" and "A fault of data: income: " in first["drift_reason"]
    assert first["drift_calls_for"] == "repair" and first["drift_reason"].endswith("a repair of the data, not for a training.")
    profiles = watched.workspace.lake.states("loans/profiles")[after(3)].content_digest
    run(watched, one(after(1)))
    run(watched, one(after(3)))
    assert decision(watched, after(3)) == first
    assert watched.workspace.lake.states("loans/profiles")[after(3)].content_digest == profiles
    assert len(watched.workspace.ledger.events("loans", kind="decision_made", night=after(3))) == 1


def test_answers_that_move_by_themselves_are_told_as_what_matters_and_outcomes_are_counted(watched):
    watched.publish_nights(Nights(FIRST, after(3)))
    lake = watched.workspace.lake
    rows = lake.read("loans/scores", one(after(2))).drop_columns(["night"])
    alike = rows.set_column(rows.column_names.index("probability"), "probability", pa.array(np.full(ROWS, 0.5)))
    lake.publish("loans/scores", after(2), alike, COMMIT)
    run(watched, Nights(FIRST, after(3)))
    reasons = [decision(watched, after(ago))["drift_reason"] for ago in (1, 2, 3)]
    assert "A shift in what matters" not in reasons[0]
    assert "A shift in what matters: scores of probability: " in reasons[1] and "A fault" not in reasons[1]
    assert "A shift in what matters" not in reasons[2]
    assert decision(watched, after(2))["drift_calls_for"] == "repair"
    counted = {
        night: {row["feature"]: row["rows"] for row in lake.read("loans/profiles", one(after(night))).to_pylist()}
        for night in (1, 2)
    }
    assert "the outcomes" not in counted[1] and counted[2]["the outcomes"] == ROWS * 9 // 10
    assert counted[1]["scores of probability"] == ROWS


def test_a_bundle_from_before_nights_were_in_its_reference_is_judged_by_the_share_alone(watched):
    folder = watched.workspace.settings.home / "bundles" / "loans" / "2"
    shutil.copytree(folder.with_name("1"), folder)
    reference = bundle.reference_profile(folder)
    old = {name: of for name, of in reference.items() if name in ("rows", "nights", "features")}
    (folder / "reference.json").write_text(json.dumps(old))
    champions.promote(watched.workspace.ledger, "loans", 2, FIRST, {"bundle_digest": bundle.digest(folder)})
    watched.publish(after(1), shift=4.0)
    run(watched, one(after(1)))
    row = decision(watched, after(1))
    assert (row["champion_version"], row["drift_verdict"]) == (2, "fail")
    assert row["drift_reason"].startswith("4 of 4 watched features drifted")
    assert watched.workspace.lake.read("loans/profiles", one(after(1))).num_rows == 0


def test_three_drifted_nights_in_a_row_ask_for_a_retrain_once(watched):
    watched.publish_nights(Nights(FIRST, after(1)))
    watched.publish_nights(Nights(after(2), after(6)), shift=4.0)
    run(watched, Nights(FIRST, after(6)))
    made = [decision(watched, night) for night in Nights(FIRST, after(6))]
    assert [row["drift_verdict"] for row in made] == ["pass", "pass", *["fail"] * 5]
    assert [row["decision"] for row in made] == ["keep"] * 4 + ["retrain", "keep", "keep"]
    assert made[4]["reason"].startswith("Features drifted 3 nights in a row: 4 of 4 watched features drifted")
    assert "cool-down lasts to" in made[5]["reason"]


def test_worthless_scores_fail_performance_when_enough_nights_have_matured(watched):
    watched.publish_nights(Nights(FIRST, after(4)), worthless=True)
    run(watched, Nights(FIRST, after(4)))
    verdicts = [decision(watched, night)["performance_verdict"] for night in Nights(FIRST, after(4))]
    assert verdicts[:3] == ["not_enough_evidence"] * 3
    assert verdicts[-1] == "fail"
    row = decision(watched, after(verdicts.index("fail")))
    assert row["decision"] == "retrain"
    assert row["reason"].startswith("Realised performance failed: Realised AUC 0.")


def test_the_calendar_asks_for_a_retrain(watched):
    watched.publish_nights(Nights(FIRST, after(13)))
    run(watched, Nights(FIRST, after(13)))
    assert [decision(watched, night)["decision"] for night in (after(12), after(13))] == ["keep", "retrain"]
    assert decision(watched, after(13))["reason"] == (
        "Champion version 1 was trained as of 2024-02-04, 14 nights ago (at most 14)."
    )


def test_a_failed_training_is_not_asked_for_again_and_the_night_says_the_same_when_monitored_again(watched):
    """A person asked for it; the calendar would ask on the thirteenth night, and its gates would judge the same nights."""
    ledger, night = watched.workspace.ledger, after(10)
    ledger.record("training_requested", "loans", night=night, subject="anna", payload={"reason": "", "requested_by": "anna"})
    watched.publish_nights(Nights(FIRST, after(13)))
    run(watched, Nights(FIRST, after(13)))
    running = decision(watched, after(13))
    assert (running["decision"], running["due"]) == ("keep", "age")
    assert running["reason"].endswith(f"but the training as of {night}, asked for by anna, has not ended.")
    failed = {"outcome": "fail", "reason": "It is worse.", "gate": "performance"}
    ledger.record("gate_judged", "loans", night=night, subject="2/performance", payload=failed)
    run(watched, one(after(13)))
    assert decision(watched, after(13)) == running, "as the ledger was when the night was decided first"
    watched.publish(after(14))
    run(watched, one(after(14)))
    held = decision(watched, after(14))
    again = night + timedelta(days=watched.use_case.model.split.validate_nights)
    assert held["decision"] == "keep"
    words = f"but the training as of {night} (performance: It is worse); from {again} on its gates judge new nights."
    assert held["reason"].endswith(words)


def test_what_answers_are_worth_is_published_and_told_with_the_decision(watched):
    value = Value(currency="EUR", true_positive=100.0, false_positive=-60.0, training=10.0)
    valued = replace(watched, use_case=watched.use_case.model_copy(update={"value": value}))
    valued.publish_nights(Nights(FIRST, after(3)))
    valued.publish_nights(Nights(after(4), after(12)), worthless=True)
    run(valued, Nights(FIRST, after(12)))
    rows = valued.workspace.lake.read("loans/metrics", one(after(12))).to_pylist()
    pooled = next(row for row in rows if (row["metric"], row["group"]) == ("pooled_value", "all"))
    assert pooled["value"] < 0 < pooled["n"] and pooled["low"] < pooled["value"] < pooled["high"]
    last = decision(valued, after(12))
    assert last["expected_gain"] > 0 and last["expected_gain_low"] < last["expected_gain"] < last["expected_gain_high"]
    assert f"A training is expected to gain {last['expected_gain']:,.0f} EUR" in last["reason"]
    assert decision(valued, after(2))["expected_gain"] is None


def test_a_night_monitored_again_gives_the_same_digests_and_adds_no_event(watched):
    watched.publish_nights(Nights(FIRST, after(4)))
    before = [item.content_digest for item in run(watched, Nights(FIRST, after(4)))]
    events = len(watched.workspace.ledger.events("loans", kind="decision_made"))
    again = run(watched, Nights(FIRST, after(4))) + run(watched, one(after(2)))
    assert [item.content_digest for item in again[:10]] == before
    assert [item.content_digest for item in again[10:]] == before[4:6]
    assert len(watched.workspace.ledger.events("loans", kind="decision_made")) == events == 5


def test_the_ledger_ends_with_the_decision_that_stands(watched):
    """Decided, decided otherwise when the data was mended, and mended back: the log tells all three, in order."""
    watched.publish_nights(Nights(FIRST, after(1)))
    watched.publish_nights(Nights(after(2), after(4)), shift=4.0)
    run(watched, Nights(FIRST, after(4)))
    for shift in (0.0, 4.0):
        watched.publish(after(4), shift=shift)
        run(watched, one(after(4)))
    events = watched.workspace.ledger.events("loans", kind="decision_made", night=after(4))
    assert [event.subject for event in events] == ["retrain", "keep", "retrain"]
    assert decision(watched, after(4))["decision"] == "retrain"


def test_the_reference_is_the_one_of_the_bundle_that_was_promoted(watched, monkeypatch):
    kept = watched.workspace.settings.home / "bundles" / "loans"
    champions.promote(
        watched.workspace.ledger, "loans", 2, FIRST - timedelta(days=1), {"bundle_digest": bundle.digest(kept / "1")}
    )
    shutil.copytree(kept / "1", kept / "2")
    (kept / "2" / bundle.REFERENCE).write_text("{}")  # what was kept at hand was changed since
    monkeypatch.setattr(
        Registry, "_download", lambda _self, _name, _version, into: (shutil.copytree(kept / "1", into / "bundle"), "")
    )
    watched.publish(FIRST)
    run(watched, one(FIRST))
    assert decision(watched, FIRST)["champion_version"] == 2
    assert bundle.digest(kept / "2") == bundle.digest(kept / "1")


def test_the_layout_of_files_does_not_change_a_digest(watched):
    watched.publish_nights(Nights(FIRST, after(3)))
    before = [item.content_digest for item in run(watched, Nights(FIRST, after(3)))]
    for table in ("features", "scores"):
        rows = watched.workspace.lake.read(f"loans/{table}", one(after(1))).drop_columns(["night"])
        shuffled = rows.take(np.random.default_rng(1).permutation(rows.num_rows))
        watched.workspace.lake.publish(f"loans/{table}", after(1), shuffled, COMMIT)
    assert [item.content_digest for item in run(watched, Nights(FIRST, after(3)))] == before


def test_a_night_waits_for_the_decision_of_the_night_before(watched):
    watched.publish_nights(Nights(FIRST, after(2)))
    run(watched, one(FIRST))
    with pytest.raises(NotReady, match=f"decides after night {after(1)}, which has no decision yet") as error:
        run(watched, one(after(2)))
    assert error.value.do == f"Run: python -m jobs monitor loans {after(1)}"
    assert after(2) not in watched.workspace.lake.states("loans/metrics")


@pytest.mark.parametrize(("kind", "subject"), [("contract_broken", "accounts"), ("stage_failed", "ingest.ingest")])
def test_a_night_that_was_lost_at_the_door_is_stepped_over(watched, kind, subject):
    watched.publish(FIRST)
    run(watched, one(FIRST))
    watched.publish(after(2))
    with pytest.raises(NotReady):
        run(watched, one(after(2)))
    watched.workspace.ledger.record(kind, "loans", night=after(1), subject=subject)
    assert run(watched, one(after(2)))[-1].details["decision"] == "keep"


def test_a_night_that_was_mended_since_is_waited_for(watched):
    watched.publish(FIRST)
    run(watched, one(FIRST))
    watched.workspace.ledger.record("contract_broken", "loans", night=after(1), subject="accounts")
    watched.publish_nights(Nights(after(1), after(2)))
    with pytest.raises(NotReady):
        run(watched, one(after(2)))


def test_a_night_that_is_not_scored_is_not_ready(watched):
    watched.publish(FIRST)
    with pytest.raises(NotReady, match="loans/scores"):
        run(watched, one(after(1)))


def test_labels_that_should_be_known_but_are_not_published_are_not_ready(watched):
    watched.publish_nights(Nights(FIRST, after(1)))
    run(watched, Nights(FIRST, after(1)))
    watched.publish(after(2), labels=False)
    with pytest.raises(NotReady, match="loans/labels") as error:
        run(watched, one(after(2)))
    assert error.value.do == f"Run: python -m jobs features loans {after(2)}"


def test_a_night_published_without_rows_is_no_evidence_and_no_error(watched):
    watched.publish_nights(Nights(FIRST, after(1)))
    empty = watched.workspace.lake.read("loans/features", one(FIRST)).drop_columns(["night"]).slice(0, 0)
    watched.workspace.lake.publish("loans/features", after(1), empty, COMMIT)
    run(watched, Nights(FIRST, after(1)))
    assert decision(watched, after(1))["drift_verdict"] == "not_enough_evidence"


def test_what_came_in_is_counted_from_the_tables_own_logs(watched):
    watched.publish(FIRST)
    watched.workspace.lake.publish("loans/quarantine", FIRST, pa.table({"reason": ["no key"] * 3}), COMMIT)
    run(watched, one(FIRST))
    rows = metrics(watched, FIRST)
    assert rows[("rows_in", "source=accounts")]["value"] == ROWS
    assert rows[("rows_quarantined", "all")]["value"] == 3
    assert rows[("rows_scored", "all")]["value"] == ROWS


def test_a_failed_drift_verdict_brings_a_page_for_people(tmp_path):
    watched = champion_in_force(Workspace.open(load_settings(home=tmp_path / "home", engine="local")), html="when_drift")
    watched.publish(FIRST)
    watched.publish(after(1), shift=4.0)
    quiet, loud = run(watched, Nights(FIRST, after(1)))[1::2]
    assert "page" not in quiet.details
    page = watched.workspace.reports / "loans" / str(after(1)) / "drift.html"
    assert loud.details["page"] == str(page)
    text = page.read_text()
    assert f"night {after(1)}: drift against champion version 1: fail" in text
    assert [event.subject for event in watched.workspace.ledger.events("loans", kind="page_written")] == [
        f"loans/{after(1)}/drift.html"
    ]


def test_dates_of_the_fixture_are_what_the_tests_say():
    assert FIRST.weekday() == 0
    assert date(2024, 2, 4) + timedelta(days=1) == FIRST


CHILD = """
import sys
from datetime import date
from jobs import monitor
from nightloop.definitions.use_case import Value
from nightloop.definitions.use_case import UseCase
from nightloop.nights import Nights
from nightloop.settings import REPOSITORY, load_settings
from nightloop.workspace import Workspace
use_case = UseCase.model_validate_json(sys.argv[2])
print("ready", flush=True)
workspace = Workspace.open(load_settings(home=sys.argv[1], engine="local"))
monitor.run(use_case, Nights(date(2024, 2, 5), date(2024, 2, 9)), workspace)
"""


def test_a_killed_run_started_again_gives_what_an_undisturbed_run_gives(tmp_path):
    def home(name):
        watched = champion_in_force(Workspace.open(load_settings(home=tmp_path / name, engine="local")))
        watched.publish_nights(Nights(FIRST, after(4)))
        return watched

    expected = [item.content_digest for item in run(home("undisturbed"), Nights(FIRST, after(4)))]
    watched = home("killed")
    for delay in (0.05, 0.3, 0.6):
        command = [sys.executable, "-c", CHILD, str(tmp_path / "killed"), watched.use_case.model_dump_json()]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPOSITORY) as child:
            child.stdout.readline()
            time.sleep(delay)
            child.send_signal(signal.SIGKILL)
    assert [item.content_digest for item in run(watched, Nights(FIRST, after(4)))] == expected
    assert watched.workspace.lake.read("loans/decisions").num_rows == 5
    assert len(watched.workspace.ledger.events("loans", kind="decision_made")) == 5
    watched.workspace.ledger.verify()
