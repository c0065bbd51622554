"""A cell of the grid: each state once, the gravest of several, and what is next to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, get_args

import pytest

from nightloop.alerts import Alert, StoredAlert
from nightloop.control_room.cells import SIGNS, WRONG, Answer, NightFacts, State, cell_of
from nightloop.upkeep.owed import Owed

NIGHT = date(2024, 3, 5)
JUDGED = {"decision": "keep", "reason": "all is well", "drift_verdict": "pass", "drift_reason": "", "champion_version": 3}
ALERT = Alert(
    "stage_failed", "loans", NIGHT, "ingest.ingest", "ingest failed", "it broke", "mend it", "now", link="https://a/b"
)
OPEN = StoredAlert("a1", ALERT, datetime(2024, 3, 6, tzinfo=UTC))
EVERYTHING = NightFacts(
    given_up={NIGHT: "the sender lost it"},
    approvals={NIGHT: "approval of candidate 4"},
    alerts={NIGHT: OPEN},
    refused={NIGHT: "too few rows"},
    late={NIGHT: "promised by 03:00"},
    owed={NIGHT: Owed("score", NIGHT, "not scored")},
    stale={NIGHT: "raw_orders of 2024-03-05 (version 4 -> 9)"},
    promoted={NIGHT: 4},
    decisions={NIGHT: {**JUDGED, "decision": "retrain", "reason": "aged", "drift_verdict": "fail", "drift_reason": "price"}},
    pages={NIGHT: "loans/2024-03-05/drift.html"},
    scored={NIGHT},
    built={NIGHT},
)
FIELDS = ("given_up", "approvals", "alerts", "refused", "late", "owed", "stale", "promoted", "decisions", "scored", "built")


def only(*names: str, **changes: Any) -> NightFacts:
    """Only some of the facts, and others."""
    return NightFacts(**{name: getattr(EVERYTHING, name) for name in names}, **changes)


def cell(facts: NightFacts, *, is_due: bool = True, is_of_use_case: bool = True) -> Any:
    return cell_of(NIGHT, facts, is_due=is_due, is_of_use_case=is_of_use_case)


@pytest.mark.parametrize(
    ("facts", "state", "why", "answer"),
    [
        (only("given_up"), "given up", "the sender lost it", Answer("runs", "ingest")),
        (only("approvals"), "waiting", "approval of candidate 4", Answer("approvals")),
        (only("alerts"), "waiting", "ingest failed", Answer("address", "https://a/b")),
        (only("refused"), "quarantined", "too few rows", Answer("runs", "ingest")),
        (only("late", "owed"), "late", "promised by 03:00", Answer("runs", "score")),
        (only("owed"), "missing", "score: not scored", Answer("runs", "score")),
        (only(), "missing", "nothing of it is there", Answer("runs", "ingest")),
        (only("stale", "scored"), "stale", "raw_orders of 2024-03-05 (version 4 -> 9)", Answer("runs", "score")),
        (only("decisions", "scored"), "retrained", "aged", Answer("training")),
        (only("promoted", "scored"), "retrained", "version 4 was trained as of this night", Answer("training")),
        (only("scored", decisions={NIGHT: JUDGED}), "scored", "by version 3", Answer("runs", "monitor")),
        (only("scored", "pages"), "scored", "", Answer("page", "loans/2024-03-05/drift.html")),
        (only("built"), "unscored", "no champion is effective", Answer("runs", "features")),
    ],
)
def test_each_state_says_why_and_where_to_look_next(facts: NightFacts, state: State, why: str, answer: Answer) -> None:
    of_night = cell(facts)
    assert (of_night.state, of_night.why, of_night.answer) == (state, why, answer)


def test_a_night_that_drifted_leads_to_its_page() -> None:
    drifted = {NIGHT: {**JUDGED, "drift_verdict": "fail", "drift_reason": "price drifted"}}
    of_night = cell(only("scored", "pages", decisions=drifted))
    assert (of_night.state, of_night.why, of_night.answer.target) == ("drifted", "price drifted", "page")
    assert of_night.in_words() == "2024-03-05 drifted: price drifted; scored: by version 3"


def test_before_its_hour_a_night_is_not_due_and_others_are_no_nights_of_the_use_case() -> None:
    assert cell(only(), is_due=False).state == "not due"
    assert cell(EVERYTHING, is_of_use_case=False).state == "none"


def test_of_several_the_gravest_decides_and_the_others_stand_beside_it() -> None:
    facts, order = EVERYTHING, []
    for name in FIELDS:
        order.append(cell(facts).state)
        facts = replace(facts, **{name: {}})
    assert order == [
        "given up", "waiting", "quarantined", "quarantined", "late", "missing", "stale", "retrained", "retrained", "scored",
        "unscored",
    ]  # fmt: skip
    also = " ".join(cell(EVERYTHING).also)
    for state in ("waiting", "quarantined", "late", "missing", "stale", "retrained", "drifted", "scored"):
        assert f"{state}: " in also


@pytest.mark.parametrize(
    ("facts", "is_lacking"),
    [
        (only("alerts"), False),
        (only("alerts", "owed"), True),
        (only("late"), True),
        (only("refused"), True),
        (only("stale", "scored"), False),
        (only(), True),
    ],
)
def test_scores_are_lacking_whatever_waits_before(facts: NightFacts, is_lacking: bool) -> None:
    assert cell(facts).is_lacking is is_lacking


@pytest.mark.parametrize(("rows", "words"), [(0, ()), (1, ("1 record set aside",)), (1200, ("1,200 records set aside",))])
def test_records_set_aside_are_counted_beside_the_state(rows: int, words: tuple[str, ...]) -> None:
    assert cell(only("scored", set_aside={NIGHT: rows})).also == words


def test_a_contract_that_refused_the_night_is_said_once_and_not_as_its_alert() -> None:
    assert cell(only("alerts", "refused", "owed")).state == "quarantined"


def test_an_alert_without_a_link_leads_to_the_runs_of_its_stage() -> None:
    stored = replace(OPEN, alert=replace(ALERT, link="", subject="monitor.decide"))
    assert cell(only(alerts={NIGHT: stored})).answer == Answer("runs", "monitor")


def test_every_state_has_a_sign_of_its_own_beside_its_colour() -> None:
    assert SIGNS.keys() == set(get_args(State)) and SIGNS.keys() >= WRONG
    signs = [sign for sign, _ in SIGNS.values()]
    assert len(set(signs)) == len(signs) and all(len(sign) <= 1 for sign in signs)
