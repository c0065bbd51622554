"""A champion that cannot answer is stood in for: the same rung in batch and service, named in both, and gone by itself."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from jobs import score
from nightloop.definitions.use_case import Serving
from nightloop.errors import NotReady, StoreDamaged, StoreUnavailable
from nightloop.model import bundle, champions
from nightloop.nights import one
from serving import problems
from serving.decisions import explained
from serving.metrics import Metrics
from serving.prediction import Prediction, add_prediction_routes
from serving.refresh import LoadedModels
from tests.serving.clinic import NIGHTS, SCORED, Clinic, promote
from tests.serving.conftest import ready, wait_for
from tests.serving.stubs import NIGHT, ROW, USE_CASE, Client, Stores
from tests.serving.test_predictions import URL, as_score
from tests.serving.test_tampering import change_threshold

RULE = "case when planned_hour < 12 then 0.75 else 0.25 end"


def with_ladder(clinic: Clinic, *ladder: Any, **more: Any) -> Clinic:
    rule = RULE if "rule" in ladder else None
    serving = Serving(ladder=list(ladder), rule=rule, **more)
    return replace(clinic, use_case=clinic.use_case.model_copy(update={"serving": serving}))


def damage(clinic: Clinic, version: int) -> Path:
    """Change the registered bundle of a version, and return a copy of what it was."""
    shutil.rmtree(clinic.settings.home / "bundles" / "clinic_visits" / str(version), ignore_errors=True)
    champion = champions.promotion_of(clinic.workspace.ledger, "clinic_visits", version)
    specs = (clinic.settings.home / "artifacts").rglob(bundle.SPEC)
    folder = next(path.parent for path in specs if bundle.digest(path.parent) == champion.bundle_digest)
    whole = shutil.copytree(folder, folder.with_name("whole"))
    change_threshold(folder)
    return whole


def mend(whole: Path) -> None:
    shutil.copy(whole / bundle.SPEC, whole.with_name("bundle") / bundle.SPEC)


@pytest.fixture
def second(clinic: Clinic, tmp_path: Path) -> Clinic:
    """Version 2 is champion of the newest night."""
    promote(clinic.workspace, clinic.use_case, SCORED.last, tmp_path / "bundle-2", seed=2)
    return clinic


def test_batch_and_service_take_the_champion_before_a_damaged_one_and_come_back_by_themselves(second: Clinic) -> None:
    clinic = with_ladder(second, "previous", "rule")
    whole = damage(clinic, 2)
    with pytest.raises(StoreDamaged):
        score.run(second.use_case, one(NIGHTS.last), second.workspace)  # without a ladder
    [published] = score.run(clinic.use_case, one(NIGHTS.last), clinic.workspace)
    assert published.details["rungs"] == ["previous"]
    scores, rows = clinic.scores(NIGHTS.last), clinic.rows(NIGHTS.last)
    assert {(row.pop("rung"), row["model_version"]) for row in scores.values()} == {("previous", 1)}
    with ready(clinic, audit="refuse") as client:
        first = client.post(URL, json={"rows": rows})
        answers = first.json()["predictions"]
        assert {answer["key"]["visit_id"]: as_score(answer) for answer in answers} == scores
        assert {answer["rung"] for answer in answers} == {"previous"}
        assert "not what version 2" in client.get("/readyz").json()["use_cases"]["clinic_visits"]["problem"]
        mend(whole)
        wait_for(lambda: client.post(URL, json=rows[0]).json()["rung"] == "champion")
        assert client.post(URL, json=rows[0]).json()["model_version"] == 2
        assert client.get("/readyz").json()["use_cases"]["clinic_visits"]["problem"] is None
        assert 'nightloop_rung_rows_total{rung="previous",use_case="clinic_visits"}' in client.get("/metrics").text
    line = explained(clinic.workspace, clinic.use_case, first.headers["x-decision-id"])
    assert (line["rung"], line["model_version"], line["is_rebuilt_to_the_last_bit"]) == ("previous", 1, True)
    [again] = score.run(clinic.use_case, one(NIGHTS.last), clinic.workspace)
    assert "rungs" not in again.details
    assert {(row["rung"], row["model_version"]) for row in clinic.scores(NIGHTS.last).values()} == {(None, 2)}


def test_a_rule_answers_in_batch_and_service_where_no_model_can(second: Clinic) -> None:
    clinic = with_ladder(second, "previous", "rule")
    for version in (1, 2):
        damage(clinic, version)
    score.run(clinic.use_case, one(NIGHTS.last), clinic.workspace)
    scores, rows = clinic.scores(NIGHTS.last), clinic.rows(NIGHTS.last)
    assert {row.pop("rung") for row in scores.values()} == {"rule"}
    hours = {row["visit_id"]: row["planned_hour"] for row in rows}
    assert all(row["probability"] == (0.75 if hours[key] < 12 else 0.25) for key, row in scores.items())
    with ready(clinic, audit="refuse") as client:
        of_newest = client.post(URL, json={"rows": rows, "night": str(NIGHTS.last)})
        answers = of_newest.json()["predictions"]
        assert client.post(URL, json=rows[0]).json()["rung"] == "rule"
    nothing = dict.fromkeys(("reason_1", "effect_1", "reason_2", "effect_2", "reason_3", "effect_3"))
    assert {answer["key"]["visit_id"]: as_score(answer) | nothing for answer in answers} == scores
    line = explained(clinic.workspace, clinic.use_case, of_newest.headers["x-decision-id"])
    assert (line["rung"], line["is_rebuilt_to_the_last_bit"]) == ("rule", True)


def models(monkeypatch: pytest.MonkeyPatch, stores: Stores, today: date, **serving: Any) -> LoadedModels:
    """The stores' use case on a day."""
    monkeypatch.setattr("serving.model_snapshot.find", stores.find)
    monkeypatch.setattr("serving.model_snapshot.load", stores.load)
    monkeypatch.setattr("nightloop.model.champions.newest", lambda *_: "somebody")
    monkeypatch.setattr("serving.refresh.contract_rules", lambda *_: ())
    use_case = USE_CASE.model_copy(update={"serving": Serving(**serving)})
    clock = lambda: datetime.combine(today, datetime.min.time(), UTC) + timedelta(hours=12)  # noqa: E731
    workspace: Any = type("Workspace", (), {"ledger": None})()
    loaded = LoadedModels(workspace, use_case, clock)
    loaded.refresh()
    return loaded


@pytest.mark.parametrize(("age", "rung"), [(2, "champion"), (3, "champion"), (4, "rule")])
def test_aggregates_older_than_their_limit_are_not_answered_from(monkeypatch: pytest.MonkeyPatch, age: int, rung: str) -> None:
    stores, today = Stores({NIGHT: 1}, {NIGHT: 1}), NIGHT + timedelta(days=age)
    loaded = models(monkeypatch, stores, today, ladder=["rule"], rule=RULE, stale_after_nights=3)
    assert loaded.current().identity.rung == rung
    refusing = models(monkeypatch, stores, today, stale_after_nights=3)
    if rung == "champion":
        assert refusing.current().identity.night == NIGHT
    else:
        with pytest.raises(NotReady, match="are 4 nights old; at most 3 are declared"):
            refusing.current()
    stores.published[today] = 2
    loaded.refresh()
    assert (loaded.current().identity.rung, loaded.current().identity.night) == ("champion", today), "it recovers by itself"


def test_where_the_aggregates_are_gone_the_rule_answers_for_a_champion_and_not_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = Stores({}, {NIGHT: 1}, find_error=StoreUnavailable("the lake is gone."))
    loaded = models(monkeypatch, gone, NIGHT, ladder=["rule"], rule=RULE)
    assert (loaded.current().identity.rung, loaded.status.problem) == ("rule", "the lake is gone.")
    monkeypatch.setattr("nightloop.model.champions.newest", lambda *_: None)
    retired = LoadedModels(loaded._workspace, loaded.use_case, loaded._clock)
    gone.find_error, gone.published, gone.champions = None, {NIGHT: 1}, {}
    assert retired.refresh().answering is None, "who was retired is not stood in for"


class Slow:
    """Answers in its time; the number is what it is told to be."""

    rules, tried, feature_names = (), None, ()
    identity = type("Identity", (), {"night": NIGHT})()

    def __init__(self, seconds: float, number: float) -> None:
        self.seconds, self.number = seconds, number

    def features(self, rows: Sequence[Any]) -> int:
        time.sleep(self.seconds)
        return len(rows)

    def answers(self, rows: Sequence[dict[str, Any]], **_: Any) -> list[dict[str, Any]]:
        return [{"probability": self.number, "rung": "champion"} for _ in rows]


@pytest.mark.parametrize(("seconds", "number", "rung"), [
    (0.0, 0.5, "champion"), (0.0, float("nan"), "rule"), (0.0, float("inf"), "rule"), (5.0, 0.5, "rule"),
])  # fmt: skip
def test_the_rule_answers_what_is_no_number_or_comes_too_late(seconds: float, number: float, rung: str) -> None:
    serving = Serving(ladder=["rule"], rule=RULE, milliseconds=2_000)
    use_case, app, metrics = USE_CASE.model_copy(update={"serving": serving}), FastAPI(), Metrics()
    problems.install(app)
    stub = type("Models", (), {"use_case": use_case, "current": lambda _: Slow(seconds, number)})()
    add_prediction_routes(app, Prediction({"clinic_visits": stub}, metrics, max_rows=40, max_bytes=8000), [])  # type: ignore[dict-item]
    answer = Client(app).post(URL, json=ROW).json()
    assert answer["rung"] == rung
    assert answer["probability"] == (0.75 if rung == "rule" else 0.5)
