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
from nightloop.errors import DefinitionError, SourceDamaged, SourceUnavailable
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


def judged(*listings: Listing, until: datetime = NOW + SOON, now: datetime = NOW) -> list[str]:
    watch = Watch(until)
    return [str(watch.judge(listing, now)) for listing in listings]


def test_a_deadline_is_a_time_of_the_morning_after_the_night_where_the_use_case_is() -> None:
    assert deadline("03:30", NIGHT, "America/New_York") == datetime(2024, 3, 10, 3, 30, tzinfo=ZoneInfo("America/New_York"))
    # In this very night New York's clocks went from 2:00 to 3:00: 3:30 there is 7:30 UTC, and was 8:30 the day before.
    assert deadline("03:30", NIGHT, "America/New_York").astimezone(UTC).hour == 7
    assert deadline("03:30", NIGHT - timedelta(days=1), "America/New_York").astimezone(UTC).hour == 8


def test_a_file_is_whole_when_two_listings_in_a_row_are_the_same() -> None:
    assert judged(NOTHING, PART, MORE, MORE) == ["waiting", "waiting", "waiting", "arrived"]
    assert judged(PART, NOTHING, PART) == ["waiting"] * 3


def test_a_file_that_nobody_wrote_to_for_a_minute_is_whole_at_the_first_listing() -> None:
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


def test_a_listing_holds_files_sizes_and_the_marker_that_is_awaited(tmp_path: Path) -> None:
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
    assert delivery is not None and delivery.records.num_rows == 1


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


# --- each outcome at its instant ---------------------------------------------------------------------------------------

TICK = timedelta(microseconds=1)
MARKED = replace(PART, written_at=NOW - timedelta(days=1), awaited="data/x.done", ends_with_marker=True)


@pytest.mark.parametrize(("now", "outcome"), [(NOW - TICK, "waiting"), (NOW, "late"), (NOW + TICK, "late")])
@pytest.mark.parametrize("listing", [NOTHING, MARKED, replace(MARKED, files=()), replace(MARKED, files=(), awaited=None)])
def test_what_is_not_there_is_late_from_the_deadline_on(listing: Listing, now: datetime, outcome: str) -> None:
    assert judged(listing, until=NOW, now=now) == [outcome]


@pytest.mark.parametrize(("age", "outcome"), [(59.999999, "waiting"), (60, "arrived"), (60.000001, "arrived"), (0, "waiting")])
def test_a_file_is_whole_sixty_seconds_after_the_last_write(age: float, outcome: str) -> None:
    assert judged(replace(PART, written_at=NOW - timedelta(seconds=age))) == [outcome]
    assert judged(replace(PART, written_at=None)) == ["waiting"], "a store that tells no time"


@pytest.mark.parametrize(
    "changed",
    [
        {"files": (("data/x.csv", 11),)},
        {"files": (("data/y.csv", 10),)},
        {"files": (("data/x.csv", 10), ("data/y.csv", 1))},
        {"files": (("data/y.csv", 1), ("data/x.csv", 10))},
    ],
)
def test_a_file_more_another_name_or_size_is_not_the_same_delivery(changed: dict[str, object]) -> None:
    assert judged(PART, replace(PART, **changed)) == ["waiting", "waiting"]
    assert judged(PART, replace(PART, **changed), replace(PART, **changed)) == ["waiting", "waiting", "arrived"]


def test_a_file_that_appears_at_the_deadline_is_compared_once_before_it_is_late() -> None:
    assert judged(NOTHING, PART, MORE, until=NOW + TICK) == ["waiting", "waiting", "waiting"]
    watch = Watch(NOW)
    assert watch.judge(NOTHING, NOW - TICK) == Outcome.WAITING
    assert watch.judge(PART, NOW + TICK) == Outcome.WAITING
    assert watch.judge(PART, NOW + 2 * TICK) == Outcome.ARRIVED
    watch = Watch(NOW)
    assert [watch.judge(PART, NOW), watch.judge(MORE, NOW), watch.judge(MORE, NOW)] == ["waiting", "late", "arrived"]


def test_whole_files_have_arrived_however_late_it_is() -> None:
    later = NOW + timedelta(days=30)
    assert judged(replace(PART, written_at=NOW), until=NOW, now=later) == ["arrived"]
    assert judged(replace(MARKED, awaited=None), until=NOW, now=later) == ["arrived"]


@pytest.mark.parametrize(
    ("arrives_by", "zone", "utc"),
    [
        ("00:00", "UTC", datetime(2024, 3, 10, 0, 0, tzinfo=UTC)),
        ("23:59:59", "UTC", datetime(2024, 3, 10, 23, 59, 59, tzinfo=UTC)),
        ("06:30", "Asia/Kolkata", datetime(2024, 3, 10, 1, 0, tzinfo=UTC)),
        ("06:30", "America/Los_Angeles", datetime(2024, 3, 10, 13, 30, tzinfo=UTC)),
    ],
)
def test_a_deadline_is_of_the_day_after_the_night(arrives_by: str, zone: str, utc: datetime) -> None:
    assert deadline(arrives_by, NIGHT, zone).astimezone(UTC) == utc


def test_the_message_tells_waiting_from_one_look() -> None:
    until = deadline("03:30", NIGHT, "UTC")
    for since, said in (
        (until - TICK, "waited for since 2024-03-10 03:29:59"),
        (until, "looked for once"),
        (until + TICK, "once"),
    ):
        assert said in str(late("orders", NIGHT, NOTHING, until, since))


# --- which files are a night's -----------------------------------------------------------------------------------------


def names(base: Path, pattern: str, *paths: str, **declared: object) -> list[str]:
    for path in paths:
        (base / path).parent.mkdir(parents=True, exist_ok=True)
        (base / path).write_text("x\n")
    listing = folder(base, pattern=pattern, **declared).listing(NIGHT)
    return [str(Path(path).relative_to(base)) for path, _ in listing.files]


@pytest.mark.parametrize(
    ("pattern", "files", "matching"),
    [
        ("a.csv", ["a.csv", "b.csv"], ["a.csv"]),
        ("*.csv", ["b.csv", "a.csv", "a.csv.gz", "c.txt", ".hidden.csv", "d/e.csv"], ["a.csv", "b.csv"]),
        (".*.csv", ["a.csv", ".hidden.csv"], [".hidden.csv"]),
        ("?.csv", ["a.csv", "ab.csv", ".csv"], ["a.csv"]),
        ("a?.csv", ["a.csv", "ab.csv", "abc.csv"], ["ab.csv"]),
        ("a+b.csv", ["a+b.csv", "aab.csv"], ["a+b.csv"]),  # a plus, not a regular expression
        ("a[1].*", ["a[1].csv", "a1.csv"], ["a[1].csv"]),
        ("*/x.csv", ["a/x.csv", "b/x.csv", "b/y.csv", "x.csv", "a/b/x.csv"], ["a/x.csv", "b/x.csv"]),
        ("d*/*/x?.csv", ["d1/a/x1.csv", "d1/a/x.csv", "d2/b/x2.csv", "e/a/x1.csv"], ["d1/a/x1.csv", "d2/b/x2.csv"]),
        ("{night}/*.csv", ["2024-03-09/a.csv", "2024-03-10/a.csv"], ["2024-03-09/a.csv"]),
        ("{night}/{night}.csv", ["2024-03-09/2024-03-09.csv", "2024-03-09/x.csv"], ["2024-03-09/2024-03-09.csv"]),
        ("no/*.csv", ["a.csv"], []),
    ],
)
def test_a_pattern_matches_files_of_its_folders_only(
    tmp_path: Path, pattern: str, files: list[str], matching: list[str]
) -> None:
    assert names(tmp_path, pattern, *files) == matching


def test_a_file_where_a_folder_is_expected_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(SourceDamaged, match=r"a\.csv/\*\.csv: .*it cannot be read"):
        names(tmp_path, "a.csv/*.csv", "a.csv")


def test_a_folder_of_a_matching_name_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    assert names(tmp_path, "*.csv", "b.csv") == ["b.csv"]
    assert names(tmp_path, "a.csv") == []


def test_the_last_write_is_that_of_the_newest_file_and_the_marker_does_not_count(tmp_path: Path) -> None:
    there = folder(tmp_path, pattern="{night}*", complete_when="{night}.done")
    for name, at in ((f"{NIGHT}-a.csv", 1_700_000_000), (f"{NIGHT}-b.csv", 1_700_000_060), (f"{NIGHT}.done", 1_800_000_000)):
        (tmp_path / name).write_text("x" * (at % 7 + 1))
        os.utime(tmp_path / name, (at, at))
    listing = there.listing(NIGHT)
    assert listing.written_at == datetime.fromtimestamp(1_700_000_060, UTC)
    assert [size for _, size in listing.files] == [1_700_000_000 % 7 + 1, 1_700_000_060 % 7 + 1]
    assert (listing.awaited, listing.ends_with_marker, listing.pattern) == (None, True, str(tmp_path / f"{NIGHT}*"))
    assert folder(tmp_path, pattern="{night}*").listing(NIGHT).ends_with_marker is False


def test_all_nights_in_one_file_have_to_be_there_and_a_night_s_own_need_not(tmp_path: Path) -> None:
    with pytest.raises(SourceDamaged, match=r"all\.csv: the file of the source does not exist\. Put it there"):
        folder(tmp_path, pattern="all.csv").read(None)
    assert folder(tmp_path, pattern="{night}.csv").read(NIGHT) is None


def test_where_no_file_is_of_the_pattern_folder_and_pattern_are_told(tmp_path: Path) -> None:
    with pytest.raises(SourceDamaged, match=r"called like 'x_\*\.csv', and none at all"):
        folder(tmp_path, pattern="x_*.csv").read(None)
    for name in "abcd":
        (tmp_path / f"{name}.csv").write_text("a\n", encoding="utf-8")
    with pytest.raises(SourceDamaged, match=r"called like 'x_\*\.csv'; it holds a\.csv, b\.csv, c\.csv and 1 more\."):
        folder(tmp_path, pattern="x_*.csv").read(None)
    with pytest.raises(SourceDamaged, match=r"there is no folder .*/none to look for 'x_\*\.csv' in"):
        folder(tmp_path, pattern="none/x_*.csv").read(None)
    with pytest.raises(SourceDamaged, match="no file is there of this pattern"):
        folder(tmp_path, pattern="*/x.csv").read(None)


def test_a_link_out_of_the_folder_is_followed_only_where_that_is_declared(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "a.csv").write_text("x\n1\n")
    (inside / "link.csv").symlink_to(outside / "a.csv")
    (inside / "own.csv").write_text("x\n1\n")
    (inside / "alias.csv").symlink_to(inside / "own.csv")
    assert folder(inside, pattern="alias.csv").listing(NIGHT).files, "a link that stays inside"
    with pytest.raises(SourceDamaged, match=rf"link\.csv: .*it is a link out of {inside}.*absolute: true"):
        folder(inside, pattern="link.csv").listing(NIGHT)
    assert folder(inside, pattern=str(inside / "link.csv"), absolute=True).listing(NIGHT).files
    with pytest.raises(DefinitionError, match=r"connector\.pattern: the pattern"):
        folder(inside, pattern="../outside/a.csv").listing(NIGHT)
