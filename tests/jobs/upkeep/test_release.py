"""Quarantined records come in after a fix or by a person's word, once, and stay in when the night is taken in again."""

from __future__ import annotations

import json
from datetime import date

import pytest

from jobs import ingest
from jobs.commands import quarantine
from jobs.commands.command_line import main
from jobs.published import Published
from jobs.raw_tables import RawTables
from jobs.upkeep import release
from jobs.upkeep.release import ReleaseRequest
from nightloop.contracts.quarantine import RELEASED, record_digest
from nightloop.errors import ContractBroken, NotReady, UsageError
from nightloop.nights import one, parse_nights
from tests.fixtures_ingest import ORDERS, Shop, order

NIGHT = date(2024, 3, 2)
AT = "2024-03-02T12:00:00Z"
FIX = ReleaseRequest(reason="the till writes refunds", by="ada")
ACCEPT = ReleaseRequest(reason="counted by hand", by="bob", accept=True)


@pytest.fixture
def refunds(shop: Shop) -> Shop:
    """A night with two refunds, which the contract sets aside, a record that cannot be read, and three good orders."""
    shop.orders(
        *(order(f"good-{i}", AT) for i in range(3)),
        order("refund-1", AT, amount="-5"),
        order("refund-2", AT, amount="-900"),
        order("odd", AT, amount="12.x"),
    )
    take_in(shop)
    return shop


def take_in(shop: Shop) -> list[Published]:
    return ingest.run(shop.use_case, one(NIGHT), shop.workspace)


def let_go(shop: Shop, request: ReleaseRequest) -> list[Published]:
    return release.run(shop.use_case, NIGHT, shop.workspace, request)


def allow(shop: Shop, lowest: int) -> None:
    """Correct the contract: amounts from ``lowest`` on are right."""
    shop.write("great_expectations/shop/orders.yaml", ORDERS.replace("min_value: 0", f"min_value: {lowest}"))


def orders(shop: Shop) -> list[str]:
    return sorted(shop.workspace.lake.read("shop/raw_orders", one(NIGHT), ["order_id"]).column(0).to_pylist())


def held(shop: Shop) -> list[str]:
    records = shop.workspace.lake.read("shop/quarantine", one(NIGHT), ["record"]).column(0).to_pylist()
    return sorted(json.loads(record)["order_id"] for record in records)


def digests(shop: Shop) -> list[str]:
    return [shop.workspace.lake.states(f"shop/{table}")[NIGHT].content_digest for table in ("raw_orders", "quarantine")]


def test_after_a_fix_of_the_contract_what_passes_is_published_and_the_rest_stays(refunds: Shop) -> None:
    allow(refunds, -10)
    raw, left = let_go(refunds, FIX)
    assert orders(refunds) == ["good-0", "good-1", "good-2", "refund-1"]
    assert held(refunds) == ["odd", "refund-2"]
    assert (raw.rows, raw.details["released"], raw.details["stay"], left.rows) == (4, 1, 2, 2)
    (event,) = refunds.workspace.ledger.events("shop", kind=RELEASED)
    said = {key: event.payload[key] for key in ("records", "rules", "by", "reason", "accepted")}
    assert said == {
        "records": 1, "rules": {"values_to_be_between(amount)": 1}, "by": "ada", "reason": FIX.reason, "accepted": False,
    }  # fmt: skip


def test_after_a_fix_of_the_declaration_what_can_be_read_now_is_published(refunds: Shop) -> None:
    refunds.define("amount::int", "replace(amount, '.x', '')::int")
    let_go(refunds, FIX)
    assert orders(refunds) == ["good-0", "good-1", "good-2", "odd"]


def test_without_a_fix_nothing_is_released_and_nothing_is_told(refunds: Shop) -> None:
    before = digests(refunds)
    assert let_go(refunds, FIX) == []
    assert digests(refunds) == before
    assert refunds.workspace.ledger.events("shop", kind=RELEASED) == []


def test_a_person_can_let_a_record_in_although_it_breaks_the_rule(refunds: Shop) -> None:
    one_record = digest_of(refunds, "refund-2")
    let_go(refunds, ReleaseRequest(ACCEPT.reason, ACCEPT.by, record=one_record[:12], accept=True))
    assert orders(refunds) == ["good-0", "good-1", "good-2", "refund-2"]
    assert held(refunds) == ["odd", "refund-1"]
    (event,) = refunds.workspace.ledger.events("shop", kind=RELEASED)
    assert (event.payload["accepted"], event.payload["by"], event.payload["digests"]) == (True, "bob", [one_record])


def digest_of(shop: Shop, number: str) -> str:
    records = shop.workspace.lake.read("shop/quarantine", one(NIGHT), ["record"]).column(0).to_pylist()
    return next(record_digest(record) for record in records if json.loads(record)["order_id"] == number)


def test_a_record_that_cannot_be_read_is_not_accepted_either(refunds: Shop) -> None:
    let_go(refunds, ACCEPT)
    assert held(refunds) == ["odd"]


def test_the_same_night_taken_in_again_keeps_what_was_accepted(refunds: Shop) -> None:
    let_go(refunds, ACCEPT)
    before = digests(refunds)
    take_in(refunds)
    assert digests(refunds) == before
    assert refunds.workspace.ledger.events("shop", kind="night_restated") == refunds.workspace.ledger.events(
        "shop", kind="night_restated", night=NIGHT
    )
    take_in(refunds)
    assert digests(refunds) == before


def test_the_same_night_taken_in_again_by_the_corrected_contract_is_what_the_release_made(refunds: Shop) -> None:
    allow(refunds, -10)
    let_go(refunds, FIX)
    before = digests(refunds)
    take_in(refunds)
    assert digests(refunds) == before


def test_an_acceptance_is_for_that_night_and_record_only(refunds: Shop) -> None:
    let_go(refunds, ACCEPT)
    refunds.orders(order("refund-1", "2024-03-03T12:00:00Z", amount="-5"), order("a", "2024-03-03T12:00:00Z"))
    orders_of_the_next, *_ = ingest.run(refunds.use_case, parse_nights("2024-03-03"), refunds.workspace)
    assert (orders_of_the_next.rows, orders_of_the_next.details["quarantined"]) == (1, 1)


def test_released_twice_changes_nothing_the_second_time(refunds: Shop) -> None:
    let_go(refunds, ACCEPT)
    before, events = digests(refunds), refunds.workspace.ledger.events("shop")
    assert let_go(refunds, ACCEPT) == []
    assert (digests(refunds), refunds.workspace.ledger.events("shop")) == (before, events)


@pytest.mark.parametrize("survives", ["the ledger only", "ledger and raw table"])
def test_a_release_killed_half_way_is_finished_by_the_same_command(
    refunds: Shop, survives: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = RawTables.commit

    def killed(self: RawTables, name: str, *args: object, **kwargs: object) -> object:
        if survives == "the ledger only" or name == "quarantine":
            raise KeyboardInterrupt
        return commit(self, name, *args, **kwargs)  # type: ignore[arg-type]

    allow(refunds, -1000)
    with monkeypatch.context() as patched:
        patched.setattr(RawTables, "commit", killed)
        with pytest.raises(KeyboardInterrupt):
            let_go(refunds, FIX)
    assert "refund-1" in held(refunds)
    let_go(refunds, FIX)
    assert orders(refunds) == ["good-0", "good-1", "good-2", "refund-1", "refund-2"]
    assert held(refunds) == ["odd"]
    assert len(refunds.workspace.ledger.events("shop", kind=RELEASED)) == 1


def test_of_records_that_contradict_each_other_a_person_chooses_one(shop: Shop) -> None:
    shop.orders(*(order(f"good-{i}", AT) for i in range(3)), order("twice", AT, amount="1"), order("twice", AT, amount="2"))
    take_in(shop)
    with pytest.raises(UsageError, match=r"has a key that another row of the night has: order_id twice.*--record"):
        let_go(shop, ACCEPT)
    records = shop.workspace.lake.read("shop/quarantine", one(NIGHT), ["record"]).column(0).to_pylist()
    right = next(record_digest(record) for record in records if json.loads(record)["amount"] == "2")
    let_go(shop, ReleaseRequest("the till's own log says 2", "ada", record=right, accept=True))
    before = digests(shop)
    assert orders(shop) == ["good-0", "good-1", "good-2", "twice"]
    take_in(shop)
    assert digests(shop) == before


def test_a_release_that_would_break_a_limit_of_the_night_is_refused(refunds: Shop) -> None:
    before = digests(refunds)
    at_most = "  - type: expect_table_row_count_to_be_between\n    kwargs: {max_value: 4}\n"
    at_most += "    meta: {on_breach: fail, description: Four tills.}\n"
    refunds.write("great_expectations/shop/orders.yaml", ORDERS + at_most)
    with pytest.raises(ContractBroken, match=r"'orders', night 2024-03-02.*observed 5, expected max_value 4"):
        let_go(refunds, ACCEPT)
    assert digests(refunds) == before
    assert refunds.workspace.ledger.events("shop", kind=RELEASED) == []


def test_a_night_that_was_never_published_has_nothing_to_join(shop: Shop) -> None:
    shop.orders(order("a", AT), order("refund", AT, amount="-5"), order("b", AT, amount="-6"))
    with pytest.raises(ContractBroken):
        take_in(shop)
    with pytest.raises(NotReady, match=r"never published.*jobs ingest shop 2024-03-02"):
        let_go(shop, ACCEPT)


@pytest.mark.parametrize(
    "release_request",
    [
        ReleaseRequest("why", "ada", source="visits"),
        ReleaseRequest("why", "ada", rule="no such"),
        ReleaseRequest("why", "ada", record="00ff00"),
    ],
)
def test_records_that_are_not_in_quarantine_cannot_be_asked_for(refunds: Shop, release_request: ReleaseRequest) -> None:
    with pytest.raises(UsageError, match=r"no such record is in quarantine.*jobs quarantine shop 2024-03-02"):
        let_go(refunds, release_request)


@pytest.mark.parametrize("release_request", [ReleaseRequest(" ", "ada"), ReleaseRequest("why", "")])
def test_a_release_without_a_reason_or_a_name_is_refused(refunds: Shop, release_request: ReleaseRequest) -> None:
    with pytest.raises(UsageError, match="a reason and a name"):
        let_go(refunds, release_request)


def test_the_quarantine_is_shown_by_rule_with_examples(refunds: Shop) -> None:
    found = quarantine.collect("shop", refunds.workspace)
    assert [(item.rule, item.records) for item in found] == [("values_to_be_between(amount)", 2), ("readable:amount", 1)]
    digest = found[1].samples[0]["digest"]
    assert digest_of(refunds, "odd").startswith(digest)


def test_the_commands_tell_what_they_did_as_json(
    refunds: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("HOME", "home"), ("DEFINITIONS", "feature_defs"), ("CONTRACTS", "great_expectations")):
        monkeypatch.setenv(f"NIGHTLOOP_{name}", str(refunds.folder / value))
    assert main(["quarantine", "shop", "2024-03-02", "--json"]) == 0
    assert [item["records"] for item in json.loads(capsys.readouterr().out)["quarantine"]] == [2, 1]
    why = ["--reason", "counted", "--by", "ada", "--accept", "--json"]
    assert main(["release", "shop", "2024-03-02", *why]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(item["table"], item["rows"]) for item in told] == [("shop/raw_orders", 5), ("shop/quarantine", 1)]
    assert main(["release", "shop", "2024-03-02", "--rule", "no such", *why]) == 2
    assert json.loads(capsys.readouterr().err)["error"] == "UsageError"
    assert main(["quarantine", "shop"]) == 0
    assert "readable:amount" in capsys.readouterr().out


ROW = {"source": "orders", "rule": "unique", "record": '{"a": 1}'}
DIGEST = record_digest('{"a": 1}')


@pytest.mark.parametrize(
    ("asked", "covers"),
    [
        ({}, True),
        ({"source": "orders"}, True), ({"source": "visits"}, False),
        ({"rule": "unique"}, True), ({"rule": "uniqu"}, False),
        ({"record": DIGEST}, True), ({"record": DIGEST[:8]}, True), ({"record": DIGEST[1:8]}, False),
        ({"source": "orders", "rule": "other"}, False), ({"source": "visits", "rule": "unique"}, False),
        ({"source": "orders", "rule": "unique", "record": DIGEST[:4]}, True),
        ({"source": "orders", "rule": "unique", "record": "zz"}, False),
    ],
)  # fmt: skip
def test_a_release_covers_the_records_that_fit_everything_it_asks_for(asked: dict[str, str], covers: bool) -> None:
    assert ReleaseRequest("why", "ada", **asked).covers(ROW) is covers  # type: ignore[arg-type]


def test_an_event_is_recorded_unless_the_newest_of_its_kind_night_and_source_says_the_same(shop: Shop) -> None:
    tables = RawTables(shop.made_by, shop.workspace, "ingest")
    for night, source, records in (
        (2, "orders", 1),
        (2, "orders", 1),
        (2, "orders", 2),
        (2, "orders", 1),
        (3, "orders", 1),
        (2, "visits", 1),
    ):
        tables.record("night_quarantined", date(2024, 3, night), source, {"records": records})
    events = shop.workspace.ledger.events("shop", kind="night_quarantined")
    assert [(event.night.day, event.subject, event.payload["records"]) for event in events if event.night] == [
        (2, "orders", 1), (2, "orders", 2), (2, "orders", 1), (3, "orders", 1), (2, "visits", 1),
    ]  # fmt: skip


def test_two_sources_are_released_each_into_its_own_table(shop: Shop) -> None:
    shop.orders(*(order(f"good-{i}", AT) for i in range(3)), order("refund", AT, amount="-5"))
    lenient = "name: visits\nmeta: {quarantined_share_limit: 1}\nexpectations:\n  - type: expect_column_values_to_be_between\n"
    lenient += "    kwargs: {column: visit_id, min_value: 5}\n    meta: {on_breach: quarantine, description: x}\n"
    shop.write("great_expectations/shop/visits.yaml", lenient)
    shop.write(f"data/visits/{NIGHT}.csv", f"visit_id,seen_at\n1,{AT}\n7,{AT}\n")
    take_in(shop)
    published = let_go(shop, ACCEPT)
    assert [(item.table, item.rows) for item in published] == [
        ("shop/raw_orders", 4), ("shop/quarantine", 1), ("shop/raw_visits", 2), ("shop/quarantine", 0),
    ]  # fmt: skip
    events = shop.workspace.ledger.events("shop", kind=RELEASED)
    assert [(event.subject, event.payload["records"]) for event in events] == [("orders", 1), ("visits", 1)]
    state = shop.workspace.lake.states("shop/raw_orders")[NIGHT]
    assert events[0].payload["content_digest"] == state.content_digest
    assert state.summary["amount"]["quantiles"][0] == -5, "later nights are compared with what the night holds now"


def test_only_the_source_that_is_asked_for_is_released(refunds: Shop) -> None:
    by_rule = ReleaseRequest("counted", "bob", source="orders", rule="values_to_be_between(amount)", accept=True)
    raw, left = let_go(refunds, by_rule)
    assert (raw.details["released"], raw.details["stay"], raw.details["by"]) == (2, 0, "bob")
    assert raw.details["rules"] == {"values_to_be_between(amount)": 2}
    assert (held(refunds), left.details["quarantined"]) == (["odd"], 1)
