"""Nothing that nothing calls: vulture finds no code that our own code does not use, but for what others call by name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from vulture import Vulture

from nightloop.settings import REPOSITORY

FOLDERS = ("dags", "plugins", "jobs", "serving", "nightloop", "deploy")  # not tests: what only a test calls is unused

# (file, name) -> who uses it. A name may be a pattern.
USED_BY_OTHERS = {
    (r".*", "model_config"): "pydantic reads it",
    (r"nightloop/definitions/.*", r"_\w+"): "pydantic calls validators by their decorator",
    (r"nightloop/settings.py", "_fill_from_home"): "pydantic calls validators by their decorator",
    (r".*", "trace"): "a parameter of Python's __exit__",
    (r"jobs/commands/.*", r"run_\w+"): "the command line calls it by name",
    (r"jobs/online/.*", r"run_\w+"): "the command line calls it by name",
    (r"serving/server/.*", "pause_writing|resume_writing|connection_made"): "asyncio calls it",
    (r"plugins/.*", "ui_color"): "Airflow's web UI reads it",
    (r"plugins/.*", "get_link|ti_key|operator_extra_links|choose_branch|on_kill"): "Airflow calls it",
    (r"plugins/.*", "serialize|deserialize|resume|max_tries"): "Airflow calls it, in the triggerer and for retries",
    (r"plugins/report_pages.py", r"Nightloop\w+|fastapi_apps"): "Airflow loads plugins by their class",
    (r"plugins/timetables.py", r"Nightloop\w+|timetables|listeners"): "Airflow loads plugins by their class",
    (r"plugins/timetables.py", "on_dag_run_running|msg"): "Airflow calls listeners by name",
    (r"plugins/control_room.py", r"Nightloop\w+|external_views"): "Airflow loads plugins by their class",
    (r"plugins/night_timetable.py", r"_get_\w+|iter_partition_dagrun_infos|_decode_partition_date"): "Airflow calls it",
    (r"serving/decisions.py", "decisions"): "FastAPI calls routes by their decorator",
    (r"serving/protocols/mlflow_scoring.py", "invoke_only|ping|version"): "FastAPI calls routes by their decorator",
    (r"serving/protocols/open_inference.py", "server|metadata|ready|infer|live|server_ready"): "FastAPI calls routes",
    (r"serving/platforms.aws_lambda.py", "handler"): "AWS Lambda calls it",
    (r"serving/protocols/try_page.py", "try_page"): "FastAPI calls routes",
    (r"serving/app.py", "healthz|readyz|metrics_text"): "FastAPI calls routes by their decorator",
    (r"jobs/completion.py", "completer"): "argcomplete reads it of an argument",
    (r"serving/answers.py", "alive|threshold_night"): "a field of an answer in JSON",
    (r"plugins/approval.py", "response_timeout"): "Airflow's operator waits no longer than it says",
    (r"nightloop/model/pyfunc.py", "load_context"): "MLflow calls it",
    (r"nightloop/model/registered_model.py", "load_champion"): "people's programs call it (docs/registry.md)",
    (r"nightloop/model/scoring.py", "score_file|rank_file"): "engines call it by name: nightloop.model.scoring:score_file",
    (r"nightloop/lake/checksums.py", "writable"): "pyarrow asks a file of Python's",
    (r"nightloop/ledger/store.py", "isolation_level"): "sqlite3 reads it",
    (r"nightloop/contracts/great_expectations_engine.py", "progress_bars"): "Great Expectations reads it",
    (r"nightloop/reporting/use_case_page.py", "filters"): "Jinja2 reads it",
    (r"nightloop/definitions/loading.py", "mtime_ns"): "part of the key of the cache",
    (r"serving/model_snapshot.py", "aggregates_version|scores_version"): "compared: another version is another snapshot",
}  # fmt: skip


def unused(root: Path, folders: Iterable[str]) -> set[tuple[str, str]]:
    """Return (file, name) of what vulture takes to be unused; files from the root."""
    vulture = Vulture()
    vulture.scavenge([str(root / folder) for folder in folders])
    return {
        (str(Path(item.filename).resolve().relative_to(root.resolve())), item.name)
        for item in vulture.get_unused_code(min_confidence=60)
    }


def is_used_by_others(file: str, name: str) -> bool:
    """Say whether a name is on the list of what others call."""
    return any(re.fullmatch(path, file) and re.fullmatch(names, name) for path, names in USED_BY_OTHERS)


def test_nothing_is_unused() -> None:
    left = unused(REPOSITORY, FOLDERS)
    assert sorted(item for item in left if not is_used_by_others(*item)) == []


@pytest.mark.parametrize(
    ("file", "name", "used"),
    [
        ("plugins/operators.py", "on_kill", True),
        ("jobs/train.py", "on_kill", False),
        ("serving/app.py", "healthz", True),
        ("serving/app.py", "healthzz", False),
        ("nightloop/definitions/model.py", "_has_classes", True),
        ("nightloop/definitions/model.py", "has_classes", False),
        ("nightloop/lake/tables.py", "_has_classes", False),
    ],
)
def test_the_list_of_what_others_use_covers_no_more_than_it_says(file: str, name: str, used: bool) -> None:
    assert is_used_by_others(file, name) is used


def test_every_exemption_has_its_reason() -> None:
    assert [key for key, reason in USED_BY_OTHERS.items() if len(reason.split()) < 3] == []


def test_what_nothing_calls_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "module.py").write_text("def used():\n    return 1\n\n\ndef left_over():\n    return used()\n")
    assert unused(tmp_path, ["room"]) == {("room/module.py", "left_over")}
