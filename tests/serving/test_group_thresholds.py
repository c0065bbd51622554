"""A champion that decides by a threshold for each group: the caller names the group, and gets the batch's decision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from jobs import score
from nightloop.definitions.use_case import UseCase
from nightloop.model.group_thresholds import GroupThresholds
from nightloop.nights import one
from tests.serving.clinic import NIGHTS, Clinic, promote
from tests.serving.conftest import ready
from tests.serving.test_predictions import URL, as_score

# A boolean is written as text, as in the groups of a training.
THRESHOLDS = GroupThresholds("is_new", {"true": 0.2, "false": 0.6}, 0.4)


def with_mitigation(use_case: UseCase) -> UseCase:
    """Declare thresholds by a boolean column."""
    declared = use_case.model_dump(mode="json", by_alias=True)
    declared["model"]["mitigation"] = {"methods": ["group_thresholds"], "attribute": "is_new"}
    declared["gates"]["fairness"]["attributes"] = ["is_new"]
    return UseCase.model_validate(declared)


@pytest.fixture
def decided_by_group(clinic: Clinic, tmp_path: Path) -> Clinic:
    by_group = replace(clinic, use_case=with_mitigation(clinic.use_case))
    promote(clinic.workspace, by_group.use_case, NIGHTS.last, tmp_path / "bundle-2", seed=2, thresholds=THRESHOLDS)
    score.run(by_group.use_case, one(NIGHTS.last), clinic.workspace)
    return by_group


@pytest.fixture
def client(decided_by_group: Clinic) -> Iterator[httpx.Client]:
    with ready(decided_by_group) as opened:
        yield opened


def test_the_service_decides_by_the_group_as_the_batch_did(decided_by_group: Clinic, client: httpx.Client) -> None:
    rows = decided_by_group.rows(NIGHTS.last)
    answers = client.post(URL, json={"rows": rows}).json()["predictions"]
    assert {answer["key"]["visit_id"]: as_score(answer) for answer in answers} == decided_by_group.scores(NIGHTS.last)
    limits = [0.2 if row["is_new"] else 0.6 for row in rows]
    assert [answer["decision"] for answer in answers] == [
        answer["probability"] >= limit for answer, limit in zip(answers, limits, strict=True)
    ]
    # An unknown group has the threshold of all, and a row that does not name it is refused.
    unknown = client.post(URL, json={**rows[0], "is_new": None}).json()
    assert unknown["decision"] == (unknown["probability"] >= 0.4)
    absent = client.post(URL, json={name: value for name, value in rows[0].items() if name != "is_new"})
    assert absent.status_code == 422
    assert "is_new" in absent.text


def test_a_definition_that_no_longer_asks_for_the_group_does_not_decide_without_it(
    decided_by_group: Clinic, published_clinic: Clinic
) -> None:
    today = replace(decided_by_group, use_case=published_clinic.use_case)
    row = {**today.rows(NIGHTS.last)[0], "is_new": None}
    with ready(today) as client:
        refused = client.post(URL, json=row)
        assert (refused.status_code, "by which version 2 decides" in refused.json()["what"]) == (422, True)
        assert client.post(URL, json={**row, "is_new": True}).status_code == 200
