"""Figures that a page repeats from the code are the code's."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from typing import Any

import pytest

from nightloop.definitions.connectors import FilesConnector
from nightloop.engine.ports import Ports
from nightloop.errors import NotReady, SourceDamaged, SourceUnavailable
from nightloop.settings import REPOSITORY, Settings

IN_WORDS = {3: "three", 5: "five", 8: "eight", 9: "nine", 10: "ten", 12: "twelve"}


def constant(path: str, name: str) -> Any:
    """Return a constant of a module from its text: importing it may need Airflow."""
    for node in ast.parse((REPOSITORY / path).read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return eval(ast.unparse(node.value), {"timedelta": timedelta})  # type: ignore[union-attr]
    raise AssertionError(f"{path} has no {name}")


def option(name: str) -> Any:
    """Return the default of an option of the service."""
    text = (REPOSITORY / "serving" / "__main__.py").read_text(encoding="utf-8")
    match = re.search(rf'"{name}".*?default=([\d_.]+)', text, re.S)
    assert match
    return float(match[1])


def connector_default(field: str) -> int:
    """Return the default of a key of the connector files."""
    return int(FilesConnector.model_fields[field].default)


def page(name: str) -> str:
    """Return a page on one line."""
    return " ".join((REPOSITORY / "docs" / f"{name}.md").read_text(encoding="utf-8").split())


RETRIES, HISTORY, SUITES = "plugins/retries.py", "nightloop/contracts/history_limits.py", "nightloop/contracts/suite_checks.py"
SPANS = constant(SUITES, "SPANS")
RECENT, WEEKDAYS = SPANS["rows_against_recent_nights"], SPANS["rows_against_same_weekdays"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("airflow", f"after {constant(RETRIES, 'WAIT').seconds} s, up to {constant(RETRIES, 'PATIENCE')} times"),
        ("airflow", f"anything unforeseen gets {IN_WORDS[constant(RETRIES, 'UNKNOWN_TRIES')]} tries"),
        ("lake", f"tried again on the new version, {constant('nightloop/lake/log.py', 'ATTEMPTS')} times at most"),
        ("lake", f"`NIGHTLOOP_RETENTION_DAYS` ({Settings.model_fields['retention_days'].default}) after"),
        ("service", f"at most `--max-rows` rows ({option('--max-rows'):,.0f})"),
        ("service", f"`--max-bytes` bytes ({option('--max-bytes'):,.0f})"),
        ("service", f"Every `--poll-seconds` ({option('--poll-seconds'):.0f})"),
        ("service", f"http://127.0.0.1:{option('--port'):.0f}"),
        ("service", f"({constant('serving/access/listening.py', 'SHORTEST_TOKEN')} characters or more)"),
        ("contracts", f"rows_against_recent_nights: [{RECENT[0]:g}, {RECENT[1]:g}] # the default"),
        ("contracts", f"rows_against_same_weekdays: [{WEEKDAYS[0]:g}, {WEEKDAYS[1]:g}] # the default"),
        ("contracts", f"same weekdays among the {constant(HISTORY, 'RECENT_NIGHTS')} nights before"),
        ("contracts", f"where fewer than {IN_WORDS[constant(HISTORY, 'ENOUGH')]} are published"),
        (
            "contracts",
            f"newest {IN_WORDS[constant(HISTORY, 'WEEKDAYS')]} nights of the same weekday in "
            f"{IN_WORDS[constant(HISTORY, 'WEEKS')]} weeks; at least {IN_WORDS[constant(HISTORY, 'ENOUGH')]}",
        ),
        ("contracts", f"before; at least {constant(HISTORY, 'ENOUGH_TO_COMPARE')}"),
        ("contracts", f"(texts of at most {constant(HISTORY, 'MOST_VALUES')})"),
        ("contracts", f"(a key of the rule's `meta`, default {constant(HISTORY, 'TOLERANCE'):g})"),
        ("contracts", ", ".join(f"{p * 100:.0f}" for p in constant(HISTORY, "PROBABILITIES")[:-1]) + " and 95 % quantiles"),
        ("gates", f"fewer than {IN_WORDS[constant('nightloop/evidence/evaluation.py', 'MINIMUM_NIGHTS')]} nights"),
        ("gates", f"over {IN_WORDS[constant('nightloop/evidence/metrics.py', 'BINS')]} bins of equal count"),
        ("gates", f"the lower end of the {constant('nightloop/evidence/intervals.py', 'CONFIDENCE') * 100:.0f} % interval"),
        ("monitoring", f"fewer than {constant('nightloop/evidence/drift.py', 'MINIMUM_NIGHTS')} reference nights"),
        ("monitoring", f"`2 * max({constant('nightloop/evidence/drift.py', 'ALPHA') * 100:.0f} %, 1 / (nights + 1))"),
        ("engines", f"bytes of input files ({Settings.model_fields['local_up_to'].default / 2**30:.0f} GiB)"),
        ("engines", f"needs Java {constant('nightloop/engine/spark_server.py', 'OLDEST_JAVA')} or newer"),
        ("ingest", f"`maximum_bytes` ({connector_default('maximum_bytes') / 2**30:.0f} GiB)"),
        ("ingest", f"`maximum_cell_bytes` ({connector_default('maximum_cell_bytes') / 2**20:.0f} MiB)"),
        ("simulator", f"`scale: 1` | {constant('nightloop/sources/simulator/world.py', 'LOANS_A_NIGHT'):,} loans a night"),
    ],
)
def test_a_sentence_has_the_figure_that_the_code_has(name: str, sentence: str) -> None:
    assert sentence in page(name)


@pytest.mark.parametrize("name", [name for name, field in Settings.model_fields.items() if field.default not in ("", None)])
def test_the_page_of_settings_tells_the_default(name: str) -> None:
    (default,) = re.findall(rf"\| `NIGHTLOOP_{name.upper()}` \| `([^`]+)`", page("settings"))
    value = Settings.model_fields[name].default
    assert default in (str(value), getattr(value, "name", ""))


def test_the_page_of_settings_tells_the_ports() -> None:
    ports = Ports()
    text = f"Airflow {ports.airflow}, MLflow {ports.mlflow}, service {ports.service}, Spark {ports.spark}."
    assert text in page("settings")


def test_the_pages_of_the_command_line_tell_every_exit_code_of_the_errors() -> None:
    assert f"`SourceDamaged`, exit code {SourceDamaged.exit_code}" in page("ingest")
    assert f"`SourceUnavailable`, exit code {SourceUnavailable.exit_code}" in page("ingest")
    assert f"`NotReady`, exit code {NotReady.exit_code}" in page("ingest")
