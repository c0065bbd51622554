"""Values that look like code, markup or paths are values, from the file to the service: on both engines, in every stage."""

from __future__ import annotations

import csv
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from jobs import features, ingest, monitor, report, score, train
from nightloop.definitions import load_use_case
from nightloop.nights import Nights, one
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from serving.app import Options, create_app
from tests.serving.conftest import running, wait_for
from tests.system import parcels
from tests.system.parcels import AS_OF, NIGHTS

NAME = parcels.QUESTIONS["binary"].name
LAST = NIGHTS.last
SCORED = Nights(AS_OF, LAST)
FEW = Nights(LAST - timedelta(days=1), LAST)
DEPOTS = {
    "nord": "'; drop table raw_parcels; -- <script>alert(1)</script>",
    "süd": 'süd "x"\r\n| %7C {night} $1 ${HOME} \\ ../../etc/passwd\u202e🦆',
}
ENDS = (
    "' or '1'='1",
    '"; delete from parcels; --',
    "|",
    "%",
    "\\",
    "\n",
    "%s",
    "../..",
    "=1+1",
    "\u202e",
    "🦆",
    "{{7*7}}",
    "\t",
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Parcels whose numbers and depots are hostile, taken through the loop up to a watched night."""
    folder = tmp_path_factory.mktemp("hostile")
    parcels.write_all(folder)
    for name in ("parcels", "deliveries", "depots"):
        _spoil(folder / "data" / f"{name}.csv")
    named = {"definitions": folder / "feature_defs", "contracts": folder / "great_expectations"}
    made = Workspace.open(load_settings(home=folder / "home", engine="local", **named))
    use_case = load_use_case(NAME, made.settings.definitions)
    for stage in (ingest, features):
        stage.run(use_case, NIGHTS, made)
    train.run(use_case, AS_OF, made)
    for stage in (score, monitor):
        stage.run(use_case, SCORED, made)
    return made


def _spoil(file: Path) -> None:
    with file.open(encoding="utf-8", newline="") as read:
        rows = list(csv.DictReader(read))
    for row in rows:
        row["depot"] = DEPOTS[row["depot"]]
        if "parcel" in row:
            row["parcel"] = hostile(row["parcel"])
    with file.open("w", encoding="utf-8", newline="") as write:
        writer = csv.DictWriter(write, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def hostile(parcel: str) -> str:
    return parcel + ENDS[int(parcel.split("/")[1]) % len(ENDS)]


def keys(workspace: Workspace, table: str, nights: Nights) -> set[str]:
    return set(workspace.lake.read(f"{NAME}/{table}", nights, ["parcel"]).column(0).to_pylist())


def test_every_hostile_key_arrives_whole_in_every_table(workspace: Workspace) -> None:
    wanted = {hostile(f"{LAST}/{number}") for number in range(parcels.PARCELS)}
    for table in ("raw_parcels", "features", "scores"):
        assert keys(workspace, table, one(LAST)) == wanted
    depots = workspace.lake.read(f"{NAME}/raw_parcels", one(LAST), ["depot"]).column(0).to_pylist()
    assert set(depots) == set(DEPOTS.values())
    assert workspace.lake.read(f"{NAME}/quarantine").num_rows == 0
    matured = workspace.lake.read(f"{NAME}/labels", one(LAST)).to_pylist()
    assert {row["parcel"] for row in matured} <= keys(workspace, "raw_parcels", NIGHTS) and len(matured) > 20


def test_a_hostile_key_finds_its_aggregates(workspace: Workspace) -> None:
    for row in workspace.lake.read(f"{NAME}/features", one(LAST)).to_pylist():
        assert row["depot_belts"] in (4, 7) and row["depot_parcels"] > 1


def test_spark_reads_the_same_values(workspace: Workspace, tmp_path: Path, spark_url: str) -> None:
    shutil.copytree(workspace.settings.home, tmp_path / "home", symlinks=True)
    shutil.rmtree(tmp_path / "home" / "lake" / NAME / "features")
    shutil.rmtree(tmp_path / "home" / "lake" / NAME / "aggregates")
    named = {"definitions": workspace.settings.definitions, "contracts": workspace.settings.contracts}
    on_spark = Workspace.open(load_settings(home=tmp_path / "home", engine="spark", spark_url=spark_url, **named))
    features.run(load_use_case(NAME, workspace.settings.definitions), FEW, on_spark)
    for table in features.STEPS:
        found, wanted = (stores.lake.states(f"{NAME}/{table}") for stores in (on_spark, workspace))
        assert [found[night].content_digest for night in FEW] == [wanted[night].content_digest for night in FEW], table


def test_the_service_answers_hostile_rows_as_the_batch_did(workspace: Workspace) -> None:
    use_case = load_use_case(NAME, workspace.settings.definitions)
    raw = workspace.lake.read(f"{NAME}/raw_parcels", one(LAST)).select(list(use_case.sources["parcels"].columns)).to_pylist()
    stored = {row["parcel"]: row["probability"] for row in workspace.lake.read(f"{NAME}/scores", one(LAST)).to_pylist()}
    with running(create_app(workspace, [use_case], Options())) as client:
        wait_for(lambda: client.get("/readyz").status_code == 200)
        answers = client.post(f"/v1/{NAME}/predict", json={"rows": raw}).json()["predictions"]
    assert {answer["key"]["parcel"]: answer["probability"] for answer in answers} == stored


def test_the_page_of_the_week_shows_a_hostile_group_as_text(workspace: Workspace) -> None:
    use_case = load_use_case(NAME, workspace.settings.definitions)
    page = Path(str(report.run(use_case, one(LAST), workspace)[-1].details["page"])).read_text(encoding="utf-8")
    assert "drop table raw_parcels" in page
    assert "<script>alert(1)" not in page and "&lt;script&gt;alert(1)" in page
