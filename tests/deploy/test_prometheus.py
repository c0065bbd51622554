"""What Prometheus and Grafana ask for is what the code exposes, and each alert says what to do and where that is written."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from jobs.upkeep.watch_metrics import WatchMetrics
from nightloop.nights import utc_now
from nightloop.settings import REPOSITORY, load_settings
from nightloop.workspace import Workspace
from serving.metrics import Metrics

PROMETHEUS = REPOSITORY / "deploy" / "prometheus"
BOARDS = sorted((REPOSITORY / "deploy" / "grafana" / "dashboards").glob("*.json"))
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
NOT_OURS = {"up": {"job"}, "process_resident_memory_bytes": {"job"}}
OF_PROMETHEUS = {"job", "instance", "le"}
"""Labels that Prometheus adds itself."""
NAME = re.compile(r"\b(?:nightloop_\w+|process_\w+|up)\b")
RULE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["alert", "expr", "labels", "annotations"],
    "properties": {
        "alert": {"type": "string", "pattern": "^Nightloop[A-Za-z]+$"},
        "expr": {"type": "string"},
        "for": {"type": "string", "pattern": r"^\d+[smhd]$"},
        "labels": {"type": "object", "additionalProperties": False, "properties": {"severity": {"enum": ["page", "ticket"]}}},
        "annotations": {
            "type": "object",
            "additionalProperties": False,
            "required": ["summary", "description", "action", "page"],
            "properties": {key: {"type": "string", "minLength": 10} for key in ("summary", "description", "action", "page")},
        },
    },
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "groups": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "rules"],
                "properties": {"name": {"type": "string"}, "rules": {"type": "array", "items": RULE}},
            },
        }
    },
}


def configuration() -> dict[str, Any]:
    return dict(yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text()))


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def panels() -> list[tuple[str, dict[str, Any]]]:
    return [(board.name, panel) for board in BOARDS for panel in json.loads(board.read_text())["panels"]]


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Every metric that service and watch expose, with its labels."""
    folder = tmp_path_factory.mktemp("of-metrics")
    (folder / "feature_defs").mkdir()
    watch = WatchMetrics()
    watch.read(Workspace.open(load_settings(home=folder / "home", definitions=folder / "feature_defs")))
    watch.record_round([], utc_now(), 0.0)
    of_watch = {family.name: set(family._labelnames) for family in watch.collect()}
    assert not of_watch.keys() & of_the_service().keys()
    return of_watch | of_the_service() | NOT_OURS


def of_the_service() -> dict[str, set[str]]:
    exposed = {}
    for metric in vars(Metrics()).values():
        if hasattr(metric, "_labelnames"):
            (family,) = metric.collect()
            exposed |= {f"{family.name}{suffix}": set(metric._labelnames) for suffix in SUFFIXES[family.type]}
    return exposed


def wrong_names(expression: str, exposed: dict[str, set[str]]) -> set[str]:
    """Return the metrics and labels of an expression that nothing exposes."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    wrong = {name for name in NAME.findall(bare) if name not in exposed}
    labels = {label for name in NAME.findall(bare) for label in exposed.get(name, set())} | OF_PROMETHEUS
    for name, matchers in re.findall(r"(\w+)\{([^}]*)\}", bare):
        allowed = exposed.get(name, set()) | OF_PROMETHEUS
        wrong |= set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)) - allowed
    for grouping in re.findall(r"\bby \(([^)]*)\)", bare):
        wrong |= {label.strip() for label in grouping.split(",")} - labels
    return wrong


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("nightloop_nights_late > 0", set()),
        ("nightloop_nights_tardy > 0", {"nightloop_nights_tardy"}),
        ('nightloop_failures{stage=~"x", phase="y"}', {"phase"}),
        ("sum by (use_case, phase) (nightloop_failures)", {"phase"}),
        ("rate(nightloop_requests[5m])", {"nightloop_requests"}),
        ("rate(nightloop_requests_total[5m])", set()),
        ("histogram_quantile(0.5, sum by (le) (rate(nightloop_request_seconds_bucket[5m])))", set()),
    ],
)
def test_a_name_that_nothing_exposes_is_noticed(expression: str, wrong: set[str], exposed: dict[str, set[str]]) -> None:
    assert wrong_names(expression, exposed) == wrong


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_asks_for_what_is_exposed_and_leads_to_a_page(rule: dict[str, Any], exposed: dict[str, set[str]]) -> None:
    assert NAME.findall(rule["expr"]) and wrong_names(rule["expr"], exposed) == set()
    labels = {label for name in NAME.findall(rule["expr"]) for label in exposed[name]}
    texts = " ".join(rule["annotations"].values())
    assert set(re.findall(r"\$labels\.(\w+)", texts)) <= labels
    page, _, heading = rule["annotations"]["page"].partition("#")
    text = (REPOSITORY / page).read_text()
    headings = {re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-") for line in re.findall(r"^#+ (.+)$", text, re.M)}
    assert not heading or heading in headings


def test_the_rules_are_as_prometheus_reads_them_and_no_two_have_one_name() -> None:
    jsonschema.validate(yaml.safe_load((PROMETHEUS / "alerts.yml").read_text()), SCHEMA)
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)


def test_prometheus_reads_the_routes_that_service_and_watch_have_and_the_rules_that_are_mounted() -> None:
    read = configuration()
    jobs = {job["job_name"]: (job.get("metrics_path"), job["static_configs"][0]["targets"]) for job in read["scrape_configs"]}
    assert jobs["nightloop-service"] == ("/metrics", ["service:8000"])
    assert jobs["nightloop-watch"] == ("/metrics", ["watch:9108"])
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]
    assert compose["watch"]["command"][-1] == "9108"
    (file,) = read["rule_files"]
    assert f"./deploy/prometheus/alerts.yml:{file}:ro" in compose["prometheus"]["volumes"]


@pytest.mark.parametrize(("board", "panel"), panels(), ids=lambda value: value if isinstance(value, str) else value["title"])
def test_every_panel_says_what_it_shows_and_asks_for_what_is_exposed(
    board: str, panel: dict[str, Any], exposed: dict[str, set[str]]
) -> None:
    (source,) = yaml.safe_load((REPOSITORY / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    assert panel["title"] and panel["description"]
    for target in panel["targets"]:
        assert target["datasource"]["uid"] == source["uid"]
        assert NAME.findall(target["expr"]) and wrong_names(target["expr"], exposed) == set()
        labels = {label for name in NAME.findall(target["expr"]) for label in exposed[name]} | OF_PROMETHEUS
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= labels


def test_no_two_dashboards_have_one_name_and_no_two_panels_lie_on_each_other() -> None:
    boards = [json.loads(board.read_text()) for board in BOARDS]
    assert len({board["uid"] for board in boards}) == len({board["title"] for board in boards}) == len(boards) == 2
    for board in boards:
        squares = [
            (x, y)
            for at in (panel["gridPos"] for panel in board["panels"])
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        ]
        assert len(set(squares)) == len(squares) and max(x for x, _ in squares) < 24
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_every_metric_of_the_watch_is_a_row_of_the_page(exposed: dict[str, set[str]]) -> None:
    page = (REPOSITORY / "docs" / "deploy.md").read_text()
    rows = {name for line in re.findall(r"^\| (`nightloop_.+?) \|", page, re.M) for name in re.findall(r"`(\w+)`", line)}
    assert rows == exposed.keys() - of_the_service().keys() - NOT_OURS.keys()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool (Debian: package prometheus)")
@pytest.mark.parametrize("words", [("check", "rules", "alerts.yml"), ("test", "rules", "{here}/alerts_test.yml")])
def test_promtool_finds_the_rules_right_and_firing_when_they_are_to(words: tuple[str, ...], tmp_path: Path) -> None:
    here = Path(__file__).parent
    done = subprocess.run(
        ["promtool", *(word.format(here=here) for word in words)], cwd=PROMETHEUS, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
