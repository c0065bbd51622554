"""An older meaning that a champion needs is made beside today's, and has the very digest that the champion was trained on."""

from __future__ import annotations

from typing import Any

import pytest

from nightloop.definitions import UseCase
from nightloop.meaning import meanings_of
from nightloop.meaning.carrying import Needed, carried_name, carrying, is_carried
from tests.features.in_memory import shop
from tests.meaning.definitions import FEATURES, USE_CASE, changed, put

MEANINGS = meanings_of(USE_CASE)
CHAMPION = Needed(1, MEANINGS.features, USE_CASE)


def carried(today: UseCase, *needed: Needed) -> dict[str, str]:
    """Return the carried features and their digests; nothing may be lost."""
    extended, lost = carrying(today, needed or [CHAMPION])
    assert not lost
    return {name: digest for name, digest in meanings_of(extended).features.items() if name not in today.features}


def reasons(today: UseCase) -> dict[str, str]:
    """Return why each feature that is lost cannot be made."""
    return {item.feature: item.reason for item in carrying(today, [CHAMPION])[1]}


def test_nothing_is_carried_where_nothing_changed() -> None:
    assert carried(USE_CASE) == {}
    assert carrying(USE_CASE, [CHAMPION])[0] is USE_CASE


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_that_is_gone_is_made_from_the_definition_of_then(name: str) -> None:
    today = changed(lambda declared: declared["features"].pop(name))
    assert carried(today) == {carried_name(name, MEANINGS.features[name]): MEANINGS.features[name]}


def test_a_changed_feature_stands_beside_the_one_of_then() -> None:
    today = changed(put("features.basket.expression", "basket * 100"))
    extended, _ = carrying(today, [CHAMPION])
    older = carried_name("basket", MEANINGS.features["basket"])
    assert extended.features["basket"].expression == "basket * 100"
    assert extended.features[older].expression == "basket"
    assert is_carried(older) and not is_carried("basket") and not is_carried("basket__today")


@pytest.mark.parametrize("source", ["visits", "payments", "customers"])
def test_every_column_may_change_and_every_feature_is_still_made(source: str) -> None:
    def double(declared: dict[str, Any]) -> None:
        for name, column in declared["sources"][source]["columns"].items():
            if name not in declared["sources"][source]["key"] and name != "customer":
                column["expression"] = f"coalesce({column['expression']}, null)"

    today = changed(double)
    extended, lost = carrying(today, [CHAMPION])
    assert not lost
    assert set(MEANINGS.features.values()) <= set(meanings_of(extended).features.values())
    older = [name for name in extended.sources[source].columns if is_carried(name)]
    assert older and set(MEANINGS.columns[source].values()) >= {meanings_of(extended).columns[source][name] for name in older}


def test_a_column_that_was_renamed_is_read_under_its_new_name() -> None:
    def rename(declared: dict[str, Any]) -> None:
        columns = declared["sources"]["payments"]["columns"]
        columns["paid"] = columns.pop("amount")
        del declared["features"]["trend"]
        declared["features"]["spent"] = {**declared["features"]["spent"], "of": "paid * 2"}

    extended, lost = carrying(changed(rename), [CHAMPION])
    assert not lost
    older = extended.features[carried_name("spent", MEANINGS.features["spent"])]
    assert older.of == "paid" and not [name for name in extended.sources["payments"].columns if is_carried(name)]


def test_what_tells_the_newest_record_is_carried_with_the_look_up() -> None:
    before = changed(put("features.score.latest_by", "rank"))
    today = changed(put("sources.customers.columns.rank.expression", "-rank"), before)
    digest = meanings_of(before).features["score"]
    extended, lost = carrying(today, [Needed(1, {"score": digest}, before)])
    older = extended.features[carried_name("score", digest)]
    assert not lost and older.latest_by == carried_name("rank", meanings_of(before).columns["customers"]["rank"])


@pytest.mark.parametrize("source", ["visits", "payments"])
def test_a_key_that_changed_in_one_source_only_has_two_names(source: str) -> None:
    found = reasons(changed(put(f"sources.{source}.columns.customer.expression", "lower(customer)")))
    assert set(found) == {"spent", "kinds", "trend", "card_share"}
    assert set(found.values()) == {"its key has two names now."}


def test_a_look_up_is_by_whatever_name_its_key_has_on_either_side() -> None:
    today = changed(put("sources.visits.columns.customer.expression", "lower(customer)"))
    extended, _ = carrying(today, [Needed(1, {"score": MEANINGS.features["score"]}, USE_CASE)])
    older = extended.features[carried_name("score", MEANINGS.features["score"])]
    assert older.by == {"customer": carried_name("customer", MEANINGS.columns["visits"]["customer"])}


def test_two_champions_share_what_both_were_trained_on() -> None:
    today = changed(put("features.basket.expression", "basket * 100"))
    other = Needed(2, {"basket": MEANINGS.features["basket"]}, USE_CASE)
    assert len(carried(today, CHAMPION, other)) == 1


def test_the_old_definition_put_back_carries_nothing() -> None:
    today = changed(put("features.basket.expression", "basket * 100"))
    assert carried(changed(put("features.basket.expression", "basket"), today)) == {}


LOST = {
    "a source that is gone": (lambda declared: _without(declared, "customers", "score"), {"score"}, "'customers' is gone"),
    "other keys": (
        put("sources.payments.key", ["payment_id", "kind"]),
        {"card_share", "spent", "kinds", "trend"},
        "other keys, times or another origin",
    ),
    "another entity": (put("entity.key", ["visit_id", "city"]), {"busy", "basket_before"}, "its key, its join"),
}


def _without(declared: dict[str, Any], source: str, feature: str) -> None:
    del declared["sources"][source], declared["features"][feature]


@pytest.mark.parametrize("case", LOST)
def test_what_cannot_be_made_any_more_is_named_with_the_reason(case: str) -> None:
    change, features, reason = LOST[case]
    found = reasons(changed(change))
    assert set(found) == features
    assert all(reason in text for text in found.values())


def test_a_definition_of_then_that_does_not_give_the_digest_makes_nothing() -> None:
    today = changed(put("features.basket.expression", "basket * 100"))
    of_another = Needed(3, {"basket": "0" * 16, "absent": "1" * 16}, USE_CASE)
    extended, lost = carrying(today, [of_another])
    assert extended is today
    assert [(item.version, item.feature) for item in lost] == [(3, "basket"), (3, "absent")]
    assert all("not there any more" in item.reason for item in lost)


def test_the_name_of_an_older_column_fits_into_a_name() -> None:
    name = carried_name("a" * 63, "0123456789abcdef")
    assert name == "a" * 50 + "__01234567" and is_carried(name)
    extended, lost = carrying(shop({"x": FEATURES["basket"]}), [CHAMPION])
    assert not lost
    assert UseCase.model_validate(extended.model_dump(mode="json")) == extended
