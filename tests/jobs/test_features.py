"""The stage features: what it publishes, from which inputs, under which name, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import pytest

from jobs import features
from jobs.features import STEPS
from nightloop.definitions import UseCase
from nightloop.definitions.loading import definition_digest
from nightloop.errors import BadNight, ContractBroken, NotReady, UsageError
from nightloop.lake import Commit
from nightloop.meaning import meanings_of
from nightloop.nights import Night, Nights, one
from nightloop.workspace import Workspace
from tests.features.in_memory import FIRST, raw, record, shop, window

BASKET = {"kind": "expression", "expression": "basket", "range": (0.0, 10.0)}
SHOP = shop({"n": window("count", nights=2), "basket": BASKET}, revised={"payments": 1})
NIGHTS = Nights(FIRST, FIRST + timedelta(days=3))
SECOND, THIRD, LAST = (FIRST + timedelta(days=day) for day in (1, 2, 3))


def records_of(night: Night) -> dict[str, list[dict[str, Any]]]:
    """Two visits, an order and as many payments as nights have passed; each payment arrives again a night later, gone."""
    passed = (night - FIRST).days + 1
    payments = [record(night, payment_id=10 * passed + i, customer="Ada") for i in range(passed)]
    before = [record(night, payment_id=10 * (passed - 1), customer="Ada", event_at=payments[0]["event_at"] - timedelta(days=1))]
    return {
        "visits": [record(night, visit_id=f"v{i}", customer=name, basket=1.0) for i, name in enumerate(("Ada", "Bo"))],
        "payments": payments + [{**each, "withdrawn": True} for each in before if passed > 1],
        "orders": [record(night, order_id=passed, customer="Ada", bought=True)],
    }


def publish(workspace: Workspace, source: str, night: Night, records: Iterable[Mapping[str, Any]]) -> None:
    rows = raw(SHOP, source, records).drop_columns(["night"])
    workspace.lake.publish(f"shop/raw_{source}", night, rows, Commit("ingest", "shop"))


@pytest.fixture
def ready(workspace: Workspace) -> Workspace:
    """The raw tables of NIGHTS."""
    for night in NIGHTS:
        for source, records in records_of(night).items():
            publish(workspace, source, night, records)
    return workspace


def run(workspace: Workspace, nights: Nights | Night = NIGHTS, use_case: UseCase = SHOP, **options: Any) -> list[Any]:
    return features.run(use_case, one(nights) if isinstance(nights, date) else nights, workspace, **options)


def rows(workspace: Workspace, table: str, *columns: str) -> list[tuple[Any, ...]]:
    found = workspace.lake.read(f"shop/{table}").to_pylist()
    return sorted(tuple(row[name] for name in ("night", *columns)) for row in found)


# --- what is published -------------------------------------------------------------------------------------------------


def test_four_tables_are_published_one_after_the_other_night_by_night(ready: Workspace) -> None:
    published = run(ready)
    assert [(each.table, each.night) for each in published] == [(f"shop/{step}", night) for step in STEPS for night in NIGHTS]
    assert {each.details["engine"] for each in published} == {"local"}
    counts = {FIRST: (1.0, 0.0), SECOND: (2.0, 0.0), THIRD: (4.0, 0.0), LAST: (6.0, 0.0)}
    assert rows(ready, "features", "visit_id", "n", "basket") == [
        (night, f"v{i}", counts[night][i], 1.0) for night in NIGHTS for i in range(2)
    ]
    assert rows(ready, "labels", "scored_night", "visit_id", "label") == [
        (THIRD, FIRST, "v0", True),
        (LAST, SECOND, "v0", True),
    ]


def test_one_step_publishes_one_table(ready: Workspace) -> None:
    for step in STEPS:
        assert {each.table for each in run(ready, step=step)} == {f"shop/{step}"}


def test_night_by_night_gives_the_content_of_the_range(ready: Workspace) -> None:
    run(ready)
    whole = _digests(ready)
    for night in (*reversed(list(NIGHTS)), SECOND):
        run(ready, night)
    assert _digests(ready) == whole


def _digests(workspace: Workspace) -> dict[tuple[str, Night], str]:
    states = {step: workspace.lake.states(f"shop/{step}") for step in STEPS}
    return {(step, night): state.content_digest for step, found in states.items() for night, state in found.items()}


def test_a_night_whose_labels_cannot_have_matured_is_published_empty(ready: Workspace) -> None:
    (published,) = run(ready, SECOND, step="labels")
    assert published.rows == 0
    states = ready.lake.states("shop/labels")
    assert (states[SECOND].rows, states[SECOND].inputs) == (0, {})
    assert (ready.lake.states("shop/labels").keys(), rows(ready, "labels")) == ({SECOND}, [])


def test_a_night_without_visits_has_empty_features_and_is_published(ready: Workspace) -> None:
    publish(ready, "visits", LAST, [])
    run(ready)
    assert ready.lake.states("shop/features")[LAST].rows == 0
    assert {row[0] for row in rows(ready, "features")} == {FIRST, SECOND, THIRD}


def test_commits_name_stage_definition_and_the_versions_of_their_inputs(ready: Workspace) -> None:
    run(ready)
    expected = {
        "tiles": {"raw_payments"},
        "aggregates": {"tiles"},
        "features": {"raw_visits", "aggregates"},
        "labels": {"raw_visits", "raw_orders"},
    }
    for step, names in expected.items():
        state = ready.lake.states(f"shop/{step}")[LAST]
        assert set(state.inputs) == {f"shop/{name}" for name in names}
        assert state.definition_digest == definition_digest(SHOP)
        assert state.meanings == meanings_of(SHOP).of_table(step, SHOP)


def test_progress_is_reported_for_each_table_and_night(ready: Workspace) -> None:
    calls: list[tuple[str, int, int]] = []
    run(ready, step="tiles", progress=lambda *call: calls.append(call))
    assert calls == [("computing tiles", 0, 4), *(("publishing tiles", done, 4) for done in (1, 2, 3, 4))]


def test_a_range_in_chunks_has_the_content_of_one_job_and_reports_on_the_whole(
    ready: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(ready)
    whole = _digests(ready)
    monkeypatch.setattr("jobs.chunks.SMALL_TILES_BYTES", 0)
    monkeypatch.setattr("jobs.chunks.CHUNK_BYTES", 1)
    calls: list[tuple[str, int, int]] = []
    run(ready, step="aggregates", progress=lambda *call: calls.append(call))
    assert calls == [("computing aggregates", 0, 4), *(("publishing aggregates", done, 4) for done in (1, 2, 3, 4))]
    assert _digests(ready) == whole


# --- as known later ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [THIRD, str(THIRD)])
def test_what_was_known_later_is_stored_apart_and_tiles_are_not_made_again(ready: Workspace, known: Night | str) -> None:
    run(ready)
    before = _digests(ready)
    published = run(ready, Nights(FIRST, SECOND), as_known_at=known)
    apart = [f"shop/{step}_known_{THIRD}" for step in ("aggregates", "features", "labels")]
    assert [each.table for each in published] == [table for table in apart for _ in range(2)]
    assert _digests(ready) == before
    assert rows(ready, f"features_known_{THIRD}", "visit_id", "n") == [
        (FIRST, "v0", 0.0),
        (FIRST, "v1", 0.0),
        (SECOND, "v0", 1.0),
        (SECOND, "v1", 0.0),
    ]
    state = ready.lake.states(apart[1])[FIRST]
    assert set(state.inputs) == {"shop/raw_visits", apart[0]}


def test_a_night_as_known_at_itself_is_allowed_and_one_not_over_by_then_refused(ready: Workspace) -> None:
    run(ready, step="tiles")
    run(ready, Nights(FIRST, THIRD), step="aggregates", as_known_at=THIRD)
    with pytest.raises(BadNight, match=f"as known at {SECOND}, the night {THIRD} is not over") as refused:
        run(ready, Nights(FIRST, THIRD), step="aggregates", as_known_at=SECOND)
    assert f"Ask for {THIRD} or later" in str(refused.value)


def test_tiles_have_no_later_knowledge(ready: Workspace) -> None:
    with pytest.raises(UsageError, match="tiles hold every version"):
        run(ready, step="tiles", as_known_at=LAST)


# --- what is refused ---------------------------------------------------------------------------------------------------


def test_a_night_before_the_first_is_refused_and_the_first_is_not(ready: Workspace) -> None:
    with pytest.raises(BadNight, match=f"before the first night of shop, {FIRST}"):
        run(ready, Nights(FIRST - timedelta(days=1), LAST))
    assert run(ready, FIRST)


@pytest.mark.parametrize("step", STEPS)
def test_an_input_that_is_not_published_is_named(workspace: Workspace, step: features.Step) -> None:
    missing = {"tiles": "raw_payments", "aggregates": "tiles", "features": "raw_visits", "labels": "raw_visits"}[step]
    with pytest.raises(NotReady, match=missing):
        run(workspace, THIRD, step=step)
    assert not workspace.lake.exists(f"shop/{step}")


def test_tiles_of_another_definition_are_not_added_up(ready: Workspace) -> None:
    run(ready, step="tiles")
    changed = shop({"n": window("count", nights=2, where="by_card"), "basket": BASKET}, revised={"payments": 1})
    with pytest.raises(NotReady, match="another definition than today's"):
        run(ready, LAST, changed, step="aggregates")
    run(ready, step="tiles", use_case=changed)
    run(ready, LAST, changed, step="aggregates")


def test_the_nights_before_one_with_a_repeated_key_stand(ready: Workspace) -> None:
    publish(ready, "visits", THIRD, [record(THIRD, visit_id="v0"), record(THIRD, visit_id="v0")])
    with pytest.raises(ContractBroken, match="2 records of source 'visits' have 1 keys") as refused:
        run(ready)
    assert f"night {THIRD}" in str(refused.value)
    assert f"The nights before it, {FIRST}..{SECOND}, are published" in str(refused.value)
    assert {table: list(ready.lake.states(f"shop/{table}")) for table in ("features", "labels")} == {
        "features": [FIRST, SECOND],
        "labels": [FIRST, SECOND],
    }


def test_nothing_is_published_where_the_first_night_has_a_repeated_key(ready: Workspace) -> None:
    publish(ready, "visits", FIRST, [record(FIRST, visit_id="v0"), record(FIRST, visit_id="v0")])
    with pytest.raises(ContractBroken, match=r"Let the contract of 'visits' set them aside .*, then ingest it again[.]$"):
        run(ready)
    assert not ready.lake.exists("shop/features")


def test_values_out_of_range_are_shown_and_recorded_of_their_own_night(ready: Workspace) -> None:
    publish(ready, "visits", THIRD, [record(THIRD, visit_id="v0", basket=10.5), record(THIRD, visit_id="v1", basket=10.0)])
    published = run(ready)
    shown = {(each.table, each.night): each.details["out_of_range"] for each in published if "out_of_range" in each.details}
    assert shown == {("shop/features", THIRD): {"basket": 1}}
    assert [event.night for event in ready.ledger.events("shop", kind="features_out_of_range")] == [THIRD]
