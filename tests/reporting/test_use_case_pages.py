"""The page of a use case is as its definition: up to date, complete, and safe from what a text holds."""

from __future__ import annotations

import pytest

from jobs.commands import docs
from jobs.commands.command_line import main
from jobs.commands.docs import FOLDER, pages
from nightloop.contracts import load_contract
from nightloop.definitions import load_use_case, use_case_names
from nightloop.definitions.loading import parse_use_case
from nightloop.reporting.use_case_page import use_case_page
from nightloop.settings import REPOSITORY
from nightloop.sources import raw_schema
from tests.definitions.mistakes import RIGHT, SUITES

DEFINITIONS, CONTRACTS = REPOSITORY / "feature_defs", REPOSITORY / "great_expectations"
NAMES = use_case_names(DEFINITIONS)


@pytest.mark.parametrize("name", NAMES)
def test_the_pages_of_the_repository_are_up_to_date(name):
    for file, text in pages(name, DEFINITIONS, CONTRACTS).items():
        assert (FOLDER / file).read_text(encoding="utf-8") == text, f"run: python -m jobs docs {name}"


def test_no_page_is_of_a_use_case_that_is_gone():
    assert {path.stem for path in FOLDER.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_names_every_source_column_feature_and_rule(name):
    page = pages(name, DEFINITIONS, CONTRACTS)[f"{name}.md"]
    use_case = load_use_case(name, DEFINITIONS)
    for feature in use_case.features:
        assert f"\n| `{feature}` | " in page
    for source, declared in use_case.sources.items():
        assert f"\n### {source}\n" in page
        for column in declared.columns:
            assert f"\n| `{column}` | " in page
        for rule in load_contract(CONTRACTS, use_case.contracts_of, source, raw_schema(declared).names).rules:
            assert f" | `{rule.name}` |" in page


@pytest.fixture
def page_of(tmp_path):
    """Return the page of a text of the use case rides, whose contracts are the right ones."""
    (tmp_path / "rides").mkdir()
    for name, suite in SUITES.items():
        (tmp_path / "rides" / f"{name}.yaml").write_text(suite, encoding="utf-8")

    def page(text: str) -> str:
        use_case = parse_use_case(text, "feature_defs/rides.yaml", "rides")
        columns = {name: raw_schema(source).names for name, source in use_case.sources.items()}
        return use_case_page(use_case, {name: load_contract(tmp_path, "rides", name, columns[name]) for name in columns})

    return page


def test_every_row_of_a_table_has_as_many_cells_as_its_head():
    for name in NAMES:
        cells = None
        for line in pages(name, DEFINITIONS, CONTRACTS)[f"{name}.md"].splitlines():
            found = line.replace("\\|", "").count("|") if line.startswith("|") else None
            assert found is None or cells is None or found == cells, line
            cells = found


def test_what_a_description_holds_breaks_no_table_and_is_no_html(page_of):
    text = RIGHT.replace("description: Rides out of the zone on the night.", "description: 'a | b <img src=x> *c* `d`'")
    page = page_of(text)
    assert "a \\| b &lt;img src=x> \\*c\\* \\`d\\`" in page
    assert "<img" not in page


def test_every_kind_of_feature_says_what_it_is_made_from(page_of):
    page = page_of(RIGHT)
    for said in (
        "`zone`, `shared` in 32 buckets",
        "rows of the night with the same `zone`",
        "`distance`, 7 nights before",
        "`rain` of `weather` by `zone`, newest by `hour`",
        "`cancelled` of `outcomes` by `zone`, smoothed by 20",
        "records of `outcomes` by `rider_id`",
        "`fare` of `outcomes` by `rider_id`, short over long",
        "| 7 / 28 |",
        "| is 5 |",
        "withdrawn where `deleted = 'yes'`",
        "| warns | 0.1 &lt;= area &lt;= 900. | `values_to_be_between(area)` |",
    ):
        assert said in page


def test_the_command_writes_once_and_tells_what_is_out_of_date(tmp_path, capsys):
    assert main(["docs", "flight_delay", "--to", str(tmp_path), "--check"]) == 3
    assert "out of date" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main(["docs", "flight_delay", "--to", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"flight_delay.md"}
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert main(["docs", "flight_delay", "--to", str(tmp_path), "--check"]) == 0
    assert docs.write("flight_delay", to=str(tmp_path)) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
