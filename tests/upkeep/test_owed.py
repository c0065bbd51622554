"""What each night lacks, in a real lake: what was lost, restated, taken in too early or given up is owed, and nothing else."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs import features, ingest, monitor, score
from jobs.commands import command_line
from jobs.upkeep.keep_up import keep_up
from jobs.upkeep.skip import skip
from nightloop.errors import BadNight, NotReady, UsageError
from nightloop.nights import Night, Nights, cutoff, one
from nightloop.upkeep.owed import STAGES, Owed, owing, skipped, waits_for
from tests.jobs.changing import FIRST, NIGHTS, Things

DAY = timedelta(days=1)
LAST = NIGHTS.last
BEFORE = Nights(FIRST, LAST - DAY)
NOW = datetime(2024, 3, 7, 2, 0, tzinfo=UTC)  # when the last night is due
TABLES = ("raw_things", "raw_outcomes", "tiles", "aggregates", "features", "labels", "scores", "decisions")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five nights, a champion from the second on, and everything that follows."""
    things = Things(tmp_path_factory.mktemp("whole") / "things")
    things.build(BEFORE)
    things.promote(FIRST + DAY)
    for stage in (score, monitor):
        stage.run(things.use_case, Nights(FIRST + DAY, BEFORE.last), things.workspace)
    return things.folder


@pytest.fixture
def things(whole: Path, tmp_path: Path) -> Things:
    """A copy of it, at the instant at which the sixth night is due."""
    shutil.copytree(whole, tmp_path / "things")
    return at(Things(tmp_path / "things"), NOW)


def at(things: Things, now: datetime) -> Things:
    things.workspace = replace(things.workspace, clock=lambda: now)
    return things


def owed(things: Things, now: datetime = NOW) -> list[tuple[str, Night]]:
    return [(item.stage, item.night) for item in owing(things.use_case, things.workspace, now).owed]


def digests(things: Things) -> dict[str, dict[Night, str]]:
    return {
        table: {night: state.content_digest for night, state in things.workspace.lake.states(f"things/{table}").items()}
        for table in TABLES
    }


def test_a_night_is_owed_from_the_instant_at_which_it_is_due(things: Things) -> None:
    assert owed(things, NOW - timedelta(microseconds=1)) == []  # the first night has no champion: it is not to be scored
    assert owed(things) == [("ingest", LAST)]
    assert owed(things, NOW + DAY) == [("ingest", LAST), ("ingest", LAST + DAY)]


def test_each_stage_is_owed_after_the_one_before(things: Things) -> None:
    use_case, workspace = things.use_case, things.workspace
    ingest.run(use_case, one(LAST), workspace)
    for step in features.STEPS:
        assert owed(things) == [("features", LAST)]
        features.run(use_case, one(LAST), workspace, step=step)
    assert owed(things) == [("score", LAST)]
    score.run(use_case, one(LAST), workspace)
    assert owed(things) == [("monitor", LAST)]
    monitor.run(use_case, one(LAST), workspace)
    assert owed(things) == []


def test_lost_nights_are_made_up_to_the_very_content_they_would_have_had(things: Things, tmp_path: Path) -> None:
    lost = at(Things(tmp_path / "lost"), NOW)
    for night in (FIRST, FIRST + 2 * DAY, FIRST + 3 * DAY):  # the second and the fifth never were
        ingest.run(lost.use_case, one(night), lost.workspace)
    features.run(lost.use_case, one(FIRST), lost.workspace)
    lost.promote(FIRST + DAY)
    stages = ["ingest", "features", "features", "ingest", "ingest"]
    assert owed(lost) == list(zip(stages, [FIRST + n * DAY for n in range(1, 6)], strict=True))
    for side in (lost, things):
        _, outcomes = keep_up(side.use_case, side.workspace)
        assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
    assert owed(lost) == [] and digests(lost) == digests(things)


def test_a_round_takes_up_as_many_nights_as_it_may_oldest_first(things: Things) -> None:
    at(things, NOW + 2 * DAY)
    for night in (LAST + DAY, LAST + 2 * DAY):
        file = things.folder / "data" / f"{LAST}.csv"
        (things.folder / "data" / f"{night}.csv").write_text(file.read_text().replace(str(LAST), str(night)))
    everything, outcomes = keep_up(things.use_case, things.workspace, at_most=2)
    assert len(everything.owed) == 3 and [outcome.item.night for outcome in outcomes] == [LAST, LAST + DAY]
    assert owed(things, NOW + 2 * DAY) == [("ingest", LAST + 2 * DAY)]


def test_a_night_that_fails_does_not_stop_those_that_do_not_need_it(things: Things) -> None:
    at(things, NOW + DAY)
    (things.folder / "data" / f"{LAST}.csv").rename(things.folder / "data" / f"{LAST + DAY}.csv")
    text = (things.folder / "data" / f"{LAST + DAY}.csv").read_text()
    (things.folder / "data" / f"{LAST + DAY}.csv").write_text(text.replace(str(LAST), str(LAST + DAY)))
    _, outcomes = keep_up(things.use_case, things.workspace)
    assert [type(outcome.error).__name__ for outcome in outcomes] == ["EmptyNight", "NotReady"]
    assert {partition.table for partition in outcomes[1].published} >= {"things/raw_things", "things/raw_outcomes"}
    assert owed(things, NOW + DAY) == [("ingest", LAST), ("features", LAST + DAY)]


def test_a_night_taken_in_before_it_was_over_is_owed_again_when_it_is(things: Things) -> None:
    end = cutoff(LAST, "UTC")
    early = replace(things.workspace, clock=lambda: end - timedelta(hours=1))
    ingest.run(things.use_case, one(LAST), early, even_if_unfinished=True)
    assert owed(things, end - timedelta(hours=1)) == []
    (item,) = owing(things.use_case, things.workspace, NOW).owed
    assert item == Owed("ingest", LAST, "it was taken in before it was over")
    keep_up(things.use_case, things.workspace)
    assert owed(things) == []


def test_an_input_that_was_published_anew_is_built_anew_until_the_night_is_scored_and_told_after(things: Things) -> None:
    ingest.run(things.use_case, one(LAST), things.workspace)
    features.run(things.use_case, one(LAST), things.workspace)
    restate(things, LAST)
    (item,) = owing(things.use_case, things.workspace, NOW).owed
    assert (item.stage, item.night) == ("features", LAST) and "raw_things of 2024-03-06 (version" in item.why
    keep_up(things.use_case, things.workspace)
    restate(things, LAST)
    now = owing(things.use_case, things.workspace, NOW)
    assert now.owed == () and now.stale.keys() == {LAST} and "raw_things of 2024-03-06" in now.stale[LAST]


def restate(things: Things, night: Night) -> None:
    file = things.folder / "data" / f"{night}.csv"
    file.write_text(file.read_text().replace("T10:00:00Z,0.", "T10:00:00Z,1."))
    if "T10:00:00Z,1." in (text := file.read_text()):
        file.write_text(text.replace("T10:00:00Z,1.", "T10:00:00Z,2.", 3))
    ingest.run(things.use_case, one(night), things.workspace)


def test_a_night_given_up_lets_the_others_go_on_and_is_in_the_ledger(things: Things) -> None:
    at(things, NOW + DAY)
    text = (things.folder / "data" / f"{LAST}.csv").read_text()
    (things.folder / "data" / f"{LAST}.csv").unlink()
    (things.folder / "data" / f"{LAST + DAY}.csv").write_text(text.replace(str(LAST), str(LAST + DAY)))
    published = skip(things.use_case, LAST, things.workspace, reason="the sender lost it", by="ada")
    assert {(item.table, item.rows) for item in published} == {
        (f"things/{table}", 0) for table in ("raw_things", "raw_outcomes", "quarantine")
    }
    assert skipped(things.workspace.ledger, "things") == {LAST: "the sender lost it"}
    (event,) = things.workspace.ledger.events("things", kind="night_skipped")
    assert event.payload == {"reason": "the sender lost it", "by": "ada", "sources": ["things", "outcomes"]}
    assert owed(things, NOW + DAY) == [("features", LAST), ("ingest", LAST + DAY)]
    _, outcomes = keep_up(things.use_case, things.workspace)
    assert [outcome.error for outcome in outcomes] == [None, None] and owed(things, NOW + DAY) == []
    assert LAST + DAY in things.workspace.lake.states("things/decisions")
    assert LAST not in things.workspace.lake.states("things/scores")


def test_a_night_given_up_whose_data_comes_after_all_is_a_night_like_any_other(things: Things) -> None:
    skip(things.use_case, LAST, things.workspace, reason="the sender lost it", by="ada")
    ingest.run(things.use_case, one(LAST), things.workspace)
    keep_up(things.use_case, things.workspace)
    assert things.workspace.lake.states("things/scores")[LAST].rows == 12 and owed(things) == []


def test_what_is_there_or_not_over_or_for_no_reason_is_not_given_up(things: Things) -> None:
    use_case, workspace = things.use_case, things.workspace
    with pytest.raises(UsageError, match="the night 2024-03-05 is there"):
        skip(use_case, BEFORE.last, workspace, reason="lost", by="ada")
    with pytest.raises(BadNight, match="is not over"):
        skip(use_case, LAST + DAY, workspace, reason="lost", by="ada")
    for reason, by in (("", "ada"), ("lost", " ")):
        with pytest.raises(UsageError, match="by somebody, for a reason"):
            skip(use_case, LAST, workspace, reason=reason, by=by)
    assert workspace.ledger.events("things", kind="night_skipped") == []


def test_the_monitor_waits_for_the_night_before_unless_it_was_given_up(things: Things) -> None:
    at(things, NOW + DAY)
    text = (things.folder / "data" / f"{LAST}.csv").read_text()
    (things.folder / "data" / f"{LAST + DAY}.csv").write_text(text.replace(str(LAST), str(LAST + DAY)))
    later = one(LAST + DAY)
    things.build(Nights(LAST, LAST + DAY))
    score.run(things.use_case, later, things.workspace)
    with pytest.raises(NotReady, match=f"night {LAST + DAY} decides after night {LAST}"):
        monitor.run(things.use_case, later, things.workspace)


@pytest.mark.parametrize(
    ("stage", "earlier", "nights_before", "waits"),
    [
        ("features", "ingest", 2, True),  # the window of three nights reaches there
        ("features", "ingest", 3, False),
        ("features", "features", 1, True),
        ("features", "score", 1, False),
        ("ingest", "ingest", 1, False),
        ("score", "ingest", 1, False),
        *(("monitor", earlier, 1, True) for earlier in STAGES),
        ("monitor", "monitor", 2, False),
    ],
)
def test_a_stage_waits_for_an_earlier_night_only_where_it_reads_it(
    things: Things, stage: str, earlier: str, nights_before: int, waits: bool
) -> None:
    item, other = Owed(stage, LAST, ""), Owed(earlier, LAST - nights_before * DAY, "")  # type: ignore[arg-type]
    assert waits_for(things.use_case, item, [other, item]) == (other.night if waits else None)
    assert waits_for(things.use_case, item, [item, replace(other, night=LAST + DAY)]) is None


def test_the_command_tells_what_is_owed_and_does_it(
    things: Things, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("home", "definitions", "contracts", "engine"):
        monkeypatch.setenv(f"NIGHTLOOP_{name.upper()}", str(getattr(things.settings, name)))
    things.change(lambda declared: declared.update(last_night=LAST))  # or its nights went on until today
    assert command_line.main(["ingest", "things", str(LAST)]) == 0
    capsys.readouterr()
    assert command_line.main(["keep-up", "--dry-run", "things"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "things: 1 nights lack something",
        f"  features of {LAST}: tiles, aggregates, features, labels not built",
    ]
    assert command_line.main(["keep-up", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["owed"] == [{"stage": "features", "night": str(LAST), "why": "tiles, aggregates, features, labels not built"}]
    assert {item["table"] for item in answer["done"][0]["published"]} >= {
        "things/features",
        "things/scores",
        "things/decisions",
    }
    assert command_line.main(["keep-up"]) == 0
    assert capsys.readouterr().out == "things: nothing is owed\n"
    assert command_line.main(["keep-up", "--at-most", "0"]) == UsageError.exit_code


def test_the_command_ends_with_the_code_of_the_first_error_and_skip_mends_it(
    things: Things, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("home", "definitions", "contracts", "engine"):
        monkeypatch.setenv(f"NIGHTLOOP_{name.upper()}", str(getattr(things.settings, name)))
    use_case = things.change(lambda declared: declared.update(last_night=LAST + DAY))
    ingest.run(use_case, one(LAST), things.workspace)
    (things.folder / "data" / f"{LAST + DAY}.csv").write_text((things.folder / "data" / f"{LAST}.csv").read_text())
    gone = things.folder / "data" / f"{LAST}.csv"
    gone.write_text("id,ts,price,part,sold\n")
    assert command_line.main(["skip", "things", str(LAST + DAY), "--reason", "lost", "--by", "ada"]) == 0
    assert "things/raw_things" in capsys.readouterr().out
    assert command_line.main(["keep-up", "things"]) == 0
