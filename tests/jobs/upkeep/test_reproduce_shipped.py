"""The use cases we ship give the same bytes again, from rows that only a DVC remote still has; rows are made up."""

from __future__ import annotations

import shutil
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from jobs import train
from jobs.upkeep.reproduce import reproduce
from nightloop.definitions import load_use_case
from nightloop.lake import Commit
from nightloop.model.training import training_snapshot
from nightloop.nights import Nights
from nightloop.settings import REPOSITORY
from nightloop.workspace import Workspace

pytestmark = pytest.mark.slow
ROWS = 40


def publish(use_case, lake):
    """Publish as many nights as its split needs, and return the night whose labels are the last."""
    split, name, key = use_case.model.split, use_case.use_case, use_case.entity.key
    scored = split.minimum_fit_nights + split.calibrate_nights + split.validate_nights
    last = use_case.first_night + timedelta(days=scored + use_case.label.matures_after - 1)
    columns = dict.fromkeys([*use_case.gates.fairness.columns, *use_case.model.fit_where_known])
    tables = {f"raw_{use_case.entity.source}": {}, "features": {}, "labels": {}}
    for night in Nights(use_case.first_night, last):
        keys, values = rows_of(use_case, night)
        groups = {column: np.array(["north", "south"])[np.arange(ROWS) % 2] for column in columns}
        tables[f"raw_{use_case.entity.source}"][night] = pa.table(keys | groups)
        tables["features"][night] = pa.table(keys | {of: values[:, place] for place, of in enumerate(use_case.features)})
        before = night - timedelta(days=use_case.label.matures_after)
        earlier, known = rows_of(use_case, before)
        count = ROWS if before >= use_case.first_night else 0
        label = known[:, 0] + np.random.default_rng(night.toordinal()).logistic(size=ROWS) > 0
        tables["labels"][night] = pa.table(
            {"scored_night": pa.array([before] * ROWS, pa.date32()), **earlier, "label": label}
        ).slice(0, count)
    for table, by_night in tables.items():
        lake.publish_nights(f"{name}/{table}", by_night, Commit("test", name))
    assert list(keys) == key
    return last


def rows_of(use_case, night):
    random = np.random.default_rng(night.toordinal())
    values = random.normal(size=(ROWS, len(use_case.features)))
    values[random.random(values.shape) < 0.05] = np.nan
    values[:, 0] = np.nan_to_num(values[:, 0])
    return {column: [f"{night}/{row}" for row in range(ROWS)] for column in use_case.entity.key}, values


@pytest.mark.parametrize("name", ["flight_delay", "credit_risk"])
def test_a_shipped_use_case_gives_the_same_bytes_again_when_the_whole_folder_of_training_sets_is_lost(name, settings, tmp_path):
    workspace = Workspace.open(settings.model_copy(update={"dvc_remote": str(tmp_path / "remote")}))
    use_case = load_use_case(name, REPOSITORY / "feature_defs")
    as_of = publish(use_case, workspace.lake)
    train.assemble(use_case, as_of, workspace)
    train.fit(use_case, as_of, workspace)
    shutil.rmtree(training_snapshot.folder(settings.home, name, as_of).parents[1])
    again = reproduce(use_case, 1, workspace)
    assert again.same_model and all(again.files.values()), again.lines()
    assert again.key == again.training.training_key and again.other_versions == []
