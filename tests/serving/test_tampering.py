"""Who can write to the artifact store, MLflow or the lake changes no answer: what was promoted stands on the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs import features, score
from nightloop.errors import StoreDamaged
from nightloop.lake import Commit, NightState
from nightloop.model import bundle, champions
from nightloop.model.registered_model import check_model, load_champion, model_digest, registered_digest
from nightloop.nights import one
from serving import model_snapshot
from tests.serving.clinic import NIGHTS, SCORED, Clinic
from tests.serving.conftest import serve, wait_for


def kept(clinic: Clinic) -> Path:
    return clinic.settings.home / "bundles" / "clinic_visits" / "1"


def change_threshold(folder: Path) -> None:
    spec = json.loads((folder / bundle.SPEC).read_text())
    (folder / bundle.SPEC).write_text(json.dumps({**spec, "threshold": 0.01}))


def artifacts_changed(clinic: Clinic) -> None:
    """The bundle in the artifact store and MLflow's tag both say something else, and nothing is at hand."""
    import shutil

    import mlflow

    client = mlflow.MlflowClient(clinic.settings.mlflow_url, clinic.settings.mlflow_url)
    (champion,) = champions.history(clinic.workspace.ledger, "clinic_visits")
    artifacts = (clinic.settings.home / "artifacts").rglob(bundle.SPEC)
    spec = next(path for path in artifacts if bundle.digest(path.parent) == champion.bundle_digest)
    change_threshold(spec.parent)
    client.set_model_version_tag("clinic_visits", "1", "bundle_digest", bundle.digest(spec.parent))
    shutil.rmtree(kept(clinic), ignore_errors=True)


def republished(clinic: Clinic, change: Callable[[pa.Table], pa.Table]) -> None:
    """Write other aggregates of the newest night, with a log that says their digest."""
    rows = clinic.workspace.lake.read("clinic_visits/aggregates", one(NIGHTS.last)).drop_columns(["night"])
    state = clinic.workspace.lake.states("clinic_visits/aggregates")[NIGHTS.last]
    commit = Commit("features", "clinic_visits", meanings=state.meanings)
    clinic.workspace.lake.publish("clinic_visits/aggregates", NIGHTS.last, change(rows), commit)


def load(clinic: Clinic) -> Any:
    return model_snapshot.load(clinic.workspace, clinic.use_case, model_snapshot.find(clinic.workspace, clinic.use_case))


def test_a_bundle_whose_tag_was_changed_with_it_is_refused_by_service_and_batch(clinic: Clinic) -> None:
    artifacts_changed(clinic)
    for use in (lambda: load(clinic), lambda: score.run(clinic.use_case, SCORED, clinic.workspace)):
        with pytest.raises(StoreDamaged, match="not what version 1 of 'clinic_visits' was when it was recorded on the ledger"):
            use()
    assert not kept(clinic).exists(), "what differs is not put at hand"


def test_a_bundle_at_hand_that_was_changed_is_fetched_anew(clinic: Clinic) -> None:
    change_threshold(load(clinic) and kept(clinic))
    assert load(clinic).predictor.spec.threshold != 0.01


def test_the_files_that_differ_are_named_where_the_ledger_knows_them(trees_bundle: Path, tmp_path: Path) -> None:
    import shutil

    folder = shutil.copytree(trees_bundle, tmp_path / "bundle")
    digest, files = bundle.digest(folder), bundle.file_digests(folder)
    bundle.check(folder, digest, files=files, recorded="was promoted")
    change_threshold(folder)
    with pytest.raises(StoreDamaged, match=r"^\S+: bundle.json of the bundle is not what was promoted: the digest is"):
        bundle.check(folder, digest, files=files, recorded="was promoted")
    (folder / "more.txt").write_text("more")
    with pytest.raises(StoreDamaged, match=r"bundle.json, more.txt of the bundle are not"):
        bundle.check(folder, digest, files=files, recorded="was promoted")


def test_a_bundle_changed_between_fetch_and_work_is_refused_by_the_worker(trees_bundle: Path, tmp_path: Path) -> None:
    import shutil

    from nightloop.model.scoring import _predictor

    folder = shutil.copytree(trees_bundle, tmp_path / "bundle")
    change_threshold(folder)
    with pytest.raises(StoreDamaged, match="was promoted, by the ledger"):
        _predictor(str(folder), bundle.digest(trees_bundle))


def test_aggregates_that_the_ledger_did_not_record_are_not_answered_from(clinic: Clinic) -> None:
    keys = load(clinic).aggregates.groupings["clinic"].row_of.keys()
    republished(clinic, lambda rows: rows.set_column(2, rows.column_names[2], pa.array([9.0] * rows.num_rows)))
    with pytest.raises(StoreDamaged, match=r"aggregates of night 2024-01-06 are not what the ledger recorded .*: content "):
        load(clinic)
    features.run(clinic.use_case, one(NIGHTS.last), clinic.workspace)
    assert load(clinic).aggregates.groupings["clinic"].row_of.keys() == keys, (
        "published again by the stage, they are answered from"
    )


def test_a_file_of_the_aggregates_changed_in_place_is_noticed(clinic: Clinic) -> None:
    (path,) = clinic.workspace.lake.snapshot("clinic_visits/aggregates", one(NIGHTS.last)).paths
    rows = pq.ParquetFile(path).read()
    pq.write_table(rows.slice(1), path)
    with pytest.raises(StoreDamaged, match="not what was written: its checksum is"):
        load(clinic)


def test_columns_given_another_meaning_in_the_lakes_log_are_noticed(clinic: Clinic) -> None:
    workspace = clinic.workspace
    state: NightState = workspace.lake.states("clinic_visits/aggregates")[NIGHTS.last]
    first, second, *_ = (name for name in state.meanings if not name.startswith("key:"))
    meanings = {**state.meanings, first: state.meanings[second], second: state.meanings[first]}
    rows = workspace.lake.read("clinic_visits/aggregates", one(NIGHTS.last)).drop_columns(["night"])
    workspace.lake.publish(
        "clinic_visits/aggregates", NIGHTS.last, rows, Commit("features", "clinic_visits", meanings=meanings)
    )
    with pytest.raises(StoreDamaged, match=r"recorded when they were published: meanings "):
        load(clinic)


def test_a_night_that_the_ledger_does_not_know_is_refused(clinic: Clinic) -> None:
    other = one(NIGHTS.last.replace(day=7))
    rows = clinic.workspace.lake.read("clinic_visits/aggregates", one(NIGHTS.last)).drop_columns(["night"])
    clinic.workspace.lake.publish("clinic_visits/aggregates", other.first, rows, Commit("features", "clinic_visits"))
    with pytest.raises(
        StoreDamaged, match=r"no digest of the aggregates of night 2024-01-07.*jobs features clinic_visits 2024-01-07"
    ):
        load(clinic)


def test_making_the_aggregates_again_records_nothing_new(clinic: Clinic) -> None:
    ledger = clinic.workspace.ledger
    before = len(ledger.events("clinic_visits", kind="aggregates_published"))
    assert before == len(list(NIGHTS))
    features.run(clinic.use_case, one(NIGHTS.last), clinic.workspace)
    assert len(ledger.events("clinic_visits", kind="aggregates_published")) == before


def test_a_pin_whose_promotion_is_not_on_the_ledger_is_an_answer_not_a_wait(clinic: Clinic) -> None:
    clinic.workspace.ledger.record(
        champions.PINNED, "clinic_visits", night=NIGHTS.last, subject="9", payload={"version": 9, "as_of": "2024-01-01"}
    )
    with serve(clinic) as client:
        wait_for(lambda: "problem" in client.get("/readyz").json()["use_cases"]["clinic_visits"])
        wait_for(lambda: "promotion of version 9 is not" in client.get("/readyz").text)
    with pytest.raises(
        StoreDamaged, match=r"promotion of version 9 is not on the ledger, and event .* pins the night 2024-01-06"
    ):
        champions.effective_nights(clinic.workspace.ledger, "clinic_visits", NIGHTS)


def test_mlflows_model_is_run_only_when_its_code_is_what_was_registered(clinic: Clinic) -> None:
    registry, (champion,) = clinic.workspace.registry, champions.history(clinic.workspace.ledger, "clinic_visits")
    with pytest.raises(StoreDamaged, match="no digest of the model"):
        load_champion(registry, "clinic_visits", champion)
    digest = registered_digest(registry, "clinic_visits", 1)
    recorded = champions.Champion(1, champion.as_of, champion.effective_from, {"model_digest": digest})
    assert load_champion(registry, "clinic_visits", recorded).metadata.signature is not None
    folder = clinic.settings.home / "models" / "clinic_visits" / "1" / "model"
    assert model_digest(folder) == digest
    (code,) = folder.glob("pyfunc.py")
    code.write_text("raise SystemExit('run')")
    with pytest.raises(StoreDamaged, match="not what was registered"):
        load_champion(registry, "clinic_visits", recorded)
    check_model(registry.download_model("clinic_visits", 1, clinic.settings.home / "again"), digest)
