"""A champion whose capacity decides on whole nights: the service, which sees none, takes the newest scored threshold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from jobs import score
from nightloop.nights import one
from tests.fixtures_models import with_capacity
from tests.serving.clinic import NIGHTS, Clinic, promote
from tests.serving.conftest import ready, wait_for
from tests.serving.test_predictions import URL


def test_the_service_takes_the_threshold_of_the_newest_scored_night_and_says_so(clinic: Clinic, tmp_path: Path) -> None:
    limited = replace(clinic, use_case=with_capacity(clinic.use_case, 12))
    promote(clinic.workspace, limited.use_case, NIGHTS.last, tmp_path / "bundle-2", seed=2)
    row, rows = limited.rows(NIGHTS.last)[0], limited.rows(NIGHTS.last)
    with ready(limited) as client:
        before = client.post(URL, json=row).json()
        assert (before["threshold_night"], before["threshold"]) == (None, 0.5), "no night was scored by this version"
        assert before["decision"] == (before["probability"] >= 0.5)
        score.run(limited.use_case, one(NIGHTS.last), clinic.workspace)
        wait_for(lambda: client.post(URL, json=row).json()["threshold_night"] == str(NIGHTS.last))
        answers = client.post(URL, json={"rows": rows}).json()["predictions"]
        described = client.get("/openapi.json").json()["components"]["schemas"]
    scores = limited.scores(NIGHTS.last)
    assert sum(row["decision"] for row in scores.values()) == 12
    assert {answer["key"]["visit_id"]: answer["decision"] for answer in answers} == {
        key: row["decision"] for key, row in scores.items()
    }
    assert answers[0]["threshold"] == min(row["probability"] for row in scores.values() if row["decision"])
    assert "threshold_night" in described["ClinicVisitsAnswer"]["properties"]
