"""The card and the datasheet of a training on real stores: in MLflow, beside the training set, and as pages of the reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs import train
from jobs.training.judged_card import page_path, write_judged_card
from nightloop.errors import GateFailed
from nightloop.lake import Commit
from nightloop.model import bundle
from nightloop.model.training import card_text, training_snapshot
from nightloop.nights import Nights
from tests.jobs.conftest import AS_OF, NIGHTS, Loans, definition

pytestmark = [pytest.mark.slow, pytest.mark.random_order(disabled=True)]
NAME = "accounts_late"
LATER = AS_OF + timedelta(days=8)


@pytest.fixture(scope="module")
def twice(shared: Loans) -> Loans:
    """Trained and promoted, then trained again by another definition, as of a later night: the gates judge both."""
    train.run(shared.use_case, AS_OF, shared.workspace)
    declared = definition()
    model = declared["model"]
    assert isinstance(model, dict)
    again = shared.with_(model={**model, "xgboost": {"n_estimators": 61, "max_depth": 2}})
    again.publish(Nights(AS_OF + timedelta(days=1), LATER))
    again.workspace.ledger  # noqa: B018 - opened before it is asked
    for step in (train.assemble, train.fit, train.evaluate):
        step(again.use_case, LATER, again.workspace)
    for gate in train.GATES:
        try:
            train.gate(again.use_case, LATER, again.workspace, name=gate)
        except GateFailed:
            continue  # the card shows it
    return again


def card_of(loans: Loans, as_of, version: int) -> dict[str, str]:
    path = training_snapshot.judged_card(loans.workspace.settings.home, NAME, as_of, version)
    return card_text.sections_of(path.read_text(encoding="utf-8"))


def shown_in_mlflow(loans: Loans, version: int, name: str) -> str:
    run_id = {of.version: of.run_id for of in loans.workspace.registry.versions(NAME)}[version]
    with loans.workspace.registry.session.reach("read a figure"):
        import mlflow

        return str(mlflow.artifacts.load_text(f"runs:/{run_id}/figures/{name}"))


def test_the_promotion_stands_on_the_card_with_who_and_when(twice: Loans) -> None:
    sections = card_of(twice, AS_OF, 1)
    assert "| the gates |" in sections[card_text.OVERSIGHT] and "version 1 promoted" in sections[card_text.OVERSIGHT]
    assert f"{datetime.now(UTC):%Y-}" in sections[card_text.OVERSIGHT]
    assert sections[card_text.CHANGES].startswith("This is the first version")
    assert sections[card_text.MARGIN].endswith("has not compared it with a champion.")
    assert all(f"| {gate} | pass |" in sections[card_text.GATES] for gate in train.GATES)


def test_a_later_version_says_in_words_what_changed_since_the_champion_and_what_of_the_budget_is_spent(twice: Loans) -> None:
    sections = card_of(twice, LATER, 2)
    changed = sections[card_text.CHANGES]
    assert changed.startswith("Compared with version 1: the champion it would replace")
    assert "Features: 3, before 3; added none; removed none" in changed
    assert "model.xgboost.n_estimators: 60 -> 61" in changed and "model.xgboost.max_depth: 3 -> 2" in changed
    assert f"| as of | {LATER} | {AS_OF} |" in changed
    [line] = [line for line in changed.splitlines() if line.startswith("| auc |")]
    assert line.count(" to ") == 2, "both figures with their intervals"
    assert "auc over champion" in sections[card_text.MARGIN]
    assert "Nobody has approved" in sections[card_text.OVERSIGHT]


def test_no_section_is_empty_and_nothing_waits_for_a_verdict_any_more(twice: Loans) -> None:
    for as_of, version in ((AS_OF, 1), (LATER, 2)):
        sections = card_of(twice, as_of, version)
        assert all(sections.values())
        assert not any(sentence in body for body in sections.values() for sentence in card_text.LATER.values())


def test_the_page_is_among_the_reports_and_in_mlflow_with_its_pictures(twice: Loans) -> None:
    page = page_path(twice.workspace, NAME, 2)
    html = page.read_text(encoding="utf-8")
    assert page == twice.workspace.reports / NAME / "card-2.html" and shown_in_mlflow(twice, 2, "card.html") == html
    assert shown_in_mlflow(twice, 2, "card.md") == training_snapshot.judged_card(
        twice.workspace.settings.home, NAME, LATER, 2
    ).read_text(encoding="utf-8")
    assert html.count('<img alt="') >= 3 and "AUC by model" in html and "datasheet-" in html


def test_a_card_that_says_the_same_is_not_written_again(twice: Loans, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("written again")

    monkeypatch.setattr(type(twice.workspace.registry), "log_texts", never)
    newest = twice.workspace.registry.versions(NAME)[-1]
    write_judged_card(twice.use_case, LATER, twice.workspace, newest)


def test_the_card_of_the_bundle_stays_as_it_was_registered(twice: Loans) -> None:
    folder = twice.workspace.registry.fetch(NAME, 2)
    text = (folder / bundle.CARD).read_text(encoding="utf-8")
    assert all(sentence in text for sentence in card_text.LATER.values())
    assert "= north | auc |" in text and "2024-01-25 to" in card_text.sections_of(text)["Slices"]


def test_the_datasheet_counts_rows_labels_missing_values_and_groups(twice: Loans) -> None:
    folder = training_snapshot.folder(twice.workspace.settings.home, NAME, AS_OF)
    text = (folder / "datasheet.md").read_text(encoding="utf-8")
    assert shown_in_mlflow(twice, 1, "datasheet.md") == text
    sections = card_text.sections_of(text)
    assert list(sections)[1:] == [
        "Motivation", "Composition", "Rows by night", "Missing values", "Groups", "Collection", "Preprocessing", "Uses",
        "Distribution", "Maintenance",
    ]  # fmt: skip
    assert all(sections.values())
    manifest = training_snapshot.read_manifest(twice.workspace.settings.home, NAME, AS_OF)
    rows = training_snapshot.read(manifest, tuple(twice.use_case.features))
    nights = sections["Rows by night"].splitlines()[2:]
    assert len(nights) == NIGHTS - 2 and sum(int(line.split("|")[2].replace(",", "")) for line in nights) == manifest.rows
    missing = int((rows.matrix[:, 0] != rows.matrix[:, 0]).sum())
    assert f"| income | {missing:,} |" in sections["Missing values"]
    north = rows.group == "north"
    assert f"| region = north | {north.sum():,} | {rows.label[north].mean():.2%} |" in sections["Groups"]
    assert manifest.dvc_md5 in sections["Distribution"] and "No record was set aside" in sections["Collection"]
    page: Path = twice.workspace.reports / NAME / f"datasheet-{AS_OF}.html"
    assert "Datasheet" in page.read_text(encoding="utf-8")


def test_the_datasheet_counts_what_contracts_set_aside_in_the_nights_of_the_set(twice: Loans) -> None:
    import pyarrow as pa

    from nightloop.contracts.quarantine import SCHEMA

    def aside(count: int) -> pa.Table:
        return pa.table([["accounts"] * count, ["r"] * count, ["why"] * count, ["{}"] * count, ["k"] * count], schema=SCHEMA)

    tables = {AS_OF - timedelta(days=3): aside(4), AS_OF: aside(7)}  # labels of the newest two nights are not matured
    twice.workspace.lake.publish_nights(f"{NAME}/quarantine", tables, Commit("test", NAME))
    train.assemble(twice.use_case, AS_OF, twice.workspace)
    folder = training_snapshot.folder(twice.workspace.settings.home, NAME, AS_OF)
    assert "| accounts | 4 |" in card_text.sections_of((folder / "datasheet.md").read_text(encoding="utf-8"))["Collection"]
