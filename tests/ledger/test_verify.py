"""Whatever is done to recorded events is found by recomputing the chain; a cut tail, by the digests copied to HOME."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from nightloop.errors import StoreDamaged, StoreUnavailable
from nightloop.ledger import Ledger, Verified
from nightloop.ledger.digest_copy import DigestCopy
from nightloop.ledger.ledger import COPIES, FIRST
from nightloop.ledger.store import LedgerStore
from nightloop.settings import load_settings
from tests.ledger.test_ledger import change, unguarded

NIGHT = date(2013, 4, 1)
EVENTS = 6


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def ledger(url: str, home: Path) -> Ledger:
    """Six events, recorded from a HOME."""
    ledger = Ledger(url, lambda: datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC), home)
    for turn in range(EVENTS):
        ledger.record("alert_raised", "uc", night=NIGHT, subject=f"task {turn}", payload={"turn": turn, "why": "späte Flüge"})
    return ledger


def rows(url: str) -> list[dict[str, object]]:
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        found = connection.exec_driver_sql("SELECT * FROM ledger_events ORDER BY seq")
        return [dict(row) for row in found.mappings()]


def without_guards(url: str) -> None:
    unguarded(url, "UPDATE ledger_events SET seq = seq WHERE 1 = 0")


def write(url: str, row: dict[str, object]) -> None:
    names = ", ".join(row)
    values = ", ".join("NULL" if value is None else "'" + str(value).replace("'", "''") + "'" for value in row.values())
    change(url, f"INSERT INTO ledger_events ({names}) VALUES ({values})")


def digest_of(row: dict[str, object]) -> str:
    """A second route: plain Python's own JSON, keys in order, no spaces."""
    held = {name: row[name] for name in sorted(row) if name != "digest"}
    text = json.dumps(held, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def test_each_digest_is_that_of_its_row_and_names_the_one_before(url: str, ledger: Ledger) -> None:
    found = rows(url)
    assert [row["digest"] for row in found] == [digest_of(row) for row in found]
    assert [row["previous"] for row in found] == ["0" * 64, *(row["digest"] for row in found[:-1])]
    assert [row["seq"] for row in found] == [1, 2, 3, 4, 5, 6]


def test_a_whole_chain_tells_how_many_events_stand_and_its_end(url: str, ledger: Ledger) -> None:
    place = sa.make_url(url).render_as_string(hide_password=True)
    newest = str(rows(url)[-1]["digest"])
    assert ledger.verify() == Verified(place, EVENTS, newest, EVENTS)
    assert ledger.verify().as_json() == {"ledger": place, "events": EVENTS, "newest": newest, "copied": EVENTS}


def test_an_empty_ledger_is_whole(url: str, home: Path) -> None:
    verified = Ledger(url, home=home).verify()
    assert (verified.events, verified.newest, verified.copied) == (0, "0" * 64, 0)


EDITS = {
    "recorded_at": "2026-01-02T03:04:05.000678+01:00",
    "use_case": "other",
    "night": "2013-04-02",
    "kind": "alert_sent",
    "subject": "",
    "payload": '{"turn": 3, "why": "späte Flüge"}',
    "previous": "1" * 64,
    "digest": "2" * 64,
}


@pytest.mark.parametrize("column", EDITS)
@pytest.mark.parametrize("seq", [1, 3, EVENTS])
def test_an_edit_of_any_column_of_any_event_is_found(url: str, ledger: Ledger, column: str, seq: int) -> None:
    """A space in the payload is an edit too: what a row means is not asked."""
    unguarded(url, f"UPDATE ledger_events SET {column} = '{EDITS[column]}' WHERE seq = {seq}")
    with pytest.raises(StoreDamaged, match=f"the chain breaks at event {seq}: it is not what was recorded"):
        ledger.verify()


def test_a_night_taken_away_is_found(url: str, ledger: Ledger) -> None:
    unguarded(url, "UPDATE ledger_events SET night = NULL WHERE seq = 2")
    with pytest.raises(StoreDamaged, match="event 2: it is not what"):
        ledger.verify()


@pytest.mark.parametrize(
    ("column", "text"), [("payload", "no JSON"), ("recorded_at", "yesterday"), ("night", "a night"), ("payload", "{")]
)
def test_a_row_that_cannot_even_be_read_is_damaged_data_and_not_a_crash(
    url: str, ledger: Ledger, column: str, text: str
) -> None:
    unguarded(url, f"UPDATE ledger_events SET {column} = '{text}' WHERE seq = 4")
    with pytest.raises(StoreDamaged, match="event 4: it is not what was recorded"):
        ledger.verify()
    with pytest.raises(StoreDamaged, match="event 4: it cannot be read"):
        ledger.events()


@pytest.mark.parametrize(("cut", "broken"), [((1,), 1), ((1, 2), 1), ((3,), 3), ((2, 4), 2)])
def test_a_cut_head_or_middle_is_found_by_the_chain_alone(url: str, ledger: Ledger, cut: tuple[int, ...], broken: int) -> None:
    unguarded(url, f"DELETE FROM ledger_events WHERE seq IN ({', '.join(map(str, cut))})")
    with pytest.raises(StoreDamaged, match=f"event {broken}: it is missing, the next is"):
        Ledger(url).verify()


@pytest.mark.parametrize("left", [5, 3, 1, 0])
def test_a_cut_tail_is_found_by_the_digests_that_this_home_copied(url: str, ledger: Ledger, left: int) -> None:
    unguarded(url, f"DELETE FROM ledger_events WHERE seq > {left}")
    assert Ledger(url).verify().events == left, "the chain alone does not know its end"
    with pytest.raises(
        StoreDamaged, match=rf"event {left + 1}: it was recorded from this HOME and is missing; the last is {left}"
    ):
        ledger.verify()


def test_a_middle_that_is_cut_and_numbered_anew_is_found(url: str, ledger: Ledger) -> None:
    unguarded(url, "DELETE FROM ledger_events WHERE seq = 3")
    for seq in (4, 5, 6):
        change(url, f"UPDATE ledger_events SET seq = {seq - 1} WHERE seq = {seq}")
    with pytest.raises(StoreDamaged, match="event 3: it is not what was recorded"):
        Ledger(url).verify()


def test_two_events_that_changed_places_are_found(url: str, ledger: Ledger) -> None:
    without_guards(url)
    for before, after in ((3, 99), (4, 3), (99, 4)):
        change(url, f"UPDATE ledger_events SET seq = {after} WHERE seq = {before}")
    with pytest.raises(StoreDamaged, match="event 3: it is not what was recorded"):
        ledger.verify()


def test_an_event_put_in_between_is_found_though_its_own_digest_is_right(url: str, ledger: Ledger) -> None:
    found = rows(url)
    without_guards(url)
    for seq in range(EVENTS, 2, -1):
        change(url, f"UPDATE ledger_events SET seq = {seq + 1} WHERE seq = {seq}")
    forged = {**found[2], "seq": 3, "kind": "champion_promoted", "previous": "3" * 64}
    write(url, {**forged, "digest": digest_of(forged)})
    with pytest.raises(StoreDamaged, match="event 3: it is not what was recorded"):
        Ledger(url).verify()


def rewrite_from(url: str, seq: int, edit: Callable[[dict[str, object]], dict[str, object]]) -> None:
    """What an owner of the database can do: change an event, and give all after it digests that fit."""
    found = rows(url)
    unguarded(url, f"DELETE FROM ledger_events WHERE seq >= {seq}")
    previous = FIRST if seq == 1 else str(found[seq - 2]["digest"])
    for row in found[seq - 1 :]:
        changed = {**(edit(row) if row["seq"] == seq else row), "previous": previous}
        previous = digest_of(changed)
        write(url, {**changed, "digest": previous})


@pytest.mark.parametrize("seq", [1, 4, EVENTS])
def test_a_chain_rewritten_from_an_event_on_is_whole_again_but_not_the_one_this_home_recorded(
    url: str, ledger: Ledger, seq: int
) -> None:
    rewrite_from(url, seq, lambda row: {**row, "kind": "gate_passed"})
    assert Ledger(url).verify().events == EVENTS, "the chain alone is fooled"
    with pytest.raises(StoreDamaged, match=f"event {seq}: it is not the one that was recorded from this HOME"):
        ledger.verify()


def test_a_database_put_back_from_an_older_copy_is_found_and_the_message_says_what_to_do(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    ledger = Ledger.open(settings)
    ledger.record("alert_raised", "uc")
    shutil.copy(tmp_path / "ledger.db", tmp_path / "backup.db")
    for journal in tmp_path.glob("ledger.db-*"):
        shutil.copy(journal, tmp_path / journal.name.replace("ledger", "backup"))
    ledger.record("alert_raised", "uc")
    for file in [*tmp_path.glob("backup.db*")]:
        file.replace(tmp_path / file.name.replace("backup", "ledger"))
    with pytest.raises(StoreDamaged, match=rf"event 2: .*Is this a backup.*move HOME/{COPIES} aside"):
        Ledger.open(settings).verify()
    shutil.rmtree(tmp_path / COPIES)
    verified = Ledger.open(settings).verify()
    assert (verified.events, verified.copied) == (1, 0)


# --- what is copied, and when -------------------------------------------------------------------------------------------


def copied(home: Path) -> list[list[str]]:
    [file] = (home / COPIES).iterdir()
    return [line.split() for line in file.read_text().splitlines()]


def test_a_line_an_event_in_order_and_none_of_what_was_not_committed(url: str, ledger: Ledger, home: Path) -> None:
    with pytest.raises(RuntimeError), ledger.exclusive():
        ledger.record("alert_raised", "uc")
        raise RuntimeError("in the middle")
    with ledger.exclusive(), ledger.exclusive():
        ledger.record("alert_raised", "uc")
        assert len(copied(home)) == EVENTS, "not before it is committed"
        ledger.record("alert_raised", "uc")
    ledger.record("alert_raised", "uc", subject="task 0", night=NIGHT, once=True)
    assert copied(home) == [[str(row["seq"]), row["digest"]] for row in rows(url)] and len(rows(url)) == EVENTS + 2


def test_events_recorded_elsewhere_are_told_apart_from_those_this_home_vouches_for(
    url: str, ledger: Ledger, home: Path
) -> None:
    Ledger(url, home=home.parent / "elsewhere").record("alert_raised", "uc")
    verified = ledger.verify()
    assert (verified.events, verified.copied) == (EVENTS + 1, EVENTS)
    assert f"None up to event {EVENTS} is cut off; those after it were recorded elsewhere" in verified.in_words()
    assert "This HOME recorded none of them" in Ledger(url, home=home.parent / "third").verify().in_words()
    ledger.record("alert_raised", "uc")
    assert ledger.verify().copied == EVENTS + 2 and "None is cut off:" in ledger.verify().in_words()
    assert "7" not in ledger.verify().in_words().splitlines()[1]


def test_a_ledger_without_a_home_copies_nothing(url: str, tmp_path: Path) -> None:
    Ledger(url).record("alert_raised", "uc")
    assert not list(tmp_path.rglob(COPIES))
    assert Ledger(url).verify().copied == 0


def test_where_digests_cannot_be_copied_nothing_is_recorded(url: str, ledger: Ledger, home: Path) -> None:
    [file] = (home / COPIES).iterdir()
    file.unlink()
    file.mkdir()
    with pytest.raises(StoreUnavailable, match=r"cannot be copied.*Check that NIGHTLOOP_HOME may be written"):
        ledger.record("alert_raised", "uc")
    assert len(rows(url)) == EVENTS


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    (tmp_path / "copy").symlink_to("/dev/full")
    with pytest.raises(StoreUnavailable, match="No space left"), DigestCopy(tmp_path / "copy").adding() as lines:
        lines.append((1, "0" * 64))
    with DigestCopy(tmp_path / "copy").adding():
        pass  # nothing to write, nothing said


@pytest.mark.parametrize(
    "line", ["", "7", "7 abc", f"x {'0' * 64}", f"7 {'0' * 63}", f"7 {'0' * 65}", f"7  {'0' * 64}", f"7 {'G' * 64}"]
)
def test_a_line_of_another_form_is_named(tmp_path: Path, line: str) -> None:
    copy = DigestCopy(tmp_path / "copy")
    with copy.adding() as lines:
        lines.append((1, "a" * 64))
    copy.file.write_text(f"{copy.file.read_text()}{line}\n")
    with pytest.raises(StoreDamaged, match=rf"{copy.file}:2: the line is not.*remove this line"):
        copy.lines()


def test_a_line_that_was_cut_by_a_lost_power_is_named(tmp_path: Path) -> None:
    copy = DigestCopy(tmp_path / "copy")
    copy.file.write_text(f"1 {'a' * 64}\n2 {'b' * 64}")
    with pytest.raises(StoreDamaged, match=f"{copy.file}:2"):
        copy.lines()


def test_lines_are_added_to_those_that_are_there(tmp_path: Path) -> None:
    copy = DigestCopy(tmp_path / "a" / "copy")
    assert copy.lines() == []
    for seq in (1, 2):
        with copy.adding() as lines:
            lines += [(seq, "a" * 64), (seq + 10, "b" * 64)]
    assert copy.lines() == [(1, "a" * 64), (11, "b" * 64), (2, "a" * 64), (12, "b" * 64)]


@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("sqlite:///{home}/ledger.db", "ledger.db"),
        ("sqlite:///{home}/more/of it.db", "more-of-it.db"),
        ("sqlite:////tmp/nightloop-elsewhere/ledger.db", "tmp-nightloop-elsewhere-ledger.db"),
    ],
)
def test_each_ledger_has_a_file_of_its_own_that_moves_with_the_home(address: str, label: str, tmp_path: Path) -> None:
    assert LedgerStore(address.format(home=tmp_path)).label(tmp_path) == label


def test_a_ledger_on_a_server_is_named_by_host_port_and_database(postgres_url: str, tmp_path: Path) -> None:
    address = sa.make_url(postgres_url)
    label = LedgerStore(postgres_url).label(tmp_path)
    assert label == f"127.0.0.1-{address.port}-{address.database}" and "night-secret" not in label
