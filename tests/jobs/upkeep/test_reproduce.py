"""A registered version trained again: the same bytes, whatever was trained for its night since; else what differs is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from jobs import train
from jobs.commands import models
from jobs.commands.command_line import main
from jobs.upkeep.reproduce import reproduce
from nightloop.errors import StoreDamaged, UsageError
from nightloop.model.training import environment, training_snapshot
from nightloop.model.training.estimators import boosted_trees
from nightloop.workspace import Workspace
from tests.jobs.conftest import AS_OF, Loans, definition

pytestmark = [pytest.mark.slow, pytest.mark.random_order(disabled=True)]

FILES = {"bundle.json", "model.ubj", "definition.yaml", "reference.json", "card.md", "probes.json"}


@pytest.fixture(scope="module")
def registered(shared: Loans) -> Loans:
    """Two versions as of one night, by two definitions: the newer training set of the night is the second's."""
    model = definition()["model"]
    assert isinstance(model, dict)
    for loans in (shared, shared.with_(model={**model, "window_nights": 24})):
        for step in (train.assemble, train.fit):
            step(loans.use_case, AS_OF, loans.workspace)
    return shared


@pytest.mark.parametrize("version", [1, 2])
def test_the_same_rows_and_definition_give_the_same_bytes_of_every_file(registered: Loans, version: int) -> None:
    again = reproduce(registered.use_case, version, registered.workspace)
    assert dict(again.files) == dict.fromkeys(FILES, True) and again.same_model
    assert again.key == again.training.training_key
    assert [item.version for item in registered.workspace.registry.versions("accounts_late")] == [1, 2], "nothing is registered"
    assert "the same bytes of the model" in again.lines()[0] and not any("different" in line for line in again.lines())


def test_another_model_is_told_with_what_differs(
    registered: Loans, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fit = boosted_trees.fit_trees
    few = {"parameters": {"n_estimators": 3}}
    monkeypatch.setattr(boosted_trees, "fit_trees", lambda *rows, **named: fit(*rows, **{**named, **few}))
    monkeypatch.setattr("nightloop.model.training.training_set.FORMAT", 2)
    monkeypatch.setattr("nightloop.model.training.candidate.code_version", lambda: "another")
    again = reproduce(registered.use_case, 1, registered.workspace)
    assert not again.same_model and again.files["definition.yaml"] and not again.files["model.ubj"]
    text = "\n".join(again.lines())
    for words in ("ANOTHER model", "different: bundle.json, card.md, model.ubj", "code that makes models", "now another"):
        assert words in text
    assert "neither code nor libraries" not in text
    monkeypatch.setattr(models, "load_settings", lambda: registered.workspace.settings)
    monkeypatch.setattr(models, "load_use_case", lambda *_: registered.use_case)
    assert main(["reproduce", "accounts_late", "1", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["same_model"] is False and answer["same_training_key"] is False and answer["files"]["definition.yaml"] is True


def test_the_command_prints_what_is_equal_and_ends_with_0(
    registered: Loans, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(models, "load_settings", lambda: registered.workspace.settings)
    monkeypatch.setattr(models, "load_use_case", lambda *_: registered.use_case)
    assert main(["reproduce", "accounts_late", "2"]) == 0
    assert f"accounts_late, version 2, as of {AS_OF}: the same bytes of the model" in capsys.readouterr().out


def test_a_training_set_that_dvc_lost_or_that_was_changed_is_named(registered: Loans) -> None:
    digest = str(reproduce(registered.use_case, 1, registered.workspace).training.data_versions["dvc"])
    path = training_snapshot.held_by_dvc(registered.workspace.settings.home, digest)
    aside = path.with_name("aside")
    shutil.move(path, aside)
    with pytest.raises(StoreDamaged, match=f"DVC does not hold the training set {digest} any more, and no remote is set"):
        reproduce(registered.use_case, 1, registered.workspace)
    path.write_bytes(aside.read_bytes()[:-1])
    with pytest.raises(StoreDamaged, match="is not the one that was snapshotted"):
        reproduce(registered.use_case, 1, registered.workspace)
    path.unlink()
    shutil.move(aside, path)


def test_a_version_that_is_not_registered_is_refused_with_those_that_are(registered: Loans) -> None:
    with pytest.raises(UsageError, match=r"there is no version 3 of accounts_late\. Registered are: 1, 2"):
        reproduce(registered.use_case, 3, registered.workspace)


def test_the_libraries_that_are_others_than_then_are_named(registered: Loans, monkeypatch: pytest.MonkeyPatch) -> None:
    now = {**environment.made_with(), "scipy": "0.1", "requirements.txt": "another lock"}
    monkeypatch.setattr("nightloop.model.training.candidate.made_with", lambda: now)
    again = reproduce(registered.use_case, 1, registered.workspace)
    assert again.same_model and not again.files["bundle.json"], "the model's bytes are what counts"
    text = "\n".join(again.lines())
    assert f"  scipy {again.training.libraries['scipy']}, now 0.1" in text and "now another lock" in text
    assert "xgboost" not in text


def test_another_model_of_the_same_code_and_libraries_points_at_the_machine(
    registered: Loans, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = boosted_trees.fit_trees
    few = {"parameters": {"n_estimators": 3}}
    monkeypatch.setattr(boosted_trees, "fit_trees", lambda *rows, **named: fit(*rows, **{**named, **few}))
    assert "compare the machines" in reproduce(registered.use_case, 1, registered.workspace).lines()[-1]


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_training_set_comes_back_from_the_remote_when_the_cache_is_gone(
    registered: Loans, tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    remote = str(tmp_path / "remote") if kind == "folder" else request.getfixturevalue("s3_lake")
    settings = registered.workspace.settings.model_copy(update={"dvc_remote": remote})
    pushing = Workspace.open(settings)
    train.assemble(registered.use_case, AS_OF, pushing)
    digest = training_snapshot.read_manifest(settings.home, "accounts_late", AS_OF).dvc_md5
    cached = training_snapshot.held_by_dvc(settings.home, digest)
    aside = cached.with_name("aside")
    shutil.move(cached, aside)
    try:
        assert reproduce(registered.use_case, 1, pushing).same_model
        assert cached.read_bytes() == aside.read_bytes()
    finally:
        shutil.move(aside, cached)
