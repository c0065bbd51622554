"""The stage train on real stores: lake, ledger, DVC, MLflow."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from jobs import train
from jobs.endings import ending
from jobs.training.summary import STRONGEST, training_summary
from nightloop.atomic_file import write_atomically
from nightloop.definitions import definition_digest
from nightloop.errors import GateFailed, NotReady, TrainingRefused, UsageError
from nightloop.evidence import intervals
from nightloop.lake import Commit
from nightloop.model import bundle, champions
from nightloop.model.training import candidate, training_set, training_snapshot
from nightloop.model.training.slices import Slices, divide
from nightloop.nights import Nights
from nightloop.promotion.approval import question
from nightloop.reporting.week import week_of

from .conftest import AS_OF, FIRST, Loans, definition

# One training, told in order: each test stands on what the one before left in the registry.
pytestmark = pytest.mark.random_order(disabled=True)


BEST_STANDS = AS_OF + timedelta(days=8)  # a training that is judged beside the champion and a better one before it


def verdicts(loans: Loans) -> dict[str, str]:
    events = loans.workspace.ledger.events(loans.use_case.use_case, kind="gate_judged")
    return {event.payload["gate"]: event.payload["outcome"] for event in events}


def run(loans: Loans):
    return train.run(loans.use_case, Nights(AS_OF, AS_OF), loans.workspace, reason="a test", requested_by="pytest")


@pytest.fixture(scope="module")
def trained(shared: Loans) -> Loans:
    """Trained and promoted once; the tests that change what stands come last and say so."""
    run(shared)
    return shared


def test_an_honest_training_passes_every_gate_and_is_promoted(shared: Loans):
    told: list[str] = []
    (published,) = train.run(
        shared.use_case, AS_OF, shared.workspace, progress=lambda doing, done, total: told.append(f"{done}/{total} {doing}")
    )
    assert published.details["promoted"] and published.details["version"] == 1
    assert published.table == "accounts_late/evaluation" and published.night == AS_OF
    state = shared.workspace.lake.states("accounts_late/evaluation")[AS_OF]
    read = ("labels", "features", "raw_accounts")
    assert state.inputs == {name: shared.workspace.lake.snapshot(f"accounts_late/{name}").version for name in read}
    assert (state.stage, state.definition_digest) == ("train", definition_digest(shared.use_case))
    assert verdicts(shared) == dict.fromkeys(train.GATES, "pass")
    champion = champions.effective(shared.workspace.ledger, "accounts_late", AS_OF)
    assert champion is not None and champion.version == 1 and champion.as_of == AS_OF
    assert shared.workspace.registry.alias("accounts_late", "champion") == 1
    assert told[0] == "0/13 assemble" and told[-1] == "13/13 promote"
    assert champion.payload["bundle_digest"] == bundle.digest(shared.workspace.registry.fetch("accounts_late", 1))


def test_the_summary_of_a_training_has_its_models_gates_features_and_pages(trained: Loans):
    summary = training_summary(trained.use_case, AS_OF, trained.workspace)
    assert (summary.version, summary.as_of, summary.effective_from) == (1, AS_OF, AS_OF)
    assert [line.model for line in summary.models] == ["candidate", "baseline"]
    assert [verdict.gate for verdict in summary.verdicts] == list(train.GATES) and summary.passed == len(train.GATES)
    assert summary.card.exists() and summary.page.exists()
    shares = [float(share.rstrip("%")) for _, share, _ in summary.features]
    assert 1 <= len(shares) <= STRONGEST and shares == sorted(shares, reverse=True)
    assert {name for name, _, _ in summary.features} <= set(trained.use_case.features)


def test_train_ends_with_the_summary_and_the_pages_of_its_nights(trained: Loans):
    summary = training_summary(trained.use_case, AS_OF, trained.workspace)
    week = trained.workspace.reports / "accounts_late" / f"week-{week_of(AS_OF).first}.html"
    drift = trained.workspace.reports / "accounts_late" / str(AS_OF) / "drift.html"
    write_atomically(week, "a week")
    lines = list(ending("train", trained.use_case, Nights(AS_OF, AS_OF), trained.workspace))
    assert lines == [*summary.lines(), f"page:     {week}"]
    assert lines[0] == f"version 1, trained as of {AS_OF}: champion from {AS_OF}"
    candidate = next(line.figure for line in summary.models if line.model == "candidate")
    assert f"{candidate.value:.3f}  {candidate.low:.3f} to {candidate.high:.3f}" in lines[2]
    assert all(any(verdict.reason in line for line in lines) for verdict in summary.verdicts)
    write_atomically(drift, "drift")
    for stage in ("score", "monitor"):
        assert list(ending(stage, trained.use_case, Nights(FIRST, AS_OF), trained.workspace)) == [
            f"page:     {page}" for page in (week, drift)
        ]
    assert list(ending("ingest", trained.use_case, Nights(FIRST, AS_OF), trained.workspace)) == []
    week.unlink()
    drift.unlink()


def test_a_training_that_was_refused_before_a_model_was_fitted_has_no_summary(trained: Loans):
    later = AS_OF + timedelta(days=300)
    assert list(ending("train", trained.use_case, Nights(later, later), trained.workspace)) == []


def test_run_twice_it_registers_and_promotes_once_and_the_ledger_stands_still(trained: Loans):
    before = trained.workspace.ledger.events()
    run(trained)
    assert trained.workspace.ledger.events() == before
    assert len(trained.workspace.registry.versions("accounts_late")) == 1


def test_each_request_for_a_training_is_kept_once(trained: Loans):
    who = {"reason": "asked for by hand", "requested_by": "Ada"}
    for asked in (who, who, {**who, "reason": "asked for another reason"}, {**who, "requested_by": "Grace"}):
        train.record_request(trained.use_case, FIRST, trained.workspace, **asked)
    kept = trained.workspace.ledger.events("accounts_late", kind="training_requested", night=FIRST)
    assert [(event.payload["requested_by"], event.payload["reason"]) for event in kept] == [
        ("Ada", "asked for by hand"),
        ("Ada", "asked for another reason"),
        ("Grace", "asked for by hand"),
    ]


def test_steps_out_of_order_say_which_is_missing_and_in_order_make_the_same_bundle_in_any_home(loans: Loans, trained: Loans):
    with pytest.raises(NotReady, match="assemble"):
        train.fit(loans.use_case, AS_OF, loans.workspace)
    train.assemble(loans.use_case, AS_OF, loans.workspace)
    with pytest.raises(NotReady, match="'fit'"):
        train.evaluate(loans.use_case, AS_OF, loans.workspace)
    train.fit(loans.use_case, AS_OF, loans.workspace)
    with pytest.raises(NotReady):
        train.gate(loans.use_case, AS_OF, loans.workspace, name="calibration")
    assert verdicts(loans) == {}
    check_the_same_bundle_to_the_byte(trained, loans)


def check_the_same_bundle_to_the_byte(trained: Loans, elsewhere: Loans) -> None:
    """Check that a training in another home is the same."""
    here, there = (item.workspace.registry.versions("accounts_late")[0] for item in (trained, elsewhere))
    assert here.training_key == there.training_key
    # The versions of the tables are part of the bundle and equal here, for both lakes were filled alike.
    assert here.bundle_digest == there.bundle_digest


def test_the_run_carries_parameters_metrics_plots_data_versions_and_the_card(trained: Loans):
    import mlflow

    version = trained.workspace.registry.versions("accounts_late")[0]
    with trained.workspace.registry.session.reach("read the run") as client:
        run = client.get_run(version.run_id)
        names = {Path(item.path).name for item in client.list_artifacts(version.run_id, "figures")}
    assert run.data.params["xgboost.max_depth"] == "3" and run.data.params["rows.validate"] == "1280"
    baselines = {"base_rate.brier", "last_known_rate.brier", "logistic_regression.auc", "scorecard.auc"}
    assert {"xgboost.auc", *baselines} <= set(run.data.metrics)
    assert {
        "roc.png",
        "calibration.png",
        "importance.png",
        "summary.png",
        "dependence.png",
        "datasheet.md",
        "card.md",
        "baseline.json",
    } <= names
    assert {"code_version", "data_version.labels", "data_version.dvc", "definition_digest"} <= set(run.data.tags)
    assert mlflow.get_tracking_uri() == trained.workspace.settings.mlflow_url


def test_the_run_carries_each_verdict_as_json_and_one_page_that_the_reports_hold_too(trained: Loans):
    import mlflow

    version = trained.workspace.registry.versions("accounts_late")[0]
    with trained.workspace.registry.session.reach("read the run"):
        folder = Path(mlflow.artifacts.download_artifacts(run_id=version.run_id, artifact_path="verdicts"))
    assert {path.name for path in folder.iterdir()} == {*(f"{gate}.json" for gate in train.GATES), "verdicts.html"}
    recorded = trained.workspace.ledger.events("accounts_late", kind="gate_judged", subject="1/calibration")[-1].payload
    written = json.loads((folder / "calibration.json").read_text())
    assert written == {**recorded, "use_case": "accounts_late", "as_of": str(AS_OF)}
    page = (trained.workspace.reports / "accounts_late" / str(AS_OF) / "verdicts-1.html").read_text()
    assert page == (folder / "verdicts.html").read_text()
    assert all(f'id="{gate}"' in page for gate in train.GATES) and "no verdict</span>" not in page
    card = (trained.workspace.settings.home / "training" / "accounts_late" / str(AS_OF) / "card-1.md").read_text()
    assert f"reports/accounts_late/{AS_OF}/verdicts-1.html" in card


def test_labels_of_later_nights_do_not_enter(loans: Loans):
    assembled = train.assemble(loans.use_case, AS_OF, loans.workspace)
    loans.publish(Nights(FIRST, AS_OF + timedelta(days=3)))
    again = train.assemble(loans.use_case, AS_OF, loans.workspace)
    assert again["content_digest"] == assembled["content_digest"] and again["dvc_md5"] == assembled["dvc_md5"]
    assert assembled["nights"]["validate"].endswith(str(AS_OF - timedelta(days=2)))


def test_rows_without_a_needed_column_are_judged_but_not_learned_from(loans: Loans):
    careful = loans.with_(model={**definition()["model"], "fit_where_known": ["region"]})
    lake, name = loans.workspace.lake, "accounts_late/raw_accounts"
    rows = lake.read(name, Nights(FIRST, FIRST)).drop_columns(["night"])
    without = pa.array([None] * 30 + rows["region"].to_pylist()[30:], pa.string())
    lake.publish(
        name, FIRST, rows.set_column(rows.column_names.index("region"), "region", without), Commit("test", "accounts_late")
    )
    found, _ = training_set.load(careful.use_case, AS_OF, lake)
    assert len(found.to_learn.label) == len(found.label) - 30
    assert set(found.group) == {"north", "south", "unknown"}
    train.assemble(careful.use_case, AS_OF, careful.workspace)
    manifest = training_snapshot.read_manifest(loans.workspace.settings.home, "accounts_late", AS_OF)
    assert candidate.fit(careful.use_case, manifest.as_of, found).rows["fit"] == len(
        found.to_learn.of(divided(careful, found).fit).label
    )


def divided(loans: Loans, rows: training_set.TrainingSet) -> Slices:
    return divide(loans.use_case, rows)


def test_a_missing_night_of_labels_is_named(loans: Loans):
    with pytest.raises(NotReady, match=str(AS_OF + timedelta(days=1))):
        train.assemble(loans.use_case, AS_OF + timedelta(days=1), loans.workspace)


def test_too_few_nights_are_refused_with_the_numbers(loans: Loans):
    with pytest.raises(TrainingRefused, match=r"12 nights hold labelled rows.*22 are needed"):
        train.assemble(loans.use_case, FIRST + timedelta(days=13), loans.workspace)
    with pytest.raises(TrainingRefused, match="no label"):
        train.assemble(loans.use_case, FIRST + timedelta(days=1), loans.workspace)


def test_one_class_is_refused(loans: Loans):
    loans.publish(labels=lambda label: label | True)
    with pytest.raises(TrainingRefused, match="nothing to tell apart"):
        train.assemble(loans.use_case, AS_OF, loans.workspace)


def test_a_training_is_as_of_one_night_and_gates_have_names(loans: Loans):
    with pytest.raises(UsageError, match="one night"):
        train.run(loans.use_case, Nights(FIRST, AS_OF), loans.workspace)
    with pytest.raises(UsageError, match=", ".join(train.GATES)):
        train.gate(loans.use_case, AS_OF, loans.workspace, name="performnace")


def test_a_failed_gate_leaves_the_champion_and_says_why(trained: Loans):
    strict = trained.with_(
        gates={**trained.use_case.gates.model_dump(), "calibration": {"maximum_error": 0.0001, "minimum_rows": 500}}
    )
    with pytest.raises(GateFailed, match=r"gate calibration, version 2: not enough evidence\. Its calibration error") as failed:
        run(strict)
    assert failed.value.exit_code == 8
    assert trained.workspace.registry.alias("accounts_late", "champion") == 1
    assert verdicts(strict)["fairness"] == "pass"  # the others were judged all the same
    # Trained from the same rows it is the champion's twin, and would replace it by nothing new.
    twin = "performance: It answers all 1280 rows as the champion does: nothing is gained by replacing it"
    with pytest.raises(GateFailed, match=f"is not promoted: {twin}; calibration: Its calibration error"):
        train.promote(strict.use_case, AS_OF, strict.workspace)


def test_a_second_training_is_compared_with_the_champion_and_replaces_it(trained: Loans):
    later = AS_OF + timedelta(days=4)
    trained.publish(Nights(FIRST, later))
    (published,) = train.run(trained.use_case, later, trained.workspace)
    assert published.details["version"] == 3
    event = trained.workspace.ledger.events(kind="gate_judged", subject="3/performance")[-1]
    assert {figure["metric"] for figure in event.payload["figures"]} >= {"champion_auc", "auc_over_champion"}
    assert trained.workspace.registry.alias("accounts_late", "champion") == 3
    first = champions.effective(trained.workspace.ledger, "accounts_late", AS_OF)
    assert first is not None and first.version == 1


def performance_of(loans: Loans, version: int) -> dict[str, Any]:
    payload = loans.workspace.ledger.events(kind="gate_judged", subject=f"{version}/performance")[-1].payload
    return {**payload, "figures": {item["metric"]: item for item in payload["figures"]}}


def test_the_year_is_held_to_its_best_champion_on_the_same_rows(trained: Loans):
    """A champion that is no better than the best of the year is replaced only by one that holds against both."""
    proved = performance_of(trained, 3)
    assert proved["figures"]["auc_over_champion"]["low"] > 0 and "version 1, the best of the year" in proved["reason"]
    assert proved["figures"]["budget_spent"]["value"] == 0
    assert champions.history(trained.workspace.ledger, "accounts_late")[-1].payload["better_than"] == [1]
    trained.publish(Nights(FIRST, BEST_STANDS))
    versions = []
    for night in (BEST_STANDS - timedelta(days=2), BEST_STANDS):
        (published,) = train.run(trained.use_case, night, trained.workspace)
        versions.append(published.details["version"])
    rows = trained.workspace.lake.read("accounts_late/evaluation", Nights(BEST_STANDS, BEST_STANDS))
    assert (set(rows["champion_version"].to_pylist()), set(rows["anchor_version"].to_pylist())) == ({versions[0]}, {3})
    judged = performance_of(trained, versions[1])
    over_anchor, spent, left = (judged["figures"][name] for name in ("auc_over_anchor", "budget_spent", "budget_left"))
    names = ("scored_night", "label", "candidate", "anchor")
    night, label, *answers = (rows[name].to_numpy(zero_copy_only=False) for name in names)
    of_candidate, of_anchor = (intervals.auc_by_night(label, answer, night).value for answer in answers)
    assert over_anchor["value"] == pytest.approx(of_candidate - of_anchor)
    assert spent["value"] == max(0, -over_anchor["value"]) and left["value"] == pytest.approx(0.02 - spent["value"])
    assert re.search(r"of the yearly budget of 0\.02 it spends [\d.]+, the champion [\d.]+; [\d.]+ left", judged["reason"])


def test_card_and_approval_show_what_is_spent_of_the_years_budget(trained: Loans):
    newest = trained.workspace.registry.versions("accounts_late")[-1]
    reason = performance_of(trained, newest.version)["reason"]
    card = training_snapshot.folder(trained.workspace.settings.home, "accounts_late", BEST_STANDS) / f"card-{newest.version}.md"
    assert f"| performance | pass | {reason} |" in card.read_text() and "| bundle | pass |" in card.read_text()
    assert "Judged after" not in card.read_text()
    with trained.workspace.registry.session.reach("read the card"):
        import mlflow

        shown = mlflow.artifacts.load_text(f"runs:/{newest.run_id}/figures/card.md")
    assert shown == card.read_text()
    before = champions.history(trained.workspace.ledger, "accounts_late")[-2]
    who = {"asked_by": "", "requested_by": "Ada", "reason": "A test.", "others_only": True}
    asked = question(trained.use_case, newest, before, trained.workspace, **who, deadline=datetime(2024, 2, 4, tzinfo=UTC))
    page = asked.as_markdown()
    spent = performance_of(trained, newest.version)["figures"]["budget_spent"]
    assert f"| performance | budget spent |  | {spent['value']:.4g} |" in page and "| performance | budget left |" in page
    assert "of the yearly budget of 0.02 it spends" in page and str(card) in page


def test_a_candidate_beyond_what_is_left_of_the_budget_is_stopped_though_within_the_margin_of_the_champion(trained: Loans):
    """The champion's predictions are put beside those of a better one of the year: what was lost shows on the same rows."""
    night = BEST_STANDS
    table, lake = "accounts_late/evaluation", trained.workspace.lake
    rows = lake.read(table, Nights(night, night)).drop_columns(["night"])
    label, candidate_said = (rows[name].to_numpy(zero_copy_only=False) for name in ("label", "candidate"))
    best = np.clip(candidate_said + np.where(label, 0.1, -0.1), 0, 1)
    crept = rows.set_column(rows.column_names.index("anchor"), "anchor", pa.array(best))
    lake.publish(table, night, crept, Commit("test", "accounts_late"))
    with pytest.raises(GateFailed, match="may have lost more than the yearly budget: over version 3, the best of the year"):
        train.gate(trained.use_case, night, trained.workspace, name="performance")
    lake.publish(table, night, rows, Commit("test", "accounts_late"))
    train.gate(trained.use_case, night, trained.workspace, name="performance")


def test_where_the_use_case_asks_only_a_proved_improvement_replaces_the_champion(trained: Loans):
    night = AS_OF + timedelta(days=12)
    trained.publish(Nights(FIRST, night))
    gates = trained.use_case.gates.model_dump()
    strict = trained.with_(gates={**gates, "performance": {**gates["performance"], "rule": "superior"}})
    champion = trained.workspace.registry.alias("accounts_late", "champion")
    with pytest.raises(GateFailed, match=r"not proved better than the champion: .* \(rule superior\)"):
        train.run(strict.use_case, night, strict.workspace)
    assert trained.workspace.registry.alias("accounts_late", "champion") == champion


def test_champions_that_cannot_answer_are_named_and_recorded_and_the_baseline_is_left_to_judge_by(trained: Loans):
    night = AS_OF + timedelta(days=12)
    train.assemble(trained.use_case, night, trained.workspace)
    train.fit(trained.use_case, night, trained.workspace)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_set, "features_of", lambda *_: None)
        train.evaluate(trained.use_case, night, trained.workspace)
    train.gate(trained.use_case, night, trained.workspace, name="performance")
    version = train.fit(trained.use_case, night, trained.workspace)["version"]
    recorded = trained.workspace.ledger.events(kind="champion_not_comparable", night=night)
    champion, *others = champions.history(trained.workspace.ledger, "accounts_late")[::-1]
    assert {event.payload["champion_version"] for event in recorded} == {champion.version, *(of.version for of in others)}
    reason = performance_of(trained, version)["reason"]
    assert f"not compared with the champion, version {champion.version}, which cannot answer what is asked today" in reason
    assert "for the year's budget not compared with version 1, which cannot answer" in reason
    train.evaluate(trained.use_case, night, trained.workspace)  # they can again: they are compared with
    train.gate(trained.use_case, night, trained.workspace, name="performance")
    assert "the best of the year" in performance_of(trained, version)["reason"]
    assert "not compared" not in performance_of(trained, version)["reason"]
