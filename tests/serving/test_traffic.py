"""A divided night: the service answers each entity from the version that scores it in the batch, and records the arm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs import score
from nightloop.nights import one
from nightloop.promotion import traffic
from nightloop.promotion.reversal import record_roll_back
from serving.decisions import explained
from tests.serving.clinic import NIGHTS, SCORED, Clinic, promote
from tests.serving.conftest import ready, wait_for
from tests.serving.test_audit import lines
from tests.serving.test_predictions import URL, as_score
from tests.serving.test_protocols import tensors


@pytest.fixture
def tried(clinic: Clinic, tmp_path: Path) -> Clinic:
    """Version 2 was promoted and rolled back to 1, before the newest night is scored."""
    promote(clinic.workspace, clinic.use_case, SCORED.last, tmp_path / "bundle-2", seed=2)
    record_roll_back(clinic.workspace.ledger, "clinic_visits", 1, by="Ada", reason="2 is tried first.")
    return clinic


def test_service_and_batch_answer_every_entity_from_the_same_version_without_a_restart(tried: Clinic) -> None:
    rows, ledger = tried.rows(NIGHTS.last), tried.workspace.ledger
    with ready(tried, audit="refuse") as client:
        assert {answer["model_version"] for answer in client.post(URL, json={"rows": rows}).json()["predictions"]} == {1}
        traffic.split(ledger, "clinic_visits", 2, percent=30, by="Ada")

        def together() -> list[dict[str, object]]:
            return client.post(URL, json={"rows": rows}).json()["predictions"]

        wait_for(lambda: {answer["model_version"] for answer in together()} == {1, 2})
        answers = together()
        assert [client.post(URL, json=row).json() for row in rows] == answers, "alone as among others"
        inferred = client.post("/v2/models/clinic_visits/infer", json={"inputs": tensors(rows)}).json()
        assert set(inferred["model_version"].split(", ")) == {"1", "2"}, "whoever asks in another format is told as well"
        score.run(tried.use_case, one(NIGHTS.last), tried.workspace)
        scores = tried.scores(NIGHTS.last)
        arms = {key: row.pop("arm") for key, row in scores.items()}
        assert {answer["key"]["visit_id"]: as_score(answer) for answer in answers} == scores
        assert {(arms[key], row["model_version"]) for key, row in scores.items()} == {("champion", 1), ("canary", 2)}
        ids = client.post(URL, json={"rows": rows}).headers["x-decision-id"].split(", ")
        traffic.end(ledger, "clinic_visits", by="Ada")
        assert {answer["model_version"] for answer in together()} == {1, 2}, "the night is scored, and stays as it is"
    decisions = [explained(tried.workspace, tried.use_case, decision) for decision in ids]
    assert [(of["arm"], of["model_version"], of["is_rebuilt_to_the_last_bit"]) for of in decisions] == [
        ("champion", 1, True), ("canary", 2, True),
    ]  # fmt: skip
    assert {row["visit_id"]: of["arm"] for of in decisions for row in of["rows"]} == arms


def test_an_audit_without_a_split_names_no_arm(tried: Clinic) -> None:
    with ready(tried, audit="refuse") as client:
        client.post(URL, json=tried.rows(NIGHTS.last)[0])
    (file,) = (tried.settings.home / "audit").rglob("*.jsonl")
    assert json.loads(file.read_bytes())["arm"] is None


def test_a_shadow_answers_the_same_rows_and_nobody_but_the_audit_sees_it(tried: Clinic) -> None:
    rows, ledger = tried.rows(NIGHTS.last), tried.workspace.ledger
    with ready(tried, audit="refuse", audit_milliseconds=1) as client:
        before = client.post(URL, json={"rows": rows})
        traffic.split(ledger, "clinic_visits", 2, percent=60, by="Ada", arm="shadow")

        def recorded() -> float:
            text = client.get("/metrics").text
            return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("nightloop_shadow_rows_total{"))

        wait_for(lambda: client.post(URL, json={"rows": rows}).status_code == 200 and recorded() > 0)
        answer = client.post(URL, json={"rows": rows})
        assert answer.content == before.content, "to the last byte"
        score.run(tried.use_case, one(NIGHTS.last), tried.workspace)
    (shadow,) = (line for line in lines(tried.settings.home) if line["beside"] == answer.headers["x-decision-id"])
    assert (shadow["arm"], shadow["model_version"]) == ("shadow", 2) and 10 < len(shadow["rows"]) < len(rows)
    lake = tried.workspace.lake
    in_batch = {row["visit_id"]: row for row in lake.read("clinic_visits/shadow_scores", one(NIGHTS.last)).to_pylist()}
    assert {row.pop("arm") for row in in_batch.values()} == {"shadow"}
    assert {of["key"]["visit_id"]: as_score(of) for of in shadow["answers"]["predictions"]} == in_batch
    scores = tried.scores(NIGHTS.last)
    assert {row["model_version"] for row in scores.values()} == {1} and len(scores) == len(rows)
    assert explained(tried.workspace, tried.use_case, shadow["id"])["is_rebuilt_to_the_last_bit"] is True


def test_a_shadow_that_cannot_answer_keeps_nobody_from_answering(tried: Clinic) -> None:
    traffic.split(tried.workspace.ledger, "clinic_visits", 2, percent=100, by="Ada", arm="shadow")
    for path in tried.settings.home.rglob("bundle.json"):
        if b'"seed-2"' in path.read_bytes() or b"key-2" in path.read_bytes():
            path.write_bytes(path.read_bytes() + b" ")
    score.run(tried.use_case, one(NIGHTS.last), tried.workspace)
    assert len(tried.scores(NIGHTS.last)) == len(tried.rows(NIGHTS.last))
    assert not tried.workspace.lake.exists("clinic_visits/shadow_scores")
    with ready(tried, audit="refuse") as client:
        assert client.post(URL, json=tried.rows(NIGHTS.last)[0]).json()["model_version"] == 1
    (line,) = lines(tried.settings.home)
    assert line["arm"] is None
