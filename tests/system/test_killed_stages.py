"""A stage killed at any point, again and again, and then run to the end publishes what an undisturbed run does, and only that.

Together with test_killed_training and tests/lake/test_crash more than eighty runs are hit by SIGKILL.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from jobs.upkeep.release import ReleaseRequest
from nightloop.definitions.use_case import UseCase
from nightloop.nights import Night, Nights, one
from tests.features.shop import draw_history
from tests.system.delivered_shop import DeliveredShop, deliver
from tests.system.killed import Home, Step, kill_and_run_again, run

NIGHTS = Nights(date(2024, 3, 6), date(2024, 3, 11))
NIGHT = date(2024, 3, 10)  # New York's clocks change
BEFORE = Nights(NIGHTS.first, NIGHT - timedelta(days=1))


def leave_out_a_payment(shop: DeliveredShop) -> None:
    """The sender delivers the night's payments again: other ones."""
    file = shop.folder / "payments" / f"{NIGHT}.csv"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(lines[:-2]), encoding="utf-8")


def allow_negative_numbers(shop: DeliveredShop) -> None:
    """The contract is corrected, so that records can leave the quarantine."""
    suite = shop.folder / "great_expectations" / "shop" / "payments.yaml"
    suite.write_text(suite.read_text(encoding="utf-8").replace("min_value: 0", "min_value: -5"), encoding="utf-8")


@dataclass(frozen=True)
class Case:
    """What ran before, what changed then, what is killed, how often, and the nights it makes."""

    prepared: tuple[Step, ...]
    killed: tuple[Step, ...]
    kills: int
    counted: Nights
    change: Callable[[DeliveredShop], None] = lambda _shop: None


INGESTED = (Step("ingest", NIGHTS),)
BUILT = (*INGESTED, Step("features", NIGHTS))
TWO_CLOCKS = {"as_known_at": str(NIGHTS.last)}
RELEASE = Step("upkeep.release", NIGHT, {"request": ReleaseRequest("numbers below zero are right", "ada", source="payments")})
SHOP = {
    "ingest of a night": Case((Step("ingest", BEFORE),), (Step("ingest", one(NIGHT)),), 6, one(NIGHT)),
    "ingest of a range": Case((), (Step("ingest", NIGHTS),), 6, NIGHTS),
    "features of a night": Case((*INGESTED, Step("features", BEFORE)), (Step("features", one(NIGHT)),), 6, one(NIGHT)),
    "features of a range": Case(INGESTED, (Step("features", NIGHTS),), 9, NIGHTS),
    "features as known later": Case(BUILT, (Step("features", BEFORE, TWO_CLOCKS),), 6, BEFORE),
    "a night delivered again": Case(
        BUILT, (Step("ingest", one(NIGHT)), Step("features", one(NIGHT))), 6, one(NIGHT), leave_out_a_payment
    ),
    "a release from quarantine": Case(BUILT, (RELEASE,), 6, one(NIGHT), allow_negative_numbers),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHOP)
def test_a_killed_stage_run_again_publishes_the_same(name: str, tmp_path: Path) -> None:
    case, shop = SHOP[name], deliver(draw_history(20240310, NIGHTS, size=10), tmp_path / "shop")
    folders = {"definitions": shop.folder / "feature_defs", "contracts": shop.folder / "great_expectations"}
    start = Home(shop.use_case, shop.folder / "home", folders)
    start.folder.mkdir()
    run(start.use_case, case.prepared, start.named)
    case.change(shop)
    left = kill_and_run_again(start, case.killed, case.counted, case.kills, tmp_path)
    if name == "features of a range":  # its files are all written before the first is committed
        assert left, "no kill fell between writing files and committing them: the test has proven too little"


SCORED = date(2013, 3, 6)
FLIGHTS = {"score": (SCORED, 6), "monitor": (date(2013, 3, 5), 6), "report": (date(2013, 3, 3), 3)}


@pytest.mark.slow
@pytest.mark.parametrize("stage", FLIGHTS)
def test_a_killed_stage_of_the_champion_run_again_publishes_the_same(
    stage: str, turned_home: Path, tmp_path: Path, flight_delay: UseCase
) -> None:
    night: Night
    night, kills = FLIGHTS[stage]
    start = Home(flight_delay, turned_home).copy(tmp_path / "start")
    if stage == "score":
        run(flight_delay, (Step("ingest", one(night)), Step("features", one(night))), start.named)
    kill_and_run_again(start, (Step(stage, one(night)),), one(night), kills, tmp_path)
