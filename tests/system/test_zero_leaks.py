"""Zero leaked rows, through the doors a person uses: what a night publishes is what a snapshot frozen at its cut-off gives."""

from __future__ import annotations

import json
import random
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from jobs import features, ingest
from jobs.commands.command_line import main
from nightloop.evidence import metrics
from nightloop.features.labels import newest_labels
from nightloop.nights import Nights, one
from nightloop.workspace import Workspace
from tests.features.reference import features_of, frozen
from tests.features.shop import REVISED_WITHIN, ZONE, History, Version, draw_history
from tests.system.delivered_shop import SOURCES, TOO_LATE, DeliveredShop, deliver, rules_of

NIGHTS = Nights(date(2024, 3, 6), date(2024, 3, 14))  # New York's clocks change on the 10th
MATURES = timedelta(days=2)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> DeliveredShop:
    """Nine nights delivered, taken in and built by the commands, night after night."""
    made = deliver(draw_history(20240310, NIGHTS, size=14), tmp_path_factory.mktemp("shop"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTLOOP_ENGINE", "local")
        for name, value in (("HOME", "home"), ("DEFINITIONS", "feature_defs"), ("CONTRACTS", "great_expectations")):
            patch.setenv(f"NIGHTLOOP_{name}", str(made.folder / value))
        for night in NIGHTS:
            for stage in ("ingest", "features"):
                assert main([stage, "shop", str(night)]) == 0
    return made


def rows(shop: DeliveredShop, table: str, night: date) -> list[dict]:
    return Workspace.open(shop.settings).lake.read(f"shop/{table}", one(night)).drop_columns(["night"]).to_pylist()


def test_every_night_s_features_are_those_of_a_snapshot_frozen_at_its_cutoff(shop: DeliveredShop) -> None:
    later = 0
    for night in NIGHTS:
        found = {row.pop("visit_id"): row for row in rows(shop, "features", night)}
        assert found == features_of(shop.history, night), night
        later += found != features_of(shop.history, night, known=NIGHTS.last)
    assert later >= len(NIGHTS) - 2, "with today's knowledge nearly every night would be another"


def test_every_night_s_labels_are_what_became_known_of_them_on_it(shop: DeliveredShop) -> None:
    matured, changed, before = 0, 0, dict[tuple[date, str], bool]()
    for night in NIGHTS:
        found = {(row["scored_night"], row["visit_id"]): row["label"] for row in rows(shop, "labels", night)}
        known = labels_known(shop.history, night)
        assert found == {key: known.get(key) for key in known | before if known.get(key) != before.get(key)}, night
        earlier = sum(scored < night - MATURES for scored, _ in found)
        matured, changed, before = matured + len(found) - earlier, changed + earlier, known
    assert matured > 30
    assert changed > 5


def labels_known(history: History, night: date) -> dict[tuple[date, str], bool]:
    """Return the labels known at the cut-off of a night, in plain Python: of the payments since, the one that happened last."""
    labels = {}
    for scored in (scored for scored in history.nights if scored + MATURES <= night):
        final = min(night, scored + MATURES + timedelta(days=REVISED_WITHIN))
        standing = [version for version in frozen(history, "payments", final) if version.night > scored]
        for visit in history.visits.get(scored, []):
            came = [version for version in standing if version.columns["customer"] == visit["customer"] is not None]
            outcomes = [version for version in came if happened(history, version, scored) <= scored + MATURES]
            if outcomes:
                newest = max(outcomes, key=lambda v: (v.event_at, v.night, v.known_at, v.columns["by_card"] is True))
                labels[scored, visit["visit_id"]] = newest.columns["by_card"] is True
    return labels


def happened(history: History, version: Version, scored: date) -> date:
    """Return when a payment first happened, by the versions of the same customer's that came after the scored night."""
    payment = version.columns["payment_id"], version.columns["customer"]
    return min(
        other.event_night
        for other in history.of("payments")
        if (other.columns["payment_id"], other.columns["customer"]) == payment
        and scored < other.night
        and (other.night, other.known_at) <= (version.night, version.known_at)
    )


def test_what_comes_too_late_or_from_tomorrow_is_in_quarantine_with_the_reason(shop: DeliveredShop) -> None:
    reasons = set()
    for night in NIGHTS:
        held = rows(shop, "quarantine", night)
        assert rules_of(held) == shop.unusable[night], night
        assert all(json.loads(row["record"]) and row["reason"] for row in held)
        reasons |= {row["reason"] for row in held if row["rule"] == TOO_LATE}
    assert f"it happened more than 3 nights before {NIGHTS.last}: too late (revised_within)." in reasons


def test_no_record_of_any_file_is_lost(shop: DeliveredShop) -> None:
    for (source, night), delivered in shop.records.items():
        held = [row for row in rows(shop, "quarantine", night) if row["source"] == source]
        assert len(rows(shop, f"raw_{source}", night)) + len(held) == delivered, (source, night)


def digests(workspace: Workspace) -> dict[tuple[str, date], str]:
    tables = [*(f"raw_{source}" for source in SOURCES), "quarantine", *features.STEPS]
    return {(t, night): state.content_digest for t in tables for night, state in workspace.lake.states(f"shop/{t}").items()}


@pytest.mark.parametrize("order", ["as a range", "in reverse"])
def test_history_repaired_another_way_is_the_same(shop: DeliveredShop, order: str, tmp_path: Path) -> None:
    workspace = Workspace.open(shop.settings.model_copy(update={"home": tmp_path / "home"}))
    for nights in [NIGHTS] if order == "as a range" else [one(night) for night in reversed(list(NIGHTS))]:
        ingest.run(shop.use_case, nights, workspace)
    features.run(shop.use_case, NIGHTS, workspace)
    found = digests(workspace)
    assert len(found) == len(NIGHTS) * (len(SOURCES) + 1 + len(features.STEPS))
    assert found == digests(Workspace.open(shop.settings))


# --- what the leak would have been worth ---------------------------------------------------------------------------------


def telling_corrections(nights: Nights, visits: int = 60) -> History:
    """Nothing known at the cut-off tells who buys; the correction of the payment, one or two nights later, tells it well."""
    draw, history = random.Random(4), History(nights, {})
    for night in nights:
        history.visits[night] = []
        for i in range(visits):
            customer, bought, paid = f"{night}/{i}", draw.random() < 0.4, draw.uniform(1, 50)
            day = night + timedelta(days=1)
            visit = {"visit_id": customer, "customer": customer, "city": "Zürich", "day": day, "basket": 1.0}
            history.visits[night].append(visit)
            for delay, amount in ((0, paid), (draw.choice([1, 2]), paid + draw.gauss(40.0 * bought, 10.0))):
                came = night + timedelta(days=delay)
                if came in nights:
                    columns = {"payment_id": night.toordinal() * 1000 + i, "customer": customer, "city": "Zürich"}
                    columns |= {"kind": "né", "amount": round(amount, 2), "by_card": bought if delay else None}
                    at = datetime.combine(night, time(12), tzinfo=ZONE)
                    history.versions.append(Version("payments", came, at, at + timedelta(days=delay), columns))
    return history


def area(values: pa.Table, labels: pa.Table, feature: str = "spent_1") -> metrics.Figure:
    """Return the AUC of the simplest model there is: the more was spent, the likelier the purchase."""
    known = {(row["scored_night"], row["visit_id"]): row["label"] for row in labels.to_pylist()}
    told = [row for row in values.to_pylist() if (row["night"], row["visit_id"]) in known]
    bought = np.array([known[row["night"], row["visit_id"]] for row in told])
    night = np.array([row["night"] for row in told], dtype="datetime64[D]")
    return metrics.auc(bought, np.array([row[feature] for row in told]), night)


def test_a_join_without_known_times_promises_what_no_night_could_keep(tmp_path: Path) -> None:
    nights = Nights(NIGHTS.first, NIGHTS.first + timedelta(days=7))
    shop = deliver(telling_corrections(nights), tmp_path)
    use_case, workspace = shop.use_case, Workspace.open(shop.settings)
    ingest.run(use_case, nights, workspace)
    features.run(use_case, nights, workspace)
    for step in ("aggregates", "features"):
        features.run(use_case, nights, workspace, step=step, as_known_at=nights.last)
    labels = newest_labels(use_case, workspace.lake.snapshot("shop/labels"))
    honest = area(workspace.lake.read("shop/features"), labels)
    naive = area(workspace.lake.read(f"shop/features_known_{nights.last}"), labels)
    assert honest.low < 0.5 < honest.high < 0.6, honest
    assert naive.value > 0.8, naive
