"""Every DAG file parses light, alike each time, and says what it does."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from nightloop.definitions import load_use_case, use_case_names
from nightloop.settings import REPOSITORY
from plugins.training import GATES
from tests.dags.conftest import read_dags
from tests.fixtures_ingest import SHOP

SHARED = {"keep_up", "ship_audit"}  # there once, for all use cases
FILES = {file.stem for file in (REPOSITORY / "dags").glob("[a-z]*.py")}
FAMILIES = FILES - SHARED
USE_CASES = {name: load_use_case(name, REPOSITORY / "feature_defs") for name in use_case_names(REPOSITORY / "feature_defs")}


def tasks(dag: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Task id -> serialized task."""
    return {task["__var"]["task_id"]: task["__var"] for task in dag["tasks"]}


def edges(dag: dict[str, Any]) -> set[tuple[str, str]]:
    """Pairs (task, the task after it)."""
    return {(name, after) for name, task in tasks(dag).items() for after in task.get("downstream_task_ids", [])}


def test_dags_load_with_no_connection_no_variable_no_database_and_no_network(parsed):
    assert parsed["errors"] == {}
    of_use_cases = {f"{name}.{family}" for name in USE_CASES for family in FAMILIES}
    assert parsed["dags"].keys() == of_use_cases | {f"nightloop.{family}" for family in SHARED}


def test_parsing_imports_nothing_dear(parsed):
    assert parsed["heavy"] == []


def test_each_file_parses_well_under_a_second_once_the_first_has_imported_the_library(parsed):
    # The first file read pays for pydantic and sqlglot; the measure is generous, for tests share their cores.
    seconds = sorted(parsed["seconds"].values())
    assert len(seconds) == len(FILES)
    assert seconds[-2] < 0.5, parsed["seconds"]


VERDICTS = ("performance", "drift")
"""Tasks of the monitor that show what `alert` tells."""


def test_a_hundred_parses_give_one_version_of_each_dag(parsed):
    assert set(parsed["versions"].values()) == {1}


def test_two_processes_with_other_hash_seeds_parse_alike(tmp_path):
    one = read_dags(tmp_path / "one", PYTHONHASHSEED="1")
    two = read_dags(tmp_path / "two", PYTHONHASHSEED="2")
    for dag_id, dag in one["dags"].items():
        assert dag == two["dags"][dag_id]


def test_every_dag_says_what_it_does_and_why_and_to_whom_it_belongs(dags):
    for dag_id, dag in dags.items():
        assert len(dag["description"]) > 30, dag_id
        assert len(dag["doc_md"]) > 200, dag_id
        name, _, family = dag_id.partition(".")
        assert {"nightloop", name, family} <= set(dag["tags"]), dag_id
        owner = USE_CASES[name].owner if name in USE_CASES else "nightloop"
        assert dag["default_args"]["__var"]["owner"] == owner, dag_id


def test_every_task_says_what_it_does_and_tells_of_its_failure(dags):
    for dag_id, dag in dags.items():
        for name, task in tasks(dag).items():
            assert len(task.get("doc_md") or "") > 40, (dag_id, name)
            if not dag_id.startswith("nightloop.") and name not in VERDICTS:  # whose next round comes soon
                assert task["has_on_failure_callback"], (dag_id, name)
                assert task["has_retry_policy"], (dag_id, name)


def test_nights_are_kept_up_every_quarter_of_an_hour_one_round_at_a_time(dags):
    dag = dags["nightloop.keep_up"]
    assert tasks(dag).keys() == {"keep_up", "aliases"} and dag["max_active_runs"] == 1
    assert dag["timetable"]["__type"].endswith("CronTriggerTimetable") and "*/15 * * * *" in str(dag["timetable"])


def test_answers_of_the_service_are_shipped_every_hour_one_round_at_a_time(dags):
    dag = dags["nightloop.ship_audit"]
    assert tasks(dag).keys() == {"ship"} and dag["max_active_runs"] == 1
    assert dag["timetable"]["__type"].endswith("CronTriggerTimetable") and "40 * * * *" in str(dag["timetable"])


def test_the_graph_of_features_names_the_steps_and_sets_labels_beside(dags):
    dag = dags["flight_delay.features"]
    assert tasks(dag).keys() == {"tiles", "aggregates", "features", "labels"}
    assert edges(dag) == {("tiles", "aggregates"), ("aggregates", "features")}


def test_each_gate_is_a_task_and_only_all_of_them_lead_to_promotion(dags):
    dag = dags["flight_delay.train"]
    gates = {f"gate_{name}" for name in GATES}
    assert len(gates) == 9
    expected = {("assemble", "fit"), ("fit", "evaluate")}
    assert edges(dag) == expected | {("evaluate", gate) for gate in gates} | {(gate, "promote") for gate in gates}
    assert "trigger_rule" not in tasks(dag)["promote"], "the default rule: every gate must be green"


def test_a_use_case_of_high_risk_asks_a_person_between_the_gates_and_promotion(tmp_path):
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    text = (REPOSITORY / "tests" / "definitions" / "in_full" / "flight_delay.yaml").read_text()
    (definitions / "flight_delay.yaml").write_text(text.replace("risk: medium", "risk: high"))
    dag = read_dags(tmp_path, NIGHTLOOP_DEFINITIONS=str(definitions))["dags"]["flight_delay.train"]
    assert {before for before, after in edges(dag) if after == "promote"} == {"approval"}
    assert len([before for before, after in edges(dag) if after == "approval"]) == len(GATES)
    assert tasks(dag)["approval"].get("retries", 0) == 0


def test_bootstrap_takes_ranges_in_order_and_trains_between(dags):
    assert edges(dags["flight_delay.bootstrap"]) == {
        ("ingest_range", "tiles_range"),
        ("tiles_range", "aggregates_range"),
        ("aggregates_range", "features_range"),
        ("ingest_range", "labels_range"),
        ("features_range", "train"),
        ("labels_range", "train"),
        ("train", "score_range"),
        ("score_range", "monitor_range"),
    }


def test_the_monitor_decides_and_alerts(dags):
    dag = dags["flight_delay.monitor"]
    assert edges(dag) == {
        ("monitor", "decide"),
        ("decide", "keep"),
        ("decide", "retrain"),
        ("decide", "ask"),
        ("monitor", "alert"),
        *(
            (before, after)
            for verdict in ("performance", "drift")
            for before, after in (("monitor", verdict), (verdict, "judged"))
        ),
    }
    assert tasks(dag)["judged"]["trigger_rule"] == "all_done", "a red verdict does not fail the run"
    assert all(tasks(dag)[verdict].get("retries", 0) == 0 for verdict in VERDICTS)


def test_each_family_is_woken_by_the_asset_of_the_one_before(dags):
    woken_by = {"features": "raw", "score": "features", "monitor": "scores", "report": "verdicts"}
    for family, table in woken_by.items():
        timetable = dags[f"flight_delay.{family}"]["timetable"]
        assert timetable["__type"].endswith("PartitionedAssetTimetable"), family
        assert f"nightloop://flight_delay/{table}" in str(timetable), family


def test_ingest_runs_at_the_hour_of_the_use_case_in_its_time_zone(dags):
    timetable = dags["flight_delay.ingest"]["timetable"]
    assert timetable["__type"] == "plugins.night_timetable.NightTimetable"
    assert timetable["__var"] == {"schedule": "0 2 * * *", "time_zone": "America/New_York"}


def test_a_use_case_without_awaited_files_has_one_task_in_its_ingest(dags):
    assert tasks(dags["flight_delay.ingest"]).keys() == {"ingest"}


def test_each_source_whose_files_arrive_by_a_time_is_waited_for_before_ingest(tmp_path):
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    waits = SHOP.replace("data/orders.csv", "'data/{night}/orders.csv', arrives_by: '03:30'")
    waits = waits.replace('data/visits/{night}.csv"', "data/visits/{night}.csv\", arrives_by: '04:00'")
    (definitions / "shop.yaml").write_text(waits)
    told = read_dags(tmp_path, NIGHTLOOP_DEFINITIONS=str(definitions))
    assert told["errors"] == {} and told["heavy"] == []
    dag = told["dags"]["shop.ingest"]
    assert edges(dag) == {("wait_for_orders", "ingest"), ("wait_for_visits", "ingest")}
    for task in tasks(dag).values():
        assert len(task["doc_md"]) > 40 and task["has_on_failure_callback"] and task["has_retry_policy"]
    assert tasks(told["dags"]["shop.bootstrap"]).keys() >= {"ingest_range"}


def test_no_use_case_of_the_repository_takes_a_night_by_itself_beside_the_main_job(dags):
    for name in USE_CASES:
        last = dags[f"{name}.ingest"]["end_date"]
        assert float(last) < time.time(), f"{name} would run on its schedule while the main job runs"


def test_forms_ask_for_dates_a_reason_and_a_name(dags):
    forms = {"train": ["as_of"], "bootstrap": ["first_night", "last_night"]}
    for family, nights in forms.items():
        fields = {name: field["schema"]["__var"] for name, field in dags[f"flight_delay.{family}"]["params"]}
        assert list(fields) == [*nights, "reason", "requested_by"]
        assert all(fields[night]["format"] == "date" for night in nights)
        assert fields["reason"]["minLength"] >= 10
        assert fields["requested_by"]["minLength"] >= 2


def test_apply_plans_before_it_builds_one_run_at_a_time_after_the_nights_of_other_dags(dags):
    dag = dags["flight_delay.apply"]
    assert edges(dag) == {("plan", "apply")}
    assert dag["max_active_runs"] == 1 and "Null" in dag["timetable"]["__type"]
    weights = {name: task["priority_weight"] for name, task in tasks(dag).items()}
    assert set(weights.values()) < set(range(tasks(dags["flight_delay.ingest"])["ingest"]["priority_weight"]))
    assert "trigger_rule" not in tasks(dag)["apply"], "the default rule: skipped with the plan"


def test_the_form_of_apply_takes_a_number_of_nights_from_one_on_or_nothing(dags):
    ((name, field),) = dags["flight_delay.apply"]["params"]
    schema = field["schema"]["__var"]
    assert (name, field["default"], schema["type"], schema["minimum"]) == ("at_most", None, ["null", "integer"], 1)


def test_only_the_nights_of_the_cascade_wake_a_dag(dags):
    for family in ("apply", "bootstrap", "train", "sweep"):
        assert not any(task.get("outlets") for task in tasks(dags[f"flight_delay.{family}"]).values()), family
    assert tasks(dags["flight_delay.ingest"])["ingest"]["outlets"]


def test_the_page_about_airflow_has_a_row_for_every_family():
    page = (REPOSITORY / "docs" / "airflow.md").read_text()
    assert set(re.findall(r"^\| `<uc>\.(\w+)` \|", page, flags=re.MULTILINE)) == FAMILIES
    assert set(re.findall(r"^\| `nightloop\.(\w+)` \|", page, flags=re.MULTILINE)) == SHARED


def test_files_of_dags_are_wiring_that_one_can_read_at_a_glance():
    for file in (REPOSITORY / "dags").glob("[a-z]*.py"):
        assert len(Path(file).read_text().splitlines()) <= 80, file.name
