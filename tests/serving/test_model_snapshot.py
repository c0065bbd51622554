"""What an answer is made from: the night's champion and aggregates, found by their versions and put in the model's order."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest

from nightloop.errors import ChampionMissing, DefinitionError, NotReady, OtherMeaning
from nightloop.features.published_aggregates import record_published
from nightloop.lake import Snapshot
from nightloop.lake.digest import content_digest
from nightloop.model.champions import Champion
from nightloop.model.spec import Spec
from nightloop.nights import one
from serving.model_snapshot import Identity, find, load, read_aggregates
from tests.serving.stubs import NIGHT, USE_CASE, champion, identity, snapshot

EARLIER = NIGHT - timedelta(days=2)
TABLE = "clinic_visits/aggregates"
KEYED = ["clinic_visits", "clinic_missed_3d", "distance"]


class Lake:
    """A lake that holds one table, by night."""

    def __init__(
        self, versions: dict[date, int] | None, columns: list[str] = KEYED, meanings: dict[str, str] | None = None
    ) -> None:
        self.versions, self.columns, self.meanings = versions, columns, meanings or {}
        self.read_nights: list[object] = []

    def exists(self, table: str) -> bool:
        assert table == TABLE
        return self.versions is not None

    def states(self, table: str) -> dict[date, Any]:
        assert table == TABLE and self.versions is not None
        return {night: SimpleNamespace(version=version) for night, version in self.versions.items()}

    def snapshot(self, table: str, nights: object) -> Any:
        assert table == TABLE
        self.read_nights.append(nights)
        rows = self.rows
        return InMemory(TABLE, 1, rows.schema, {NIGHT: ("a file",)}, "", meanings={NIGHT: self.meanings}, rows=rows)

    @property
    def rows(self) -> pa.Table:
        values = {name: pa.array([0.25], pa.float64()) for name in self.columns}
        return pa.table({"by": ["clinic"], "key": ["north"], **values})


@dataclass(frozen=True)
class InMemory(Snapshot):
    """One night of a table, without files."""

    rows: pa.Table = None

    def read(self, columns: Any = None) -> pa.Table:
        return pa.table({name: self.rows[self.stored_name(NIGHT, name)] for name in self.schema.names})


def workspace(lake: Lake) -> Any:
    return SimpleNamespace(lake=lake, ledger="the ledger", registry=None)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What was asked of the champions' history; version 7 is champion from EARLIER on."""
    calls: list[tuple[object, ...]] = []

    def effective(*arguments: Any) -> Any:
        calls.append(arguments)
        return champion(7) if arguments[2] >= EARLIER else None

    monkeypatch.setattr("nightloop.model.champions.effective", effective)
    monkeypatch.setattr("nightloop.model.champions.changes", lambda *_: [])
    monkeypatch.setattr("nightloop.promotion.traffic.effective", lambda *_: {})
    return calls


VERSIONS = {EARLIER - timedelta(days=1): 4, NIGHT: 9, EARLIER: 30}


def test_without_a_night_the_newest_published_is_found_with_its_champion(asked: list[tuple[object, ...]]) -> None:
    found = find(workspace(Lake(VERSIONS)), USE_CASE)
    assert found == Identity(NIGHT, 9, 7, champion(7))
    assert found.champion == champion(7)
    assert asked == [("the ledger", "clinic_visits", NIGHT)]


def test_a_night_is_found_with_its_own_version_and_champion(asked: list[tuple[object, ...]]) -> None:
    assert find(workspace(Lake(VERSIONS)), USE_CASE, EARLIER) == Identity(EARLIER, 30, 7, champion(7))
    assert asked == [("the ledger", "clinic_visits", EARLIER)]


@pytest.mark.parametrize("versions", [None, {}])
def test_where_no_night_is_published_the_command_that_publishes_one_is_named(
    versions: dict[date, int] | None, asked: list[tuple[object, ...]]
) -> None:
    with pytest.raises(NotReady) as refused:
        find(workspace(Lake(versions)), USE_CASE)
    assert refused.value.what == "no night's aggregates are published."
    assert (refused.value.where, refused.value.do) == (TABLE, "Run: python -m jobs features clinic_visits NIGHT")
    assert asked == []


@pytest.mark.parametrize("versions", [None, {}, VERSIONS])
def test_a_night_that_is_not_published_is_named(versions: dict[date, int] | None) -> None:
    with pytest.raises(NotReady) as refused:
        find(workspace(Lake(versions)), USE_CASE, date(2024, 1, 7))
    assert refused.value.what == "the aggregates of night 2024-01-07 are not published."
    assert refused.value.do == "Run: python -m jobs features clinic_visits 2024-01-07"


def test_a_night_without_a_champion_is_refused_with_the_command_that_trains_one(asked: list[tuple[object, ...]]) -> None:
    night = EARLIER - timedelta(days=1)
    with pytest.raises(
        ChampionMissing, match=r"night 2024-01-03: no champion is effective.*jobs train clinic_visits 2024-01-03"
    ):
        find(workspace(Lake(VERSIONS)), USE_CASE, night)


def test_identities_are_told_apart_by_night_aggregates_and_version_but_not_by_what_a_promotion_recorded() -> None:
    assert identity() == Identity(NIGHT, 1, 1, champion(9))
    assert len({identity(), identity(EARLIER), identity(aggregates_version=2), identity(model_version=2)}) == 4


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A registry, the bundles fetched from it, and the predictors made of them."""
    fetched: list[tuple[object, ...]] = []
    warmed: list[object] = []

    def fetch_champion(use_case: str, of: Champion) -> object:
        fetched.append((use_case, of.version, of.bundle_digest))
        return f"folder of {of.version}"

    def predictor(folder: object) -> Any:
        return SimpleNamespace(
            folder=folder,
            spec=SimpleNamespace(features=features, meanings=(), feature_meanings={}, capacity=None),
            warm_up=lambda: warmed.append(folder),
        )

    features: list[str] = list(USE_CASE.features)
    monkeypatch.setattr("serving.model_snapshot.Predictor.load", predictor)
    return SimpleNamespace(fetch_champion=fetch_champion, fetched=fetched, warmed=warmed, features=features)


class Events:
    """A ledger in memory."""

    def __init__(self) -> None:
        self._events: list[Any] = []

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def record(self, kind: str, _use_case: str, *, night: date, payload: dict[str, Any]) -> None:
        self._events.append(SimpleNamespace(kind=kind, night=night, payload=payload))

    def events(self, _use_case: str, *, kind: str, night: date | None = None) -> list[Any]:
        return [event for event in self._events if event.kind == kind and night in (None, event.night)]


def stores(registry: Any, lake: Lake | None = None) -> Any:
    """A workspace whose ledger recorded what its lake holds."""
    lake = lake or Lake(VERSIONS)
    ledger: Any = Events()
    for night in lake.versions or ():
        state = SimpleNamespace(night=night, content_digest=content_digest(lake.rows), meanings={}, rows=1)
        state.meanings = lake.meanings if night == NIGHT else {}
        record_published(ledger, "clinic_visits", [state])  # type: ignore[list-item]
    settings = SimpleNamespace(contracts=Path("no contracts"))
    return SimpleNamespace(lake=lake, ledger=ledger, registry=registry, settings=settings)


def test_the_bundle_of_the_champion_is_fetched_by_version_and_digest(registry: Any) -> None:
    lake = Lake(VERSIONS)
    loaded = load(stores(registry, lake), USE_CASE, identity(model_version=3))
    assert registry.fetched == [("clinic_visits", 3, "digest 3")]
    assert loaded.predictor.folder == "folder of 3"  # type: ignore[attr-defined]
    assert lake.read_nights == [one(NIGHT)]
    assert loaded.aggregates.groupings["clinic"].find(["north"]).tolist()[0][0] == 0.25
    assert loaded.identity == identity(model_version=3)


def test_a_new_night_takes_over_the_predictor_of_the_same_version(registry: Any) -> None:
    before = load(stores(registry), USE_CASE, identity(EARLIER))
    after = load(stores(registry), USE_CASE, identity(NIGHT), before)
    assert after.predictor is before.predictor and after.online is before.online
    assert after.aggregates is not before.aggregates
    assert len(registry.fetched) == 1


def test_another_version_is_fetched_whatever_answered_before(registry: Any) -> None:
    before = load(stores(registry), USE_CASE, identity())
    after = load(stores(registry), USE_CASE, identity(model_version=2), before)
    assert after.predictor is not before.predictor
    assert [call[1] for call in registry.fetched] == [1, 2]
    assert registry.warmed == ["folder of 1", "folder of 2"], "before anybody asks"


def test_a_champion_that_reads_what_the_definition_dropped_is_not_loaded(registry: Any) -> None:
    registry.features[:] = ["hour", "gone_one", "gone_two"]
    with pytest.raises(DefinitionError, match=r"'clinic_visits': version 1 reads .* no longer has: gone_one, gone_two"):
        load(stores(registry), USE_CASE, identity())


def predictor(*features: str) -> Any:
    return SimpleNamespace(spec=SimpleNamespace(features=features, meanings=(), feature_meanings={}, capacity=None))


def test_aggregates_made_without_what_the_champion_reads_are_refused(registry: Any) -> None:
    with pytest.raises(
        NotReady, match=r"aggregates of night 2024-01-06 were made without clinic_missed_3d, distance."
    ) as refused:
        read_aggregates(stores(None, Lake(VERSIONS, ["clinic_visits"])), USE_CASE, NIGHT, predictor("hour", *KEYED))
    assert refused.value.where == TABLE
    assert refused.value.do == "Run: python -m jobs features clinic_visits 2024-01-06"


def test_a_column_that_the_champion_does_not_read_may_be_absent() -> None:
    lake = Lake(VERSIONS, ["clinic_visits"])
    read_aggregates(stores(None, lake), USE_CASE, EARLIER, predictor("hour", "clinic_visits"))
    assert lake.read_nights == [one(EARLIER)]


class Online:
    """Features whose value tells their place: 10 times the row, plus the place of the feature in the definition."""

    def compute(self, rows: list[Any], aggregates: object) -> np.ndarray:
        assert aggregates == "the aggregates"
        return np.array([[10 * i + j for j in range(len(USE_CASE.features))] for i in range(len(rows))], dtype=float)


class TwoFeatures:
    """As much of a specification as answers need."""

    attribute = ""
    features = ("distance", "hour")
    descriptions = ("how far", "when")
    reason_words: ClassVar = {"distance": ("far away", "not far away"), "hour": ("late", "not late")}
    reason, reason_text = Spec.reason, Spec.reason_text


class LastTwoFeatures:
    """A model of the last and the first feature of the definition, in this order."""

    def __init__(self) -> None:
        self.spec = TwoFeatures()
        self.given: list[Any] = []

    def predict(self, features: np.ndarray, *, reasons: bool, group: None, decide: None, explained: None) -> Any:
        assert group is None and decide is None and explained is None
        self.given.append((features.tolist(), reasons))
        places = np.array([[1, 0], [0, 1]])[: len(features), : 2 if reasons else 0]
        return SimpleNamespace(reason=places, effect=np.array([[0.5, -0.25], [2.0, 1.0]])[: len(features), : places.shape[1]])

    def columns(self, predictions: Any) -> dict[str, Any]:
        return {"probability": np.array([0.1, 0.9])[: len(predictions.reason)], "decision": None}


ROWS = [{"visit_id": "a", "clinic": "north"}, {"visit_id": "b", "clinic": "south"}]


def test_answers_are_in_the_order_of_the_rows_with_the_features_in_the_order_of_the_model() -> None:
    model = LastTwoFeatures()
    answers = snapshot(identity(), predictor=model, online=Online(), aggregates="the aggregates").answers(ROWS)
    assert model.given == [([[6.0, 0.0], [16.0, 10.0]], True)]
    first, second = answers
    assert list(first) == ["key", "probability", "decision", "prediction_set", "reasons", "model_version", "night"]
    assert first["prediction_set"] is None, "today's definition promises what this model does not"
    assert (first["key"], first["probability"], first["decision"]) == ({"visit_id": "a"}, 0.1, None)
    assert (second["key"], second["probability"]) == ({"visit_id": "b"}, 0.9)
    assert first["reasons"] == [
        {"feature": "hour", "description": "when", "text": "late", "value": 0.0, "effect": 0.5},
        {"feature": "distance", "description": "how far", "text": "not far away", "value": 6.0, "effect": -0.25},
    ]
    assert second["reasons"] == [
        {"feature": "distance", "description": "how far", "text": "far away", "value": 16.0, "effect": 2.0},
        {"feature": "hour", "description": "when", "text": "late", "value": 10.0, "effect": 1.0},
    ]
    assert (first["model_version"], first["night"]) == (1, NIGHT)


def test_reasons_are_given_only_when_asked_for() -> None:
    model = LastTwoFeatures()
    (answer,) = snapshot(identity(), predictor=model, online=Online(), aggregates="the aggregates").answers(
        ROWS[:1], reasons=False
    )
    assert answer["reasons"] == [] and model.given[0][1] is False


def test_an_older_meaning_of_an_aggregate_is_read_under_the_name_it_is_stored_by() -> None:
    columns, stored = ["distance", "distance__01234567"], {"distance": "today", "distance__01234567": "then"}
    of_then = SimpleNamespace(
        spec=SimpleNamespace(features=("distance",), feature_meanings={"distance": "then", "hour": "then"})
    )
    lake = Lake(VERSIONS, columns, stored)
    assert read_aggregates(stores(None, lake), USE_CASE, NIGHT, of_then) is not None
    lost = SimpleNamespace(spec=SimpleNamespace(features=("distance",), feature_meanings={"distance": "of another"}))
    with pytest.raises(OtherMeaning, match="aggregates of 2024-01-06 has distance by another definition"):
        read_aggregates(stores(None, lake), USE_CASE, NIGHT, lost)
