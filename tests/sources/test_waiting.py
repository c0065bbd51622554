"""When a night's files are there, whole, late; and until when they are waited for."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from nightloop.definitions.connectors import FilesConnector
from nightloop.definitions.patterns import files_fault
from nightloop.errors import SourceUnavailable
from nightloop.sources.files import Folder, Listing
from nightloop.sources.waiting import Outcome, Watch, deadline, late

NIGHT = date(2024, 3, 9)
NOW = datetime(2024, 3, 10, 6, 0, tzinfo=UTC)
SOON = timedelta(minutes=5)
NOTHING = Listing("data/x.csv", (), None, None, ends_with_marker=False)
PART = replace(NOTHING, files=(("data/x.csv", 10),), written_at=NOW)
MORE = replace(NOTHING, files=(("data/x.csv", 20),), written_at=NOW)


def folder(base: Path, **declared: object) -> Folder:
    return Folder(FilesConnector.model_validate({"kind": "files", **declared}), base, base / "cache")


def judged(*looks: Listing, until: datetime = NOW + SOON, now: datetime = NOW) -> list[str]:
    watch = Watch(until)
    return [str(watch.judge(seen, now)) for seen in looks]


def test_a_deadline_is_a_time_of_the_morning_after_the_night_where_the_use_case_is() -> None:
    assert deadline("03:30", NIGHT, "America/New_York") == datetime(2024, 3, 10, 3, 30, tzinfo=ZoneInfo("America/New_York"))
    # In this very night New York's clocks went from 2:00 to 3:00: 3:30 there is 7:30 UTC, and was 8:30 the day before.
    assert deadline("03:30", NIGHT, "America/New_York").astimezone(UTC).hour == 7
    assert deadline("03:30", NIGHT - timedelta(days=1), "America/New_York").astimezone(UTC).hour == 8


def test_a_file_is_whole_when_two_looks_in_a_row_saw_the_same() -> None:
    assert judged(NOTHING, PART, MORE, MORE) == ["waiting", "waiting", "waiting", "arrived"]
    assert judged(PART, NOTHING, PART) == ["waiting"] * 3


def test_a_file_that_nobody_wrote_to_for_a_minute_is_whole_at_the_first_look() -> None:
    assert judged(replace(PART, written_at=NOW - timedelta(seconds=61))) == ["arrived"]
    assert judged(replace(PART, written_at=NOW + timedelta(hours=1))) == ["waiting"], "the store's clock may be ahead"


def test_nothing_by_the_deadline_is_late_and_so_is_a_file_that_still_grows() -> None:
    assert judged(NOTHING, until=NOW) == ["late"]
    assert judged(PART, MORE, until=NOW) == ["waiting", "late"], "a file that is there is compared once"
    assert judged(PART, PART, until=NOW) == ["waiting", "arrived"]


def test_with_a_marker_neither_age_nor_size_counts() -> None:
    unmarked = replace(PART, written_at=NOW - timedelta(days=1), awaited="data/x.done", ends_with_marker=True)
    assert judged(unmarked, unmarked) == ["waiting"] * 2
    assert judged(unmarked, until=NOW) == ["late"]
    assert judged(replace(unmarked, awaited=None)) == ["arrived"]
    assert judged(replace(unmarked, files=(), awaited=None)) == ["waiting"], "a marker without files delivers nothing"


def test_the_message_says_which_file_since_when_what_is_there_and_what_to_do() -> None:
    until = deadline("03:30", NIGHT, "America/New_York")
    error = late("orders", NIGHT, NOTHING, until, until.astimezone(UTC) - timedelta(minutes=90))
    assert str(error) == (
        "data/x.csv: the files of source 'orders' for the night 2024-03-09 did not arrive by 2024-03-10 03:30:00 EDT "
        "(waited for since 2024-03-10 01:00:00): no file is there. "
        "Ask whoever sends them. When they are there, clear this task: it looks again at once. If they always come later, "
        "correct arrives_by in feature_defs/."
    )
    assert "(looked for once): files are there, but still growing" in str(late("orders", NIGHT, PART, until, until + SOON))
    unmarked = replace(PART, awaited="data/x.done")
    assert "files are there, but data/x.done is not" in str(late("orders", NIGHT, unmarked, until, until))


def test_a_look_tells_files_sizes_and_the_marker_that_is_awaited(tmp_path: Path) -> None:
    there = folder(tmp_path, pattern="in/{night}/*", complete_when="in/{night}/_END")
    assert there.listing(NIGHT).files == ()
    file = tmp_path / f"in/{NIGHT}/a.csv"
    file.parent.mkdir(parents=True)
    file.write_text("x\n1\n")
    os.utime(file, (1_700_000_000, 1_700_000_000))
    seen = there.listing(NIGHT)
    assert (seen.files, seen.awaited) == (((str(file), 4),), str(file.with_name("_END")))
    assert seen.written_at == datetime.fromtimestamp(1_700_000_000, UTC)
    file.with_name("_END").touch()
    assert there.listing(NIGHT).awaited is None
    assert there.listing(NIGHT).files == seen.files, "the marker is no file of records, though the pattern matches it"


def test_an_unfinished_delivery_is_not_read(tmp_path: Path) -> None:
    there = folder(tmp_path, pattern="in/{night}.csv", complete_when="in/{night}.done")
    (tmp_path / "in").mkdir()
    assert there.read(NIGHT) is None
    (tmp_path / f"in/{NIGHT}.csv").write_text("x\n1\n")
    with pytest.raises(SourceUnavailable, match=r"is not complete: .*\.done is not there yet\. Wait until its sender"):
        there.read(NIGHT)
    (tmp_path / f"in/{NIGHT}.done").touch()
    delivery = there.read(NIGHT)
    assert delivery is not None and delivery.text.num_rows == 1


def test_what_is_waited_for_is_a_nights_own_file() -> None:
    def fault(**declared: object) -> str:
        found = files_fault(FilesConnector.model_validate({"kind": "files", **declared}))
        return found[0] if found else ""

    assert "no {night}" in fault(pattern="data/all.csv", arrives_by="03:30")
    assert "no {night}" in fault(pattern="data/all.csv", complete_when="data/{night}.done")
    assert "one file a night" in fault(pattern="data/{night}.csv", complete_when="data/done")
    assert "one file a night" in fault(pattern="data/{night}.csv", complete_when="data/{night}*.done")
    assert "climbs out" in fault(pattern="data/{night}.csv", complete_when="../{night}.done")
    assert fault(pattern="data/{night}.csv", arrives_by="03:30", complete_when="data/{night}.done") == ""
    for wrong in ("3:30", "24:00", "03:60", "half past three"):
        with pytest.raises(ValueError, match="arrives_by"):
            FilesConnector.model_validate({"kind": "files", "pattern": "{night}.csv", "arrives_by": wrong})


def test_outcomes_are_words_that_travel_between_processes() -> None:
    assert [Outcome(str(outcome)) for outcome in Outcome] == list(Outcome)
