"""What a draft's features are judged by is what the stages will build."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from jobs import features, ingest
from nightloop.definitions.loading import load_use_case
from nightloop.drafting import save
from nightloop.drafting.worth.sample_rows import open_rows
from nightloop.features.labels import SCORED, newest_labels
from nightloop.nights import Nights
from nightloop.settings import load_settings
from nightloop.sources import read_source
from nightloop.workspace import Workspace
from tests.benchmarks.drafted_sets import payments

NIGHTS, A_NIGHT = 15, 30


@pytest.fixture
def drafted(house):
    """A definition of payments as drafted, its nights, and the sample as ingest reads it."""
    sample = payments(1, nights=NIGHTS, a_night=A_NIGHT)
    path = house.folder / "payments.csv"
    pa.csv.write_csv(sample.table, path)
    draft = house.draft(path, "payments", label=sample.label, event_at=sample.event_at, matures_after=2)
    save({house.definitions / "payments.yaml": draft.definition}, force=False)
    save({house.contracts / "payments" / f"{name}.yaml": text for name, text in draft.contracts.items()}, force=False)
    use_case = load_use_case("payments", house.definitions)
    nights = Nights(use_case.first_night, use_case.last_night)
    where = {"cache": house.folder, "definitions": house.definitions}
    return use_case, nights, {name: read_source(name, use_case, nights, **where) for name in use_case.sources}


def test_values_and_labels_are_those_that_the_stages_publish(house, drafted):
    use_case, nights, readings = drafted
    assert {feature.kind for feature in use_case.features.values()} >= {"expression", "category", "rate", "window", "ratio"}
    settings = load_settings(
        home=house.folder / "home", engine="local", definitions=house.definitions, contracts=house.contracts
    )
    workspace = Workspace.open(settings)
    ingest.run(use_case, nights, workspace)
    features.run(use_case, nights, workspace)
    key = use_case.entity.key[0]
    labels = newest_labels(use_case, workspace.lake.require("payments/labels", nights)).select([SCORED, key, "label"])
    published = workspace.lake.read("payments/features", nights).rename_columns({"night": SCORED})
    joined = labels.join(published, [SCORED, key], join_type="inner").sort_by([(SCORED, "ascending"), (key, "ascending")])
    with open_rows(use_case, readings, nights) as rows:
        assert len(rows.label) == joined.num_rows == (NIGHTS - 2) * A_NIGHT
        assert rows.label.tolist() == joined["label"].to_pylist()
        assert rows.night.tolist() == joined[SCORED].to_pylist()
        built = np.column_stack([joined[name].to_numpy() for name in use_case.features])
        np.testing.assert_array_equal(rows.values(use_case.features), built)


def test_windows_in_parts_are_windows_at_once(drafted, monkeypatch):
    use_case, nights, readings = drafted
    with open_rows(use_case, readings, nights) as rows:
        at_once = rows.values(use_case.features)
        monkeypatch.setattr("nightloop.drafting.worth.sample_rows.AT_ONCE", 4 * A_NIGHT)
        np.testing.assert_array_equal(rows.values(use_case.features), at_once)


@pytest.mark.parametrize(("most", "expected"), [(1, 1), (4 * A_NIGHT - 1, 3), (4 * A_NIGHT, 4), (4 * A_NIGHT + 1, 4)])
def test_of_a_large_sample_the_newest_nights_are_judged_by(most, expected, drafted, monkeypatch):
    use_case, nights, readings = drafted
    monkeypatch.setattr("nightloop.drafting.worth.sample_rows.MOST_ROWS", most)
    with open_rows(use_case, readings, nights) as rows:
        assert len(rows.nights) == expected
        assert str(rows.nights.last) == "2024-01-13"


def test_of_records_that_share_a_key_the_first_counts(house):
    lines = [[f"k{i % 50}", f"2024-01-{i % 25 + 1:02d}", i, i % 2] for i in range(100)]
    use_case = house.draft(house.csv("twice.csv", ["id", "date", "amount", "label"], lines), key=("id",)).use_case
    nights = Nights(use_case.first_night, use_case.last_night)
    readings = {
        name: read_source(name, use_case, nights, cache=house.folder, definitions=house.definitions)
        for name in use_case.sources
    }
    with open_rows(use_case, readings, nights) as rows:
        assert len(rows.label) == 48  # two of the fifty keys came on the last night
