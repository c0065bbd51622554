"""The versions of a label: an outcome that is corrected, comes late or is withdrawn counts from the night that was known.

The second route is ``known``: plain Python, one scored entity after the other, over whatever had arrived by a night.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.nights import Nights, one
from tests.features.in_memory import NIGHT, Records, ago, at, record, shop

SPAN = Nights(ago(8), NIGHT)
REACH = 3


def visit(visit_id, night, customer="Ada"):
    return record(night, visit_id=visit_id, customer=customer)


def order(nights_ago, bought=True, customer="Ada", order_id=1, *, happened=1, minute=0, withdrawn=False):
    """Return a version of an order that arrived so many nights ago, of an event the night before NIGHT unless given."""
    event, known = at(ago(max(happened, nights_ago))), at(ago(nights_ago), 13, minute)
    clocks = {"event_at": event, "known_at": known, "withdrawn": withdrawn}
    return record(ago(nights_ago), order_id=order_id, customer=customer, bought=bought, **clocks)


def made(orders, visits=None, nights=SPAN, *, as_known_at=None, matures_after=2, reach=REACH):
    use_case = shop(
        {"x": {"kind": "expression", "expression": "basket"}}, matures_after=matures_after, revised={"orders": reach}
    )
    visits = [visit("v", ago(matures_after))] if visits is None else visits
    return Records(use_case, visits=visits, orders=orders).table("labels", nights, as_known_at)


def versions(orders, **options):
    """Return the versions of the labels: (nights ago it was known, label), oldest first."""
    rows = made(orders, nights=Nights(ago(8), ago(-8)), **options)
    return sorted(((NIGHT - row["night"]).days, row["label"]) for row in rows)[::-1]


# Versions of order 1, as (nights ago it arrived, bought, withdrawn); v was scored 2 nights ago, its label matures on NIGHT.
REVISED = [
    ("nothing is revised", [(1, True, False)], [(0, True)]),
    ("corrected before it matured", [(1, True, False), (0, False, False)], [(0, False)]),
    ("corrected later", [(1, True, False), (-1, False, False)], [(0, True), (-1, False)]),
    ("corrected twice", [(1, True, False), (-1, False, False), (-2, True, False)], [(0, True), (-1, False), (-2, True)]),
    ("sent again as it was", [(1, True, False), (-1, True, False)], [(0, True)]),
    ("withdrawn by then", [(1, True, False), (0, True, True)], []),
    ("withdrawn later", [(1, True, False), (-1, True, True)], [(0, True), (-1, None)]),
    ("given again after it was withdrawn", [(1, True, True), (0, False, False)], [(0, False)]),
    ("given again later", [(1, True, False), (0, True, True), (-2, False, False)], [(-2, False)]),
    ("corrected to nothing", [(1, True, False), (-1, None, False)], [(0, True), (-1, None)]),
    ("late", [(-1, True, False)], [(-1, True)]),
    ("as late as may be", [(-3, True, False)], [(-3, True)]),
    ("too late", [(-4, True, False)], []),
]


@pytest.mark.parametrize(("_why", "orders", "expected"), REVISED, ids=[why for why, *_ in REVISED])
def test_a_label_has_a_version_from_each_night_on_which_its_outcome_changed(_why, orders, expected):
    assert versions([order(arrived, bought, withdrawn=withdrawn) for arrived, bought, withdrawn in orders]) == expected


@pytest.mark.parametrize("happened", [2, 1, 0, -1])
def test_a_late_outcome_counts_if_it_happened_by_the_night_the_label_matures(happened):
    late = order(-2, True, happened=happened)
    late["event_night"] = late["event_at"].date()
    assert versions([late]) == ([(-2, True)] if happened >= 0 else [])


@pytest.mark.parametrize("first", [3, 2, 1])
def test_a_record_known_when_the_entity_was_scored_is_an_outcome_from_its_next_version_on(first):
    orders = [order(first, True, happened=3), order(0, False, happened=3, minute=1), order(-1, True, happened=2)]
    assert versions(orders) == [(0, False), (-1, True)]
    assert versions(orders[:1]) == ([(0, True)] if first < 2 else [])


def test_of_several_records_the_one_that_happened_last_counts_and_a_correction_of_an_earlier_one_changes_nothing():
    orders = [order(1, True, happened=1), order(0, False, order_id=2, happened=0), order(-1, True, order_id=1, happened=1)]
    assert versions(orders) == [(0, False)]
    gone = order(-2, False, order_id=2, happened=0, withdrawn=True)
    assert versions([*orders, gone]) == [(0, False), (-2, True)], "the earlier one stands again"


@pytest.mark.parametrize(("moved", "expected"), [(-3, [(0, True), (-3, False)]), (-4, [(0, True)])])
def test_a_correction_counts_whatever_time_it_gives_within_reach_of_maturity_and_no_later(moved, expected):
    assert versions([order(0, True, happened=0), order(moved, False, happened=-1)]) == expected


@pytest.mark.parametrize(("moved", "expected"), [(0, [(-2, False)]), (-1, [])])
def test_a_late_record_counts_from_the_version_on_that_happened_by_maturity(moved, expected):
    assert versions([order(-1, True, happened=-1), order(-2, False, happened=moved)]) == expected


def test_a_correction_that_names_another_customer_takes_the_label_along():
    visits = [visit("v", ago(2)), visit("w", ago(2), "Bo")]
    rows = made([order(1), order(-1, customer="Bo")], visits, Nights(NIGHT, ago(-1)))
    assert [(row["visit_id"], (NIGHT - row["night"]).days, row["label"]) for row in rows if row["visit_id"] == "v"] == [
        ("v", 0, True),
        ("v", -1, None),
    ]
    assert [(NIGHT - row["night"]).days for row in rows if row["visit_id"] == "w"] == [-1]


@pytest.mark.parametrize("arrived", [1, -1, -2])
def test_a_version_says_when_it_was_known(arrived):
    orders = [order(1, True, minute=5), *([order(arrived, False, minute=7)] if arrived < 1 else [])]
    newest = max(made(orders, nights=Nights(ago(8), ago(-8))), key=lambda row: row["night"])
    assert newest["known_at"] == at(ago(arrived), 13, 5 if arrived == 1 else 7)
    assert (newest["night"], newest["scored_night"]) == (ago(min(arrived, 0)), ago(2))


def test_a_withdrawal_says_when_it_was_known():
    newest = max(
        made([order(1), order(-1, withdrawn=True, minute=9)], nights=Nights(NIGHT, ago(-1))), key=lambda row: row["night"]
    )
    assert (newest["label"], newest["known_at"]) == (None, at(ago(-1), 13, 9))


def test_as_known_later_there_is_one_row_per_label_that_stands_by_then():
    orders = [order(1, True), order(-1, False), order(-2, None)]
    found = {known: made(orders, nights=one(NIGHT), as_known_at=ago(known)) for known in (0, -1, -2)}
    assert {known: [(row["night"], row["label"]) for row in rows] for known, rows in found.items()} == {
        0: [(NIGHT, True)],
        -1: [(NIGHT, False)],
        -2: [],
    }


def test_as_known_later_there_are_only_labels_that_matured_on_the_nights_asked_for():
    visits = [visit("v", ago(3)), visit("w", ago(2)), visit("x", ago(1))]
    rows = made([order(0)], visits, one(NIGHT), as_known_at=ago(-2))
    assert [(row["night"], row["visit_id"]) for row in rows] == [(NIGHT, "w")]


@pytest.mark.parametrize("nights", [one(ago(-3)), Nights(NIGHT, ago(-3))])
def test_the_last_night_of_reach_knows_the_first_night_of_the_outcome(nights):
    again = [order(1, True, happened=1), order(-3, True, happened=0)]
    assert [row["night"] for row in made(again, nights=nights)] == [night for night in nights if night == NIGHT]


# --- random histories --------------------------------------------------------------------------------------------------


@st.composite
def histories(draw):
    """Visits of every night and orders whose versions come within REACH nights of their events; some events move."""
    visits = [visit(f"{name}{age}", ago(age), name) for age in range(8) for name in ("Ada", "Bo")]
    orders, minute = [], 0
    for order_id in range(draw(st.integers(1, 5))):
        event = draw(st.integers(0, 8))
        for _ in range(draw(st.integers(1, 4))):
            arrived = event - draw(st.integers(0, REACH))
            minute += 1
            customer, bought = draw(st.sampled_from(["Ada", "Ada", "Bo"])), draw(st.sampled_from([True, False, None]))
            orders.append(
                order(
                    arrived,
                    bought,
                    customer,
                    order_id,
                    happened=event,
                    minute=minute,
                    withdrawn=draw(st.sampled_from([False, False, False, True])),
                )
            )
            event -= draw(st.sampled_from([0, 0, 0, 1, -1]))
    return visits, orders


def known(visits, orders, night: date, matures_after: int) -> dict[str, bool]:
    """Return the labels of the visits as known at the cut-off of a night."""
    labels = {}
    for seen in visits:
        matures = seen["night"] + timedelta(days=matures_after)
        if matures > night:
            continue
        since = matures - timedelta(days=max(matures_after, 1) - 1)
        standing = []
        for order_id in {item["order_id"] for item in orders}:
            arrived = [
                o for o in orders if o["order_id"] == order_id and o["night"] <= min(night, matures + timedelta(days=REACH))
            ]
            arrived.sort(key=lambda o: (o["night"], o["known_at"]))
            ours = [o for o in arrived if o["customer"] == seen["customer"] and o["night"] >= since]
            last = arrived[-1] if arrived else None
            if (
                ours
                and last is ours[-1]
                and not last["withdrawn"]
                and last["bought"] is not None
                and min(o["event_night"] for o in ours) <= matures
            ):
                standing.append(last)
        if standing:
            labels[seen["visit_id"]] = max(standing, key=lambda o: (o["event_at"], o["night"], o["known_at"], o["bought"]))[
                "bought"
            ]
    return labels


@settings(max_examples=60, deadline=None)
@given(history=histories(), matures_after=st.integers(0, 3))
def test_the_newest_versions_by_a_night_are_the_labels_as_known_at_its_cut_off(history, matures_after):
    visits, orders = history
    options = {"visits": visits, "orders": orders, "matures_after": matures_after}
    rows = made(**options)
    for night in SPAN:
        newest: dict[str, tuple] = {}
        for row in rows:
            if row["night"] <= night:
                newest[row["visit_id"]] = max(
                    newest.get(row["visit_id"], (date.min,)), (row["night"], row["label"]), key=lambda v: v[0]
                )
        expected = known(visits, orders, night, matures_after)
        assert {visit_id: label for visit_id, (_, label) in newest.items() if label is not None} == expected, night
        later = made(**options, nights=Nights(SPAN.first, night), as_known_at=night)
        assert {row["visit_id"]: row["label"] for row in later} == expected, night


@settings(max_examples=30, deadline=None)
@given(history=histories(), matures_after=st.integers(0, 3))
def test_a_night_has_the_same_versions_whichever_nights_it_is_made_with(history, matures_after):
    visits, orders = history
    together = made(orders, visits, matures_after=matures_after)
    apart = [row for night in SPAN for row in made(orders, visits, nights=one(night), matures_after=matures_after)]
    place = lambda row: (row["night"], row["visit_id"])  # noqa: E731
    assert sorted(apart, key=place) == sorted(together, key=place)


@settings(max_examples=30, deadline=None)
@given(history=histories(), matures_after=st.integers(0, 3))
def test_where_no_outcome_is_revised_the_labels_are_those_of_a_source_without_revisions(history, matures_after):
    visits, orders = history
    first = {o["order_id"]: o for o in reversed(orders)}.values()
    once = [{**o, "withdrawn": False, "event_at": at(o["night"]), "event_night": o["night"]} for o in first]
    revised = made(once, visits, matures_after=matures_after)
    plain = made(once, visits, matures_after=matures_after, reach=0)
    place = lambda row: (row["night"], row["visit_id"])  # noqa: E731
    assert sorted(revised, key=place) == sorted(plain, key=place)
