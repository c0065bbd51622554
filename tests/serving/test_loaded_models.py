"""The snapshot that answers: the newest one that could be loaded, whatever happens meanwhile; and those of earlier nights."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, date, datetime, timedelta

import pytest

from nightloop.errors import ChampionMissing, NotReady, StoreUnavailable
from serving import refresh
from serving.refresh import LoadedModels, Status
from tests.serving.stubs import NIGHT, USE_CASE, Clock, Stores

FIRST = date(2024, 1, 1)
NEXT = NIGHT + timedelta(days=1)


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> Stores:
    """Six nights published; version 1 is champion from the first, version 2 from the fifth."""
    nights = {FIRST + timedelta(days=days): 10 + days for days in range(6)}
    stores = Stores(nights, {FIRST: 1, date(2024, 1, 5): 2})
    monkeypatch.setattr("serving.model_snapshot.find", stores.find)
    monkeypatch.setattr("serving.model_snapshot.load", stores.load)
    return stores


@pytest.fixture
def models(stores: Stores) -> LoadedModels:
    return LoadedModels(None, USE_CASE, Clock())  # type: ignore[arg-type]


def test_before_the_first_look_nothing_answers_and_no_reason_is_known(models: LoadedModels) -> None:
    assert models.status == Status(None, None, False, None)
    with pytest.raises(NotReady, match=r"'clinic_visits' is not loaded: the service is starting.*/readyz"):
        models.current()


def test_the_newest_night_and_its_champion_answer(models: LoadedModels, stores: Stores) -> None:
    status = models.refresh()
    assert status is models.status
    assert stores.asked == [None]
    assert stores.loads == [(NIGHT, 15, 2)]
    assert models.current() is status.snapshot
    assert (status.problem, status.is_new, status.checked_at) == (None, False, datetime(2024, 1, 7, 0, 0, 1, tzinfo=UTC))


def test_nothing_is_loaded_again_while_nothing_changes(models: LoadedModels, stores: Stores) -> None:
    first = models.refresh()
    second = models.refresh()
    assert second.snapshot is first.snapshot
    assert len(stores.loaded) == 1
    assert second.checked_at == first.checked_at + timedelta(seconds=1)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("published", "champions", "load"),
    [
        ({NEXT: 20}, {}, (NEXT, 20, 2)),
        ({NIGHT: 21}, {}, (NIGHT, 21, 2)),
        ({}, {NIGHT: 3}, (NIGHT, 15, 3)),
    ],
    ids=["another night", "the night published again", "another champion of the night"],
)
def test_what_is_newer_takes_the_place_of_the_old(
    models: LoadedModels, stores: Stores, published: dict[date, int], champions: dict[date, int], load: tuple[date, int, int]
) -> None:
    before = models.refresh().snapshot
    stores.published |= published
    stores.champions = {**stores.champions, **champions}
    after = models.refresh().snapshot
    assert stores.loads[-1] == load
    assert after is not before and models.current() is after
    assert stores.loaded[-1][1] is before, "the predictor may be taken over from what answered before"


def test_a_promotion_from_a_later_night_on_changes_nothing_yet(models: LoadedModels, stores: Stores) -> None:
    before = models.refresh().snapshot
    stores.champions = {**stores.champions, NEXT: 3}
    assert models.refresh().snapshot is before


@pytest.mark.parametrize(
    ("error", "is_new"),
    [
        (NotReady("no night is published."), True),
        (ChampionMissing("nobody is champion."), True),
        (StoreUnavailable("the lake does not answer.", where="s3://lake", do="Start it."), False),
    ],
)
def test_where_nothing_was_ever_loaded_the_reason_is_in_the_status(
    models: LoadedModels, stores: Stores, error: Exception, is_new: bool
) -> None:
    stores.find_error = error
    status = models.refresh()
    assert (status.snapshot, status.problem, status.is_new) == (None, str(error), is_new)
    assert status.checked_at is not None
    with pytest.raises(NotReady) as refused:
        models.current()
    assert str(error) in str(refused.value)


def test_where_the_champion_is_retired_nobody_answers_until_there_is_one_again(models: LoadedModels, stores: Stores) -> None:
    before = models.refresh().snapshot
    stores.find_error = ChampionMissing("no champion is effective: Ada retired version 2.")
    status = models.refresh()
    assert (status.snapshot, status.is_new) == (None, True) and "Ada retired" in str(status.problem)
    with pytest.raises(NotReady, match="Ada retired version 2"):
        models.current()
    stores.find_error = None
    assert before is not None and models.refresh().snapshot is not None and models.current().identity == before.identity


@pytest.mark.parametrize("error", [NotReady("gone."), StoreUnavailable("gone."), OSError("gone")])
@pytest.mark.parametrize("broken", ["find_error", "load_error"])
def test_a_failure_keeps_what_answered_and_is_in_the_status(
    models: LoadedModels, stores: Stores, error: Exception, broken: str
) -> None:
    before = models.refresh().snapshot
    stores.published[NEXT] = 20
    setattr(stores, broken, error)
    status = models.refresh()
    assert status.snapshot is before and models.current() is before
    assert status.problem and not status.is_new
    setattr(stores, broken, None)
    status = models.refresh()
    assert status.snapshot is not None and status.snapshot.identity.night == NEXT
    assert status.problem is None


def test_an_error_nobody_foresaw_is_named_without_its_details(
    models: LoadedModels, stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    stores.load_error = RuntimeError("postgresql://user:secret@host")
    with caplog.at_level(logging.INFO, "serving"):
        status = models.refresh()
    assert status.problem == "unexpected RuntimeError while refreshing; the service's log has the details."
    assert not status.is_new
    assert "secret" in caplog.text and "refreshing clinic_visits failed" in caplog.text


def test_the_log_names_each_change_once(models: LoadedModels, stores: Stores, caplog: pytest.LogCaptureFixture) -> None:
    def lines() -> list[tuple[str, str]]:
        found = [(record.levelname, record.getMessage()) for record in caplog.records]
        caplog.clear()
        return found

    answers = ("INFO", "clinic_visits: answers with version 2 and the aggregates of 2024-01-06")
    with caplog.at_level(logging.INFO, "serving"):
        models.refresh()
        assert lines() == [answers]
        models.refresh()
        assert lines() == []
        stores.find_error = NotReady("gone.")
        models.refresh()
        assert lines() == [("WARNING", "clinic_visits: gone.")]
        models.refresh()
        assert lines() == []
        stores.find_error = NotReady("away.")
        models.refresh()
        assert lines() == [("WARNING", "clinic_visits: away.")]
        stores.find_error = None
        models.refresh()
        assert lines() == []


def test_two_refreshes_at_a_time_load_once(models: LoadedModels, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(*arguments: object) -> object:
        time.sleep(0.05)
        return stores.load(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("serving.model_snapshot.load", slowly)
    threads = [threading.Thread(target=models.refresh) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores.loaded) == 1


def test_the_night_that_answers_is_not_looked_up_when_it_is_asked_for_by_name(models: LoadedModels, stores: Stores) -> None:
    current = models.refresh().snapshot
    assert models.of_night(NIGHT) is current
    assert stores.asked == [None]


def test_an_earlier_night_is_answered_by_the_champion_and_the_aggregates_of_that_night(
    models: LoadedModels, stores: Stores
) -> None:
    current = models.refresh().snapshot
    earlier = models.of_night(date(2024, 1, 4))
    assert stores.asked[-1] == date(2024, 1, 4)
    assert stores.loads[-1] == (date(2024, 1, 4), 13, 1)
    assert stores.loaded[-1][1] is current
    assert (earlier.identity.night, earlier.identity.model_version) == (date(2024, 1, 4), 1)
    assert models.of_night(date(2024, 1, 5)).identity.model_version == 2
    assert models.current() is current


def test_an_earlier_night_is_loaded_once_until_it_is_published_again(models: LoadedModels, stores: Stores) -> None:
    models.refresh()
    before = models.of_night(FIRST)
    assert models.of_night(FIRST) is before
    stores.published[FIRST] = 30
    after = models.of_night(FIRST)
    assert (after.identity.aggregates_version, after is before) == (30, False)
    assert len(stores.loaded) == 3


def test_no_earlier_night_is_answered_before_anything_is_loaded(models: LoadedModels, stores: Stores) -> None:
    with pytest.raises(NotReady, match="the service is starting"):
        models.of_night(FIRST)
    assert stores.asked == []


def test_a_night_that_is_not_published_is_refused_and_what_answers_stays(models: LoadedModels) -> None:
    current = models.refresh().snapshot
    with pytest.raises(NotReady):
        models.of_night(NEXT)
    assert models.current() is current and models.status.problem is None


def test_a_night_that_could_not_be_loaded_is_tried_again(models: LoadedModels, stores: Stores) -> None:
    models.refresh()
    stores.load_error = StoreUnavailable("away.")
    with pytest.raises(StoreUnavailable):
        models.of_night(FIRST)
    stores.load_error = None
    assert models.of_night(FIRST).identity.night == FIRST


def test_as_many_earlier_nights_as_declared_stay_loaded_and_one_more_drops_the_one_not_asked_for_longest(
    models: LoadedModels, stores: Stores
) -> None:
    nights = [FIRST - timedelta(days=days) for days in range(refresh.EARLIER_NIGHTS + 1)]
    stores.published |= dict.fromkeys(nights, 5)
    stores.champions = {nights[-1]: 1}
    models.refresh()

    def loads(night: date) -> int:
        before = len(stores.loaded)
        models.of_night(night)
        return len(stores.loaded) - before

    *fitting, one_more = nights
    assert [loads(night) for night in fitting] == [1] * refresh.EARLIER_NIGHTS
    assert [loads(night) for night in fitting] == [0] * refresh.EARLIER_NIGHTS
    assert loads(fitting[0]) == 0  # so that the second is now the one not asked for longest
    assert loads(one_more) == 1
    assert [loads(night) for night in (fitting[0], *fitting[2:])] == [0] * (refresh.EARLIER_NIGHTS - 1)
    assert loads(fitting[1]) == 1


def test_eight_earlier_nights_stay_loaded() -> None:
    assert refresh.EARLIER_NIGHTS == 8
