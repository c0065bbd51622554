"""A training whose candidate is not XGBoost's, with a search: through every step, from the definition to the answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs import train
from jobs.upkeep.reproduce import reproduce
from nightloop.model import bundle
from nightloop.model.predictor import Predictor
from nightloop.model.training import training_snapshot

from .conftest import AS_OF, NAMES, Loans, definition

ESTIMATORS = {
    "hist_gradient_boosting": {"space": {"max_leaf_nodes": [4, 16]}, "parameters": {"max_iter": 60, "learning_rate": 0.1}},
    "logistic_regression": {"space": {"C": [0.001, 1.0, "log"]}, "parameters": {"class_weight": "balanced"}},
}


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_candidate_of_another_estimator_is_searched_judged_explained_and_made_again(kind: str, loans: Loans) -> None:
    declared = {**definition()["model"]}  # type: ignore[dict-item]
    del declared["xgboost"]
    declared["estimator"] = {"kind": kind, "parameters": ESTIMATORS[kind]["parameters"]}
    declared["search"] = {"trials": 3, "folds": 1, "nights": 3, "space": ESTIMATORS[kind]["space"]}
    declared["weights"] = {"half_life_nights": 30}
    training = loans.with_(model=declared)
    for step in (train.assemble, train.fit, train.evaluate):
        step(training.use_case, AS_OF, training.workspace)
    assert train.gate(training.use_case, AS_OF, training.workspace, name="bundle")["outcome"] == "pass"
    assert train.gate(training.use_case, AS_OF, training.workspace, name="calibration")["outcome"] == "pass"

    registry = training.workspace.registry
    (version,) = registry.versions("accounts_late")
    folder = registry.fetch("accounts_late", version.version)
    card = (folder / bundle.CARD).read_text()
    assert bundle.read_spec(folder).kind == kind
    assert "## Search for parameters" in card and "3 of 3 trials" in card
    manifest = training_snapshot.read_manifest(training.workspace.settings.home, "accounts_late", AS_OF)
    rows = training_snapshot.read(manifest, NAMES)
    answers = Predictor.load(folder).predict(rows.matrix[:50])
    assert answers.reason.shape == (50, 2) and ((answers.prediction > 0) & (answers.prediction < 1)).all()
    with registry.session.reach("read the run") as client:
        params = client.get_run(version.run_id).data.params
        names = {Path(item.path).name for item in client.list_artifacts(version.run_id, "figures")}
    name = "candidate" if kind == "logistic_regression" else kind
    assert params["search.trials"] == "3" and f"{name}.{next(iter(ESTIMATORS[kind]['space']))}" in params
    assert {"search.jsonl", "importance.png"} <= names
    assert reproduce(training.use_case, version.version, training.workspace).same_model
