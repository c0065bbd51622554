import json
import pickletools
from pathlib import Path

import numpy as np
import pytest

from nightloop.errors import StoreDamaged, UsageError
from nightloop.model import bundle
from nightloop.model.calibration import Calibration
from nightloop.model.predictor import Predictor
from tests.fixtures_models import DEFINITION, NAMES, TINY_LINEAR, tiny_training


def test_the_same_training_writes_the_same_bytes(write_bundle, tmp_path):
    first, second = write_bundle(tmp_path / "one"), write_bundle(tmp_path / "elsewhere" / "two")
    assert bundle.digest(first) == bundle.digest(second)
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


@pytest.mark.parametrize("name", ["bundle.json", "model.ubj", "definition.yaml", "reference.json", "card.md"])
def test_the_digest_sees_every_file(write_bundle, tmp_path, name):
    folder = write_bundle(tmp_path / "bundle")
    before = bundle.digest(folder)
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    assert bundle.digest(folder) != before


def test_a_bundle_replaces_the_one_that_stood_there_and_leaves_nothing_else(write_bundle, tmp_path):
    write_bundle(tmp_path / "bundle")
    folder = write_bundle(tmp_path / "bundle", model=TINY_LINEAR)
    assert sorted(path.name for path in folder.iterdir()) == [
        "bundle.json", "card.md", "definition.yaml", "linear.json", "reference.json",
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_what_is_written_is_read_back(write_bundle, tmp_path, tiny):
    curve = Calibration("isotonic", margins=(-1.5, 0.1, 2.0), probabilities=(0.05, 0.3, 0.9))
    folder = write_bundle(tmp_path / "bundle", calibration=curve)
    spec = bundle.read_spec(folder)
    assert spec == bundle.Spec.of(tiny, "xgboost", curve, tiny_training())
    assert spec.features == NAMES
    assert spec.descriptions[0] == "The age of the account."
    assert (spec.threshold, spec.reasons, spec.group, spec.personal) == (0.4, 3, "account", ("age",))
    assert bundle.reference_profile(folder) == {"rows": 2000}
    assert (folder / "definition.yaml").read_text() == DEFINITION


def test_a_bundle_holds_no_pickle(trees_bundle: Path):
    for path in trees_bundle.iterdir():
        with pytest.raises(ValueError):
            list(pickletools.genops(path.read_bytes()))


def test_a_model_of_other_features_is_refused_when_it_is_written(write_bundle, tmp_path):
    import xgboost

    data = xgboost.DMatrix(np.zeros((4, 4)), label=[0, 1, 0, 1], feature_names=list(reversed(NAMES)))
    turned = xgboost.train({"objective": "binary:logistic"}, data, 1)
    with pytest.raises(UsageError, match="age, balance, late_rate, visits"):
        write_bundle(tmp_path / "bundle", model=turned)
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_json_cannot_hold_is_refused(write_bundle, tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_bundle(tmp_path / "bundle", reference={"mean": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_a_newer_format_is_refused_with_both_numbers(write_bundle, tmp_path):
    folder = write_bundle(tmp_path / "bundle")
    values = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**values, "format": 4}))
    with pytest.raises(StoreDamaged, match="format 4, this version reads 1, 2, 3"):
        Predictor.load(folder)


def test_a_folder_without_a_bundle_is_named(tmp_path):
    with pytest.raises(StoreDamaged, match=f"{tmp_path}: the bundle has no bundle.json"):
        Predictor.load(tmp_path)


@pytest.mark.parametrize("name", ["bundle.json", "model.ubj"])
def test_a_file_cut_short_is_named(write_bundle, tmp_path, name):
    folder = write_bundle(tmp_path / "bundle")
    (folder / name).write_bytes((folder / name).read_bytes()[:100])
    with pytest.raises(StoreDamaged, match=name):
        Predictor.load(folder)


def test_a_missing_model_file_is_named(write_bundle, tmp_path):
    folder = write_bundle(tmp_path / "bundle")
    (folder / "model.ubj").unlink()
    with pytest.raises(StoreDamaged, match=r"model\.ubj"):
        Predictor.load(folder)


@pytest.mark.parametrize("field", ["features", "calibration", "threshold", "training"])
def test_a_missing_field_is_named(write_bundle, tmp_path, field):
    folder = write_bundle(tmp_path / "bundle")
    values = json.loads((folder / "bundle.json").read_text())
    del values[field]
    (folder / "bundle.json").write_text(json.dumps(values))
    with pytest.raises(StoreDamaged, match=field):
        Predictor.load(folder)


def test_a_signature_that_is_not_the_models_is_refused(write_bundle, tmp_path):
    folder = write_bundle(tmp_path / "bundle")
    values = json.loads((folder / "bundle.json").read_text())
    values["features"].pop()
    (folder / "bundle.json").write_text(json.dumps(values))
    with pytest.raises(StoreDamaged, match=r"the model takes 4 features, bundle\.json names 3"):
        Predictor.load(folder)
