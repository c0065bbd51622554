"""A row that a night's contract would set aside gets no answer online, but the rule's words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from nightloop.definitions.use_case import Serving
from nightloop.nights import one
from nightloop.settings import load_settings
from serving import model_snapshot
from serving.decisions import explained
from tests.serving.clinic import NIGHTS, Clinic
from tests.serving.conftest import ready

URL = "/v1/clinic_visits/predict"
CONTRACT = """\
name: visits
meta: {description: What must hold of visits.}
expectations:
  - type: expect_column_values_to_be_between
    kwargs: {column: planned_hour, min_value: 7, max_value: 18}
    meta: {on_breach: quarantine, description: Clinics open from seven to six.}
  - type: expect_column_values_to_be_in_set
    kwargs: {column: patient, value_set: {$PARAMETER: referred_values}}
    meta: {on_breach: quarantine, refers_to: {source: patients, column: patient}, description: Each patient is in the register.}
  - type: expect_column_values_to_be_between
    kwargs: {column: price, min_value: 0, max_value: 1000}
    meta: {on_breach: warn, description: Prices are usual ones.}
"""


@pytest.fixture(scope="module")
def strict(published_clinic: Clinic, tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    """The clinic with a contract for its visits."""
    contracts: Path = tmp_path_factory.mktemp("contracts")
    (contracts / "clinic_visits").mkdir()
    (contracts / "clinic_visits" / "visits.yaml").write_text(CONTRACT)
    settings = published_clinic.settings
    return Clinic(
        load_settings(home=settings.home, engine="local", definitions=settings.definitions, contracts=contracts),
        published_clinic.use_case,
    )


@pytest.fixture(scope="module")
def client(strict: Clinic) -> Iterator[httpx.Client]:
    with ready(strict) as running:
        yield running


@pytest.fixture
def row(strict: Clinic) -> dict[str, Any]:
    return strict.rows(NIGHTS.last)[0] | {"planned_hour": 9, "patient": "p1"}


def test_a_row_within_the_contract_is_answered(client: httpx.Client, row: dict[str, Any]) -> None:
    for good in (row, row | {"planned_hour": 7}, row | {"planned_hour": 18}, row | {"patient": None}, row | {"price": 5000.0}):
        assert client.post(URL, json=good).status_code == 200


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        ({"planned_hour": 6}, ("planned_hour", "Clinics open from seven to six.", "6")),
        ({"planned_hour": 19}, ("planned_hour", "Clinics open from seven to six.", "19")),
        ({"patient": "p99"}, ("patient", "Each patient is in the register.", "'p99'")),
    ],
)
def test_a_row_that_would_be_set_aside_is_refused_in_the_words_of_the_rule(
    client: httpx.Client, row: dict[str, Any], change: dict[str, Any], mistake: tuple[str, str, str]
) -> None:
    answer = client.post(URL, json=row | change)
    assert answer.status_code == 422
    assert answer.json()["what"] == "1 row breaks the contract of source 'visits'."
    assert answer.json()["mistakes"] == [dict(zip(("where", "what", "read"), mistake, strict=True))]


def test_of_several_rows_each_that_breaks_a_rule_is_named_by_its_place(client: httpx.Client, row: dict[str, Any]) -> None:
    rows = [row, row | {"planned_hour": 3, "patient": "p99"}, row, row | {"patient": "p98"}]
    refusal = client.post(URL, json={"rows": rows}).json()
    assert refusal["what"] == "2 rows break the contract of source 'visits'."
    assert [item["where"] for item in refusal["mistakes"]] == ["rows.1.planned_hour", "rows.1.patient", "rows.3.patient"]


def test_the_rules_are_those_of_the_night_that_answers(strict: Clinic, tmp_path: Path) -> None:
    workspace = strict.workspace
    found = model_snapshot.find(workspace, strict.use_case, NIGHTS.last)
    _, register = model_snapshot.load(workspace, strict.use_case, found).rules
    held = workspace.lake.read("clinic_visits/raw_patients", one(NIGHTS.last))["patient"].to_pylist()
    assert all(not register.breaks({"patient": patient}) for patient in held)
    assert register.breaks({"patient": "p26"}) and pa.array(held).null_count == 0


def test_the_example_of_openapi_is_within_the_sets_and_limits_of_the_contract(
    client: httpx.Client, row: dict[str, Any]
) -> None:
    example = client.get("/openapi.json").json()["components"]["schemas"]["ClinicVisitsRow"]["example"]
    assert (example["planned_hour"], example["price"]) == (7, 0)
    assert client.post(URL, json=example | {"patient": row["patient"]}).status_code == 200


def test_where_the_use_case_says_so_such_a_row_is_answered_with_a_warning(strict: Clinic, row: dict[str, Any]) -> None:
    serving = Serving(broken_contract="warn")
    warned = Clinic(strict.settings, strict.use_case.model_copy(update={"serving": serving}))
    with ready(warned, audit="refuse") as client:
        first = client.post(URL, json={"rows": [row, row | {"planned_hour": 6}]})
        answers = first.json()["predictions"]
        schemas = client.get("/openapi.json").json()["components"]["schemas"]
    words = {"where": "planned_hour", "what": "Clinics open from seven to six.", "read": "6"}
    assert [answer["warnings"] for answer in answers] == [[], [words]]
    assert "warnings" in schemas["ClinicVisitsAnswer"]["required"] and "rung" not in answers[0]
    line = explained(warned.workspace, warned.use_case, first.headers["x-decision-id"])
    assert line["answers"] == answers and line["is_rebuilt_to_the_last_bit"]
