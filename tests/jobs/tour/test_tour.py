"""A tour's home, its nights, and how it ends."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.commands.command_line import main
from jobs.tour.command import has_display
from jobs.tour.drafted import ENOUGH_RECORDS, FEWEST_NIGHTS, MOST_NIGHTS, DraftedTour, TourHome, make_draft
from jobs.tour.stages import MONTH, StageLine, Tour, scored_nights
from nightloop.definitions.model import Split
from nightloop.drafting import DraftOptions
from nightloop.errors import ContractBroken, TrainingRefused, UsageError
from nightloop.nights import Nights
from nightloop.workspace import Workspace
from tests.jobs.tour.kinds import Kind, base, binary

FIRST = date(2024, 1, 1)


def written(folder: Path, nights: int, a_night: int) -> str:
    columns = base(1, nights, a_night)
    (path,) = Kind({"churn.csv": {**columns, "churned": binary(columns, 1)}}).write(folder)
    return path


def drafted(folder: Path, nights: int, a_night: int, **options: Any) -> DraftedTour:
    home = TourHome(folder / "home", "churn")
    return make_draft(home, [written(folder, nights, a_night)], DraftOptions(label="churned"), **options)


def test_a_home_of_its_own_touches_no_store_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = {"LAKE_URL": "s3://theirs/lake", "LEDGER_URL": "sqlite:////theirs.db", "MLFLOW_URL": "http://theirs",
                 "ARTIFACTS_URL": "s3://theirs", "DVC_REMOTE": "s3://theirs", "SMTP_URL": "smtp://theirs", "SLACK_URL": "https://theirs",
                 "PING_URL": "https://theirs", "ENGINE": "spark", "HOME": "/theirs"}  # fmt: skip
    for name, value in elsewhere.items():
        monkeypatch.setenv(f"NIGHTLOOP_{name}", value)
    home = TourHome(tmp_path / "home", "churn")
    settings = home.settings
    assert "theirs" not in str(settings.model_dump())
    assert {str(settings.home), settings.engine} == {str(home.folder), "local"}
    assert home.variables["NIGHTLOOP_HOME"] == str(home.folder)


def test_the_same_draft_goes_on_and_another_one_is_refused_unless_forced(tmp_path: Path) -> None:
    first = drafted(tmp_path, 20, 3)
    table = tmp_path / "home" / "lake" / "table"
    table.mkdir(parents=True)
    assert drafted(tmp_path, 20, 3).use_case == first.use_case
    assert table.exists()
    with pytest.raises(UsageError, match="--force"):
        drafted(tmp_path, 21, 3)
    assert table.exists()
    assert drafted(tmp_path, 21, 3, force=True).nights.last == first.nights.last + timedelta(days=1)
    assert not table.exists()


@pytest.mark.parametrize(
    ("nights", "a_night", "taken"),
    [
        (FEWEST_NIGHTS, 1, FEWEST_NIGHTS),
        (FEWEST_NIGHTS + 1, 1, FEWEST_NIGHTS + 1),  # few records: all nights that are not too many
        (MOST_NIGHTS, 1, MOST_NIGHTS),
        (MOST_NIGHTS + 1, 1, MOST_NIGHTS),
        (FEWEST_NIGHTS + 10, 2 * ENOUGH_RECORDS // FEWEST_NIGHTS, FEWEST_NIGHTS),
    ],
)
def test_the_newest_nights_that_hold_enough_are_taken(tmp_path: Path, nights: int, a_night: int, taken: int) -> None:
    tour = drafted(tmp_path, nights, a_night)
    assert len(tour.nights) == taken
    assert bool(tour.notes) == (taken < nights)
    assert tour.nights.last == tour.draft.plan.last_night


def month_of(nights: int, *, empty: int = 0) -> Nights:
    """Return the nights to score of so many, the first few of them without rows."""
    every = Nights(FIRST, FIRST + timedelta(days=nights - 1))
    split = Split(validate_nights=5, calibrate_nights=2, minimum_fit_nights=8)
    return scored_nights(every, list(every)[empty:], split, matures_after=1)


@pytest.mark.parametrize(("nights", "scored"), [(119, 29), (120, 30), (400, MONTH), (20, 4), (19, 3), (18, 2), (17, 1)])
def test_the_last_month_or_quarter_is_scored_less_where_too_few_would_train(nights: int, scored: int) -> None:
    month = month_of(nights)
    assert len(month) == scored
    assert month.last == FIRST + timedelta(days=nights - 1)


def test_nights_without_rows_do_not_count() -> None:
    assert len(month_of(20, empty=1)) == 3
    with pytest.raises(TrainingRefused, match="15 nights of the data hold records, 20 nights in all"):
        month_of(20, empty=5)


def test_one_night_too_few_is_refused_in_words() -> None:
    assert len(month_of(17)) == 1
    with pytest.raises(TrainingRefused, match="at least 15 with known outcomes, and one more"):
        month_of(16)


def test_a_page_is_opened_only_where_a_person_can_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    assert not has_display()  # no terminal


def test_a_few_nights_end_with_a_page_that_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["try", written(tmp_path, 3, 8), "--label", "churned", "--home", str(tmp_path / "home")])
    shown = capsys.readouterr()
    assert code == TrainingRefused.exit_code
    assert "The tour ends here." in shown.err
    lines = [line.split()[0] for line in shown.out.splitlines() if " s  " in line]
    assert lines[:3] == ["draft", "ingest", "features"]
    page = tmp_path / "home" / "index.html"
    assert shown.out.splitlines()[-1] == f"page: {page}"
    assert "Give a longer stretch of data." in page.read_text(encoding="utf-8")


def test_the_home_is_below_that_of_the_environment_unless_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NIGHTLOOP_HOME", str(tmp_path / "env"))
    main(["try", written(tmp_path, 3, 8), "--label", "churned", "--json", "--name", "mine"])
    answer = json.loads(capsys.readouterr().out)
    assert answer["home"] == str(tmp_path / "env" / "try" / "mine")
    assert [path.name for path in (tmp_path / "env").iterdir()] == ["try"]


def test_a_night_that_its_contract_refuses_ends_the_nights_and_those_before_it_stand(tmp_path: Path) -> None:
    path = Path(written(tmp_path, 6, 8))
    rows = path.read_text(encoding="utf-8").splitlines()
    night = [row for row in rows if "2024-03-05" in row]
    path.write_text("\n".join([*rows, *night[:3], ""]), encoding="utf-8")
    home = TourHome(tmp_path / "home", "churn")
    tour = make_draft(home, [str(path)], DraftOptions(label="churned", key=("order_id",)))
    (suite,) = (home.folder / "great_expectations" / "churn").glob("churn.yaml")
    text = suite.read_text(encoding="utf-8")
    suite.write_text(re.sub(r"quarantined_share_limit: [\d.]+", "quarantined_share_limit: 0.01", text), encoding="utf-8")
    lines: list[StageLine] = []
    taken = Tour(tour.use_case, Workspace.open(home.settings), lines.append)
    taken.run(tour.nights)
    ingest, features = lines[:2]
    assert ingest.words.startswith("2024-03-01..2024-03-04: 32 records")
    assert "up to 2024-03-04, for the night after it was refused" in ingest.words and "quarantined_share" in ingest.words
    assert features.is_done and features.words.startswith("32 rows")
    assert isinstance(taken.refusal, TrainingRefused)


def test_a_first_night_that_is_refused_leaves_nothing_to_go_on_with(tmp_path: Path) -> None:
    tour = drafted(tmp_path, 4, 8)
    home = TourHome(tmp_path / "home", "churn")
    suite = home.folder / "great_expectations" / "churn" / "churn.yaml"
    suite.write_text(suite.read_text(encoding="utf-8").replace("on_breach: warn", "on_breach: fail"), encoding="utf-8")
    text = suite.read_text(encoding="utf-8")
    suite.write_text(re.sub(r"(column: spend, min_value:) [\d.]+", r"\1 99", text), encoding="utf-8")
    taken = Tour(tour.use_case, Workspace.open(home.settings), lambda line: None)
    taken.run(tour.nights)
    assert isinstance(taken.refusal, ContractBroken)
    assert [(line.stage, line.is_done) for line in taken.lines] == [("ingest", False)]
