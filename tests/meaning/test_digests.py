"""The digest of a thing changes when a value of it may change, and only then."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from nightloop.definitions import load_use_case, use_case_names
from nightloop.meaning import digests, meanings_of
from nightloop.meaning.digests import KEY, ROWS, digest_of
from nightloop.settings import REPOSITORY
from tests.features.in_memory import shop, window
from tests.meaning.definitions import FEATURES, USE_CASE, changed, put

MEANINGS = meanings_of(USE_CASE)


def touched_by(change: Any) -> set[str]:
    """Return the things whose digest a change moves."""
    after = meanings_of(changed(change))
    pairs = {f"features.{name}": (MEANINGS.features[name], after.features.get(name)) for name in MEANINGS.features}
    pairs |= {f"rows.{name}": (MEANINGS.rows[name], after.rows[name]) for name in MEANINGS.rows}
    pairs |= {
        f"{source}.{name}": (digest, after.columns[source].get(name))
        for source, columns in MEANINGS.columns.items()
        for name, digest in columns.items()
    }
    pairs |= {"label": (MEANINGS.label, after.label), "entity": (MEANINGS.entity, after.entity)}
    return {name for name, (before, now) in pairs.items() if before != now}


OVER_PAYMENTS = {"features.card_share", "features.spent", "features.kinds", "features.trend"}
BY_CUSTOMER = OVER_PAYMENTS | {"features.score"}

MEANING = [
    ("features.basket.expression", "basket * 100", {"features.basket"}),
    ("features.basket.default", 0.0, {"features.basket"}),
    ("features.weekend.expression", "weekday(day) > 6", {"features.weekend"}),
    ("features.city_bucket.buckets", 17, {"features.city_bucket"}),
    ("features.city_bucket.columns", ["vip", "city"], {"features.city_bucket"}),
    ("features.busy.by", ["customer"], {"features.busy"}),
    ("features.basket_before.nights", 8, {"features.basket_before"}),
    ("features.basket_before.expression", "items", {"features.basket_before"}),
    ("features.score.expression", "rank", {"features.score"}),
    ("features.score.within", 2, {"features.score"}),
    ("features.score.latest_by", "since", {"features.score"}),
    ("features.card_share.smoothing", 2.5, {"features.card_share"}),
    ("features.card_share.of", "not by_card", {"features.card_share"}),
    ("features.spent.nights", 4, {"features.spent"}),
    ("features.spent.function", "mean", {"features.spent"}),
    ("features.spent.scale", 3, {"features.spent"}),
    ("features.spent.where", "by_card", {"features.spent"}),
    ("features.kinds.of", "city", {"features.kinds"}),
    ("features.trend.to_nights", 10, {"features.trend"}),
    ("label.expression", "not bought", {"label"}),
    ("label.matures_after", 3, {"label"}),
    (
        "sources.visits.columns.basket.expression",
        "basket / 100",
        {"visits.basket", "features.basket", "features.basket_before"},
    ),
    ("sources.visits.columns.vip.type", "string", {"visits.vip", "features.city_bucket"}),
    ("sources.payments.columns.amount.expression", "amount * 2", {"payments.amount", "features.spent", "features.trend"}),
    ("sources.orders.columns.bought.expression", "not bought", {"orders.bought", "label"}),
    ("sources.payments.key", ["payment_id", "kind"], {"rows.payments", *OVER_PAYMENTS}),
    ("sources.payments.event_at", "known_at::timestamp", {"rows.payments", *OVER_PAYMENTS}),
    ("sources.payments.known_at", "event_at::timestamp", {"rows.payments", *OVER_PAYMENTS}),
    ("sources.payments.revised_within", 2, {"rows.payments", *OVER_PAYMENTS}),
    ("sources.customers.night", "since", {"rows.customers", "features.score"}),
    ("entity.key", ["visit_id", "city"], {"entity", "features.busy", "features.basket_before", "label"}),
]


@pytest.mark.parametrize(("path", "value", "moved"), MEANING, ids=[path for path, *_ in MEANING])
def test_a_change_of_meaning_moves_what_is_made_from_it_and_nothing_else(path: str, value: object, moved: set[str]) -> None:
    assert touched_by(put(path, value)) == moved


WRITTEN_OTHERWISE = {
    "features.basket.expression": " basket /* the sum */",
    "features.weekend.expression": "  weekday( day )>=6 -- Saturday, Sunday",
    "sources.visits.columns.basket.expression": " Basket -- of the file",
    "sources.payments.event_at": "event_at :: TIMESTAMP",
}


@pytest.mark.parametrize("path", WRITTEN_OTHERWISE)
def test_another_way_to_write_the_same_moves_nothing(path: str) -> None:
    change = put(path, WRITTEN_OTHERWISE[path])
    assert changed(change) != USE_CASE
    assert touched_by(change) == set()


def test_a_null_marker_of_a_file_moves_its_columns_and_all_that_is_made_of_them() -> None:
    moved = touched_by(put("sources.payments.connector.null", "NA"))
    assert {name for name in moved if name.startswith("payments.")} == {
        f"payments.{column}" for column in USE_CASE.sources["payments"].columns
    }
    assert moved >= OVER_PAYMENTS | {"rows.payments"}
    assert not moved & {"label", "features.score", "features.basket"}


def test_another_time_zone_moves_what_has_a_night() -> None:
    moved = touched_by(put("time_zone", "Asia/Tokyo"))
    assert moved >= OVER_PAYMENTS | {"label", "entity", "rows.payments", "features.score"}
    assert not moved & {"features.basket", "features.city_bucket", "visits.basket"}


def test_a_label_whose_outcomes_may_be_revised_means_its_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    revised = changed(lambda declared: declared["sources"]["orders"].update(revised_within=2))
    label = meanings_of(revised).label
    assert label not in {MEANINGS.label, meanings_of(changed(put("sources.orders.revised_within", 3))).label}
    monkeypatch.setattr(digests, "label_revised_within", lambda _: 0)
    assert meanings_of(revised).label != label, "labels made before there were versions are no versions"


def test_another_task_gives_the_label_another_type() -> None:
    assert touched_by(put("model", {"task": "regression"})) == {"label"}


def test_a_renamed_thing_has_the_digest_it_had() -> None:
    def rename(declared: dict[str, Any]) -> None:
        columns = declared["sources"]["visits"]["columns"]
        declared["sources"]["visits"]["columns"] = {"worth" if name == "basket" else name: of for name, of in columns.items()}
        declared["features"]["worth"] = declared["features"].pop("basket") | {"expression": "worth"}
        declared["features"]["basket_before"]["expression"] = "worth"

    after = meanings_of(changed(rename))
    assert after.columns["visits"]["worth"] == MEANINGS.columns["visits"]["basket"]
    assert after.features["worth"] == MEANINGS.features["basket"]
    assert after.features["basket_before"] == MEANINGS.features["basket_before"]


def test_text_of_quotes_counts_as_it_is_written() -> None:
    texts = ["city = 'A'", "city = 'a'", "city = ' a'", "city='a--b'", "city = 'a'-- b"]
    columns = [
        meanings_of(changed(put("sources.visits.columns.city.expression", text))).columns["visits"]["city"] for text in texts
    ]
    assert columns[1] == columns[4]
    assert len(set(columns)) == 4


def test_a_mended_function_is_another_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "SEMANTICS", digests.SEMANTICS + 1)
    after = meanings_of(USE_CASE)
    assert not set(after.features.values()) & set(MEANINGS.features.values())


def test_every_commit_of_a_table_says_what_its_columns_mean() -> None:
    recorded = {
        table: MEANINGS.of_table(table, USE_CASE) for table in ("raw_visits", "tiles", "aggregates", "features", "labels")
    }
    assert recorded["raw_visits"] == {**MEANINGS.columns["visits"], ROWS: MEANINGS.rows["visits"]}
    assert recorded["features"] == {
        "visit_id": MEANINGS.columns["visits"]["visit_id"],
        **MEANINGS.features,
        ROWS: MEANINGS.entity,
    }
    of_own_row = {"basket", "weekend", "city_bucket"}
    keys = {name: of for name, of in recorded["aggregates"].items() if name.startswith(KEY)}
    assert recorded["aggregates"] == {name: of for name, of in MEANINGS.features.items() if name not in of_own_row} | keys
    columns = MEANINGS.columns["visits"]
    assert keys == {f"key {name}": digest_of("key", [columns[name]]) for name in ("city", "customer", "visit_id")}
    assert recorded["labels"]["label"] == MEANINGS.label and recorded["labels"][ROWS] == MEANINGS.entity
    assert recorded["tiles"] == dict(MEANINGS.tiles)
    assert MEANINGS.of_table("quarantine", USE_CASE) == MEANINGS.of_table("payments", USE_CASE) == {}


def test_the_digest_of_tiles_changes_with_all_that_they_depend_on() -> None:
    def tiles(use_case: Any) -> dict[str, str]:
        return dict(meanings_of(use_case).tiles)

    count = shop({"n": window("count")})
    variants = [
        count,
        shop({"n": window("count", where="by_card")}),
        shop({"n": window("count", by=["city"])}),
        shop({"n": window("min", "amount")}),
        shop({"n": window("distinct", "kind")}),
        shop({"n": window("distinct", "kind", where="by_card")}),
        shop({"n": window("count", source="orders")}),
        shop({"n": window("count")}, revised={"payments": 3}),
        shop({"n": window("count")}, time_zone="Asia/Tokyo"),
        changed(put("sources.payments.key", ["customer"]), count),
        changed(put("sources.payments.columns.customer.type", "integer"), shop({"n": window("count")})),
    ]
    for one, other in combinations(variants, 2):
        assert not set(tiles(one).values()) & set(tiles(other).values())
    same = [
        shop({"count": window("count", nights=28, description="Another.", default=1.0)}),
        shop({"n": window("count"), "basket": {"kind": "expression", "expression": "basket"}}),
        shop({"n": window("count")}, matures_after=9, revised={"orders": 3}),
        changed(put("sources.customers.key", ["score"]), count),
    ]
    assert all(tiles(each) == tiles(count) for each in same)


def test_a_digest_tells_values_types_and_places_apart() -> None:
    values = [("a", "b"), ("ab",), ("b", "a"), (1,), ("1",), (1.0,), (None,), ([],), (["a"], "b")]
    assert len({digest_of(*value) for value in values}) == len(values)


RECORDED = {"arrival_delay": "fe641bebaf2dda1d", "credit_risk": "bb55dcdefc851cb1", "flight_delay": "6886b5720806606b"}
"""Digest of each shipped use case's meanings: code that moves one without intent would make every lake stale."""


def test_the_meanings_of_what_we_ship_stay_as_they_are() -> None:
    found = {}
    for name in use_case_names(REPOSITORY / "feature_defs"):
        meanings = meanings_of(load_use_case(name, REPOSITORY / "feature_defs"))
        found[name] = digest_of(*sorted(meanings.features.items()), *sorted(meanings.tiles.items()), meanings.label)
    assert found == RECORDED


def test_features_of_every_kind_are_in_the_use_case_of_these_tests() -> None:
    assert {feature["kind"] for feature in FEATURES.values()} == {
        "expression", "cross", "peers", "lag", "lookup", "rate", "window", "ratio",
    }  # fmt: skip


def test_a_digest_is_the_same_in_every_version_of_nightloop() -> None:
    """Another digest for the same parts would make every stored night stale."""
    assert digest_of("é", 1, None, {"b": 1, "a": [2.5]}) == "363311426ca37ca6"
