"""Trainings on a biased history: one group's good outcomes are partly recorded as bad, and a feature tells the group."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from jobs import score, train
from jobs.training.state import candidate_version, manifest_of, predictor_of
from nightloop.definitions.use_case import UseCase
from nightloop.evidence.fairness.mitigation import UNMITIGATED
from nightloop.lake import Commit
from nightloop.model import champions
from nightloop.model.models import Trees
from nightloop.model.training import candidate as candidates
from nightloop.model.training import training_snapshot
from nightloop.nights import Nights, one
from nightloop.settings import load_settings
from nightloop.workspace import Workspace

from .conftest import AS_OF, FIRST, MATURES, NAMES, Loans, definition

NAME, ROWS, BIAS = "accounts_late", 200, 0.2
MITIGATION = {"methods": ["reweighing", "exponentiated_gradient", "group_thresholds"], "maximum_loss": 0.01}


@cache
def night_of(night: date) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return key, region, features and recorded label; what truly comes depends on income and debt alone."""
    random = np.random.default_rng(night.toordinal())
    region = random.choice(["north", "south"], ROWS)
    values = random.normal(size=(ROWS, len(NAMES)))
    values[:, 2] += 1.5 * (region == "south")  # visits tell the region, and nothing else
    comes = random.random(ROWS) < 1 / (1 + np.exp(1.0 - 1.5 * values[:, 0] * values[:, 1] - 0.7 * values[:, 0]))
    recorded = comes | ((region == "south") & (random.random(ROWS) < BIAS))
    return np.array([f"{night}/{place}" for place in range(ROWS)]), region, values, recorded


def declared(**changes: Any) -> UseCase:
    plain: Any = definition()
    plain["model"] |= {
        "mitigation": MITIGATION,
        "xgboost": {"n_estimators": 40, "max_depth": 3, "learning_rate": 0.15},
        "decision_threshold": 0.35,
    }
    plain["gates"]["fairness"]["maximum"] = 0.15
    plain["model"] |= changes
    return UseCase.model_validate(plain)


def publish(workspace: Workspace) -> None:
    tables: dict[str, dict[date, pa.Table]] = {"features": {}, "labels": {}, "raw_accounts": {}}
    for night in Nights(FIRST, AS_OF):
        key, region, values, _ = night_of(night)
        scored = night - timedelta(days=MATURES)
        earlier, _, _, recorded = night_of(scored)
        rows = len(earlier) if scored >= FIRST else 0
        tables["features"][night] = pa.table({"account": key, **{n: values[:, i] for i, n in enumerate(NAMES)}})
        tables["raw_accounts"][night] = pa.table({"account": key[::-1], "region": region[::-1]})
        labels = {"scored_night": pa.array([scored] * rows, pa.date32()), "account": pa.array(earlier[:rows], pa.string())}
        tables["labels"][night] = pa.table({**labels, "label": pa.array(recorded[:rows])})
    for table, by_night in tables.items():
        workspace.lake.publish_nights(f"{NAME}/{table}", by_night, Commit("test", NAME))


@pytest.fixture(scope="module")
def biased(tmp_path_factory: pytest.TempPathFactory) -> Loans:
    """A history of twenty-six nights, assembled for a training."""
    workspace = Workspace.open(load_settings(home=tmp_path_factory.mktemp("biased") / "home", engine="local"))
    publish(workspace)
    loans = Loans(declared(), workspace)
    train.assemble(loans.use_case, AS_OF, workspace)
    return loans


@pytest.fixture(scope="module")
def fitted(biased: Loans) -> candidates.Candidate:
    return fit(biased, biased.use_case)


def fit(loans: Loans, use_case: UseCase) -> candidates.Candidate:
    manifest = manifest_of(use_case, AS_OF, loans.workspace)
    return candidates.fit(use_case, AS_OF, training_snapshot.read(manifest, NAMES))


def test_an_injected_bias_shows_and_is_halved_for_a_hundredth_of_auc(fitted: candidates.Candidate) -> None:
    assert fitted.fitted.mitigated is not None
    by_name = {option.name: option for option in fitted.frontier}
    assert list(by_name) == [UNMITIGATED, *MITIGATION["methods"]]
    plain, chosen = by_name[UNMITIGATED], by_name[fitted.fitted.mitigated.chosen]
    assert plain.gap.low is not None and plain.gap.low > 0.05, "detected: the interval lies clear of zero"
    assert chosen.gap.value <= plain.gap.value / 2
    assert chosen.loss.value <= 0.01
    for option in by_name.values():
        assert option.gap.value <= plain.gap.value, "no method makes it worse"


def test_the_choice_is_made_on_the_calibration_nights_alone(biased: Loans, fitted: candidates.Candidate) -> None:
    manifest = manifest_of(biased.use_case, AS_OF, biased.workspace)
    rows = training_snapshot.read(manifest, NAMES)
    labels = rows.table["label"].to_numpy(zero_copy_only=False).copy()
    newest = rows.night > np.datetime64(fitted.slices.calibrate.last)
    labels[newest] = ~labels[newest]
    place = rows.table.column_names.index("label")
    turned = candidates.TrainingSet(rows.table.set_column(place, "label", pa.array(labels)), NAMES)
    again = candidates.fit(biased.use_case, AS_OF, turned)
    mitigated, before = again.fitted.mitigated, fitted.fitted.mitigated
    assert mitigated is not None and before is not None
    assert (mitigated.chosen, mitigated.reason, mitigated.compared) == (before.chosen, before.reason, before.compared)
    assert again.frontier != fitted.frontier


def test_a_mixture_is_one_model_whose_reasons_add_up(biased: Loans, fitted: candidates.Candidate) -> None:
    import xgboost

    assert fitted.fitted.mitigated is not None
    trees = fitted.fitted.mitigated.models["exponentiated_gradient"].model
    assert isinstance(trees, Trees)
    assert trees.booster.num_boosted_rounds() % 40 == 0
    values = night_of(AS_OF)[2]
    effects = trees.booster.predict(xgboost.DMatrix(values, feature_names=list(NAMES)), pred_contribs=True)
    np.testing.assert_allclose(effects.sum(axis=1), trees.margins(values), atol=1e-5)


@pytest.fixture
def only(biased: Loans, tmp_path: Any) -> Callable[[str], Loans]:
    """The history in a home of its own, where one method is declared and loses whatever it likes."""

    def declare(method: str) -> Loans:
        workspace = Workspace.open(load_settings(home=tmp_path / "home", engine="local"))
        publish(workspace)
        return Loans(declared(mitigation={"methods": [method], "maximum_loss": 1.0}), workspace)

    return declare


def test_a_training_with_group_thresholds_is_judged_and_scored_by_the_same_decisions(only: Callable[[str], Loans]) -> None:
    loans = only("group_thresholds")
    use_case, workspace = loans.use_case, loans.workspace
    for step in (train.assemble, train.fit, train.evaluate):
        step(use_case, AS_OF, workspace)
    for gate in ("fairness", "bundle"):
        train.gate(use_case, AS_OF, workspace, name=gate)
    registered = candidate_version(use_case, AS_OF, workspace)
    spec = predictor_of(use_case, registered.version, registered.bundle_digest, workspace).spec
    assert spec.attribute == "region" and spec.group_thresholds is not None
    assert spec.group_thresholds.thresholds["south"] > spec.group_thresholds.thresholds["north"]
    card = (workspace.registry.fetch(NAME, registered.version) / "card.md").read_text()
    assert "Taken: **group_thresholds**." in card and "must know `region` of everybody it decides on" in card
    champions.promote(workspace.ledger, NAME, registered.version, AS_OF, {"bundle_digest": registered.bundle_digest})
    score.run(use_case, one(AS_OF), workspace)
    region = dict(zip(*night_of(AS_OF)[:2], strict=True))
    scores = workspace.lake.read(f"{NAME}/scores").to_pylist()
    thresholds = spec.group_thresholds.thresholds
    assert len(scores) == ROWS
    assert all(row["decision"] == (row["probability"] >= thresholds[region[row["account"]]]) for row in scores)
    between = [row for row in scores if thresholds["north"] <= row["probability"] < thresholds["south"]]
    assert {row["decision"] for row in between} == {True, False}, "the same answer is another decision in another group"
    assert workspace.lake.states(f"{NAME}/scores")[AS_OF].inputs[f"{NAME}/raw_accounts"] >= 0


def test_without_mitigation_the_bundle_is_the_one_of_before(only: Callable[[str], Loans]) -> None:
    loans = only("reweighing")
    plain = declared(mitigation=None)
    train.assemble(plain, AS_OF, loans.workspace)
    candidate = fit(loans, plain)
    assert candidate.fitted.mitigated is None and candidate.frontier == ()
    assert "mitigation" not in plain.model.model_dump(mode="json")
