import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nightloop.errors import StoreDamaged, StoreUnavailable, UsageError
from nightloop.model import bundle
from nightloop.model.predictor import Predictor
from nightloop.model.registry import CHALLENGER, CHAMPION, RegisteredVersion, Registry
from nightloop.settings import REPOSITORY, Settings, load_settings
from tests.fixtures_models import NAMES, tiny_rows

# One training, told in order: each test stands on what the one before left in the registry.
pytestmark = pytest.mark.random_order(disabled=True)

FACTS = {
    "params": {"max_depth": 3, "eta": 0.2},
    "metrics": {"auc": 0.7, "rate.50+ né/e": 0.1},
    "tags": {"reason": "asked for by a test"},
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Settings:
    """One installation for the tests of this file: making MLflow's tables takes seconds."""
    return load_settings(home=tmp_path_factory.mktemp("registry") / "home", engine="local")


@pytest.fixture(scope="module")
def registry(shared) -> Registry:
    return Registry.open(shared)


@pytest.fixture(scope="module")
def figure(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("figure") / "drawn.svg"
    path.write_text("<svg/>")
    return path


@pytest.fixture(scope="module")
def first(registry, trees_bundle, figure) -> RegisteredVersion:
    return registry.log_candidate("tiny", trees_bundle, **FACTS, figures={"roc": figure})


def client_of(settings):
    import mlflow

    return mlflow.MlflowClient(settings.mlflow_url, settings.mlflow_url)


def run_in_clean_process(code: str, cwd: Path, **environment: str) -> str:
    """Run Python outside the repository, with nothing of Nightloop on its path."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH"}}
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=kept | environment, capture_output=True, text=True, timeout=180, check=False
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_a_candidate_is_one_run_with_params_metrics_figures_and_where_it_comes_from(first, shared, trees_bundle):
    run = client_of(shared).get_run(first.run_id)
    assert run.data.params == {"max_depth": "3", "eta": "0.2"}
    assert run.data.metrics == {"auc": 0.7, "rate.50_2b_ né_2f_e": 0.1}
    assert run.info.status == "FINISHED"
    tags = run.data.tags
    assert (tags["as_of"], tags["training_key"], tags["code_version"]) == ("2024-03-01", "key-1", "0.1.0")
    assert (tags["data_version.tiny/features"], tags["reason"]) == ("5", "asked for by a test")
    files = {item.path for item in client_of(shared).list_artifacts(first.run_id, "figures")}
    assert files == {"figures/roc.svg", "figures/card.md"}


def test_its_bundle_is_one_registered_version_with_tags_and_the_alias_challenger(first, registry, shared, trees_bundle):
    version = client_of(shared).get_model_version_by_alias("tiny", CHALLENGER)
    assert int(version.version) == first.version == 1
    assert version.run_id == first.run_id
    assert version.tags["bundle_digest"] == bundle.digest(trees_bundle) == first.bundle_digest
    assert registry.find("tiny", "key-1") == first
    assert registry.find("tiny", "key-of-nothing") is None


def test_a_training_run_again_registers_nothing(first, registry, trees_bundle, shared):
    again = registry.log_candidate("tiny", trees_bundle, **FACTS, figures={})
    assert again == first
    assert registry.versions("tiny") == [first]
    experiment = client_of(shared).get_experiment_by_name("tiny")
    assert len(client_of(shared).search_runs([experiment.experiment_id])) == 1


def test_what_an_interrupted_registration_left_is_removed_by_the_next(first, registry, shared, write_bundle, tmp_path):
    client = client_of(shared)
    experiment = client.get_experiment_by_name("tiny").experiment_id
    left = client.create_run(experiment, tags={"training_key": "key-2"})
    registered = registry.log_candidate("tiny", write_bundle(tmp_path / "b", key="key-2"), **FACTS, figures={})
    runs = {run.info.run_id for run in client.search_runs([experiment])}
    assert registered.run_id in runs
    assert left.info.run_id not in runs
    assert registry.alias("tiny", CHALLENGER) == registered.version == 2


def test_an_alias_points_where_it_was_set(first, registry, shared):
    assert registry.alias("tiny", "nobody") is None
    registry.set_alias("tiny", CHAMPION, 1)
    assert registry.alias("tiny", CHAMPION) == 1
    assert registry.alias("no_such_model", CHAMPION) is None


def test_a_fetched_bundle_is_the_bundle_registered(first, registry, trees_bundle):
    folder = registry.fetch("tiny", 1)
    assert folder == registry.settings.home / "bundles" / "tiny" / "1"
    assert bundle.digest(folder) == bundle.digest(trees_bundle)
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def test_a_bundle_at_hand_is_fetched_without_mlflow(first, registry, tmp_path):
    folder = registry.fetch("tiny", 1)
    code = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from nightloop.model.registry import Registry
from nightloop.settings import load_settings
settings = load_settings(home={str(registry.settings.home)!r}, mlflow_url="http://127.0.0.1:9")
print(Registry.open(settings).fetch("tiny", 1, {first.bundle_digest!r}))
assert "mlflow" not in sys.modules
"""
    assert run_in_clean_process(code, tmp_path).strip() == str(folder)


def test_a_kept_bundle_that_is_not_the_one_asked_for_is_fetched_again(first, registry):
    folder = registry.fetch("tiny", 1)
    (folder / "card.md").write_text("# somebody else's")
    assert registry.fetch("tiny", 1, first.bundle_digest) == folder
    assert bundle.digest(folder) == first.bundle_digest


def test_an_unknown_version_is_named(first, registry):
    with pytest.raises(UsageError, match="'tiny' has no version 99"):
        registry.fetch("tiny", 99)


def test_artifacts_changed_since_they_were_registered_are_not_taken(registry, first, shared, write_bundle, tmp_path):
    changed = registry.log_candidate("tiny", write_bundle(tmp_path / "b", key="key-changed"), **FACTS, figures={})
    source = client_of(shared).get_model_version("tiny", str(changed.version)).source
    model = client_of(shared).get_logged_model(source.rpartition("/")[2])
    card = Path(model.artifact_location.removeprefix("file://")) / "artifacts" / "bundle" / "card.md"
    card.write_text("# better than it was")
    with pytest.raises(
        StoreDamaged, match=f"the bundle is not what version {changed.version} of 'tiny' was when it was registered"
    ):
        registry.fetch("tiny", changed.version)
    assert not (shared.home / "bundles" / "tiny" / str(changed.version)).exists()


def test_mlflows_own_client_loads_the_champion_in_a_clean_process_and_enforces_its_signature(
    first, registry, shared, trees_bundle, tmp_path
):
    registry.set_alias("tiny", CHAMPION, 1)
    code = f"""
import socket, sys
for absent in ("pyspark", "airflow", "deltalake", "duckdb"):
    sys.modules[absent] = None       # as if it were not installed
import mlflow, pandas
mlflow.set_tracking_uri({shared.mlflow_url!r})
def refuse(*given, **named):
    raise AssertionError("the model asks for the network")
socket.socket.connect = refuse
model = mlflow.pyfunc.load_model("models:/tiny@champion")
frame = pandas.read_json("rows.json")
answer = model.predict(frame)
answer.to_json("answer.json", double_precision=15)
try:
    model.predict(frame.drop(columns="visits"))
except mlflow.exceptions.MlflowException as error:
    assert "visits" in str(error), error
else:
    raise AssertionError("a missing column was accepted")
import nightloop
assert "code" in nightloop.__file__ and {str(REPOSITORY)!r} not in nightloop.__file__, nightloop.__file__
"""
    import pandas as pd

    rows = tiny_rows(5)
    pd.DataFrame(rows, columns=list(NAMES)).to_json(tmp_path / "rows.json", double_precision=15)
    run_in_clean_process(code, tmp_path)
    answer = pd.read_json(tmp_path / "answer.json")
    found = Predictor.load(trees_bundle).predict(rows)
    np.testing.assert_allclose(answer["probability"], found.probability, atol=1e-12)
    assert answer["decision"].tolist() == found.decision.tolist()
    assert answer["reason_1"].tolist() == [NAMES[index] for index in found.reason[:, 0]]


def test_a_linear_model_is_registered_and_loaded_like_any_other(registry, first, write_bundle, tmp_path, shared):
    import mlflow
    import pandas as pd

    from tests.fixtures_models import TINY_LINEAR

    folder = write_bundle(tmp_path / "b", key="key-linear", model=TINY_LINEAR)
    registered = registry.log_candidate("tiny", folder, **FACTS, figures={})
    answer = mlflow.pyfunc.load_model(f"models:/tiny/{registered.version}").predict(
        pd.DataFrame(tiny_rows(5), columns=list(NAMES))
    )
    assert answer["probability"].tolist() == Predictor.load(folder).predict(tiny_rows(5)).probability.tolist()


def test_a_registry_that_does_not_answer_is_named_without_its_password(tmp_path):
    settings = load_settings(home=tmp_path / "home", mlflow_url="postgresql+psycopg2://me:hush@127.0.0.1:9/mlflow")
    with pytest.raises(StoreUnavailable, match=r"postgresql\+psycopg2://127\.0\.0\.1:9/mlflow: could not list") as caught:
        Registry.open(settings).versions("tiny")
    assert "hush" not in str(caught.value)


def test_the_password_of_the_registry_is_written_nowhere(tmp_path):
    settings = load_settings(home=tmp_path / "home", mlflow_url=f"sqlite:///{tmp_path / 'hush.db'}")
    Registry.open(settings).versions("tiny")
    assert [path for path in settings.home.rglob("*") if path.is_file() and b"hush" in path.read_bytes()] == []


def test_a_version_that_a_person_registered_by_hand_is_left_alone(first, registry, shared):
    before = registry.versions("tiny")
    client_of(shared).create_model_version("tiny", source="file:///nowhere")
    assert registry.versions("tiny") == before


@pytest.mark.slow
def test_two_processes_may_use_a_fresh_database_at_once(tmp_path):
    code = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from nightloop.model.registry import Registry
from nightloop.settings import load_settings
registry = Registry.open(load_settings(home={str(tmp_path / "home")!r}))
assert registry.versions("tiny") == []
print(registry.session.experiment("tiny"))
"""
    several = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "ab"
    ]
    told = [process.communicate(timeout=120) for process in several]
    assert [process.returncode for process in several] == [0, 0], told
    assert len({out.strip() for out, _ in told}) == 1
