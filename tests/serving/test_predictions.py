"""What the service answers, against what the batch said of the same entities."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from tests.serving.clinic import NIGHTS, SCORED, Clinic
from tests.serving.conftest import ready

URL = "/v1/clinic_visits/predict"


def as_score(answer: dict[str, Any]) -> dict[str, Any]:
    """Write an answer as a row of the scores table."""
    reasons = {f"reason_{i}": reason["feature"] for i, reason in enumerate(answer["reasons"], start=1)}
    effects = {f"effect_{i}": reason["effect"] for i, reason in enumerate(answer["reasons"], start=1)}
    own = {name: answer[name] for name in ("probability", "decision", "prediction_set", "model_version")}
    return {**answer["key"], **own, **reasons, **effects, "night": date.fromisoformat(answer["night"])}


@pytest.mark.parametrize("night", list(SCORED), ids=str)
def test_the_service_and_the_batch_give_the_same_answer_to_the_last_bit(
    service: httpx.Client, published_clinic: Clinic, night: date
) -> None:
    answers = service.post(URL, json={"rows": published_clinic.rows(night), "night": str(night)}).json()["predictions"]
    assert {answer["key"]["visit_id"]: as_score(answer) for answer in answers} == published_clinic.scores(night)


def test_one_row_alone_gets_the_answer_it_gets_among_others(service: httpx.Client, published_clinic: Clinic) -> None:
    rows = published_clinic.rows(NIGHTS.last)
    together = service.post(URL, json={"rows": rows}).json()["predictions"]
    assert [service.post(URL, json=row).json() for row in rows[:10]] == together[:10]


def test_an_answer_carries_probability_decision_reasons_version_night_and_key(
    service: httpx.Client, published_clinic: Clinic
) -> None:
    row = published_clinic.rows(NIGHTS.last)[0]
    answer = service.post(URL, json=row).json()
    assert answer["key"] == {"visit_id": row["visit_id"]}
    assert answer["decision"] == (answer["probability"] >= 0.4)
    assert (answer["model_version"], answer["night"]) == (1, str(NIGHTS.last))
    assert len(answer["reasons"]) == 3
    described = {name: feature.description for name, feature in published_clinic.use_case.features.items()}
    for reason in answer["reasons"]:
        assert reason["description"] == described[reason["feature"]]
        assert set(reason) == {"feature", "description", "text", "value", "effect"}


def test_without_reasons_the_probability_is_the_same(service: httpx.Client, published_clinic: Clinic) -> None:
    rows = {"rows": published_clinic.rows(NIGHTS.last)}
    with_reasons = service.post(URL, json=rows).json()["predictions"]
    without = service.post(URL, params={"reasons": "false"}, json=rows).json()["predictions"]
    assert [answer["probability"] for answer in without] == [answer["probability"] for answer in with_reasons]
    assert all(answer["reasons"] == [] for answer in without)


def test_a_key_never_seen_and_missing_values_are_answered(service: httpx.Client, published_clinic: Clinic) -> None:
    row = published_clinic.rows(NIGHTS.last)[0] | {"clinic": "east", "patient": "nobody", "price": None}
    answer = service.post(URL, json=row)
    assert answer.status_code == 200
    assert 0 <= answer.json()["probability"] <= 1


def test_what_no_feature_reads_may_be_left_out(service: httpx.Client, published_clinic: Clinic) -> None:
    row = published_clinic.rows(NIGHTS.last)[0]
    fewer = {name: value for name, value in row.items() if name not in ("booked_at", "note")}
    assert service.post(URL, json=fewer).json() == service.post(URL, json=row).json()


def test_the_night_can_stand_in_the_address(service: httpx.Client, published_clinic: Clinic) -> None:
    night = SCORED.first
    row = published_clinic.rows(night)[0]
    answer = service.post(URL, params={"night": str(night)}, json=row).json()
    assert answer["probability"] == published_clinic.scores(night)[row["visit_id"]]["probability"]


def test_two_different_nights_are_refused(service: httpx.Client, published_clinic: Clinic) -> None:
    body = {"rows": published_clinic.rows(SCORED.first)[:1], "night": str(SCORED.first)}
    answer = service.post(URL, params={"night": str(SCORED.last)}, json=body)
    assert (answer.status_code, answer.json()["where"]) == (422, "night")


@pytest.mark.parametrize(
    ("night", "status", "said"),
    [
        (NIGHTS.last + timedelta(days=1), 503, "python -m jobs features clinic_visits 2024-01-07"),
        (NIGHTS.first, 503, "python -m jobs train clinic_visits 2024-01-01"),
        ("yesterday", 422, "YYYY-MM-DD"),
        ("", 422, "Give a night"),
    ],
)
def test_a_night_without_aggregates_or_champion_is_said_with_the_command_that_helps(
    service: httpx.Client, published_clinic: Clinic, night: object, status: int, said: str
) -> None:
    answer = service.post(URL, params={"night": str(night)}, json=published_clinic.rows(NIGHTS.last)[0])
    assert answer.status_code == status
    assert said in answer.json()["do"]


def test_more_past_nights_than_are_kept_are_answered_alike(published_clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.refresh.EARLIER_NIGHTS", 1)
    with ready(published_clinic) as client:
        for night in [*SCORED, *SCORED]:
            row = published_clinic.rows(night)[0]
            answer = client.post(URL, params={"night": str(night)}, json=row).json()
            assert answer["probability"] == published_clinic.scores(night)[row["visit_id"]]["probability"]
