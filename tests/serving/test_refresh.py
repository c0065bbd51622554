"""The service follows publications and promotions, and keeps what it has when something fails."""

from __future__ import annotations

import logging
import shutil
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from jobs import score
from nightloop.errors import ChampionMissing, StoreUnavailable
from nightloop.nights import one
from nightloop.promotion.reversal import retire, roll_back
from serving.app import create_app
from tests.serving.clinic import NIGHTS, Clinic, promote, publish
from tests.serving.conftest import ready, running, serve, wait_for

URL = "/v1/clinic_visits/predict"
NEXT = NIGHTS.last + timedelta(days=1)


def details(client: httpx.Client) -> dict[str, object]:
    return client.get("/readyz").json()["use_cases"]["clinic_visits"]


def metric(client: httpx.Client, name: str) -> float:
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(name)]
    assert len(lines) == 1, lines
    return float(lines[0].rsplit(" ", 1)[1])


def test_a_new_night_is_taken_up_without_a_restart(clinic: Clinic) -> None:
    with ready(clinic) as client:
        assert client.post(URL, json=clinic.rows(NIGHTS.last)[0]).json()["night"] == str(NIGHTS.last)
        publish(clinic.workspace, clinic.use_case, one(NEXT))
        wait_for(lambda: details(client)["night"] == str(NEXT))
        answers = client.post(URL, json={"rows": clinic.rows(NEXT)}).json()["predictions"]
        score.run(clinic.use_case, one(NEXT), clinic.workspace)
        stored = clinic.scores(NEXT)
        assert all(answer["probability"] == stored[answer["key"]["visit_id"]]["probability"] for answer in answers)


def test_a_promotion_answers_from_the_first_night_it_is_effective_on(clinic: Clinic, tmp_path: Path) -> None:
    with ready(clinic) as client:
        champion = promote(clinic.workspace, clinic.use_case, date(2024, 1, 5), tmp_path / "bundle-2", seed=2)
        assert (champion.version, champion.effective_from) == (2, NIGHTS.last)
        wait_for(lambda: details(client)["model_version"] == 2)
        assert metric(client, "nightloop_model_version{") == 2
        night = date(2024, 1, 5)  # scored, so pinned to version 1
        row = clinic.rows(night)[0]
        answer = client.post(URL, params={"night": str(night)}, json=row).json()
        assert (answer["model_version"], answer["probability"]) == (1, clinic.scores(night)[row["visit_id"]]["probability"])


def test_a_roll_back_reaches_batch_and_service_with_the_same_night(clinic: Clinic, tmp_path: Path) -> None:
    """The night before is pinned to version 2 and stays so; from the next one on both answer with version 1, bit by bit."""
    promote(clinic.workspace, clinic.use_case, date(2024, 1, 5), tmp_path / "bundle-2", seed=2)
    score.run(clinic.use_case, one(NIGHTS.last), clinic.workspace)
    with ready(clinic) as client:
        assert details(client)["model_version"] == 2
        told = roll_back(clinic.use_case, clinic.workspace, by="Ada", reason="Version 2 is too eager.")
        assert (told.change.effective_from, told.change.version, told.replaced) == (NEXT, 1, 2)
        publish(clinic.workspace, clinic.use_case, one(NEXT))
        wait_for(lambda: details(client)["night"] == str(NEXT))
        assert details(client)["model_version"] == 1
        score.run(clinic.use_case, one(NEXT), clinic.workspace)
        for night, version in ((NIGHTS.last, 2), (NEXT, 1)):
            stored = clinic.scores(night)
            asked = {"params": {"night": str(night)}, "json": {"rows": clinic.rows(night)}}
            answers = client.post(URL, **asked).json()["predictions"]
            assert {answer["model_version"] for answer in answers} == {version}
            assert all(answer["probability"] == stored[answer["key"]["visit_id"]]["probability"] for answer in answers)


def test_a_retired_champion_answers_no_more_from_the_night_it_is_retired_on(clinic: Clinic) -> None:
    with ready(clinic) as client:
        retire(clinic.use_case, clinic.workspace, by="Ada", reason="The clinic closes.", first=NIGHTS.last)
        wait_for(lambda: details(client)["problem"] is not None)
        answer = client.post(URL, json=clinic.rows(NIGHTS.last)[0])
        assert answer.status_code == 503 and "The clinic closes" in answer.text
        with pytest.raises(ChampionMissing, match="Ada retired version 1"):
            score.run(clinic.use_case, one(NIGHTS.last), clinic.workspace)


def test_no_answer_is_lost_or_mixed_while_the_champion_changes(clinic: Clinic, tmp_path: Path) -> None:
    row = clinic.rows(NIGHTS.last)[0]
    seen: set[tuple[int, float]] = set()
    with ready(clinic) as client:
        stop = threading.Event()

        def ask() -> None:
            with httpx.Client(base_url=client.base_url) as own:
                while not stop.is_set():
                    answer = own.post(URL, json=row).json()
                    seen.add((answer["model_version"], answer["probability"]))

        callers = [threading.Thread(target=ask) for _ in range(3)]
        for caller in callers:
            caller.start()
        try:
            promote(clinic.workspace, clinic.use_case, date(2024, 1, 5), tmp_path / "bundle-2", seed=2)
            wait_for(lambda: details(client)["model_version"] == 2)
            wait_for(lambda: len(seen) == 2)
        finally:
            stop.set()
            for caller in callers:
                caller.join()
    assert sorted(version for version, _ in seen) == [1, 2]


def test_a_failed_refresh_keeps_answering_and_is_told(clinic: Clinic) -> None:
    row = clinic.rows(NIGHTS.last)[0]
    with ready(clinic) as client:
        before = client.post(URL, json=row).json()
        log = Path(clinic.settings.lake_url) / "clinic_visits" / "aggregates" / "_delta_log"
        shutil.move(log, log.with_name("away"))
        log.write_text("a file where the log should be")
        wait_for(lambda: details(client)["problem"] is not None)
        assert client.post(URL, json=row).json() == before
        assert client.get("/readyz").status_code == 200
        wait_for(lambda: metric(client, 'nightloop_refreshes_total{outcome="failed"') > 0)
        log.unlink()
        shutil.move(log.with_name("away"), log)
        wait_for(lambda: details(client)["problem"] is None)


def test_an_unexpected_failure_is_told_without_its_details_and_logged(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("postgresql://user:secret@host")

    monkeypatch.setattr("serving.model_snapshot.find", fail)
    with caplog.at_level(logging.ERROR, "serving"), serve(clinic) as client:
        wait_for(lambda: "RuntimeError" in (details(client)["problem"] or ""))
        assert "secret" not in client.get("/readyz").text
        assert client.get("/readyz").status_code == 503
    assert "secret" in caplog.text


def test_before_anything_is_promoted_the_service_lives_and_says_what_is_missing(clinic: Clinic) -> None:
    shutil.rmtree(Path(clinic.settings.lake_url) / "clinic_visits" / "aggregates")
    with serve(clinic) as client:
        wait_for(lambda: details(client)["checked_at"] is not None)
        assert client.get("/healthz").json() == {"alive": True}
        assert client.get("/readyz").status_code == 503
        assert "python -m jobs features clinic_visits" in str(details(client)["problem"])
        answer = client.post(URL, json=clinic.rows(NIGHTS.last)[0])
        assert (answer.status_code, "/readyz" in answer.json()["do"]) == (503, True)
        assert client.get("/v1/models").json()["models"][0]["ready"] is False


def test_a_new_use_case_without_a_champion_holds_nobody_back(clinic: Clinic) -> None:
    newcomer = clinic.use_case.model_copy(update={"use_case": "newcomer"})
    with running(create_app(clinic.workspace, [clinic.use_case, newcomer])) as client:
        wait_for(lambda: client.get("/readyz").status_code == 200)
        told = client.get("/readyz").json()["use_cases"]
        assert {name: state["ready"] for name, state in told.items()} == {"clinic_visits": True, "newcomer": False}


def test_a_use_case_that_cannot_be_loaded_makes_the_service_unready(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise StoreUnavailable("the registry does not answer.", where="http://mlflow:5000", do="Start it.")

    monkeypatch.setattr("nightloop.model.registry.Registry.fetch", unreachable)
    with serve(clinic) as client:
        wait_for(lambda: details(client)["checked_at"] is not None)
        assert client.get("/readyz").status_code == 503
        assert "http://mlflow:5000" in str(details(client)["problem"])


def test_a_model_whose_features_are_no_longer_declared_answers_by_the_definition_it_was_trained_by(clinic: Clinic) -> None:
    score.run(clinic.use_case, one(NIGHTS.last), clinic.workspace)
    fewer = {name: feature for name, feature in clinic.use_case.features.items() if name != "distance"}
    with serve(Clinic(clinic.settings, clinic.use_case.model_copy(update={"features": fewer}))) as client:
        wait_for(lambda: client.get("/readyz").status_code == 200)
        row = clinic.rows(NIGHTS.last)[0]
        answer = client.post(URL, json=row).json()
        assert answer["probability"] == clinic.scores(NIGHTS.last)[row["visit_id"]]["probability"]


def test_a_model_whose_definition_is_gone_is_not_served(clinic: Clinic) -> None:
    shutil.rmtree(Path(clinic.settings.lake_url) / "clinic_visits" / "_documents")
    fewer = {name: feature for name, feature in clinic.use_case.features.items() if name != "distance"}
    with serve(Clinic(clinic.settings, clinic.use_case.model_copy(update={"features": fewer}))) as client:
        wait_for(lambda: details(client)["checked_at"] is not None)
        assert "no longer has: distance" in str(details(client)["problem"])
        assert client.get("/readyz").status_code == 503


def test_the_age_of_the_aggregates_is_counted_in_nights_of_the_use_case(clinic: Clinic) -> None:
    use_case = clinic.use_case.model_copy(update={"time_zone": "America/New_York"})
    three_days_later = datetime(2024, 1, 10, 3, tzinfo=UTC)  # still the 9th in New York
    with running(create_app(clinic.workspace, [use_case], clock=lambda: three_days_later)) as client:
        wait_for(lambda: client.get("/readyz").status_code == 200)
        assert metric(client, "nightloop_aggregates_age_nights{") == 3


def test_an_unexpected_failure_while_answering_is_a_problem_without_details(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("postgresql://user:secret@host")

    with ready(clinic) as client:
        monkeypatch.setattr("serving.model_snapshot.ModelSnapshot.answers", fail)
        answer = client.post(URL, json=clinic.rows(NIGHTS.last)[0])
        assert (answer.status_code, set(answer.json())) == (500, {"what", "where", "do"})
        assert "secret" not in answer.text
        assert metric(client, 'nightloop_requests_total{route="/v1/clinic_visits/predict",status="500"}') == 1
    assert "secret" in caplog.text
