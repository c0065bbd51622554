"""What pages say of files, names, commands, settings, DAGs, libraries and limits is so; and what there is, is on a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from nightloop.settings import REPOSITORY, Settings
from tests.house import claims
from tests.house.claims import CHECKS, LIBRARIES

DOCS = REPOSITORY / "docs"
PAGES = sorted(DOCS.rglob("*.md")) + [
    REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
]
ARCHITECTURE = (DOCS / "architecture.md").read_text(encoding="utf-8")
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
TEXTS = {str(page.relative_to(REPOSITORY)): page.read_text(encoding="utf-8") for page in PAGES}
OF_A_TIME = {
    "words",
    "options",
    "classes",
    "paths",
}  # a decision speaks of its day, and of other libraries' names; so does the changelog
GENERATED = {"words"}  # a use case's page: rules of its suites, shortened; `python -m jobs docs --check` holds it


def checked(page: str) -> list[str]:
    """Return the kinds of claim that a page is held to."""
    exempt = (
        OF_A_TIME if page.startswith("docs/decisions/") else {*OF_A_TIME, "names", "calls"} if page == "CHANGELOG.md" else set()
    )
    exempt = exempt | (GENERATED if page.startswith("docs/use_cases/") else set())
    return [kind for kind in CHECKS if kind not in exempt]


@pytest.mark.parametrize("page", TEXTS)
def test_everything_a_page_names_is_there(page: str) -> None:
    false = {kind: names for kind in checked(page) if (names := list(CHECKS[kind](TEXTS[page])))}
    assert false == {}


@pytest.mark.parametrize("page", PAGES, ids=list(TEXTS))
def test_every_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    assert claims.broken_links(page) == []


FALSE = [
    ("paths", "See `nightloop/lake.py`.", "nightloop/lake.py"),
    ("paths", "In `told.py` stands readiness.", "told.py"),
    ("paths", "The folder `deploy/nomad/` has charts.", "deploy/nomad/"),
    ("home paths", "Kept in `HOME/nowhere/x`.", "HOME/nowhere"),
    ("names", "Call `nightloop.lake.vacuum`.", "nightloop.lake.vacuum"),
    ("names", "```python\nfrom nightloop.ledger import Leger\n```\n", "nightloop.ledger.Leger"),
    ("calls", "| `lake.vacuum(table)` | removes |", "lake.vacuum(table)"),
    ("calls", "| `lake.publish(table, evening, data, commit)` |", "lake.publish(table, evening, data, commit)"),
    ("calls", "`ledger.record(kind, use_case, twice=True)`", "ledger.record(kind, use_case, twice=True)"),
    ("classes", "Else `NotReadyYet` is raised.", "NotReadyYet"),
    ("words", "The key `over_the_moon` is a limit.", "over_the_moon"),
    ("settings", "Set `NIGHTLOOP_HOUSE` to a folder.", "NIGHTLOOP_HOUSE"),
    ("commands", "`python -m jobs scores flight_delay 2013-04-01`", "scores flight_delay 2013-04-01"),
    ("commands", "`python -m jobs score flight_delay 2013-04-01 --loud`", "score flight_delay 2013-04-01 --loud"),
    ("commands", "`python -m jobs score flight_delay 2013-04-31`", "score flight_delay 2013-04-31"),
    ("modules run", "`python -m nightloop.definitions.schema`", "nightloop.definitions.schema"),
    ("options", "With `--with-pleasure` it is nicer.", "--with-pleasure"),
    ("targets", "`make audit` does it.", "make audit"),
    ("targets", "```console\n$ make coffee\n```\n", "make coffee"),
    ("dags", "The DAG `<uc>.audit` runs weekly.", "<uc>.audit"),
    ("dags", "The DAG `flight_delay.retire` too.", "flight_delay.retire"),
    ("exit codes", "It ends with exit code 42.", "exit code 42"),
    ("exit codes", "`NotReady`, exit code 75: try again.", "NotReady, exit code 75"),
    ("libraries", "Plots by SHAP.", "SHAP"),
    ("libraries", "Messages come by Celery.", "Celery"),
    ("decisions", "See decision 0999.", "decision 0999"),
]


@pytest.mark.parametrize(("kind", "text", "claim"), FALSE)
def test_a_false_claim_of_each_kind_is_noticed(kind: str, text: str, claim: str) -> None:
    assert claim in list(CHECKS[kind](text))


def test_every_kind_of_claim_has_been_seen_false() -> None:
    assert {kind for kind, _, _ in FALSE} == set(CHECKS)


def test_a_broken_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n[there](page.md#a-page) [gone](gone.md) [no heading](#nowhere) [web](https://example.com)\n")
    assert claims.broken_links(page) == ["gone.md", "#nowhere"]


def test_what_does_not_exist_may_be_named_where_it_is_said_to_be_missing() -> None:
    assert list(CHECKS["libraries"]("## Not yet\nPlots by SHAP.\n\n## After\nBy MLflow.\n")) == []
    assert list(CHECKS["libraries"]("## Not yet\nNothing.\n\n## After\nBy SHAP.\n")) == ["SHAP"]


def test_placeholders_for_a_reader_to_fill_in_are_no_claims() -> None:
    text = "`great_expectations/<use case>/<source>.yaml`, `feature_defs/churn.yaml`, `data/orders/{night}/*.csv.gz`"
    assert list(CHECKS["paths"](text)) == []


def test_code_of_a_page_is_what_stands_in_backticks_fences_and_indented_lines() -> None:
    text = "Run `one`.\n\n    two\n\n```console\n$ three \\\n  four\n```\nfive\n"
    assert claims.spans(text) == ["one"]
    assert [line.split() for line in claims.code(text).splitlines() if line] == [["one"], ["$", "three", "four"], ["two"]]


# --- the other way round: what there is, is on a page -----------------------------------------------------------------


@pytest.mark.parametrize("command", claims.subcommands())
def test_every_command_is_on_a_page(command: str) -> None:
    assert any(
        re.search(rf"(?:python -m jobs|nightloop) {command}\b", text) or f"`{command}`" in text for text in TEXTS.values()
    )


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_a_row_of_the_page_of_settings(name: str) -> None:
    assert f"\n| `NIGHTLOOP_{name.upper()}` | " in TEXTS["docs/settings.md"]


@pytest.mark.parametrize("target", sorted(claims.make_targets() - {"setup", "setup-tests"}))
def test_every_make_target_is_told_to_those_who_use_or_change_the_project(target: str) -> None:
    said = "\n".join(claims.code(TEXTS[page]) for page in ("README.md", "CONTRIBUTING.md"))
    assert re.search(rf"\bmake {target}\b", said)


@pytest.mark.parametrize("family", sorted(claims.dag_families()))
def test_every_dag_family_has_its_row_in_every_table_of_dags(family: str) -> None:
    assert re.search(rf"^\| `(<uc>|<use case>|nightloop)\.{family}` \|", TEXTS["docs/airflow.md"], re.M)
    assert re.search(rf"^\| `(flight_delay|nightloop)\.{family}` \|", README, re.M)
    assert re.search(rf"^(<uc>|nightloop)\.{family}\b", ARCHITECTURE, re.M)


def test_every_topic_is_linked_from_the_readme_or_from_a_page_that_is() -> None:
    reached, fresh = set[Path](), {REPOSITORY / "README.md"}
    while fresh:
        page = fresh.pop()
        reached.add(page)
        links = re.findall(r"\]\((?!http)([^)#\s]+\.md)", page.read_text(encoding="utf-8"))
        fresh |= {(page.parent / link).resolve() for link in links} - reached
    assert [page for page in DOCS.glob("*.md") if page not in reached] == []


# --- the house as architecture.md draws it ----------------------------------------------------------------------------


def drawn_house() -> list[str]:
    """Return the folders of the drawing, with the folder they stand in."""
    (block,) = re.findall(r"^## The house\n```\n(.*?)^```", ARCHITECTURE, re.M | re.S)
    folders, top = [], ""
    for indent, name in re.findall(r"^( *)(\w+)/ ", block, re.M):
        top = top if indent else name
        folders.append(f"{top}/{name}" if indent else name)
    return folders


def test_the_drawing_has_every_folder_of_the_house_and_no_other() -> None:
    top = {path.split("/")[0] for path in claims.tracked() if "/" in path and not path.startswith(".")}
    rooms = {"/".join(path.split("/")[:2]) for path in claims.tracked() if re.match(r"(nightloop|jobs)/\w+/", path)}
    assert sorted(drawn_house()) == sorted(top | rooms)


def test_what_stands_loose_in_the_library_is_named() -> None:
    loose = {path.name for path in (REPOSITORY / "nightloop").glob("*.py")} - {"__init__.py"}
    (sentence,) = re.findall(r"^Beside the rooms.*?\.$", ARCHITECTURE, re.M | re.S)
    assert set(re.findall(r"`(\w+\.py)`", sentence)) == loose


def test_every_library_that_we_ask_for_by_its_main_name_is_one_whose_name_is_checked() -> None:
    table = ARCHITECTURE.partition("## The parts")[2].partition("\n## ")[0]
    named = {name for name in LIBRARIES if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", table)}
    assert {"Airflow", "Spark", "DuckDB", "XGBoost", "MLflow", "DVC", "Fairlearn", "Evidently", "FastAPI", "Jinja2"} <= named


MOVES = re.findall(r"^\| `([\w.]+)` \| `([\w.]+)` \|$", TEXTS["CHANGELOG.md"], re.M)


@pytest.mark.parametrize(("old", "new"), MOVES)
def test_a_module_that_moved_is_where_the_changelog_says_and_no_longer_where_it_was(old: str, new: str) -> None:
    modules = {path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in claims.tracked()}
    assert new in modules
    assert old not in modules


def test_every_name_that_the_changelog_says_moved_is_a_name_today() -> None:
    (line,) = re.findall(r"^- Names that moved with them: (.*?)(?=^- )", TEXTS["CHANGELOG.md"], re.M | re.S)
    pairs = re.findall(r"`(\w+)`(?: is| of [\w ]+)? `(\w+)`", line)
    assert len(pairs) > 8
    assert [name for _, name in pairs if not re.search(rf"\b(class|def) {name}\b|^{name} =", claims.source_text(), re.M)] == []


# --- limits and figures that pages repeat -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(claims.use_cases()))
def test_the_page_of_the_gates_says_what_the_shipped_limits_prove(name: str) -> None:
    gates = yaml.safe_load((REPOSITORY / "feature_defs" / f"{name}.yaml").read_text(encoding="utf-8"))["gates"]
    (row,) = re.findall(rf"^\| {name} \| .*$", TEXTS["docs/gates.md"], re.M)
    _, guessing, baseline, champion, fairness = [cell.strip() for cell in row.strip("|").split("|")]
    assert float(baseline.split()[0]) == -gates["performance"]["over_baseline"]
    assert float(champion.split()[0]) == gates["performance"]["margin_to_champion"]
    assert float(fairness.split()[0]) == gates["fairness"]["maximum"]
    assert f"`{gates['fairness']['group']}`" in fairness
    assert gates["performance"]["metric"].upper() in champion
    assert ("AUC" in guessing) == (gates["performance"]["metric"] == "auc")


@pytest.mark.parametrize("file", ["Makefile", "docker-compose.yml", "deploy/setup.sh"])
def test_what_scripts_run_is_there(file: str) -> None:
    assert list(CHECKS["modules run"](re.sub(r"\$\(PYTHON_ENV\)", "python", (REPOSITORY / file).read_text()))) == []
