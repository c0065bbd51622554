"""A training learns each outcome in the newest version known at its night's cut-off, from the files to the training set."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from jobs import features, ingest
from nightloop.definitions import UseCase
from nightloop.lake.digest import content_digest
from nightloop.model.training import training_set
from nightloop.nights import Night, Nights, cutoff, one
from nightloop.workspace import Workspace
from tests.jobs.changing import Things, declared

FIRST = date(2024, 3, 1)
NIGHTS = Nights(FIRST, FIRST + timedelta(days=6))
REACH = 3
IDS = range(10, 14)
ZONE = "America/New_York"
INSTANT = timedelta(microseconds=1)
Outcome = tuple[int, date, datetime, int, int]  # id, night it happened, when it was known, sold, withdrawn


def night(number: int) -> date:
    return FIRST + timedelta(days=number)


def noon(number: int) -> datetime:
    return datetime(2024, 3, 1, 17, tzinfo=UTC) + timedelta(days=number)


def definition() -> dict:
    given = declared()
    given["sources"]["outcomes"] |= {
        "event_at": "happened::timestamp + interval 17 hour",
        "known_at": "ts::timestamp",
        "revised_within": REACH,
        "withdrawn": "withdrawn::int = 1",
        "connector": {"kind": "files", "pattern": "data/outcomes.csv"},
        "may_be_empty": True,
    }
    given["label"] |= {"matures_after": 1}
    given["time_zone"] = ZONE
    return given


@pytest.fixture
def things(tmp_path: Path) -> Things:
    made = Things(tmp_path, definition())
    for number, at in enumerate(NIGHTS):
        rows = [[number * 100 + i, f"{at}T12:00:00Z", float(i), "A", 0] for i in IDS]
        write(tmp_path / "data" / f"{at}.csv", ["id", "ts", "price", "part", "sold"], rows)
    return made


def write(file: Path, names: list[str], rows: Iterable[Iterable[object]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows([names, *rows])


def tell(things: Things, *more: Outcome) -> None:
    """Write what became known: each thing was sold, known at noon of the night after it; and more."""
    regular = [(n * 100 + i, night(n + 1), noon(n + 1), 1, 0) for n in range(len(NIGHTS) - 1) for i in IDS]
    rows = [[key, at, known.isoformat(), sold, gone] for key, at, known, sold, gone in (*regular, *more)]
    write(things.folder / "data" / "outcomes.csv", ["id", "happened", "ts", "sold", "withdrawn"], rows)


def build(things: Things, nights: Nights = NIGHTS) -> tuple[UseCase, Workspace]:
    ingest.run(things.use_case, nights, things.workspace)
    features.run(things.use_case, nights, things.workspace)
    return things.use_case, things.workspace


def learned(things: Things, as_of: Night) -> dict[int, bool]:
    rows = training_set.load(things.use_case, as_of, things.workspace.lake)[0].table
    return dict(zip(rows["id"].to_pylist(), rows["label"].to_pylist(), strict=True))


def expected(as_of: Night, changed: dict[int, bool | None]) -> dict[int, bool]:
    labels = {n * 100 + i: True for n in range((as_of - FIRST).days) for i in IDS} | changed
    return {key: label for key, label in labels.items() if label is not None}


CUTOFF = cutoff(night(3), ZONE)


@pytest.mark.parametrize(
    ("known", "seen"), [(CUTOFF - INSTANT, 3), (CUTOFF, 4), (CUTOFF + INSTANT, 4)], ids=["just before", "at", "just after"]
)
def test_a_correction_counts_in_trainings_from_the_night_before_whose_cut_off_it_was_known(
    things: Things, known: datetime, seen: int
) -> None:
    tell(things, (111, night(2), known, 0, 0))
    build(things)
    for number in range(2, 7):
        changed = {111: False} if number >= seen else {}
        assert learned(things, night(number)) == expected(night(number), changed), number


@pytest.mark.parametrize(("withdrawn", "label"), [(0, False), (1, None)])
@pytest.mark.parametrize("nights_after", [0, 1, REACH, REACH + 1])
def test_a_correction_or_withdrawal_counts_as_long_as_the_source_may_be_revised(
    things: Things, withdrawn: int, label: bool | None, nights_after: int
) -> None:
    tell(things, (111, night(2), noon(2 + nights_after) + INSTANT, 0, withdrawn))
    build(things)
    for number in range(2, 7):
        changed = {111: label} if 2 + nights_after <= number and nights_after <= REACH else {}
        assert learned(things, night(number)) == expected(night(number), changed), number


def test_a_correction_that_gives_another_time_is_one_all_the_same(things: Things) -> None:
    tell(things, (111, night(4), noon(4), 0, 0))
    build(things)
    for number in range(2, 7):
        assert learned(things, night(number)) == expected(night(number), {111: False} if number >= 4 else {}), number


def test_a_thing_whose_outcome_comes_late_is_learned_from_then_on(things: Things) -> None:
    write(things.folder / "data" / f"{night(1)}.csv", ["id", "ts", "price", "part", "sold"], [
        [100 + i, f"{night(1)}T12:00:00Z", float(i), "A", 0] for i in (*IDS, 50)
    ])  # fmt: skip
    tell(things, (150, night(2), noon(4), 0, 0))
    build(things)
    assert [learned(things, night(number)).get(150) for number in range(2, 7)] == [None, None, False, False, False]


def test_the_same_training_gives_the_same_set_whenever_it_is_run(things: Things) -> None:
    tell(things, (111, night(2), noon(4), 0, 0), (211, night(3), noon(5), 0, 1))
    seen = {}
    for at in NIGHTS:
        use_case, workspace = build(things, one(at))
        if at >= night(2):
            seen[at] = content_digest(training_set.load(use_case, at, workspace.lake)[0].table)
    build(things)
    again = {at: content_digest(training_set.load(use_case, at, workspace.lake)[0].table) for at in seen}
    assert again == seen
    assert len(set(seen.values())) == len(seen)


def test_what_was_known_later_is_one_row_a_label_and_stored_apart(things: Things) -> None:
    tell(things, (111, night(2), noon(4), 0, 0), (112, night(2), noon(5), 0, 1))
    use_case, workspace = build(things)
    features.run(use_case, one(night(2)), workspace, step="labels", as_known_at=night(5))
    rows = workspace.lake.read(f"things/labels_known_{night(5)}").to_pylist()
    assert {row["id"]: row["label"] for row in rows} == {110: True, 111: False, 113: True}
    published = {row["night"]: row["label"] for row in workspace.lake.read("things/labels").to_pylist() if row["id"] == 111}
    assert published == {night(2): True, night(4): False}


def test_where_nothing_is_revised_the_labels_are_those_of_a_source_without_revisions(things: Things, tmp_path: Path) -> None:
    tell(things)
    build(things)
    given = definition()
    for name in ("revised_within", "withdrawn"):
        del given["sources"]["outcomes"][name]
    plain = Things(tmp_path / "plain", given)
    for file in (things.folder / "data").iterdir():
        (plain.folder / "data").mkdir(parents=True, exist_ok=True)
        (plain.folder / "data" / file.name).write_bytes(file.read_bytes())
    build(plain)
    states = [each.workspace.lake.states("things/labels") for each in (things, plain)]
    digests = [{at: (state.content_digest, state.rows) for at, state in found.items()} for found in states]
    assert digests[0] == digests[1]
