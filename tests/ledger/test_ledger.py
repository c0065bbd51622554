"""What happened stays as it was written, in one chain, on either database."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from nightloop.errors import StoreDamaged, StoreUnavailable, UsageError
from nightloop.ledger import Ledger
from nightloop.ledger.events import digest_of
from nightloop.settings import REPOSITORY, load_settings

NIGHT = date(2013, 4, 1)


def change(url: str, *statements: str) -> None:
    """Do what only somebody with the database's own tools can."""
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def unguarded(url: str, statement: str) -> None:
    """Take the guards away first, as an intruder would."""
    if url.startswith("sqlite"):
        change(url, "DROP TRIGGER ledger_events_no_UPDATE", "DROP TRIGGER ledger_events_no_DELETE", statement)
    else:
        change(url, "ALTER TABLE ledger_events DISABLE TRIGGER USER", statement)


def test_an_event_comes_back_as_it_was_recorded(url: str) -> None:
    instant = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    ledger = Ledger(url, clock=lambda: instant)
    payload = {"auc": 0.7012345678901234, "night": NIGHT, "path": Path("a/b"), "why": "späte Flüge", "more": [1, None, True]}
    event = ledger.record("gate_judged", "uc", night=NIGHT, subject="performance", payload=payload)
    assert event.payload == {**payload, "night": "2013-04-01", "path": "a/b"}
    assert (event.seq, event.recorded_at, event.previous) == (1, instant, "0" * 64)
    assert Ledger(url).events() == [event]


def test_events_are_found_by_what_they_are(ledger: Ledger) -> None:
    for use_case, kind, night, subject in [
        ("uc", "gate_judged", NIGHT, "performance"),
        ("uc", "gate_judged", NIGHT, "fairness"),
        ("uc", "alert_raised", None, ""),
        ("other", "gate_judged", NIGHT, "performance"),
    ]:
        ledger.record(kind, use_case, night=night, subject=subject)
    assert [event.seq for event in ledger.events("uc")] == [1, 2, 3]
    assert [event.seq for event in ledger.events(kind="gate_judged", subject="performance")] == [1, 4]
    assert [event.seq for event in ledger.events("uc", night=NIGHT, subject="fairness")] == [2]


def test_recorded_once_stands_unchanged(ledger: Ledger) -> None:
    first = ledger.record("alert_raised", "uc", night=NIGHT, payload={"turn": 1}, once=True)
    of_no_night = ledger.record("alert_raised", "uc", payload={"turn": 2}, once=True)
    assert ledger.record("alert_raised", "uc", night=NIGHT, payload={"turn": 3}, once=True) == first
    assert ledger.record("alert_raised", "uc", payload={"turn": 4}, once=True) == of_no_night
    assert len(ledger.events()) == 2


def test_the_database_refuses_to_change_or_remove_an_event(url: str, ledger: Ledger) -> None:
    ledger.record("alert_raised", "uc")
    statements = ["UPDATE ledger_events SET kind = 'x'", "DELETE FROM ledger_events"]
    for statement in statements + ([] if url.startswith("sqlite") else ["TRUNCATE ledger_events"]):
        with pytest.raises(sa.exc.DBAPIError, match="the ledger is append-only"):
            change(url, statement)
    assert ledger.verify().events == 1


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE ledger_events SET payload = '{\"turn\":9}' WHERE seq = 3", "event 3: it is not what was recorded"),
        ("UPDATE ledger_events SET recorded_at = '2020-01-01T00:00:00.000000+00:00' WHERE seq = 2", "event 2: it is not what"),
        ("DELETE FROM ledger_events WHERE seq = 4", "event 4: it is missing, the next is 5"),
        ("UPDATE ledger_events SET seq = 9 WHERE seq = 1", "event 1: it is missing, the next is 2"),
    ],
)
def test_a_broken_chain_names_its_first_event(url: str, ledger: Ledger, statement: str, broken: str) -> None:
    for turn in range(5):
        ledger.record("alert_raised", "uc", payload={"turn": turn})
    assert ledger.verify().events == 5
    unguarded(url, statement)
    with pytest.raises(StoreDamaged, match=f"the chain breaks at {broken}"):
        ledger.verify()


def test_what_is_exclusive_lands_whole_or_not_at_all(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError, match="in the middle"), ledger.exclusive():
        ledger.record("alert_raised", "uc")
        assert len(ledger.events()) == 1, "inside, one's own events are seen"
        raise RuntimeError("in the middle")
    assert ledger.events() == []
    with ledger.exclusive() as held, held.exclusive():
        held.record("alert_raised", "uc")
    assert ledger.verify().events == 1


def test_writers_in_several_processes_keep_one_chain(url: str, ledger: Ledger) -> None:
    """Each writer also opens the ledger first, so that several make the table at once."""
    code = (
        "import sys; from nightloop.ledger import Ledger\n"
        "sys.stdin.readline(); ledger = Ledger(sys.argv[1])\n"
        "for turn in range(15):\n"
        "    with ledger.exclusive():\n"
        "        ledger.record('counted', 'uc', payload={'count': len(ledger.events(kind='counted'))})\n"
    )
    fresh = url.replace("ledger.db", "fresh.db")
    if fresh == url:
        change(url, "DROP TABLE ledger_events")
    pipe = subprocess.PIPE
    writers = [
        subprocess.Popen([sys.executable, "-c", code, fresh], cwd=REPOSITORY, stdin=pipe, stderr=pipe, text=True)
        for _ in range(4)
    ]
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.communicate(timeout=120)[1] for writer in writers] == [""] * 4
    ledger = Ledger(fresh)
    assert ledger.verify().events == 60
    assert [event.payload["count"] for event in ledger.events()] == list(range(60)), "nobody wrote between look and append"


def test_a_payload_that_json_cannot_hold_is_refused(ledger: Ledger) -> None:
    for payload in ({"auc": float("nan")}, {"what": object()}):
        with pytest.raises(UsageError, match="event gate_judged: the payload cannot be recorded"):
            ledger.record("gate_judged", "uc", payload=payload)
    assert ledger.events() == []


def test_no_password_is_ever_told() -> None:
    settings = load_settings(ledger_url="postgresql+psycopg2://someone:s3cr3t@127.0.0.1:9/nowhere")
    with pytest.raises(StoreUnavailable, match=r"someone:\*\*\*@127\.0\.0\.1:9/nowhere: the ledger cannot be read") as told:
        Ledger.open(settings)
    chain = [told.value, told.value.__cause__, told.value.__context__]
    assert not any("s3cr3t" in f"{error!r} {error}" for error in chain)


@pytest.mark.parametrize("url", ["mysql://u:s3cr3t@h/d", "what is this", ""], indirect=False)
def test_another_database_is_refused_by_name(url: str) -> None:
    with pytest.raises(UsageError, match="a ledger is on SQLite or PostgreSQL") as told:
        Ledger(url)
    assert "s3cr3t" not in str(told.value)


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="Check NIGHTLOOP_LEDGER_URL"):
        Ledger(f"sqlite:///{tmp_path}/file/ledger.db")


def test_a_digest_is_of_the_texts_as_utf_8_json_in_one_order() -> None:
    """Anybody can recompute it, with any tool."""
    row = {"payload": '{"who":"Zoë"}', "kind": "k", "digest": "not this one"}
    assert digest_of(row) == hashlib.sha256('{"kind":"k","payload":"{\\"who\\":\\"Zoë\\"}"}'.encode()).hexdigest()
